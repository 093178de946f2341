"""An online store that falls behind the lake rings, is one incident with the store as its cause, and ends when it has caught up."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from online_shop import NOW, Shop

from vigie.clock import DAY, FixedClock
from vigie.lifecycle.incidents import standing_of
from vigie.lifecycle.online import open_histories, sync
from vigie.lifecycle.playbooks import playbook
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.watching import watch_once

HOUR = 3_600_000_000


def at(shop: Shop, moment: int) -> None:
    shop.clock = FixedClock(moment)


def caught_up(shop: Shop) -> None:
    project = shop.project
    histories = open_histories(project)
    sync(project, histories)
    histories.store.close()


def ringing(shop: Shop, now: int) -> set[str]:
    at(shop, now)
    with closing(ledger_of(shop.project)) as ledger:
        said = watch_once(shop.project, ledger, "churn", now)
    return {one.subject for one in said if one.code == "VGW412" and one.rings}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.trade(1, events=60)
    made.ingest()
    return made


def test_a_store_that_nobody_asks_is_not_looked_at(shop: Shop) -> None:
    assert ringing(shop, NOW + DAY) == set()


def test_a_store_that_is_behind_rings_after_an_hour_and_until_it_has_caught_up(shop: Shop) -> None:
    caught_up(shop)
    assert ringing(shop, NOW + HOUR) == set()
    at(shop, NOW + 2 * HOUR)
    shop.trade(2, events=60)
    shop.ingest("orders")
    assert ringing(shop, NOW + 2 * HOUR + HOUR // 2) == set()  # it may still be on its way
    assert ringing(shop, NOW + 3 * HOUR) == {"orders"}
    assert ringing(shop, NOW + 4 * HOUR) == {"orders"}
    with closing(ledger_of(shop.project)) as ledger:
        (one,) = (one for one in standing_of(ledger, "churn").ongoing if one.cause.code == "VGW412")
        assert one.cause.area == "features" and one.severity == "warning" and one.since == NOW + 2 * HOUR
        assert "orders" in playbook(shop.project, one) and "lacks what the lake has" in one.cause.words
        caught_up(shop)
        assert ringing(shop, NOW + 5 * HOUR) == set()
        assert ringing(shop, NOW + 3 * DAY) == set()
        assert standing_of(ledger, "churn").incidents[one.id].resolved == NOW + 3 * DAY

"""The hold-out of a batch is that of the requests, and takes nobody's place."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))

from rollout_shop import VALUES, bundle_of, make_project, opened, register

from vigie.bundle import DecisionRule
from vigie.clock import FixedClock, parse_moment
from vigie.lifecycle import parts
from vigie.lifecycle.decided import chosen, decided
from vigie.lifecycle.parts import Parts
from vigie.lifecycle.serve import make_app, plan_project
from vigie.release import HoldOut, Places
from vigie.serving import ServingSettings

N = 400


@pytest.mark.parametrize("capacity", [None, 50])
@pytest.mark.parametrize("count", [1, 3])
def test_those_held_out_are_not_chosen_and_others_take_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capacity: int | None, count: int
) -> None:
    monkeypatch.setattr(parts, "SORTED", 0)
    gain = np.random.default_rng(1).normal(3, 2, N)
    gain[7] = np.nan
    frame = pl.DataFrame(
        {
            "customer": [str(i) for i in range(N)],
            "moment": np.full(N, 5),
            "gain": gain,
            "value_if_acted": gain,
            "value_if_left": np.zeros(N),
        }
    )
    rule, held = DecisionRule(capacity=capacity), HoldOut("churn", 0.2)
    mine = {str(i) for i in range(N) if Places("holdout churn").of(str(i)) < 0.2}
    assert 50 < len(mine) < 110
    with Parts(tmp_path / "run", {}) as made:
        made.begun(count)
        for i in range(count):
            made.put(i, frame.gather_every(count, i))
        act = chosen(rule, made, held)
        rows = pl.concat([one for one, _ in decided(made, act, rule)])
    acted = set(rows.filter(pl.col("decision") == rule.act)["customer"])
    assert not acted & mine
    rest = frame.filter(~pl.col("customer").is_in(sorted(mine))).fill_nan(None)
    expected = rest.filter(pl.col("gain") >= 0).sort("gain", descending=True).head(capacity or N)
    assert acted == set(expected["customer"])
    left = rows.filter(pl.col("customer").is_in(sorted(mine - {"7"})))
    # Held out is decided, and left: what they would have brought stays to be seen.
    assert (
        set(left["decision"]) == {rule.leave}
        and set(left["expected_value"]) == {0.0}
        and left["gain"].null_count() == 0
    )


def test_each_score_holds_out_others() -> None:
    a, b = HoldOut("churn", 0.5), HoldOut("lead", 0.5)
    both = np.array([(a.holds(str(i)), b.holds(str(i))) for i in range(4_000)])
    assert abs(both.all(axis=1).mean() - 0.25) < 0.04
    assert not HoldOut("churn", 0.0).holds("1")


@pytest.mark.parametrize("more", ["", '\n[serve]\nmemory = "1GB"\n'])
def test_a_server_holds_out_the_same_customers_at_any_moment_and_in_any_memory(tmp_path: Path, more: str) -> None:
    make_project(tmp_path, "holdout = 0.3\n" + more)
    register(opened(tmp_path), bundle_of(3.0), "champion")
    plan = plan_project(opened(tmp_path, FixedClock(parse_moment("2026-03-01"))), ["churn"])
    held = HoldOut("churn", 0.3)
    with TestClient(make_app(plan, ServingSettings())) as client:
        for i in range(30):
            answer = client.post("/v1/scores/churn/score", json={"customer_id": str(i), "values": VALUES})
            assert answer.status_code == 200, answer.text
            assert answer.json()["predictions"][0]["decision"] == ("leave" if held.holds(str(i)) else "contact")
    assert 2 < sum(held.holds(str(i)) for i in range(30)) < 20

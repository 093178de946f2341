"""The example `examples/story` under the real stack: what the ledger says happened, unattended, from a price shock to a way back."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "story"))
from play import BEGIN, CUSTOMERS, SCORE, SHOCK, Story, start_of

from vigie.clock import stopwatch
from vigie.journal.ledger import Ledger, broken_at
from vigie.lifecycle.incidents import stream_of
from vigie.lifecycle.recorded import recorded
from vigie.lifecycle.renewal import renewals_of
from vigie.lifecycle.renewal import stream_of as renewals_stream
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.rollout import standing_of as rollout_of

pytestmark = pytest.mark.alone

SECONDS, LOOKS = 10.0, 2.0
"""Of the machine for each day of the shop, at least; and how often a day could look at the score, where the machine is slow."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Played once, to its end."""
    made = Story(tmp_path_factory.mktemp("story") / "shop", SECONDS)
    made.prepare()
    began = stopwatch()
    made.vigie("retrain", SCORE, "--plan", "--as-of", BEGIN.isoformat())
    made.seconds = max(SECONDS, LOOKS * (stopwatch() - began))
    with made:
        made.play()
    return made


@pytest.fixture
def ledger(story: Story) -> Ledger:
    return ledger_of(story.project)


def test_prices_rise_and_the_incident_suspects_them_before_a_model_is_renewed(story: Story, ledger: Ledger) -> None:
    lines = [
        one for one in ledger.lines(stream_of(SCORE))
        if [its["what"] for its in one.body.get("suspects", [])[:1]] == ["price_7d"]
    ]  # fmt: skip
    (first, *_) = lines
    assert start_of(SHOCK) < first.at < start_of(SHOCK + timedelta(days=21))
    # ... and nobody suspected them before they rose.
    assert all(one.at > start_of(SHOCK) for one in lines)


def test_a_model_is_trained_judged_tried_on_customers_and_promoted(story: Story, ledger: Ledger) -> None:
    renewal = next(one for one in renewals_of(ledger, SCORE).all if one.outcome == "promoted")
    assert renewal.started > start_of(SHOCK) and renewal.passes and renewal.why
    assert renewal.verdict["checks"][0]["value"] > 0 and renewal.champion == "1"
    kinds = [one.kind for one in ledger.lines(SCORE) if one.at >= renewal.started]
    # From the shadow to half of the customers, then to all of them.
    assert kinds[:4] == ["started", "advanced", "promoted", "applied"]
    project = story.project
    arms = {one.arm for one in recorded(project, score=SCORE) if one.rollout == renewal.rollout}
    assert {"champion", "challenger"} <= arms
    # Where others followed on a slow machine, the last of them is the champion.
    *_, last = [one for one in renewals_of(ledger, SCORE).all if one.outcome == "promoted"]
    assert str(project.registry.resolve(SCORE).version) == str(last.version)


def test_a_poisoned_batch_goes_to_quarantine_and_nothing_is_learned_of_it(story: Story, ledger: Ledger) -> None:
    opened = next(
        one for one in ledger.lines(stream_of(SCORE))
        if ("VGW402", "orders") in [(its["code"], its["subject"]) for its in one.body.get("signals", [])]
    )  # fmt: skip
    assert (opened.body["suspects"][0]["what"], opened.body["suspects"][0]["kind"]) == ("orders", "data")
    # On a slow machine the next delivery may be late, and open it again.
    over = next(
        one.at for one in ledger.lines(stream_of(SCORE))
        if one.kind == "resolved" and one.at > opened.at and one.body["incident"] == opened.body["incident"]
    )  # fmt: skip
    meanwhile = [one for one in ledger.lines(renewals_stream(SCORE)) if opened.at <= one.at <= over]
    assert "started" not in {one.kind for one in meanwhile}
    held = [one.body["held"] for one in ledger.lines(renewals_stream(SCORE)) if one.kind == "held"]
    assert any("incident(data)" in words for one in held for words in one)
    # The day was handed over again, and is there once.
    project = story.project
    with pl.Config(tbl_rows=5):
        orders = project.lake.scan("orders").select("order_id", "loaded_at").collect()
    last = orders["loaded_at"].max()
    wanted = story.shop.rows("orders").filter(pl.col("loaded_at") <= last)
    assert sorted(orders["order_id"].to_list()) == sorted(wanted["order_id"].unique().to_list())


def test_a_bad_challenger_goes_back_before_it_answers_half_of_the_customers(story: Story, ledger: Ledger) -> None:
    rollout = rollout_of(ledger, SCORE).rollout
    assert rollout is not None and rollout.status == "rolled back"
    assert "scores" in rollout.reason or "decisions" in rollout.reason
    project = story.project
    assert str(project.registry.resolve(SCORE).version) == rollout.champion != rollout.challenger
    answered = {one.customer for one in recorded(project, score=SCORE) if one.model == rollout.challenger}
    assert len(answered) < CUSTOMERS / 2


def test_nothing_is_lost_and_nothing_is_done_twice(story: Story, ledger: Ledger) -> None:
    # Where a night's delivery came late, who is new in it is not known yet.
    assert all("no customer" in one for one in story.refused) and len(story.refused) < 20
    said = [one.id for one in recorded(story.project, score=SCORE)]
    assert len(said) == len(set(said)) == story.asked
    for stream in (SCORE, stream_of(SCORE), renewals_stream(SCORE)):
        assert broken_at(ledger.lines(stream)) is None
    log = story.log.read_text("utf-8")
    assert "locked" not in log and "given up" not in log and "Traceback" not in log

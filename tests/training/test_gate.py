"""A worse challenger passes no more often than promised, a better one mostly does, and what is unlike money counts too."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vigie.bundle.logistic import log_odds, logistic
from vigie.economics import PayoffValues
from vigie.training.gate import FEWEST_CUSTOMERS, GateOptions, GateVerdict, Side, judge, level
from vigie.training.metrics import log_loss

PAYOFF = PayoffValues.constant(0.3 * 190 - 1, -11.0)


def customers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, outcomes, and customers with two rows each."""
    r = np.random.default_rng(seed)
    risk = logistic(np.repeat(-1.4 + 1.2 * r.normal(size=n // 2), 2))
    return risk, (r.random(n) < risk).astype(np.int8), np.repeat(np.arange(n // 2), 2)


def side(p: np.ndarray, y: np.ndarray) -> Side:
    act = PAYOFF.gain(p) >= 0
    return Side(PAYOFF.realised(act, y), p, act)


def blurred(p: np.ndarray, seed: int, noise: float = 1.5) -> np.ndarray:
    """Less of a ranking, with probabilities that are right on average: shrunken towards the mean by what is not known."""
    z = log_odds(p)
    seen = z.mean() + (z.var() / (z.var() + noise**2)) * (
        z - z.mean() + noise * np.random.default_rng(seed).normal(size=len(z))
    )
    left = z.var() * noise**2 / (z.var() + noise**2)
    return np.asarray(logistic(seen / np.sqrt(1 + np.pi * left / 8)))


def failed(found: GateVerdict) -> set[str]:
    return {one.name for one in found.checks if not one.passes}


def test_a_better_challenger_passes_and_a_worse_one_does_not() -> None:
    p, y, who = customers(8_000, 1)
    dull = side(blurred(p, 2), y)
    found = judge(side(p, y), dull, y, who, currency="EUR")
    assert found.passes and found.customers == 4_000 and found.rows == 8_000
    value = found.checks[0]
    assert value.value == pytest.approx(float((side(p, y).money - dull.money).mean()))
    assert value.limit == pytest.approx(-0.05 * abs(dull.money.mean()))
    assert "EUR" in found.words
    back = judge(dull, side(p, y), y, who)
    assert not back.passes and "value" in failed(back)


def test_what_decides_alike_is_no_reason_to_change() -> None:
    p, y, who = customers(2_000, 3)
    found = judge(side(p, y), side(p, y), y, who)
    assert not found.passes and failed(found) == {"value"}


def test_a_challenger_that_is_worse_by_the_margin_passes_at_most_as_often_as_alpha() -> None:
    """Money of both from a law whose true difference is exactly the margin, skewed as decisions are: 400 trials."""
    passed = 0
    for seed in range(400):
        r = np.random.default_rng(seed)
        n = 400
        old = np.where(r.random(n) < 0.3, 20.0, 0.0)
        # The challenger differs on 1 row in 5: it loses 5 of the champion's mean of 6, times 5 %.
        delta = np.where(r.random(n) < 0.2, np.where(r.random(n) < 0.5, 8.0, -8.0 - 2 * 0.05 * 6 / 0.2), 0.0)
        options = GateOptions(alpha=0.2 * math.pi**2 / 6)  # so that the first try is judged at 0.2
        passed += judge(Side(old + delta), Side(old), (old > 0).astype(np.int8), np.arange(n), options=options).passes
    assert level(0.2 * math.pi**2 / 6, 1) == pytest.approx(0.2)
    assert passed / 400 < 0.2 + 3 * (0.2 * 0.8 / 400) ** 0.5
    assert passed / 400 > 0.05  # and it is not a wall


def test_every_further_try_on_the_same_data_is_harder_and_all_together_stay_below_alpha() -> None:
    assert sum(level(0.05, k) for k in range(1, 10_000)) < 0.05
    p, y, who = customers(3_000, 5)
    new, old = side(p, y), side(blurred(p, 6, 0.5), y)
    lows = [judge(new, old, y, who, tries=k).checks[0].low for k in (1, 2, 10)]
    assert lows == sorted(lows, reverse=True) and lows[0] > lows[2]


def test_probabilities_that_cannot_be_believed_do_not_pass_however_they_rank() -> None:
    """Money is that of right decisions throughout: what fails is what the probabilities say."""
    p, y, who = customers(8_000, 7)
    dull = side(blurred(p, 8), y)

    def said(q: np.ndarray) -> GateVerdict:
        right = side(p, y)
        return judge(Side(right.money, q, right.act), dull, y, who, payoff=PAYOFF, currency="EUR")

    assert said(p).passes
    loud, shifted = logistic(2.0 * log_odds(p) + 0.2), logistic(log_odds(p) + 0.6)
    assert failed(said(loud)) == {"log_loss"}  # too extreme at both ends, which cancels in a sum
    assert failed(said(shifted)) == {"promise"}  # nearer to each customer than the dull one, and yet the sum is wrong
    assert "EUR for one customer beside what came" in said(shifted).words
    # A champion that is as far off is no better reason to stay.
    right = side(p, y)
    assert judge(
        Side(right.money, shifted, right.act), Side(dull.money, shifted, right.act), y, who, payoff=PAYOFF
    ).passes


@pytest.mark.parametrize("act", [True, False])
def test_a_champion_that_says_the_same_of_everybody_does_not_hold_off_who_knows_more(act: bool) -> None:
    """It is calibrated by definition, and who does nothing keeps each promise; that is nothing to be measured by.

    The challenger ranks, brings more, and is a little too sure of itself, as one is that has learned from few rows: its log-odds
    are 1.4 times as far apart as is right.
    """
    p, y, who = customers(8_000, 9)
    constant = np.full(len(y), y.mean())
    acts = np.full(len(y), act)
    champion = Side(PAYOFF.realised(acts, y), constant, acts)
    z = log_odds(blurred(p, 2, 0.8))
    sure = side(logistic(1.4 * (z - z.mean()) + z.mean()), y)
    found = judge(sure, champion, y, who, payoff=PAYOFF)
    assert found.passes, found.words
    assert {one.name for one in found.checks} == {"value", "log_loss", "promise"}
    assert "log_loss" in failed(judge(champion, sure, y, who, payoff=PAYOFF))  # and nor does it come back


def test_who_ranks_by_chance_does_not_pass_a_champion_that_says_the_same_of_everybody() -> None:
    p, y, who = customers(8_000, 9)
    acts = np.ones(len(y), dtype=bool)
    champion = Side(PAYOFF.realised(acts, y), np.full(len(y), y.mean()), acts)
    chance = side(np.random.default_rng(1).permutation(p), y)
    assert {"value", "log_loss"} <= failed(judge(chance, champion, y, who, payoff=PAYOFF))


def test_the_log_loss_is_as_uncertain_as_samples_differ() -> None:
    deltas, errors = [], []
    for seed in range(50):
        p, y, who = customers(800, 100 + seed)
        check = judge(side(p, y), side(blurred(p, seed, 0.7), y), y, who).checks[1]
        assert check.name == "log_loss"
        assert check.limit == pytest.approx(0.02 * log_loss(y, blurred(p, seed, 0.7)))
        assert check.value == pytest.approx(log_loss(y, p) - log_loss(y, blurred(p, seed, 0.7)))
        deltas.append(check.value)
        errors.append((check.high - check.low) / 2 / 1.645)
    assert 0.8 * np.mean(errors) < np.std(deltas) < 1.2 * np.mean(errors)


def test_right_probabilities_are_refused_for_their_promises_no_more_often_than_chance() -> None:
    refused = 0
    for seed in range(60):
        p, y, who = customers(600, 300 + seed)
        refused += "promise" in failed(judge(side(p, y), side(blurred(p, seed), y), y, who, payoff=PAYOFF))
    assert refused / 60 <= 0.05


def test_a_slice_that_is_evidently_harmed_stops_it_and_chance_does_not() -> None:
    p, y, who = customers(12_000, 11)
    old = blurred(p, 12)
    inside = np.arange(12_000) % 10 < 2
    new = np.where(inside, 1 - p, p)  # the wrong way round for one customer in five
    slices = {"region north": inside, "region south": ~inside}
    found = judge(side(new, y), side(old, y), y, who, slices=slices)
    assert "slice region north" in failed(found) and "slice region south" not in failed(found)
    harmless = [
        judge(side(p, y), side(blurred(p, seed), y), y, who, slices={str(i): who % 40 == i for i in range(40)})
        for seed in range(5)
    ]
    assert not any(name.startswith("slice") for one in harmless for name in failed(one))
    few = judge(side(new, y), side(old, y), y, who, slices={"few": np.arange(12_000) < 40})
    assert all(not one.name.startswith("slice") for one in few.checks)


def test_too_few_customers_are_no_ground() -> None:
    p, y, _ = customers(4_000, 13)
    few = judge(side(p, y), side(blurred(p, 1), y), y, np.arange(4_000) % (FEWEST_CUSTOMERS - 1))
    assert not few.passes and "too few" in few.words
    assert not judge(Side(np.zeros(0)), Side(np.zeros(0)), np.zeros(0, np.int8), np.zeros(0)).passes


def test_copies_of_a_customer_say_no_more_than_one() -> None:
    p, y, who = customers(1_000, 15)
    new, old = side(p, y), side(blurred(p, 3, 0.6), y)
    once = judge(new, old, y, who).checks[0]
    many = np.repeat(np.arange(1_000), 20)
    copied = judge(
        Side(new.money[many], p[many]), Side(old.money[many], old.probability[many]), y[many], who[many]  # type: ignore[index]
    ).checks[0]  # fmt: skip
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))


def test_a_verdict_is_what_json_can_hold() -> None:
    import json

    found = judge(Side(np.zeros(0)), Side(np.zeros(0)), np.zeros(0, np.int8), np.zeros(0))
    assert json.loads(json.dumps(found.to_data(), allow_nan=False))["checks"][0]["low"] is None

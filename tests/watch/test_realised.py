"""Figures from tallies: those of training and scikit-learn, with intervals that hold what they say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.clock import DAY
from vigie.economics import PayoffValues
from vigie.errors import InputError
from vigie.training import metrics
from vigie.watch.estimate import Estimator
from vigie.watch.realised import Tally, calibration_of, empty, figures_of, realised, tally
from vigie.watch.realised_signals import Performance, signals_of
from vigie.watch.signal import Area

PAYOFF = PayoffValues.constant(20.0, -5.0, 0.0, 1.0)


def rows(seed: int, n: int, digits: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    p = np.round(r.beta(2, 4, n), digits)
    return (r.random(n) < p).astype(float), p, p > 0.4


@given(st.integers(0, 10_000), st.integers(3, 200), st.integers(1, 3))
def test_the_figures_are_those_of_training(seed: int, n: int, digits: int) -> None:
    y, p, act = rows(seed, n, digits)
    found = realised(y, p, act, PAYOFF)
    expected = metrics.measure(y, p, act, PAYOFF.realised(act, y))
    for name, other in (
        ("auc", expected.auc), ("average_precision", expected.average_precision), ("brier", expected.brier),
        ("log_loss", expected.log_loss), ("recall", expected.recall), ("acted", expected.acted),
        ("value", expected.value), ("value_total", expected.value_total),
    ):  # fmt: skip
        assert found[name].value == pytest.approx(other, nan_ok=True, rel=1e-9, abs=1e-12), name
    if act.any():
        assert found["precision"].value == pytest.approx(expected.precision)
    assert found["value_short"].value == pytest.approx(float(PAYOFF.expected(p, act).mean()) - expected.value, abs=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 80))
def test_weights_are_copies(seed: int, n: int) -> None:
    y, p, act = rows(seed, n)
    times = np.random.default_rng(seed + 1).integers(1, 4, n)
    who = np.arange(n)
    weighed = figures_of(tally(y, p, act, PAYOFF, who, weights=times.astype(float)))
    copied = realised(np.repeat(y, times), np.repeat(p, times), np.repeat(act, times), PAYOFF, np.repeat(who, times))
    for name, one in copied.figures.items():
        # A pair of a row and its own copy would be one of a customer with himself; there is none, as they have one outcome.
        assert weighed[name].value == pytest.approx(one.value, nan_ok=True), name
        assert weighed[name].error == pytest.approx(one.error, nan_ok=True, abs=1e-9), name


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 60))
def test_tallies_add_up_and_survive_json(seed: int, n: int, m: int) -> None:
    first, second = rows(seed, n), rows(seed + 1, m)
    r = np.random.default_rng(seed)
    a = tally(*first, PAYOFF, r.integers(0, 8, n), count=8)
    b = tally(*second, PAYOFF, r.integers(0, 8, m), count=8)
    both, swapped = figures_of(a + b), figures_of(b + a)
    assert {name: one.value for name, one in both.figures.items()} == pytest.approx(
        {name: one.value for name, one in swapped.figures.items()}, nan_ok=True
    )
    assert both["brier"].value == pytest.approx(
        float(np.mean(np.concatenate([(first[0] - first[1]) ** 2, (second[0] - second[1]) ** 2])))
    )
    # Customers are compared with those of their own cohort.
    pairs = [y.sum() * (1 - y).sum() for y, _, _ in (first, second)]
    won = [metrics.auc(y, p) * w if w else 0.0 for (y, p, _), w in zip((first, second), pairs, strict=True)]
    assert both["auc"].value == pytest.approx(sum(won) / sum(pairs) if sum(pairs) else np.nan, nan_ok=True)
    again = figures_of(Tally.from_data(json.loads(json.dumps((a + b).to_data()))))
    for name, one in both.figures.items():
        assert again[name].value == pytest.approx(one.value, nan_ok=True, rel=1e-6, abs=1e-7), name
    nothing = figures_of(a + empty(8))
    assert nothing["auc"] == figures_of(a)["auc"]


def test_what_is_unknown_is_not_negative() -> None:
    y, p, act = rows(3, 500)
    unknown = np.random.default_rng(1).random(500) < 0.4
    with_gaps = realised(np.where(unknown, np.nan, y), p, act, PAYOFF)
    without = realised(y[~unknown], p[~unknown], act[~unknown], PAYOFF)
    assert (with_gaps.rows, with_gaps.unknown) == (float((~unknown).sum()), int(unknown.sum()))
    assert {n: f.value for n, f in with_gaps.figures.items()} == pytest.approx(
        {n: f.value for n, f in without.figures.items()}
    )
    nothing = realised(np.full(3, np.nan), p[:3], act[:3])
    assert (nothing.rows, nothing.unknown) == (0.0, 3) and np.isnan(nothing["auc"].value)


def test_intervals_hold_the_truth_where_customers_repeat() -> None:
    """Four rows a customer with one draw for all of them: intervals that took rows for independent would hold it half as often as they say."""
    held: dict[str, list[bool]] = {}
    truth: dict[str, float] = {}
    found = []
    for seed in range(400):
        r = np.random.default_rng(seed)
        customers = np.repeat(np.arange(150), 4)
        z = 0.8 * r.normal(size=150)[customers] + 0.8 * r.normal(size=600) - 1
        p = 1 / (1 + np.exp(-z))
        y = (r.random(150)[customers] < p).astype(float)
        found.append(realised(y, p, p > 0.3, PAYOFF, customers))
    for name in (
        "auc",
        "average_precision",
        "precision",
        "recall",
        "f1",
        "brier",
        "log_loss",
        "value",
        "outcome_rate",
        "value_short",
    ):
        truth[name] = float(np.mean([one[name].value for one in found]))
        held[name] = [one[name].low <= truth[name] <= one[name].high for one in found]
        assert 0.915 <= np.mean(held[name]) <= 0.985, (name, np.mean(held[name]))
        spread = float(np.std([one[name].value for one in found]))
        assert np.mean([one[name].error for one in found]) == pytest.approx(spread, rel=0.15), name


def test_the_shift_of_calibration_is_found_again() -> None:
    r = np.random.default_rng(0)
    z = r.normal(-1, 1.5, 40_000)
    y = (r.random(40_000) < 1 / (1 + np.exp(-(z + 0.4 + 0.3 * (z + 1))))).astype(float)
    found = calibration_of(tally(y, 1 / (1 + np.exp(-z)), z > 0), centre=-1.0)
    assert found is not None
    assert found.a == pytest.approx(0.4, abs=0.06) and found.b == pytest.approx(0.3, abs=0.06)
    assert found.var_a**0.5 == pytest.approx(0.0125, rel=0.4)
    assert calibration_of(empty()) is None
    alike = calibration_of(tally(np.ones(20), np.full(20, 0.5), np.ones(20, bool)))
    assert alike is not None and 1 < alike.a < 10


@pytest.mark.parametrize(
    ("y", "p", "more", "match"),
    [
        ([0, 1, 1], [0.1, 0.2], {}, "3 outcomes, 2 scores"),
        ([0, 2], [0.1, 0.2], {}, "neither 0 nor 1"),
        ([0, 1], [0.1, np.nan], {}, "not from 0 to 1"),
        ([0, 1], [0.1, 1.2], {}, "not from 0 to 1"),
        ([0, 1], [0.1, 0.2], {"weights": np.array([1.0, 0.0])}, "not above 0"),
    ],
)
def test_bad_input_is_named(y: list[float], p: list[float], more: dict[str, np.ndarray], match: str) -> None:
    with pytest.raises(InputError, match=match):
        realised(np.array(y, float), np.array(p), np.array([True] * len(p)), None, None, **more)
    with pytest.raises(InputError, match="do not add up"):
        empty(3) + empty(4)


def test_an_estimate_of_a_handful_of_customers_does_not_ring() -> None:
    def rings(n: int) -> bool:
        p, nobody = np.full(n, 0.3), np.zeros(n, dtype=bool)
        last = Estimator(7 * DAY).estimate(p, nobody, None, moment=0)
        seen = Performance(
            score="churn", model="2", now=DAY, begin=0, end=DAY, realised=None, said={}, test={"f1": 0.7}, customers=n,
            currency="EUR", unbiased=True, estimates=[last],
        )  # fmt: skip
        return any(one.rings for one in signals_of(seen) if one.subject == "f1")

    assert rings(200)
    assert not rings(5)


@pytest.mark.parametrize(
    ("unknown", "count", "rings"), [(1, 3, False), (60, 600, True), (31, 600, False), (3, 60, False), (40, 60, True)]
)
def test_outcomes_that_are_missing_ring_where_it_is_no_chance(unknown: int, count: int, rings: bool) -> None:
    y = np.where(np.arange(count) < unknown, np.nan, np.arange(count) % 2)
    seen = Performance(
        score="churn", model="2", now=DAY, begin=0, end=DAY, realised=realised(y, np.full(count, 0.5), np.ones(count, bool)), said={}, test={},
        customers=count, currency="EUR", unbiased=True, sources=["orders", "refunds"],
    )  # fmt: skip
    (one,) = [one for one in signals_of(seen) if one.code == "VGW207"]
    assert one.rings is rings and one.size == unknown / count and one.area is Area.PERFORMANCE
    assert one.subject == "orders.outcome" and "read from orders, refunds" in one.words
    # Those who are scored every day are one witness each.
    (few,) = [one for one in signals_of(replace(seen, silent=(2.0, 1.0))) if one.code == "VGW207"]
    assert not few.rings

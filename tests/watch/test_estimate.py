"""Estimates say what comes as often as they promise, and learn from the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.clock import DAY
from vigie.economics import PayoffValues
from vigie.errors import InputError
from vigie.watch.estimate import FIGURES, SHARES, Check, Estimate, Estimator, expected_of
from vigie.watch.estimate_calibration import LEVEL, Prior, forecast, ranking_of
from vigie.watch.realised import figures_of, realised, tally

PAYOFF = PayoffValues.constant(20.0, -5.0, 0.0, 1.0)
HORIZON = 30 * DAY


def scores(r: np.random.Generator, n: int) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-r.normal(-0.7, 1.2, n))))


@given(st.integers(0, 1000))
def test_what_is_expected_is_the_mean_of_what_can_come(seed: int) -> None:
    r = np.random.default_rng(seed)
    p = np.round(scores(r, 200), 2)
    act = p > 0.4
    if not act.any():
        return
    said = expected_of(p, act, PAYOFF)
    drawn = [figures_of(tally((r.random(200) < p).astype(float), p, act, PAYOFF)) for _ in range(40)]
    for name in FIGURES:
        came = np.array([one[name].value for one in drawn])
        assert said[name] == pytest.approx(came.mean(), abs=5 * came.std() / 40**0.5 + 0.004), name


@given(st.integers(0, 1000), st.integers(2, 60))
def test_weights_are_copies_but_for_pairs_of_one_with_himself(seed: int, n: int) -> None:
    r = np.random.default_rng(seed)
    p, times = np.round(scores(r, n), 2), r.integers(1, 4, n)
    act = p > 0.3
    weighed = expected_of(p, act, PAYOFF, times.astype(float))
    copied = expected_of(np.repeat(p, times), np.repeat(act, times), PAYOFF)
    for name, value in copied.items():
        if name != "auc":
            assert weighed[name] == pytest.approx(value, nan_ok=True), name


def test_the_theory_of_chance_is_right() -> None:
    """Where scores are exactly right, errors are as large as said."""
    r = np.random.default_rng(1)
    none = Prior(1e-9, 0.02, 1e-3)
    known = Estimator(HORIZON, level=none, slope=none, rank=none)
    p = scores(r, 2000)
    act = p > 0.4
    one = known.estimate(p, act, PAYOFF, moment=0)
    came = [figures_of(tally((r.random(2000) < p).astype(float), p, act, PAYOFF)) for _ in range(150)]
    for name in FIGURES:
        values = np.array([f[name].value for f in came])
        bent = (
            np.log(values / (1 - values)) if name == "auc" else np.arcsin(np.sqrt(values)) if name in SHARES else values
        )
        assert bent.std() == pytest.approx(one[name].error, rel=0.25), name


def replay(seed: int, days: int, wander: float, *, slope: float = 0.0, n: int = 400) -> tuple[Estimator, list[Check]]:
    """Daily cohorts whose calibration wanders smoothly, with outcomes that come a horizon later."""
    r = np.random.default_rng(seed)
    steps = r.normal(size=days + 120)
    smooth = np.convolve(steps, np.hanning(90), "same")[60 : 60 + days]
    level = wander * smooth / np.convolve(np.eye(1, 301, 150)[0], np.hanning(90) ** 2, "same").sum() ** 0.5
    known = Estimator(HORIZON, centre=-0.7, repeated=0.0)
    waiting: list[tuple[Estimate, np.ndarray, np.ndarray]] = []
    checks: list[Check] = []
    for day in range(days):
        while waiting and waiting[0][0].moment + HORIZON <= day * DAY:
            made, p, y = waiting.pop(0)
            truth = tally(y, p, p > 0.4, PAYOFF)
            checks += known.learn(made.moment, truth, figures_of(truth), made)
        p = scores(r, n)
        z = np.log(p / (1 - p))
        y = (r.random(n) < 1 / (1 + np.exp(-(z + level[day] + slope * (z + 0.7))))).astype(float)
        waiting.append((known.estimate(p, p > 0.4, PAYOFF, moment=day * DAY), p, y))
    return known, checks


def test_intervals_hold_what_comes_while_calibration_wanders() -> None:
    held: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(5):
        _, checks = replay(seed, 200, wander=0.25)
        for name in FIGURES:
            held[name].append(float(np.mean([one.held for one in checks if one.figure == name])))
    for name, shares in held.items():
        assert 0.90 <= np.mean(shares) <= 0.998, (name, shares)


def test_a_lasting_error_of_the_scores_is_learned() -> None:
    known, checks = replay(3, 150, wander=0.0, slope=0.5)
    level, slope, rank = known.expect(150 * DAY)
    # Drawn towards 0, where it was believed to be.
    assert 0.25 < slope.mean < 0.6 and abs(level.mean) < 0.1 and rank.mean > 0.2
    late = [one for one in checks if one.figure == "auc"]
    early, later = late[:20], late[-60:]
    assert np.mean([one.realised - one.estimated.value for one in early]) > 0.03
    assert abs(np.mean([one.realised - one.estimated.value for one in later])) < 0.02
    widths = [np.mean([one.estimated.high - one.estimated.low for one in some]) for some in (later, early)]
    assert widths[0] < widths[1]


def test_a_worse_order_is_learned_though_calibration_is_right_on_the_line() -> None:
    """Half of the customers turn out by their score, of the others nobody knows anything: what comes is of another order, and AUC says so by itself."""
    r = np.random.default_rng(5)
    known = Estimator(HORIZON, centre=-0.7)
    p = scores(r, 3000)
    act = p > 0.4
    said: list[tuple[float, float]] = []
    for cohort in range(8):
        q = np.where(r.random(3000) < 0.5, p, p.mean())
        truth = tally((r.random(3000) < q).astype(float), p, act, PAYOFF)
        made = known.estimate(p, act, PAYOFF, moment=cohort * HORIZON)
        said.append((made["auc"].value, figures_of(truth)["auc"].value))
        known.learn(cohort * HORIZON, truth, figures_of(truth), made)
    assert said[0][0] - said[0][1] > 0.08
    assert abs(np.mean([one - other for one, other in said[4:]])) < 0.025
    shift, doubt = ranking_of(truth)
    assert shift < -0.3 and 0 < doubt < 0.02


@given(st.integers(0, 1000))
def test_the_shift_of_the_order_is_that_of_the_log_odds_of_auc(seed: int) -> None:
    r = np.random.default_rng(seed)
    p = scores(r, 4000)
    y = (r.random(4000) < p).astype(float)
    shift, doubt = ranking_of(tally(y, p, p > 0.4))
    auc, told = realised(y, p, p > 0.4)["auc"], expected_of(p, p > 0.4)["auc"]
    exact = np.log(auc.value / (1 - auc.value)) - np.log(told / (1 - told))
    assert shift == pytest.approx(exact, abs=0.02)
    assert doubt**0.5 == pytest.approx(auc.error / (auc.value * (1 - auc.value)), rel=0.1)
    assert abs(shift) < 5 * doubt**0.5  # scores that are right promise what comes


def test_without_both_outcomes_there_is_no_order() -> None:
    p = np.array([0.2, 0.4])
    assert np.isnan(ranking_of(tally(np.ones(2), p, p > 0.3))).all()
    known = Estimator(HORIZON)
    known.learn(0, tally(np.ones(2), p, p > 0.3))
    made = Estimator.from_data(json.loads(json.dumps(known.to_data()))).estimate(p, p > 0.3, moment=2 * HORIZON)
    assert made.rank == Estimator(HORIZON).estimate(p, p > 0.3, moment=0).rank


def test_a_share_that_is_nearly_all_may_be_all() -> None:
    """Of some 1,900 positives one or two are missed by chance, on one day none: the interval reaches what counts can be."""
    r = np.random.default_rng(6)
    p = np.concatenate([np.full(40, 0.05), scores(r, 3000) * 0.3 + 0.55])
    act = p > 0.1
    none = Prior(1e-9, 0.02, 1e-3)
    said = Estimator(HORIZON, level=none, slope=none, rank=none).estimate(p, act, moment=0)["recall"]
    came = np.array([realised((r.random(len(p)) < p).astype(float), p, act)["recall"].value for _ in range(300)])
    assert (came == 1.0).mean() > 0.05 and said.high == 1.0
    assert 0.95 <= np.mean((said.low <= came) & (came <= said.high)) <= 1.0


def test_errors_that_are_larger_than_said_widen_the_intervals() -> None:
    r = np.random.default_rng(2)
    calm, hit = Estimator(HORIZON), Estimator(HORIZON)
    p = scores(r, 500)
    act = p > 0.4
    for cohort in range(12):
        moment = cohort * HORIZON
        for known, lift in ((calm, 0.0), (hit, 1.6 * (-1) ** cohort)):
            q = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + lift)))
            truth = tally((r.random(500) < q).astype(float), p, act, PAYOFF)
            known.learn(moment, truth, figures_of(truth), known.estimate(p, act, PAYOFF, moment=moment))
    now = 13 * HORIZON
    one, other = calm.estimate(p, act, moment=now)["precision"], hit.estimate(p, act, moment=now)["precision"]
    assert other.high - other.low > 2 * (one.high - one.low)
    assert calm.coverage("precision", now).held == 1.0 and hit.coverage("precision", now).factor > 1.2
    assert calm.coverage("precision", now).factor < 1.0
    # What is not mature at a moment is not known at it.
    assert calm.coverage("precision", 3 * HORIZON).checks == 3


def test_an_estimator_is_the_same_after_it_was_kept() -> None:
    known, _ = replay(1, 60, wander=0.2)
    again = Estimator.from_data(json.loads(json.dumps(known.to_data())))
    p = scores(np.random.default_rng(9), 300)
    one = known.estimate(p, p > 0.4, PAYOFF, moment=80 * DAY)
    assert again.estimate(p, p > 0.4, PAYOFF, moment=80 * DAY).to_data() == one.to_data()
    assert Estimate.from_data(json.loads(json.dumps(one.to_data()))).to_data() == one.to_data()


def test_what_was_learned_before_the_order_was_is_still_read() -> None:
    known, _ = replay(1, 60, wander=0.2)
    data = json.loads(json.dumps(known.to_data()))
    del data["rank"]
    data["cohorts"] = [[one[i] for i in (0, 1, 2, 4, 5)] for one in data["cohorts"]]
    old = Estimator.from_data(data)
    assert old.expect(80 * DAY)[:2] == known.expect(80 * DAY)[:2]
    assert old.expect(80 * DAY)[2] == Estimator(HORIZON).expect(80 * DAY)[2]


def test_more_than_a_year_of_cohorts_costs_no_more() -> None:
    known = Estimator(HORIZON)
    r = np.random.default_rng(0)
    for day in range(800):
        p = scores(r, 30)
        known.learn(day * DAY, tally((r.random(30) < p).astype(float), p, p > 0.5))
    assert len(known.cohorts) == 60 and known.cohorts[-1][0] == 799 * DAY
    assert known.cohorts[-2][0] - known.cohorts[-3][0] >= HORIZON // 10


def test_without_a_cohort_the_forecast_is_what_is_believed() -> None:
    none = forecast(np.empty(0), np.empty(0), np.empty(0), 0, HORIZON, LEVEL)
    assert none.mean == 0 and none.error > LEVEL.bias
    far = forecast(np.array([0.0]), np.array([0.5]), np.array([0.01]), 3000 * DAY, HORIZON, LEVEL)
    near = forecast(np.array([0.0]), np.array([0.5]), np.array([0.01]), DAY, HORIZON, LEVEL)
    assert near.mean > far.mean > 0 and near.error < far.error < none.error + 0.05


def test_customers_with_several_rows_leave_more_to_chance() -> None:
    p = scores(np.random.default_rng(4), 400)
    one = Estimator(HORIZON).estimate(p, p > 0.4, PAYOFF, moment=0)
    four = Estimator(HORIZON).estimate(
        np.repeat(p, 4), np.repeat(p > 0.4, 4), PAYOFF, np.repeat(np.arange(400), 4), moment=0
    )
    for name in FIGURES:
        assert four[name].value == pytest.approx(one[name].value, abs=0.002), name
        assert four[name].error == pytest.approx(one[name].error, rel=0.02), name


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="2 scores with 1 decisions"):
        Estimator(HORIZON).estimate(np.array([0.1, 0.2]), np.array([True]), moment=0)
    with pytest.raises(InputError, match="not from 0 to 1"):
        Estimator(HORIZON).estimate(np.array([np.nan]), np.array([True]), moment=0)
    empty = Estimator(HORIZON).estimate(np.empty(0), np.empty(0, bool), PAYOFF, moment=0)
    assert np.isnan(empty["auc"].value) and np.isnan(empty["auc"].low)

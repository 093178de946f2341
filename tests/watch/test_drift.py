"""What is large, evident and lasting rings, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vigie.bundle import profile_of
from vigie.clock import DAY
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.watch import Area
from vigie.watch.drift import drift
from vigie.watch.drift_measures import corrected, measures
from vigie.watch.drift_policy import DECISIONS, FEATURE, MISSING, OUTCOMES, OVERALL, SCORE, UNSEEN, DriftPolicy
from vigie.watch.drift_since import began
from vigie.watch.profile import Layout, merged, reference_of

FEATURES = 6
BASE = 20_000


def world(rows: int, chance: np.random.Generator, **fault):
    """Rows of a world that stands still but for a fault: ``shift``, ``lost``, ``new``, ``acted``, ``positive``, ``season``."""
    columns = {f"x{i}": Values(Kind.NUMBER, chance.normal(size=rows)) for i in range(FEATURES)}
    columns["x0"] = Values(Kind.NUMBER, columns["x0"].data + fault.get("shift", 0.0) + fault.get("season", 0.0))
    lost = chance.random(rows) < fault.get("lost", 0.02)
    columns["x1"] = Values(Kind.NUMBER, np.where(lost, np.nan, columns["x1"].data))
    plans = chance.choice([0, 1, 2], rows, p=[0.5, 0.3, 0.2]).astype(np.int32)
    plans[chance.random(rows) < fault.get("new", 0.0)] = 3
    columns["plan"] = Values(Kind.CATEGORY, plans, ("a", "b", "c", "new"))
    probability = chance.beta(1 + fault.get("shift", 0.0), 9, rows)
    acted = (chance.random(rows) < fault.get("acted", 0.2)).astype(float)
    outcome = (chance.random(rows) < fault.get("positive", 0.1)).astype(float)
    return columns, probability, acted, outcome


def reference(seed: int = 1):
    columns, probability, acted, outcome = world(BASE, np.random.default_rng(seed))
    told = profile_of(columns, probability, customers=np.arange(BASE).astype(str), acted=acted > 0, outcome=outcome > 0)
    layout = Layout.of(told)
    return layout, reference_of(layout, told)


POLICY = DriftPolicy()


@pytest.fixture(scope="module")
def trained():
    return reference()


def lived(layout, days: int, rows: int, chance, fault_from: int = 10**6, **fault):
    """Profiles of days 0 …, each of other customers."""
    found = {}
    for day in range(days):
        weekend = fault.get("season", 0.0) if day % 7 >= 5 else 0.0
        told = {key: value for key, value in fault.items() if key != "season"} if day >= fault_from else {}
        columns, probability, acted, outcome = world(rows, chance, season=weekend, **told)
        names = [f"{day}-{i}" for i in range(rows)]
        found[day] = layout.count(columns, names, probability, acted, outcome)
    return found


def told(trained, days, today, **given):
    layout, basis = trained
    found = drift(layout, basis, days, today, score="churn", model="3", policy=given.pop("policy", POLICY), **given)
    return {(one.code, one.subject): one for one in found}


def test_a_world_that_stands_still_is_silent_and_everything_is_looked_at(trained):
    days = lived(trained[0], 14, 800, np.random.default_rng(2))
    found = told(trained, days, 14)
    assert not [one for one in found.values() if one.rings]
    expected = {(FEATURE, name) for name in trained[0].features} | {(MISSING, name) for name in trained[0].features}
    expected |= {(UNSEEN, "plan"), (SCORE, ""), (DECISIONS, ""), (OUTCOMES, ""), (OVERALL, "")}
    assert set(found) == expected
    one = found[FEATURE, "x0"]
    assert (one.score, one.model, one.area, one.until) == ("churn", "3", Area.DRIFT, 14 * DAY)
    assert one.size < 0.02 and 0 <= one.evidence <= 1 and one.limit == POLICY.feature


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ({"shift": 0.5}, (FEATURE, "x0")),
        ({"lost": 0.2}, (MISSING, "x1")),
        ({"new": 0.05}, (UNSEEN, "plan")),
        ({"shift": 0.5}, (SCORE, "")),
        ({"acted": 0.35}, (DECISIONS, "")),
        ({"positive": 0.2}, (OUTCOMES, "")),
    ],
)
def test_a_fault_rings_within_days_and_its_beginning_is_found(trained, fault, key):
    days = lived(trained[0], 42, 600, np.random.default_rng(3), fault_from=32, **fault)
    outcomes = days if key[0] == OUTCOMES else None
    assert not told(trained, days, 32, outcomes=outcomes)[key].rings
    first = next(day for day in range(33, 43) if told(trained, days, day, outcomes=outcomes)[key].rings)
    assert first <= (38 if key[0] == OUTCOMES else 35)
    found = told(trained, days, 42, outcomes=outcomes)
    assert found[key].rings and found[key].since == 32 * DAY and found[key].evidence <= POLICY.false_alarms
    assert f"{found[key].limit:g}" in found[key].words
    others = {one for one, signal in found.items() if signal.rings} - {key}
    # The shift moves the score too, and a new category takes rows from the others.
    assert others <= {(SCORE, ""), (FEATURE, "x0"), (OVERALL, "")}


def test_one_bad_day_does_not_ring_and_two_do(trained):
    chance = np.random.default_rng(4)
    days = lived(trained[0], 30, 600, chance)
    columns, probability, acted, outcome = world(600, chance, lost=0.9)
    days[29] = trained[0].count(columns, [str(i) for i in range(600)], probability, acted, outcome)
    assert not told(trained, days, 30)[MISSING, "x1"].rings
    days[30] = trained[0].count(columns, [str(-i) for i in range(600)], probability, acted, outcome)
    assert told(trained, days, 31)[MISSING, "x1"].rings


def test_a_weekend_is_no_drift(trained):
    days = lived(trained[0], 42, 2_000, np.random.default_rng(5), season=0.6)
    for today in range(14, 43):
        ringing = [key for key, one in told(trained, days, today).items() if one.rings]
        assert not ringing, today
    # Without the weeks before, the same day would be one.
    layout, basis = trained
    sunday = measures(layout, days[41], basis, POLICY, {})[FEATURE, "x0"]
    assert sunday.size > POLICY.feature and sunday.p < 1e-6


def test_what_was_so_a_year_ago_is_the_season(trained):
    chance = np.random.default_rng(6)
    days = lived(trained[0], 14, 800, chance, fault_from=0, shift=0.6)
    season = {day - 364: one for day, one in lived(trained[0], 14, 800, chance, fault_from=0, shift=0.6).items()}
    assert told(trained, days, 14)[FEATURE, "x0"].rings
    found = told(trained, days, 14, season=season)[FEATURE, "x0"]
    assert not found.rings and found.details["against"] == "season"
    stood_still = {day - 364: one for day, one in lived(trained[0], 14, 800, chance).items()}
    assert told(trained, days, 14, season=stood_still)[FEATURE, "x0"].rings


def test_a_feature_that_the_newest_window_lacks_is_told_of_by_the_one_before(trained):
    layout, _ = trained
    runs = {day: layout.count(*_one(800, day, shift=0.8)) for day in (0, 1)}
    columns, *rest = _one(800, 2, shift=0.8)
    del columns["x0"]
    found = told(trained, runs | {2: layout.count(columns, *rest)}, 3)
    assert found[FEATURE, "x0"].rings and found[FEATURE, "x0"].details["moved"]
    assert found[FEATURE, "x1"].size < 0.05


def test_small_windows_do_not_ring_by_chance_and_tiny_ones_are_not_judged(trained):
    chance = np.random.default_rng(7)
    for _ in range(20):
        days = lived(trained[0], 1, 100, chance)
        assert not [one for one in told(trained, days, 1).values() if one.rings]
    assert told(trained, lived(trained[0], 1, 40, chance), 1) == {}


def test_large_windows_do_not_ring_for_trifles(trained):
    days = lived(trained[0], 14, 20_000, np.random.default_rng(8), fault_from=0, shift=0.06)
    found = told(trained, days, 14)[FEATURE, "x0"]
    assert found.evidence < 1e-6 and not found.rings and found.size < 0.02


def test_customers_count_and_not_their_requests(trained):
    layout, _ = trained
    columns, probability, acted, outcome = world(60, np.random.default_rng(9), shift=1.0, lost=0.3)
    names = [str(i) for i in range(60)]
    once = layout.count(columns, names, probability, acted, outcome)
    again = np.tile(np.arange(60), 50)
    many = layout.count(
        {name: values.take(again) for name, values in columns.items()},
        [names[i] for i in again], probability[again], acted[again], outcome[again],
    )  # fmt: skip
    first = measures(layout, once, trained[1], POLICY, {})
    fifty = measures(layout, many, trained[1], POLICY, {})
    for key in first:
        assert fifty[key].size == pytest.approx(first[key].size, abs=0.05), key
        assert math.log10(max(fifty[key].p, 1e-30)) == pytest.approx(math.log10(max(first[key].p, 1e-30)), abs=1.5), key


def test_a_base_scored_once_a_month_is_judged_by_one_run_and_keeps_the_verdict(trained):
    layout, _ = trained
    monthly = {day: layout.count(*_one(800, day, shift=0.8 if day >= 60 else 0.0)) for day in (0, 30, 60)}
    assert not told(trained, {day: monthly[day] for day in (0, 30)}, 31)[FEATURE, "x0"].rings
    for today in (61, 75, 89):
        assert told(trained, monthly, today)[FEATURE, "x0"].rings
    assert told(trained, monthly, 60)[FEATURE, "x0"].rings is False  # the day is not over


def _one(rows, seed, **fault):
    columns, probability, acted, outcome = world(rows, np.random.default_rng(seed), **fault)
    return columns, [f"c{i}" for i in range(rows)], probability, acted, outcome


def test_importance_decides_what_all_features_together_say(trained):
    days = lived(trained[0], 9, 800, np.random.default_rng(10), fault_from=0, shift=0.7)
    assert told(trained, days, 9, importance={"x0": 1.0, "x1": 0.2})[OVERALL, ""].rings
    found = told(trained, days, 9, importance={"x0": 0.0, "x1": 0.5, "x2": -1.0})[OVERALL, ""]
    assert not found.rings and found.details["most"] == ["x1"]


def test_limits_of_single_features(trained):
    days = lived(trained[0], 9, 800, np.random.default_rng(11), fault_from=0, shift=0.6, lost=0.3)
    policy = DriftPolicy(features={"x0": 5.0, "x1": math.inf})
    found = told(trained, days, 9, policy=policy)
    assert not found[FEATURE, "x0"].rings and found[FEATURE, "x0"].limit == 5.0
    assert not found[MISSING, "x1"].rings and told(trained, days, 9)[MISSING, "x1"].rings


@pytest.mark.parametrize("distance", ["kullback_leibler", "jensen_shannon", "wasserstein", "kolmogorov_smirnov"])
def test_effects_in_other_distances(trained, distance):
    policy = DriftPolicy(distance=distance)
    still = lived(trained[0], 7, 500, np.random.default_rng(12))
    moved = lived(trained[0], 7, 500, np.random.default_rng(12), fault_from=0, shift=0.5)
    assert told(trained, still, 7, policy=policy)[FEATURE, "x0"].size < 0.06
    size = told(trained, moved, 7, policy=policy)[FEATURE, "x0"].size
    exact = {"kullback_leibler": 0.125, "jensen_shannon": 0.21, "wasserstein": 0.5, "kolmogorov_smirnov": 0.197}
    assert size == pytest.approx(exact[distance], rel=0.25)


def test_corrected_p_values_are_scipys():
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(13).random(40) ** 3
    ours = corrected({("c", str(i)): float(one) for i, one in enumerate(p)})
    assert [ours["c", str(i)] for i in range(40)] == pytest.approx(false_discovery_control(p, method="by"))


def test_the_beginning_of_what_was_always_so(trained):
    days = lived(trained[0], 20, 800, np.random.default_rng(14), fault_from=0, shift=0.6)
    assert began(days, 20, FEATURE, "x0") == 0


def test_no_rows_no_signals(trained):
    assert told(trained, {}, 5) == {}
    assert told(trained, {3: trained[0].empty()}, 5) == {}


def test_what_is_remembered_says_the_same(trained):
    days = lived(trained[0], 30, 500, np.random.default_rng(15), fault_from=20, shift=0.5)
    memo = {}
    for today in range(18, 31):
        assert told(trained, days, today, memo=memo, outcomes=days) == told(trained, days, today, outcomes=days)
    columns, probability, acted, outcome = world(900, np.random.default_rng(16), lost=0.9)
    days[29] = merged(
        [days[29], trained[0].count(columns, [f"late {i}" for i in range(900)], probability, acted, outcome)]
    )
    assert told(trained, days, 30, memo=memo) == told(trained, days, 30)


@pytest.mark.parametrize("others", [0.0, 0.02])
def test_a_count_that_was_nearly_always_nothing_becomes_something(others):
    chance = np.random.default_rng(17)

    def counts(rows: int, share: float):
        return {"n": Values(Kind.NUMBER, (chance.random(rows) < share) * chance.integers(1, 4, rows).astype(float))}

    reference = profile_of(counts(5_000, others), chance.random(5_000))
    layout = Layout.of(reference)
    days = {day: layout.count(counts(400, 0.25), [f"{day}-{i}" for i in range(400)]) for day in range(7)}
    found = told((layout, reference_of(layout, reference)), days, 7)[FEATURE, "n"]
    assert found.rings
    cells = {one["cell"]: one["live"] for one in found.details["moved"]}
    assert next(iter(cells)).startswith(("0", "from 1", "above 0")) and "e-324" not in str(cells)

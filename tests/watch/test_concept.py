"""Concept drift: a flip in one group is found and named; other customers, and chance, are none."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from vigie.clock import DAY, parse_moment
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.watch.cohorts import cohort_of, first_in_block, first_of_each, group_of, untouched
from vigie.watch.concept import ALL, Bet, Seen, Verdict, bet, group_features, groups_of, seen, verdicts
from vigie.watch.realised import realised
from vigie.watch.realised_signals import Performance, signals_of
from vigie.watch.value import change_of

GROUPS = 6


def watch(
    seed: int, days: int, *, flip: int | None = None, covariate: int | None = None, shift: float = 0.0, n: int = 40
) -> tuple[int, list[Verdict]] | None:
    """Day and verdicts of the first alarm; ``None`` for none."""
    r = np.random.default_rng(seed)
    names = [ALL, *(f"g{i}" for i in range(GROUPS))]
    bets = dict.fromkeys(names, Bet())
    window: deque[tuple[int, dict[str, Seen]]] = deque(maxlen=28)
    for day in range(days):
        z = r.normal(1.5 if covariate is not None and day >= covariate else -0.5, 1, n)
        p, group = 1 / (1 + np.exp(-z)), r.integers(0, GROUPS, n)
        q = 1 / (1 + np.exp(-z - shift))
        if flip is not None and day >= flip:
            q = np.where(group == 3, 1 - q, q)
        y = (r.random(n) < q).astype(float)
        told = {}
        for name in names:
            mask = np.ones(n, bool) if name == ALL else group == int(name[1:])
            bets[name] = bet(bets[name], y[mask], p[mask], day * DAY)
            told[name] = seen(y[mask], p[mask])
        window.append((day * DAY, told))
        found = verdicts(bets, list(window))
        if any(one.rings for one in found):
            return day, [one for one in found if one.rings]
    return None


def test_chance_and_other_customers_are_no_concept_drift() -> None:
    assert [watch(seed, 300) for seed in range(5)] == [None] * 5
    assert [watch(seed, 200, covariate=60) for seed in range(100, 103)] == [None] * 3


def test_at_the_edge_of_the_tolerance_alarms_are_as_rare_as_promised() -> None:
    """Off by the tolerance on every day is the worst that is no alarm: one in 300 days on average at most, so no more than 4 in 4 times 300."""
    assert sum(watch(seed, 300, shift=0.25) is not None for seed in range(4)) <= 3


def test_a_flip_in_one_group_is_found_named_and_dated() -> None:
    delays = []
    for seed in range(4):
        found = watch(seed, 200, flip=60)
        assert found is not None
        day, ringing = found
        assert [one.group for one in ringing] == ["g3"] and day >= 60
        assert abs(ringing[0].since / DAY - 60) < 30 and ringing[0].evidence < 0.5
        delays.append(day - 60)
    # Some seven customers of the group a day.
    assert np.median(delays) < 50


def test_healthy_days_before_do_not_hide_what_is_evident() -> None:
    """Of 60 customers of the group a day two days are evidence enough, though 26 of the 28 in the window were as they should be."""
    delays = []
    for seed in range(3):
        found = watch(seed, 120, flip=60, n=360)
        assert found is not None and found[1][0].group == "g3"
        delays.append(found[0] - 60)
        assert found[1][0].begin == found[1][0].since >= 59 * DAY
        assert abs(found[1][0].shift) > 0.8  # of the days since then, not of the window
    assert max(delays) <= 2


def test_a_group_is_not_named_where_all_are_off_alike() -> None:
    found = watch(1, 100, shift=1.2)
    assert found is not None and ALL in [one.group for one in found[1]]
    everybody = {ALL: Seen(1000, 500, 300, 200), "g": Seen(100, 50, 30, 20)}
    sure = Bet((50.0,) * 6, (50.0,) * 6, (0,) * 6, 30)
    assert [one.rings for one in verdicts({ALL: sure, "g": sure}, [(0, everybody)])] == [True, False]


def test_bets_survive_json_and_leave_unknown_outcomes_out() -> None:
    import json

    y, p = np.array([1.0, np.nan, 0.0]), np.array([0.2, 0.3, 0.4])
    one = bet(Bet(), y, p, 5)
    assert one == bet(Bet(), y[[0, 2]], p[[0, 2]], 5)
    assert Bet.from_data(json.loads(json.dumps(one.to_data()))) == one
    assert Bet.from_data(json.loads(json.dumps(Bet().to_data()))) == Bet()


def test_the_shift_that_is_told_is_that_of_the_log_odds() -> None:
    r = np.random.default_rng(0)
    z = r.normal(-1, 1.5, 20_000)
    one = seen((r.random(20_000) < 1 / (1 + np.exp(-z - 0.7))).astype(float), 1 / (1 + np.exp(-z)))
    assert one.shift == pytest.approx(0.7, abs=0.12)
    assert np.isnan(Seen().shift) and Seen().error == np.inf


def test_groups_come_from_the_reference_profile() -> None:
    profile = {
        "features": {
            "country": {
                "kind": "category",
                "missing": 0.1,
                "categories": {"FR": 50, "DE": 30, "BE": 8, "ES": 5, "IT": 1},
                "other": 0,
            },
            "orders": {"kind": "number", "missing": 0.0, "edges": [1.0, 2.0, 3.0, 5.0], "counts": [20, 20, 20, 20, 20]},
            "active": {"kind": "boolean", "missing": 0.0, "edges": [0.5], "counts": [10, 10]},
        }
    }
    columns = {
        "country": Values.of(Kind.CATEGORY, ["FR", "XX", None, "DE", "FR"]),
        "orders": Values(Kind.NUMBER, np.array([0.0, 1.0, 2.0, 9.0, np.nan])),
        "active": Values.of(Kind.BOOLEAN, [True, False, True, None, False]),
        "unheard": Values(Kind.NUMBER, np.zeros(5)),
    }
    found = {name: np.flatnonzero(mask).tolist() for name, mask in groups_of(columns, profile).items()}
    assert found["country = FR"] == [0, 4] and found["country = other"] == [1] and found["country missing"] == [2]
    numbers = {name: rows for name, rows in found.items() if "orders" in name}
    assert sorted(one for rows in numbers.values() for one in rows) == [0, 1, 2, 3] and 3 <= len(numbers) <= 4
    assert (found["active = yes"], found["active = no"]) == ([0, 2], [1, 4])
    assert not [name for name in found if "unheard" in name]
    importance = {"orders": {"drop": 0.1}, "country": {"drop": 0.3}, "gone": {"drop": 0.9}}
    assert group_features(importance, profile) == ["country", "orders"]


def test_a_change_is_parted_into_customers_and_what_becomes_of_them() -> None:
    r = np.random.default_rng(3)
    z = r.normal(-0.5, 0.4, 20_000)  # other customers: scores that are closer together rank worse
    p = 1 / (1 + np.exp(-z))
    same = realised((r.random(20_000) < p).astype(float), p, p > 0.4)
    from vigie.watch.estimate import expected_of

    said = expected_of(p, p > 0.4)["auc"]
    change = change_of("auc", 0.80, said, same, 5_000)
    assert change.covariate.high < -0.1 and change.concept.low < 0 < change.concept.high
    worse = realised((r.random(20_000) < p[r.permutation(20_000)]).astype(float), p, p > 0.4)
    change = change_of("auc", said, said, worse, 5_000)
    assert change.covariate.low < 0 < change.covariate.high and change.concept.high < -0.05


def test_signals_tell_what_is_lost_a_day() -> None:
    r = np.random.default_rng(5)
    from vigie.economics import PayoffValues

    p = r.uniform(0.3, 0.9, 3_000)
    y = (r.random(3_000) < p - 0.25).astype(float)
    truth = realised(y, p, np.ones(3_000, bool), PayoffValues.constant(10, -10))
    test = {"n": 3_000, "positives": 1_800, "auc": 0.7, "value": 2.0, "log_loss": 0.55}
    seen_now = Performance(
        score="churn", model="3", now=40 * DAY, begin=0, end=28 * DAY, realised=truth, said={}, test=test, customers=500, currency="EUR",
        unbiased=False,
    )  # fmt: skip
    found = {(one.code, one.subject): one for one in signals_of(seen_now)}
    lost = found["VGW202", "value"]
    assert lost.rings and lost.loss == pytest.approx(500 * 20 * 0.25, rel=0.1)
    assert lost.details["lost_a_day"][1] < 2_500 < lost.details["lost_a_day"][2]
    assert "EUR a day are lost" in lost.words
    assert not found["VGW207", "outcomes"].rings


# -- cohorts -------------------------------------------------------------------------------------------------------------


def test_days_and_weeks() -> None:
    moment = parse_moment("2026-11-21T17:00")
    assert cohort_of(moment).key == "2026-11-21" and cohort_of(moment, "week").key == "2026-11-16"
    day = cohort_of(moment)
    assert day.mature_at(30 * DAY) == day.end + 30 * DAY
    assert day.mature_share(30 * DAY, day.begin + 30 * DAY + DAY // 4) == 0.25


def test_a_customer_counts_once_a_horizon_and_every_day_has_its_share() -> None:
    customers = [f"c{i}" for i in range(700)]
    last: dict[str, int] = {}
    counted: dict[str, list[int]] = {}
    shares = []
    for day in range(60):
        fresh = first_in_block(customers, day * DAY, 7 * DAY, list(last.items()))
        for key, one in zip(customers, fresh, strict=True):
            if one:
                counted.setdefault(key, []).append(day)
        shares.append(fresh.mean())
        last = dict.fromkeys(customers, day * DAY)
    assert all(set(np.diff(when)[1:]) <= {7} for when in counted.values())
    assert 0.08 < min(shares[7:]) <= max(shares[7:]) < 0.21


def test_first_of_each_and_groups() -> None:
    places = first_of_each(["a", "b", "a", "b"], np.array([5, 3, 4, 3]), np.array([1, 9, 1, 8]))
    assert places.tolist() == [2, 3]
    groups = group_of(["a", "b", "a"])
    assert groups[0] == groups[2] and groups.min() >= 0 and groups.max() < 64


def test_the_hold_out_stands_for_those_who_were_acted_on() -> None:
    """The mean outcome without action comes out, though nine of ten who would be acted on were, and it helped."""
    r = np.random.default_rng(0)
    p = r.uniform(0, 1, 50_000)
    would = p > 0.5
    acted = would & (r.random(50_000) > 0.1)
    y = (r.random(50_000) < np.where(acted, p / 2, p)).astype(float)
    w = untouched(would, acted, 0.1)
    kept = w > 0
    truth = realised(y[kept], p[kept], would[kept], weights=w[kept])
    assert (
        truth["outcome_rate"].low < 0.5 < truth["outcome_rate"].high
        and truth["precision"].low < 0.75 < truth["precision"].high
    )
    assert realised(y, p, would)["precision"].high < 0.6

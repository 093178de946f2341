"""Profiles of parts added are the profile of the whole, to the last bit, and count what is there."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import profile_of
from vigie.bundle.profile import MOST_CATEGORIES
from vigie.definition import Kind
from vigie.errors import BundleError
from vigie.features.values import Values
from vigie.watch.profile import Layout, Profile, hashed, merged, reference_of

N = 400
RNG = np.random.default_rng(7)
NUMBERS = np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(50, 9, N))
PROBABILITY = RNG.beta(1, 20, N)
PLAN = RNG.choice(["a", "b", "c"], N).tolist()


def columns_of(numbers, plans, flags=None, times=None):
    rows = len(numbers)
    return {
        "amount": Values.of(Kind.NUMBER, numbers),
        "plan": Values.of(Kind.CATEGORY, plans),
        "flag": Values.of(Kind.BOOLEAN, flags or [True] * rows),
        "since": Values.of(Kind.TIME, times or list(range(rows))),
        "words": Values.of(Kind.TEXT, ["x"] * rows),
    }


REFERENCE = profile_of(
    columns_of(NUMBERS.tolist(), PLAN, (RNG.random(N) < 0.5).tolist(), RNG.integers(0, 10**15, N).tolist()),
    PROBABILITY,
    customers=np.array([str(i % 100) for i in range(N)], dtype=object),
    acted=np.arange(N) % 4 == 0,
    outcome=np.arange(N) % 5 == 0,
)
LAYOUT = Layout.of(json.loads(json.dumps(REFERENCE)))
row = st.tuples(
    st.one_of(st.none(), st.floats(allow_nan=False), st.floats(0, 100)),
    st.one_of(st.none(), st.sampled_from(["a", "b", "c", "new"])),
    st.sampled_from(["1", "2", "3", "long name", "ünï"]),
    st.floats(0, 1),
    st.sampled_from([0.0, 1.0, float("nan")]),
)


def counted(rows) -> Profile:
    columns = columns_of([one[0] for one in rows], [one[1] for one in rows])
    return LAYOUT.count(
        columns,
        [one[2] for one in rows],
        np.array([one[3] for one in rows]),
        np.array([one[4] for one in rows]),
        np.array([one[4] for one in rows]),
    )


@settings(max_examples=60)
@given(st.lists(row, min_size=3, max_size=60), st.randoms(use_true_random=False))
def test_a_union_is_the_sum_of_its_parts_however_it_is_divided(rows, chance: random.Random):
    whole = as_set(counted(rows))
    cuts = sorted(chance.sample(range(len(rows) + 1), 2))
    parts = [counted(part) for part in (rows[: cuts[0]], rows[cuts[0] : cuts[1]], rows[cuts[1] :])]
    a, b, c = chance.sample(parts, 3)
    left, right = merged([merged([a, b]), c]), merged([c, merged([b, a])])
    for one in (merged([a, b, c]), left, right, merged([left, LAYOUT.empty()])):
        assert as_set(one) == whole


def as_set(profile: Profile):
    data = profile.to_data()
    return {**data, "features": dict(sorted(data["features"].items()))}


@given(st.lists(row, min_size=1, max_size=60))
def test_every_row_is_in_one_place(rows):
    profile = counted(rows)
    for name in ("amount", "plan", "flag", "since", "words"):
        assert profile.of(name) == profile.rows == len(rows)
    assert profile.missing["amount"] == sum(one[0] is None for one in rows)
    assert profile.unseen["plan"] == sum(one[1] == "new" for one in rows)
    assert profile.score.sum() == len(rows)
    assert as_set(Profile.from_data(json.loads(json.dumps(profile.to_data())))) == as_set(profile)


def test_the_reference_counted_again_is_the_reference():
    columns = columns_of(NUMBERS.tolist(), PLAN)
    profile, basis = LAYOUT.count(columns, [str(i) for i in range(N)], PROBABILITY), reference_of(LAYOUT, REFERENCE)
    for name in ("amount", "plan"):
        assert profile.cells[name].tolist() == basis.profile.cells[name].tolist()
        assert profile.missing[name] == basis.profile.missing[name]
    assert profile.score.tolist() == basis.profile.score.tolist() and profile.score.max() <= 0.06 * N
    assert abs(profile.mean_shift("amount")) < 1e-4
    assert basis.effective == pytest.approx(100)
    assert (basis.profile.decided, basis.profile.acted) == (N, N // 4)
    assert (basis.profile.known, basis.profile.positives) == (N, N // 5)


def test_an_older_bundle_has_fewer_things_to_compare():
    old = {key: REFERENCE[key] for key in ("rows", "features", "score", "quantiles_at")}
    basis = reference_of(Layout.of(old), old)
    assert basis.effective == N and basis.profile.decided == basis.profile.known == 0
    assert Layout.of(old).key == LAYOUT.key
    with pytest.raises(BundleError, match="no reference profile"):
        Layout.of({})


def test_rare_categories_are_told_from_new_ones():
    names = [f"c{i:03}" for i in range(MOST_CATEGORIES + 40)]
    told = profile_of({"c": Values.of(Kind.CATEGORY, names)}, np.full(len(names), 0.5))
    asked = {"c": Values.of(Kind.CATEGORY, [names[0], names[-1], "new", None])}
    profile = Layout.of(told).count(asked, ["1", "2", "3", "4"])
    assert (profile.cells["c"][-1], profile.unseen["c"], profile.missing["c"]) == (1, 1, 1)
    del told["features"]["c"]["rare"]  # as bundles were before: what is not counted one by one is one of the rest
    profile = Layout.of(told).count(asked, ["1", "2", "3", "4"])
    assert (profile.cells["c"][-1], profile.unseen["c"]) == (2, 0)


def test_the_mean_moves_with_the_values_and_outliers_do_not_run_away():
    columns = columns_of((NUMBERS + 4.5).tolist(), PLAN)
    profile = LAYOUT.count(columns, [str(i) for i in range(N)])
    cells = LAYOUT.features["amount"]
    assert profile.mean_shift("amount") == pytest.approx(4.5 / cells.std, abs=1e-4)
    wild = LAYOUT.count(columns_of([1e308, -1e308, 50.0], ["a"] * 3), ["1", "2", "3"])
    assert abs(wild.mean_shift("amount")) < 1


@pytest.mark.parametrize("repeats", [1, 3, 30])
def test_rows_of_the_same_customers_are_worth_no_more_than_customers(repeats):
    customers = [f"customer {i}" for i in range(3_000)]
    profile = merged([LAYOUT.count({}, customers) for _ in range(repeats)])
    assert profile.rows == 3_000 * repeats
    assert profile.effective == pytest.approx(3_000, rel=0.12)


def test_one_who_asks_all_the_time_makes_the_rows_worth_less():
    profile = LAYOUT.count({}, ["robot"] * 5_000 + [str(i) for i in range(5_000)])
    assert profile.effective < 5


def test_the_hash_is_of_the_text_alone():
    together = hashed(["a", "a much longer name than that", "ü", "a"])
    assert together[0] == together[3] == hashed(["a"])[0] and together[2] == hashed(["ü"])[0]
    assert hashed(["a"]).tolist() == [hashed(np.array(["a"], dtype=object))[0]]
    many = hashed([str(i) for i in range(100_000)])
    assert len(np.unique(many)) == 100_000
    places = np.bincount((many % np.uint64(64)).astype(int), minlength=64)
    assert places.min() > 1_350 and places.max() < 1_780
    assert len(np.unique(hashed([None, None, "a"]))) == 3


def test_profiles_of_different_cells_are_not_added():
    other = Layout.of(profile_of(columns_of((NUMBERS * 2).tolist(), PLAN), PROBABILITY))
    with pytest.raises(ValueError, match="2 layouts"):
        merged([LAYOUT.empty(), other.empty()])
    with pytest.raises(ValueError, match="amount"):
        LAYOUT.count({"amount": Values.of(Kind.CATEGORY, ["a"])}, ["1"])

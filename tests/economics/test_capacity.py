"""Capacity: the best of each moment, and a line for single requests that keeps within the share."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import acted_share, request_cut, top_k

gains = st.lists(st.one_of(st.floats(-100, 100), st.integers(-3, 3).map(float), st.just(float("nan"))), max_size=9)


@given(gains, st.integers(1, 6))
def test_no_other_set_of_at_most_k_customers_gains_more(gain, k):
    gain = np.array(gain, dtype=float)
    act = top_k(gain, 0.0, k)
    assert act.sum() <= k and not np.isnan(gain[act]).any()
    known = [i for i in range(len(gain)) if not np.isnan(gain[i])]
    best = max(
        sum(gain[list(chosen)]) for size in range(k + 1) for chosen in combinations(known, min(size, len(known)))
    )
    assert gain[act].sum() >= best - 1e-9


@given(gains, st.floats(-5, 5), st.one_of(st.none(), st.integers(1, 4)), st.data())
def test_every_moment_is_decided_by_itself(gain, least, k, data):
    gain = np.array(gain, dtype=float)
    moments = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=len(gain), max_size=len(gain))), dtype=np.int64)
    act = top_k(gain, least, k, moments)
    for moment in set(moments.tolist()):
        rows = moments == moment
        assert act[rows].tolist() == top_k(gain[rows], least, k).tolist()
    assert (gain[act] >= least).all()
    if k is None:
        assert np.array_equal(act, gain >= least)


def test_of_equals_the_earlier_row_is_taken():
    assert top_k(np.array([1.0, 2.0, 1.0, 1.0]), 0.0, 2).tolist() == [True, True, False, False]


@given(gains.filter(bool), st.floats(0, 1), st.floats(-5, 5))
def test_a_request_line_keeps_within_the_share_and_wastes_nothing(gain, share, least):
    gain = np.array(gain, dtype=float)
    cut = request_cut(gain, share, least)
    acted = gain >= cut
    allowed = int(np.floor(share * len(gain)))
    assert cut >= least and (acted.sum() <= allowed or allowed >= (gain >= least).sum())
    # The next lower gain would be too many, or is not worth it.
    lower = gain[(gain < cut) & (gain >= least)]
    if len(lower):
        assert (gain >= lower.max()).sum() > allowed
    assert np.isfinite(cut)


def test_the_share_that_capacity_allows():
    moments = np.repeat([1, 2], [100, 300])
    assert acted_share(50, moments) == 100 / 400
    assert acted_share(200, moments) == 300 / 400
    assert acted_share(None, moments) == acted_share(5, moments[:0]) == 1.0
    # Leads have a moment each: capacity of a moment does not bind.
    assert acted_share(1, np.arange(10)) == 1.0


def test_a_million_customers_are_ranked_at_once():
    rng = np.random.default_rng(0)
    gain, moments = rng.normal(size=200_000), rng.integers(0, 24, 200_000)
    act = top_k(gain, 0.0, 1000, moments)
    assert np.bincount(moments[act]).tolist() == [1000] * 24

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.features.sums import ExactSums, exact_sum

NUMBERS = (
    st.floats(allow_nan=True)
    | st.floats(-1e6, 1e6).map(lambda x: round(x, 2))
    | st.integers(-(2**53), 2**53).map(float)
)
COLUMNS = st.lists(NUMBERS, max_size=30) | st.lists(st.integers(0, 100).map(float), max_size=30)


def defined(values):
    """The definition, word by word."""
    there = [v for v in values if not math.isnan(v)]
    if any(math.isinf(v) for v in there):
        return sum(v for v in there if math.isinf(v))
    exact = sum((Fraction(round(Fraction(v) * 2**52), 2**52) for v in there), Fraction(0))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@given(COLUMNS, st.data())
def test_sums_of_slices_are_as_defined_to_the_last_bit(values, data):
    cut = st.integers(0, len(values))
    pairs = data.draw(st.lists(st.tuples(cut, cut).map(sorted), max_size=8))
    lo, hi = (np.array([pair[i] for pair in pairs], dtype=np.int64) for i in (0, 1))
    found = ExactSums(np.array(values, dtype=np.float64)).of(lo, hi)
    for total, (a, b) in zip(found.tolist(), pairs, strict=True):
        np.testing.assert_equal(total, defined(values[a:b]))
        np.testing.assert_equal(exact_sum([v for v in values[a:b] if v == v]), defined(values[a:b]))


@pytest.mark.parametrize("before", [[], [1e300], [0.1] * 1000, [2.0**40 - 1] * 50])
def test_what_lies_before_a_window_changes_nothing(before):
    window = [0.1, 0.2, 0.3, 19.99, -7.77]
    data = np.array([*before, *window, 5.0])
    found = ExactSums(data).of(np.array([len(before)]), np.array([len(before) + len(window)]))
    assert found[0] == math.fsum(window)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sum_beyond_the_largest_double_is_infinite(sign):
    data = sign * np.array([1e308, 1e308, 1e308])
    assert ExactSums(data).of(np.array([0]), np.array([3])).tolist() == [sign * math.inf]
    assert exact_sum(data.tolist()) == defined(data.tolist()) == sign * math.inf


def test_sums_larger_than_the_prefix_holds():
    data = np.full(20_000, 2.0**40 - 0.3)
    found = ExactSums(data).of(np.array([0, 5]), np.array([20_000, 20_000]))
    assert found.tolist() == [defined(data.tolist()), defined(data[5:].tolist())]

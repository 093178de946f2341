"""Laws of the few points that many rows become."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.report.condense import BINS, POINTS, gains, histogram, precision_recall, roc, wilson


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.integers(0, 2, n)
    labels[:2] = (0, 1)
    # Few distinct values, so that ties are the rule.
    return labels, rng.integers(0, draw(st.integers(1, 400)), n) / 400


@given(scored())
def test_a_roc_curve_rises_from_corner_to_corner(data: tuple[np.ndarray, np.ndarray]) -> None:
    curve = roc(*data)
    assert curve[0] == (0, 0) and curve[-1] == (1, 1)
    assert len(curve) <= POINTS
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(curve))


@given(scored())
def test_the_area_below_the_points_is_the_chance_of_ranking_a_pair_rightly(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, p = data
    pairs = p[labels == 1][:, None] - p[labels == 0][None, :]
    auc = float(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    x, y = zip(*roc(labels, p), strict=True)
    assert np.trapezoid(y, x) == pytest.approx(auc, abs=0.01)


@given(scored())
def test_acting_on_all_finds_all(data: tuple[np.ndarray, np.ndarray]) -> None:
    curve = gains(*data)
    assert curve[0] == (0, 0) and curve[-1] == (1, 1) and len(curve) <= POINTS
    recall, precision = precision_recall(*data)[-1]
    assert recall == 1 and precision == pytest.approx(float(np.mean(data[0])))


@given(scored(), st.integers(2, BINS))
def test_a_histogram_holds_everybody_once(data: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    labels, values = data
    values = values * 100
    values[::7] = np.nan
    found = histogram(values, labels, bins=bins, limits=(10, 60))
    known = np.isfinite(values)
    assert len(found) <= bins
    assert sum(b.count for b in found) == known.sum()
    for share, label in (([b.positive for b in found], 1), ([b.negative for b in found], 0)):
        assert sum(share) == pytest.approx(float((labels[known] == label).any()))
    assert all(a.high == b.low for a, b in pairwise(found))


def test_whole_numbers_get_a_bin_each() -> None:
    found = histogram(np.array([0.0, 0, 1, 3]), np.array([0, 1, 0, 0]))
    assert [(b.low, b.high, b.count) for b in found] == [(-0.5, 0.5, 2), (0.5, 1.5, 1), (1.5, 2.5, 0), (2.5, 3.5, 1)]


def test_what_is_not_there_makes_no_points() -> None:
    nobody, ones = np.array([], dtype=int), np.ones(5, dtype=int)
    assert histogram(np.full(3, np.nan), np.ones(3, dtype=int)) == []
    assert roc(ones, np.linspace(0, 1, 5)) == [] and roc(nobody, np.array([])) == []
    assert precision_recall(1 - ones, np.linspace(0, 1, 5)) == [] and gains(nobody, np.array([])) == []
    assert len(histogram(np.full(4, 0.25), np.ones(4, dtype=int))) == 1


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share(count: int, data: st.DataObject) -> None:
    positives = data.draw(st.integers(0, count))
    low, high = wilson(positives, count)
    assert 0 <= low <= positives / count + 1e-12 and positives / count - 1e-12 <= high <= 1


def test_many_rows_stay_few_points() -> None:
    rng = np.random.default_rng(1)
    labels, p = rng.integers(0, 2, 200_000), rng.random(200_000)
    assert max(len(roc(labels, p)), len(gains(labels, p)), len(precision_recall(labels, p))) <= POINTS
    assert len(histogram(p, labels)) <= BINS

"""Distances are those of SciPy on the same cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from vigie.watch.distances import (
    chi_square,
    jensen_shannon,
    kolmogorov_smirnov,
    kullback_leibler,
    pooled,
    psi,
    shares,
    wasserstein,
)

counts = st.integers(2, 12).flatmap(
    lambda b: st.tuples(*[st.lists(st.integers(0, 5_000), min_size=b, max_size=b).filter(any)] * 2)
)
full = st.integers(2, 12).flatmap(lambda b: st.tuples(*[st.lists(st.integers(1, 5_000), min_size=b, max_size=b)] * 2))


@given(full)
def test_divergences_are_scipys(pair):
    p, q = (np.array(one) for one in pair)
    both = stats.entropy(p, q) + stats.entropy(q, p)
    assert psi(p, q, add=0) == pytest.approx(both, abs=1e-9)
    assert kullback_leibler(p, q, add=0) == pytest.approx(stats.entropy(p, q), abs=1e-9)


@given(counts)
def test_with_half_a_row_more_they_are_scipys_too(pair):
    p, q = (np.array(one) + 0.5 for one in pair)
    assert psi(p - 0.5, q - 0.5) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=1e-9)
    assert math.isfinite(psi(p - 0.5, q - 0.5))


@given(counts)
def test_bounded_distances_are_scipys(pair):
    p, q = (np.array(one) for one in pair)
    # SciPy takes the root of a divergence that rounding may have left a little off 0.
    theirs = np.nan_to_num(jensenshannon(p, q, base=2))
    assert float(jensen_shannon(p, q)) ** 2 == pytest.approx(theirs**2, abs=1e-9)
    places = np.arange(len(p))
    values = [np.repeat(places, one) for one in (p, q)]
    if min(map(len, values)):
        theirs = stats.ks_2samp(*values, method="asymp").statistic
        assert kolmogorov_smirnov(p, q) == pytest.approx(theirs, abs=1e-9)
    at = np.sort(np.random.default_rng(len(p)).normal(size=len(p)))
    ours = wasserstein(p, q, at, scale=2.0)
    assert ours == pytest.approx(stats.wasserstein_distance(at, at, p, q) / 2, abs=1e-9)


@given(full)
def test_chi_square_is_scipys(pair):
    p, q = (np.array(one) for one in pair)
    theirs = stats.chi2_contingency([p, q], correction=False)
    statistic, freedom, evidence = chi_square(p, q, least=0)
    assert (statistic, freedom) == (pytest.approx(theirs.statistic, abs=1e-6, rel=1e-9), theirs.dof)
    assert evidence == pytest.approx(theirs.pvalue, abs=1e-9)


@given(counts, st.booleans(), st.floats(0, 50))
def test_what_is_put_together_loses_no_row_and_is_large_enough(pair, ordered, least):
    p, q = (np.array(one, dtype=float) for one in pair)
    a, b = pooled(p, q, least=least, ordered=ordered)
    assert (a.sum(), b.sum()) == (p.sum(), q.sum())
    share = min(p.sum(), q.sum()) / (p.sum() + q.sum())
    assert len(a) == 1 or ((a + b) * share >= least - 1e-9).all()


def test_several_pairs_at_once():
    chance = np.random.default_rng(1)
    p, q = chance.integers(0, 90, (5, 7)), chance.integers(1, 90, (5, 7))
    for distance in (psi, kullback_leibler, jensen_shannon, kolmogorov_smirnov):
        assert distance(p, q) == pytest.approx([float(distance(a, b)) for a, b in zip(p, q, strict=True)])


def test_an_empty_cell_does_not_outweigh_the_others():
    p, q = np.array([0, 500, 500]), np.array([10, 495, 495])
    assert psi(p, q) < 0.05
    assert psi(p, q, add=0) == math.inf
    assert psi(p * 100, q * 100) > psi(p, q)  # the more rows the surer it is that nobody is there
    assert shares(np.zeros(4)).sum() == pytest.approx(1.0)


def test_chance_alone_gives_the_p_values_that_it_should():
    """At 1 % and 5 %, with rare cells, small samples and as many again: χ² with what is few put together."""
    chance = np.random.default_rng(3)
    shares_ = np.array([0.4, 0.3, 0.2, 0.06, 0.03, 0.006, 0.004])
    found = np.array(
        [chi_square(chance.multinomial(120, shares_), chance.multinomial(3_000, shares_))[2] for _ in range(4_000)]
    )
    assert 0.005 < (found <= 0.01).mean() < 0.016
    assert 0.035 < (found <= 0.05).mean() < 0.062


def test_nothing_to_compare_is_no_evidence():
    assert chi_square(np.zeros(3), np.ones(3)) == (0.0, 0, 1.0)
    assert chi_square(np.array([9.0]), np.array([5.0])) == (0.0, 0, 1.0)

"""The incomplete integrals are SciPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from vigie.economics.incomplete import incomplete_beta, incomplete_gamma

shapes = st.floats(0.05, 500)


@given(shapes, shapes, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_beta(a, b, x):
    x = np.array(x)
    assert np.abs(incomplete_beta(a, b, x) - special.betainc(a, b, x)).max() < 2e-12


@given(shapes, st.lists(st.floats(0, 2000), min_size=1, max_size=20))
def test_gamma(a, x):
    x = np.array(x)
    assert np.abs(incomplete_gamma(a, x) - special.gammainc(a, x)).max() < 2e-12


def test_outside_of_the_range():
    ends = np.array([-1.0, 0.0, 1.0, 2.0, np.inf])
    assert incomplete_beta(2, 3, ends).tolist() == [0, 0, 1, 1, 1]
    assert incomplete_gamma(2, np.array([-1.0, 0.0, np.inf])).tolist() == [0, 0, 1]

"""Who gets which model."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vigie.release import Places


@given(st.text(), st.text())
def test_a_place_is_a_share_and_stays(salt: str, customer: str) -> None:
    place = Places(salt).of(customer)
    assert 0 <= place < 1
    assert place == Places(salt).of(customer)


def test_a_place_is_the_same_in_another_process() -> None:
    code = "from vigie.release import Places; print(Places('r').of('42'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(told) == Places("r").of("42")


def test_places_are_uniform_and_those_of_two_salts_independent() -> None:
    n = 20_000
    a, b = (np.array([places.of(str(i)) for i in range(n)]) for places in (Places("a"), Places("b")))
    for one in (a, b):
        # Kolmogorov's distance of uniform numbers exceeds 1.95/√n in one of a thousand sets.
        assert np.abs(np.sort(one) - np.arange(n) / n).max() < 1.95 / n**0.5
    both = (a < 0.1) & (b < 0.3)
    assert abs(both.mean() - 0.03) < 4 * (0.03 / n) ** 0.5
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / n**0.5


def test_a_greater_share_moves_nobody_back() -> None:
    places = [Places("rollout").of(str(i)) for i in range(2_000)]
    few, many = ({i for i, place in enumerate(places) if place < share} for share in (0.05, 0.2))
    assert few and few < many


def test_salt_and_customer_do_not_run_together() -> None:
    assert Places("a").of("bc") != Places("ab").of("c")

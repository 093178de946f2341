"""What the cost matrix says by itself, with values that differ by customer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import PayoffValues
from vigie.findings import Severity
from vigie.training.checks.money import cost_matrix

N = 200


def said_of(*sums: object) -> list[tuple[str, Severity]]:
    payoff = PayoffValues(*(np.asarray(s, float) for s in sums))
    found = cost_matrix(payoff, N, act="contact", leave="leave", currency="EUR")
    return [(f.code, f.severity) for f in found]


def test_a_sound_matrix_says_nothing() -> None:
    assert said_of(56, -11, 0, 0) == []
    assert said_of(0, 0, np.full(N, -75.0), np.full(N, 10.0)) == []


@pytest.mark.parametrize(("share", "severity"), [(0.05, Severity.NOTE), (0.6, Severity.WARNING), (1.0, Severity.ERROR)])
def test_customers_whose_value_is_below_the_cost(share: float, severity: Severity) -> None:
    worth = np.where(np.arange(N) < share * N, 5.0, 300.0)
    assert said_of(0.3 * (worth - 10) - 1, np.full(N, -11.0), 0, 0) == [("VGE004", severity)]


def test_customers_for_whom_nothing_depends_on_the_action_do_not_count() -> None:
    amount = np.where(np.arange(N) < 100, 0.0, 1000.0)
    assert said_of(0, 0, -0.75 * amount, 0.1 * amount) == []


def test_upside_down_and_out_of_scale() -> None:
    assert said_of(-11, 56, 0, 0) == [("VGE005", Severity.ERROR)]
    assert said_of(90_000, -0.001, 0, 0) == [("VGE006", Severity.WARNING)]
    assert said_of(0.001, -90_000, 0, 0) == [("VGE006", Severity.WARNING)]


def test_missing_sums_are_counted_and_the_others_still_looked_at() -> None:
    worth = np.where(np.arange(N) < 20, np.nan, 5.0)
    assert said_of(worth - 10, np.full(N, -11.0), 0, 0) == [
        ("VGE003", Severity.WARNING),
        ("VGE004", Severity.ERROR),
    ]
    assert said_of(np.full(N, np.nan), -11, 0, 0) == [("VGE003", Severity.WARNING)]


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4), st.floats(1e-3, 1e3))
def test_the_unit_of_money_changes_nothing(gain: float, cost: float, unit: float) -> None:
    assert said_of(gain, -cost, 0, 0) == said_of(gain * unit, -cost * unit, 0, 0)

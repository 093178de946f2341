"""The cost matrix for one customer equals that for many, whatever the expressions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.bundle.payoff_values import payoff_row, payoff_values, row_value
from vigie.definition import Campaign, Kind, Loan, Table
from vigie.definition.decision import Payoff
from vigie.definition.expression import Expression, Literal
from vigie.errors import FeatureError
from vigie.features.rowwise import evaluate
from vigie.features.values import Values

TABLE = Table("t", key="id")
KINDS = {
    "t_a": Kind.NUMBER,
    "t_b": Kind.NUMBER,
    "t_flag": Kind.BOOLEAN,
    "t_day": Kind.TIME,
    "t_word": Kind.CATEGORY,
    "moment": Kind.TIME,
}
NUMBER = st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-3, 3).map(float))
ROW = st.fixed_dictionaries(
    {
        "t_a": NUMBER,
        "t_b": NUMBER,
        "t_flag": st.one_of(st.none(), st.booleans()),
        "t_day": st.one_of(st.none(), st.integers(0, 2**50)),
        "t_word": st.one_of(st.none(), st.sampled_from(["x", "y"])),
        "moment": st.integers(0, 2**51),
    }
)

leaves = st.sampled_from([TABLE["a"], TABLE["b"], TABLE["flag"]])
others = st.sampled_from(
    [TABLE["day"].year(), TABLE["day"].age(), TABLE["word"].is_in(["x"]), TABLE["a"].is_null(), TABLE["b"].if_null(2.0)]
)


def grown(inner):
    operator = st.sampled_from(["__add__", "__sub__", "__mul__", "__truediv__"])
    pairs = st.builds(lambda left, name, right: getattr(left, name)(right), inner, operator, inner)
    constants = st.builds(
        lambda left, name, right: getattr(left, name)(right), inner, operator, st.integers(-3, 3).map(float)
    )
    single = st.builds(lambda one, how: how(one), inner, st.sampled_from([lambda e: -e, abs, lambda e: e.log1p()]))
    return pairs | constants | single


EXPRESSIONS = st.recursive(leaves | others, grown, max_leaves=6)


def columns(rows):
    return {name: Values.of(kind, [row[name] for row in rows]) for name, kind in KINDS.items()}


@given(EXPRESSIONS, st.lists(ROW, min_size=1, max_size=5))
def test_one_customer_as_many(expression, rows):
    many = evaluate(expression, columns(rows), len(rows)).data
    one = row_value(expression, KINDS)
    assert np.array_equal([one(row) for row in rows], many, equal_nan=True)


@given(st.lists(ROW, min_size=1, max_size=4))
def test_four_sums_for_one_customer_as_for_many(rows):
    campaign = Campaign(contact_cost=1, offer_cost=TABLE["b"], accepted=0.3, customer_value=TABLE["a"])
    many = payoff_values(campaign.payoff(), columns(rows), len(rows))
    one = payoff_row(campaign.payoff(), KINDS)
    for position, row in enumerate(rows):
        expected = [np.broadcast_to(total, len(rows))[position] for total in many.sums()]
        assert np.array_equal(one(row), expected, equal_nan=True)


def test_constants_are_computed_once():
    row = payoff_row(Loan(amount=1000, interest=0.1).payoff(), {})
    assert row({}) is row({"anything": 1})
    assert row({}) == (0.0, 0.0, -750.0, 100.0)


def test_a_text_and_an_absent_leaf():
    with pytest.raises(FeatureError, match="no values for 't_a'"):
        payoff_values(Payoff(TABLE["a"], Literal(0.0), Literal(0.0), Literal(0.0)), {}, 2)
    same: Expression = TABLE["word"] == "x"
    assert row_value(same, KINDS)({"t_word": "x"}) == 1.0
    assert np.isnan(row_value(same, KINDS)({}))

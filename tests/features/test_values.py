from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.definition.kind import Kind
from vigie.errors import FeatureError
from vigie.features.values import NULL_TIME, Values

PLAIN = {
    Kind.NUMBER: st.floats(allow_nan=False) | st.integers(-(2**53), 2**53).map(float),
    Kind.BOOLEAN: st.booleans(),
    Kind.CATEGORY: st.text(max_size=3),
    Kind.TIME: st.integers(-(2**62), 2**62),
    Kind.TEXT: st.text(max_size=3),
}


@st.composite
def columns(draw):
    kind = draw(st.sampled_from(list(Kind)))
    column = st.lists(st.none() | PLAIN[kind], max_size=8)
    return kind, draw(st.lists(column, min_size=1, max_size=4))


@given(columns())
def test_python_values_come_back_as_they_were(case):
    kind, parts = case
    for part in parts:
        values = Values.of(kind, part)
        assert len(values) == len(part)
        assert values.to_list() == part
        assert values.nulls().tolist() == [value is None for value in part]


@given(columns())
def test_joined_columns_hold_the_values_of_all(case):
    kind, parts = case
    joined = Values.concat([Values.of(kind, part) for part in parts])
    assert joined.to_list() == [value for part in parts for value in part]
    assert len(set(joined.categories)) == len(joined.categories)


def test_take_keeps_order_and_categories():
    values = Values.of(Kind.CATEGORY, ["b", None, "ä"])
    assert values.take(np.array([2, 0, 0])).to_list() == ["ä", "b", "b"]
    assert values.take(np.array([False, True, False])).to_list() == [None]


def test_nan_is_null_and_storage_is_as_documented():
    assert Values.of(Kind.NUMBER, [math.nan, 1, True]).to_list() == [None, 1.0, 1.0]
    assert Values.of(Kind.TIME, [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None]).data.tolist() == [
        1_000_000,
        NULL_TIME,
    ]
    assert Values.of(Kind.CATEGORY, ["b", "a", None]).data.dtype == np.int32
    assert Values.missing(Kind.TEXT, 2).to_list() == [None, None]
    assert Values.of(Kind.TEXT, []).data.dtype == object


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.NUMBER, "1"), (Kind.BOOLEAN, 2), (Kind.CATEGORY, 1), (Kind.TIME, 1.5), (Kind.TIME, True), (Kind.TEXT, b"x")],
)
def test_a_value_of_another_kind_is_refused(kind, value):
    with pytest.raises(FeatureError, match="is not a"):
        Values.of(kind, [value])


def test_columns_of_two_kinds_do_not_join():
    with pytest.raises(FeatureError, match="cannot be joined"):
        Values.concat([Values.missing(Kind.NUMBER, 1), Values.missing(Kind.TEXT, 1)])
    with pytest.raises(FeatureError, match="nothing to join"):
        Values.concat([])

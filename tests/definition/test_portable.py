"""Expressions as plain data: the round trip is exact and nothing else is accepted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie import Events, Table, days, moment
from vigie.definition.aggregate import FUNCTIONS, Aggregate, EventColumn
from vigie.definition.expression import Feature, Literal
from vigie.definition.portable import from_data, to_data
from vigie.definition.related import Related
from vigie.errors import DefinitionError

customers = Table("customers", key="id", known_at="seen")
orders = Events("orders", key="id", time="at", id=("a", "b"), known_at="known")
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9)
constants = numbers | st.text(max_size=5) | st.booleans()


def event_values() -> st.SearchStrategy[EventColumn]:
    column = st.text(min_size=1, max_size=6).map(lambda c: orders[c])
    return st.recursive(column, lambda inner: st.one_of(
        st.tuples(inner, numbers).map(lambda p: p[0] * p[1]), st.tuples(inner, inner).map(lambda p: p[0] - p[1])), max_leaves=3)  # fmt: skip


def sources() -> st.SearchStrategy[Events]:
    return st.just(orders) | st.tuples(event_values(), constants).map(lambda p: orders.where(p[0] == p[1]))


def aggregates() -> st.SearchStrategy[Aggregate]:
    window = st.none() | st.integers(1, 400).map(days)
    return st.builds(
        lambda events, function, value, window, parameter: Aggregate(
            events, function, value if FUNCTIONS[function].takes else None, window, False,
            (parameter,) if function == "share" else ()),
        sources(), st.sampled_from(sorted(FUNCTIONS)), event_values(), window, constants)  # fmt: skip


features: st.SearchStrategy[Feature] = st.recursive(
    aggregates() | st.text(min_size=1, max_size=6).map(lambda c: customers[c]) | st.just(moment),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] / p[1]), st.tuples(inner, constants).map(lambda p: p[0] >= p[1]),
        inner.map(lambda f: f.log1p()), inner.map(lambda f: f.bucket(1, 2.5)), inner.map(lambda f: f.is_null()),
        inner.map(lambda f: f.age()), inner.map(lambda f: f.of(customers)["city"]),
        st.tuples(inner, aggregates()).map(lambda p: Related(*p)), inner.map(lambda f: f.named("given").described("  words ").owned_by("team")),
        st.tuples(inner, st.lists(constants, min_size=1, max_size=3)).map(lambda p: p[0].is_in(p[1]))),
    max_leaves=4,
)  # fmt: skip


@given(features)
def test_the_round_trip_through_json_is_exact(feature: Feature) -> None:
    back = from_data(json.loads(json.dumps(to_data(feature))))

    assert isinstance(back, Feature)
    assert back.fingerprint == feature.fingerprint
    assert (back.name, back.description, back.owner) == (feature.name, feature.description, feature.owner)
    assert to_data(back) == to_data(feature)


@given(features, features)
def test_fingerprints_are_equal_exactly_when_meanings_are(one: Feature, other: Feature) -> None:
    assert (one.fingerprint == other.fingerprint) == (one.meaning() == other.meaning())


@pytest.mark.parametrize("data", [{}, {"node": "exec"}, {"node": "operation", "operation": "__import__", "level": "any",
                         "operands": [], "parameters": []}, {"node": "related", "key": {"node": "moment"}, "inner": {"node": "moment"}}, {"node": "aggregate"}, {"node": "column", "source": {}}])  # fmt: skip
def test_other_data_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(DefinitionError, match="not a stored expression"):
        from_data(data)


def test_literals_keep_their_type() -> None:
    for value in (True, 1, 1.5, "1"):
        back = from_data(to_data(Literal(value)))
        assert isinstance(back, Literal)
        assert back.value == value
        assert type(back.value) is type(value)

"""Requests: what is read, and what is refused naming field and reason."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.bundle import Input
from vigie.bundle.parse import InputReader
from vigie.clock import DAY
from vigie.definition import Kind
from vigie.errors import InputError

READER_INPUTS = (
    Input("amount", Kind.NUMBER),
    Input("country", Kind.CATEGORY, categories=("fr", "de")),
    Input("active", Kind.BOOLEAN),
    Input("since", Kind.TIME),
    Input("clv", Kind.NUMBER, "extra", required=True),
)
READER = InputReader(READER_INPUTS)


def test_values_are_read():
    given = {"amount": 3, "country": "never seen", "active": True, "since": "1970-01-02", "clv": 1.5}
    assert READER.read(given) == {"amount": 3.0, "country": "never seen", "active": True, "since": DAY, "clv": 1.5}
    assert isinstance(READER.read({"amount": 3, "clv": 1})["amount"], float)
    assert READER.read({"clv": 1, "since": 17, "amount": None}) == {"clv": 1.0, "since": 17}
    assert READER.read({"clv": 1, "since": "1970-01-01T01:00:00+01:00"})["since"] == 0


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"amuont": 1}, "amuont", "did you mean 'amount'"),
        ({"amuont": None}, "amuont", "did you mean 'amount'"),
        ({}, "clv", "is missing"),
        ({"clv": None}, "clv", "is null and may not be"),
        ({"amount": "3"}, "amount", "'3' is a text"),
        ({"amount": True}, "amount", "True is a truth value"),
        ({"amount": float("nan")}, "amount", "give null"),
        ({"amount": float("inf")}, "amount", "inf is not a number"),
        ({"amount": 10**400}, "amount", "too large"),
        ({"amount": [1]}, "amount", "is a list"),
        ({"country": 3}, "country", "3 is a number"),
        ({"country": {"a": 1}}, "country", "set of fields"),
        ({"active": 1}, "active", "1 is a number"),
        ({"active": "yes"}, "active", "give true, false or null"),
        ({"since": "yesterday"}, "since", "'yesterday' is not a date"),
        ({"since": 1.5}, "since", "1.5 is a number"),
        ({"since": True}, "since", "truth value"),
        ({"since": 2**62}, "since", "years 1 to 9999"),
        ({"since": "0001-01-01T00:00:00+23:00"}, "since", "years 1 to 9999"),
        ({"country": "x" * 5000, "amount": "y" * 5000}, "amount", r"\.\.\. is a text"),
    ],
)
def test_what_cannot_be_read_is_named(values, field, said):
    with pytest.raises(InputError, match=said) as error:
        READER.read({"clv": 1, **values} if values and "clv" not in values else values)
    assert error.value.field == field
    assert len(str(error.value)) < 500


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["amount", "country", "active", "since", "clv"]), st.text(max_size=8)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
    )
)
def test_whatever_comes_is_read_or_named(values):
    try:
        found = READER.read(values)
    except InputError:
        found = {"clv": 1.0}
    assert set(found) <= {"amount", "country", "active", "since", "clv"} and "clv" in found


SENT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.just("1970-01-02"),
    st.lists(st.none(), max_size=1),
)
NAMES = ("amount", "country", "active", "since", "clv", "left_out", "unknown")


@given(st.dictionaries(st.sampled_from(NAMES), SENT), st.booleans())
def test_what_is_decoded_at_once_is_what_is_read(values, spaced):
    """The shape takes nothing that would be refused, and makes the same of what it takes."""
    reader = InputReader(READER_INPUTS, ignored=["left_out"])
    body = json.dumps({"values": values}, indent=2 if spaced else None).encode()
    request = msgspec.defstruct("Request", [("values", reader.shape)])
    try:
        taken = reader.taken(msgspec.json.decode(body, type=request).values)
    except ValueError:
        taken = None
    if taken is not None:
        assert list(map(repr, sorted(taken.items()))) == list(map(repr, sorted(reader.read(values).items())))
    plain = {name: value for name, value in values.items() if name in ("amount", "clv", "country", "active")}
    if plain == values and "clv" in values and _fits(values):
        assert taken is not None, "what is sent most often takes the quick way"


def _fits(values):
    kinds = {"amount": float, "clv": float, "country": str, "active": bool}
    return values["clv"] is not None and all(
        value is None or (type(value) is kinds[name] and value == value and value not in (math.inf, -math.inf))
        for name, value in values.items()
    )


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "9" * 400, "1" + "0" * 25, "123456789012345678901", "-0.0", "5e-324"]
)
def test_numbers_are_the_same_whichever_way(number):
    body = b'{"amount": %s, "clv": 1}' % number.encode()
    try:
        taken = READER.taken(msgspec.json.decode(body, type=READER.shape))
    except ValueError:
        return
    assert taken is not None and repr(taken) == repr(READER.read(msgspec.json.decode(body)))

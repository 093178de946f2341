"""The kernel equals the reference, bit for bit, on generated histories."""

from __future__ import annotations

import itertools
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.definition import Events, Kind, Table, days, hours, moment
from vigie.definition.aggregate import FUNCTIONS, Aggregate
from vigie.definition.window import Window
from vigie.features import reference
from vigie.features.aggregates import AGGREGATE
from vigie.features.history import ALWAYS, Block, IdList
from vigie.features.kernel import evaluate
from vigie.features.reference import Record
from vigie.features.values import Values
from vigie.features.windows import Rows

HOUR = 3_600_000_000
KINDS = {
    "amount": Kind.NUMBER,
    "flag": Kind.BOOLEAN,
    "channel": Kind.CATEGORY,
    "due": Kind.TIME,
    "note": Kind.TEXT,
}
ORDERS = Events("orders", key="c", time="at", id="id")
LATE = Events("late", key="c", time="at", id="id", known_at="known")
PROFILE = Table("profile", key="c")
VERSIONS = Table("versions", key="c", known_at="known")

AMOUNTS = st.sampled_from(
    [0.1, 0.2, 0.3, -0.1, 19.99, 1e-17, 5e-324, 1e30, -1e30, 2.0**40, 1.5, 3.0, -0.0, float("inf")]
)
# A coarse grid, so that events, what is known of them, and ends of windows fall on the same microsecond.
TIMES = st.builds(lambda k, more: k * 6 * HOUR + more, st.integers(-2, 8), st.sampled_from([0, 0, 0, 0, 1, HOUR]))
ROW = {
    "amount": st.none() | AMOUNTS | st.floats(allow_nan=False) | st.integers(-100, 100).map(float),
    "flag": st.none() | st.booleans(),
    "channel": st.none() | st.sampled_from(["web", "boutique à 東京", "", "b"]),
    "due": st.none() | TIMES,
    "note": st.none() | st.sampled_from(["x", "ÿ"]),
}
VALUES = st.fixed_dictionaries(ROW)


def records(ids, late: bool):
    return st.builds(
        lambda time, values, key, lag, arrival: Record(time, values, key, time + lag if late else None, arrival),
        TIMES,
        VALUES,
        ids,
        st.sampled_from([0, 0, 1, HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, -HOUR]),
        st.integers(0, 2),
    )


def distinct_arrivals(found):
    return [Record(r.time, r.values, r.id, r.known_at, i) for i, r in enumerate(found)]


IDS = st.sampled_from(["9", "10", "-3", "09", "a", "é", "b", "7", "1e3"])
HISTORY = st.fixed_dictionaries(
    {
        "orders": st.lists(records(IDS, late=False), max_size=9).map(distinct_arrivals),
        "late": st.lists(records(IDS, late=True), max_size=9).map(distinct_arrivals),
        "profile": st.lists(records(st.just(""), late=False), max_size=2).map(distinct_arrivals),
        "versions": st.lists(records(st.just(""), late=False), max_size=4).map(distinct_arrivals),
    }
)
BASE = st.lists(HISTORY, max_size=4)
MOMENTS = st.lists(TIMES, max_size=5)


def every_aggregate(events):
    columns = {kind: events[name] for name, kind in KINDS.items()}
    for name, function in FUNCTIONS.items():
        windows = [(None, False), (days(1), False), (hours(18), False), (days(2), True)]
        for window, future in windows:
            if not function.takes:
                yield Aggregate(events, name, None, window, future)
                continue
            for kind in function.takes:
                constants = {Kind.CATEGORY: ("web",), Kind.BOOLEAN: (True,)}
                parameters = constants[kind] if name == "share" else ()
                yield Aggregate(events, name, columns[kind], window, future, parameters)


FEATURES = [
    *every_aggregate(ORDERS),
    *every_aggregate(LATE),
    *every_aggregate(LATE.where(channel=["web", "b"])),
    *every_aggregate(ORDERS.where((ORDERS["amount"] > 0) | ORDERS["flag"])),
    *(table[name] for table in (PROFILE, VERSIONS) for name in KINDS),
    (ORDERS["amount"] * 2 - 1).sum(days(1)),
    ORDERS["due"].days_since(ORDERS["due"]).mean(days(2)),
    ORDERS["channel"].if_null("none").mode(days(1)),
    ORDERS["amount"].sum(days(1)) / ORDERS["amount"].sum(days(2)),
    (PROFILE["amount"] + ORDERS.count(days(1))).log1p(),
    VERSIONS["due"].days_ago(),
    moment.hour(),
    (VERSIONS["channel"] == PROFILE["channel"]) & (ORDERS.count() > 1),
]


def values_of(name, found):
    return Values.of(KINDS[name], [record.values[name] for record in found])


def block_of(base, source, *, versioned=True):
    found = [(code, record) for code, history in enumerate(base) for record in history[source]]
    all_records = [record for _, record in found]
    events = source in ("orders", "late")
    return Block.build(
        len(base),
        np.array([code for code, _ in found], dtype=np.int64),
        np.array([r.time if versioned else ALWAYS for r in all_records], dtype=np.int64),
        {name: values_of(name, all_records) for name in KINDS},
        known_at=np.array([r.known_at for r in all_records], dtype=np.int64) if source == "late" else None,
        ids=IdList([r.id for r in all_records]) if events else None,
        arrival=np.array([r.arrival for r in all_records], dtype=np.int64),
    )


def blocks_of(base):
    return {
        "orders": block_of(base, "orders"),
        "late": block_of(base, "late"),
        "profile": block_of(base, "profile", versioned=False),
        "versions": block_of(base, "versions"),
    }


def rows_of(customers, moments):
    n = len(moments)
    codes = np.repeat(np.arange(customers, dtype=np.int64), n)
    return Rows(codes, np.tile(np.array(sorted(moments), dtype=np.int64), customers))


def bits(value):
    """Equal exactly when the values are the same to the last bit."""
    return struct.pack("<d", value) if isinstance(value, float) else value


@settings(max_examples=50)
@given(BASE, MOMENTS)
def test_kernel_equals_reference(base, moments):
    rows = rows_of(len(base), moments)
    found = evaluate(FEATURES, blocks_of(base), rows)
    for feature, values in zip(FEATURES, found, strict=True):
        expected = [
            reference.value(feature, base[code], t)
            for code, t in zip(rows.codes.tolist(), rows.moments.tolist(), strict=True)
        ]
        assert [bits(v) for v in values.to_list()] == [bits(v) for v in expected], feature.name


@settings(max_examples=12)
@given(BASE, MOMENTS, st.randoms(use_true_random=False))
def test_neither_order_nor_neighbours_nor_the_past_matter(base, moments, shuffle: random.Random):
    """Any order of arrival in the arrays, any other customers, and anything before the longest window."""
    rows = rows_of(len(base), moments)
    features = [f for f in FEATURES if isinstance(f, Aggregate) and f.window is not None]
    together = evaluate(features, blocks_of(base), rows)
    horizon = 2 * 24 * HOUR
    for code, history in enumerate(base):
        for t in set(moments):
            trimmed = {
                name: [r for r in found if r.time >= t - horizon] if name in ("orders", "late") else found
                for name, found in history.items()
            }
            # Trimming must not bring a repetition to life whose first was cut off: a store keeps events once.
            for name in ("orders", "late"):
                kept = {(r.id, r.time) for r in reference.canonical(history[name])}
                trimmed[name] = [r for r in trimmed[name] if (r.id, r.time) in kept]
                shuffle.shuffle(trimmed[name])
            alone = evaluate(features, blocks_of([trimmed]), Rows(np.zeros(1, np.int64), np.array([t])))
            place = np.flatnonzero((rows.codes == code) & (rows.moments == t))[0]
            for feature, one, all_ in zip(features, alone, together, strict=True):
                assert bits(one.to_list()[0]) == bits(all_.to_list()[place]), feature.name


def test_every_function_is_computed_and_tested():
    assert AGGREGATE.keys() == FUNCTIONS.keys()
    assert {f.function for f in FEATURES if isinstance(f, Aggregate)} == FUNCTIONS.keys()


@pytest.mark.parametrize("customers", [0, 1])
def test_no_events_and_no_rows(customers):
    base = [{"orders": [], "late": [], "profile": [], "versions": []}] * customers
    for moments in ([], [0]):
        rows = rows_of(customers, moments)
        for feature, values in zip(FEATURES, evaluate(FEATURES, blocks_of(base), rows), strict=True):
            assert values.to_list() == [reference.value(feature, base[0], 0) for _ in range(len(rows))]


def test_every_meeting_of_time_knowledge_and_moment():
    """All pairs of events on a grid of a few microseconds: what was known when, exhaustively."""
    pairs = itertools.product(itertools.product(range(3), range(4)), repeat=2)
    values = {"amount": 0.1, "flag": None, "channel": "web", "due": 1, "note": None}
    base = [
        {
            "orders": [],
            "late": [Record(t, values | {"amount": 0.1 + i}, str(i), t + lag, i) for i, (t, lag) in enumerate(pair)],
            "profile": [],
            "versions": [Record(t, values, "", None, i) for i, (t, _) in enumerate(pair)],
        }
        for pair in pairs
    ]
    late = Events("late", key="c", time="at", id="id", known_at="known")
    small = Window(2)
    features = [
        late.count(),
        late.count(small),
        late["amount"].sum(small),
        late["amount"].last(),
        late["amount"].first(small),
        late["amount"].sum(next=small),
        late.where(late["amount"] > 1).count(),
        VERSIONS["amount"],
    ]
    rows = rows_of(len(base), list(range(-1, 8)))
    for feature, found in zip(features, evaluate(features, blocks_of(base), rows), strict=True):
        expected = [
            reference.value(feature, base[c], t) for c, t in zip(rows.codes, rows.moments.tolist(), strict=True)
        ]
        assert found.to_list() == expected, feature.name

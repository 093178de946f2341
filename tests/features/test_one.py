"""The plan for one customer equals the kernel and the reference, bit for bit, for everything the language has."""

from __future__ import annotations

import importlib.util
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vigie.clock import DAY, FixedClock
from vigie.definition import Events, Kind, Table, days, moment
from vigie.definition.aggregate import FUNCTIONS, Aggregate
from vigie.definition.expression import OPERATIONS
from vigie.errors import DefinitionError, FeatureError
from vigie.features import reference
from vigie.features.history import ALWAYS
from vigie.features.kernel import evaluate
from vigie.features.one import Plan
from vigie.features.one_aggregates import on_grid, total
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding
from vigie.features.online.memory_store import MemoryStore
from vigie.features.sums import exact_sum
from vigie.features.values import Values
from vigie.features.windows import Rows

_spec = importlib.util.spec_from_file_location(
    "kernel_tests", Path(__file__).with_name("test_kernel_equals_reference.py")
)
assert _spec is not None
assert _spec.loader is not None
kernel_tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kernel_tests)

KINDS, ORDERS, LATE = kernel_tests.KINDS, kernel_tests.ORDERS, kernel_tests.LATE
PROFILE, VERSIONS = kernel_tests.PROFILE, kernel_tests.VERSIONS
SOURCES = {source.name: source for source in (ORDERS, LATE, PROFILE, VERSIONS)}
HOLDINGS = {name: Holding(source, KINDS, None) for name, source in SOURCES.items()}
AMOUNT, FLAG, CHANNEL, DUE, NOTE = (ORDERS[name] for name in KINDS)
a, f, c, d, n = (VERSIONS[name] for name in KINDS)
b = PROFILE["amount"]

OPERATED = [
    a + b, a - b, a * b, a / b, -a, abs(a), a.log(), a.log1p(), a + f, f * 2, -f, abs(f), f.log1p(), 1 / a, a - 1,
    a == b, a != b, a < b, a <= b, a > b, a >= b, f == PROFILE["flag"], c == "web", c != PROFILE["channel"],
    c < PROFILE["channel"], n == "x", c == n, d < "1970-01-02", d >= PROFILE["due"], d == "1970-01-01T06:00:00",
    f & (a > 0), f | (a > 0), ~f, a.is_null(), c.is_null(), d.is_null(), n.is_null(), f.is_null(), a.if_null(7),
    f.if_null(True), c.if_null("none"), c.if_null(PROFILE["channel"]), d.if_null(PROFILE["due"]), a.bucket(-1.0, 0.0, 1.5),
    a.is_in([1.5, -0.0]), f.is_in([True]), c.is_in(["web", "b"]), d.is_in(["1970-01-01"]), n.is_in(["x"]),
    d.days_since(PROFILE["due"]), d - PROFILE["due"], d.days_ago(), d.age(),
    d.year(), d.month(), d.weekday(), d.hour(), moment.year(), moment.month(), moment.weekday(), moment.hour(),
    (a + b).if_null(a).log1p() / ORDERS.count(days(1)),
]  # fmt: skip
OF_EVENTS = [
    (AMOUNT * 2 - 1).sum(days(1)), (1 / AMOUNT).mean(), (AMOUNT + FLAG).std(), abs(AMOUNT).max(days(2)), (-AMOUNT).min(),
    DUE.days_since(DUE).mean(days(2)), (DUE - ORDERS["due"]).sum(), DUE.weekday().distinct(),
    CHANNEL.if_null("none").mode(days(1)), (AMOUNT > 0).mean(), (FLAG | (AMOUNT > 0)).share(True, days(2)),
    CHANNEL.share("web"), FLAG.share(True), CHANNEL.share(1.0), AMOUNT.bucket(0.0, 1.0).sum(), AMOUNT.log().sum(),
    (~FLAG).first(), NOTE.is_in(["x"]).last(), (CHANNEL == NOTE).distinct(), AMOUNT.is_null().mean(),
    ORDERS.where(channel="web").count(days(1)), ORDERS.where(flag=True)["amount"].sum(),
    ORDERS.where(ORDERS["due"] > "1970-01-01")["channel"].last(days(2)),
    ORDERS.where((ORDERS["amount"] * 2).if_null(0.0) > 1).std_gap(),
    LATE.where(LATE["note"] == "x").days_since_first(days(2)),
]  # fmt: skip
FEATURES = [x for x in kernel_tests.FEATURES if not any(isinstance(y, Aggregate) and y.future for y in x.walk())]
FEATURES = list({x.fingerprint: x for x in [*FEATURES, *OPERATED, *OF_EVENTS]}.values())
PLAN = Plan(FEATURES, HOLDINGS)


def held(history):
    """The history of one customer as an online store has it: what is held of each source, and its blocks."""
    histories = OnlineHistories(MemoryStore(), HOLDINGS, keep=0, clock=FixedClock(0))
    for name, records in history.items():
        if not records:
            continue
        source = SOURCES[name]
        events, versioned = isinstance(source, Events), source.known_at is not None
        histories.put(
            name,
            Arrivals(
                ["x"] * len(records),
                np.array([r.time if events or versioned else ALWAYS for r in records], dtype=np.int64),
                {column: Values.of(kind, [r.values[column] for r in records]) for column, kind in KINDS.items()},
                [r.id for r in records] if events else None,
                np.array([r.known_at for r in records], dtype=np.int64) if events and versioned else None,
            ),
        )
    parts = histories.parts(["x"], list(SOURCES))
    return {name: of[0] for name, of in parts.items()}, histories.joined(["x"], parts).blocks


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@settings(max_examples=150)
@given(kernel_tests.HISTORY, st.lists(kernel_tests.TIMES, min_size=1, max_size=4))
def test_plan_equals_kernel_and_reference(history, moments):
    parts, blocks = held(history)
    for t in sorted(set(moments)):
        found = PLAN.evaluate(parts, t)
        kernel = evaluate(FEATURES, blocks, Rows(np.zeros(1, np.int64), np.array([t])))
        for feature, mine, theirs in zip(FEATURES, found, kernel, strict=True):
            assert bits(mine) == bits(theirs.to_list()[0]), feature.name
            assert bits(mine) == bits(reference.value(feature, history, t)), feature.name


NUMBERS = st.floats(allow_nan=False) | st.sampled_from(
    [0.1, 1 - 2**-53, -(1 - 2**-53), 2**-53, 3 * 2**-53, -0.0, 5e-324]
)


@given(st.lists(NUMBERS, max_size=30))
@example([1e308, 1e308, -1e308, -1e308])
@example([math.inf, -math.inf])
@example([-0.0])
@example([2.0**970] * 40)
def test_totals_are_the_exact_sum(values):
    assert bits(total(on_grid(values))) == bits(exact_sum(values)) or math.isnan(exact_sum(values))


@given(st.floats(-2.0, 2.0))
def test_rounding_to_the_grid_is_to_the_nearest_even(value):
    assert on_grid([value])[0] == (round(math.ldexp(value, 52)) / 2**52 if abs(value) < 1 else value)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.none() | st.floats(-1e3, 1e3) | st.just(0.3)), min_size=50, max_size=300
    ),
    st.sampled_from([0, 1, 100, 399, 400, 500]),
)
def test_longer_histories(events, t):
    records = [
        reference.Record(at * DAY, dict.fromkeys(KINDS) | {"amount": amount, "channel": "ab"[i % 2]}, str(i), None, i)
        for i, (at, amount) in enumerate(events)
    ]
    parts, blocks = held({"orders": records, "late": [], "profile": [], "versions": []})
    features = [
        x
        for window in (days(7), days(30), days(365), None)
        for x in (
            ORDERS.count(window), AMOUNT.sum(window), AMOUNT.mean(window), AMOUNT.max(window), AMOUNT.min(window),
            AMOUNT.std(window), CHANNEL.mode(window), AMOUNT.first(window), AMOUNT.last(window), CHANNEL.distinct(window),
            ORDERS.days_since_last(window), ORDERS.std_gap(window), ORDERS.where(channel="a")["amount"].sum(window),
        )
    ]  # fmt: skip
    kernel = evaluate(features, blocks, Rows(np.zeros(1, np.int64), np.array([t * DAY])))
    assert [bits(v) for v in Plan(features, HOLDINGS).evaluate(parts, t * DAY)] == [
        bits(v.to_list()[0]) for v in kernel
    ]


def test_everything_of_the_language_is_there():
    operations = {x.operation for feature in FEATURES for x in feature.walk() if hasattr(x, "operation")}
    assert operations == OPERATIONS
    assert {x.function for x in FEATURES if isinstance(x, Aggregate)} == FUNCTIONS.keys()


def test_values_of_the_event_at_the_moment():
    records = [
        reference.Record(i, dict.fromkeys(KINDS) | {"amount": i * 0.5, "channel": "web"}, str(i), None, i)
        for i in range(3)
    ]
    parts, _ = held({"orders": records, "late": [], "profile": [], "versions": []})
    plan = Plan([AMOUNT.at_moment() * 2, CHANNEL.at_moment(), ORDERS.count()], HOLDINGS)
    assert plan.evaluate(parts, 2, event=2) == [2.0, "web", 2.0]


COMPANIES = Table("companies", key="company", known_at="known")
MEETINGS = Events("meetings", key="company", time="at", id="id")
RELATED_HOLDINGS = {
    **HOLDINGS,
    "companies": Holding(COMPANIES, {"sector": Kind.CATEGORY, "parent": Kind.CATEGORY, "size": Kind.NUMBER}, None),
    "meetings": Holding(MEETINGS, {"minutes": Kind.NUMBER}, None),
}
COMPANY = ORDERS["channel"].last()
RELATED = [
    COMPANY.of(COMPANIES)["sector"],
    COMPANY.of(COMPANIES)["parent"].of(COMPANIES)["size"] * 2,
    COMPANY.of(MEETINGS).count(days(30)),
    COMPANY.of(MEETINGS)["minutes"].sum(),
    COMPANY.of(MEETINGS).where(MEETINGS["minutes"] > 1).count(),
    VERSIONS["channel"].if_null(COMPANY).of(MEETINGS).days_since_last(),
    ORDERS.count(),
]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([None, "p", "q", "?"])), max_size=4),
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 9), st.sampled_from([None, "p", "q"])), max_size=4),
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 9)), max_size=5),
    st.integers(0, 10),
)
def test_features_of_what_a_customer_belongs_to(own, companies, meetings, t):
    blank = dict.fromkeys(KINDS)
    history = {
        "orders": [reference.Record(at, blank | {"channel": key}, str(i), None, i) for i, (at, key) in enumerate(own)],
        "versions": [
            reference.Record(at, blank | {"channel": key}, "", None, i) for i, (at, key) in enumerate(own[:2])
        ],
    }
    histories = OnlineHistories(MemoryStore(), RELATED_HOLDINGS, keep=0, clock=FixedClock(0))
    relations = {"companies": {}, "meetings": {}}
    for i, (key, at, parent) in enumerate(companies):
        values = {"sector": f"s{i}", "parent": parent, "size": float(i)}
        relations["companies"].setdefault(key, []).append(reference.Record(at, values, "", None, i))
        columns = {
            name: Values.of(kind, [values[name]]) for name, kind in RELATED_HOLDINGS["companies"].columns.items()
        }
        histories.put("companies", Arrivals([key], np.array([at]), columns))
    for i, (key, at) in enumerate(meetings):
        relations["meetings"].setdefault(key, []).append(reference.Record(at, {"minutes": float(i)}, str(i), None, i))
        histories.put(
            "meetings", Arrivals([key], np.array([at]), {"minutes": Values.of(Kind.NUMBER, [float(i)])}, [str(i)])
        )
    parts, _ = held(history | {"late": [], "profile": []})
    asked = []

    def fetch(wanted):
        asked.append(wanted)
        found = {source: histories.parts(keys, [source])[source] for source, keys in wanted.items()}
        return {
            (source, key): part
            for source, keys in wanted.items()
            for key, part in zip(keys, found[source], strict=True)
        }

    found = Plan(RELATED, RELATED_HOLDINGS).evaluate(parts, t, fetch)
    expected = [reference.value(feature, history, t, None, relations) for feature in RELATED]

    assert [bits(v) for v in found] == [bits(v) for v in expected]
    assert len(asked) == 2


def test_what_is_not_held_or_not_yet_known_is_refused():
    with pytest.raises(DefinitionError, match="'orders' has no column 'size'"):
        Plan([ORDERS["size"].sum()], HOLDINGS | {"orders": Holding(ORDERS, {"price": Kind.NUMBER}, None)})
    with pytest.raises(FeatureError, match="future"):
        Plan([ORDERS.count(next=days(1))], HOLDINGS)

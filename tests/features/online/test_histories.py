"""Histories put in any way, in any order, any number of times, give the features of all events at once."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.clock import DAY, FixedClock
from vigie.definition import Events, Kind, Table, days, hours
from vigie.errors import FeatureError
from vigie.features.history import ALWAYS, Block, IdList
from vigie.features.kernel import evaluate
from vigie.features.online import histories as module
from vigie.features.online import settling
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.codec import EVER, NEVER, decode
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding
from vigie.features.online.memory_store import MemoryStore
from vigie.features.values import Values
from vigie.features.windows import Rows

HOUR = DAY // 24
KINDS = {
    "amount": Kind.NUMBER,
    "channel": Kind.CATEGORY,
    "due": Kind.TIME,
    "flag": Kind.BOOLEAN,
    "note": Kind.TEXT,
}
ORDERS = Events("orders", key="c", time="at", id="id")
LATE = Events("late", key="c", time="at", id="id", known_at="known")
PROFILE = Table("profile", key="c")
VERSIONS = Table("versions", key="c", known_at="known")
SOURCES = {source.name: source for source in (ORDERS, LATE, PROFILE, VERSIONS)}
NOW = 100 * DAY
WINDOW, KEEP = 3 * DAY, DAY

FEATURES = [
    feature
    for events in (ORDERS, LATE, ORDERS.where(channel="web"))
    for window in (days(1), hours(60), days(3))
    for feature in (
        events.count(window),
        events["amount"].sum(window),
        events["amount"].first(window),
        events["channel"].last(window),
        events["channel"].mode(window),
        events["note"].last(window),
        events["due"].max(window),
        events["flag"].mean(window),
        events.std_gap(window),
        events.days_since_last(window),
    )
] + [table[name] for table in (PROFILE, VERSIONS) for name in KINDS]

IDS = ["9", "10", "-3", "09", "a", "é", "b", "7", "1e3", "f" * 32, "0" * 31 + "a", "ab" * 16]
VALUES = st.fixed_dictionaries(
    {
        "amount": st.none() | st.sampled_from([0.1, -0.0, 19.99, 1e30, 5e-324]) | st.floats(allow_nan=False),
        "channel": st.none() | st.sampled_from(["web", "à 東京", ""]),
        "due": st.none() | st.integers(0, 10).map(lambda n: n * DAY),
        "flag": st.none() | st.booleans(),
        "note": st.none() | st.sampled_from(["x", "ÿ"]),
    }
)


def event(customer, id, time, lag, values):
    return {"customer": customer, "id": id, "time": time, "known": time + lag, "values": values}


RECENT = st.builds(lambda k, more: NOW - k * 6 * HOUR + more, st.integers(-2, 14), st.sampled_from([0, 0, 0, 1, HOUR]))
EVENT = st.builds(
    event, st.sampled_from("ab"), st.sampled_from(IDS), RECENT, st.sampled_from([0, -HOUR, 1, 6 * HOUR, DAY]), VALUES
)
BATCHES = st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), st.lists(EVENT, min_size=1, max_size=7)), max_size=8)


def arrivals(source, found):
    events = isinstance(source, Events)
    return Arrivals(
        [e["customer"] for e in found],
        np.array([e["time"] if events or source.known_at else ALWAYS for e in found], dtype=np.int64),
        {name: Values.of(kind, [e["values"][name] for e in found]) for name, kind in KINDS.items()},
        [e["id"] for e in found] if events else None,
        np.array([e["known"] for e in found], dtype=np.int64) if events and source.known_at else None,
    )


def online(window: int | None = WINDOW, now: int = NOW, store=None, **more):
    holdings = {name: Holding(source, KINDS, window) for name, source in SOURCES.items()}
    return OnlineHistories(store or MemoryStore(), holdings, keep=KEEP, clock=FixedClock(now), **more)


def block_of(source, found):
    given_ = arrivals(source, found)
    return Block.build(
        2,
        np.array(["ab".index(e["customer"]) for e in found], dtype=np.int64),
        given_.times,
        given_.columns,
        known_at=given_.known_at,
        ids=IdList(given_.ids) if given_.ids is not None else None,
    )


def bits(values):
    return [struct.pack("<d", v) if isinstance(v, float) else v for v in values.to_list()]


def features(blocks, moments):
    rows = Rows(np.repeat([0, 1], len(moments)), np.tile(np.array(moments, dtype=np.int64), 2))
    return {f.name: bits(v) for f, v in zip(FEATURES, evaluate(FEATURES, blocks, rows), strict=True)}


@settings(max_examples=150)
@given(BATCHES, st.randoms(use_true_random=False), st.sampled_from([1, 2, 32]), st.booleans())
def test_any_split_order_repetition_and_compaction(batches, shuffle: random.Random, few, small):
    """What was put in pieces equals one block of everything, whatever was settled, cut or moved in between."""
    histories = online()
    put: dict[str, list[dict]] = {name: [] for name in SOURCES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "FEW", few)
        if small:
            patch.setattr(settling, "LONGEST", 4)
            patch.setattr(module, "LONGEST", 2)
            patch.setattr(settling, "CUT", 2)
            patch.setattr(module, "PENDING", 3)
            patch.setattr(module, "MANY", 2)
        for name, found in batches:
            histories.put(name, arrivals(SOURCES[name], found))
            put[name] += found
            if shuffle.random() < 0.3:
                histories.put(name, arrivals(SOURCES[name], found))
                put[name] += found
            if shuffle.random() < 0.3:
                histories.compact(shuffle.randint(1, 5), runs=shuffle.randint(1, 3))
        seen = histories.blocks(["b", "a"], list(SOURCES))
    expected = {name: block_of(source, put[name]) for name, source in SOURCES.items()}
    moments = sorted({NOW - KEEP, NOW - 6 * HOUR, NOW, NOW + 6 * HOUR, NOW + 10 * DAY})

    assert seen.customers.tolist() == ["a", "b"]
    assert features(seen.blocks, moments) == features(expected, moments)


def test_what_arrived_first_stays_before_a_long_arrival():
    """A long arrival may hold an id, or a moment of a row, that is there already: the order of arrival decides."""
    histories = online(window=None)
    n, words = 9_000, dict.fromkeys(KINDS) | {"note": "new"}
    before = [event("a", str(i), NOW - i * HOUR, 0, words | {"note": "first"}) for i in range(3)]
    more = [event("a", str(i), i * HOUR, 0, words) for i in range(n)]
    again = [event("a", "", e["time"], 0, words) for e in before] + more
    histories.put("orders", arrivals(ORDERS, before))
    histories.put("orders", arrivals(ORDERS, more))
    histories.put("versions", arrivals(VERSIONS, before))
    histories.put("versions", arrivals(VERSIONS, again))
    blocks = histories.blocks(["a", "b"], ["orders", "versions"]).blocks

    expected = block_of(ORDERS, [*before, *more])
    assert blocks["orders"].times.tolist() == expected.times.tolist() and len(expected) == n
    assert blocks["orders"].columns["note"].to_list() == expected.columns["note"].to_list()
    assert set(blocks["versions"].columns["note"].to_list()) == {"new"}


@settings(max_examples=60)
@given(st.lists(EVENT, max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_what_is_too_old_goes_and_the_customer_stays_known(found, pauses):
    """As time goes by, nothing that a window may still need is dropped, everything else is, and nobody is forgotten."""
    once = {(e["customer"], e["id"]): e for e in reversed(found)}  # the first of each: repetitions are another test
    found = sorted(once.values(), key=lambda e: found.index(e))
    store, now = MemoryStore(), NOW
    put = []
    for i, one in enumerate(found):
        now += (pauses[i] if i < len(pauses) else 1) * DAY
        histories = online(now=now, store=store)
        for name in SOURCES:
            histories.put(name, arrivals(SOURCES[name], [one]))
        put.append(one)
        histories.compact(100, runs=1)
        seen = histories.blocks(["a", "b"], list(SOURCES))
        expected = {name: block_of(source, put) for name, source in SOURCES.items()}
        moments = [now - KEEP, now - HOUR, now]
        assert features(seen.blocks, moments) == features(expected, moments)
        held = seen.blocks["orders"]
        assert len(held) == sum(e["time"] >= now - KEEP - WINDOW for e in put)
        for code, customer in enumerate("ab"):
            mine = [e for e in put if e["customer"] == customer]
            assert seen.since["orders"][code] == min((e["time"] + 1 for e in mine), default=NEVER)
            assert seen.since["late"][code] == min((max(e["time"] + 1, e["known"]) for e in mine), default=NEVER)
            assert seen.since["versions"][code] == min((e["time"] for e in mine), default=NEVER)
            assert seen.since["profile"][code] == (EVER if mine else NEVER)


def test_a_source_without_window_is_never_trimmed():
    histories = online(window=None)
    old = event("a", "1", -50 * 365 * DAY, 0, dict.fromkeys(KINDS))
    histories.put("orders", arrivals(ORDERS, [old]))
    histories.compact(10, runs=1)
    histories.check(0, ["orders", "versions"])

    assert histories.blocks(["a"], ["orders"]).blocks["orders"].times.tolist() == [old["time"]]


def test_events_of_the_future_wait_and_trim_nothing():
    histories = online()
    blank = dict.fromkeys(KINDS)
    soon, far = event("a", "1", NOW + HOUR, 0, blank), event("a", "2", 1000 * 365 * DAY, 0, blank)
    past = event("a", "3", NOW - DAY, 0, blank)
    for found in ([past], [far], [soon]):
        histories.put("orders", arrivals(ORDERS, found))
    histories.compact(10, runs=1)
    block = histories.blocks(["a"], ["orders"]).blocks["orders"]
    counts = evaluate(
        [ORDERS.count(days(3))], {"orders": block}, Rows(np.zeros(2, np.int64), np.array([NOW, NOW + DAY]))
    )

    assert block.times.tolist() == [past["time"], soon["time"], far["time"]]
    assert counts[0].to_list() == [1, 2]


def test_an_event_of_1970_makes_its_customer_known_and_nothing_else():
    histories = online()
    blank = dict.fromkeys(KINDS)
    histories.put("orders", arrivals(ORDERS, [event("a", "1", 0, 0, blank)]))
    for _ in range(2):
        seen = histories.blocks(["a"], ["orders"])
        assert (len(seen.blocks["orders"]), seen.since["orders"].tolist()) == (0, [1])
        histories.compact(10, runs=1)


def test_moments_before_what_is_kept_are_refused():
    histories = online()
    histories.check(NOW - KEEP, list(SOURCES))
    histories.check(0, ["profile"])
    for source in ("orders", "versions"):
        with pytest.raises(FeatureError, match="is held no more"):
            histories.check(NOW - KEEP - 1, [source])


def test_erasing_leaves_nothing_of_a_customer():
    store = MemoryStore()
    histories = online(store=store)
    blank = dict.fromkeys(KINDS)
    for customer in "ab":
        histories.put("orders", arrivals(ORDERS, [event(customer, "1", NOW - 1, 0, blank)]))
    histories.erase(["a"])

    assert [len(runs) for runs in store.read([(table, c) for table in histories.tables for c in "ab"])][:2] == [0, 1]
    assert histories.blocks(["a"], ["orders"]).since["orders"].tolist() == [NEVER]


def test_what_arrives_must_be_what_is_held():
    histories = online()
    given_ = arrivals(ORDERS, [event("a", "1", NOW, 0, dict.fromkeys(KINDS))])
    with pytest.raises(FeatureError, match="without column 'note'"):
        histories.put(
            "orders",
            Arrivals(given_.keys, given_.times, {k: v for k, v in given_.columns.items() if k != "note"}, ["1"]),
        )
    with pytest.raises(FeatureError, match="without ids"):
        histories.put("orders", Arrivals(given_.keys, given_.times, given_.columns))
    with pytest.raises(FeatureError, match="without 'known'"):
        histories.put("late", given_)
    with pytest.raises(FeatureError, match="no history of 'visits'"):
        histories.blocks(["a"], ["visits"])


def test_a_run_of_another_time_is_refused():
    with pytest.raises(FeatureError, match="cannot be read"):
        decode(b"\x93\x07\x01\x02")


def test_a_long_history_is_cut_and_a_new_event_rewrites_only_its_newest_part():
    store = MemoryStore()
    histories = online(window=None, store=store)
    n = 50_000
    columns = {name: Values.of(kind, [None] * n) for name, kind in KINDS.items()}
    columns["amount"] = Values(Kind.NUMBER, np.arange(n) * 0.01)
    columns["channel"] = Values(Kind.CATEGORY, np.arange(n, dtype=np.int32), tuple(str(i) for i in range(n)))
    given_ = Arrivals(["a"] * n, np.arange(n, dtype=np.int64) * HOUR, columns, [str(i) for i in range(n)])
    histories.put("orders", given_)
    histories.put("orders", given_)  # again: nothing changes
    table, older = histories.tables[:2]
    before = store.read([(older, "a")])[0]
    histories.put("orders", arrivals(ORDERS, [event("a", "new", n * HOUR, 0, dict.fromkeys(KINDS))]))
    histories.compact(10, runs=1)
    block = histories.blocks(["a", "b"], ["orders"]).blocks["orders"]

    assert len(block) == n + 1
    assert block.times.tolist() == [i * HOUR for i in range(n + 1)]
    assert np.array_equal(block.columns["amount"].data[:n], columns["amount"].data)
    assert block.columns["channel"].to_list()[:n] == list(columns["channel"].categories)
    assert store.read([(older, "a")])[0][: len(before)] == before
    assert sum(map(len, store.read([(table, "a")])[0])) < 600_000

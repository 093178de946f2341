"""By customer id online equals batch scoring, for every kind of moments: who is known, when, and every value."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.clock import DAY, FixedClock
from vigie.definition import Campaign, Events, Kind, Score, Table, at, days, every, moment, once
from vigie.errors import FeatureError
from vigie.features.history import ALWAYS, Block, Histories, IdList
from vigie.features.online import lookup as module
from vigie.features.online import settling
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import joined
from vigie.features.online.lookup import Lookup
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.needs import holdings_of
from vigie.features.training_set import scored_rows
from vigie.features.values import Values

NOW = 50 * DAY
LEADS = Events("leads", key="c", time="at", id="id", known_at="known")
VISITS = Events("visits", key="c", time="at", id="id")
PLANS = Table("plans", key="c", known_at="since")
PROFILE = Table("profile", key="c")
COMPANIES = Table("companies", key="company", known_at="since")
SOURCES = {source.name: source for source in (LEADS, VISITS, PLANS, PROFILE, COMPANIES)}
SCHEMA = {
    "leads": {"amount": Kind.NUMBER, "company": Kind.CATEGORY, "ok": Kind.BOOLEAN},
    "visits": {"amount": Kind.NUMBER, "company": Kind.CATEGORY, "ok": Kind.BOOLEAN},
    "plans": {"amount": Kind.NUMBER, "company": Kind.CATEGORY, "ok": Kind.BOOLEAN},
    "profile": {"amount": Kind.NUMBER, "company": Kind.CATEGORY, "ok": Kind.BOOLEAN},
    "companies": {"amount": Kind.NUMBER, "company": Kind.CATEGORY, "ok": Kind.BOOLEAN},
}
FEATURES = [
    LEADS.count(days(3)), LEADS["amount"].sum(days(5)), VISITS.count(days(2)), VISITS["company"].last(),
    VISITS.where(ok=True)["amount"].mean(), PLANS["company"], PLANS["amount"] * 2, PROFILE["ok"],
    moment.weekday(), PLANS["company"].of(COMPANIES)["amount"], VISITS["company"].last().of(LEADS).count(days(5)),
]  # fmt: skip


def score(moments, *more, features=FEATURES):
    return Score(
        "s",
        moments=moments,
        outcome=VISITS.count(next=days(1)) > 0,
        features=[*features, *more],
        rule=LEADS["amount"].max(days(3)),
        decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=VISITS["amount"].sum(days(4))),
    ).bound(SCHEMA)


AT_LEADS = (LEADS["amount"].at_moment(), LEADS["company"].at_moment().of(COMPANIES)["ok"])
SCORES = {
    "every": score(every("month")),
    "once": score(once()),
    "once, no table": score(once(), features=[LEADS.count(days(3)), VISITS.days_since_last(days(2))]),
    "leads": score(at(LEADS), *AT_LEADS),
    "some leads": score(at(LEADS.where(ok=True)), LEADS["amount"].at_moment()),
    "plans": score(at(PLANS)),
}
TIMES = st.builds(lambda k, us: NOW - k * DAY // 2 + us, st.integers(-1, 20), st.sampled_from([-1, 0, 0, 1]))
EVENT = st.fixed_dictionaries(
    {
        "source": st.sampled_from(sorted(SOURCES)),
        "key": st.sampled_from("abc"),
        "time": TIMES,
        "lag": st.sampled_from([0, 0, DAY // 2, 3 * DAY]),
        "amount": st.none() | st.sampled_from([0.1, 7.0, -2.5]),
        "company": st.none() | st.sampled_from("abz"),
        "ok": st.none() | st.booleans(),
    }
)


def arrivals(source, found, ids):
    events = isinstance(source, Events)
    columns = {name: Values.of(kind, [e[name] for e in found]) for name, kind in SCHEMA[source.name].items()}
    return Arrivals(
        [e["key"] for e in found],
        np.array([e["time"] if events or source.known_at else ALWAYS for e in found], dtype=np.int64),
        columns,
        ids if events else None,
        np.array([e["time"] + e["lag"] for e in found], dtype=np.int64) if events and source.known_at else None,
    )


def batch(found, as_of):
    """Histories as batch scoring loads them: only what was known at *as_of*."""
    blocks = {}
    for name, source in SOURCES.items():
        mine = [(i, e) for i, e in enumerate(found) if e["source"] == name]
        if isinstance(source, Events):
            known = source.known_at is not None
            mine = [(i, e) for i, e in mine if e["time"] < as_of and (not known or e["time"] + e["lag"] <= as_of)]
        elif source.known_at:
            mine = [(i, e) for i, e in mine if e["time"] <= as_of]
        one = arrivals(source, [e for _, e in mine], [str(i) for i, _ in mine])
        blocks[name] = Block.build(
            3,
            np.array(["abc".index(key) for key in one.keys], dtype=np.int64),
            one.times,
            one.columns,
            known_at=one.known_at,
            ids=IdList(one.ids) if one.ids is not None else None,
        )
    return Histories(np.array(list("abc"), dtype=object), blocks)


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


@settings(max_examples=120)
@given(
    st.lists(EVENT, max_size=14),
    st.sampled_from(sorted(SCORES)),
    st.sampled_from([NOW, NOW - DAY, NOW - 3 * DAY - 1]),
    st.sampled_from([24, 0]),
    st.booleans(),
)
def test_by_id_equals_batch_scoring(found, which, as_of, few, long):
    asked = SCORES[which]
    histories = OnlineHistories(MemoryStore(), holdings_of(asked, SCHEMA), keep=4 * DAY, clock=FixedClock(NOW))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", few)
        if long:
            patch.setattr(settling, "LONGEST", 2)
            patch.setattr(settling, "CUT", 1)
        for i, e in enumerate(found):
            if e["source"] in histories.holdings:
                histories.put(e["source"], arrivals(SOURCES[e["source"]], [e], [str(i)]))
        histories.compact(100, runs=1)
        lookup = Lookup(asked, SCHEMA, histories)
        customers = ["c", "a", "b", "a", "nobody"]
        rows = lookup.find(customers, as_of, lookup.values)
        columns = lookup.features(customers, as_of)
        at_hand = lookup.at_hand(customers, as_of)
    known = batch(found, as_of)
    own = Histories(known.customers, {n: b for n, b in known.blocks.items() if n in asked.own_sources})
    expected = scored_rows(asked, own, as_of, dict.fromkeys(asked.related_sources, known))
    place = {expected.customers[code]: i for i, code in enumerate(expected.codes.tolist())}

    for i, customer in enumerate(customers):
        at_ = place.get(customer)
        assert rows[i][0] == columns.known[i] == (at_ is not None)
        assert at_hand is None or (at_hand[i] is None) == (at_ is None)
        if at_ is None:
            continue
        assert rows[i][1] == expected.moments[at_]
        wanted = [bits(values.to_list()[at_]) for values in expected.features.values()]
        assert [bits(value) for value in rows[i][2]] == wanted
        for name, values in {**expected.features, **expected.extras}.items():
            mine = {**columns.features, **columns.extras}[name]
            assert bits(mine.to_list()[i]) == bits(values.to_list()[at_]), name
            if at_hand is not None:
                quick = at_hand[i][name]
                assert bits(quick) == bits(values.to_list()[at_]) and type(quick) is type(mine.to_list()[i]), name


def test_long_and_wide_requests_are_not_answered_at_a_glance():
    asked = SCORES["every"]
    histories = OnlineHistories(MemoryStore(), holdings_of(asked, SCHEMA), keep=DAY, clock=FixedClock(NOW))
    lookup = Lookup(asked, SCHEMA, histories)
    blank = {"time": NOW - 1, "lag": 0, "amount": 1.0, "company": None, "ok": True}
    for i in range(9):
        histories.put("visits", arrivals(VISITS, [{"key": "a", **blank}], [str(i)]))
    few = lookup.glance(["a", "b"], NOW, lookup.values)
    assert few is not None
    assert [found is not None for found in lookup.at_hand(["a", "b"], NOW)] == [True, False]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OnlineHistories, "local", False)
        assert lookup.at_hand(["a"], NOW) is None
    assert [known for known, _, _ in few] == [True, False]
    assert lookup.glance([str(i) for i in range(30)], NOW, lookup.values) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "LONGEST", 2)
        patch.setattr(settling, "CUT", 1)
        histories.compact(10, runs=1)
    assert lookup.glance(["a"], NOW, lookup.values) is None
    assert lookup.find(["a"], NOW, lookup.values) == few[:1]


def test_some_features_alone():
    asked = SCORES["every"]
    histories = OnlineHistories(MemoryStore(), holdings_of(asked, SCHEMA), keep=DAY, clock=FixedClock(NOW))
    lookup = Lookup(asked, SCHEMA, histories)
    two = lookup.named(("profile_ok", "visits_count_2d"))
    assert lookup.named(("profile_ok", "visits_count_2d")) is two
    blank = {"key": "a", "time": NOW - 1, "lag": 0, "amount": 1.0, "company": None, "ok": True}
    histories.put("visits", arrivals(VISITS, [blank], ["1"]))
    assert lookup.find(["a"], NOW, two) == [(True, NOW, [None, 1.0])]
    with pytest.raises(KeyError):
        lookup.named(("nothing",))
    with pytest.raises(FeatureError, match="held no more"):
        lookup.find(["a"], NOW - DAY - 1, two)


def test_what_is_held_for_a_score():
    held = holdings_of(SCORES["every"], SCHEMA)
    assert {name: (tuple(h.columns), h.window) for name, h in held.items()} == {
        "leads": (("amount",), 5 * DAY),
        "visits": (("amount", "company", "ok"), None),
        "plans": (("amount", "company"), 0),
        "profile": (("ok",), 0),
        "companies": (("amount",), 0),
    }
    assert {h.window for h in holdings_of(SCORES["leads"], SCHEMA).values()} == {None}
    both = joined([held, holdings_of(SCORES["once, no table"], SCHEMA)])
    assert both["visits"].window is None
    assert holdings_of(SCORES["once, no table"], SCHEMA)["visits"].window == 4 * DAY


def test_the_fingerprint_changes_with_the_definition_alone():
    def print_of(asked):
        histories = OnlineHistories(MemoryStore(), holdings_of(asked, SCHEMA), keep=0, clock=FixedClock(0))
        return Lookup(asked, SCHEMA, histories).fingerprint

    prints = {print_of(asked) for asked in SCORES.values()}
    assert len(prints) == len(SCORES)
    assert print_of(score(every("month"))) in prints


@pytest.mark.parametrize("few", [24, 0])
@pytest.mark.parametrize(("which", "source", "latest"), [("leads", LEADS, -1), ("plans", PLANS, 0)])
def test_the_latest_moment_is_before_an_event_and_at_a_version(monkeypatch, few, which, source, latest):
    """An event at the very moment is the future; a row known at it is known."""
    monkeypatch.setattr(module, "FEW", few)
    asked = SCORES[which]
    histories = OnlineHistories(MemoryStore(), holdings_of(asked, SCHEMA), keep=4 * DAY, clock=FixedClock(NOW))
    for i, time in enumerate((NOW - 5, NOW - 1, NOW, NOW + 1)):
        one = {"key": "a", "time": time, "lag": 0, "amount": float(i), "company": None, "ok": None}
        histories.put(source.name, arrivals(source, [one], [str(i)]))
    lookup = Lookup(asked, SCHEMA, histories)

    assert lookup.find(["a"], NOW, lookup.values)[0][1] == NOW + latest
    assert not lookup.find(["a"], NOW - 6, lookup.values)[0][0]


@pytest.mark.parametrize("few", [24, 0])
def test_an_event_that_was_not_known_yet_gives_no_moment(monkeypatch, few):
    monkeypatch.setattr(module, "FEW", few)
    asked = SCORES["some leads"]
    histories = OnlineHistories(MemoryStore(), holdings_of(asked, SCHEMA), keep=4 * DAY, clock=FixedClock(NOW))
    for i, (lag, ok) in enumerate([(0, True), (0, False), (9, True), (10, True), (11, True)]):
        one = {"key": "a", "time": NOW - 10 + i, "lag": lag - i, "amount": float(i), "company": None, "ok": ok}
        histories.put("leads", arrivals(LEADS, [one], [str(i)]))
    lookup = Lookup(asked, SCHEMA, histories)

    (_, moment_, values), *_ = lookup.find(["a"], NOW, lookup.values)
    assert (moment_, values[-1]) == (NOW - 7, 3.0)

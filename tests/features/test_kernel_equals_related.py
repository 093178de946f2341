"""Features of what a customer belongs to: the kernel equals the reference, bit for bit, on generated histories."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.definition import Events, Kind, Table, days, moment
from vigie.definition.aggregate import FUNCTIONS
from vigie.definition.related import Related
from vigie.errors import FeatureError
from vigie.features import reference
from vigie.features.entities import named_keys, stages_of
from vigie.features.history import ALWAYS, Block, Histories, IdList
from vigie.features.kernel import evaluate
from vigie.features.reference import Record
from vigie.features.values import Values
from vigie.features.windows import Rows

HOUR = 3_600_000_000
KINDS = {"who": Kind.CATEGORY, "other": Kind.CATEGORY, "size": Kind.NUMBER, "won": Kind.BOOLEAN, "day": Kind.TIME}
LEADS = Table("leads", key="c", known_at="known")
CALLS = Events("calls", key="c", time="at", id="id", known_at="known")
COMPANIES = Table("companies", key="k", known_at="known")
REGISTER = Table("register", key="k")
VISITS = Events("visits", key="k", time="at", id="id", known_at="known")
DATED = ("calls", "visits", "leads", "companies")
EVENTS = ("calls", "visits")
COMPANY = LEADS["who"]
BY_KIND = {Kind.NUMBER: "size", Kind.BOOLEAN: "won", Kind.CATEGORY: "who", Kind.TIME: "day"}

NAMES = ["a", "b", "", "é", "10", "9"]
TIMES = st.builds(lambda k, more: k * 6 * HOUR + more, st.integers(-2, 8), st.sampled_from([0, 0, 0, 1]))
VALUES = st.fixed_dictionaries(
    {
        "who": st.none() | st.sampled_from([*NAMES, "nobody", "zz"]),
        "other": st.none() | st.sampled_from(NAMES),
        "size": st.none() | st.sampled_from([0.1, 0.2, -0.0, 1e30, -1e30, 5e-324, float("inf"), 2.0]),
        "won": st.none() | st.booleans(),
        "day": st.none() | TIMES,
    }
)
RECORD = st.builds(
    lambda time, values, key, lag: Record(time, values, key, time + lag),
    TIMES,
    VALUES,
    st.sampled_from(["1", "10", "9", "x"]),
    st.sampled_from([0, 0, 1, HOUR, 12 * HOUR, 24 * HOUR, -HOUR]),
)


def arrived(source):
    def change(found):
        late = source in EVENTS
        return [Record(r.time, r.values, r.id if late else "", r.known_at if late else None, i) for i, r in enumerate(found)]  # fmt: skip

    return change


def records(source, most):
    return st.lists(RECORD, max_size=most).map(arrived(source))


HISTORY = st.fixed_dictionaries({"leads": records("leads", 3), "calls": records("calls", 5)})
BASE = st.lists(HISTORY, max_size=4)
RELATIONS = st.fixed_dictionaries(
    {
        source: st.dictionaries(st.sampled_from(NAMES), records(source, most), max_size=4)
        for source, most in {"companies": 4, "register": 2, "visits": 6, "calls": 4}.items()
    }
)
MOMENTS = st.lists(TIMES, max_size=5)


def every_aggregate(key, events):
    for name, function in FUNCTIONS.items():
        for window in (None, days(1)):
            if not function.takes:
                yield getattr(key.of(events), name)(window)
            for kind in sorted(function.takes & set(BY_KIND)):
                constant = {Kind.CATEGORY: ("a",), Kind.BOOLEAN: (True,)}[kind] if name == "share" else ()
                yield getattr(key.of(events)[BY_KIND[kind]], name)(*constant, window)


PARENT = COMPANY.of(COMPANIES)["other"]
FEATURES = [
    *(COMPANY.of(table)[column] for table in (COMPANIES, REGISTER) for column in KINDS),
    *every_aggregate(COMPANY, VISITS),
    *every_aggregate(PARENT, VISITS.where(VISITS["size"] > 0)),
    PARENT.of(COMPANIES)["size"],
    PARENT.of(REGISTER)["who"].of(COMPANIES)["other"].of(VISITS).count(),
    CALLS["who"].last().of(REGISTER)["size"],
    CALLS["other"].mode(days(1)).of(VISITS)["size"].sum(days(2)),
    LEADS["who"].if_null(CALLS["who"].first()).of(COMPANIES)["day"].days_ago(),
    LEADS["other"].of(CALLS).count(days(2)),
    CALLS.count() - LEADS["other"].of(CALLS).count(),
    COMPANY.of(COMPANIES)["size"] + COMPANY.of(VISITS["size"] * 2).max(),
    (COMPANY.of(COMPANIES)["who"] == LEADS["who"]) & (moment.hour() > 3),
    COMPANY.of(VISITS)["who"].last().of(REGISTER)["won"].is_null(),
]

LEAVES = [node for feature in FEATURES for node in feature.walk() if isinstance(node, Related)]


def block_of(records_by_key, keys, source):
    found = [(code, record) for code, key in enumerate(keys) for record in records_by_key.get(key, ())]
    all_records = [record for _, record in found]
    return Block.build(
        len(keys),
        np.array([code for code, _ in found], dtype=np.int64),
        np.array([r.time if source in DATED else ALWAYS for r in all_records], dtype=np.int64),
        {name: Values.of(kind, [r.values[name] for r in all_records]) for name, kind in KINDS.items()},
        known_at=np.array([r.known_at for r in all_records], dtype=np.int64) if source in EVENTS else None,
        ids=IdList([r.id for r in all_records]) if source in EVENTS else None,
        arrival=np.array([r.arrival for r in all_records], dtype=np.int64),
    )


def histories_of(records_by_key, source, keys=None):
    keys = sorted(records_by_key) if keys is None else keys
    names = np.empty(len(keys), dtype=object)
    names[:] = keys
    return Histories(names, {source: block_of(records_by_key, keys, source)})


def all_of(relations):
    return {source: histories_of(found, source) for source, found in relations.items()}


def blocks_of(base):
    return {
        source: block_of({i: history[source] for i, history in enumerate(base)}, range(len(base)), source)
        for source in ("leads", "calls")
    }


def rows_of(customers, moments):
    codes = np.repeat(np.arange(customers, dtype=np.int64), len(moments))
    return Rows(codes, np.tile(np.array(sorted(moments), dtype=np.int64), customers))


def bits(values):
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in values]


def expected(feature, base, rows, relations):
    each = zip(rows.codes.tolist(), rows.moments.tolist(), strict=True)
    return [reference.value(feature, base[code], t, None, relations) for code, t in each]


@settings(max_examples=60)
@given(BASE, RELATIONS, MOMENTS)
def test_kernel_equals_reference(base, relations, moments):
    rows = rows_of(len(base), moments)
    found = evaluate(FEATURES, blocks_of(base), rows, all_of(relations))
    for feature, values in zip(FEATURES, found, strict=True):
        assert bits(values.to_list()) == bits(expected(feature, base, rows, relations)), feature.name


@settings(max_examples=30)
@given(BASE, RELATIONS, MOMENTS)
def test_entities_fetched_by_key_give_the_same(base, relations, moments):
    """Only the entities that are named are asked for, each source once a stage; unknown ones may be left out or empty."""
    rows, asked = rows_of(len(base), moments), []

    def fetch(wanted):
        asked.append(wanted)
        assert all(len(set(keys)) == len(keys) for keys in wanted.values())
        known = {source: [k for k in keys if k != "zz"] for source, keys in wanted.items()}
        return {source: histories_of(relations[source], source, sorted(keys)) for source, keys in known.items()}

    together = evaluate(FEATURES, blocks_of(base), rows, all_of(relations))
    found = evaluate(FEATURES, blocks_of(base), rows, fetch)
    assert len(asked) == len(stages_of(LEAVES)) == 4
    for feature, one, other in zip(FEATURES, found, together, strict=True):
        assert bits(one.to_list()) == bits(other.to_list()), feature.name


def test_a_key_that_names_nothing_is_not_a_count_of_nothing():
    blank = dict.fromkeys(KINDS)
    relations = {"visits": {"a": [Record(0, blank, "1", 0)]}, "companies": {}}
    base = [{"leads": [Record(0, blank | {"who": who})], "calls": []} for who in ("a", "b", None)]
    features = [COMPANY.of(VISITS).count(), COMPANY.of(VISITS)["size"].sum(), COMPANY.of(COMPANIES)["size"]]

    found = evaluate(features, blocks_of(base), rows_of(3, [5]), all_of(relations))

    assert [values.to_list() for values in found] == [[1.0, 0.0, None], [None] * 3, [None] * 3]


def test_the_relation_is_the_one_known_at_the_moment():
    """A lead moves from company a to b at 10; b's row becomes known at 20; what happened at b before counts."""
    blank = dict.fromkeys(KINDS)
    base = [{"leads": [Record(0, blank | {"who": "a"}), Record(10, blank | {"who": "b"}, arrival=1)], "calls": []}]
    relations = {
        "companies": {"a": [Record(0, blank | {"size": 1.0})], "b": [Record(20, blank | {"size": 2.0})]},
        "visits": {"a": [Record(1, blank, "1", 1)], "b": [Record(t, blank, str(t), t) for t in (2, 3)]},
    }
    features = [COMPANY.of(COMPANIES)["size"], COMPANY.of(VISITS).count()]

    found = evaluate(features, blocks_of(base), rows_of(1, [-1, 2, 9, 10, 20]), all_of(relations))

    assert found[0].to_list() == [None, 1.0, 1.0, None, 2.0]
    assert found[1].to_list() == [None, 1.0, 1.0, 2.0, 2.0]


def test_what_is_missing_is_said():
    base = [{"leads": [], "calls": []}]
    with pytest.raises(FeatureError, match="no history of related 'visits'"):
        evaluate([COMPANY.of(VISITS).count()], blocks_of(base), rows_of(1, [1]), all_of({"companies": {}}))
    with pytest.raises(FeatureError, match="names no entity"):
        named_keys(Values.of(Kind.NUMBER, [1.0]))


@pytest.mark.parametrize("far", [0, 1 << 62])
def test_moments_that_lie_far_apart(far):
    """Entity and moment that do not fit into one integer together are sorted by both."""
    blank = dict.fromkeys(KINDS)
    who = ["b", "a", "nobody", "c"]
    base = [{"leads": [Record(-far, blank | {"who": name})], "calls": []} for name in who]
    relations = {"visits": {name: [Record(-1, blank, "1", -1)] for name in "abc"}}
    features = [COMPANY.of(VISITS).count()]
    rows = rows_of(4, [-far, 5, far])

    found = evaluate(features, blocks_of(base), rows, all_of(relations))

    assert found[0].to_list() == expected(features[0], base, rows, relations)

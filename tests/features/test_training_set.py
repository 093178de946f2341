"""Training sets from a real lake equal what the reference says row by row, whatever the memory."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from vigie.clock import DAY
from vigie.data.lake import Lake
from vigie.definition import Campaign, Events, Kind, Score, Table, at, days, every, hours, moment, once
from vigie.definition.score import replace_score
from vigie.errors import FeatureError
from vigie.features import reference
from vigie.features.reference import Record
from vigie.features.training_set import build_feature_set, build_training_set

HOUR = 3_600_000_000
NOW = 6 * DAY
ORDERS = Events("orders", key="c", time="at", id="id", known_at="known")
PROFILE = Table("profile", key="c")
STATES = Table("states", key="c", known_at="since")
SCHEMA = {
    "orders": {
        "c": Kind.CATEGORY,
        "at": Kind.TIME,
        "id": Kind.CATEGORY,
        "known": Kind.TIME,
        "amount": Kind.NUMBER,
        "kind": Kind.CATEGORY,
        "gift": Kind.BOOLEAN,
        "due": Kind.TIME,
        "note": Kind.TEXT,
    },
    "profile": {"c": Kind.CATEGORY, "value": Kind.NUMBER, "town": Kind.CATEGORY, "left": Kind.BOOLEAN},
    "states": {"c": Kind.CATEGORY, "since": Kind.TIME, "plan": Kind.CATEGORY, "churned": Kind.BOOLEAN},
}
TYPES = {
    Kind.CATEGORY: pl.String,
    Kind.TEXT: pl.String,
    Kind.NUMBER: pl.Float64,
    Kind.BOOLEAN: pl.Boolean,
    Kind.TIME: pl.Datetime("us", "UTC"),
}
FEATURES = [
    ORDERS.count(days(1, 3)),
    ORDERS["amount"].sum(days(2)),
    ORDERS["amount"].std(),
    ORDERS["kind"].mode(days(3)),
    ORDERS.where(gift=True)["amount"].mean(days(2)),
    ORDERS["due"].max(days(3)),
    ORDERS["note"].distinct(),
    ORDERS.days_since_last(),
    PROFILE["town"],
    STATES["plan"],
    PROFILE["value"] / ORDERS.count(days(3)),
]
DECISION = Campaign(contact_cost=1, offer_cost=2, accepted=0.3, customer_value=PROFILE["value"])


def score(**changes):
    arguments = {
        "name": "churn",
        "moments": every("day"),
        "outcome": ORDERS.count(next=days(2)) == 0,
        "features": FEATURES,
        "decision": DECISION,
        "rule": ORDERS.days_since_last(),
    }
    return Score(**{**arguments, **changes}).bound(SCHEMA)


def when(t):
    return None if t is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t)


def lake_of(folder, base, *, key=str):
    """The base as tables of a lake, as if from two ingests each."""
    lake = Lake(folder)
    for source, kinds in SCHEMA.items():
        rows = [(c, r) for c, history in base.items() for r in history[source]]
        data = {name: [] for name in kinds} | {"_id": [], "_batch": [], "_row": []}
        for c, r in rows:
            own = {"c": key(c), "at": when(r.time), "since": when(r.time), "id": r.id, "known": when(r.known_at)}
            for name, kind in kinds.items():
                value = own[name] if name in own else r.values[name]
                data[name].append(when(value) if kind is Kind.TIME and isinstance(value, int) else value)
            data["_id"].append(r.id)
            data["_batch"].append(f"{r.arrival % 2:08d}")
            data["_row"].append(r.arrival)
        types = {name: TYPES[kind] for name, kind in kinds.items()} | {"_id": pl.String, "_batch": pl.String}
        if key is not str:
            types["c"] = pl.Int64 if key is int else pl.Float64
        frame = pl.DataFrame(data, schema=types | {"_row": pl.Int64})
        frame = frame.with_columns(_ingested_at=pl.lit(when(NOW)))
        lake.append(source, frame if source == "orders" else frame.drop("_id"), moment=1)
    return lake


TIMES = st.integers(0, 16).map(lambda k: k * 12 * HOUR)
ORDER = st.builds(
    lambda time, lag, key, amount, kind, gift, due, note: Record(
        time, {"amount": amount, "kind": kind, "gift": gift, "due": due, "note": note}, key, time + lag
    ),
    TIMES,
    st.sampled_from([0, 0, HOUR, 30 * HOUR]),
    st.sampled_from(["1", "2", "10", "x"]),
    st.none() | st.sampled_from([0.1, 0.7, 3.0, 1e13]),
    st.none() | st.sampled_from(["a", "ü"]),
    st.none() | st.booleans(),
    st.none() | TIMES,
    st.none() | st.sampled_from(["n", "m"]),
)
PROFILES = st.builds(
    lambda value, town, left: Record(0, {"value": value, "town": town, "left": left}),
    st.none() | st.sampled_from([1.0, 2.5]),
    st.none() | st.sampled_from(["Łódź", "Rom"]),
    st.none() | st.booleans(),
)
STATE = st.builds(
    lambda time, plan, churned: Record(time, {"plan": plan, "churned": churned}),
    TIMES,
    st.none() | st.sampled_from(["p", "q"]),
    st.none() | st.booleans(),
)


def arrived(found):
    """Odd places arrive in the second ingest; within the reference, order of arrival is (ingest, row)."""
    return [Record(r.time, r.values, r.id, r.known_at, i) for i, r in enumerate(found)]


HISTORY = st.fixed_dictionaries(
    {
        "orders": st.lists(ORDER, max_size=6).map(arrived),
        "profile": st.lists(PROFILES, max_size=2).map(arrived),
        "states": st.lists(STATE, max_size=3).map(arrived),
    }
)
BASE = st.dictionaries(st.sampled_from(["7", "10", "é", "b", "B", ""]), HISTORY, max_size=5)


def as_known(history, as_of):
    order = lambda r: (r.arrival % 2, r.arrival)  # noqa: E731
    ranked = {s: [(i, r) for i, r in enumerate(sorted(found, key=order))] for s, found in history.items()}
    moved = {s: [Record(r.time, r.values, r.id, r.known_at, i) for i, r in found] for s, found in ranked.items()}
    return {
        "orders": [r for r in moved["orders"] if r.time < as_of and r.known_at <= as_of],
        "profile": moved["profile"],
        "states": [r for r in moved["states"] if r.time <= as_of],
    }


def candidates(asked, history, base):
    """(moment, event or None) of one customer, before the population's condition."""
    orders = reference.canonical(history["orders"])
    if asked.moments == at(ORDERS):
        return [(e.time, e) for e in orders]
    if asked.moments == at(STATES):
        return [(t, None) for t in sorted({r.time for r in history["states"]})]
    if asked.moments.__class__ is once().__class__:
        t = NOW if asked.moments.moment is None else asked.moments.moment
        return [(t, None)] if history["profile"] or any(r.time <= t for r in history["states"]) else []
    everything = [r.time for h in base.values() for r in [*h["orders"], *h["states"]]]
    first = min(everything, default=NOW)
    step = 36 * HOUR if asked.moments == every(hours(36)) else DAY
    snapshots = [k * step for k in range(-1, 20) if first <= k * step <= NOW]
    known = [max(r.time + 1, r.known_at) for r in orders] + [r.time for r in history["states"]]
    since = -1 if history["profile"] else min(known, default=10**18)
    return [(t, None) for t in snapshots if t >= since]


def expected(asked, base):
    base = {c: as_known(h, NOW) for c, h in base.items()}
    rows, immature, unknown = [], 0, 0
    horizon = asked.horizon.microseconds if asked.horizon else 0
    for c in sorted(base):
        for t, event in candidates(asked, base[c], base):
            if asked.population is not None and reference.value(asked.population, base[c], t, event) is not True:
                continue
            if t + horizon > NOW:
                immature += 1
                continue
            own_row = asked.moments == at(STATES)
            outcome_at = t if own_row or not asked.outcome_columns else NOW
            label = reference.value(asked.outcome, base[c], outcome_at, event)
            if label is None:
                unknown += 1
                continue
            rows.append((c, t, int(label), [reference.value(f, base[c], t, event) for f in asked.bound_features]))
    return rows, immature, unknown


SCORES = {
    "snapshots": score(),
    "snapshots of a population": score(population=ORDERS.count(days(3)) > 0, moments=every(hours(36))),
    "at events": score(moments=at(ORDERS), features=[*FEATURES, ORDERS["amount"].at_moment(), moment.weekday()]),
    "at rows": score(moments=at(STATES), outcome=STATES["churned"] == True, features=FEATURES[:-2]),
    "once": score(moments=once(), outcome=PROFILE["left"] == True, horizon=days(1)),
    "once, before": score(moments=once("1970-01-03"), outcome=PROFILE["left"] == True, horizon=days(1)),
}


@pytest.mark.parametrize("asked", SCORES.values(), ids=SCORES.keys())
# Each example writes three tables: shrinking would take minutes.
@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(base=BASE, memory=st.sampled_from([1, 3_000, 1 << 30]))
def test_training_set_equals_reference(asked, base, memory):
    with tempfile.TemporaryDirectory() as folder:
        found = build_training_set(asked, lake_of(folder, base), SCHEMA, as_of=NOW, memory=memory)
    rows, immature, unknown = expected(asked, base)
    columns = [found.features[f.name].to_list() for f in asked.bound_features]
    assert list(zip(found.customers, found.moments.tolist(), found.labels.tolist(), strict=True)) == [
        r[:3] for r in rows
    ]
    assert [list(values) for values in zip(*columns, strict=True)] == [r[3] for r in rows]
    assert (found.immature, found.unknown) == (immature, unknown)
    for feature in asked.bound_features:
        assert found.features[feature.name].kind is feature.kind(SCHEMA)
        assert found.features[feature.name].categories == tuple(
            sorted({v for v in found.features[feature.name].to_list() if isinstance(v, str)})
        )
    assert found.extras.keys() == {"profile_value", "orders_days_since_last"}
    assert found.extras["orders_days_since_last"].to_list() == found.features["orders_days_since_last"].to_list()
    assert found.labels.dtype == np.int8 and found.moments.dtype == np.int64 and found.customers.dtype == object
    assert found.as_of == NOW and found.versions == dict.fromkeys(asked.sources, 0)


def some_base(customers):
    generator = np.random.default_rng(5)
    base = {}
    for c in range(customers):
        times = np.sort(generator.integers(0, 12, 9)) * 12 * HOUR
        rows = [
            Record(
                int(t),
                {"amount": float(i), "kind": "ab"[i % 2], "gift": None, "due": None, "note": "n"},
                f"{i}",
                int(t),
                i,
            )
            for i, t in enumerate(times)
        ]
        profile = [Record(0, {"value": float(c), "town": f"t{c}", "left": False})]
        base[str(c)] = {"orders": rows, "profile": profile, "states": []}
    return base


@pytest.mark.parametrize("key", [int, float, str])
def test_keys_are_their_strings_whatever_their_type(tmp_path, key):
    found = build_training_set(score(), lake_of(tmp_path, some_base(12), key=key), SCHEMA, as_of=NOW)
    assert sorted(set(found.customers)) == sorted(str(c) for c in range(12))
    assert list(found.customers) == sorted(found.customers)
    assert found.features["profile_town"].to_list() == [f"t{c}" for c in found.customers]


def test_partitions_and_files_change_nothing(tmp_path):
    lake, told = lake_of(tmp_path, some_base(150)), []
    whole = build_training_set(score(), lake, SCHEMA, as_of=NOW)
    parts = build_training_set(
        score(), lake, SCHEMA, as_of=NOW, memory=20_000, progress=lambda what, share: told.append((what, share))
    )
    assert list(whole.customers) == list(parts.customers) and whole.moments.tolist() == parts.moments.tolist()
    for name, values in whole.features.items():
        assert values.data.tobytes() == parts.features[name].data.tobytes(), name
        assert values.categories == parts.features[name].categories
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0 and {what for what, _ in told} == {"read", "features"}
    assert len(shares) > 50


def test_the_feature_set_is_what_the_last_snapshot_would_be(tmp_path):
    lake, asked = lake_of(tmp_path, some_base(40)), score(population=ORDERS.count(days(2)) > 0)
    parts = list(build_feature_set(asked, lake, SCHEMA, as_of=NOW, memory=20_000))
    assert len(parts) > 1
    found = {c: i for part in parts for i, c in enumerate(part.customers)}
    base = {c: as_known(h, NOW) for c, h in some_base(40).items()}
    inside = [c for c in base if reference.value(asked.population, base[c], NOW)]
    assert sorted(found) == sorted(inside)
    for part in parts:
        assert set(part.moments.tolist()) == {NOW}
        for i, c in enumerate(part.customers):
            for feature in asked.bound_features:
                assert part.features[feature.name].to_list()[i] == reference.value(feature, base[c], NOW)


def test_features_that_are_left_out_change_nothing_of_who_is_a_customer(tmp_path):
    base = some_base(12)
    base["silent"] = {"orders": [], "profile": base["3"]["profile"], "states": []}
    lake = lake_of(tmp_path, base)
    whole = score(decision=Campaign(contact_cost=1, offer_cost=2, accepted=0.3, customer_value=7))
    fewer = replace_score(whole, features=[ORDERS.count(days(2))])

    def rows(asked):
        learned = build_training_set(asked, lake, SCHEMA, as_of=NOW)
        found = [
            (c, m)
            for part in build_feature_set(asked, lake, SCHEMA, as_of=NOW)
            for c, m in zip(part.customers, part.moments.tolist(), strict=True)
        ]
        return list(zip(learned.customers, learned.moments.tolist(), strict=True)), found

    assert rows(whole) == rows(fewer)
    assert "silent" in {c for c, _ in rows(fewer)[1]}


@pytest.mark.parametrize("key", [int, str])
def test_the_feature_set_of_some_customers(tmp_path, key):
    lake = lake_of(tmp_path, some_base(20), key=key)
    found = list(build_feature_set(score(), lake, SCHEMA, as_of=NOW, customers=["3", "17", "nobody", "03"]))
    assert [list(part.customers) for part in found] == [["17", "3"]]
    assert list(build_feature_set(score(), lake, SCHEMA, as_of=NOW, customers=[])) == []


def test_scored_at_their_latest_event(tmp_path):
    asked = score(moments=at(ORDERS), features=[ORDERS["amount"].at_moment(), ORDERS.count()])
    (found,) = build_feature_set(asked, lake_of(tmp_path, some_base(3)), SCHEMA, as_of=NOW)
    for c, t, amount in zip(
        found.customers, found.moments.tolist(), found.features["orders_amount"].to_list(), strict=True
    ):
        last = some_base(3)[c]["orders"][-1]
        assert (t, amount) == (last.time, last.values["amount"])


def test_what_was_not_known_yet_is_not_there(tmp_path):
    early = build_training_set(score(), lake_of(tmp_path, some_base(5)), SCHEMA, as_of=4 * DAY)
    late = build_training_set(score(), Lake(tmp_path), SCHEMA, as_of=NOW)
    kept = late.moments <= 2 * DAY
    assert early.moments.tolist() == late.moments[kept].tolist()
    for name, values in early.features.items():
        assert values.to_list() == late.features[name].take(kept).to_list()


def test_a_column_that_is_not_in_the_lake_is_named(tmp_path):
    lake = lake_of(tmp_path, some_base(1))
    asked = Score(
        "s",
        outcome=PROFILE["left"].is_in([True]),
        features=[PROFILE["income"]],
        decision=DECISION,
    )
    with pytest.raises(FeatureError, match="'profile' has no column 'income'"):
        build_training_set(asked, lake, SCHEMA, as_of=NOW)
    wider = {**SCHEMA, "profile": {**SCHEMA["profile"], "income": Kind.NUMBER}}
    with pytest.raises(FeatureError, match="lake's 'profile' has no column 'income'"):
        build_training_set(asked, lake, wider, as_of=NOW)

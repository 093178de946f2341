"""Features of given pairs equal what the reference says of each, whatever the order, the memory and what had arrived."""

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
from vigie.definition import Events, Kind, Table, days, moment
from vigie.errors import FeatureError
from vigie.features import reference
from vigie.features.reference import Record
from vigie.features.spine import each_part, pair_features

HOUR = 3_600_000_000
ORDERS = Events("orders", key="c", time="at", id="id", known_at="known")
PROFILE = Table("profile", key="c")
STATES = Table("states", key="c", known_at="since")
VISITS = Events("visits", key="town", time="at", id="id")
SCHEMA = {
    "orders": {
        "c": Kind.CATEGORY,
        "at": Kind.TIME,
        "known": Kind.TIME,
        "amount": Kind.NUMBER,
        "kind": Kind.CATEGORY,
    },
    "profile": {"c": Kind.CATEGORY, "town": Kind.CATEGORY},
    "states": {"c": Kind.CATEGORY, "since": Kind.TIME, "plan": Kind.CATEGORY},
    "visits": {"town": Kind.CATEGORY, "at": Kind.TIME},
}
TYPES = {Kind.CATEGORY: pl.String, Kind.NUMBER: pl.Float64, Kind.TIME: pl.Datetime("us", "UTC")}
FEATURES = [
    ORDERS.count(days(1, 3))[0],
    ORDERS.count(),
    ORDERS["amount"].sum(days(2)),
    ORDERS["kind"].mode(days(3)),
    ORDERS.where(kind="a")["amount"].last(),
    ORDERS.days_since_last(),
    PROFILE["town"],
    STATES["plan"],
    moment.weekday(),
    PROFILE["town"].of(VISITS).count(days(2)),
]


def when(t):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t)


def lake_of(folder, base, visits=()):
    """A lake of what arrived, each record at ``arrival`` hours after 1970 began.

    Args:
        folder: Where it is.
        base: Customer → source → records.
        visits: Town and record of each visit.
    """
    lake = Lake(folder)
    for source, kinds in SCHEMA.items():
        rows = []
        of_towns = [(town, {"visits": [r]}) for town, r in visits]
        for customer, history in of_towns if source == "visits" else base.items():
            for r in history[source]:
                own = {
                    "c": customer,
                    "town": customer if source == "visits" else r.values.get("town"),
                    "at": when(r.time),
                    "since": when(r.time),
                    "known": when(r.known_at or 0),
                }
                rows.append(
                    {name: own.get(name, r.values.get(name)) for name in kinds}
                    | {
                        "_id": r.id,
                        "_batch": f"{r.arrival:08d}",
                        "_row": len(rows),
                        "_ingested_at": when(r.arrival * HOUR),
                    }
                )
        types = {name: TYPES[kind] for name, kind in kinds.items()}
        types |= {"_id": pl.String, "_batch": pl.String, "_row": pl.Int64, "_ingested_at": TYPES[Kind.TIME]}
        frame = pl.DataFrame(rows, schema=types)
        lake.append(source, frame if source in ("orders", "visits") else frame.drop("_id"), moment=1)
    return lake


def arrived(found, seen):
    there = sorted((r for r in found if r.arrival * HOUR <= seen), key=lambda r: r.arrival)
    return [Record(r.time, r.values, r.id, r.known_at, i) for i, r in enumerate(there)]


def value(feature, history, t, seen, visits=()):
    """The reference, of what had arrived by *seen*."""
    towns = {town: arrived([r for name, r in visits if name == town], seen) for town, _ in visits}
    there = {source: arrived(found, seen) for source, found in history.items()}
    return reference.value(feature, there, t, None, {"visits": towns})


TIMES = st.integers(0, 16).map(lambda k: k * 12 * HOUR)


def records(values, **more):
    # Moments of arrival are distinct, as batches are.
    return st.lists(
        st.builds(lambda t, v, a, m: (t, v, a, m), TIMES, values, st.integers(0, 300), st.fixed_dictionaries(more)),
        max_size=5,
        unique_by=lambda found: found[2],
    )


HISTORY = st.fixed_dictionaries(
    {
        "orders": records(
            st.fixed_dictionaries(
                {
                    "amount": st.none() | st.sampled_from([0.1, 0.7, 1e13]),
                    "kind": st.none() | st.sampled_from(["a", "ü"]),
                }
            ),
            lag=st.sampled_from([0, 0, HOUR, 30 * HOUR]),
            id=st.sampled_from(["1", "2", "10", "x"]),
        ).map(lambda found: [Record(t, v, m["id"], t + m["lag"], a) for t, v, a, m in found]),
        "profile": records(st.fixed_dictionaries({"town": st.none() | st.sampled_from(["Łódź", "Rom"])})).map(
            lambda found: [Record(0, v, arrival=a) for _, v, a, _ in found]
        ),
        "states": records(st.fixed_dictionaries({"plan": st.none() | st.sampled_from(["p", "q"])})).map(
            lambda found: [Record(t, v, arrival=a) for t, v, a, _ in found]
        ),
    }
)
KEYS = ["7", "10", "é", "b", "B", "nobody"]
BASE = st.dictionaries(st.sampled_from(KEYS[:-1]), HISTORY, max_size=5)
VISIT = st.tuples(
    st.sampled_from(["Łódź", "Rom", "Ur"]),
    st.builds(lambda t, i, a: Record(t, {}, i, arrival=a), TIMES, st.sampled_from("123"), st.integers(0, 300)),
)
VISITED = st.lists(VISIT, max_size=6, unique_by=lambda found: found[1].arrival)
PAIRS = st.lists(st.tuples(st.sampled_from(KEYS), TIMES, st.integers(0, 300)), min_size=1, max_size=30)


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(base=BASE, visits=VISITED, pairs=PAIRS, memory=st.sampled_from([1, 1 << 30]), limited=st.booleans())
def test_every_pair_equals_the_reference(base, visits, pairs, memory, limited):
    nothing = {"orders": [], "profile": [], "states": []}
    seen = [h * HOUR for _, _, h in pairs] if limited else None
    with tempfile.TemporaryDirectory() as folder:
        found = pair_features(
            FEATURES,
            lake_of(folder, base, visits),
            SCHEMA,
            customers=[c for c, _, _ in pairs],
            moments=[t for _, t, _ in pairs],
            seen=seen,
            memory=memory,
        )
    for feature in FEATURES:
        expected = [
            value(feature, base.get(c, nothing), t, h * HOUR if limited else 10**18, visits) for c, t, h in pairs
        ]
        assert found.columns[feature.name].to_list() == expected, feature.name
        assert found.columns[feature.name].kind is feature.kind(SCHEMA)
    whole = [
        any(r.arrival <= (h if limited else 10**9) for rs in base.get(c, nothing).values() for r in rs)
        for c, _, h in pairs
    ]
    assert found.known.tolist() == whole


def some_base(customers):
    generator = np.random.default_rng(5)
    return {
        str(c): {
            "orders": [
                Record(int(t) * 12 * HOUR, {"amount": float(i), "kind": "ab"[i % 2]}, f"{i}", int(t) * 12 * HOUR, i)
                for i, t in enumerate(np.sort(generator.integers(0, 12, 9)))
            ],
            "profile": [Record(0, {"town": f"t{c}"})],
            "states": [],
        }
        for c in range(customers)
    }


def test_parts_hold_every_pair_once_and_join_to_the_same_bits(tmp_path):
    lake, chance, told = lake_of(tmp_path, some_base(150)), np.random.default_rng(3), []
    customers = [str(c) for c in chance.integers(0, 170, 4_000)]
    moments = chance.integers(0, 7 * DAY, 4_000)
    asked = {"customers": customers, "moments": moments}
    whole = pair_features(FEATURES, lake, SCHEMA, **asked)
    small = pair_features(FEATURES, lake, SCHEMA, **asked, memory=20_000, progress=lambda *said: told.append(said))
    parts = list(each_part(FEATURES, lake, SCHEMA, **asked, memory=20_000))

    assert len(parts) > 3
    assert sorted(place for part in parts for place in part.places.tolist()) == list(range(4_000))
    for name, values in whole.columns.items():
        assert values.data.tobytes() == small.columns[name].data.tobytes(), name
        assert values.categories == small.columns[name].categories
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert whole.known.tolist() == [int(c) < 150 for c in customers]


def test_moments_at_events_take_each_its_own_and_null_where_there_is_none(tmp_path):
    orders = [(DAY, "1", 10.0, "a"), (DAY, "2", 20.0, "b"), (2 * DAY, "3", 30.0, "a")]
    base = {
        "x": {
            "orders": [Record(t, {"amount": a, "kind": k}, i, t, n) for n, (t, i, a, k) in enumerate(orders)],
            "profile": [],
            "states": [],
        }
    }
    lake = lake_of(tmp_path, base)
    features = [ORDERS["amount"].at_moment(), ORDERS.count()]
    moments = [2 * DAY, DAY, 3 * DAY, DAY, DAY]
    found = pair_features(features, lake, SCHEMA, customers=["x"] * 5, moments=moments, at=ORDERS)
    assert [v.to_list() for v in found.columns.values()] == [[30, 10, None, 20, 20], [2, 0, 3, 0, 0]]
    only_b = pair_features(
        features, lake, SCHEMA, customers=["x"] * 2, moments=[DAY, 2 * DAY], at=ORDERS.where(kind="b")
    )
    assert only_b.columns["orders_amount"].to_list() == [20, None]


def test_nothing_asked_and_columns_that_are_not_there(tmp_path):
    lake = lake_of(tmp_path, some_base(2))
    empty = pair_features(FEATURES, lake, SCHEMA, customers=[], moments=[])
    assert [len(values) for values in empty.columns.values()] == [0] * len(FEATURES)
    with pytest.raises(FeatureError, match="'profile' has no column 'income'"):
        pair_features([PROFILE["income"]], lake, SCHEMA, customers=["1"], moments=[0])
    with pytest.raises(FeatureError, match="did you mean 'plan'"):
        pair_features([STATES["plans"]], lake, SCHEMA, customers=["1"], moments=[0])

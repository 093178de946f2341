"""Training and feature sets with what customers belong to: from a real lake, equal to the reference in every partition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vigie.clock import DAY
from vigie.data.lake import Lake
from vigie.definition import Campaign, Events, Kind, Score, Table, at, days, every
from vigie.errors import FeatureError
from vigie.features import reference
from vigie.features.reference import Record
from vigie.features.training_set import build_feature_set, build_training_set, needs_of, related_needs_of

HOUR = 3_600_000_000
NOW = 10 * DAY
ORDERS = Events("orders", key="c", time="at", id="id", known_at="known")
PEOPLE = Table("people", key="c", known_at="known")
SHOPS = Table("shops", key="s", known_at="known")
VISITS = Events("visits", key="s", time="at", id="id", known_at="known")
SCHEMA = {
    "orders": {"amount": Kind.NUMBER, "shop": Kind.CATEGORY},
    "people": {"referrer": Kind.CATEGORY, "shop": Kind.CATEGORY},
    "shops": {"city": Kind.CATEGORY, "area": Kind.NUMBER, "parent": Kind.CATEGORY},
    "visits": {"amount": Kind.NUMBER, "shop": Kind.CATEGORY},
}
TYPES = {Kind.CATEGORY: pl.String, Kind.NUMBER: pl.Float64, Kind.TIME: pl.Datetime("us", "UTC")}
SHOP = ORDERS["shop"].last(days(4))
FEATURES = [
    ORDERS.count(days(2)),
    *PEOPLE["shop"].of(SHOPS)["city", "area"],
    SHOP.of(SHOPS)["area"] * 2,
    SHOP.of(VISITS).count(days(1, 3)),
    SHOP.of(VISITS.where(VISITS["amount"] > 1))["amount"].mean(days(3)),
    SHOP.of(SHOPS)["parent"].of(SHOPS)["city"],
    PEOPLE["referrer"].of(ORDERS)["amount"].sum(days(3)),
    PEOPLE["referrer"].of(PEOPLE)["shop"].of(SHOPS)["area"],
]
DECISION = Campaign(contact_cost=1, offer_cost=2, accepted=0.3, customer_value=SHOP.of(SHOPS)["area"].if_null(1.0))


def score(**changes):
    arguments = {
        "name": "churn",
        "moments": every("day"),
        "outcome": ORDERS.count(next=days(2)) == 0,
        "features": FEATURES,
        "decision": DECISION,
        "rule": SHOP.of(VISITS).count() > 3,
    }
    return Score(**{**arguments, **changes}).bound(SCHEMA)


def when(t):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t)


def some_history(customers, shops, seed=3):
    """Records by source, then key; the shops' lie before, among and after those of the customers."""
    g = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(shops)]

    def events(key, count, first):
        records = []
        for i in range(count):
            t = int(g.integers(first, 11)) * DAY + int(g.integers(0, 3)) * HOUR
            values = {
                "amount": [None, 0.1, 2.5, 1e12][g.integers(4)],
                "shop": [None, "nowhere", *names][g.integers(shops + 2)],
            }
            records.append(Record(t, values, f"{key}-{i}", t + int(g.integers(0, 3)) * DAY, i))
        return records

    def versions(draw, count):
        return [Record(int(g.integers(0, 11)) * DAY, draw(), "", None, i) for i in range(count)]

    people = [str(i) for i in range(customers)]
    return {
        "orders": {c: events(c, int(g.integers(0, 7)), 2) for c in people},
        "people": {
            c: versions(lambda: {"referrer": [None, *people][g.integers(customers + 1)], "shop": [None, *names][g.integers(shops + 1)]}, int(g.integers(0, 3)))
            for c in people
        },
        "shops": {
            s: versions(lambda: {"city": ["Łódź", "Rom", None][g.integers(3)], "area": float(g.integers(5)), "parent": names[g.integers(shops)]}, 2)
            for s in names[1:]
        },
        "visits": {s: events(s, 12, -2) for s in names[:-1]},
    }  # fmt: skip


def lake_of(folder, history):
    lake = Lake(folder)
    for source, declared in {"orders": ORDERS, "people": PEOPLE, "shops": SHOPS, "visits": VISITS}.items():
        found = [(key, r) for key, records in history[source].items() for r in records]
        data = {
            declared.key: [key for key, _ in found],
            "known": [when(r.time if r.known_at is None else r.known_at) for _, r in found],
        }
        types = {declared.key: pl.String, "known": TYPES[Kind.TIME]}
        if isinstance(declared, Events):
            data |= {"at": [when(r.time) for _, r in found], "_id": [r.id for _, r in found]}
            types |= {"at": TYPES[Kind.TIME], "_id": pl.String}
        for name, kind in SCHEMA[source].items():
            data[name], types[name] = [r.values[name] for _, r in found], TYPES[kind]
        data |= {"_batch": ["0"] * len(found), "_row": [r.arrival for _, r in found]}
        lake.append(source, pl.DataFrame(data, schema={**types, "_batch": pl.String, "_row": pl.Int64}), moment=1)
    return lake  # fmt: skip


def own(history, customer):
    return {source: history[source].get(customer, ()) for source in ("orders", "people")}


def expected(asked, history, customer, t, event=None):
    return [reference.value(f, own(history, customer), t, event, history) for f in asked.bound_features]


def rows_of(found, asked):
    columns = [found.features[f.name].to_list() for f in asked.bound_features]
    return list(
        zip(found.customers.tolist(), found.moments.tolist(), map(list, zip(*columns, strict=True)), strict=True)
    )


@pytest.mark.parametrize("memory", [20_000, 1 << 30])
def test_training_set_equals_reference(tmp_path, memory):
    history = some_history(150, 7)
    asked = score(population=PEOPLE["shop"].of(SHOPS)["area"] > 0)
    found = build_training_set(asked, lake_of(tmp_path, history), SCHEMA, as_of=NOW, memory=memory)

    assert len(found) > 80
    for customer, t, values in rows_of(found, asked):
        assert values == expected(asked, history, customer, t), (customer, t)
    inside = 0
    first = min(r.time for s in ("orders", "people") for rs in history[s].values() for r in rs if r.time < NOW)
    for customer in map(str, range(150)):
        mine = own(history, customer)
        since = [max(r.time + 1, r.known_at) for r in mine["orders"]] + [r.time for r in mine["people"]]
        for t in range(0, NOW - 2 * DAY + 1, DAY):
            known = t >= first and any(s <= t for s in since)
            inside += known and reference.value(asked.population, mine, t, None, history) is True
    assert len(found) == inside
    assert set(found.versions) == {"orders", "people", "shops", "visits"}
    assert found.extras.keys() == {"orders_shop_last_4d_shops_area", "orders_shop_last_4d_visits_count"}


def test_partitions_change_nothing(tmp_path):
    lake = lake_of(tmp_path, some_history(200, 5))
    whole = build_training_set(score(), lake, SCHEMA, as_of=NOW)
    parts = build_training_set(score(), lake, SCHEMA, as_of=NOW, memory=10_000)

    assert whole.customers.tolist() == parts.customers.tolist()
    for name, values in whole.features.items():
        assert values.data.tobytes() == parts.features[name].data.tobytes(), name
        assert values.categories == parts.features[name].categories


def test_entities_are_no_customers_and_move_no_snapshot(tmp_path):
    """Nobody is scored for being a shop, nor earlier because a shop was known earlier."""
    history = some_history(5, 4)
    alone = {**history, "visits": {}, "shops": {}}
    found = build_training_set(score(), lake_of(tmp_path / "a", history), SCHEMA, as_of=NOW)
    without = build_training_set(score(), lake_of(tmp_path / "b", alone), SCHEMA, as_of=NOW)

    assert found.customers.tolist() == without.customers.tolist()
    assert found.moments.tolist() == without.moments.tolist()
    assert set(found.customers) <= {str(i) for i in range(5)}


def test_the_feature_set_equals_reference(tmp_path):
    history = some_history(40, 6)
    asked = score()
    found = list(build_feature_set(asked, lake_of(tmp_path, history), SCHEMA, as_of=NOW, customers=["3", "17", "8"]))

    rows = [row for part in found for row in rows_of(part, asked)]
    assert sorted(row[0] for row in rows) == ["17", "3", "8"]
    for customer, t, values in rows:
        assert t == NOW
        assert values == expected(asked, history, customer, t)


def test_the_shop_of_the_very_event(tmp_path):
    history = some_history(30, 5)
    filtered = ORDERS.where(ORDERS["amount"] > 1)
    asked = score(moments=at(filtered), features=[ORDERS["shop"].at_moment().of(SHOPS)["area"], ORDERS.count()])
    found = build_training_set(asked, lake_of(tmp_path, history), SCHEMA, as_of=NOW)

    wanted = [
        (c, e.time, expected(asked, history, c, e.time, e))
        for c in sorted(history["orders"])
        for e in reference.canonical([r for r in history["orders"][c] if r.time < NOW and r.known_at <= NOW])
        if (e.values["amount"] or 0) > 1 and e.time + 2 * DAY <= NOW
    ]
    assert wanted
    assert rows_of(found, asked) == wanted


def test_what_is_read_of_each_source():
    own_needs, related = needs_of(score(), SCHEMA), related_needs_of(score(), SCHEMA)

    assert {name: set(need.columns) for name, need in own_needs.items()} == {
        "orders": {"shop"},
        "people": {"shop", "referrer"},
    }
    assert {name: set(need.columns) for name, need in related.items()} == {
        "shops": {"city", "area", "parent"},
        "visits": {"amount"},
        "orders": {"amount"},
        "people": {"shop"},
    }
    with pytest.raises(FeatureError, match="'shops' has no column 'city'"):
        related_needs_of(score(), {**SCHEMA, "shops": {"area": Kind.NUMBER}})

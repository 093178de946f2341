"""Features by customer id: equal to the batch, fresh at the moment of the request, and following the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie import Campaign, Events, Score, Table, days, every
from vigie.clock import DAY, FixedClock, parse_moment
from vigie.data import FileLocation, Lake, ingest, read_contract, schema_of
from vigie.definition import Schema
from vigie.features.training_set import build_feature_set
from vigie.lifecycle.lake_features import LakeFeatures

customers = Table("customers", key="id")
orders = Events("orders", key="id", time="at", id="order")
churn = Score(
    "churn",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30)), orders.days_since_last(), orders["amount"].sum()],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=orders["amount"].sum(days(90))),
)
NOW = parse_moment("2024-03-01")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "customers.csv").write_text("id,country\na,FR\nb,DE\nç,FR\n")
    rows = ["1,a,2024-02-20,10.5", "2,a,2024-01-01,1.1", "3,b,2024-02-01,7", "4,b,2024-02-01,0.2"]
    (tmp_path / "orders-1.csv").write_text("order,id,at,amount\n" + "\n".join(rows) + "\n")
    return Lake(tmp_path / "lake")


def taken_in(lake: Lake) -> Schema:
    folder = lake.root.parent
    for source, path in ((customers, "customers.csv"), (orders, "orders-*.csv")):
        ingest(source, FileLocation((str(folder / path),)), lake, folder / "contracts", FixedClock(NOW))
    contracts = [read_contract(folder / "contracts", name) for name in ("customers", "orders")]
    return schema_of(contract for contract in contracts if contract is not None)


def test_by_id_equals_the_batch_whatever_the_order_asked(lake: Lake) -> None:
    schema = taken_in(lake)
    bound = churn.bound(schema)
    (batch,) = build_feature_set(bound, lake, schema, as_of=NOW)
    found = LakeFeatures(bound, lake, schema).features(["ç", "a", "b", "a"], NOW)

    position = {key: i for i, key in enumerate(batch.customers)}
    for name, values in {**batch.features, **batch.extras}.items():
        expected = [values.to_list()[position[key]] for key in ("ç", "a", "b", "a")]
        assert {**found.features, **found.extras}[name].to_list() == expected
    assert found.known.all()


def test_a_silent_customer_decays_from_request_to_request(lake: Lake) -> None:
    schema = taken_in(lake)
    features = LakeFeatures(churn.bound(schema), lake, schema)

    assert features.features(["a"], NOW).features["orders_count_30d"].to_list() == [1]
    assert features.features(["a"], NOW + 30 * DAY).features["orders_count_30d"].to_list() == [0]


def test_unknown_customers_are_marked_beside_known_ones(lake: Lake) -> None:
    schema = taken_in(lake)
    features = LakeFeatures(churn.bound(schema), lake, schema)

    assert features.features(["nobody", "b"], NOW).known.tolist() == [False, True]
    assert features.features(["nobody"], NOW).known.tolist() == [False]


def test_new_versions_of_the_lake_are_taken_in(lake: Lake) -> None:
    schema = taken_in(lake)
    features = LakeFeatures(churn.bound(schema), lake, schema)
    assert not features.refresh()
    (lake.root.parent / "orders-2.csv").write_text("order,id,at,amount\n5,a,2024-02-28,4\n6,d,2024-02-28,4\n")
    taken_in(lake)

    assert features.refresh()
    found = features.features(["a", "d"], NOW)
    assert found.known.all()
    assert found.features["orders_count_30d"].to_list() == [2, 1]

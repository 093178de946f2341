from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.data import ColumnRule, Contract, FileLocation, Level, pandera_schema
from vigie.data.batch import Batch, BrokenRow
from vigie.data.enforce import Enforcer
from vigie.definition import Events, Kind
from vigie.errors import ContractError

ORDERS = Events("orders", key="customer", time="at", id="order")
CONTRACT = Contract(
    "orders",
    (
        ColumnRule("customer", Kind.CATEGORY, nullable=False),
        ColumnRule("at", Kind.TIME, nullable=False),
        ColumnRule("order", Kind.CATEGORY, nullable=False),
        ColumnRule("amount", Kind.NUMBER, minimum=0.0, maximum=100.0),
        ColumnRule("channel", Kind.CATEGORY, nullable=False, categories=("web", "shop")),
        ColumnRule("age", Kind.NUMBER, minimum=18.0, level=Level.WARN),
    ),
)
LOCATION = FileLocation(("orders.csv",))


def batch(rows: list[dict[str, object]], broken: tuple[BrokenRow, ...] = ()) -> Batch:
    names = CONTRACT.names()
    frame = pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    return Batch(frame, pl.Series(range(2, len(rows) + 2), dtype=pl.Int64), "orders.csv", True, {}, broken)


GOOD = {"customer": "17850.0", "at": "2011-01-02", "order": "1", "amount": "5", "channel": "web", "age": "30"}


@pytest.mark.parametrize(
    ("change", "rule", "column"),
    [
        ({"customer": " "}, "key", "customer"),
        ({"at": "soon"}, "time", "at"),
        ({"order": None}, "id", "order"),
        ({"amount": "a lot"}, "type", "amount"),
        ({"amount": "1000"}, "range", "amount"),
        ({"channel": "fax"}, "category", "channel"),
        ({"channel": ""}, "null", "channel"),
        ({"customer": "", "amount": "a lot", "channel": "fax"}, "key", "customer"),
    ],
)
def test_a_row_goes_with_the_first_rule_it_broke(change, rule: str, column: str) -> None:
    bad = {**GOOD, **change}
    result = Enforcer(ORDERS, CONTRACT, LOCATION).enforce(batch([GOOD, bad, GOOD]))
    assert result.good["_row"].to_list() == [2, 4]
    (row,) = result.rejected.to_dicts()
    assert (row["row"], row["rule"], row["column"]) == (3, rule, column)
    assert json.loads(row["text"]) == bad


def test_reasons_name_the_value() -> None:
    rows = [{**GOOD, "amount": "a lot"}, {**GOOD, "amount": "1000"}, {**GOOD, "at": None}]
    reasons = Enforcer(ORDERS, CONTRACT, LOCATION).enforce(batch(rows)).rejected["reason"].to_list()
    assert reasons == ["'a lot' is no number", "'1000' is not in 0 ≤ x ≤ 100", "there is no value"]


def test_a_warning_keeps_the_row() -> None:
    result = Enforcer(ORDERS, CONTRACT, LOCATION).enforce(batch([GOOD, {**GOOD, "age": "12"}]))
    assert (
        len(result.good) == 2 and result.warned == {("age", "range"): 1} and result.examples["age", "range"] == "12.0"
    )


def test_good_rows_have_the_types_of_the_lake_and_pass_pandera() -> None:
    good = Enforcer(ORDERS, CONTRACT, LOCATION).enforce(batch([GOOD])).good
    assert good.row(0)[0] == "17850" and good.schema["at"] == pl.Datetime("us", "UTC")
    assert pandera_schema(CONTRACT).validate(good.drop("_row")).height == 1


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "customer": st.sampled_from(["1", "2.0", "", None]),
                "at": st.sampled_from(["2011-01-02", "x", ""]),
                "order": st.sampled_from(["1", ""]),
                "amount": st.sampled_from(["1", "101", "x", "", None, "nan", "inf"]),
                "channel": st.sampled_from(["web", "fax", ""]),
                "age": st.sampled_from(["1", "x", ""]),
            }
        ),
        max_size=30,
    ),
    st.integers(0, 2),
)
def test_each_row_is_either_good_or_rejected(rows, broken: int) -> None:
    unsplit = tuple(BrokenRow(1000 + i, "fields", "1 field instead of 6", "junk") for i in range(broken))
    result = Enforcer(ORDERS, CONTRACT, LOCATION).enforce(batch(rows, unsplit))
    places = sorted(result.good["_row"].to_list() + result.rejected["row"].to_list())
    assert places == [*range(2, len(rows) + 2), *range(1000, 1000 + broken)]
    strict = {rule.name for rule in CONTRACT.columns if rule.level is Level.QUARANTINE}
    pandera_schema(CONTRACT).validate(result.good.select(sorted(strict)))


def test_a_missing_column_is_null_and_a_missing_key_rejects() -> None:
    part = batch([GOOD, GOOD])
    enforcer = Enforcer(ORDERS, CONTRACT, LOCATION)
    without = enforcer.enforce(Batch(part.frame.drop("age"), part.rows, "o", True, {}))
    assert without.good["age"].null_count() == 2
    keyless = enforcer.enforce(Batch(part.frame.drop("customer"), part.rows, "o", True, {}))
    assert keyless.rejected["rule"].to_list() == ["key", "key"]


def test_unreadable_values_are_counted() -> None:
    result = Enforcer(ORDERS, CONTRACT, LOCATION).enforce(
        batch([{**GOOD, "amount": "x"}, GOOD, {**GOOD, "amount": ""}])
    )
    assert result.unreadable == {"amount": (1, 2)}


def test_a_contract_that_does_not_fit_the_definition_is_refused() -> None:
    with pytest.raises(ContractError, match="must be time"):
        Enforcer(Events("orders", key="customer", time="amount"), CONTRACT, LOCATION)
    ambiguous = Contract("orders", (*CONTRACT.columns, ColumnRule("due", Kind.TIME, format="ambiguous")))
    with pytest.raises(ContractError, match="day first"):
        Enforcer(ORDERS, ambiguous, LOCATION)

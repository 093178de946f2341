from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from vigie.clock import DAY, moment_of, parse_moment
from vigie.data import ColumnRule, Contract, FileLocation, Level, infer_contract, open_reader
from vigie.data.batch import Batch
from vigie.definition import Events, Kind, Table
from vigie.errors import ContractError

NOW = parse_moment("2026-01-01")
PEOPLE = Table("people", key="id")


def infer(source, columns, *, textual: bool = True, location=None, now: int = NOW):
    frame = pl.DataFrame(columns)
    batch = Batch(frame, pl.Series(range(1, len(frame) + 1), dtype=pl.Int64), "x.csv", textual, {})
    return infer_contract(source, batch, location or FileLocation(("x.csv",)), now=now)


def rule(column, **options) -> ColumnRule:
    ids = [str(number) for number in range(len(column))]
    return infer(PEOPLE, {"id": ids, "c": column}, **options).contract["c"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", " "], Kind.NUMBER),
        (["1", "two"], Kind.CATEGORY),
        (["0", "1"], Kind.NUMBER),
        (["true", "False", ""], Kind.BOOLEAN),
        (["Yes", "No"], Kind.CATEGORY),
        (["2011-01-02", ""], Kind.TIME),
        (["13/02/2011"], Kind.TIME),
        (["01234", "56789"], Kind.CATEGORY),
        (["12345678901234567", "1"], Kind.CATEGORY),
        (["12,5", "3,25"], Kind.NUMBER),
        (["", ""], Kind.CATEGORY),
        ([f"the customer number {i} was not happy" for i in range(30)], Kind.TEXT),
        ([f"a{i}" for i in range(200)], Kind.TEXT),
        ([f"a{i % 40}" for i in range(200)], Kind.CATEGORY),
    ],
)
def test_kinds_of_text(values: list[str], kind: Kind) -> None:
    assert rule(values).kind is kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], Kind.NUMBER),
        ([2**60, 1], Kind.CATEGORY),
        ([1.5, None], Kind.NUMBER),
        ([True, False], Kind.BOOLEAN),
        ([dt.datetime(2011, 1, 1)], Kind.TIME),
        ([dt.date(2011, 1, 1)], Kind.TIME),
        (["1", "2"], Kind.CATEGORY),
        (["2011-01-02"], Kind.TIME),
    ],
)
def test_kinds_of_native_values(values: list[object], kind: Kind) -> None:
    assert rule(values, textual=False).kind is kind


def test_ranges_are_loose_and_only_warn() -> None:
    found = rule(["10", "20", "12"] * 20)
    assert (found.minimum, found.maximum, found.level) == (0.0, 30.0, Level.WARN)
    assert rule(["-5", "5"] * 30).minimum == -15.0
    flags = rule(["0", "1"] * 30)
    assert (flags.minimum, flags.maximum, flags.nullable) == (0.0, 1.0, False)


def test_few_rows_promise_little() -> None:
    found = rule(["10", "20", "12"])
    assert found.minimum is None and found.nullable


def test_a_stray_text_among_numbers_is_told() -> None:
    found = infer(PEOPLE, {"id": [str(i) for i in range(100)], "c": [str(i % 9) for i in range(99)] + ["C9"]})
    assert found.contract["c"].kind is not Kind.NUMBER
    (stray,) = [finding for finding in found.findings if finding.code == "VGD018"]
    assert "'C9'" in stray.explanation


def test_few_categories_are_listed() -> None:
    assert rule(["b", "a"] * 30).categories == ("a", "b")
    assert rule(["b", "a"]).categories == ()


def test_dates_of_unknown_order_are_told_and_not_guessed() -> None:
    found = infer(PEOPLE, {"id": ["1"], "c": ["01/02/2011"]})
    assert found.contract["c"].kind is Kind.CATEGORY
    assert [finding.code for finding in found.findings] == ["VGD001", "VGD010"]
    events = infer(Events("e", key="id", time="c"), {"id": ["1"], "c": ["01/02/2011"]})
    assert events.contract["c"].format == "ambiguous" and events.contract["c"].kind is Kind.TIME


def test_a_time_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ContractError, match="'hello'"):
        infer(Events("e", key="id", time="c"), {"id": ["1"], "c": ["hello"]})


def test_a_column_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(ContractError, match="did you mean 'customer_id'"):
        infer(Table("t", key="customer"), {"customer_id": ["1"]})


def test_outliers_are_a_finding() -> None:
    found = infer(PEOPLE, {"id": [str(i) for i in range(200)], "c": [str(i % 10) for i in range(199)] + ["5000"]})
    assert "VGD012" in [finding.code for finding in found.findings]


def test_freshness_is_asked_of_live_sources_only() -> None:
    events = Events("e", key="id", time="at")
    assert infer(events, {"id": ["1"], "at": ["2025-12-31"]}).contract.max_age_days == 7
    assert infer(events, {"id": ["1"], "at": ["2011-01-01"]}).contract.max_age_days is None
    assert moment_of(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) - parse_moment("2025-12-31") == DAY


def test_a_source_without_many_keys_says_so_in_its_contract() -> None:
    assert infer(PEOPLE, {"id": ["1", "", "", "2"]}).contract.max_quarantined == 0.75


def shared_contract(folder: Path, source, name: str) -> Contract:
    location = FileLocation((str(folder / name),))
    sample = open_reader(source.name, location).sample(100_000)
    assert sample is not None
    return infer_contract(source, sample, location, now=NOW).contract


def test_telco(shared_data: Path) -> None:
    contract = shared_contract(shared_data, Table("telco", key="customerID"), "telco_churn.csv")
    assert contract["TotalCharges"].kind is Kind.NUMBER and contract["TotalCharges"].nullable
    assert contract["Churn"].categories == ("No", "Yes")
    assert contract["SeniorCitizen"].kind is Kind.NUMBER
    assert contract["customerID"].kind is Kind.CATEGORY and not contract["customerID"].nullable


def test_bank_with_semicolons_and_gzip(shared_data: Path) -> None:
    contract = shared_contract(shared_data, Table("bank", key="job"), "bank_additional_full.csv.gz")
    assert len(contract.columns) == 21 and contract["emp.var.rate"].kind is Kind.NUMBER


def test_leads_keep_select_as_a_value(shared_data: Path) -> None:
    contract = shared_contract(shared_data, Table("leads", key="Prospect ID"), "leads_xeducation.csv")
    assert "Select" in contract["City"].categories


def test_online_retail(shared_data: Path) -> None:
    source = Events("retail", key="CustomerID", time="InvoiceDate")
    kinds = shared_contract(shared_data, source, "online_retail.parquet").kinds()
    assert kinds["CustomerID"] is Kind.CATEGORY and kinds["InvoiceDate"] is Kind.TIME
    assert kinds["InvoiceNo"] is Kind.CATEGORY and kinds["UnitPrice"] is Kind.NUMBER

"""The checks of rows on public tables whose leaks are known."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl

from vigie import Campaign, Lead
from vigie.features.training_set import TrainingSet
from vigie.findings import Finding, Severity
from vigie.training import TrainOptions
from vigie.training.checks.before import check_rows
from vigie.training.task import Task

CHURN = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200)
CALL = Lead(contact_cost=5, deal_value=50)


def checked(data: TrainingSet) -> list[Finding]:
    task = Task.of(data, TrainOptions())
    return check_rows(data, task.rows, task.payoff, task.split)


def test_telco_is_clean(shared_data: Path, table_set) -> None:
    data = table_set(shared_data / "telco_churn.csv", key="customerID", target="Churn", positive="Yes", decision=CHURN)
    assert [f for f in checked(data) if f.severity > Severity.NOTE] == []


def test_each_column_that_sales_fill_in_is_found(shared_data: Path, table_set) -> None:
    data = table_set(
        shared_data / "leads_xeducation.csv",
        key="Prospect ID",
        target="Converted",
        positive=1,
        null="Select",
        decision=CALL,
    )
    alarms = {(f.code, where) for f in checked(data) if f.severity > Severity.NOTE for where in f.where.split(", ")}
    assert {("VGL001", "leads_tags"), ("VGL002", "leads_lead_quality"), ("VGL003", "leads_lead_profile")} <= alarms
    assert {("VGL004", "leads_last_activity"), ("VGL004", "leads_last_notable_activity")} <= alarms
    assert ("VGT004", "leads_lead_number") in alarms


def test_the_length_of_a_call_is_found_in_the_bank_s_calls(shared_data: Path, table_set, tmp_path: Path) -> None:
    text = gzip.decompress((shared_data / "bank_additional_full.csv.gz").read_bytes())
    frame = pl.read_csv(text, separator=";", infer_schema_length=None).with_row_index("id")
    frame.write_csv(tmp_path / "bank.csv")
    data = table_set(tmp_path / "bank.csv", key="id", target="y", positive="yes", decision=CALL)
    alarms = [(f.code, f.where) for f in checked(data) if f.severity > Severity.NOTE]
    assert alarms == [("VGL004", "bank_duration")]

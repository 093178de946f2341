"""``vigie score --reasons``: columns of reasons beside every score, the same as the explainer gives one by one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from vigie.bundle import Explainer, load_bundle
from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.errors import SettingsError
from vigie.features.training_set import build_feature_set
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.score import score_base
from vigie.lifecycle.train import train_score
from vigie.training import TrainOptions

PROJECT = """
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="id", time="at")
churn = Score(
    "churn", moments=every("month"), population=orders.count(days(60)) > 0,
    outcome=orders.count(next=days(28)) == 0,
    features=[orders.count(days(30, 90)), orders.days_since_last(), orders["channel"].mode(days(90))],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=100),
)
"""
NOW = "2024-09-15"
OPTIONS = TrainOptions(models=("logistic_regression",), threads=1, trials=0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("project"), random.Random(3)
    orders = ["id,at,channel"]
    for customer in range(120):
        loyal = chance.random() < 0.5
        for month in range(1, 10):
            if chance.random() < (0.9 if loyal else 0.5):
                day = chance.randint(1, 14 if month == 9 else 27)
                orders.append(f"{customer},2024-{month:02d}-{day:02d},{chance.choice(['web', 'shop'])}")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n[sources.orders]\npath = "orders.csv"\n')
    return folder


@pytest.fixture(scope="module")
def project(root: Path) -> Project:
    project = Project.open(root, None, FixedClock(parse_moment(NOW)))
    ingest_sources(project)
    return project


@pytest.fixture(scope="module")
def trained(project: Project) -> Any:
    return train_score(project, project.score("churn"), OPTIONS)


def test_every_customer_gets_the_reasons_of_the_explainer(
    project: Project, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.lifecycle.scored_rows.AT_ONCE", 17)
    output = tmp_path / "scores.parquet"
    score_base(project, project.score("churn"), output=output, reasons=2)
    table = {row["customer"]: row for row in pl.read_parquet(output).iter_rows(named=True)}
    assert len(table) > 40
    schema, explainer = project.schema(project.score("churn")), Explainer(load_bundle(trained.bundle))
    (features,) = build_feature_set(
        project.score("churn").bound(schema), project.lake, schema, as_of=project.clock.now()
    )
    lists = {name: values.to_list() for name, values in features.features.items()}
    for i, customer in enumerate(features.customers.tolist()):
        reasons = explainer.row({name: values[i] for name, values in lists.items()}, 2)
        row = table[customer]
        assert [row["reason_1"], row["reason_2"]] == [str(reason.words) for reason in reasons]
        found = [row["reason_1_contribution"], row["reason_2_contribution"]]
        assert found == pytest.approx([reason.contribution for reason in reasons], abs=1e-12)
    said = {row["reason_1"] for row in table.values()} | {row["reason_2"] for row in table.values()}
    assert any(words.startswith("no order for ") for words in said)


def test_without_asking_the_table_is_what_it_was(project: Project, trained: Any, tmp_path: Path) -> None:
    assert trained.bundle
    plain, with_reasons = tmp_path / "plain.csv", tmp_path / "reasons.csv"
    score_base(project, project.score("churn"), output=plain)
    score_base(project, project.score("churn"), output=with_reasons, reasons=1)
    one, other = pl.read_csv(plain), pl.read_csv(with_reasons)
    assert other.columns == [*one.columns, "reason_1", "reason_1_contribution"]
    assert other.select(one.columns).equals(one)


def test_more_reasons_than_inputs_leave_columns_empty(project: Project, trained: Any, tmp_path: Path) -> None:
    assert trained.bundle
    output = tmp_path / "scores.parquet"
    score_base(project, project.score("churn"), output=output, reasons=6)
    table = pl.read_parquet(output)
    assert table["reason_6"].null_count() == len(table)
    assert table.schema["reason_6"] == pl.String
    with pytest.raises(SettingsError, match="21 reasons"):
        score_base(project, project.score("churn"), reasons=21)


def test_the_command_takes_them(root: Path, trained: Any, tmp_path: Path) -> None:
    assert trained.bundle
    output = tmp_path / "scores.csv"
    options = ["--project", str(root), "--as-of", NOW, "--output", str(output), "--reasons", "2"]
    done = CliRunner().invoke(program, ["score", "churn", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "reason_2_contribution" in output.read_text().split("\n", 1)[0]
    assert CliRunner().invoke(program, ["score", "churn", *options[:-1], "21"]).exit_code != 0

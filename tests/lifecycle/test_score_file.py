"""A file of values, scored by a bundle alone: the same answers as one request each, whatever the file is."""

from __future__ import annotations

import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serving"))
import conftest as serving
from vigie.bundle import Scorer, write_bundle
from vigie.bundle.format import load_bundle
from vigie.cli.program import program
from vigie.errors import DataError, InputError, SettingsError, VigieError
from vigie.lifecycle import score_file as room
from vigie.lifecycle.score_file import score_file

COUNT = 1_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "churn"
    write_bundle(serving.make_bundle(), folder)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small file has many batches and several parts."""
    monkeypatch.setattr(room, "ROWS", 64)
    monkeypatch.setattr(room, "TOGETHER", 4)


def rows() -> pl.DataFrame:
    """Values of every kind, with nulls, and a column that no model knows."""
    r = np.random.default_rng(5)

    def gaps(values: list[Any]) -> list[Any]:
        return [None if r.random() < 0.1 else value for value in values]

    return pl.DataFrame(
        {
            "id": [f"c{i}" for i in range(COUNT)],
            "customers_age": gaps(r.integers(18, 90, COUNT).tolist()),
            "customers_country": gaps(r.choice(["BE", "DE", "FR", "Österreich"], COUNT).tolist()),
            "customers_newsletter": gaps((r.random(COUNT) < 0.5).tolist()),
            "customers_since": gaps(
                [datetime(2024, 1, 1 + int(day), 3, tzinfo=UTC) for day in r.integers(0, 28, COUNT)]
            ),
            "customers_worth": (r.integers(50, 900, COUNT) / 7).tolist(),
            "other": ["x"] * COUNT,
        }
    )


def expected(bundle: Path, table: pl.DataFrame) -> list[Any]:
    scorer = Scorer(load_bundle(bundle))
    inputs = [name for name in scorer.inputs if name in table.columns]
    answers = []
    for row in table.select(inputs).iter_rows(named=True):
        since = row["customers_since"]
        row["customers_since"] = None if since is None else since.isoformat()
        row["customers_age"] = None if row["customers_age"] is None else float(row["customers_age"])
        answers.append(scorer.score_one(scorer.parse(row)))
    return answers


def written(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)


@pytest.mark.parametrize("kind", ["parquet", "categorical.parquet", "csv"])
@pytest.mark.parametrize("to", ["parquet", "csv"])
def test_every_row_has_the_answer_of_a_request(bundle: Path, tmp_path: Path, kind: str, to: str) -> None:
    table, source, output = rows(), tmp_path / f"values.{kind}", tmp_path / f"scores.{to}"
    if kind == "csv":
        table.with_columns(pl.col("customers_since").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(source)
    else:
        typed = table.with_columns(pl.col("customers_country").cast(pl.Categorical)) if "cat" in kind else table
        typed.write_parquet(source, row_group_size=333)

    done = score_file(bundle, source, output, key="id")

    found, answers = written(output), expected(bundle, table)
    assert found["customer"].to_list() == table["id"].to_list(), "in the order of the file"
    assert found["probability"].to_list() == [a.probability for a in answers]
    assert found["gain"].to_list() == [a.gain for a in answers]
    assert found["expected_value"].to_list() == [a.expected_value for a in answers]
    assert found["decision"].to_list() == ["contact" if a.act else "leave" for a in answers]
    assert found["segment"].to_list() == [a.segment_name for a in answers]
    assert (done.rows, done.acted, done.undecided) == (COUNT, sum(a.act for a in answers), 0)
    assert sum(done.segments.values()) == COUNT
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, output.name]), "nothing else is left"


def test_an_interrupted_run_is_continued(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = tmp_path / "values.parquet", tmp_path / "scores.parquet"
    rows().write_parquet(source)
    real, kept = room.Parts.put, 0

    def breaks(self: Any, number: int, frame: pl.DataFrame) -> None:
        nonlocal kept
        if kept == 2:
            raise KeyboardInterrupt
        kept += 1
        real(self, number, frame)

    with monkeypatch.context() as patched:
        patched.setattr(room.Parts, "put", breaks)
        with pytest.raises(KeyboardInterrupt):
            score_file(bundle, source, output)
    assert not output.exists()
    batches: list[int] = []
    scored = room._rows_of
    monkeypatch.setattr(room, "_rows_of", lambda *given: batches.append(1) or scored(*given))  # type: ignore[func-returns-value]

    done = score_file(bundle, source, output)

    assert done.continued == 2 and len(batches) == 16 - 2 * 4
    assert written(output)["probability"].to_list() == [a.probability for a in expected(bundle, rows())]
    assert score_file(bundle, source, output).continued == 0


def test_a_file_that_changed_is_scored_anew(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = tmp_path / "values.parquet", tmp_path / "scores.parquet"
    rows().write_parquet(source)
    with monkeypatch.context() as patched:
        patched.setattr(room, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score_file(bundle, source, output)
    rows().reverse().write_parquet(source)

    assert score_file(bundle, source, output).continued == 0
    assert written(output)["probability"].to_list() == [a.probability for a in expected(bundle, rows().reverse())]


def test_a_file_that_changes_while_it_is_read_is_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "values.parquet"
    rows().write_parquet(source)
    real = room._even
    monkeypatch.setattr(room, "_even", lambda batches: list(real(batches))[:-1])

    with pytest.raises(DataError, match="1,000 rows were counted and 960 read"):
        score_file(bundle, source, tmp_path / "scores.parquet")


def test_capacity_holds_over_the_whole_file(tmp_path: Path) -> None:
    from dataclasses import replace

    limited = serving.make_bundle()
    limited = replace(limited, decision=replace(limited.decision, capacity=17))
    write_bundle(limited, tmp_path / "bundle")
    source, output = tmp_path / "values.parquet", tmp_path / "scores.parquet"
    rows().write_parquet(source)

    done = score_file(tmp_path / "bundle", source, output, reasons=2)

    found = written(output)
    assert done.acted == 17 == (found["decision"] == "contact").sum()
    assert found.filter(decision="contact")["gain"].min() >= found.filter(decision="leave")["gain"].max()
    assert found["reason_1"].null_count() == 0 and "customer" not in found.columns


@pytest.mark.parametrize(
    ("change", "problem", "says"),
    [
        ({"customers_age": pl.lit("old")}, InputError, "customers_age, rows 1 to 64"),
        ({"customers_age": pl.lit(True)}, InputError, "a value is not a number"),
        ({"customers_since": pl.lit("soon")}, InputError, "customers_since"),
        ({"customers_country": pl.lit(1.5)}, InputError, "customers_country"),
        ({"customers_newsletter": pl.lit("maybe")}, InputError, "customers_newsletter"),
        ({"customers_worth": None}, InputError, "customers_worth"),
    ],
)
def test_what_is_not_of_its_kind_is_explained(
    bundle: Path, tmp_path: Path, change: dict[str, Any], problem: type[VigieError], says: str
) -> None:
    table = rows()
    for name, value in change.items():
        table = table.drop(name) if value is None else table.with_columns(value.alias(name))
    table.write_parquet(tmp_path / "values.parquet")

    with pytest.raises(problem, match=says):
        score_file(bundle, tmp_path / "values.parquet", tmp_path / "scores.parquet")
    assert not (tmp_path / "scores.parquet").exists()


def test_files_and_arguments_that_cannot_be_meant(bundle: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "values.parquet", tmp_path / "scores.parquet"
    with pytest.raises(DataError, match="no such file"):
        score_file(bundle, source, output)
    source.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot be read"):
        score_file(bundle, source, output)
    rows().clear().write_parquet(source)
    with pytest.raises(DataError, match="no rows"):
        score_file(bundle, source, output)
    rows().write_parquet(source)
    with pytest.raises(SettingsError, match="no column 'idd'"):
        score_file(bundle, source, output, key="idd")
    with pytest.raises(SettingsError, match="cannot read"):
        score_file(bundle, tmp_path / "values.xlsx", output)
    with pytest.raises(SettingsError, match="99 reasons"):
        score_file(bundle, source, output, reasons=99)


def test_the_command_needs_no_project(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows().write_parquet("values.parquet")
    call = ["score", "--bundle", str(bundle), "--input", "values.parquet"]

    done = CliRunner().invoke(program, [*call, "-o", "sqlite:///out.db", "--table", "scores", "--key", "id"])

    assert done.exit_code == 0, done.output
    assert "1,000 rows by bundle" in done.output and "table scores of sqlite" in done.output
    with sqlite3.connect(tmp_path / "out.db") as database:
        counted = database.execute("SELECT count(DISTINCT customer), count(DISTINCT run) FROM scores").fetchone()
    assert counted == (COUNT, 1)
    assert isinstance(CliRunner().invoke(program, call).exception, SettingsError)

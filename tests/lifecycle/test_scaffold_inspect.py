"""What ``vigie init`` proposes for tables it has never seen."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from vigie.definition.kind import Kind
from vigie.errors import DefinitionError, SourceError
from vigie.lifecycle.scaffold import EventAnswers, TableAnswers, inspect_table, python_name


def _rows(n: int = 200, seed: int = 0) -> list[dict[str, object]]:
    rng = random.Random(seed)
    return [
        {
            "customer_id": f"K{i:05d}",
            "age": rng.randint(18, 80),
            "plan": rng.choice("ABC"),
            "churned": rng.random() < 0.2,
        }
        for i in range(n)
    ]


def _write(
    path: Path, header: list[str], rows: list[list[object]], delimiter: str = ",", encoding: str = "utf-8"
) -> Path:
    lines = [delimiter.join(header), *(delimiter.join(str(v) for v in row) for row in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def _table(path: Path, **given) -> TableAnswers:
    answers = inspect_table(path, **given).answers
    assert isinstance(answers, TableAnswers)
    return answers


def test_telco(shared_data):
    proposal = inspect_table(shared_data / "telco_churn.csv")
    answers = proposal.answers

    assert isinstance(answers, TableAnswers)
    assert (answers.key, answers.target, answers.positive) == ("customerID", "Churn", "Yes")
    assert answers.decision == "Campaign" and answers.name == "telco_churn"
    assert (answers.value, answers.value_factor) == ("MonthlyCharges", 12.0)
    assert answers.left_out == {} and answers.suspects == () and answers.known_at is None
    assert proposal.complete and proposal.rows == 7_043 and not proposal.open
    assert set(proposal.reasons) == {"key", "target", "positive", "decision"}
    blank = next(c for c in proposal.columns if c.name == "TotalCharges")
    assert blank.kind is Kind.NUMBER and round(blank.missing * 7_043) == 11


def test_x_education_keeps_what_leaks_and_says_so(shared_data):
    answers = _table(shared_data / "leads_xeducation.csv")

    assert (answers.key, answers.target, answers.positive) == ("Prospect ID", "Converted", 1)
    assert answers.decision == "Lead"
    assert set(answers.left_out) == {"Lead Number"}
    suspected = {column for columns, _ in answers.suspects for column in columns}
    assert {"Tags", "Lead Quality", "Lead Profile", "Asymmetrique Activity Index"} <= suspected
    assert "TotalVisits" not in suspected
    assert answers.file.nulls == ("Select",)


def test_retail_events(shared_data):
    proposal = inspect_table(shared_data / "online_retail.parquet", rows=20_000)

    assert isinstance(proposal.answers, EventAnswers) and not proposal.complete
    assert (proposal.answers.key, proposal.answers.time) == ("CustomerID", "InvoiceDate")
    assert proposal.answers.source == "online_retail" and proposal.answers.name == "online_retail_churn"


def test_a_table_without_an_id_asks_for_one(shared_data):
    proposal = inspect_table(shared_data / "bank_additional_full.csv.gz", rows=5_000)

    assert proposal.answers is None and "names the customer" in proposal.open["key"]
    assert "two values" in proposal.reasons["target"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_delimiters_and_encodings(tmp_path, delimiter, encoding):
    header = ["Numéro client", "Âge (années)", "Forfait préféré", "Résilié"]
    rows = [[f"c{i}", 20 + i % 50, f"offre é{i % 3}", "Oui" if i % 5 == 0 else "Non"] for i in range(60)]

    answers = _table(_write(tmp_path / "clientèle été.csv", header, rows, delimiter, encoding))

    assert (answers.key, answers.target, answers.positive) == ("Numéro client", "Résilié", "Oui")
    assert answers.name == "clientele_ete"
    assert answers.file.encoding == ("cp1252" if encoding == "cp1252" else "utf-8")


def test_repeated_empty_and_odd_headers(tmp_path):
    header = ["id", "amount", "amount", "", 'say "hi"', " churn "]
    rows = [[i, i % 7, i % 3, "x", "a" if i % 2 else "b", i % 2] for i in range(50)]

    proposal = inspect_table(_write(tmp_path / "odd.csv", ['"say ""hi"""' if '"' in h else h for h in header], rows))

    assert [c.name for c in proposal.columns] == ["id", "amount", "amount_2", "column_4", 'say "hi"', "churn"]
    assert isinstance(proposal.answers, TableAnswers) and proposal.answers.target == "churn"


def test_booleans_are_outcomes(tmp_path):
    pl.DataFrame(_rows()).write_csv(tmp_path / "a.csv")
    pl.DataFrame(_rows()).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(_rows()).write_ndjson(tmp_path / "a.jsonl")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))

    for suffix in ("csv", "parquet", "jsonl", "csv.gz"):
        answers = _table(tmp_path / f"a.{suffix}")
        assert answers.positive is True and answers.target == "churned" and answers.name == "a"


@pytest.mark.parametrize(
    ("target", "file", "decision"),
    [
        ("Exited", "bank.csv", "Campaign"),
        ("attrition_flag", "x.csv", "Campaign"),
        ("Converted", "x.csv", "Lead"),
        ("subscribed", "x.csv", "Lead"),
        ("SeriousDlqin2yrs", "x.csv", "Loan"),
        ("loan_default", "x.csv", "Loan"),
        ("target", "credit_cards.csv", "Loan"),
        ("target", "leads-2024.csv", "Lead"),
        ("target", "things.csv", "Campaign"),
    ],
)
def test_decisions_by_name(tmp_path, target, file, decision):
    rows = [[i, i % 9, int(i % 4 == 0)] for i in range(40)]

    assert _table(_write(tmp_path / file, ["id", "size", target], rows)).decision == decision


def test_amounts_are_found(tmp_path):
    rows = [[i, 1 + i % 5, 1_000 + i % 7, int(i % 4 == 0)] for i in range(40)]
    answers = _table(_write(tmp_path / "x.csv", ["id", "number_of_credit_lines", "loan_amount", "default"], rows))

    assert answers.value == "loan_amount"


def test_no_target_is_a_question(tmp_path):
    rows = [[i, i % 9, i % 4] for i in range(40)]
    path = _write(tmp_path / "x.csv", ["id", "size", "shape"], rows)
    proposal = inspect_table(path)

    assert proposal.answers is None
    assert "no column has two values" in proposal.open["target"]
    with pytest.raises(DefinitionError, match="4 different values"):
        inspect_table(path, target="shape")
    with pytest.raises(DefinitionError, match="did you mean 'shape'"):
        inspect_table(path, target="shap")


def test_several_targets_are_a_question_that_can_be_answered(tmp_path):
    rows = [[i, i % 2, int(i % 3 == 0), i % 5] for i in range(60)]
    path = _write(tmp_path / "x.csv", ["id", "left", "bought", "size"], rows)

    assert "left, bought" in inspect_table(path).open["target"]
    answers = _table(path, target="bought", decision="Lead", name="second")
    assert (answers.target, answers.decision, answers.name) == ("bought", "Lead", "second")


def test_the_end_of_the_table_breaks_ties(tmp_path):
    rows = [[i, ("no", "yes")[i % 7 == 0], ("no", "yes")[i % 3 == 0]] for i in range(60)]

    assert _table(_write(tmp_path / "x.csv", ["id", "default", "y"], rows)).target == "y"


def test_a_rarer_value_is_positive_where_no_name_says(tmp_path):
    rows = [[i, "left-handed" if i % 4 else "gone"] for i in range(60)]

    assert _table(_write(tmp_path / "x.csv", ["id", "target"], rows)).positive == "gone"


def test_a_beginning_makes_moments_and_a_birthday_does_not(tmp_path):
    rows = [[i, f"19{50 + i % 50}-03-01", f"2024-{1 + i % 12:02d}-05", int(i % 4 == 0)] for i in range(60)]

    assert (
        _table(_write(tmp_path / "x.csv", ["id", "birth_date", "created_at", "converted"], rows)).known_at
        == "created_at"
    )
    assert _table(_write(tmp_path / "y.csv", ["id", "birth_date", "updated_at", "converted"], rows)).known_at is None


def test_identifiers_and_ambiguous_dates_are_left_out(tmp_path):
    rows = [[f"a{i}", 10_000 + i, f"0{1 + i % 9}/0{1 + i % 8}/2024", i % 5, int(i % 4 == 0)] for i in range(200)]
    answers = _table(_write(tmp_path / "x.csv", ["customer id", "row number", "seen", "n", "churn"], rows))

    assert answers.key == "customer id"
    assert "identifier" in answers.left_out["row number"] and "cannot be told apart" in answers.left_out["seen"]
    assert set(answers.left_out) == {"row number", "seen"}


def test_a_filled_in_column_is_suspected(tmp_path):
    rng = random.Random(1)
    rows = []
    for i in range(2_000):
        won = rng.random() < 0.3
        rows.append([i, rng.randint(1, 9), ("signed" if won else "no answer") if rng.random() < 0.9 else "", int(won)])
    answers = _table(_write(tmp_path / "x.csv", ["id", "size", "remark", "won"], rows))

    assert {c for columns, _ in answers.suspects for c in columns} == {"remark"}


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(SourceError, match="no file"):
        inspect_table(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    for name in ("empty.csv", "header.csv"):
        with pytest.raises(SourceError):
            inspect_table(tmp_path / name)
    (tmp_path / "broken.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(SourceError):
        inspect_table(tmp_path / "broken.csv.gz")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Données clients (2024)", "donnees_clients_2024"),
        ("2024 leads", "score_2024_leads"),
        ("random", "random_score"),
        ("class", "class_score"),
        ("Score", "score_score"),
        ("客户", "project"),
        ("a" * 80, "a" * 50),
    ],
)
def test_python_names(text, name):
    assert python_name(text) == name

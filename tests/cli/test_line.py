"""The whole line by public commands, on a small shop made here: from files to a decision over HTTP."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from vigie.cli.program import program
from vigie.lifecycle.background import Background

PROJECT = '''"""Which customers will not order in the next 30 days?"""
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer_id")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id")

churn = Score(
    "churn",
    moments=every("month"),
    population=orders.count(days(90)) > 0,
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30, 90)), orders["amount"].sum(days(90)), orders.days_since_last()],
    rule=orders.days_since_last() > 30,
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=80, capacity=20),
)
'''
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "data/customers.csv"
[sources.orders]
path = "data/orders-*.csv"
"""
NOW = "2024-12-01"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, list(arguments), catch_exceptions=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose 300 customers order at their own rhythm, and stop at some time."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "data").mkdir()
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    chance = random.Random(5)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    orders = []
    with (folder / "data" / "customers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "country"])
        for customer in range(300):
            writer.writerow([f"c{customer}", chance.choice(["FR", "DE", "Österreich"])])
            day, gap = chance.uniform(0, 60), chance.uniform(4, 40)
            while day < 334 and chance.random() > 0.04:
                orders.append((begin + timedelta(days=day), f"c{customer}", round(chance.uniform(5, 120), 2)))
                day += chance.expovariate(1 / gap)
    orders.sort()
    for half, part in enumerate((orders[: len(orders) // 2], orders[len(orders) // 2 :])):
        with (folder / "data" / f"orders-{half}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["order_id", "customer_id", "ordered_at", "amount"])
            writer.writerows(
                [half * 100_000 + i, who, when.isoformat(), amount] for i, (when, who, amount) in enumerate(part)
            )
    return folder


@pytest.fixture(scope="module")
def trained(project: Path) -> str:
    """What `vigie train` says; the project is trained after this."""
    done = run(
        "train", "--project", str(project), "--as-of", NOW, "--model", "logistic_regression,lightgbm", "--trials", "0"
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_check_sees_a_project_that_was_not_ingested(project: Path) -> None:
    done = run("check", "--project", str(project), "--as-of", NOW)

    assert done.exit_code == 0
    assert "VGP002" in done.output


def test_train_ingests_compares_registers_and_reports(project: Path, trained: str) -> None:
    assert "Logistic regression" in trained
    assert "churn version 1, the champion" in trained.replace("\n", " ")
    report = next((project / ".vigie" / "reports" / "churn").glob("*/report.html"))
    summary = json.loads((report.parent / "summary.json").read_text())
    assert summary["auc"] > 0.6
    assert summary["split"] == "out_of_time"
    assert {"nobody", "everybody", "rule", "threshold_0.5", "vigie"} == set(summary["value_per_customer"])
    assert report.read_text().count("<section") >= 8


def test_the_same_inputs_and_seed_give_the_same_bundle(project: Path, trained: str) -> None:
    summaries = (project / ".vigie" / "reports" / "churn").glob("*/summary.json")
    first = {json.loads(path.read_text())["bundle"] for path in summaries}
    again = run(
        "train", "--project", str(project), "--as-of", NOW, "--model", "logistic_regression", "--model", "lightgbm", "--no-register", "--trials", "0"
    )  # fmt: skip

    assert again.exit_code == 0, again.output
    summaries = (project / ".vigie" / "reports" / "churn").glob("*/summary.json")
    assert {json.loads(path.read_text())["bundle"] for path in summaries} == first


def test_a_leak_is_registered_but_does_not_become_champion(tmp_path: Path) -> None:
    chance = random.Random(1)
    rows = ["id,age,account_closed,left"]
    for number in range(600):
        left = chance.random() < 0.3
        rows.append(f"p{number},{chance.randint(18, 80)},{'yes' if left else 'no'},{'yes' if left else 'no'}")
    (tmp_path / "people.csv").write_text("\n".join(rows) + "\n")
    assert run("init", str(tmp_path / "people.csv"), "-d", str(tmp_path), "--target", "left", "--yes").exit_code == 0
    done = run("train", "--project", str(tmp_path), "--model", "logistic_regression", "--trials", "0")
    said = " ".join(done.output.split())

    assert done.exit_code == 0, done.output
    assert "not champion: VGL007" in said, said
    assert "--promote 1" in said
    assert run("models", "--project", str(tmp_path)).output.count("champion") == 0
    assert "champion" in run("models", "--project", str(tmp_path), "--promote", "1").output


def test_models_lists_versions_and_their_alias(project: Path, trained: str) -> None:
    done = run("models", "--project", str(project))

    assert re.search(r"1\s+champion", done.output)


def test_a_bundle_is_copied_out_and_served_alone(project: Path, trained: str, tmp_path: Path) -> None:
    for _ in range(2):
        done = run("models", "--project", str(project), "--export", str(tmp_path / "bundle"))
        assert done.exit_code == 0, done.output
    server = Background(tmp_path / "state")
    alone = ["--bundle", str(tmp_path / "bundle"), "--journal", str(tmp_path / "journal")]
    status, answer = ask(server.start(alone, server.free_port(0)), {"values": {"customers_country": "FR"}})
    assert server.stop()

    assert status == 200
    assert answer["model"]["version"] == "0"  # type: ignore[index]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    refused = subprocess.run(
        [sys.executable, "-m", "vigie.cli", "models", "--project", str(project), "--export", str(tmp_path / "full")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode == 1
    assert (tmp_path / "full" / "letter.txt").read_text() == "mine"


def test_score_decides_over_the_whole_base_within_the_capacity_and_only_once(project: Path, trained: str) -> None:
    output = project / "scores.csv"
    first = run("score", "--project", str(project), "--as-of", NOW, "--output", str(output))
    again = run("score", "--project", str(project), "--as-of", NOW)
    scores = pl.read_csv(output)

    assert first.exit_code == 0, first.output
    assert "this very run was there already" in again.output.replace("\n", " ")
    assert scores["decision"].is_in(["contact", "leave"]).all()
    assert 0 < (scores["decision"] == "contact").sum() <= 20
    contacted = scores.filter(pl.col("decision") == "contact")["gain"].min()
    passed = scores.filter(pl.col("decision") == "leave")["gain"].max()
    assert contacted >= passed  # type: ignore[operator]
    table = pl.scan_delta(str(project / ".vigie" / "lake" / "scores_churn")).collect()
    assert len(table) == len(scores)


def test_a_loan_of_unknown_amount_is_not_decided(tmp_path: Path) -> None:
    chance = random.Random(2)
    rows = ["id,income,amount,late"]
    for number in range(400):
        income = chance.randint(10, 90)
        amount = "" if number % 10 == 0 else str(chance.randint(1, 30) * 100)
        rows.append(f"p{number},{income},{amount},{'yes' if chance.random() < 8 / income else 'no'}")
    (tmp_path / "loans.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "loans.py").write_text(
        "from vigie import Loan, Score, Table\n"
        "loans = Table('loans', key='id')\n"
        "late = Score('late', outcome=loans['late'] == 'yes', features=loans['income'],\n"
        "             decision=Loan(amount=loans['amount'], interest=0.2))\n"
    )
    (tmp_path / "vigie.toml").write_text("[project]\nfiles = ['loans.py']\n[sources.loans]\npath = 'loans.csv'\n")
    assert run("train", "--project", str(tmp_path), "--model", "logistic_regression", "--trials", "0").exit_code == 0
    done = run("score", "--project", str(tmp_path), "--output", str(tmp_path / "scores.parquet"))
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    unknown = scores.filter(pl.col("customer").str.slice(1).cast(pl.Int64) % 10 == 0)

    assert "40 have no decision" in done.output
    assert unknown["decision"].null_count() == len(unknown) == 40
    assert scores["decision"].null_count() == 40
    assert {"refuse", "grant"} == set(scores["decision"].drop_nulls())


@pytest.fixture(scope="module")
def url(project: Path, trained: str) -> Iterator[str]:
    """A live API of the project."""
    server = Background(project / ".vigie")
    yield server.start(["--project", str(project), "--as-of", NOW], server.free_port(0))
    assert server.stop()


def ask(url: str, body: object) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(f"{url}/v1/score", json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_api_scores_by_id_just_as_the_batch_does(project: Path, url: str) -> None:
    run("score", "--project", str(project), "--as-of", NOW, "--output", str(project / "scores.csv"))
    scores = pl.read_csv(project / "scores.csv").head(40)
    status, answer = ask(url, {"customers": [{"customer_id": key} for key in scores["customer"]]})

    assert status == 200
    answered = answer["predictions"]
    assert [one["customer_id"] for one in answered] == scores["customer"].to_list()  # type: ignore[attr-defined]
    assert [one["score"] for one in answered] == scores["probability"].to_list()  # type: ignore[attr-defined]


def test_the_api_scores_by_values_and_keeps_every_prediction(project: Path, url: str) -> None:
    values = {"customers_country": "FR", "orders_count_30d": 2, "orders_count_90d": 5, "orders_amount_sum_90d": 130.5,
              "orders_days_since_last": 3.25}  # fmt: skip
    status, answer = ask(url, {"values": values, "request_id": "mine"})

    assert status == 200
    assert answer["request_id"] == "mine"
    assert 0 <= answer["predictions"][0]["score"] <= 1  # type: ignore[index]
    kept = "".join(path.read_text() for path in (project / ".vigie" / "journal" / "predictions").glob("*"))
    assert '"request_id":"mine"' in kept


def test_bad_input_is_told_by_field(url: str) -> None:
    status, answer = ask(url, {"values": {"orders_count_30d": "many"}})
    unknown, refused = ask(url, {"customer_id": "nobody"})

    assert status == 422
    assert "orders_count_30d" in json.dumps(answer)
    assert unknown in (404, 422)
    assert "nobody" in json.dumps(refused)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "chrun"], "did you mean 'churn'"),
        (["train", "--model", "lightgmb"], "did you mean 'lightgbm'"),
        (["train", "--split", "1.5"], "between 0 and 1"),
        (["train", "--as-of", "soon"], "is not a date"),
        (["ingest", "ordres"], "did you mean 'orders'"),
        (["serve", "--host", "0.0.0.0"], "not authenticated"),
        (["score", "--model", "challenger"], "champion"),
        (["score", "--output", "scores.xlsx"], ".csv or .parquet"),
    ],
)
def test_mistakes_end_with_a_remedy_and_exit_code_1(
    project: Path, trained: str, arguments: list[str], says: str
) -> None:
    command = [sys.executable, "-m", "vigie.cli", *arguments, "--project", str(project)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 1, done.stdout + done.stderr
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_project_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "vigie.cli", "train"], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 1
    assert "vigie init" in done.stderr

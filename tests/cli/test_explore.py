"""``vigie explore`` on a project and on a plain file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bs4 import BeautifulSoup
from typer.testing import CliRunner

from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.errors import DefinitionError, SettingsError
from vigie.lifecycle.explore import explore_file

CLOCK = FixedClock(parse_moment("2026-03-01"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    n = 600
    score = rng.normal(size=n).round(3)
    churn = np.where(rng.random(n) < 1 / (1 + np.exp(-score)), "Yes", "No").tolist()
    churn[0] = ""
    days = np.datetime64("2025-01-01") + rng.integers(0, 300, n).astype("timedelta64[D]")
    path = tmp_path_factory.mktemp("explore") / "clients.csv"
    pl.DataFrame(
        {
            "Client ID": [f"c{i}" for i in range(n)],
            "Score 1": score,
            "Plan": rng.choice(["a", "b", "rare"], n, p=[0.6, 0.39, 0.01]),
            "seen": [str(day) for day in days],
            "Churn": churn,
        }
    ).write_csv(path)
    return path


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(program, ["explore", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_a_plain_file_is_explored_under_the_names_it_has(table: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, said = invoke("--table", str(table), "--target", "Churn", "--time", "seen", "-o", str(page))
    assert code == 0 and "599 rows, 3 columns" in " ".join(said.split())
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    lines = {line.find("a").get_text() for line in soup.select(".line:not(.head)")}
    assert lines == {"Client ID", "Score 1", "Plan"}
    assert "1 rows have no outcome" in soup.get_text() and soup.find("section", id="time") is not None


def test_without_an_output_the_page_stands_beside_the_file_and_may_be_french(table: Path) -> None:
    found = explore_file(table, "Churn", CLOCK, leave_out=("Client ID",), language="fr")
    assert found.path == table.with_name("clients-explore.html") and 'lang="fr"' in found.path.read_text("utf-8")
    assert "Client ID" not in found.found.view.columns


def test_which_value_is_true_is_found_out_or_said(table: Path, tmp_path: Path) -> None:
    yes = explore_file(table, "Churn", CLOCK, output=tmp_path / "a.html")
    no = explore_file(table, "Churn", CLOCK, positive="no", output=tmp_path / "b.html")
    assert yes.found.rate == pytest.approx(1 - no.found.rate) and yes.found["Score 1"].auc > 0.6


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"target": "churn"}, DefinitionError, "did you mean 'Churn'"),
        ({"target": "Plan"}, DefinitionError, "3 different values"),
        ({"target": "Churn", "positive": "maybe"}, DefinitionError, "No and Yes"),
        ({"target": "Churn", "time": "Plan"}, DefinitionError, "not a time"),
        ({"target": "Churn", "leave_out": ("nothing",)}, DefinitionError, "no column 'nothing'"),
        ({"target": "Churn", "language": "xx"}, SettingsError, "language"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: Path, given: dict[str, object], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        explore_file(table, clock=CLOCK, **given)  # type: ignore[arg-type]


def test_options_of_a_file_need_a_file(table: Path) -> None:
    with pytest.raises(SettingsError, match="plain file"):
        invoke("--target", "Churn")
    with pytest.raises(SettingsError, match="which column"):
        invoke("--table", str(table))


PROJECT = '''\
"""Who leaves?"""
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="client", time="at", id="order")
churn = Score(
    "churn",
    moments=every("month", start="2025-02-01"),
    outcome=orders.count(next=days(30)) == 0,
    features=[orders.count(days(30, 90)), orders["amount"].sum(days(90)), orders["shop"].last()],
    decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
)
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    n = 1500
    at = np.datetime64("2025-01-01") + rng.integers(0, 240, n).astype("timedelta64[D]")
    pl.DataFrame(
        {
            "order": [f"o{i}" for i in range(n)],
            "client": [f"c{i}" for i in rng.integers(0, 80, n)],
            "at": [str(day) for day in at],
            "amount": rng.gamma(2, 20, n).round(2),
            "shop": rng.choice(["web", "store"], n),
        }
    ).write_csv(tmp_path / "orders.csv")
    (tmp_path / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n\n[sources.orders]\npath = "orders.csv"\n')
    (tmp_path / "churn.py").write_text(PROJECT)
    return tmp_path


def test_a_score_is_explored_on_training_rows_unless_all_are_asked_for(project: Path) -> None:
    given = ("--project", str(project), "--as-of", "2025-09-01")
    _, said = invoke(*given)
    assert "Only the" in said and "peeking" in " ".join(said.split())
    page = project / ".vigie" / "reports" / "churn" / "explore.html"
    assert "outcome true: customer churns" in page.read_text("utf-8")
    _, said = invoke(*given, "--all-rows", "--no-ingest", "-o", str(project / "all.html"))
    assert "those of the test too" in " ".join(said.split()) and (project / "all.html").is_file()

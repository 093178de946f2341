"""What ``vigie init`` writes: projects that load, check and run as they are."""

from __future__ import annotations

import os
import random
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from vigie.cli.serve import serve
from vigie.definition import Score
from vigie.definition.source import Column
from vigie.errors import DefinitionError, SettingsError
from vigie.lifecycle.load import load_scores
from vigie.lifecycle.locations import location_of
from vigie.lifecycle.scaffold import EventAnswers, FileShape, TableAnswers, inspect_table, write_project
from vigie.lifecycle.scaffold_project import ASSUMPTION, project_text
from vigie.settings import read

EVENTS = EventAnswers("churn", FileShape("data/orders*.csv"), id="order_id", amount="amount")
TABLE = TableAnswers("telco", FileShape("data/telco.csv"), "customerID", "Churn", "Yes", "Campaign")
VARIANTS = [
    EVENTS,
    EventAnswers("buyers", FileShape("data/*.parquet"), "visits", "who", "when", decision="Lead"),
    EventAnswers("orders_churn", FileShape("o.csv"), "online_retail", "CustomerID", "InvoiceDate"),
    TABLE,
    TableAnswers("leads", FileShape("l.csv", ";", "cp1252", ("Select", "?")), "ID", "y", 1.0, "Lead", "created_at"),
    TableAnswers("risk", FileShape("r.csv"), "id", "bad", True, "Loan", value="loan_amount"),
    TableAnswers("customers", FileShape("c.csv"), "id", "stayed", False, "Campaign", left_out={"row": "an identifier"}),
]


def _load(directory: Path) -> tuple[Score, dict[str, object]]:
    settings = read(directory / "vigie.toml", environment="")
    (score,) = load_scores(settings.files).values()
    return score, dict(settings.sources)


@pytest.mark.parametrize("answers", VARIANTS, ids=lambda a: a.name)
def test_a_written_project_loads_and_passes_its_own_tests(tmp_path, answers):
    written = write_project(tmp_path, answers)
    score, sources = _load(tmp_path)

    assert written[0] == tmp_path / f"{answers.name}.py" and all(file.is_file() for file in written)
    assert score.name == answers.name and "?" in score.description
    assert set(score.sources) == set(sources)
    for name, keys in sources.items():
        location_of(name, keys, tmp_path)
    assert read(tmp_path / "vigie.toml", environment="prod").environment == "prod"
    code = [
        line for line in written[0].read_text("utf-8").splitlines() if line.strip() and not line.strip().startswith("#")
    ]
    assert len(code) <= 35 and all(len(line) <= 120 for line in code)
    assert ASSUMPTION in written[0].read_text("utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        check=False, capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout


def test_the_other_files_are_well_formed(tmp_path):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pipelines cannot be parsed")
    write_project(tmp_path, TABLE)

    gitlab = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text("utf-8"))
    github = yaml.safe_load((tmp_path / ".github/workflows/vigie.yml").read_text("utf-8"))
    assert {gitlab[job]["stage"] for job in ("check", "train", "image")} == set(gitlab["stages"])
    assert set(github["jobs"]) == {"check", "train"}
    assert "${{ github.sha }}" in (tmp_path / ".github/workflows/vigie.yml").read_text("utf-8")
    subprocess.run(["sh", "-n", str(tmp_path / "test.sh")], check=True)
    assert os.access(tmp_path / "test.sh", os.X_OK)
    assert ".vigie/" in (tmp_path / ".gitignore").read_text("utf-8").splitlines()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert "%%" not in file.read_text("utf-8"), file


def test_the_container_starts_with_options_that_exist(tmp_path):
    write_project(tmp_path, TABLE)
    last = (tmp_path / "Dockerfile").read_text("utf-8").strip().splitlines()[-1]
    words = [word.strip(' "[]') for word in last.removeprefix("CMD").split(",")]
    assert words[:2] == ["vigie", "serve"]

    program = typer.Typer()
    program.command()(serve)
    shown = CliRunner().invoke(program, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output

    assert all(word in shown for word in words if word.startswith("--"))


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "Dockerfile").write_text("mine")

    with pytest.raises(SettingsError, match="Dockerfile exists already"):
        write_project(tmp_path, TABLE)
    assert [file.name for file in tmp_path.iterdir()] == ["Dockerfile"]
    assert (tmp_path / "Dockerfile").read_text() == "mine"


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path):
    (tmp_path / "tests").write_text("a file")

    with pytest.raises(SettingsError, match="cannot be written"):
        write_project(tmp_path, TABLE)


def test_answers_that_make_no_project_are_refused(tmp_path):
    with pytest.raises(DefinitionError, match="both the key and the outcome"):
        write_project(tmp_path, TableAnswers("x", FileShape("x.csv"), "id", "id", 1.0, "Lead"))
    with pytest.raises(DefinitionError, match="default cannot be told"):
        write_project(tmp_path, EventAnswers("x", FileShape("x.csv"), decision="Loan"))
    for name in ("My score", "random", "class", "vigie", "2024"):
        with pytest.raises(DefinitionError, match="cannot be the name of a file"):
            write_project(tmp_path, TableAnswers(name, FileShape("x.csv"), "id", "y", 1.0, "Lead"))
    assert list(tmp_path.iterdir()) == []


def test_paths_are_relative_where_that_is_short(tmp_path):
    data, project = tmp_path / "data [1]", tmp_path / "project"
    data.mkdir()
    (data / "été.csv").write_text("id,churn\n1,0\n2,1\n3,0\n", "utf-8")
    answers = inspect_table(data / "été.csv").answers
    assert answers is not None

    write_project(project, answers)

    path = tomllib.loads((project / "vigie.toml").read_text("utf-8"))["sources"]["customers"]["path"]
    assert path == "../data [[]1]/été.csv"
    assert len(list(project.parent.glob("data [[]1]/été.csv"))) == 1


def test_x_education_says_what_looks_filled_in_later(shared_data, tmp_path):
    proposal = inspect_table(shared_data / "leads_xeducation.csv")
    assert proposal.answers is not None
    write_project(tmp_path, proposal.answers)
    text = (tmp_path / "leads_xeducation.py").read_text("utf-8")
    score, sources = _load(tmp_path)
    schema = {"leads": {column.name: column.kind for column in proposal.columns}}

    features = {f.column for f in score.bound(schema).bound_features if isinstance(f, Column)}

    assert {"Tags", "Lead Quality", "Last Activity", "TotalVisits"} <= features
    assert not features & {"Prospect ID", "Lead Number", "Converted"}
    assert "#   Tags: " in text and text.count("\n    #   ") >= 5
    assert sources["leads"]["nulls"] == ["", "Select"]


def test_telco_is_ready_to_train(shared_data, tmp_path):
    proposal = inspect_table(shared_data / "telco_churn.csv")
    assert proposal.answers is not None
    write_project(tmp_path, proposal.answers)
    score, _ = _load(tmp_path)
    schema = {"customers": {column.name: column.kind for column in proposal.columns}}

    assert len(score.bound(schema).bound_features) == 19


def test_hostile_tables_make_projects_that_bind(tmp_path):
    rng = random.Random(3)
    tables = {
        "spaces and (brackets).csv": ('customer id,Montant dû €,50% off?,"quote""d",churn\n', ","),
        "Ünïcode 客户.csv": ("客户 id;金额;naïve;\\back;résilié?;churn\n", ";"),
        "dup.csv": ("id\tid\tID\tchurn\n", "\t"),
        "import.csv": ("class|def|from|lambda|churn\n", "|"),
    }
    for name, (header, delimiter) in tables.items():
        width = header.count(delimiter) + 1
        rows = "".join(
            delimiter.join([f"u{i}", *(str(rng.randint(0, 9)) for _ in range(width - 2)), str(int(i % 3 == 0))]) + "\n"
            for i in range(80)
        )
        (tmp_path / name).write_text(header + rows, "utf-8")
        proposal = inspect_table(tmp_path / name)
        assert isinstance(proposal.answers, TableAnswers), (name, proposal.open)
        directory = tmp_path / f"project {name}"
        write_project(directory, proposal.answers)
        score, sources = _load(directory)
        (source,) = sources
        score.bound({source: {column.name: column.kind for column in proposal.columns}})
        shutil.rmtree(directory)


@given(
    key=st.text(min_size=1, max_size=20),
    target=st.text(min_size=1, max_size=20),
    positive=st.one_of(st.text(max_size=10), st.booleans(), st.floats(-1e6, 1e6)),
    left=st.lists(st.text(min_size=1, max_size=12), max_size=3),
)
def test_any_column_name_survives_the_project_file(tmp_path_factory, key, target, positive, left):
    assume(key != target)
    out = dict.fromkeys((c for c in left if c not in (key, target)), "an identifier")
    answers = TableAnswers("any_name", FileShape("x.csv"), key, target, positive, "Lead", left_out=out)
    file = tmp_path_factory.mktemp("any") / "any_name.py"
    file.write_text(project_text(answers), "utf-8")

    score = runpy.run_path(str(file))["any_name"]

    assert score.outcome_columns == {("leads", target)}
    assert score.sources["leads"].key == key
    (feature,) = score.features
    assert tuple(out) == feature.but

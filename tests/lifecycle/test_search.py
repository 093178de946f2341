"""Searches of a project: kept beside it, listed, and gone on with by another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from vigie.cli.program import program
from vigie.clock import FixedClock
from vigie.errors import TrainingError
from vigie.features.training_set import build_training_set
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.search import join_search, project_studies, search_url, study_place
from vigie.training import TrainOptions
from vigie.training.candidates import chosen_candidates
from vigie.training.search import search
from vigie.training.task import Task

NOW = 1_790_000_000_000_000
OPTIONS = TrainOptions(models=("lightgbm",), folds=2, trials=5, threads=1)

FILE = '''"""Who leaves?"""
from vigie import Campaign, Score, Table, moment

customers = Table("customers", key="id")
churn = Score("churn", outcome=customers["left"] == "yes", features=[customers["x0", "x1"], customers["born"].age()],
              decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200))
'''
TOML = """[project]
files = ["churn.py"]
[sources.customers]
path = "customers.csv"
"""


class Interrupted(BaseException):
    """Like Ctrl-C."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path, 0)


def made(folder: Path, seed: int, more: str = "") -> Project:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 2)).round(4)
    left = rng.random(300) < 1 / (1 + np.exp(1 - 1.5 * x[:, 0]))
    table = pl.DataFrame(
        {
            "id": [f"k{i}" for i in range(300)],
            "x0": x[:, 0],
            "x1": x[:, 1],
            "born": [f"19{50 + i % 50}-01-{1 + i % 28:02}" for i in range(300)],
            "left": np.where(left, "yes", "no"),
        }
    )
    table.write_csv(folder / "customers.csv")
    (folder / "vigie.toml").write_text(TOML + more)
    (folder / "churn.py").write_text(FILE)
    opened = Project.open(folder, None, FixedClock(NOW))
    ingest_sources(opened, ["customers"], None)
    return opened


def searched(project: Project, options: TrainOptions = OPTIONS, *, until: int = 99) -> Any:
    """The search of a training as of the project's now, interrupted after *until* looks."""
    score = project.score()
    schema = project.schema(score)
    bound = score.bound(schema)
    task = Task.of(build_training_set(bound, project.lake, schema, as_of=NOW), options)
    part = task.train

    def tell(doing: str, share: float, news: Any) -> None:
        if news is not None and news.done >= until:
            raise Interrupted

    place = study_place(project, bound, options, NOW)
    candidates = chosen_candidates(options.models, has_rule=False)
    return search(candidates, part.rows, part.payoff, task.folds, part.capacity, options, place, tell)


def test_another_machine_goes_on_at_the_same_moment(project: Project) -> None:
    with pytest.raises(TrainingError, match="no search of 'churn' is under way"):
        join_search(project, project.score())
    with pytest.raises(Interrupted):
        searched(project, until=3)
    # Later, by its clock; ages would be others.
    other = Project.open(project.settings.root, None, FixedClock(NOW + 40 * 86_400_000_000))
    (study,) = project_studies(other)
    assert (study.done, study.complete) == (3, False)

    trials = join_search(other, other.score())

    assert [trial.number for trial in trials] == list(range(7))
    (study,) = project_studies(other)
    assert study.complete and study.done == 7 and study.best is not None
    tried, summary = searched(project)
    assert summary.resumed == 7 and tried[1].trials == 6
    with pytest.raises(TrainingError, match="no search"):
        join_search(other, other.score())


def test_other_data_do_not_join(project: Project, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        searched(project, until=1)
    shared = f"[train]\nsearch = '{search_url(project)}'\n"
    other = made(tmp_path / "other", 1, shared)

    with pytest.raises(TrainingError, match="other data"):
        join_search(other, other.score())
    (project.settings.root / "churn.py").write_text(FILE.replace("accepted=0.3", "accepted=0.2"))
    changed = Project.open(project.settings.root, None, FixedClock(NOW))
    with pytest.raises(TrainingError, match="with this definition"):
        join_search(changed, changed.score())


def test_searches_are_listed(project: Project) -> None:
    runner = CliRunner()
    nothing = runner.invoke(program, ["search", "--list", "--project", str(project.settings.root)])
    assert nothing.exit_code == 0 and "no search yet" in nothing.output
    searched(project)
    with pytest.raises(Interrupted):
        searched(project, TrainOptions(models=("lightgbm",), folds=2, trials=6, threads=1), until=1)

    shown = runner.invoke(program, ["search", "churn", "--list", "--project", str(project.settings.root)])

    lines = [line.split() for line in shown.output.splitlines() if line.strip().startswith("churn-")]
    assert [line[2:4] for line in lines] == [["under", "way"], ["complete", "7"]]
    assert "lightgbm" in shown.output and "2026-" in shown.output


def test_the_database_is_a_setting_and_may_be_a_secret(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project.settings.root
    assert search_url(project) == f"sqlite:///{root / '.vigie' / 'search.db'}"
    (root / "vigie.toml").write_text(TOML + '[train]\nsearch = "env:SEARCHES"\n')
    monkeypatch.setenv("SEARCHES", f"sqlite:///{root / 'elsewhere.db'}")
    moved = Project.open(root, None, FixedClock(NOW))
    searched(moved, TrainOptions(models=("lightgbm",), folds=2, trials=1, threads=1))
    assert (root / "elsewhere.db").exists() and len(project_studies(moved)) == 1

"""A fleet: many scores from one reading, one that fails alone, what is done left out, a worse model kept away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from vigie.clock import FixedClock
from vigie.errors import DefinitionError
from vigie.features.shared_sets import SharedReading, reading_key
from vigie.features.training_set import build_training_set
from vigie.lifecycle import fleet_gate
from vigie.lifecycle.fleet import FleetRun, chosen_scores, ingest_for, last_outcomes, run_fleet
from vigie.lifecycle.fleet_gate import Verdict
from vigie.lifecycle.load import load_scores
from vigie.lifecycle.project import Project
from vigie.training import TrainOptions

NOW = 1_790_000_000_000_000
OPTIONS = TrainOptions(models=("logistic_regression",), folds=2, trials=0, stack=False, select=False, threads=1)

SCORES = '''"""Who leaves, country by country?"""
from vigie import Campaign, Score, Table

customers = Table("customers", key="id")
gone = Table("gone", key="id")
decision = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200)
by_country = [
    Score(f"churn_{country}", outcome=customers["left"] == "yes", population=customers["country"] == country,
          features=[customers["x0", "x1"]], decision=decision)
    for country in ("de", "fr", "it")
]
others = {
    "one_class": Score("one_class", outcome=customers["one"] == "yes", features=[customers["x0"]], decision=decision),
    "no_source": Score("no_source", outcome=gone["left"] == "yes", features=[gone["x0"]], decision=decision),
}
'''
TOML = """[project]
files = ["scores.py"]
[sources.customers]
path = "customers.csv"
[sources.gone]
path = "gone.csv"
"""


def customers(n: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)).round(4)
    left = rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * x[:, 0] + x[:, 1]))
    return pl.DataFrame(
        {
            "id": [f"k{i}" for i in range(n)],
            "country": rng.choice(["de", "fr", "it"], n),
            "x0": x[:, 0],
            "x1": x[:, 1],
            "left": np.where(left, "yes", "no"),
            "one": "yes",
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    customers(900).write_csv(tmp_path / "customers.csv")
    (tmp_path / "scores.py").write_text(SCORES)
    (tmp_path / "vigie.toml").write_text(TOML)
    return tmp_path


def opened(folder: Path, now: int = NOW) -> Project:
    return Project.open(folder, None, FixedClock(now))


def ingested(folder: Path, now: int = NOW) -> tuple[Project, dict[str, str]]:
    project = opened(folder, now)
    _, broken = ingest_for(project, chosen_scores(project))
    return project, broken


def states(run: FleetRun) -> dict[str, str]:
    return {one.score: one.state for one in run.outcomes}


TRAINED = {"churn_de": "trained", "churn_fr": "trained", "churn_it": "trained"}


def test_one_that_fails_does_not_stop_the_rest(folder: Path) -> None:
    project, broken = ingested(folder)
    assert list(broken) == ["gone"]
    told: list[float] = []
    run = run_fleet(project, "train", options=OPTIONS, broken=broken, progress=lambda _, share: told.append(share))
    assert states(run) == {**TRAINED, "one_class": "failed", "no_source": "failed"}
    assert told == sorted(told) and told[-1] == 1.0
    words = {one.score: one.words for one in run.failed}
    assert "true on all" in words["one_class"] and "source 'gone'" in words["no_source"]

    for one in run.outcomes[:3]:
        version = project.registry.resolve(one.score)
        assert version.version == one.version == 1 and version.bundle_hash == one.bundle
        assert one.auc is not None and one.auc > 0.7 and one.rows > 200
        assert json.loads((Path(one.folder) / "summary.json").read_text())["score"] == one.score
    said = json.loads(run.file.read_text())
    assert said["states"] == {"trained": 3, "failed": 2} and len(said["scores"]) == 5
    table = project.lake.scan("fleet_runs").collect()
    assert table["score"].to_list() == [one.score for one in run.outcomes]
    assert set(table["run"]) == {run.file.stem}


def test_what_was_done_on_the_same_is_left_out_and_what_changed_is_not(folder: Path) -> None:
    project, broken = ingested(folder)
    first = run_fleet(project, "train", ["churn_*"], options=OPTIONS, register=False)
    again = run_fleet(project, "train", options=OPTIONS, resume=True, broken=broken, register=False)
    unchanged = dict.fromkeys(TRAINED, "unchanged")
    assert states(again) == {**unchanged, "one_class": "failed", "no_source": "failed"}
    assert [one.bundle for one in again.outcomes[:3]] == [one.bundle for one in first.outcomes]
    # A failure is tried again, and threads are no other training.
    assert (
        states(run_fleet(project, "train", ["churn_*"], options=replace(OPTIONS, threads=2), resume=True)) == unchanged
    )

    changed = SCORES.replace('population=customers["country"] == country', 'population=customers["country"] == country,'
                             ' rule=customers["x0"] > 0 if country == "fr" else None')  # fmt: skip
    (folder / "scores.py").write_text(changed)
    other = run_fleet(opened(folder), "refresh", ["churn_*"], options=OPTIONS, register=False)
    assert states(other) == {**unchanged, "churn_fr": "trained"}

    customers(1000, seed=1).write_csv(folder / "customers.csv")
    project, _ = ingested(folder, NOW + 1_000_000)
    newer = run_fleet(project, "refresh", ["churn_d*"], options=OPTIONS, register=False)
    assert states(newer) == {"churn_de": "trained"}
    assert newer.outcomes[0].bundle != first.outcomes[0].bundle


def test_a_champion_gives_way_only_to_one_that_is_no_worse(folder: Path, monkeypatch) -> None:
    project, _ = ingested(folder)
    run_fleet(project, "train", ["churn_de"], options=OPTIONS)
    worse = replace(OPTIONS, models=("dummy",), seed=1)
    kept = run_fleet(project, "refresh", ["churn_de"], options=worse).outcomes[0]
    assert kept.state == "kept" and "stays" in kept.words
    assert kept.version == 2 and project.registry.resolve("churn_de").version == 1
    monkeypatch.setattr(fleet_gate, "not_worse", lambda *_: Verdict(True, "as good"))
    run = run_fleet(project, "refresh", ["churn_de"], options=replace(worse, seed=2))
    assert states(run) == {"churn_de": "trained"} and project.registry.resolve("churn_de").version == 3


def test_workers_change_nothing(folder: Path) -> None:
    project, _ = ingested(folder)
    one = run_fleet(project, "train", ["churn_[df]*"], options=OPTIONS, register=False)
    two = run_fleet(project, "train", ["churn_[df]*"], options=OPTIONS, workers=2, register=False)
    assert [x.bundle for x in one.outcomes] == [x.bundle for x in two.outcomes]
    assert two.outcomes[0].version == 0 and "churn_de" not in project.registry.names()


def test_a_shared_reading_gives_the_training_set_that_reading_alone_gives(folder: Path) -> None:
    project, _ = ingested(folder)
    scores = [project.scores[f"churn_{country}"] for country in ("de", "fr")] + [project.scores["one_class"]]
    schema = project.schema(scores[0])
    bound = [score.bound(schema) for score in scores]
    assert len({reading_key(score) for score in scores}) == 1
    assert reading_key(project.scores["no_source"]) != reading_key(scores[0])
    reads: list[str] = []

    class Counting:
        def version(self, name: str) -> int:
            return project.lake.version(name)

        def scan(self, name: str, *, version: int | None = None):
            reads.append(name)
            return project.lake.scan(name, version=version)

    with SharedReading(bound, Counting(), schema, NOW, 1 << 28) as reading:
        for score in [*bound, bound[0]]:
            shared = reading.training_set(score)
            alone = build_training_set(score, project.lake, schema, as_of=NOW)
            assert shared.customers.tolist() == alone.customers.tolist()
            assert np.array_equal(shared.labels, alone.labels) and np.array_equal(shared.moments, alone.moments)
            assert (shared.immature, shared.unknown, shared.versions) == (alone.immature, alone.unknown, alone.versions)
            for role in ("features", "extras"):
                ours, theirs = getattr(shared, role), getattr(alone, role)
                assert list(ours) == list(theirs)
                for name, values in ours.items():
                    assert np.array_equal(values.data, theirs[name].data, equal_nan=True)
                    assert values.categories == theirs[name].categories
    assert reads == ["customers"]


def test_the_commands(folder: Path, monkeypatch) -> None:
    from vigie.cli.program import program

    monkeypatch.chdir(folder)
    runner = CliRunner()
    listed = runner.invoke(program, ["fleet", "list"])
    assert listed.exit_code == 0 and listed.output.count("never") == 5
    asked = ["fleet", "train", "-m", "logistic_regression", "-w", "1", "--as-of", "2026-09-01"]
    done = runner.invoke(program, [*asked, "churn_de", "one_class"])
    assert done.exit_code == 1 and "1 trained" in done.output and "1 failed" in done.output
    scored = runner.invoke(program, ["fleet", "score", "churn_de", "-w", "1", "--as-of", "2026-09-02"])
    assert scored.exit_code == 0 and "1 scored" in scored.output
    project = opened(folder)
    assert len(project.lake.scan("scores_churn_de").collect()) == int((customers(900)["country"] == "de").sum())
    checked = runner.invoke(program, ["fleet", "check", "churn_*", "-w", "1"])
    assert checked.exit_code == 0 and "3 sound" in checked.output
    listed = {score.name: one.state if one else "" for score, one in last_outcomes(project)}
    assert listed == {"churn_de": "trained", "churn_fr": "", "churn_it": "", "one_class": "failed", "no_source": ""}


def test_a_pattern_that_matches_nothing_is_told(folder: Path) -> None:
    project = opened(folder)
    assert [score.name for score in chosen_scores(project, ["*_it", "churn_d?"])] == ["churn_de", "churn_it"]
    with pytest.raises(DefinitionError, match=r"no score matches 'churm_\*'"):
        chosen_scores(project, ["churn_de", "churm_*"])


def test_scores_made_in_a_loop_are_found_and_described(folder: Path) -> None:
    scores = load_scores((folder / "scores.py",))
    assert list(scores) == ["churn_de", "churn_fr", "churn_it", "one_class", "no_source"]
    assert {score.description for score in scores.values()} == {"Who leaves, country by country?"}
    (folder / "twice.py").write_text(SCORES + "again = [by_country[0], others['one_class']]\n")
    assert list(load_scores((folder / "twice.py",))) == list(scores)
    clash = 'clash = (Score("churn_de", outcome=customers["one"] == "no", features=[customers["x0"]], decision=decision),)\n'
    (folder / "clash.py").write_text(SCORES + clash)
    with pytest.raises(DefinitionError, match="two scores are called 'churn_de'"):
        load_scores((folder / "clash.py",))

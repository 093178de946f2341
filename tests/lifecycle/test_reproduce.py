"""A model is made again from its record, to the bit; and where it cannot be, that is said with the reason."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from renewal_shop import FILE, NOW, make_project, opened, quick, visits

from vigie.clock import DAY
from vigie.errors import RegistryError
from vigie.lifecycle import reproduce_recipe
from vigie.lifecycle.erase import erase
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.reproduce import recipe_of_version, reproduce
from vigie.lifecycle.train import train_score
from vigie.registry import TrainingRun


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions: linear, trees with a search, additive; then new data, and another hold-out."""
    folder = tmp_path_factory.mktemp("reproduce")
    project = make_project(folder)
    score = project.score("churn")
    train_score(project, score, quick("logistic_regression"))
    train_score(project, score, quick("lightgbm", trials=3, select=True))
    train_score(project, score, quick("ebm"))
    visits(folder, "2", 330, 345)
    text = (folder / "vigie.toml").read_text()
    (folder / "vigie.toml").write_text(text + "[rollout]\nholdout = 0.1\n")
    ingest_sources(opened(folder, NOW + 15 * DAY))
    return folder


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_the_same_model_comes_out_although_data_came_and_settings_changed(folder: Path, version: str) -> None:
    later = opened(folder, NOW + 20 * DAY)
    found = reproduce(later, "churn", version)
    assert found.same and found.found == later.registry.resolve("churn", version).bundle_hash, found.differences
    assert not found.differences and not found.files
    assert later.lake.version("visits") > found.recipe.data["visits"]
    assert len(later.registry.versions("churn")) == 3  # nothing is registered


def test_candidates_are_those_that_were_asked_for(folder: Path) -> None:
    project = opened(folder)
    from vigie.bundle import load_bundle

    made = [load_bundle(project.registry.fetch("churn", str(i))).lineage["candidate"] for i in (1, 2, 3)]
    assert made == ["logistic_regression", "lightgbm", "ebm"]


def test_other_libraries_and_machines_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        reproduce_recipe, "machine", lambda: {"python": "3.99", "system": "x", "libc": "", "processor": "abacus"}
    )
    from vigie.lifecycle import reproduce as room

    monkeypatch.setattr(room, "machine", reproduce_recipe.machine)
    found = reproduce(opened(folder), "churn", "1")
    assert found.same  # a linear model does not mind
    assert any("processor is abacus" in one for one in found.differences)
    assert any("python is 3.99" in one for one in found.differences)


def changed(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch, **others: object) -> object:
    """What becomes of a version whose recipe says something else."""
    from vigie.lifecycle import reproduce as room

    project = opened(folder)
    recipe = replace(recipe_of_version(project.registry.resolve("churn", version)), **others)
    monkeypatch.setattr(room, "recipe_of_version", lambda _: recipe)
    return reproduce(project, "churn", version)


def test_another_model_is_told_with_what_differs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = recipe_of_version(opened(folder).registry.resolve("churn", "1")).options
    found = changed(folder, "1", monkeypatch, options={**options, "models": ["lightgbm"]})
    assert not found.same and found.found and "model.json" in " ".join(found.files)
    assert any("lightgbm won, logistic_regression then" in one for one in found.differences)
    fewer = changed(folder, "1", monkeypatch, as_of=NOW - 60 * DAY)
    assert any("rows are learned from" in one for one in fewer.differences)


def test_a_version_without_a_recipe_is_refused(folder: Path, tmp_path: Path) -> None:
    from vigie.bundle import load_bundle

    project = opened(folder)
    copy = make_project(tmp_path)
    copy.registry.log(TrainingRun(load_bundle(project.registry.fetch("churn", "1")), {}, {}, {}, {}))
    with pytest.raises(RegistryError, match="without its recipe"):
        reproduce(copy, "churn", "1")


def test_after_an_erasure_the_data_of_then_are_gone_and_that_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    train_score(project, project.score("churn"), quick())
    gone = erase(opened(tmp_path), ["7"])
    assert any(item.rows for item in gone.items)
    found = reproduce(opened(tmp_path), "churn", "1")
    assert not found.same and not found.found
    assert any("customers were erased" in one for one in found.differences)


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=folder, check=True, capture_output=True
    )


def test_the_project_file_of_the_commit_is_taken(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "churn.py")
    git(tmp_path, "commit", "-qm", "first")
    project = opened(tmp_path)
    train_score(project, project.score("churn"), quick(code_version=project.code_version()))
    (tmp_path / "churn.py").write_text(FILE.replace("days(7, 30, 60)", "days(14)"))
    found = reproduce(opened(tmp_path), "churn", "1")
    assert found.same, found.differences
    git(tmp_path, "commit", "-qam", "other features")
    assert reproduce(opened(tmp_path), "churn", "1").same


def test_without_a_commit_a_changed_definition_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    train_score(project, project.score("churn"), quick())
    (tmp_path / "churn.py").write_text(FILE.replace("days(7, 30, 60)", "days(14)"))
    found = reproduce(opened(tmp_path), "churn", "1")
    assert not found.same and any("is defined otherwise now" in one for one in found.differences)


def test_the_project_is_left_alone(folder: Path) -> None:
    project: Project = opened(folder)
    before = project.lake
    reproduce(project, "churn", "1")
    assert project.lake is before and project.clock.now() == NOW

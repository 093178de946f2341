"""Evidently's report of two windows, by the package itself, and what is said where it cannot be had."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from own_environment import own_environment
from test_watch_drift import START, make, record, trained

from vigie.cli.evidently import _periods
from vigie.cli.program import program
from vigie.clock import DAY, iso
from vigie.errors import InputError, SettingsError, VigieError
from vigie.lifecycle import evidently
from vigie.lifecycle.evidently import Period, compare, interpreter
from vigie.lifecycle.project import Project

VERSION = "0.7.23"
REFERENCE, LIVE = Period(START, START + 5 * DAY), Period(START + 10 * DAY, START + 12 * DAY)
NOW = START + 20 * DAY


@pytest.fixture(scope="module")
def python() -> Path:
    """Python of an environment with Evidently."""
    return own_environment(f"evidently-{VERSION}", [f"evidently=={VERSION}", "pandas<3", "pyarrow"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Five days as in training, and two a week later with older customers."""
    folder = tmp_path_factory.mktemp("two")
    bundle = trained()
    made = make(folder, bundle)
    for day in range(5):
        record(made, bundle, day, day)
    for day in (10, 11):
        record(made, bundle, day, day, older=12.0)
    return made


def known(_project: Any, _score: str, customers: list[Any], *_: Any) -> Any:
    """Outcomes, as if they were mature, of all but every tenth."""
    drawn = np.random.default_rng(len(customers)).random(len(customers))
    return np.where(np.arange(len(customers)) % 10 == 0, np.nan, (drawn < 0.3).astype(float))


def test_both_find_what_drifted_and_say_so_side_by_side(
    project: Project, python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidently, "_outcomes", known)
    page = tmp_path / "deep" / "evidently.html"
    found = compare(project, "churn", LIVE, REFERENCE, page, interpreter(project, python), NOW)
    assert found.version == VERSION and found.rows == (500, 1250) and found.outcomes == (450, 1125)
    said = {one.column: one for one in found.verdicts}
    assert list(said) == ["people_age", "people_income", "score", "decision", "outcome"]
    age, income = said["people_age"], said["people_income"]
    assert age.drifted and age.theirs and age.effect > age.limit and age.p < 1e-6
    assert "Wasserstein" in age.method and age.value > age.threshold == 0.1
    assert not income.drifted and income.theirs is False and "Jensen" in said["decision"].method
    assert all(one.theirs is not None for one in found.verdicts)
    assert 0.3 < found.classification["RocAuc"] < 0.7 and "people_age" in page.read_text("utf-8")
    assert [one.name for one in found.pages] == ["evidently.html", "evidently-classification.html"]
    assert all(one.stat().st_size > 100_000 for one in found.pages)


def test_the_command_prints_a_table_and_json(project: Project, python: Path, tmp_path: Path) -> None:
    folder = project.settings.root
    days = [
        "--from",
        iso(LIVE.first)[:10],
        "--to",
        iso(LIVE.last)[:10],
        "--against",
        iso(REFERENCE.first)[:10],
        "--until",
        iso(REFERENCE.last)[:10],
    ]
    base = ["evidently", "churn", *days, "--as-of", iso(NOW), "--project", str(folder), "--python", str(python)]
    done = CliRunner().invoke(program, [*base, "--json", "-o", str(tmp_path / "e.html")])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["live"]["rows"] == 500 and told["reference"]["outcomes"] == 0 and told["classification"] == {}
    assert [Path(one).name for one in told["pages"]] == ["e.html"]
    columns = {one["column"]: one for one in told["columns"]}
    # Of outcomes that nobody knows neither says anything.
    assert "outcome" not in columns and columns["people_age"]["evidently"]["drifted"] is True


def test_a_window_without_a_prediction_is_told_before_evidently_is_asked(project: Project, tmp_path: Path) -> None:
    empty = Period(START + 15 * DAY, START + 17 * DAY)
    for live, reference, field in ((empty, REFERENCE, "--from"), (LIVE, empty, "--against")):
        with pytest.raises(InputError, match="nothing was predicted on the days 2026-03-17 to 2026-03-18") as error:
            compare(project, "churn", live, reference, tmp_path / "e.html", Path("/nowhere"), NOW)
        assert field in str(error.value)


def test_what_evidently_says_when_it_fails_is_handed_on(project: Project, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'first' >&2; echo 'ValueError: all is lost' >&2; exit 3\n")
    fake.chmod(0o755)
    with pytest.raises(VigieError, match="all is lost"):
        compare(project, "churn", LIVE, REFERENCE, tmp_path / "e.html", fake, NOW)
    assert not (tmp_path / "e.html").exists()


def test_it_runs_without_telemetry_and_without_the_users_environment(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\nenv > {tmp_path}/env; exit 1\n")
    fake.chmod(0o755)
    with pytest.raises(VigieError):
        compare(project, "churn", LIVE, REFERENCE, tmp_path / "e.html", fake, NOW)
    told = (tmp_path / "env").read_text()
    assert "DO_NOT_TRACK=1" in told and "s3cret" not in told


def test_a_python_that_has_no_evidently_is_told_with_what_to_do(project: Project, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no"):
        interpreter(project, tmp_path / "nowhere")
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'evidently'\" >&2; exit 1\n")
    fake.chmod(0o755)
    with pytest.raises(SettingsError, match="No module named 'evidently'") as error:
        interpreter(project, fake)
    assert "python -m venv" in str(error.value) and "[watch] evidently" in str(error.value)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("2026-02-05", "2026-02-05", None, None), "--from"),
        (("2026-02-05", None, "2026-02-05", None), "--against"),
        (("soon", None, None, None), "--from"),
    ],
)
def test_windows_that_cannot_be_meant(given: tuple[str | None, ...], field: str) -> None:
    with pytest.raises(InputError) as error:
        _periods(NOW, *given)
    assert field in str(error.value)


def test_the_last_week_against_the_four_before() -> None:
    live, reference = _periods(NOW + DAY // 3, None, None, None, None)
    assert (live.first, live.last) == (NOW - 7 * DAY, NOW) and (reference.first, reference.last) == (
        NOW - 35 * DAY,
        NOW - 7 * DAY,
    )
    assert live.words == f"{iso(NOW - 7 * DAY)[:10]} to {iso(NOW - DAY)[:10]}"

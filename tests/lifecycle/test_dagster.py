"""Dagster itself loads the definitions of a project, makes every asset, holds their checks and ticks their sensors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from own_environment import own_environment
from up_shop import make_project

from vigie.clock import DAY, SystemClock, iso
from vigie.errors import MissingExtraError
from vigie.lifecycle import dagster
from vigie.lifecycle.steps_schedule import Schedule, cron_of, slots

VERSION = "1.13.27"
MINUTE = 60_000_000
TOML = """
[schedule.ingest]
cron = "0 6 * * mon-fri"
zone = "Europe/Paris"
catch_up = "none"
tries = 2
backoff = "5s"
[schedule.score]
cron = "0 6  * * MON-FRI"
zone = "Europe/Paris"
[schedule.watch]
cron = "0 6 * * mon-fri"
zone = "Europe/Paris"
[schedule.retrain]
cron = "0 6 * * mon-fri"
zone = "Europe/Paris"
[schedule.ship]
every = "7m"
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """Python of an environment with Dagster over ours."""

    def over_ours(folder: Path) -> None:
        # Ours come after those that Dagster needs in other versions.
        ours = [sysconfig.get_path("purelib"), str(Path(dagster.__file__).parents[2])]
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "zz_ours.pth").write_text("\n".join(ours) + "\n")

    return own_environment(f"dagster-{VERSION}", [f"dagster=={VERSION}"], over_ours)


@pytest.fixture(scope="module")
def told(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("shop")
    make_project(folder, TOML, trained=False)
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\nconcurrency:\n  runs:\n    max_concurrent_runs: 1\n"
    )
    day = iso((SystemClock().now() // DAY - 7) * DAY)[:10]
    done = subprocess.run(
        [str(python), str(Path(__file__).parent / "dagster_story.py"), str(folder), day],
        capture_output=True, text=True, env={**os.environ, "DAGSTER_HOME": str(home)}, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return {**json.loads(done.stdout), "day": day}


def test_assets_follow_from_data_to_watch(told: Any) -> None:
    assert told["assets"] == [
        "cohorts/churn", "features/churn", "gate/churn", "lake/visits", "predictions", "release/churn", "scores/churn",
        "training/churn", "watch/churn",
    ]  # fmt: skip
    parents = told["parents"]
    assert parents["features/churn"] == ["lake/visits"]
    assert (parents["training/churn"], parents["gate/churn"]) == (["features/churn"], ["training/churn"])
    assert parents["release/churn"] == ["gate/churn"]
    assert parents["scores/churn"] == ["lake/visits", "release/churn"]
    assert parents["watch/churn"] == ["predictions", "scores/churn"]


def test_schedules_are_those_of_the_settings_with_a_sensor_where_cron_has_no_words(told: Any) -> None:
    assert told["schedules"] == {
        "ingest_score_schedule": ["0 6 * * mon-fri", "Europe/Paris", "RUNNING", "ingest_score"]
    }
    # What stands for a schedule runs at once; what looks for further work is switched on by hand.
    assert told["sensors"] == {
        "ship_slots": "RUNNING", "after_success": "RUNNING", "after_failure": "RUNNING",
        "incidents": "STOPPED", "matured": "STOPPED", "new_data": "STOPPED",
    }  # fmt: skip
    assert told["retries"]["lake__visits"] == [1, 5.0]


def test_steps_that_are_due_together_follow_each_other(told: Any) -> None:
    jobs = {name: keys for name, (keys, _) in told["jobs"].items()}
    assert jobs["ingest_score"] == ["lake/visits", "scores/churn"]
    assert told["together"] == ["lake/visits", "scores/churn"]
    # What watches comes when that has ended, what renews behind it, and neither is stopped by one that failed.
    assert told["follows"] == ["watch", {"vigie/then": "retrain"}]
    assert told["follows_that"] == ["retrain", {}]
    assert told["follows_nothing"] == "nothing follows it"
    # In a queue, what is made first begins first.
    priority = {name: int(tags["dagster/priority"]) for name, (_, tags) in told["jobs"].items() if tags}
    assert priority["ingest_score"] > priority["score"] > priority["watch"] > priority["retrain"]


def test_everything_is_made_and_every_check_has_an_answer(told: Any) -> None:
    made = told["made"]
    assert told["success"]
    assert made["lake/visits"]["rows"] > 1_000
    assert made["features/churn"]["rows"] > 1_000
    assert made["training/churn"]["version"] == made["release/churn"]["champion"] == 1
    assert made["release/churn"]["became"] == "promoted"
    assert made["scores/churn"]["rows"] > 50
    areas = {"steps", "data", "features", "api", "inference", "drift", "estimate", "performance"}
    assert set(told["checks"]) == {
        "lake/visits:contract", "lake/visits:quarantine", "predictions:segments", "training/churn:checks", "gate/churn:gate",
        *(f"watch/churn:{area}" for area in areas),
    }  # fmt: skip
    assert all(told["checks"].values())


def test_a_past_day_is_scored_as_of_its_end(told: Any) -> None:
    ends = iso((int(SystemClock().now() // DAY) - 6) * DAY)
    assert told["cohort"]["cohorts/churn"]["as_of"][:10] in (
        ends[:10],
        iso((SystemClock().now() // DAY - 7) * DAY)[:10],
    )
    assert told["cohort"]["cohorts/churn"]["rows"] > 50


def test_data_that_breaks_the_contract_stops_what_follows(told: Any) -> None:
    assert told["blocking"] == ["lake/visits:contract", "predictions:segments"]
    assert not told["bad_success"]
    assert told["bad_checks"]["lake/visits:contract"] == [False, "ERROR"]
    assert told["bad_checks"]["lake/visits:quarantine"] == [False, "WARN"]
    assert not {"features/churn", "scores/churn", "watch/churn"} & set(told["bad_made"])


def test_sensors_ask_for_what_follows_once(told: Any) -> None:
    assert told["tick"] == told["tick_after"] == [["lake/visits"]]
    assert told["tick_again"] == [] and told["why_not"]
    assert told["no_incidents"] == told["incidents_again"] == []
    assert told["incidents"] == [["features/churn", "gate/churn", "release/churn", "training/churn"]]
    assert told["matured"] == [["watch/churn"]]


@pytest.mark.parametrize("minutes", [1, 5, 15, 60, 120, 1_440])
def test_a_cron_text_has_the_same_slots(minutes: int) -> None:
    every = Schedule("ingest", every=minutes * MINUTE)
    text = cron_of(every)
    assert text is not None
    cron, begin = Schedule("ingest", cron=text), SystemClock().now()

    assert list(slots(cron, begin, begin + 3 * DAY)) == list(slots(every, begin, begin + 3 * DAY))


@pytest.mark.parametrize("every", [30_000_000, 7 * MINUTE, 90 * MINUTE, 5 * 60 * MINUTE, 2 * DAY])
def test_other_lengths_have_no_cron_text(every: int) -> None:
    assert cron_of(Schedule("ingest", every=every)) is None


def test_without_dagster_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster", None)
    with pytest.raises(MissingExtraError, match="dagster"):
        dagster.definitions(tmp_path)

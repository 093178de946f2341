"""Recorded predictions come to the lake, each exactly once, whatever is killed when."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from typer.testing import CliRunner

from vigie.clock import DAY, FixedClock, parse_moment
from vigie.data import Lake
from vigie.errors import DataError, SettingsError
from vigie.journal import Prediction, PredictionJournal, segments
from vigie.lifecycle.project import Project
from vigie.lifecycle.recorded import recorded
from vigie.lifecycle.ship import TABLE, has_segments, keep_of, schema, seconds_of, ship, waiting

NOW = parse_moment("2026-11-04T23:59:00Z")
EXAMPLE = Prediction(
    id="p", request_id="r", score="churn", customer="c-1", as_of=NOW, at=NOW, model="3", bundle="f00d",
    values={"age": 0.1 + 0.2, "country": "日本", "seen": None, "big": 2**53 + 1, "yes": True}, probability=0.1 + 0.7,
    decision="contact", gain=1.5, expected_value=None, segment="high", threshold=0.0, definition="d", rollout="r1",
)  # fmt: skip


def some(count: int, prefix: str, at: int = NOW, **changes: Any) -> list[Prediction]:
    return [msgspec.structs.replace(EXAMPLE, id=f"{prefix}{i:03d}", at=at, **changes) for i in range(count)]


def opened(root: Path, moment: int = NOW) -> Project:
    root.mkdir(exist_ok=True)
    (root / "vigie.toml").write_text("[project]\nfiles = ['churn.py']\n")
    (root / "churn.py").write_text(
        "from vigie import Campaign, Score, Table\nt = Table('t', key='id')\n"
        "churn = Score('churn', outcome=t['y'] == 'Yes', features=[t['a']],\n"
        "    decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200))\n"
    )
    return Project.open(root, "", FixedClock(moment))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return opened(tmp_path)


def in_lake(project: Project) -> list[str]:
    return sorted(project.lake.scan(TABLE).collect()["id"].to_list())


def test_the_table_has_every_field_of_a_prediction() -> None:
    fields = [f.name for f in msgspec.structs.fields(Prediction)]

    assert set(schema()) == {*fields, "journal", "day"}


def test_what_is_in_the_lake_is_what_was_recorded_to_the_bit(project: Project) -> None:
    events = [*some(2, "a"), *some(1, "b", NOW + DAY, customer=None, threshold=None, caller="key", arm="challenger")]
    journal = PredictionJournal(project.journal_folder)
    journal.append(events)
    journal.close()

    done = ship(project)

    assert (done.segments, done.rows, done.torn, done.found, done.damaged) == (1, 3, 0, 0, {})
    assert list(recorded(project)) == events
    shutil.rmtree(project.journal_folder)
    assert list(recorded(project)) == events
    table = project.lake.scan(TABLE).collect().sort("day", "id")
    assert table["day"].cast(pl.String).to_list() == ["2026-11-04", "2026-11-04", "2026-11-05"]
    assert sorted(path.name for path in project.lake.path(TABLE).glob("day=*")) == ["day=2026-11-04", "day=2026-11-05"]
    assert json.loads(table["values"][0])["big"] == 2**53 + 1
    assert project.lake.names() == [], "it is no source"


def test_shipped_segments_are_put_by_and_nothing_is_shipped_twice(project: Project) -> None:
    journal = PredictionJournal(project.journal_folder, segment_bytes=2_000)
    for event in some(30, "a"):
        journal.append([event])
    journal.close()

    first, second = ship(project), ship(project)

    assert first.segments > 3 and first.rows == 30 and (second.segments, second.rows, second.found) == (0, 0, 0)
    assert len(segments.shipped(project.journal_folder)) == first.segments and not segments.waiting(
        project.journal_folder
    )
    assert project.lake.version(TABLE) == 0, "small segments go together"
    assert [event.id for event in recorded(project)] == [event.id for event in some(30, "a")]


def test_a_segment_of_a_living_writer_waits_until_it_ends(project: Project) -> None:
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(2, "a"))

    assert ship(project).rows == 0 and not project.lake.has(TABLE)
    found = waiting(project.journal_folder, NOW, DAY)
    assert (len(found.closed), len(found.open), found.since) == (0, 1, NOW) and found.size > 0
    assert not journal.rotate(NOW + 9, 10) and journal.rotate(NOW + 10, 10)
    assert ship(project).rows == 2
    journal.append(some(1, "b"))
    journal.close()
    assert ship(project).rows == 1
    assert in_lake(project) == ["a000", "a001", "b000"]


def test_killed_between_the_commit_and_putting_by_nothing_comes_twice(project: Project) -> None:
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(3, "a"))
    journal.close()
    ship(project)
    (path,) = segments.shipped(project.journal_folder)
    path.rename(project.journal_folder / path.name)

    done = ship(project)

    assert (done.found, done.rows) == (1, 0)
    assert in_lake(project) == ["a000", "a001", "a002"] and segments.shipped(project.journal_folder) == [path]


def test_a_copy_of_the_journal_on_another_machine_is_known(project: Project, tmp_path: Path) -> None:
    """A volume was copied, and both copies are shipped."""
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(3, "a"))
    journal.close()
    shutil.copytree(project.journal_folder, tmp_path / "copy")

    assert ship(project).rows == 3 and ship(project, tmp_path / "copy").rows == 0
    assert len(in_lake(project)) == 3


def test_two_machines_ship_to_one_lake_at_once(project: Project, tmp_path: Path) -> None:
    folders = [tmp_path / f"machine{i}" for i in range(3)]
    problems: list[BaseException] = []

    def machine(folder: Path) -> None:
        try:
            for round_ in range(4):
                journal = PredictionJournal(folder)
                journal.append(some(5, f"{folder.name}-{round_}-"))
                journal.close()
                ship(replace(project), folder)
        except BaseException as error:  # noqa: BLE001 - told below
            problems.append(error)

    threads = [threading.Thread(target=machine, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert in_lake(project) == sorted(f"machine{m}-{r}-{i:03d}" for m in range(3) for r in range(4) for i in range(5))


def test_a_torn_line_is_left_out_and_counted(project: Project) -> None:
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(2, "a"))
    journal.close()
    (path,) = segments.waiting(project.journal_folder)
    path.write_bytes(path.read_bytes()[:-5])

    done = ship(project)

    assert (done.rows, done.torn) == (1, 1) and in_lake(project) == ["a000"]


def test_a_damaged_segment_stays_and_the_others_go(project: Project) -> None:
    for name in ("a", "b"):
        journal = PredictionJournal(project.journal_folder)
        journal.append(some(2, name))
        journal.close()
    broken, _ = segments.waiting(project.journal_folder)
    broken.write_bytes(b"{garbage}\n" + broken.read_bytes())

    done = ship(project)

    assert list(done.damaged) == [str(broken)] and "jsonl:1: not a prediction" in done.damaged[str(broken)]
    assert in_lake(project) == ["b000", "b001"] and segments.waiting(project.journal_folder) == [broken]


def test_without_the_lake_everything_waits(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(2, "a"))
    journal.close()
    (project.settings.state / "lake").write_text("not a folder")

    with pytest.raises(DataError):
        ship(project)

    assert len(segments.waiting(project.journal_folder)) == 1
    (project.settings.state / "lake").unlink()
    assert ship(project).rows == 2


def test_segments_are_kept_for_a_while_and_then_removed_but_never_before_they_are_shipped(tmp_path: Path) -> None:
    project = opened(tmp_path)
    for day, name in enumerate("abc"):
        journal = PredictionJournal(project.journal_folder)
        journal.append(some(2, name, NOW + day * DAY))
        journal.close()
        if name != "c":
            ship(project)

    later = opened(tmp_path, NOW + 31 * DAY + 1)
    assert waiting(later.journal_folder, later.clock.now(), keep_of({})).expired == 2
    done = ship(later)

    assert (done.rows, done.expired) == (2, 2)
    assert len(segments.shipped(project.journal_folder)) == 1
    assert [event.id[0] for event in recorded(project)] == list("aabbcc"), "the lake has them"


def test_files_of_a_day_that_is_over_are_put_together_and_nothing_else_changes(tmp_path: Path) -> None:
    from vigie.lifecycle.erase import erase

    project = opened(tmp_path)
    for part in range(10):
        journal = PredictionJournal(project.journal_folder)
        journal.append([*some(3, f"{part}-"), *some(1, f"{part}-gone", customer="zz-gone")])
        journal.close()
        ship(project)
    before = list(recorded(project))
    assert len(project.lake.table(TABLE).file_uris()) == 10, "the day is not over"
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(1, "tomorrow", NOW + DAY))
    journal.close()
    later = opened(tmp_path, NOW + DAY)

    assert ship(later).rows == 1

    assert len(later.lake.table(TABLE).file_uris()) == 2
    assert list(recorded(later)) == [*before, *some(1, "tomorrow", NOW + DAY)]
    path = segments.shipped(later.journal_folder)[0]
    path.rename(later.journal_folder / path.name)
    assert ship(later).found == 1, "which segments are there is still known"
    erase(later, ["zz-gone"])
    files = list(later.lake.path(TABLE).rglob("*.parquet"))
    assert files and not any((pl.read_parquet(file)["customer"] == "zz-gone").any() for file in files)
    assert len(list(recorded(later))) == 31


def test_what_the_lake_lost_is_not_removed_but_shipped_again(tmp_path: Path) -> None:
    project = opened(tmp_path)
    journal = PredictionJournal(project.journal_folder)
    journal.append(some(3, "a"))
    journal.close()
    ship(project)
    shutil.rmtree(project.lake.path(TABLE))
    later = opened(tmp_path, NOW + 40 * DAY)

    assert (ship(later).expired, len(segments.waiting(later.journal_folder))) == (0, 1)
    assert ship(later).rows == 3 and in_lake(later) == ["a000", "a001", "a002"]


def test_blank_lines_of_erased_customers_are_no_rows(project: Project) -> None:
    from vigie.journal.forget import forget

    journal = PredictionJournal(project.journal_folder)
    journal.append([*some(2, "a", customer="17.0"), *some(1, "b", customer="18")])
    journal.close()

    assert forget(project.journal_folder, ["17"]) == 2
    assert ship(project).rows == 1


def test_wrong_settings_are_explained() -> None:
    with pytest.raises(SettingsError, match="keep is 'long'"):
        keep_of({"keep": "long"})
    with pytest.raises(SettingsError, match="ship_seconds is 0"):
        seconds_of({"ship_seconds": 0})
    assert (keep_of({"keep": "2d"}), seconds_of({"ship_seconds": 5})) == (2 * DAY, 5.0)


def test_the_command_ships_and_shows_a_plan(project: Project) -> None:
    from vigie.cli.program import program

    journal = PredictionJournal(project.journal_folder)
    journal.append(some(3, "a"))
    journal.close()
    call = ["journal", "ship", "--project", str(project.settings.root)]

    plan = CliRunner().invoke(program, [*call, "--plan"])
    assert plan.exit_code == 0 and "segments to ship" in plan.output and not project.lake.has(TABLE)
    done = CliRunner().invoke(program, call)
    assert done.exit_code == 0 and "3 predictions of 1 segments" in " ".join(done.output.split())
    assert in_lake(project) == ["a000", "a001", "a002"]


SHIPPER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_ship import opened
from vigie.lifecycle.ship import ship
project = opened(Path(sys.argv[1]))
import polars, deltalake
print("ready", flush=True)
ship(project)
"""


def test_killed_anywhere_every_prediction_is_in_the_lake_once(project: Project) -> None:
    chance, expected = random.Random(5), 0
    begun = time.perf_counter()
    for round_ in range(6):
        journal = PredictionJournal(project.journal_folder, segment_bytes=60_000)
        for part in range(40):
            journal.append(some(20, f"{round_}-{part}-"))
            expected += 20
        journal.close()
        process = subprocess.Popen(
            [sys.executable, "-c", SHIPPER, str(project.settings.root), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if time.perf_counter() - begun > 20:
            break
    ship(project)

    found = in_lake(project)
    assert len(found) == expected == len(set(found))
    assert not segments.waiting(project.journal_folder)
    names = [path.name for path in segments.shipped(project.journal_folder)]
    assert has_segments(Lake(project.lake.root), names) == set(names)

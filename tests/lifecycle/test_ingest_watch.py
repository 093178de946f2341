"""Watching: debounced, patient with what fails, commands after news. Time is a fake that tells how long was waited."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from vigie.cli.ingest import Stop
from vigie.clock import FixedClock, parse_moment
from vigie.errors import SettingsError
from vigie.lifecycle.ingest_watch import LONGEST_SECONDS, LOOKS, SETTLE_SECONDS, Round, Watch, arguments_of
from vigie.lifecycle.project import Project

PROJECT = """
from vigie import Campaign, Events, Score, Table, days, every

orders = Events("orders", key="id", time="at")
people = Table("people", key="id")
churn = Score("churn", moments=every("month"), outcome=orders.count(next=days(30)) == 0,
              features=[orders.count(days(30)), people["age"]],
              decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=10))
"""
SETTINGS = """
[project]
files = ["churn.py"]
[sources.orders]
path = "in/*.csv"
[sources.people]
url = "sqlite:///people.db"
table = "people"
watermark = "age"
"""


class Script:
    """A pause that takes no time: before each look it does what the script says; at its end the watch stops."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps, self.waited, self.stopped = list(steps), [], False

    def wait(self, timeout: float) -> bool:
        if timeout < 1:  # a command is being waited for
            return self.stopped or bool(time.sleep(0.01))
        self.waited.append(timeout)
        if not self.steps:
            self.stopped = True
        else:
            self.steps.pop(0)()
        return self.stopped

    def is_set(self) -> bool:
        return self.stopped


def nothing() -> None:
    return None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "churn.py").write_text(PROJECT)
    (tmp_path / "vigie.toml").write_text(SETTINGS)
    (tmp_path / "in").mkdir()
    orders(tmp_path, 1)
    with sqlite3.connect(tmp_path / "people.db") as people:
        people.execute("create table people (id text, age integer)")
    person(tmp_path, 20)
    return tmp_path


def orders(root: Path, number: int, rows: int = 3) -> None:
    lines = "".join(f"c{i},2024-01-0{number} 00:00:0{i}\n" for i in range(rows))
    (root / f"in/{number}.csv").write_text("id,at\n" + lines)


def person(root: Path, age: int) -> None:
    with sqlite3.connect(root / "people.db") as people:
        people.execute("insert into people values (?, ?)", (f"p{age}", age))


def watch(root: Path, script: Script, *, once: bool = False, **options: object) -> list[Round]:
    rounds: list[Round] = []
    project = Project.open(root, None, FixedClock(parse_moment("2024-03-01")))
    Watch(project, script, **options).run(rounds.append, once=once)  # type: ignore[arg-type]
    return rounds


def log(root: Path, said: str) -> str:
    code = f"open({str(root / 'log')!r}, 'a').write({said + ' '!r})"
    return f'{sys.executable} -c "{code}"'


def test_what_comes_is_ingested_once_and_commands_follow(root: Path) -> None:
    # settle | ingest | nothing | a new file: settle | ingest | a person | nothing
    script = Script(nothing, nothing, lambda: orders(root, 2, 2), nothing, lambda: person(root, 30), nothing)
    rounds = watch(root, script, commands=[log(root, "train"), log(root, "score")], every=30.0)
    added = [{r.source: r.rows for r in done.reports} for done in rounds]
    assert added == [{"people": 1}, {"orders": 3}, {}, {}, {"orders": 2}, {"people": 1}, {}]
    assert [done.settling for done in rounds] == [("orders",), (), (), ("orders",), (), (), ()]
    assert [len(done.ran) for done in rounds] == [2, 2, 0, 0, 2, 2, 0]
    assert rounds[4].news == {"orders": "2.csv"} and rounds[5].news == {"people": "up to 30"}
    assert script.waited == [SETTLE_SECONDS, 30, 30, SETTLE_SECONDS, 30, 30, 30]
    assert (root / "log").read_text().split() == ["train", "score"] * 4
    assert not (root / ".vigie/watch-owed.json").exists()


def test_a_file_still_being_written_is_left_alone_but_not_for_ever(root: Path) -> None:
    grown = iter(range(1, 100))

    def grow() -> None:
        with (root / "in/1.csv").open("a") as file:
            file.write(f"x{next(grown)},2024-01-05\n")

    rounds = watch(root, Script(*[grow] * (LOOKS + 2)))
    ingested = [number for number, done in enumerate(rounds) if any(r.source == "orders" for r in done.reports)]
    assert ingested[0] == LOOKS
    assert all(done.settling == ("orders",) for done in rounds[:LOOKS])
    project = Project.open(root, None, FixedClock(0))
    rows = project.lake.scan("orders").collect()
    assert len(rows) == len(rows.unique("_id")) >= 3 + LOOKS


def test_a_source_that_fails_is_tried_again_ever_later_and_the_others_go_on(root: Path) -> None:
    (root / "people.db").rename(root / "away")
    (root / "people.db").mkdir()  # SQLite cannot open a folder
    steps: list[Callable[[], object]] = [nothing] * 12

    def back() -> None:
        (root / "people.db").rmdir()
        (root / "away").rename(root / "people.db")

    rounds = watch(root, Script(*steps, back, *[nothing] * 12), every=10.0, commands=[log(root, "train")])
    assert all("people" in done.failed for done in rounds[:13])
    assert [r.source for done in rounds[:13] for r in done.reports] == ["orders"]
    people = [number for number, done in enumerate(rounds) if any(r.source == "people" for r in done.reports)]
    # Looked at after 0, 10, 30, 70, 150 … seconds: it is back after 112, and found at 150.
    assert len(people) == 1 and people[0] >= 15
    assert "people" not in rounds[people[0]].failed
    assert (root / "log").read_text().split() == ["train", "train"]


def test_the_pause_before_a_failing_source_has_a_limit(root: Path) -> None:
    (root / "people.db").unlink()
    (root / "people.db").mkdir()
    looked = []
    script = Script(*[nothing] * 30)
    project = Project.open(root, None, FixedClock(0))
    watched = Watch(project, script, ["people"], every=600.0)
    fail = watched._fail
    watched._fail = lambda name, said: (looked.append(sum(script.waited)), fail(name, said))[1]  # type: ignore[method-assign]
    watched.run(lambda _: None)
    pauses = [later - earlier for earlier, later in pairwise(looked)]
    assert pauses[0] == 600 and max(pauses) <= 2 * LONGEST_SECONDS


def test_a_broken_file_is_told_and_mended(root: Path) -> None:
    (root / "in/1.csv").write_text("id,when\na,b\n")  # no column for the time
    mend = lambda: orders(root, 1)  # noqa: E731
    rounds = watch(root, Script(nothing, mend, nothing, nothing, nothing, nothing))
    assert "orders" in rounds[1].failed
    assert [r.rows for done in rounds for r in done.reports if r.source == "orders"] == [3]
    assert rounds[-1].failed == {}


def test_a_failing_command_does_not_stop_the_next_nor_the_watch(root: Path) -> None:
    commands = [f'{sys.executable} -c "raise SystemExit(3)"', "no-such-program --x", log(root, "ran")]
    rounds = watch(root, Script(nothing, nothing), commands=commands)
    assert [code for _, code in rounds[0].ran] == [3, 127, 0]
    assert len(rounds) == 3


def test_owed_commands_run_after_a_kill(root: Path) -> None:
    command = log(root, "train")
    watch(root, Script(nothing, nothing))
    note = root / ".vigie/watch-owed.json"
    note.write_text(json.dumps([command]))  # as a process leaves it that was killed between ingest and command
    rounds = watch(root, Script(nothing), commands=[command])
    assert (root / "log").read_text().split() == ["train"] and not note.exists()
    assert sum(r.rows for done in rounds for r in done.reports) == 0
    # What other commands were owed is not run.
    note.write_text(json.dumps(["rm -rf /nowhere"]))
    assert [done.ran for done in watch(root, Script(nothing), commands=[command])] == [[], []]


def test_once_waits_for_files_and_then_ends(root: Path) -> None:
    rounds = watch(root, Script(*[nothing] * 9), once=True)
    assert len(rounds) == 2 and [r.rows for r in rounds[1].reports] == [3]


def test_a_database_without_watermark_is_read_at_first_and_with_news(root: Path) -> None:
    settings = (root / "vigie.toml").read_text().replace('watermark = "age"\n', "")
    (root / "vigie.toml").write_text(settings)
    script = Script(nothing, nothing, lambda: person(root, 40), lambda: orders(root, 2), nothing, nothing)
    rounds = watch(root, script)
    read = [sorted(r.source for r in done.reports) for done in rounds]
    assert read == [["people"], ["orders", "people"], [], [], [], ["orders", "people"], []]


def test_a_stop_ends_an_ingest_between_batches(root: Path) -> None:
    script = Script(*[nothing] * 5)
    orders(root, 2)
    project = Project.open(root, None, FixedClock(0))

    def stop(doing: str, _: float) -> None:
        script.stopped = script.stopped or "orders" in doing

    rounds: list[Round] = []
    Watch(project, script, progress=stop).run(rounds.append)
    assert len(rounds) == 1 and script.stopped
    rounds = watch(root, Script(nothing, nothing))
    assert project.lake.scan("orders").collect().height == 6


@pytest.mark.parametrize("command", ["", "echo 'x"])
def test_a_command_that_is_none_is_refused(command: str) -> None:
    with pytest.raises(SettingsError):
        arguments_of(command)
    assert arguments_of("vigie train 'a b'") == [sys.executable, "-m", "vigie.cli", "train", "a b"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_stops_cleanly_on_a_signal(root: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "vigie.cli", "ingest", "--watch", "--every", "1h", "--then", log(root, "done")]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(1)]
    while "orders +3" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and rest.splitlines()[-1] == "stopped"
    assert "done" in lines[-1]


def test_a_signal_ends_a_wait_whenever_it_comes() -> None:
    before = signal.getsignal(signal.SIGALRM)
    try:
        for turn in range(300):
            stop = Stop([signal.SIGALRM])
            assert not stop.wait(0) and not stop.is_set()
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + turn * 1e-6)
            assert stop.wait(20)
            assert stop.wait(0) and stop.is_set() and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
            stop.close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_program_refuses_what_does_not_go_together(root: Path) -> None:
    for wrong, said in (
        (["--once"], "watch"),
        (["--watch", "--as-of", "2024-01-01"], "present"),
        (["--watch", "--every", "x"], "length"),
    ):
        command = [sys.executable, "-m", "vigie.cli", "ingest", *wrong]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode != 0 and said in done.stderr, done

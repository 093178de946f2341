"""The real stack: started, hurt, killed and started again, with its own processes, locks and databases."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from up_chaos import (
    Callers,
    Deliveries,
    Kills,
    Stack,
    accounts,
    alive,
    at_once,
    descendants,
    eventually,
    free_port,
    frozen,
    hangs,
    scheduler,
    service,
    step,
    supervisor,
)
from up_shop import EVERYTHING, due, make_project

from vigie.cli.program import program
from vigie.clock import FixedClock, SystemClock
from vigie.errors import SettingsError
from vigie.lifecycle.project import CLOCK
from vigie.lifecycle.supervisor import Service, Supervisor, line_of, only_one, refuse_taken
from vigie.lifecycle.up import accelerated, keep, plan_up
from vigie.settings_keys import STEPS


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Callable[[str], Stack]]:
    stacks: list[Stack] = []

    def made(more: str) -> Stack:
        due(make_project(tmp_path, more))
        stacks.append(Stack(tmp_path))
        return stacks[-1]

    yield made
    for stack in stacks:
        stack.stop()
        assert stack.marked() == []


def test_every_process_of_the_stack_may_be_killed_or_hang_and_nothing_is_lost_or_done_twice(
    shop: Callable[[str], Stack],
) -> None:
    """A short round of benchmarks/chaos: every step is due once, so that nothing but the kills takes time."""
    stack = shop(f'[up]\nprobe_every = "2s"\nprobes = 5\n{EVERYTHING}')
    callers, deliveries, kills = Callers(stack), Deliveries(stack), Kills(stack)
    deliveries.one(random.Random(1))
    stack.start()
    # MLflow's pages take longest to start: killed before they answer, they are started again all the same.
    kills.kill("mlflow", at_once("mlflow", Stack.pages))
    kills.kill("a step", step("ingest", 0.5))
    kills.kill("the scheduler", scheduler(0.5))
    eventually(stack.ready, stack.said)
    callers.start()
    kills.kill("the API, which hangs", hangs("serve", Stack.ready))
    kills.kill("the scheduler, which hangs", frozen)
    kills.all_back()
    refused = stack.vigie(*stack.words)
    assert refused.returncode == 1
    assert stack.process is not None and f"process {stack.process.pid}" in refused.stderr

    stack.words += ["--without", "mlflow"]
    kills.kill("the supervisor", supervisor)
    kills.all_back()
    kills.kill("the API", service("serve", Stack.ready))
    for one in STEPS:
        eventually(lambda one=one: stack.done(one), stack.said)
    kills.all_back()
    callers.end()
    below = descendants(stack.process.pid)
    stack.stop()

    found = accounts(stack, callers, deliveries)
    assert {what: count for what, count in found["wrong"].items() if count} == {}
    assert found["seen"]["requests answered"] > 20
    assert "serve has not answered for" in stack.said() and "scheduler has not answered for" in stack.said()
    assert stack.said().rstrip().endswith("stopped")
    assert not any(alive(pid) for pid in below)
    assert not (stack.folder / ".vigie" / "up.json").exists()


def test_what_a_killed_supervisor_left_is_waited_for_and_a_living_one_refuses(tmp_path: Path) -> None:
    lock, waited = tmp_path / "up.lock", list[int]()
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl,os,time; f=os.open({str(lock)!r}, os.O_RDWR|os.O_CREAT); "
         "fcntl.flock(f, fcntl.LOCK_EX); os.write(f, str(os.getpid()).encode()); print(flush=True); time.sleep(60)", "up"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(SettingsError, match=f"process {holder.pid}"), only_one(lock, "up", 5, waited.append):
        pass
    assert waited == []

    with pytest.raises(SettingsError, match="still runs"), only_one(lock, "schedule", 0.3, waited.append):
        pass  # it lives, but is something else that has its number: what holds the lock are leftovers
    assert waited == [holder.pid]
    holder.kill()
    holder.wait()
    with only_one(lock, "up", 5, waited.append) as descriptor:
        assert os.pread(descriptor, 20, 0) == str(os.getpid()).encode()


def test_the_status_tells_what_lives_from_what_was_killed(tmp_path: Path) -> None:
    state = make_project(tmp_path, trained=False).settings.state
    state.mkdir(exist_ok=True)

    def status() -> str:
        return CliRunner().invoke(program, ["up", "--status", "--project", str(tmp_path)]).output

    def write(pid: int, serve: int) -> None:
        services = {"serve": {"pid": serve, "restarts": 3, "url": "http://127.0.0.1:8000"}}
        (state / "up.json").write_text(json.dumps({"pid": pid, "services": services}))

    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert "nothing runs" in status() and "killed" not in status()
    with only_one(state / "up.lock", "up", 5, print):
        assert f"process {os.getpid()} runs, and" in status()
        write(os.getpid(), gone.pid)
        assert f"{gone.pid} is dead" in status() and "killed" not in status()
        (state / "up.lock").write_text(str(gone.pid))
        write(gone.pid, os.getpid())
        assert "it was killed; what it had started is ending" in status()
    assert "nothing runs; the last one was killed" in status()


def test_a_line_of_json_stays_one_whoever_says_it() -> None:
    def line(words: str, level: str = "", *, as_json: bool = True) -> str:
        return line_of(level, "serve", words, FixedClock(0), as_json=as_json, width=7)

    api = (
        '{"time": "2026-11-22T06:00:00.5Z", "level": "INFO", "logger": "vigie.request", "message": "GET /", "ms": 3.5}'
    )
    assert json.loads(line(api)) == {
        "at": "2026-11-22T06:00:00.5Z", "service": "serve", "level": "info", "logger": "vigie.request", "message": "GET /",
        "ms": 3.5,
    }  # fmt: skip
    scheduler = '{"at": "2026-11-22T06:00:00Z", "service": "ingest", "level": "info", "message": "begins"}'
    assert line(scheduler) == scheduler
    usual = {"at": "1970-01-01T00:00:00Z", "service": "serve", "level": "said"}
    for words in ("Ctrl-C stops", "{not json", "{}", "[1]"):
        assert json.loads(line(words)) == {**usual, "message": words}
    assert json.loads(line(api, "error")) == {**usual, "level": "error", "message": api}
    assert line(api, as_json=False).endswith(f"serve   │ {api}")


def test_run_once_ends_with_an_error_where_a_step_failed(tmp_path: Path) -> None:
    project = make_project(tmp_path, '[schedule.ingest]\nevery = "1h"\n', trained=False)
    due(project)
    (tmp_path / "visits-1.csv").rename(tmp_path / "away")
    words = [sys.executable, "-m", "vigie.cli", "schedule", "run", "--once", "--project", str(tmp_path)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and "ingest failed" in ran.stderr, ran.stdout


def test_the_plan_says_what_runs_where_and_what_does_not(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, '[registry]\nurl = "https://mlflow.example"\n[serve]\nport = 9001\n', trained=False
    )
    planned = plan_up(project)

    assert [(one.name, one.port) for one in planned.services] == [("serve", 9001)]
    assert set(planned.left_out) == {"scheduler", "mlflow"}


def test_a_faster_clock_goes_on_where_it_was(tmp_path: Path) -> None:
    begin, real = 1_300_000_000_000_000, SystemClock().now()
    first = accelerated(tmp_path, begin, 60.0, FixedClock(real))
    assert list(tmp_path.iterdir()) == []
    keep(tmp_path, first)
    again = accelerated(tmp_path, begin, 60.0, FixedClock(real + 10_000_000))
    other = accelerated(tmp_path, begin, 30.0, FixedClock(real + 10_000_000))

    assert again.text == first.text
    assert other.anchor > first.anchor
    project = make_project(tmp_path / "shop", '[schedule.ingest]\nevery = "1h"\n', trained=False)
    for one in plan_up(project, clock=first).services[:2]:
        assert one.arguments[-2:] == ("--as-of", first.text)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "up.lock"}


def test_neither_a_plan_nor_an_up_that_is_refused_moves_the_clock(tmp_path: Path) -> None:
    project = make_project(tmp_path, '[schedule.ingest]\nevery = "1h"\n', trained=False)
    state = project.settings.state
    words = ["up", "--project", str(tmp_path), "--port", str(free_port()), "--without", "mlflow"]
    faster = [*words, "--as-of", "2011-03-01", "--rate", "3600"]
    planned = CliRunner().invoke(program, [*faster, "--plan"], catch_exceptions=False)
    assert "2011-03-01T01:00" in planned.output
    assert not (state / CLOCK).exists()

    lock = state / "up.lock"
    script = (
        "import sys; from pathlib import Path; from vigie.lifecycle.supervisor import only_one\n"
        "with only_one(Path(sys.argv[1]), 'up', 0, print): print(flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", script, str(lock), "up"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdout is not None
    first.stdout.readline()
    before = files(state)
    with pytest.raises(SettingsError, match="runs already"):
        CliRunner().invoke(program, faster, catch_exceptions=False)
    assert files(state) == before
    first.communicate()

    # Nor one that could run nothing for years, as the record goes to now.
    due(project)
    with pytest.raises(SettingsError, match="before that"):
        CliRunner().invoke(program, faster, catch_exceptions=False)
    assert not (state / CLOCK).exists()


def test_up_says_by_which_clock_it_lives_and_there_is_a_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, trained=False)
    state = project.settings.state
    monkeypatch.setattr(Supervisor, "run", lambda _: None)
    words = ["up", "--project", str(tmp_path), "--port", str(free_port()), "--without", "mlflow"]

    def first_line(*more: str) -> str:
        return CliRunner().invoke(program, [*words, *more], catch_exceptions=False).output.splitlines()[0]

    assert "by the machine's clock" in first_line()
    assert "3600 times as fast" in first_line("--as-of", "2011-03-01", "--rate", "3600")
    assert "3600 times as fast" in first_line()
    (state / CLOCK).write_text("2011-03-")  # as though the disk had been full
    with pytest.raises(SettingsError):
        first_line()
    assert "by the machine's clock" in first_line("--real-time")
    assert not (state / CLOCK).exists()


@pytest.mark.parametrize("words", [["--rate", "60"], ["--as-of", "2011-03-01"]])
def test_a_faster_clock_needs_a_beginning_and_a_rate(tmp_path: Path, words: list[str]) -> None:
    make_project(tmp_path, trained=False)
    with pytest.raises(SettingsError, match="go together"):
        CliRunner().invoke(program, ["up", *words, "--project", str(tmp_path)], catch_exceptions=False)


def test_a_password_of_the_registry_is_in_no_command(tmp_path: Path) -> None:
    project = make_project(tmp_path, '[registry]\nurl = "postgresql://me:hush@db/registry"\n', trained=False)
    planned = plan_up(project, mlflow_port=5001)
    pages = planned.services[-1]

    assert (pages.name, pages.host, pages.port) == ("mlflow", "127.0.0.1", 5001)
    assert "hush" not in repr(planned) and "hush" not in " ".join(pages.arguments)
    assert pages.more["MLFLOW_BACKEND_STORE_URI"] == "postgresql://me:hush@db/registry"


def test_what_cannot_be_meant_is_told_before_anything_starts(tmp_path: Path) -> None:
    project = make_project(tmp_path, '[up]\ngrace = "soon"\n', trained=False)
    with pytest.raises(SettingsError, match="length of time"):
        plan_up(project)
    with pytest.raises(SettingsError, match="no service") as caught:
        plan_up(project, without=["mlflo"])
    assert "mlflow" in caught.value.remedy


def test_a_port_that_is_taken_is_told_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}"):
            refuse_taken([Service("serve", "vigie.cli", (), port=port)])

"""The real stack: started, hurt, killed and started again, with its own processes, locks and databases."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from up_shop import EVERYTHING, make_project

from vigie.cli.program import program
from vigie.clock import FixedClock, SystemClock
from vigie.errors import SettingsError
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle.project import Project
from vigie.lifecycle.steps import Piece
from vigie.lifecycle.steps_runs import runs_of
from vigie.lifecycle.supervisor import Service, only_one, refuse_taken
from vigie.lifecycle.up import accelerated, plan_up

PATIENCE = 180.0


def eventually(what: Callable[[], Any], why: Callable[[], str] = str, patience: float = PATIENCE) -> Any:
    """What *what* gives once it is true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not happen within {patience} s\n{why()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> set[int]:
    """Every process below *pid*, itself included."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = set[int](), [pid]
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting += parents.get(one, [])
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Stack:
    """`vigie up` on a project."""

    def __init__(self, folder: Path, *without: str) -> None:
        self.folder, self.log = folder, folder / "up.log"
        self.port, self.mlflow = free_port(), free_port()
        self.words = ["up", "--port", str(self.port), "--mlflow-port", str(self.mlflow), "--project", str(folder)]
        self.words += [word for name in without for word in ("--without", name)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "vigie.cli", *self.words], stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def pid(self, service: str) -> int | None:
        try:
            said = json.loads((self.folder / ".vigie" / "up.json").read_text())
        except FileNotFoundError:
            return None
        return said["services"].get(service, {}).get("pid")

    def get(self, port: int, path: str) -> int:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0

    def ready(self) -> bool:
        return self.get(self.port, "/readyz") == 200

    def score(self, customer: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(
            "POST", "/v1/score", json.dumps({"customer_id": customer}), {"content-type": "application/json"}
        )
        return connection.getresponse().status

    def runs(self, step: str, score: str = "") -> list[Any]:
        ledger = SqliteLedger(self.folder / ".vigie" / "ledger.db")
        try:
            return runs_of(ledger, Piece(step, score))
        finally:
            ledger.close()

    def done(self, step: str, score: str = "") -> int:
        return sum(run.state == "done" for run in self.runs(step, score))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    stacks: list[Stack] = []

    def made(more: str, *without: str) -> Stack:
        make_project(tmp_path, more)
        stacks.append(Stack(tmp_path, *without))
        return stacks[-1]

    yield made
    for stack in stacks:
        below = descendants(stack.process.pid) if stack.process is not None and stack.process.poll() is None else set()
        stack.stop()
        assert not any(alive(pid) for pid in below)


def test_the_whole_stack_runs_every_step_and_no_database_is_ever_locked(shop: Callable[..., Stack]) -> None:
    stack = shop(EVERYTHING)
    stack.start()
    eventually(stack.ready, stack.said)
    eventually(lambda: stack.get(stack.mlflow, "/") == 200, stack.said)
    answers = [stack.score(str(number)) for number in range(60)]
    assert set(answers) <= {200, 422} and answers.count(200) >= 20  # some customers have left
    for step, score in [("ingest", ""), ("ship", ""), ("score", "churn"), ("watch", ""), ("retrain", "churn")]:
        eventually(lambda step=step, score=score: stack.done(step, score), stack.said)
    refused = subprocess.run(
        [sys.executable, "-m", "vigie.cli", *stack.words], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert stack.process is not None and f"process {stack.process.pid}" in refused.stderr
    below = descendants(stack.process.pid)
    assert len(below) >= 5
    stack.stop()

    assert "locked" not in stack.said().lower()
    assert "given up" not in stack.said()
    assert stack.said().rstrip().endswith("stopped")
    assert not any(alive(pid) for pid in below)
    assert not (stack.folder / ".vigie" / "up.json").exists()


def test_each_process_may_be_killed_and_the_stack_goes_on(shop: Callable[..., Stack]) -> None:
    stack = shop('[schedule]\nbackoff = "1s"\n[schedule.score]\nevery = "3s"\n', "mlflow")
    stack.start()
    eventually(stack.ready, stack.said)
    eventually(lambda: stack.done("score", "churn"), stack.said)

    # The API.
    first = stack.pid("serve")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(lambda: stack.pid("serve") not in (None, first) and stack.ready(), stack.said)

    # The scheduler, in the middle of a step: the step ends with it, and is done once by the next one.
    scheduler = stack.pid("scheduler")
    assert scheduler is not None
    step = eventually(lambda: descendants(scheduler) - {scheduler}, stack.said)
    os.kill(scheduler, signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in step), stack.said)
    done = stack.done("score", "churn")
    eventually(lambda: stack.done("score", "churn") > done, stack.said)

    # The supervisor: everything ends, and goes on when it is started again.
    assert stack.process is not None
    below = descendants(stack.process.pid)
    stack.process.kill()
    stack.process.wait()
    stack.start()
    eventually(lambda: not any(alive(pid) for pid in below), stack.said)
    eventually(stack.ready, stack.said)
    done = stack.done("score", "churn")
    eventually(lambda: stack.done("score", "churn") > done, stack.said)
    stack.stop()

    project = Project.open(stack.folder, "", FixedClock(SystemClock().now()))
    moments = [
        version.metadata["as_of"] for version in project.lake.versions("scores_churn") if "as_of" in version.metadata
    ]
    assert len(moments) == len(set(moments)) >= stack.done("score", "churn")
    assert sum(run.state == "given up" for run in stack.runs("score", "churn")) == 0


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
    again = accelerated(tmp_path, begin, 60.0, FixedClock(real + 10_000_000))
    other = accelerated(tmp_path, begin, 30.0, FixedClock(real + 10_000_000))

    assert again.text == first.text
    assert other.anchor > first.anchor
    project = make_project(tmp_path / "shop", '[schedule.ingest]\nevery = "1h"\n', trained=False)
    for service in plan_up(project, clock=first).services[:2]:
        assert service.arguments[-2:] == ("--as-of", first.text)


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

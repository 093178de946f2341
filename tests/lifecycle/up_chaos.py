"""A whole stack to be hurt: `vigie up` on a project, callers and new files while it runs, kills, and the accounts afterwards."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vigie.clock import FixedClock, SystemClock, iso
from vigie.journal.ledger import broken_at
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle.incidents import standing_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.recorded import recorded
from vigie.lifecycle.renewal import stream_of
from vigie.lifecycle.steps import Piece
from vigie.lifecycle.steps_runs import DONE, ENDED, GIVEN_UP, Run, runs_of
from vigie.settings_keys import STEPS

PATIENCE = 900.0
MARK = "VIGIE_CHAOS"
"""Variable of the environment by which every process of a stack is known, also one that lost its parent."""
HALF = ("*.tmp", "*.half", "*.partial", "*.draft", ".*.json", "*.part", ".bundle-*", ".*.new")
"""What files are called that are not whole yet."""


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


def words_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


class Stack:
    """`vigie up` on a project."""

    def __init__(self, folder: Path, *without: str) -> None:
        self.folder, self.log = folder, folder / "up.log"
        self.port, self.mlflow = free_port(), free_port()
        self.words = ["up", "--port", str(self.port), "--mlflow-port", str(self.mlflow), "--project", str(folder)]
        self.words += [word for name in without for word in ("--without", name)]
        self.process: subprocess.Popen[bytes] | None = None
        self.mark = uuid.uuid4().hex
        self.scratch = folder / "scratch"

    # -- running -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.scratch.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vigie.cli", *self.words], stdout=log, stderr=log, env=self._environment()
            )

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)

    def vigie(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command on the project."""
        return subprocess.run(
            [sys.executable, "-m", "vigie.cli", *words, "--project", str(self.folder)],
            capture_output=True, text=True, check=False, env=self._environment(),
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return {**os.environ, MARK: self.mark, "TMPDIR": str(self.scratch), "COLUMNS": "200"}

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def marked(self) -> list[int]:
        """Every process that was ever started below the stack and lives."""
        wanted, found = f"{MARK}={self.mark}".encode(), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if wanted in (entry / "environ").read_bytes().split(b"\0") and alive(int(entry.name)):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    # -- its processes -----------------------------------------------------------------------------------------------

    def pid(self, service: str) -> int | None:
        try:
            said = json.loads((self.folder / ".vigie" / "up.json").read_text())
        except FileNotFoundError:
            return None
        return said["services"].get(service, {}).get("pid")

    def workers(self) -> list[int]:
        """Of the API, where it has several."""
        serve = self.pid("serve")
        below = descendants(serve) - {serve} if serve is not None else set()
        return sorted(pid for pid in below if any("spawn_main" in word for word in words_of(pid)))

    def step(self, step: str) -> int | None:
        """The process of a step that runs."""
        scheduler = self.pid("scheduler")
        wanted = "ship" if step == "ship" else step
        for pid in descendants(scheduler) - {scheduler} if scheduler is not None else ():
            words = words_of(pid)
            if "vigie.cli" in words and wanted in words[words.index("vigie.cli") + 1 :][:2]:
                return pid
        return None

    # -- what it answers ---------------------------------------------------------------------------------------------

    def get(self, port: int, path: str) -> int:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                connection.request("GET", path)
                return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0

    def ready(self) -> bool:
        return self.get(self.port, "/readyz") == 200

    def pages(self) -> bool:
        return self.get(self.mlflow, "/health") == 200

    # -- what is on record ---------------------------------------------------------------------------------------------

    def ledger(self) -> SqliteLedger:
        return SqliteLedger(self.folder / ".vigie" / "ledger.db")

    def runs(self, step: str, score: str = "") -> list[Run]:
        with closing(self.ledger()) as ledger:
            return runs_of(ledger, piece_of(step, score))

    def done(self, step: str, score: str = "") -> int:
        return sum(run.state == DONE for run in self.runs(step, score))

    def done_since(self, step: str, moment: int) -> bool:
        """Whether a run that began at or after *moment* is done."""
        return any(run.state == DONE and run.began >= moment for run in self.runs(step))

    def rests(self) -> bool:
        """Whether every step has run, and none is to be gone on with."""
        runs = [self.runs(step) for step in STEPS]
        return all(runs) and all(run.state in ENDED for of in runs for run in of)


def piece_of(step: str, score: str = "") -> Piece:
    """Of the project's only score, where the step has one for each."""
    return Piece(step, score or ("churn" if step in ("score", "retrain") else ""))


# -- who uses it meanwhile -------------------------------------------------------------------------------------------


@dataclass
class Callers:
    """Callers that never stop asking: every request has a key of its own, and is sent again with it until it is answered.

    Attributes:
        answered: By request id, how often it was sent.
        refused: Answers of the status 4xx: customers who have left.
    """

    stack: Stack
    customers: int = 250
    pause: float = 0.2
    answered: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, count: int = 2) -> None:
        self._threads = [threading.Thread(target=self._call, args=(n,), daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Once what was asked is answered."""
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _call(self, number: int) -> None:
        chance, count = random.Random(number), 0
        while not self._ended.is_set():
            name, count = f"call-{number}-{count}", count + 1
            body = json.dumps({"customer_id": str(chance.randrange(self.customers))}).encode()
            tries, status = 0, 0
            # No answer, 429 and 503 are asked again, as docs/how-to/client.md has it; for as long as it takes.
            while status in (0, 429, 503) and not (self._ended.is_set() and tries):
                tries += 1
                status = self._post(name, body)
                if status in (0, 429, 503):
                    time.sleep(0.2)
            if status == 200:
                self.answered[name] = tries
            elif status:
                self.refused += 1
            self._ended.wait(self.pause)

    def _post(self, name: str, body: bytes) -> int:
        headers = {"content-type": "application/json", "x-request-id": name, "idempotency-key": name}
        self.sent += 1
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=60)) as connection:
                connection.request("POST", "/v1/score", body, headers)
                answer = connection.getresponse()
                answer.read()
                return answer.status
        except (OSError, http.client.HTTPException):
            return 0


@dataclass
class Deliveries:
    """New files with events of just now, which appear whole.

    Attributes:
        numbers: Of every event that was delivered.
    """

    stack: Stack
    every: float = 10.0
    rows: int = 20
    numbers: set[str] = field(default_factory=set)
    files: int = 0

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._deliver, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _deliver(self) -> None:
        chance = random.Random(7)
        while not self._ended.wait(self.every):
            self.one(chance)

    def one(self, chance: random.Random) -> None:
        """A file."""
        self.files += 1
        now = SystemClock().now()
        lines = [(str(chance.randrange(250)), iso(now), f"new-{self.files}-{row}") for row in range(self.rows)]
        draft = self.stack.folder / f"delivery-{self.files}.writing"
        draft.write_text("\n".join(["id,at,number", *(",".join(line) for line in lines)]) + "\n")
        draft.replace(self.stack.folder / f"visits-new-{self.files:05d}.csv")
        self.numbers |= {number for *_, number in lines}


# -- hurting it --------------------------------------------------------------------------------------------------------

Back = Callable[[], Any]
"""Whether what was killed is back."""


class Kills:
    """Kills, and how long it took until each was made good. Several may be under way at a time.

    Attributes:
        back: Seconds by what was killed.
    """

    def __init__(self, stack: Stack, told: Callable[[str], None] = lambda _: None) -> None:
        self.stack, self.back, self._told = stack, dict[str, list[float]](), told
        self._waiting: list[threading.Thread] = []
        self._failed: list[AssertionError] = []

    def kill(self, what: str, kill: Callable[[Stack], Back]) -> None:
        """Kill; whether it comes back is looked at meanwhile."""
        back, began = kill(self.stack), time.monotonic()
        self._told(f"{what} killed")

        def look() -> None:
            try:
                eventually(back, lambda: f"{what} did not come back\n{self.stack.said()[-6000:]}")
            except AssertionError as error:
                self._failed.append(error)
                return
            took = time.monotonic() - began
            self.back.setdefault(what, []).append(round(took, 1))
            self._told(f"{what} back after {took:.1f} s")

        self._waiting.append(threading.Thread(target=look, daemon=True))
        self._waiting[-1].start()

    def all_back(self) -> None:
        """Wait for everything that was killed.

        Raises:
            AssertionError: Something does not come back.
        """
        while self._waiting:
            self._waiting.pop().join()
        if self._failed:
            raise self._failed[0]


def service(name: str, answers: Callable[[Stack], bool]) -> Callable[[Stack], Back]:
    """Kill a service that answers."""

    def kill(stack: Stack) -> Back:
        eventually(lambda: answers(stack), stack.said)
        before = stack.pid(name)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        return lambda: stack.pid(name) not in (None, before) and answers(stack)

    return kill


def at_once(name: str, answers: Callable[[Stack], bool]) -> Callable[[Stack], Back]:
    """Kill a service whether it answers or not."""

    def kill(stack: Stack) -> Back:
        before = eventually(lambda: stack.pid(name), stack.said)
        os.kill(before, signal.SIGKILL)
        return lambda: stack.pid(name) not in (None, before) and answers(stack)

    return kill


def hangs(name: str, answers: Callable[[Stack], bool]) -> Callable[[Stack], Back]:
    """Stop a service that answers in its tracks: it lives, and does not answer any more."""

    def kill(stack: Stack) -> Back:
        eventually(lambda: answers(stack), stack.said)
        before = stack.pid(name)
        assert before is not None
        time.sleep(3)  # until it was seen to answer: from then on silence counts
        os.kill(before, signal.SIGSTOP)
        return lambda: stack.pid(name) not in (None, before) and answers(stack)

    return kill


def frozen(stack: Stack) -> Back:
    """Stop the scheduler in its tracks; it is back when another one has its lock."""
    lock = stack.folder / ".vigie" / "scheduler.lock"

    def works() -> int | None:
        pid = stack.pid("scheduler")
        return pid if pid is not None and lock.exists() and lock.read_text() == str(pid) else None

    before = int(eventually(works, stack.said))
    time.sleep(2)  # until it was heard
    os.kill(before, signal.SIGSTOP)
    return lambda: works() not in (None, before)


def worker(stack: Stack) -> Back:
    """Kill one of several workers of the API; it is back when there are as many again, and answer."""
    eventually(stack.ready, stack.said)
    before = stack.workers()
    os.kill(before[0], signal.SIGKILL)

    def back() -> bool:
        now = stack.workers()
        return before[0] not in now and len(now) == len(before) and stack.ready()

    return back


def step(name: str, wait: float) -> Callable[[Stack], Back]:
    """Kill the process of a step, *wait* seconds after it was seen; it is back when a later try or run of it is done."""

    def kill(stack: Stack) -> Back:
        left = wait
        while True:
            pid = eventually(lambda: stack.step(name), stack.said)
            end = time.monotonic() + left
            while time.monotonic() < end and alive(pid):
                time.sleep(0.02)
            try:
                os.kill(pid, signal.SIGKILL)
                break
            except ProcessLookupError:  # it was quicker
                left /= 2
        moment = SystemClock().now()
        return lambda: stack.done_since(name, moment)

    return kill


def scheduler(wait: float) -> Callable[[Stack], Back]:
    """Kill the scheduler while a step runs; it is back when its steps have ended with it and the next one has one done."""

    def kill(stack: Stack) -> Back:
        eventually(lambda: any(stack.step(one) for one in STEPS), stack.said)
        time.sleep(wait)
        pid = eventually(lambda: stack.pid("scheduler"), stack.said)
        below = descendants(pid)
        os.kill(pid, signal.SIGKILL)
        moment = SystemClock().now()
        return lambda: not any(map(alive, below)) and any(stack.done_since(one, moment) for one in STEPS)

    return kill


def supervisor(stack: Stack) -> Back:
    """Kill it, and start it again at once; it is back when what it had started has ended, the API answers and steps go on."""
    assert stack.process is not None
    below = descendants(stack.process.pid)
    stack.process.kill()
    stack.process.wait()
    moment = SystemClock().now()
    stack.start()

    def back() -> bool:
        if any(map(alive, below)) or not stack.ready():
            return False
        return any(stack.done_since(one, moment) for one in STEPS) or stack.rests()

    return back


# -- the accounts ----------------------------------------------------------------------------------------------------


def accounts(stack: Stack, callers: Callers, deliveries: Deliveries) -> dict[str, Any]:
    """What a stack that was stopped has on record, beside what was sent to it. Zero is what is hoped for under ``wrong``."""
    wrong, seen = dict[str, int](), dict[str, Any]()
    project = Project.open(stack.folder, "", FixedClock(SystemClock().now()))
    with closing(stack.ledger()) as ledger:
        _events(project, deliveries, wrong, seen)
        _requests(project, callers, wrong, seen)
        _steps(project, ledger, wrong, seen)
        _story(project, ledger, wrong, seen)
        _nothing_left(stack, wrong, seen)
    return {"wrong": wrong, "seen": seen}


def _events(project: Project, deliveries: Deliveries, wrong: dict[str, int], seen: dict[str, Any]) -> None:
    there = Counter(
        number
        for number in project.lake.scan("visits").select("number").collect()["number"].to_list()
        if number.startswith("new-")
    )
    seen |= {"files delivered": deliveries.files, "events delivered": len(deliveries.numbers)}
    wrong["events not in the lake"] = len(deliveries.numbers - set(there))
    wrong["events in the lake that nobody delivered"] = len(set(there) - deliveries.numbers)
    wrong["events in the lake twice"] = sum(count > 1 for count in there.values())


def _requests(project: Project, callers: Callers, wrong: dict[str, int], seen: dict[str, Any]) -> None:
    records = list(recorded(project))
    there = Counter(one.request_id for one in records)
    wrong["predictions with one id twice"] = len(records) - len({one.id for one in records})
    wrong["answered requests not on record"] = sum(name not in there for name in callers.answered)
    wrong["requests on record twice that were sent once"] = sum(
        there[name] > 1 for name, tries in callers.answered.items() if tries == 1
    )
    wrong["requests on record more often than they were sent"] = sum(
        there[name] > tries for name, tries in callers.answered.items()
    )
    seen |= {
        "requests answered": len(callers.answered),
        "of them, sent more than once": sum(tries > 1 for tries in callers.answered.values()),
        "recorded by an API that was killed before it could answer, and again": sum(
            there[name] > 1 for name in callers.answered
        ),
        "predictions on record": len(records),
    }


def _steps(project: Project, ledger: SqliteLedger, wrong: dict[str, int], seen: dict[str, Any]) -> None:
    open_runs, given_up, states = 0, 0, dict[str, Any]()
    scored: list[Run] = []
    for step in STEPS:
        runs = runs_of(ledger, piece_of(step))
        open_runs += sum(run.state not in ENDED for run in runs)
        given_up += sum(run.state == GIVEN_UP for run in runs)
        states[step] = dict(Counter(run.state for run in runs))
        scored = runs if step == "score" else scored
    wrong |= {"runs that never ended": open_runs, "runs given up": given_up}
    moments = Counter(
        version.metadata["as_of"] for version in project.lake.versions("scores_churn") if "as_of" in version.metadata
    )
    rows = project.lake.scan("scores_churn").select("customer", "moment").collect()
    known = {iso(run.as_of): run for run in scored}
    wrong["scorings added twice for one moment"] = sum(count > 1 for count in moments.values())
    wrong["customers scored twice for one moment"] = len(rows) - len(rows.unique())
    wrong["scorings done and not in the lake"] = sum(
        run.state == DONE and iso(run.as_of) not in moments for run in scored
    )
    wrong["scorings in the lake that no run made"] = len(set(moments) - set(known))
    seen["runs"] = states
    seen["scorings in the lake whose run was killed and left to a later slot"] = sum(
        known[moment].state != DONE for moment in moments if moment in known
    )


def _story(project: Project, ledger: SqliteLedger, wrong: dict[str, int], seen: dict[str, Any]) -> None:
    """Renewals and incidents, each told once."""
    lines = ledger.lines(stream_of("churn"))
    told = Counter((line.body.get("key", ""), line.kind) for line in lines if line.kind not in ("held", "tried"))
    versions = Counter(
        one.tags["vigie.renewal"] for one in project.registry.versions("churn") if "vigie.renewal" in one.tags
    )
    incidents = standing_of(ledger, "churn")
    causes = Counter(one.cause.key for one in incidents.ongoing)
    streams = ("churn", "churn renewal", "churn incidents")
    wrong |= {
        "steps of a renewal told twice": sum(count > 1 for count in told.values()),
        "renewals registered twice": sum(count > 1 for count in versions.values()),
        "renewals that are registered and not told": len(set(versions) - {key for key, _ in told}),
        "incidents open twice for one cause": sum(count > 1 for count in causes.values()),
        "ledger streams whose hashes are broken": sum(broken_at(ledger.lines(name)) is not None for name in streams),
    }
    seen |= {
        "renewals": dict(Counter(line.body["outcome"] for line in lines if line.kind == "ended")),
        "lines of rollouts": dict(Counter(line.kind for line in ledger.lines("churn"))),
        "incidents": len(incidents.incidents),
    }


def _nothing_left(stack: Stack, wrong: dict[str, int], seen: dict[str, Any]) -> None:
    state = stack.folder / ".vigie"
    wrong["processes that outlived it"] = len(stack.marked())
    locks = [*state.rglob("*.lock"), *state.rglob(".lock")]
    wrong["locks that are held"] = sum(_is_held(path) for path in locks)
    with sqlite3.connect(state / "ledger.db") as database:
        now = SystemClock().now()
        wrong["leases that are held"] = database.execute(
            "SELECT count(*) FROM vigie_leases WHERE until > ? AND name LIKE 'run %'", (now,)
        ).fetchone()[0]
    half = sorted({path for form in HALF for path in state.rglob(form) if "_delta_log" not in path.parts})
    wrong["files left half written"] = len(half)
    wrong["scorings left in parts"] = sum(path.is_dir() for path in (state / "batch" / "churn").glob("*"))
    seen["half"] = [str(path.relative_to(state)) for path in half]
    seen["left in the temporary folder"] = sorted(path.name for path in stack.scratch.iterdir())
    damaged = 0
    databases = sorted(state.rglob("*.db"))
    for path in databases:
        with closing(sqlite3.connect(path)) as database:
            damaged += database.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    seen["databases"] = [path.name for path in databases]
    wrong["databases that are damaged"] = damaged
    wrong["status that says that something runs"] = "nothing runs" not in stack.vigie("up", "--status").stdout
    wrong["lines of the log that say locked"] = sum("locked" in line.lower() for line in stack.said().splitlines())
    wrong["tracebacks in the log"] = stack.said().count("Traceback (most recent call last)")


def _is_held(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def close_the_books(stack: Stack, callers: Callers, deliveries: Deliveries) -> None:
    """Stop callers, deliveries and the stack; then run what was cut off, ingest and ship what is left, by hand."""
    deliveries.end()
    callers.end()
    stack.stop()
    settings = stack.folder / "vigie.toml"
    text = settings.read_text()
    begin = text.index("[schedule]")
    # Nothing new is due for a long time: only what was cut off is gone on with.
    rest = "".join(f'[schedule.{step}]\ncron = "0 0 29 2 *"\n' for step in STEPS)
    settings.write_text(f'{text[:begin]}[schedule]\nbackoff = "1s"\ncatch_up = "all"\n{rest}')
    gone_on = stack.vigie("schedule", "run", "--once")
    assert gone_on.returncode == 0, gone_on.stderr
    with stack.log.open("a") as log:
        log.write(gone_on.stdout)
    for words in (("ingest",), ("journal", "ship")):
        done = stack.vigie(*words)
        assert done.returncode == 0, done.stderr

"""``vigie up``: which services a project's stack has, and how the scheduler of it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import AcceleratedClock, Clock, iso, parse_accelerated, stopwatch
from vigie.errors import DefinitionError, SettingsError, did_you_mean
from vigie.lifecycle.project import CLOCK
from vigie.lifecycle.steps import Piece
from vigie.lifecycle.steps_runs import last_on_record
from vigie.lifecycle.steps_schedule import Schedule, following, schedules_of
from vigie.lifecycle.steps_scheduler import Scheduler, Told
from vigie.lifecycle.supervisor import Service
from vigie.lifecycle.supervisor_child import Child, Doorbell
from vigie.lifecycle.supervisor_probe import BEAT, Probing, beating
from vigie.settings import secret

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

SERVICES = ("serve", "scheduler", "mlflow")
LOCK, SCHEDULER_LOCK, STATE = "up.lock", "scheduler.lock", "up.json"
"""Files of the state folder: held by the supervisor and by the scheduler; which processes run."""
STEP_GRACE = 10.0
"""Seconds that a step may take to end; whatever it was at is gone on with later."""
BUSY_SECONDS = 60
"""How long MLflow's pages wait for whoever writes to its database."""


@dataclass(frozen=True, slots=True)
class UpPlan:
    """What would be started.

    Attributes:
        services: In order.
        next: Of each schedule its next slot, µs UTC.
        left_out: Services that do not run, with the reason.
        grace: Seconds that services may take to end.
        probing: How services are asked whether they still answer.
    """

    services: tuple[Service, ...]
    next: tuple[tuple[Schedule, int], ...]
    left_out: dict[str, str]
    grace: float
    probing: Probing


def plan_up(
    project: Project,
    *,
    without: Sequence[str] = (),
    host: str | None = None,
    port: int | None = None,
    mlflow_port: int | None = None,
    allow_insecure: bool = False,
    clock: AcceleratedClock | None = None,
) -> UpPlan:
    """The stack of *project*.

    Args:
        project: Its settings say what runs.
        without: Services that are left out.
        host: Address of the API; ``None``: as ``[serve]`` says.
        port: Of the API; likewise.
        mlflow_port: Of MLflow's pages; ``None``: as ``[up]`` says.
        allow_insecure: Handed to ``vigie serve``.
        clock: By which API and steps live; ``None``: the machine's.

    Raises:
        SettingsError: ``[schedule]`` or ``[up]`` cannot be meant, or there is no such service.
    """
    for name in without:
        if name not in SERVICES:
            raise SettingsError(
                f"no service is called '{name}'", where="--without", remedy=did_you_mean(name, SERVICES)
            )
    settings = project.settings
    place = Piece("ingest").place(str(settings.root), settings.environment)
    place += ["--as-of", clock.text] if clock is not None else []
    left_out = dict.fromkeys(without, "--without")
    schedules = schedules_of(settings.schedule)
    if not schedules:
        left_out.setdefault("scheduler", "vigie.toml has no [schedule]")
    services = []
    if "serve" not in left_out:
        chosen_host = host or str(settings.serve.get("host", "127.0.0.1"))
        chosen = port if port is not None else int(settings.serve.get("port", 8000))
        words = [
            "serve",
            "--host",
            chosen_host,
            "--port",
            str(chosen),
            *(["--allow-insecure"] if allow_insecure else []),
            *place,
        ]
        scheme = "https" if settings.serve.get("tls_cert") else "http"
        shown = f"[{chosen_host}]" if ":" in chosen_host else chosen_host
        services.append(
            Service(
                "serve",
                "vigie.cli",
                tuple(words),
                url=f"{scheme}://{shown}:{chosen}",
                port=chosen,
                host=chosen_host,
                probe="/healthz",
            )
        )
    if "scheduler" not in left_out:
        services.append(Service("scheduler", "vigie.cli", ("schedule", "run", "--untimed", *place), beats=True))
    pages = _mlflow(project, mlflow_port, left_out)
    if pages is not None:
        services.append(pages)
    now = project.clock.now()
    return UpPlan(
        tuple(services),
        tuple((one, following(one, now)) for one in schedules),
        left_out,
        _seconds(settings.up, "grace", "30s"),
        _probing(settings.up),
    )


def _probing(said: Mapping[str, Any]) -> Probing:
    usual = Probing()
    tries = said.get("probes", usual.tries)
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 0:
        raise SettingsError(
            f"probes = {tries!r} is no whole number",
            where="[up]",
            remedy=f"write probes = {usual.tries}, or 0 for none",
        )
    return Probing(_seconds(said, "probe_every", f"{usual.every:g}s"), tries)


def _seconds(said: Mapping[str, Any], key: str, usual: str) -> float:
    from vigie.definition import Window

    text = str(said.get(key, usual))
    try:
        seconds = Window.parse(text).microseconds / 1e6
    except DefinitionError as error:
        raise SettingsError(
            f"{key} = {text!r} is not a length of time", where="[up]", remedy=f'write {key} = "{usual}"'
        ) from error
    if seconds <= 0:
        raise SettingsError(f"{key} = {text!r} is no time at all", where="[up]", remedy=f'write {key} = "{usual}"')
    return seconds


def _mlflow(project: Project, port: int | None, left_out: dict[str, str]) -> Service | None:
    """MLflow's pages over the registry; none where the registry is a server, which has its own."""
    settings = project.settings
    if not settings.up.get("mlflow", True):
        left_out.setdefault("mlflow", "[up] mlflow = false")
    url = secret(
        str(settings.registry.get("url") or f"sqlite:///{settings.state / 'mlflow.db'}"),
        settings.root,
        "[registry] url",
    )
    if url.startswith(("http://", "https://", "databricks")):
        left_out.setdefault("mlflow", "the registry is a server of its own")
    if "mlflow" in left_out:
        return None
    chosen = port if port is not None else int(settings.up.get("mlflow_port", 5000))
    if url.startswith("sqlite:"):
        url += f"{'&' if '?' in url else '?'}timeout={BUSY_SECONDS}"
    words = ("server", "--host", "127.0.0.1", "--port", str(chosen), "--workers", "1", "--no-serve-artifacts",
             "--default-artifact-root", str(settings.state / "models"))  # fmt: skip
    # The URI may hold a password: it goes where no list of processes shows it.
    more = {"MLFLOW_BACKEND_STORE_URI": url, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return Service("mlflow", "mlflow", words, more, f"http://127.0.0.1:{chosen}", chosen, probe="/health")


def readers_beside_writers(project: Project) -> None:
    """Make the registry's SQLite file one in which readers wait for no writer, and no writer for readers (WAL).

    MLflow leaves SQLite as it is by default: while its pages read, a training that registers a version waits, and gives up with
    "database is locked". The setting stays with the file.

    Raises:
        SettingsError: The file cannot be changed.
    """
    settings = project.settings
    if settings.registry.get("url"):
        return
    file = settings.state / "mlflow.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise SettingsError(f"the registry cannot be opened: {error}", where=str(file)) from error


def run_scheduler(
    project: Project,
    ledger: Ledger,
    told: Told,
    *,
    once: bool = False,
    clock: Clock | None = None,
    lock: int = -1,
    beat: int = -1,
) -> list[str]:
    """Run what is due until SIGINT or SIGTERM; with *once*, until nothing is due. For the main thread.

    Args:
        project: Whose steps.
        ledger: Of the project.
        told: Told what happens, and every line of the steps, whose level is ``""``.
        once: Stop when nothing is left to do now.
        clock: What is due when; ``None``: the project's.
        lock: Descriptor that steps inherit: what it locks is free once the last of them has ended; -1: none.
        beat: Descriptor in which it says that it lives; -1: none.

    Returns:
        What failed when it was tried last.
    """
    settings, bell, lives = project.settings, Doorbell(), beating(beat)
    children: dict[str, Child] = {}
    keep = (lock,) if lock >= 0 else ()

    def begin(piece: Piece, command: list[str]) -> Child:
        place = piece.place(str(settings.root), settings.environment)
        child = Child(piece.name, "vigie.cli", [*command, *place], settings.root, grace=STEP_GRACE, keep=keep)
        children[piece.name] = child
        bell.add(child)
        return child

    def hear() -> bool:
        some = False
        for name, child in list(children.items()):
            for line in child.lines():
                told("", name, line)
            if child.silent:
                bell.remove(child)
            if child.ended() is not None:
                for line in child.lines():
                    told("", name, line)
                bell.remove(child)
                child.close()
                del children[name]
                some = True
        return some

    try:
        scheduler = Scheduler(project, ledger, begin, told, clock, lives)
        _loop(scheduler, bell, hear, lives, once=once)
        scheduler.stop()
        while not scheduler.ended():
            bell.wait(0.2)
            hear()
            lives()
            if bell.asked > 1:
                scheduler.stop()
        return scheduler.failed
    finally:
        for child in children.values():
            child.stop()
            child.stop()
        bell.close()


def _loop(
    scheduler: Scheduler, bell: Doorbell, hear: Callable[[], bool], lives: Callable[[], None], *, once: bool
) -> None:
    """A look when one is due or a step has ended; in between, steps are only heard."""
    look = 0.0
    while not bell.asked:
        if hear() or stopwatch() >= look:
            wait = scheduler.tick()
            if once and scheduler.idle():
                return
            look = stopwatch() + wait
        lives()
        bell.wait(min(look - stopwatch(), BEAT))


def accelerated(state: Path, start: int, rate: float, real: Clock) -> AcceleratedClock:
    """The clock of a stack that lives faster; the one of an earlier ``vigie up`` that was told the same goes on.

    Nothing is written: :func:`keep` does, for whoever holds the lock.

    Args:
        state: Folder in which the text of an earlier one is kept.
        start: What it tells at first, µs UTC.
        rate: How many times as fast as *real* it runs.
        real: The machine's.
    """
    with suppress(FileNotFoundError, ValueError):  # what cannot be read is replaced
        before = parse_accelerated((state / CLOCK).read_text("utf-8"))
        if (before.start, before.rate) == (start, rate):
            return before
    # Of a whole second, as its text has it: processes that read it must tell the same time.
    return AcceleratedClock(start, rate, real.now() // 1_000_000 * 1_000_000)


def keep(state: Path, clock: AcceleratedClock | None) -> None:
    """Let every command of this state folder live by *clock* from now on; ``None``: by the machine's. For the holder of the lock.

    Raises:
        SettingsError: The file cannot be written.
    """
    path = state / CLOCK
    try:
        if clock is None:
            path.unlink(missing_ok=True)
            return
        half = path.with_suffix(".half")
        half.write_text(clock.text, "utf-8")
        half.replace(path)
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", where=str(path)) from error


def refuse_past(project: Project, ledger: Ledger, begin: int) -> None:
    """Make sure that no step has a run on record, and no schedule was seen, after *begin*: nothing would be due until then.

    Args:
        project: Whose steps.
        ledger: Of the project.
        begin: What a clock would tell at first, µs UTC.

    Raises:
        SettingsError: There is one.
    """
    last = last_on_record(project, ledger)
    if last > begin:
        raise SettingsError(
            f"the record of this project goes to {iso(last)}, and the clock would begin at {iso(begin)}, before that",
            where="--as-of",
            remedy="rehearse in a state folder of its own: [environments.NAME.project] state = '…' and --env NAME",
        )


def clock_words(clock: Clock) -> str:
    """By which clock a stack lives, in words."""
    if not isinstance(clock, AcceleratedClock):
        return "by the machine's clock"
    return (
        f"by a clock of its own, {clock.rate:g} times as fast as the machine's, which tells {iso(clock.now())[:19]}Z; "
        "`vigie up --real-time` goes back to the machine's"
    )

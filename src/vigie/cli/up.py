"""``vigie up``: the whole stack of a project; ``vigie schedule``: its steps when they are due."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, clock_of, open_project
from vigie.clock import AcceleratedClock, FixedClock, SystemClock, iso, rate_of
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.up import UpPlan

group = typer.Typer(no_args_is_help=True)
_WAIT = 15.0
"""Seconds beside its grace that the services of a killed supervisor are waited for."""


def up(
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be started.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only show what runs.")] = False,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Leave out serve, scheduler or mlflow; repeatable.", show_default=False),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address that the API listens on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the API.", show_default="8000")] = None,
    mlflow_port: Annotated[
        int | None, typer.Option("--mlflow-port", help="Port of MLflow's pages.", show_default="5000")
    ] = None,
    allow_insecure: Annotated[
        bool,
        typer.Option(
            "--allow-insecure", help="The API listens on other addresses than loopback without authentication."
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            min=1e-6,
            help="With --as-of: let time run so many times as fast from there on.",
            show_default=False,
        ),
    ] = None,
    real_time: Annotated[
        bool,
        typer.Option("--real-time", help="Live by the machine's clock again, after --as-of and --rate."),
    ] = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Run the API, the scheduler and MLflow's pages on this machine, under one process that keeps them running."""
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.steps_runs import last_on_record
    from vigie.lifecycle.supervisor import Supervisor, only_one, refuse_taken
    from vigie.lifecycle.up import (
        LOCK,
        STATE,
        accelerated,
        clock_words,
        keep,
        plan_up,
        readers_beside_writers,
        refuse_past,
    )

    # --real-time: whatever the state folder says
    opened = Project.open(project, environment, SystemClock()) if real_time else open_project(project, environment)
    state = opened.settings.state
    if status:
        _show_status(state)
        return
    if (rate is None) != (as_of is None):
        raise SettingsError(
            "--as-of and --rate go together", remedy="--as-of 2011-03-01 --rate 3600: an hour each second"
        )
    if real_time and rate is not None:
        raise SettingsError("--real-time and --rate exclude each other", remedy="give one of them")
    clock = before = opened.clock if isinstance(opened.clock, AcceleratedClock) else None
    if rate is not None:
        clock = accelerated(state, clock_of(as_of).now(), rate, SystemClock())
        opened = replace(opened, clock=clock)
    planned = plan_up(
        opened,
        clock=clock,
        without=without or (),
        host=host,
        port=port,
        mlflow_port=mlflow_port,
        allow_insecure=allow_insecure,
    )
    if plan:
        _show_plan(planned)
        return
    told = _teller(opened, max([len("up"), *(len(service.name) for service in planned.services)]))

    def waits(pid: int) -> None:
        told("warning", "up", f"services of process {pid}, which was killed, are ending; waiting for them")

    with only_one(state / LOCK, "up", planned.grace + _WAIT, waits) as lock:
        refuse_taken(planned.services)
        if clock is not None and (before is None or clock.text != before.text):
            with closing(ledger_of(opened)) as ledger:
                refuse_past(opened, ledger, clock.start)
            keep(state, clock)
        if real_time:
            keep(state, None)
            with closing(ledger_of(opened)) as ledger:
                ahead = last_on_record(opened, ledger)
            if ahead > opened.clock.now():
                told("warning", "up", f"the record goes to {iso(ahead)}: no step is due before that")
        told("info", "up", clock_words(opened.clock))
        readers_beside_writers(opened)
        for service in planned.services:
            if service.url:
                told("info", "up", f"{service.name} at {service.url}")
        for name, why in planned.left_out.items():
            told("info", "up", f"no {name}: {why}")
        root = opened.settings.root
        Supervisor(
            planned.services, root, told, state / STATE, grace=planned.grace, lock=lock, probing=planned.probing
        ).run()


@group.command("show")
def show(project: Folder = Path(), environment: Environment = None) -> None:
    """When each step runs next, what became of its last run, and what is late."""
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.steps import pieces_of
    from vigie.lifecycle.steps_runs import late, recent_runs, seen_before
    from vigie.lifecycle.steps_schedule import following, schedules_of

    opened = open_project(project, environment)
    schedules, ledger, now = schedules_of(opened.settings.schedule), ledger_of(opened), opened.clock.now()
    if not schedules:
        screen.say('nothing is scheduled; in vigie.toml write for example [schedule.ingest] and every = "1h" below it')
        return
    rows = []
    for schedule in schedules:
        for piece in pieces_of(opened, schedule.step):
            runs = recent_runs(ledger, piece, now)
            last = runs[-1] if runs else None
            became = "–" if last is None else f"{last.state}, {iso(last.slot)}"
            said = "" if last is None else last.said
            behind = late(schedule, runs, seen_before(ledger, piece, runs), now, rate_of(opened.clock))
            following_slot = iso(following(schedule, now))
            rows.append((piece.name, schedule.words, schedule.catch_up, following_slot, became, behind or "–", said))
    columns = [("step", "left"), ("when", "left"), ("catch up", "left"), ("next", "left"), ("last run", "left"),
               ("late", "left"), ("because", "left")]  # fmt: skip
    screen.table(columns, rows, cut=6)


@group.command("tell")
def tell(project: Folder = Path(), environment: Environment = None, as_of: AsOf = None) -> None:
    """Open the incidents of steps that were given up, end those of steps that work again, and tell who is to be told.

    The scheduler does so by itself whenever a step is given up, also where that step is the watch.
    """
    from vigie.lifecycle.alerts import send_alerts
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.watching import watch_once

    opened = open_project(project, environment, as_of)
    ledger, now = ledger_of(opened), opened.clock.now()
    ringing = {
        signal.subject: signal.words
        for score in opened.scores
        for signal in watch_once(opened, ledger, score, now, only=("steps",))
        if signal.rings and signal.code == "VGW421"
    }
    for words in ringing.values():
        screen.say(f"[red]{escape(words)}[/]")
    if not ringing:
        screen.say("no step is given up")
    for problem in send_alerts(opened, ledger, now):
        screen.errors.print(f"[yellow]warning[/] {escape(problem)}", soft_wrap=True)


@group.command("run")
def run(
    once: Annotated[
        bool, typer.Option("--once", help="Run what is due now, and end; with 1 where a step failed.")
    ] = False,
    untimed: Annotated[
        bool, typer.Option("--untimed", help="Leave the time out of the log, where whoever keeps it adds it.")
    ] = False,
    beat: Annotated[
        int,
        typer.Option("--beat", help="Descriptor in which to say that it lives, for `vigie up`.", show_default="none"),
    ] = -1,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Run the steps of [schedule] when they are due, until stopped. `vigie up` does so beside the API."""
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.steps_schedule import schedules_of
    from vigie.lifecycle.supervisor import only_one
    from vigie.lifecycle.up import SCHEDULER_LOCK, STEP_GRACE, run_scheduler

    opened = open_project(project, environment, as_of)
    if not schedules_of(opened.settings.schedule):
        raise SettingsError(
            "nothing is scheduled",
            where="vigie.toml",
            remedy='write for example [schedule.ingest] and every = "1h" below it',
        )
    if isinstance(opened.clock, FixedClock):
        raise SettingsError(
            "a scheduler needs a clock that goes", where="--as-of", remedy="leave --as-of out; see vigie up --rate"
        )
    told = _teller(opened, 12, timed=not untimed)

    def waits(pid: int) -> None:
        told("warning", "schedule", f"steps of process {pid}, which was killed, are ending; waiting for them")

    with only_one(opened.settings.state / SCHEDULER_LOCK, "schedule", STEP_GRACE + _WAIT, waits) as lock:
        failed = run_scheduler(opened, ledger_of(opened), told, once=once, lock=lock, beat=beat)
    if once and failed:
        screen.errors.print(f"[red bold]error[/] {escape(', '.join(failed))} failed", soft_wrap=True)
        raise typer.Exit(1)


def _teller(project: Project, width: int, *, timed: bool = True) -> Callable[[str, str, str], None]:
    """Writes the log: on standard output, a line at a time."""
    from vigie.lifecycle.supervisor import line_of

    as_json = project.settings.logs.get("format") == "json"

    def told(level: str, service: str, words: str) -> None:
        line = line_of(level, service, words, project.clock, as_json=as_json, width=width)
        if not (timed or as_json):
            line = line.partition(" ")[2]
        with suppress(OSError):  # a disk that is full, a reader that has gone: no reason to end what is told of
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    return told


def _show_plan(planned: UpPlan) -> None:
    rows = [
        (one.name, one.url or "–", " ".join(["vigie" if one.module == "vigie.cli" else one.module, *one.arguments]))
        for one in planned.services
    ]
    screen.table([("service", "left"), ("at", "left"), ("command", "left")], rows, cut=2)
    for name, why in planned.left_out.items():
        screen.say(f"[dim]no {name}: {escape(why)}[/]")
    if planned.next:
        screen.table(
            [("step", "left"), ("when", "left"), ("catch up", "left"), ("next", "left")],
            [(schedule.step, schedule.words, schedule.catch_up, iso(at)) for schedule, at in planned.next],
        )


def _show_status(state: Path) -> None:
    from vigie.lifecycle.supervisor import holder_of, is_alive
    from vigie.lifecycle.up import LOCK, STATE

    holder = holder_of(state / LOCK)
    try:
        said = json.loads((state / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        said = None
    if holder is None:
        screen.say("nothing runs" if said is None else "nothing runs; the last one was killed")
        return
    if said is None or said["pid"] != holder:
        screen.say(f"process {holder} runs, and which services it has is not written yet, or cannot be")
        return

    def process(pid: int | None) -> str:
        return "ended" if pid is None else str(pid) if is_alive(pid) else f"{pid} is dead"

    rows = [("up", process(said["pid"]), "", "")]
    rows += [(name, process(one["pid"]), str(one["restarts"]), one["url"]) for name, one in said["services"].items()]
    screen.table([("service", "left"), ("process", "right"), ("restarts", "right"), ("at", "left")], rows)
    if not is_alive(holder):
        screen.say("it was killed; what it had started is ending")

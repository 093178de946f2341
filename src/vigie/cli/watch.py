"""``vigie watch``: what rings, what is fine, and which incidents that makes."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project
from vigie.clock import iso
from vigie.errors import VigieError

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project
    from vigie.watch.incident import Incident
    from vigie.watch.signal import Signal

_RED = 2


def watch(
    name: ScoreName = None,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print signals and incidents as JSON.")] = False,
    every: Annotated[
        str | None, typer.Option("--every", help="Go on, and look this often: 5m, 1h.", show_default="once")
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="End with exit code 2 while an incident is open.")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Write a page with what was seen and what happened before.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The page; writes one.", show_default="watch.html in the reports folder"),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="How many days the page looks back.")] = 60,
    language: Annotated[
        str | None, typer.Option("--language", help="Of the page: en or fr.", show_default="as in vigie.toml")
    ] = None,
    tell: Annotated[
        bool, typer.Option("--tell/--no-tell", help="Send what is to be told to the channels that vigie.toml names.")
    ] = True,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Look at data, features, API, scores, drift and performance once, and bring the incidents up to date."""
    from vigie.lifecycle.rollout import ledger_of
    from vigie.report.language import translator

    opened = open_project(project, environment, as_of)
    scores = [opened.score(name).name] if name is not None else list(opened.scores)
    seconds = _seconds(every)
    spoken = language or str(opened.settings.report.get("language") or "en")
    translator(spoken)  # what is wrong is told before any work is done
    file = output or opened.reports_folder / "watch.html"
    ledger = ledger_of(opened)

    def look() -> bool:
        """Whether an incident is open."""
        found = _round(opened, ledger, scores, as_json=as_json, tell=tell)
        if page or output is not None:
            _write(opened, ledger, found, file, days, spoken, quiet=as_json)
        return any(one.status(found.now) == "open" for of in found.incidents.values() for one in of)

    if seconds is None:
        if look() and fail:
            raise typer.Exit(_RED)
        return
    while True:
        try:
            look()
        except VigieError as error:  # a ledger that is away for a moment ends no watch
            screen.errors.print(f"[yellow]warning[/] not looked: {escape(str(error))}", soft_wrap=True)
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Round:
    """One look at each score: what was said of it at a moment, and what goes on."""

    now: int
    signals: dict[str, list[Signal]]
    incidents: dict[str, list[Incident]]


def _round(project: Project, ledger: Ledger, scores: list[str], *, as_json: bool, tell: bool) -> _Round:
    from vigie.lifecycle.alerts import send_alerts
    from vigie.lifecycle.incidents import standing_of
    from vigie.lifecycle.watching import watch_once

    now, found, incidents = project.clock.now(), {}, {}
    for score in scores:
        found[score] = watch_once(project, ledger, score, now)
        incidents[score] = standing_of(ledger, score).ongoing
    if tell:
        for problem in send_alerts(project, ledger, now):
            screen.errors.print(f"[yellow]warning[/] {escape(problem)}", soft_wrap=True)
    if as_json:
        _print_json(found, incidents, now)
    else:
        for score in scores:
            show(score, found[score], incidents[score], now)
    return _Round(now, found, incidents)


def _write(
    project: Project, ledger: Ledger, found: _Round, file: Path, days: int, language: str, *, quiet: bool
) -> None:
    from vigie.lifecycle.watch_page import write_watch_page
    from vigie.lifecycle.watch_story import story

    stories = [story(project, ledger, score, signals, found.now, days=days) for score, signals in found.signals.items()]
    write_watch_page(stories, file, language=language)
    if not quiet:
        screen.say(f"page: {escape(str(file))}", wrap=False)


def show(score: str, signals: list[Signal], incidents: list[Incident], now: int) -> None:
    """What rings one by one, what is fine as a number, and the incidents."""
    ringing = [one for one in signals if one.rings]
    looked = [one for one in signals if one.code != "VGW490"]
    screen.console.print(f"[bold]{escape(score)}[/] [dim]at {iso(now)[:16]}, {len(looked)} things looked at[/]")
    if ringing:
        rows = [
            ["rings", one.code, one.area.value, one.subject, _figure(one.size), _figure(one.limit), one.words]
            for one in sorted(ringing, key=lambda one: (one.code, one.subject))
        ]
        columns = [("", "left"), ("code", "left"), ("area", "left"), ("subject", "left"), ("size", "right"),
                   ("limit", "right"), ("what", "left")]  # fmt: skip
        screen.table(columns, rows, cut=6)
    areas: dict[str, int] = {}
    for one in looked:
        areas[one.area.value] = areas.get(one.area.value, 0) + (not one.rings)
    fine = ", ".join(f"{count} of {area}" for area, count in areas.items() if count)
    screen.say(f"[green]fine[/] {fine}" if fine else "[dim]nothing could be judged yet: too little history[/]")
    for incident in incidents:
        show_line(incident, now)


def show_line(incident: Incident, now: int) -> None:
    """An incident in one line."""
    colour = {"info": "blue", "warning": "yellow", "critical": "red"}[incident.severity]
    loss = "" if math.isnan(incident.loss) else f", {incident.loss:,.0f} a day"
    status = incident.status(now)
    screen.say(
        f"[{colour}]{incident.severity}[/] [bold]{incident.id}[/] {status}{loss}: {escape(incident.cause.words)}"
        f" [dim]since {iso(incident.since)[:16]}; vigie incidents show {incident.id}[/]"
    )


def _print_json(found: dict[str, list[Signal]], incidents: dict[str, list[Incident]], now: int) -> None:
    import msgspec

    told = {
        score: {
            "at": iso(now),
            "signals": [
                {"area": one.area.value, "code": one.code, "subject": one.subject, "model": one.model, "rings": one.rings,
                 "size": one.size, "limit": one.limit, "evidence": one.evidence, "since": iso(one.since),
                 "until": iso(one.until), "loss": one.loss, "words": one.words}
                for one in signals
            ],
            "incidents": [
                {"incident": one.id, "status": one.status(now), "severity": one.severity, "loss": one.loss,
                 "since": iso(one.since), "opened": iso(one.opened), "words": one.cause.words, "code": one.cause.code,
                 "suspects": [suspect.what for suspect in one.suspects]}
                for one in incidents[score]
            ],
        }
        for score, signals in found.items()
    }  # fmt: skip
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(told, enc_hook=str), indent=2).decode() + "\n")


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


def _seconds(text: str | None) -> float | None:
    from vigie.definition.window import Window
    from vigie.errors import DefinitionError, SettingsError

    if text is None:
        return None
    try:
        return Window.parse(text).microseconds / 1e6
    except DefinitionError as error:
        raise SettingsError(f"--every {text!r} is not a length of time", remedy="write 5m, 1h or 30s") from error

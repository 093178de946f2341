"""``vigie incidents``: what is wrong, since when, who may have done it, and what to do about it. ``vigie alerts``: who is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markdown import Markdown
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, ScoreName, open_project
from vigie.clock import iso

if TYPE_CHECKING:
    from vigie.watch.incident import Incident, Move, Standing

group = typer.Typer(no_args_is_help=True)
alerts = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the incident, as SCORE-NUMBER.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why, for the history.", show_default=False)]
By = Annotated[
    str, typer.Option("--by", help="Who wants it, for the history.", show_default="the user of this machine")
]


@group.command("list")
def list_(
    name: ScoreName = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """The incidents that go on, the worst first."""
    from vigie.lifecycle.incidents import standing_of
    from vigie.lifecycle.rollout import ledger_of
    from vigie.watch.incident import SEVERITIES
    from vigie.watch.incident_times import times

    opened = open_project(project, environment)
    ledger, now = ledger_of(opened), opened.clock.now()
    scores = [opened.score(name).name] if name is not None else list(opened.scores)
    found = [one for score in scores for one in standing_of(ledger, score).incidents.values()]
    shown = [one for one in found if everything or one.ongoing]
    if not shown:
        screen.say("no incident is open")
    else:
        shown.sort(key=lambda one: (not one.ongoing, -SEVERITIES.index(one.severity), -one.opened))
        columns = [("incident", "left"), ("severity", "left"), ("status", "left"), ("since", "left"),
                   ("a day", "right"), ("what", "left")]  # fmt: skip
        screen.table(
            columns,
            [
                [
                    one.id,
                    one.severity,
                    one.status(now),
                    iso(one.since)[:16],
                    _loss(one),
                    one.cause.words or one.cause.code,
                ]
                for one in shown
            ],
            cut=5,
        )
    mean = times(found)
    if mean.incidents:
        screen.say(
            f"[dim]{mean.incidents} in all; taken on after {_span(mean.acknowledged)}, over after {_span(mean.resolved)}"
            " on average[/]"
        )


@group.command()
def show(name: Name, project: Folder = Path(), environment: Environment = None) -> None:
    """What is wrong, since when, who is affected, who may have done it, the history, and the playbook."""
    from vigie.lifecycle.incidents import find, stream_of
    from vigie.lifecycle.playbooks import playbook
    from vigie.lifecycle.rollout import ledger_of

    opened = open_project(project, environment)
    ledger, now = ledger_of(opened), opened.clock.now()
    score, one = find(opened, ledger, name)
    screen.console.print(
        f"[bold]{one.id}[/] {one.severity}, {one.status(now)}: {escape(one.cause.words or one.cause.code)}"
    )
    screen.say(
        f"since {iso(one.since)[:16]}, seen {iso(one.opened)[:16]}"
        + (f", quiet since {iso(one.quiet)[:16]}" if one.quiet else "")
    )
    if not math.isnan(one.loss):
        screen.say(f"estimated loss {one.loss:,.0f} a day")
    if one.affected:
        screen.say(f"affected: {escape(', '.join(one.affected))}")
    columns = [("code", "left"), ("area", "left"), ("subject", "left"), ("what", "left")]
    screen.table(columns, [[told.code, told.area, told.subject, told.words] for told in one.signals], cut=3)
    if one.suspects:
        rows = [[str(n), who.kind, who.what, who.why] for n, who in enumerate(one.suspects, start=1)]
        screen.table([("", "right"), ("suspect", "left"), ("", "left"), ("why", "left")], rows, cut=3)
    history = [
        [iso(line.at)[:16], line.kind, str(line.body.get("by", "")), str(line.body.get("reason", ""))]
        for line in ledger.lines(stream_of(score))
        if line.body["incident"] == name
    ]
    screen.table([("when", "left"), ("what", "left"), ("by", "left"), ("why", "left")], history, cut=3)
    screen.console.print(Markdown(playbook(opened, one)))


@group.command()
def ack(name: Name, reason: Why = "", by: By = "", project: Folder = Path(), environment: Environment = None) -> None:
    """Take it on: it is not told again unless it gets worse."""
    from vigie.watch.incident_actions import acknowledge

    done = _act(name, project, environment, lambda who: lambda standing: acknowledge(standing, name, who, reason), by)
    screen.say(f"{done.id} is taken on")


@group.command()
def snooze(
    name: Name,
    length: Annotated[str, typer.Option("--for", help="How long: 4h, 2d.")] = "24h",
    reason: Why = "",
    by: By = "",
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Nobody hears of it for a while, unless it gets worse."""
    from vigie.definition.window import Window
    from vigie.errors import DefinitionError, SettingsError
    from vigie.watch import incident_actions

    try:
        window = Window.parse(length).microseconds
    except DefinitionError as error:
        raise SettingsError(f"--for {length!r} is not a length of time", remedy="write 4h, 2d or 30m") from error
    until = open_project(project, environment).clock.now() + window
    done = _act(
        name,
        project,
        environment,
        lambda who: lambda standing: incident_actions.snooze(standing, name, until, who, reason),
        by,
    )
    screen.say(f"{done.id} is quiet until {iso(until)[:16]} UTC")


@group.command()
def resolve(
    name: Name, reason: Why = "", by: By = "", project: Folder = Path(), environment: Environment = None
) -> None:
    """Say that it is over. Incidents end by themselves once nothing of them rings for a while."""
    from vigie.watch import incident_actions

    done = _act(
        name,
        project,
        environment,
        lambda who: lambda standing: incident_actions.resolve(standing, name, who, reason),
        by,
    )
    screen.say(f"{done.id} is over")


@group.command()
def playbooks(project: Folder = Path(), environment: Environment = None) -> None:
    """Put Vigie's playbooks into the project, to be edited: those of the project win."""
    from vigie.lifecycle.playbooks import FOLDER, copy_playbooks

    opened = open_project(project, environment)
    written = copy_playbooks(opened)
    screen.say(f"{len(written)} playbooks written to {FOLDER}/; those that were there are as they were")


@alerts.command("test")
def try_out(project: Folder = Path(), environment: Environment = None) -> None:
    """Send every channel that vigie.toml names a message that says that it is a test."""
    from vigie.lifecycle.alerts import try_channels

    failed = False
    for channel, problem in try_channels(open_project(project, environment)):
        failed |= bool(problem)
        screen.say(
            f"[red]failed[/] {escape(channel.name)}: {escape(problem)}"
            if problem
            else f"[green]sent[/] {escape(channel.name)}"
        )
    if failed:
        raise typer.Exit(1)


def _act(
    name: str, folder: Path, environment: str | None, move: Callable[[str], Callable[[Standing], Move]], by: str
) -> Incident:
    from vigie.lifecycle.incidents import act, find
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.security import user

    opened = open_project(folder, environment)
    ledger = ledger_of(opened)
    score, _ = find(opened, ledger, name)
    return act(ledger, score, opened.clock.now(), move(by or user()))


def _loss(incident: Incident) -> str:
    return "–" if math.isnan(incident.loss) else f"{incident.loss:,.0f}"


def _span(micro: float) -> str:
    if math.isnan(micro):
        return "–"
    hours = micro / 3.6e9
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"

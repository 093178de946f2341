"""``vigie features backfill``: feature tables of past moments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project
from vigie.clock import parse_moment
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.backfill import BackfillPlan

SHOWN = 24
"""Partitions listed at most, the latest ones."""


def backfill(
    score: ScoreName = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First date (ISO 8601, UTC).", show_default="the first row of the lake")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last date.", show_default="now")] = None,
    period: Annotated[
        str | None,
        typer.Option(
            "--every",
            help="Snapshots at each hour, day, week, month, quarter or year.",
            show_default="the score's moments",
        ),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be made.")] = False,
    partitions: Annotated[
        int,
        typer.Option(
            "--partitions", min=1, help="Moments made in one reading of the lake; a killed run loses no more."
        ),
    ] = 12,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Compute the features of the population at past moments, into tables; only what is missing or stale."""
    from vigie.features.training_set import MEMORY
    from vigie.lifecycle import backfill as work

    opened = open_project(project, environment, as_of)
    chosen = opened.score(score)
    with screen.stage("Plan"):
        planned = work.plan_backfill(
            opened, chosen, start=_moment(start, "--from"), end=_moment(end, "--to"), period=period
        )
    show(planned)
    if plan or not planned.todo:
        return
    memory = int(opened.settings.train.get("memory") or MEMORY)
    with screen.stage(f"Backfill {chosen.name}") as progress:
        done = work.backfill(opened, planned, at_once=partitions, memory=memory, progress=progress)
    screen.say(
        f"{done.features:,} features of {done.partitions:,} partitions, {done.rows:,} customers at moments, "
        f"in {escape(str(planned.folder))}"
    )


def _moment(text: str | None, option: str) -> int | None:
    try:
        return None if text is None else parse_moment(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text!r} is not a date", remedy="write it as 2026-01-31") from error


def show(plan: BackfillPlan) -> None:
    """Partitions and how they stand."""
    from vigie.lifecycle.backfill import Status

    if not plan.partitions:
        screen.say("there is no moment to look at: the lake has nothing before it")
        return
    if plan.left_out:
        screen.say(
            f"left out, for a text's components are learned anew by every training: {escape(', '.join(plan.left_out))}"
        )
    done = len(plan.partitions) - len(plan.todo)
    screen.say(
        f"{len(plan.partitions):,} partitions × {len(plan.score.bound_features):,} features: {done:,} partitions are done, "
        f"{len(plan.todo):,} to make"
    )
    if not plan.todo:
        return
    shown = plan.todo[-SHOWN:]
    if len(plan.todo) > len(shown):
        screen.say(f"[dim]… {len(plan.todo) - len(shown):,} earlier ones[/]")
    screen.table(
        [("partition", "left"), ("population", "left"), ("done", "right"), ("missing", "right"), ("stale", "right")],
        [
            [p.name, str(p.spine), *(str(p.count(s)) if p.count(s) else "–" for s in (Status.DONE, Status.MISSING, Status.STALE))]
            for p in shown
        ],
    )  # fmt: skip
    partly = sorted({name for p in plan.todo for name, status in p.features.items() if status is not Status.DONE})
    if 0 < len(partly) < len(plan.score.bound_features):
        screen.say(f"features to make: {escape(', '.join(partly))}")

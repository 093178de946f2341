"""``vigie features materialise``: what is new in the lake goes into the online store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project
from vigie.errors import StoreError

if TYPE_CHECKING:
    from vigie.lifecycle.online import SyncPlan


def materialise(
    scores: Annotated[
        list[str] | None, typer.Argument(help="Scores to prepare for.", show_default="all, and their champions")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be done.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and follow the lake until stopped.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks with --watch.")] = 5.0,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Bring the online store up to the lake: histories, from which features are computed at the moment of a request.

    Can be stopped and run again at any moment. What is there is not loaded again: a new feature over columns and windows that are held loads nothing.
    """
    from vigie.lifecycle.online import open_histories, plan_sync, sync

    opened = open_project(project, environment)
    histories = open_histories(opened, [opened.score(name) for name in scores] if scores else None)
    if plan:
        _show(plan_sync(opened, histories), done=False)
        return
    with screen.stage("Materialise") as progress:
        done = sync(opened, histories, progress=progress)
    assert done is not None, "it was waited for"
    _show(done, done=True)
    while watch:
        time.sleep(every)
        try:
            done = sync(opened, histories, wait=False)
        except StoreError as error:
            screen.show_error(error)  # it may be back at the next look
            continue
        if done is not None and not done.current:
            _show(done, done=True)


def _show(plan: SyncPlan, *, done: bool) -> None:
    rows = [(source.source, source.state, source.words(), source.table) for source in plan.sources]
    screen.table(
        [("source", "left"), ("state", "left"), ("done" if done else "to do", "left"), ("table", "left")], rows
    )
    if plan.dropped:
        screen.say(f"[dim]{'dropped' if done else 'to drop'}: {', '.join(plan.dropped)}[/]")

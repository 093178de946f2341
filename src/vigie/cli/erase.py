"""``vigie erase``: customers go, with everything that is kept about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project

if TYPE_CHECKING:
    from vigie.lifecycle.erase import Erasure


def erase(
    customers: Annotated[list[str], typer.Argument(help="Keys of the customers.", show_default=False)],
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Erase customers from the lake, quarantine, online store, received events, feature tables, scores and predictions.

    Older versions of the lake that held them cannot be read afterwards. Killed in the middle, it is run again. Take them out of the sources first: a source that delivers them again brings them back.
    """
    from vigie.lifecycle.erase import erase as carry_out
    from vigie.lifecycle.erase import plan_erasure

    opened = open_project(project, environment)
    if plan or not yes:
        _show(plan_erasure(opened, customers), "would go")
    if plan:
        return
    if not yes:
        typer.confirm(f"Erase {len(customers)} customers for good?", abort=True)
    with screen.stage("Erase") as progress:
        done = carry_out(opened, customers, progress)
    _show(done, "gone")
    if done.left:
        screen.say(
            f"[yellow]{done.left} files may be being written and were left alone: run this again in ten minutes[/]"
        )


def _show(erasure: Erasure, gone: str) -> None:
    rows = [(item.place, f"{item.rows:,}", f"{item.older:,}" if item.older else "") for item in erasure.items]
    screen.table([("place", "left"), (gone, "right"), ("older files", "right")], rows)
    if any(item.older or (item.rows and item.place.startswith(("lake", "quarantine"))) for item in erasure.items):
        screen.say("[dim]older versions of these lake tables cannot be read afterwards[/]")
    if erasure.passed:
        screen.say(f"[dim]not looked at, since their rows are of no customer: {', '.join(erasure.passed)}[/]")

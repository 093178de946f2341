"""``vigie journal``: the record of predictions, on its way to the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project

group = typer.Typer(no_args_is_help=True)

Journal = Annotated[
    Path | None,
    typer.Option("--journal", help="Folder of the predictions.", show_default="in the project's state"),
]


@group.command("ship")
def ship(
    plan: Annotated[bool, typer.Option("--plan", help="Only show what waits.")] = False,
    journal: Journal = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Take recorded predictions to the lake's table _predictions, each once, and remove segments kept for long enough.

    Segments that a running server writes to are shipped once it ends them: after [journal] ship_seconds, or when it stops.
    """
    from vigie.clock import iso
    from vigie.errors import JournalError
    from vigie.lifecycle.ship import keep_of, waiting
    from vigie.lifecycle.ship import ship as carry_out

    opened = open_project(project, environment)
    if plan:
        found = waiting(journal or opened.journal_folder, opened.clock.now(), keep_of(opened.settings.journal))
        rows = [
            ("segments to ship", f"{len(found.closed):,}"),
            ("segments being written", f"{len(found.open):,}"),
            ("MB in both", f"{found.size / 1e6:,.1f}"),
            ("oldest prediction in them", "" if found.since is None else iso(found.since)),
            ("segments that the lake has", f"{found.kept:,}"),
            ("of these to remove", f"{found.expired:,}"),
        ]
        screen.table([("", "left"), ("", "right")], rows)
        return
    with screen.stage("Ship predictions") as progress:
        done = carry_out(opened, journal, progress=progress)
    screen.say(
        f"  {done.rows:,} predictions of {done.segments:,} segments; {done.found:,} segments were there already; "
        f"{done.expired:,} removed here"
    )
    if done.torn:
        screen.say(f"[yellow]  {done.torn:,} lines were cut off: their writer was killed before it had answered[/]")
    if done.damaged:
        raise JournalError(
            f"{len(done.damaged)} segments were left where they are: {next(iter(done.damaged.values()))}",
            where=str(journal or opened.journal_folder),
        )

"""``vigie reproduce``: a model made again from its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project
from vigie.clock import iso


def reproduce(
    version: Annotated[str, typer.Argument(help="Version of the score, as vigie models lists them; or an alias.")],
    name: Annotated[
        str | None,
        typer.Option("--score", help="Name of the score; needed where a project has several.", show_default=False),
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Make a version again from its record: the same hash, or what differs. Ends with 1 where it is another model."""
    from vigie.lifecycle.reproduce import reproduce

    opened = open_project(project, environment)
    score = opened.score(name).name
    with screen.stage(f"Make {score} version {version} again") as progress:
        found = reproduce(opened, score, version, progress=progress)
    recipe = found.recipe
    data = ", ".join(f"{source} {number}" for source, number in recipe.data.items())
    screen.say(
        f"[dim]as of {iso(recipe.as_of)}, data {escape(data)}, seed {recipe.options.get('seed', 0)}, "
        f"code {escape(recipe.code[:12] or 'not in a repository')}[/]"
    )
    if found.same:
        screen.say(f"[bold green]the same[/] to the last bit: {found.found}")
    elif found.found:
        screen.say(f"[bold red]another model[/]: {found.found[:16]}…, registered is {found.expected[:16]}…")
        screen.say(f"[dim]other files: {escape(', '.join(found.files))}[/]")
    else:
        screen.say(f"[bold red]it cannot be made again[/]; registered is {found.expected[:16]}…")
    for one in found.differences:
        screen.say(f"[dim]·[/] {escape(one)}")
    if not found.same:
        if not found.differences:
            screen.say(
                "[dim]· nothing that is on record differs: this is a fault of Vigie or of a library; please report it[/]"
            )
        raise typer.Exit(1)

"""``vigie features export``: features for other feature stores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, open_project

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
"""The commands below ``vigie features export``, one for each feature store."""


@group.command("feast")
def feast(
    scores: Annotated[list[str] | None, typer.Argument(help="Scores to export.", show_default="all of them")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the repository.", show_default="feast in the project's folder"),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option("--every", help="The --every that the tables were backfilled with.", show_default=False),
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Write the backfilled features and their definitions as a Feast repository."""
    from vigie.lifecycle.feast_export import export_feast

    opened = open_project(project, environment, as_of)
    chosen = [opened.score(name) for name in scores] if scores else list(opened.scores.values())
    folder = output or opened.settings.root / "feast"
    with screen.stage("Export") as progress:
        done = export_feast(opened, chosen, folder, period=period, progress=progress)
    for name, rows in done.views.items():
        screen.say(f"[bold]{escape(name)}_features[/]: {rows:,} customers at moments")
    if done.behind:
        screen.say(f"[yellow]{done.behind:,} partitions are missing or stale[/]: vigie features backfill makes them")
    if done.left_out:
        screen.say(f"left out, for they embed texts: {escape(', '.join(done.left_out))}")
    screen.say(f"{done.features:,} features in {escape(str(done.folder))}; there: feast apply", wrap=False)

"""``vigie features page``: the registry of features as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, open_project


def page(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it.", show_default="features.html in the reports folder"),
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Write one HTML page with every feature, searchable without a network."""
    from vigie.lifecycle.catalogue import catalogue, freshness
    from vigie.lifecycle.catalogue_page import feature_page

    opened = open_project(project, environment, as_of)
    with screen.stage("Features") as progress:
        found = catalogue(opened)
        used = dict.fromkeys(source.name for entry in found.entries for source in entry.sources)
        progress("freshness", 0.5)
        fresh = {name: freshness(opened, opened.sources[name]) for name in used}
        path = output or opened.reports_folder / "features.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(feature_page(opened, found, fresh), "utf-8")
    screen.say(f"{len(found.entries):,} features  {escape(str(path))}", wrap=False)

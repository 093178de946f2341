"""``vigie ingest``: what is new in the sources goes into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, open_project


def ingest(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources to ingest.", show_default="all")] = None,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Read what is new in the sources, check it against the contracts and add it to the lake.

    Bad rows go to quarantine with the rule they broke. Can be stopped and run again at any moment: the lake holds each row once.
    """
    from vigie.lifecycle.ingest import ingest_sources

    opened = open_project(project, environment, as_of)
    with screen.stage("Ingest") as progress:
        reports = ingest_sources(opened, sources or (), progress)
    summaries.ingested(reports)

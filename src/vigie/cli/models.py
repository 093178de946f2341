"""``vigie models``: which versions of a score there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, ScoreName, open_project
from vigie.clock import iso


def models(
    name: ScoreName = None,
    promote: Annotated[
        int | None, typer.Option("--promote", help="Make this version the champion.", show_default=False)
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """List the versions of a score in the registry, or make one of them the champion."""
    opened = open_project(project, environment)
    score = opened.score(name)
    with screen.stage("Read the registry"):
        if promote is not None:
            opened.registry.set_alias(score.name, "champion", promote)
        versions = opened.registry.versions(score.name)
    rows = [
        [str(v.version), ", ".join(v.aliases), v.bundle_hash[:12], iso(v.created) if v.created else ""]
        for v in versions
    ]
    screen.table([("version", "right"), ("alias", "left"), ("bundle", "left"), ("registered", "left")], rows)

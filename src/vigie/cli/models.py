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
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Copy the bundle of the champion to this folder, for a slim image.", show_default=False
        ),
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """List the versions of a score in the registry, make one of them the champion, or copy the champion out."""
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
    screen.say(
        f"[dim]runs and plots: mlflow ui --backend-store-uri {opened.registry.tracking_uri} --port 5000[/]", wrap=False
    )
    if export is not None:
        from vigie.lifecycle.export import export_bundle

        bundle_hash = export_bundle(opened, score.name, "champion", export)
        screen.say(f"bundle {bundle_hash[:12]} in {export}")

"""``vigie features list``: every feature of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, ScoreName, open_project

AsJson = Annotated[bool, typer.Option("--json", help="Print plain data instead.")]


def listing(
    score: ScoreName = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Only those that read this source.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """List the features of all scores, or of one: kind, sources, window, owner, use, importance in the champion."""
    from vigie.lifecycle.catalogue import catalogue

    found = catalogue(open_project(project, environment), score)
    entries = [e for e in found.entries if source is None or any(s.name == source for s in e.sources)]
    if as_json:
        typer.echo(json.dumps([entry.to_data() for entry in entries], indent=2, ensure_ascii=False))
        return
    several = len(found.scores) > 1
    owners = {entry.owner for entry in entries}
    heads = [("feature", "left"), ("kind", "left"), ("sources", "left"), ("window", "left")]
    # What is the same for all is said below, so that the rest has room.
    heads += [("owner", "left")] if len(owners) > 1 else []
    heads += [("scores", "left")] if several else []
    heads += [("importance", "right")]
    rows = []
    for entry in entries:
        row = [
            entry.name,
            str(entry.kind),
            ", ".join(use.name for use in entry.sources) or "–",
            ", ".join("all" if window == "all of history" else window for window in entry.windows) or "–",
        ]
        row += [entry.owner or "–"] if len(owners) > 1 else []
        row += [", ".join(use.score for use in entry.uses)] if several else []
        rows.append([*row, "–" if entry.importance is None else f"{round(entry.importance, 4) + 0.0:.4f}"])
    screen.table(heads, rows, cut=0)
    owned = sum(bool(entry.owner) for entry in entries)
    said = f"all owned by {entries[0].owner}" if len(owners) == 1 and owned else f"{owned:,} have an owner"
    screen.say(f"[dim]{len(entries):,} features of {', '.join(found.scores)}; {said}[/]")

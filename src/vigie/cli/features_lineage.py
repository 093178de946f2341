"""``vigie features lineage``: from where a feature comes, and where it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.tree import Tree

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project
from vigie.cli.features_list import AsJson

if TYPE_CHECKING:
    from vigie.lifecycle.catalogue import FeatureEntry


def lineage(
    name: Annotated[
        str | None, typer.Argument(help="Name of a feature, or its fingerprint.", show_default="all of them")
    ] = None,
    as_json: AsJson = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Draw where features come from (sources, columns, locations) and where they go (scores, model versions)."""
    from vigie.lifecycle.catalogue import catalogue

    found = catalogue(open_project(project, environment))
    entries = list(found.entries) if name is None else [found.entry(name)]
    if as_json:
        typer.echo(json.dumps([_data(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    for entry in entries:
        screen.console.print(Padding(tree(entry), (0, 0, 0, 2)))


def _data(entry: FeatureEntry) -> dict[str, Any]:
    whole = entry.to_data()
    return {key: whole[key] for key in ("name", "fingerprint", "sources", "scores")}


def tree(entry: FeatureEntry) -> Tree:
    """The lineage of one feature."""
    root = Tree(f"[bold]{escape(entry.name)}[/] [dim]{entry.fingerprint}[/]", guide_style="dim")
    comes = root.add("comes from")
    for source in entry.sources:
        related = ", of what the customer belongs to" if source.related else ""
        branch = comes.add(f"[bold]{escape(source.name)}[/] ({source.kind} by {escape(source.key)}{related})")
        for column, kind in source.columns.items():
            branch.add(f"{escape(column)} [dim]{kind}[/]")
        branch.add(f"[dim]at {escape(source.location) or 'no location'}[/]")
    if not entry.sources:
        comes.add("the moment of scoring alone")
    goes = root.add("goes into")
    for use in entry.uses:
        branch = goes.add(f"score [bold]{escape(use.score)}[/]")
        for version in use.versions:
            branch.add(f"version {version}" + (", the champion" if version == use.champion else ""))
        if not use.versions:
            branch.add("[dim]no registered version[/]")
    return root

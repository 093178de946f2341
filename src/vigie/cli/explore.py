"""``vigie explore``: look at the data before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, clock_of, open_project
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.explore import Explored


def explore(
    name: ScoreName = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            help="Explore this file instead: CSV, Parquet or JSON lines; no project is needed.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Column of the outcome; with --table.", show_default=False)
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option("--positive", help="Value of the target that counts as true.", show_default="found out"),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", help="Column with the moment of each row; with --table.", show_default=False),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", help="Column that is not looked at; may be repeated.", show_default=False),
    ] = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Look at the test rows too, which makes the next test look better.")
    ] = False,
    split: Annotated[
        float | None,
        typer.Option("--split", help="Share of the rows kept for the test.", show_default="as vigie train"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice; as vigie train.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write the page.", show_default="explore.html among the reports"),
    ] = None,
    language: Annotated[str, typer.Option("--language", help="Of the page: en or fr.")] = "en",
    ingest: Annotated[
        bool, typer.Option("--ingest/--no-ingest", help="First ingest what is new in the sources.")
    ] = True,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Look at the data before training: one HTML page with every column, what is missing, extreme, alike or leaking.

    Only the rows that training would learn from are looked at: who sees the test rows has used them up.
    """
    if table is not None:
        from vigie.lifecycle.explore import explore_file

        if target is None:
            raise SettingsError("which column is the outcome?", where="--table", remedy="name it: --target COLUMN")
        with screen.stage(f"Explore {table.name}") as progress:
            done = explore_file(
                table, target, clock_of(as_of), positive=positive, time=time, leave_out=tuple(leave_out or ()),
                output=output, language=language, seed=seed, progress=progress,
            )  # fmt: skip
        _tell(done)
        return
    for option, given in (("--target", target), ("--positive", positive), ("--time", time), ("--leave-out", leave_out)):
        if given:
            raise SettingsError(f"{option} is for a plain file", remedy="name it with --table, or leave the option out")
    from vigie.lifecycle.explore import explore_score
    from vigie.lifecycle.ingest import ingest_sources
    from vigie.training import TrainOptions

    opened = open_project(project, environment, as_of)
    score = opened.score(name)
    options = TrainOptions(split=split, seed=seed)
    if ingest:
        with screen.stage("Ingest") as progress:
            ingest_sources(opened, list(score.sources), progress)
    with screen.stage(f"Explore {score.name}") as progress:
        done = explore_score(
            opened, score, options, all_rows=all_rows, output=output, language=language, progress=progress
        )
    _tell(done)


def _tell(done: Explored) -> None:
    """The main figures, signs of leakage, and where the page is."""
    found = done.found
    for sentence in found.view.how:
        screen.say(f"[dim]{escape(sentence)}[/]")
    screen.say(
        f"{len(found.view):,} rows, {len(found.columns):,} columns; outcome true for [bold]{found.rate:.1%}[/]"
        + (f"; columns with missing values: {found.gaps.columns:,}" if found.gaps.columns else "")
    )
    best = [column for column in found.columns if column.auc == column.auc][:3]
    if best:
        told = ", ".join(f"{escape(column.name)} {column.auc:.2f}" for column in best)
        screen.say(f"what says most by itself (AUC): {told}")
    screen.findings(found.findings, at_most=6)
    screen.say(f"page  {escape(str(done.path))}", wrap=False)

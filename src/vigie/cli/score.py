"""``vigie score``: the whole base, to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, Spark, open_project


def score(
    name: ScoreName = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Also write to this .csv or .parquet file, or to a database: sqlite:///FILE, postgresql://…, env:NAME.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="Table of the database; made if it is not there.", show_default=False)
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Take earlier runs out of that table; otherwise this very run alone is replaced."
        ),
    ] = False,
    alias: Annotated[str, typer.Option("--model", help="Alias or version of the model.")] = "champion",
    project: Folder = Path(),
    environment: Environment = None,
    spark: Spark = None,
    reasons: Annotated[
        int, typer.Option(min=0, max=20, help="Reasons to add for each customer, in words, the greatest first.")
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Continue a run that was interrupted within a day.")
    ] = True,
    as_of: AsOf = None,
) -> None:
    """Score everybody in the population and decide, within the capacity; the result is a table of the lake."""
    from vigie.lifecycle.score import score_base

    opened = open_project(project, environment, as_of)
    chosen = opened.score(name)
    with screen.stage(f"Score {chosen.name}") as progress:
        scored = score_base(
            opened, chosen, alias=alias, output=output, table=table, replace=replace, spark=spark, reasons=reasons,
            resume=resume, progress=progress,
        )  # fmt: skip
    summaries.scored(scored)

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
        Path | None,
        typer.Option("--output", "-o", help="Also write the table to this .csv or .parquet file.", show_default=False),
    ] = None,
    alias: Annotated[str, typer.Option("--model", help="Alias or version of the model.")] = "champion",
    project: Folder = Path(),
    environment: Environment = None,
    spark: Spark = None,
    reasons: Annotated[
        int, typer.Option(min=0, max=20, help="Reasons to add for each customer, in words, the greatest first.")
    ] = 0,
    as_of: AsOf = None,
) -> None:
    """Score everybody in the population and decide, within the capacity; the result is a table of the lake."""
    from vigie.lifecycle.score import score_base

    opened = open_project(project, environment, as_of)
    chosen = opened.score(name)
    with screen.stage(f"Score {chosen.name}") as progress:
        scored = score_base(opened, chosen, alias=alias, output=output, spark=spark, reasons=reasons, progress=progress)
    summaries.scored(scored)

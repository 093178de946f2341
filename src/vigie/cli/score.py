"""``vigie score``: the whole base, to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, Spark, open_project
from vigie.errors import SettingsError


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
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="Score the rows of this .csv or .parquet file, whose columns are the inputs of --bundle.",
            show_default=False,
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", help="Folder of the bundle that scores --input; no project is needed.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="Column of --input that goes into the result as customer.", show_default=False),
    ] = None,
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
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="With --as-of: add nothing where a run with --once is there of that moment, whatever model and data are now.",
        ),
    ] = False,
    as_of: AsOf = None,
) -> None:
    """Score everybody in the population and decide, within the capacity; the result is a table of the lake.

    Or score a file of values: vigie score --bundle DIR --input FILE --output FILE, without a project.
    """
    from vigie.lifecycle.score import score_base

    if source is not None or bundle is not None:
        if source is None or bundle is None or output is None:
            raise SettingsError(
                "--input, --bundle and --output go together",
                remedy="vigie score --bundle bundle --input values.parquet --output scores.parquet",
            )
        from vigie.lifecycle.score_file import score_file

        with screen.stage(f"Score {source.name}") as progress:
            file = score_file(
                bundle, source, output, key=key, table=table, replace=replace, reasons=reasons, resume=resume,
                progress=progress,
            )  # fmt: skip
        summaries.scored_file(file)
        return
    opened = open_project(project, environment, as_of)
    chosen = opened.score(name)
    with screen.stage(f"Score {chosen.name}") as progress:
        scored = score_base(
            opened, chosen, alias=alias, output=output, table=table, replace=replace, spark=spark, reasons=reasons,
            resume=resume, once=once, progress=progress,
        )  # fmt: skip
    summaries.scored(scored)

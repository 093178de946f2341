"""``vigie train``: from the lake to a registered model and a report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, Spark, open_project


class Method(StrEnum):
    """Of a search."""

    bayesian = "bayesian"
    random = "random"
    grid = "grid"


class Objective(StrEnum):
    """Of a search."""

    log_loss = "log_loss"
    value = "value"
    auc = "auc"


class Imbalance(StrEnum):
    """What is done about a rare class."""

    none = "none"
    weights = "weights"
    undersample = "undersample"
    oversample = "oversample"


def train(
    name: ScoreName = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Candidate to try; may be repeated, or separated by commas.", show_default="all"
        ),
    ] = None,
    split: Annotated[
        float | None,
        typer.Option("--split", help="Share of the rows kept for the test.", show_default="0.2 in time, else 0.25"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of every random choice.", show_default="0")] = None,
    ingest: Annotated[
        bool, typer.Option("--ingest/--no-ingest", help="First ingest what is new in the sources.")
    ] = True,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            min=0,
            help="Sets of parameters to look at, besides the defaults.",
            show_default="by the number of rows",
        ),
    ] = None,
    search: Annotated[
        Method | None, typer.Option("--search", help="How the next set is picked.", show_default="bayesian")
    ] = None,
    objective: Annotated[
        Objective | None, typer.Option("--objective", help="What the search goes by.", show_default="log_loss")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes that search.", show_default="2"),
    ] = None,
    imbalance: Annotated[
        Imbalance | None, typer.Option("--imbalance", help="What is done about a rare class.", show_default="none")
    ] = None,
    stack: Annotated[
        bool | None,
        typer.Option("--stack/--no-stack", help="Try a combination of the best candidates too.", show_default="stack"),
    ] = None,
    select: Annotated[
        bool | None,
        typer.Option("--select/--no-select", help="Try the winner on fewer features.", show_default="select"),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Of the report: en or fr.", show_default="en, or [report] language")
    ] = None,
    pdf: Annotated[
        bool | None,
        typer.Option("--pdf/--no-pdf", help="Write the report as PDF too.", show_default="no, or [report] pdf"),
    ] = None,
    register: Annotated[bool, typer.Option("--register/--no-register", help="Make the winner the champion.")] = True,
    project: Folder = Path(),
    environment: Environment = None,
    spark: Spark = None,
    as_of: AsOf = None,
) -> None:
    """Build the training set, try the candidates, choose the decision, write the report and register the winner.

    What is not said here is as the settings have it.
    """
    from vigie.lifecycle.ingest import ingest_sources
    from vigie.lifecycle.train import train_score
    from vigie.lifecycle.train_options import train_options
    from vigie.training.candidates import chosen_candidates

    opened = open_project(project, environment, as_of)
    score = opened.score(name)
    models = tuple(part.strip() for given in model or () for part in given.split(",") if part.strip()) or None
    options = train_options(
        opened, models=models, split=split, seed=seed, trials=trials, method=search and search.value, objective=objective and objective.value, workers=workers,
        imbalance=imbalance and imbalance.value, stack=stack, select=select,
    )  # fmt: skip
    chosen_candidates(options.models, has_rule=score.rule is not None)  # a wrong name is told before any work is done
    if ingest:
        with screen.stage("Ingest") as progress:
            reports = ingest_sources(opened, list(score.sources), progress)
        summaries.ingested(reports)
    with screen.stage(f"Train {score.name}") as progress:
        trained = train_score(
            opened, score, options, register=register, spark=spark, language=language, pdf=pdf, progress=progress
        )
    summaries.trained(trained)

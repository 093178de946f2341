"""``vigie fleet``: all scores of a project at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, open_project

if TYPE_CHECKING:
    from vigie.lifecycle.fleet import FleetRun
    from vigie.lifecycle.fleet_state import Outcome
    from vigie.training import TrainOptions

group = typer.Typer(no_args_is_help=True)

Patterns = Annotated[
    list[str] | None, typer.Argument(help="Scores; * and ? match several, as in 'churn_*'.", show_default="all")
]
Workers = Annotated[int | None, typer.Option("--workers", "-w", min=1, help="Processes.", show_default="one a core")]
Ingest = Annotated[bool, typer.Option("--ingest/--no-ingest", help="First ingest what is new in the sources, once.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="Candidate to try; may be repeated, or separated by commas.",
        show_default="logistic_regression, lightgbm",
    ),
]
Trials = Annotated[int, typer.Option("--trials", min=0, help="Sets of hyper-parameters to look at, for each score.")]
Reports = Annotated[bool, typer.Option("--reports", help="Write the report of each training too.")]
SHOWN = 40
"""Scores in a table on the screen; the JSON has all."""


@group.command()
def train(
    scores: Patterns = None,
    model: Models = None,
    trials: Trials = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice.")] = 0,
    workers: Workers = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out what was done before on the same data and definition.")
    ] = False,
    ingest: Ingest = True,
    register: Annotated[bool, typer.Option("--register/--no-register", help="Make each winner the champion.")] = True,
    reports: Reports = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Train all scores, or those that match, in parallel. Exit code 1 if one failed; the others are done all the same."""
    options = _options(model, trials, seed)
    _run("train", scores, project, environment, as_of, workers=workers, ingest=ingest, options=options, resume=resume,
         register=register, reports=reports)  # fmt: skip


@group.command()
def refresh(
    scores: Patterns = None,
    model: Models = None,
    trials: Trials = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice.")] = 0,
    workers: Workers = None,
    ingest: Ingest = True,
    reports: Reports = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Retrain what changed, data or definition; a champion is replaced only by a model no worse on the newest rows."""
    options = _options(model, trials, seed)
    _run(
        "refresh", scores, project, environment, as_of, workers=workers, ingest=ingest, options=options, reports=reports
    )


@group.command()
def check(
    scores: Patterns = None,
    workers: Workers = None,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Check all scores, or those that match. Exit code 1 on findings of severity error."""
    _run("check", scores, project, environment, as_of, workers=workers, ingest=False)


@group.command()
def score(
    scores: Patterns = None,
    workers: Workers = None,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Score the population of each score with its champion; each has a table of the lake, as with ``vigie score``."""
    _run("score", scores, project, environment, as_of, workers=workers, ingest=False)


@group.command("list")
def list_(scores: Patterns = None, project: Folder = Path(), environment: Environment = None) -> None:
    """What became of each score when a fleet was last trained."""
    from vigie.lifecycle.fleet import last_outcomes

    found = last_outcomes(open_project(project, environment), scores or ())
    rows = [_row(one) if one is not None else [score.name, "never", *["–"] * 6] for score, one in found]
    screen.table(_COLUMNS, rows, cut=7)


def _options(model: list[str] | None, trials: int, seed: int) -> TrainOptions:
    from dataclasses import replace

    from vigie.lifecycle.fleet import fleet_options
    from vigie.training.candidates import chosen_candidates

    default = fleet_options()
    models = tuple(part.strip() for given in model or () for part in given.split(",") if part.strip()) or default.models
    chosen_candidates(models, has_rule=True)  # a wrong name is told before any work is done
    return replace(default, models=models, trials=trials, seed=seed)


def _run(
    work: Literal["train", "refresh", "check", "score"],
    patterns: list[str] | None,
    project: Path,
    environment: str | None,
    as_of: str | None,
    *,
    workers: int | None,
    ingest: bool,
    options: TrainOptions | None = None,
    **choices: Any,
) -> None:
    from dataclasses import replace

    from vigie.clock import FixedClock
    from vigie.lifecycle.fleet import chosen_scores, ingest_for, run_fleet

    opened = open_project(project, environment, as_of)
    chosen = chosen_scores(opened, patterns or ())
    broken: dict[str, str] = {}
    if ingest:
        with screen.stage("Ingest") as progress:
            reports, broken = ingest_for(opened, chosen, progress)
        summaries.ingested(reports)
    # One moment for all, so that what they read can be shared and what they say be compared.
    still = replace(opened, clock=FixedClock(opened.clock.now()))
    if options is not None:
        options = replace(options, code_version=opened.code_version())
    count = workers or os.cpu_count() or 1
    with screen.stage(f"{work.capitalize()} {len(chosen):,} scores") as progress:
        done = run_fleet(
            still, work, patterns or (), options=options, workers=count, broken=broken, progress=progress, **choices
        )
    _told(done)
    if done.failed:
        raise typer.Exit(1)


_COLUMNS = [("score", "left"), ("state", "left"), ("version", "right"), ("winner", "left"), ("AUC", "right"),
            ("each", "right"), ("rows", "right"), ("", "left")]  # fmt: skip


def _row(one: Outcome) -> list[str]:
    return [
        one.score, one.state, str(one.version or "–"), one.winner or "–",
        "–" if one.auc is None else f"{one.auc:.3f}",
        "–" if one.value is None else screen.money(one.value, one.currency, sign=True),
        f"{one.rows:,}" if one.rows else "–", one.words,
    ]  # fmt: skip


def _told(done: FleetRun) -> None:
    from vigie.lifecycle.fleet_state import counted

    # What went wrong comes first, for it may be one in a thousand.
    ordered = sorted(done.outcomes, key=lambda one: one.state not in ("failed", "unsound", "blocked", "kept"))
    screen.table(_COLUMNS, [_row(one) for one in ordered[:SHOWN]], cut=7)
    if len(ordered) > SHOWN:
        screen.say(f"[dim]… and {len(ordered) - SHOWN:,} more in the file below[/]")
    states = ", ".join(f"[bold]{count:,}[/] {state}" for state, count in counted(done.outcomes).items())
    screen.say(f"{states} in {done.seconds:,.0f} s with {done.workers} workers")
    screen.say(f"summary  {escape(str(done.file))}", wrap=False)

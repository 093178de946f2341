"""``vigie evaluate``: what the whole way of training is worth on rows that chose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project

if TYPE_CHECKING:
    from vigie.lifecycle.evaluate import Evaluated
    from vigie.training.nested import Figure, OuterFold

WHO = {
    "vigie": "Vigie",
    "best_fixed": "best fixed strategy",
    "nobody": "nobody",
    "everybody": "everybody",
    "rule": "the rule",
    "threshold_0.5": "probability above 0.5",
    "default_lightgbm": "default LightGBM at 0.5",
    "hand_tuned_lightgbm": "hand-tuned LightGBM",
}


def evaluate(
    name: ScoreName = None,
    folds: Annotated[int, typer.Option("--folds", help="Outer folds; 1: the split of `vigie train`.", min=1, max=20)] = 5,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Candidate to try; may be repeated, or separated by commas.", show_default="all"
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", help="Sets of hyper-parameters looked at in each fold; 0: defaults only.", min=0,
            show_default="by the number of rows",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes that search.", show_default="2, or [train] workers"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice, the folds among them.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSON file with every figure.", show_default="in the score's reports"),
    ] = None,
    ingest: Annotated[
        bool, typer.Option("--ingest/--no-ingest", help="First ingest what is new in the sources.")
    ] = True,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:  # fmt: skip
    """Train and test anew in every outer fold, and say what the score is worth. Nothing is registered."""
    from vigie.lifecycle.evaluate import evaluate_score
    from vigie.lifecycle.ingest import ingest_sources
    from vigie.lifecycle.train_options import train_options
    from vigie.training.candidates import chosen_candidates

    opened = open_project(project, environment, as_of)
    score = opened.score(name)
    models = tuple(part.strip() for given in model or () for part in given.split(",") if part.strip()) or None
    options = train_options(opened, models=models, seed=seed, trials=trials, workers=workers)
    chosen_candidates(options.models, has_rule=score.rule is not None)  # a wrong name is told before any work is done
    if ingest:
        with screen.stage("Ingest") as progress:
            reports = ingest_sources(opened, list(score.sources), progress)
        summaries.ingested(reports)
    with screen.stage(f"Evaluate {score.name}") as progress:
        evaluated = evaluate_score(
            opened, score, options, folds=folds, output=output, progress=progress,
            told=lambda fold: _fold(fold, score.decision.currency),
        )  # fmt: skip
    _shown(evaluated)


def _fold(fold: OuterFold, currency: str) -> None:
    ours = fold.metrics["vigie"]
    rest = ours.value - fold.metrics["best_fixed"].value
    screen.say(
        f"fold {fold.number}: {escape(fold.winner.replace('_', ' '))}, AUC {ours.auc:.3f}, "
        f"[bold]{screen.money(ours.value, currency, sign=True)}[/] per customer, {screen.money(rest, currency, sign=True)} against "
        f"{fold.best_fixed} [dim]({fold.seconds:.0f} s)[/]"
    )


def _shown(evaluated: Evaluated) -> None:
    estimate = evaluated.estimate
    how = "each fold later than what it learned from" if estimate.in_time else "folds drawn at random, stratified"
    if len(estimate.folds) == 1:
        how = "later than what was learned from" if estimate.in_time else "drawn at random, stratified"
    parts = f"{len(estimate.folds)} folds" if len(estimate.folds) > 1 else "one part"
    screen.say(f"[dim]{estimate.rows:,} test rows of {estimate.customers:,} customers in {parts}, {how}[/]")
    rows = []
    for who, figures in estimate.figures.items():
        difference = estimate.differences.get(who, {}).get("value")
        rows.append(
            [
                WHO[who],
                _mean(figures.get("auc"), 4),
                _mean(figures.get("log_loss"), 4),
                _mean(figures.get("brier"), 4),
                _mean(figures["value"], 2, sign=True),
                f"{figures['acted'].mean:.0%}",
                f"{difference.mean:+,.2f} ({difference.low:+,.2f} … {difference.high:+,.2f})" if difference else "",
            ]
        )
    screen.table(
        [("who decides", "left"), ("AUC", "right"), ("log loss", "right"), ("Brier", "right"),
         (f"{estimate.currency} each", "right"), ("acts on", "right"), ("Vigie brings more (95 %)", "right")],
        rows, marked=0,
    )  # fmt: skip
    errors = "± is one standard error over the folds; " if len(estimate.folds) > 1 else ""
    screen.say(f"[dim]{errors}intervals resample customers[/]")
    ranks = [(WHO[who], figures["auc"]) for who, figures in estimate.differences.items() if "auc" in figures]
    for who, figure in ranks:
        screen.say(f"AUC against {who}: {figure.mean:+.4f} ({figure.low:+.4f} … {figure.high:+.4f})")
    screen.say(f"file {escape(str(evaluated.file))}", wrap=False)


def _mean(figure: Figure | None, digits: int, *, sign: bool = False) -> str:
    if figure is None or figure.mean != figure.mean:
        return "–"
    plus = "+" if sign else ""
    error = f" ± {figure.error:.{digits}f}" if figure.error == figure.error else ""
    return f"{figure.mean:{plus},.{digits}f}{error}"

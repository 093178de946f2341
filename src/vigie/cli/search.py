"""``vigie search``: take part in a search that runs elsewhere, or look at the searches there are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, ScoreName, open_project

if TYPE_CHECKING:
    from vigie.training.search import SearchNews, Study


def search(
    name: ScoreName = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-w", help="Processes of this machine that take part.", min=1, show_default="[train] workers"
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only show the searches and their best sets.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Help a `vigie train` that runs on another machine with its search, until the search is complete.

    Both need the same project, the same lake and the same database, [train] search in vigie.toml. The training set is built
    again as of the same moment. Nothing is trained or registered here: the other machine does that.
    """
    from vigie.lifecycle.search import join_search, project_studies

    opened = open_project(project, environment)
    score = opened.score(name) if name is not None or not listed else None
    if listed or score is None:
        with screen.stage("Read the searches"):
            found = project_studies(opened, score)
        _show(found)
        return
    processes = workers or int(opened.settings.train.get("workers", 1))
    with screen.stage(f"Search {score.name}") as progress:

        def told(doing: str, share: float, news: SearchNews | None) -> None:
            progress(f"{doing} · {news.done}/{news.total}" if news is not None else doing, share)

        trials = join_search(opened, score, workers=processes, told=told)
    screen.say(f"the search is complete: {len(trials)} sets of parameters were looked at")


def _show(found: list[Study]) -> None:
    from vigie.lifecycle.search import since

    rows = []
    for study in found:
        best = study.best
        params = "" if best is None else ", ".join(f"{name}={_short(value)}" for name, value in best.params.items())
        rows.append(
            [
                study.name,
                since(study),
                "complete" if study.complete else "under way",
                str(study.done),
                "" if best is None else best.slot.candidate.replace("_", " "),
                "" if best is None else _number(best.outcome.value, 2),
                "" if best is None else _number(best.outcome.log_loss, 4),
                "" if best is None else params or "defaults",
            ]
        )
    columns = [
        ("search", "left"), ("as of", "left"), ("state", "left"), ("sets", "right"), ("best", "left"),
        ("value", "right"), ("log loss", "right"), ("parameters", "left"),
    ]  # fmt: skip
    if rows:
        screen.table(columns, rows, cut=len(columns) - 1)
    else:
        screen.say("no search yet: `vigie train` begins one")


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)

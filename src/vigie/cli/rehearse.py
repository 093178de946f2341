"""``vigie rehearse``: retraining policies on the user's own past, and what each would have been worth."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project
from vigie.clock import iso

if TYPE_CHECKING:
    from vigie.lifecycle.rehearse import Outcome, Rehearsal
    from vigie.lifecycle.rehearse_records import Chance


def rehearse(
    name: ScoreName = None,
    begin: Annotated[
        str, typer.Option("--from", help="When the first model is trained: 2011-03, or a date.", show_default=False)
    ] = "",
    end: Annotated[
        str | None, typer.Option("--to", help="Last moment: 2011-12, or a date.", show_default="when the data end")
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="never, daily, weekly, monthly, quarterly, yearly, on-drift, on-loss, or project: the criteria of vigie.toml. "
            "May be repeated, or separated by commas.",
            show_default="never,monthly,on-drift,on-loss",
        ),
    ] = None,
    step: Annotated[str, typer.Option("--step", help="Time between two looks, whole days.")] = "1d",
    bake: Annotated[str, typer.Option("--bake", help="Time from passing the gate to answering everybody.")] = "7d",
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Whether a new model has to beat the one in use before it answers.")
    ] = True,
    change: Annotated[
        list[str] | None,
        typer.Option("--change", help="A day on which you know that something changed; may be repeated.", show_default=False),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Candidate to try; may be repeated, or separated by commas.",
            show_default="logistic_regression,lightgbm",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice.")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, and nothing else.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The HTML report.", show_default="in the score's reports"),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Of the report: en or fr.", show_default="as in vigie.toml")
    ] = None,
    ingest: Annotated[
        bool, typer.Option("--ingest/--no-ingest", help="First ingest what is new in the sources.")
    ] = True,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:  # fmt: skip
    """Live through your own past once for each retraining policy, and say which one would have paid. Changes nothing."""
    from vigie.errors import InputError
    from vigie.lifecycle.ingest import ingest_sources
    from vigie.lifecycle.rehearse import FOUR, conduct_of, rehearse, write_rehearsal
    from vigie.lifecycle.rehearse_models import rehearsal_options
    from vigie.lifecycle.rehearse_policy import length_of, period_moment
    from vigie.training.candidates import chosen_candidates

    if not begin:
        raise InputError("nothing says where the rehearsal begins", field="--from", remedy="write --from 2011-03")
    opened = open_project(project, environment, as_of)
    score = opened.score(name)
    # What is wrong is told before any work is done.
    first = period_moment(begin, "--from")
    last = opened.clock.now() if end is None else period_moment(end, "--to")
    changes = [period_moment(one, "--change") for one in change or ()]
    conduct = conduct_of(opened, bake=length_of(bake, "--bake"), gate=gate)
    options = rehearsal_options(_parts(model), seed=seed)
    chosen_candidates(options.models, has_rule=score.rule is not None)
    screen.console.quiet = as_json
    if ingest:
        with screen.stage("Ingest") as progress:
            reports = ingest_sources(opened, list(score.sources), progress)
        if not as_json:
            summaries.ingested(reports)
    with screen.stage(f"Rehearse {score.name}") as progress:
        found = rehearse(
            opened, score, begin=first, end=last, policies=_parts(policy) or FOUR, step=length_of(step, "--step"), conduct=conduct,
            options=options, workers=workers, changes=changes, progress=progress,
        )  # fmt: skip
    file = write_rehearsal(opened, found, output, language=language)
    screen.console.quiet = False
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found.to_data()), indent=2).decode() + "\n")
        return
    _shown(found)
    screen.say(f"report: {file}", wrap=False)


def _parts(given: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for one in given or () for part in one.split(",") if part.strip())


def _shown(found: Rehearsal) -> None:
    screen.say(
        f"[dim]{iso(found.begin)[:10]} to {iso(found.end)[:10]}, {found.decisions:,} decisions about {found.customers:,} customers "
        f"whose outcome is known; {found.waiting:,} wait for theirs[/]"
    )
    best = found.best.name
    columns = [("policy", "left"), (f"value, {found.currency}", "right"), ("more than never (95 %)", "right"), ("trained", "right"),
               ("released", "right"), ("alarms", "right"), ("confirmed", "right")]  # fmt: skip
    if found.changes:
        columns += [("true", "right"), ("false", "right"), ("found after (by chance)", "right")]
    screen.table(
        columns,
        [_row(one, known=bool(found.changes)) for one in found.outcomes],
        marked=next(i for i, one in enumerate(found.outcomes) if one.name == best),
    )
    if found.changes:
        screen.say("[dim]in brackets: days without a change that would have been found as soon[/]")
    screen.say(escape(found.words))


def _row(one: Outcome, *, known: bool) -> list[str]:
    more = "" if one.name == "never" else f"{one.more.value:+,.0f} ({one.more.low:+,.0f} … {one.more.high:+,.0f})"
    sure = sum(alarm.confirmed is True for alarm in one.alarms)
    cells = [
        one.name,
        f"{one.value:,.0f}",
        more,
        str(one.trainings),
        str(one.released),
        str(len(one.alarms)),
        str(sure),
    ]
    if known:
        found = ", ".join(_found(delay, chance) for delay, chance in zip(one.delays, one.chances, strict=True))
        cells += [str(one.count("true")), str(one.count("false")), found]
    return cells


def _found(delay: float, chance: Chance) -> str:
    if math.isnan(delay):
        return "not"
    return f"{delay:g} d ({chance.share:.0%})" if chance.days else f"{delay:g} d (no room to say)"

"""``vigie evidently``: Evidently's report of any two windows of the record, its verdicts beside Vigie's."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project
from vigie.clock import DAY

if TYPE_CHECKING:
    from vigie.lifecycle.evidently import Compared, Period, Verdict


def evidently(
    name: ScoreName = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="First day of the window.", show_default="seven days before --to")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="The day after its last.", show_default="today")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="First day of what it is compared with.", show_default="28 days before --until"),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="The day after the last of that.", show_default="the same as --from")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The HTML file.", show_default="evidently.html in the score's reports"),
    ] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            "--python", help="The Python of an environment that has Evidently.", show_default="[watch] evidently of vigie.toml"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, and nothing else.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:  # fmt: skip
    """Let Evidently report on two windows of the record, in an environment of its own, and show its verdicts beside Vigie's."""
    from vigie.lifecycle.evidently import compare, interpreter

    opened = open_project(project, environment, as_of)
    score, now = opened.score(name).name, opened.clock.now()
    live, reference = _periods(now, begin, end, against, until)
    # What is wrong is told before any work is done.
    using = interpreter(opened, python)
    page = output or opened.reports_folder / score / "evidently.html"
    screen.console.quiet = as_json
    with screen.stage(f"Evidently on {score}"):
        found = compare(opened, score, live, reference, page, using, now)
    screen.console.quiet = False
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found.to_data()), indent=2).decode() + "\n")
        return
    _show(found)


def _periods(
    now: int, begin: str | None, end: str | None, against: str | None, until: str | None
) -> tuple[Period, Period]:
    """The two windows, whole days."""
    from vigie.errors import InputError
    from vigie.lifecycle.evidently import Period
    from vigie.lifecycle.rehearse_policy import period_moment

    def day(text: str | None, option: str, otherwise: int) -> int:
        moment = otherwise if text is None else period_moment(text, option)
        return moment - moment % DAY

    last = day(end, "--to", now)
    first = day(begin, "--from", last - 7 * DAY)
    before = day(until, "--until", first)
    earlier = day(against, "--against", before - 28 * DAY)
    for low, high, option, other in ((first, last, "--from", "--to"), (earlier, before, "--against", "--until")):
        if low >= high:
            raise InputError(
                f"the window has no day: {option} is not before {other}", field=option,
                remedy=f"{other} is the day after the last, so give a later one",
            )  # fmt: skip
    return Period(first, last), Period(earlier, before)


def _show(found: Compared) -> None:
    live, reference = found.live, found.reference
    screen.say(
        f"{live.words}: {found.rows[0]:,} rows, {found.outcomes[0]:,} outcomes; against {reference.words}: {found.rows[1]:,} rows, "
        f"{found.outcomes[1]:,} outcomes"
    )
    columns = [("column", "left"), ("Vigie: effect", "right"), ("limit", "right"), ("p", "right"), ("says", "left"),
               ("Evidently: method", "left"), ("value", "right"), ("says", "left")]  # fmt: skip
    screen.table(columns, [_row(one) for one in found.verdicts], cut=5)
    both = [one for one in found.verdicts if one.theirs is not None]
    same = sum(one.drifted is one.theirs for one in both)
    screen.say(f"the same verdict on {same} of {len(both)} columns that both judge; Evidently {found.version}")
    if found.classification:
        told = ", ".join(f"{name} {value:.3f}" for name, value in found.classification.items())
        screen.say(f"[dim]of the outcomes of the window: {escape(told)}[/]")
    for page in found.pages:
        screen.say(f"report: {escape(str(page))}", wrap=False)


def _row(one: Verdict) -> list[str]:
    ours = "–" if math.isnan(one.effect) else "drift" if one.drifted else "fine"
    theirs = "–" if one.theirs is None else "drift" if one.theirs else "fine"
    method = f"{one.method} ({one.threshold:g})" if one.method else "–"
    return [
        one.column,
        _figure(one.effect),
        _figure(one.limit),
        _figure(one.p),
        ours,
        method,
        _figure(one.value),
        theirs,
    ]


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.3g}"

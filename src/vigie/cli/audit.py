"""``vigie audit``: what was answered about a customer, from what, why, by which version."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project
from vigie.clock import DAY, iso, parse_moment
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.audit import Answer, Audit

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def audit(
    customer: Annotated[str, typer.Option("--customer", help="Key of the customer.", show_default=False)],
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="What was in force at this time (ISO 8601, UTC): the last answer of each score. A date: all answers of that day.",
            show_default=False,
        ),
    ] = None,
    score: Annotated[str | None, typer.Option("--score", help="Only this score.", show_default="all")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="So many answers at most, the newest.")] = 20,
    reasons: Annotated[int, typer.Option(min=0, max=20, help="Reasons for each answer, the greatest first.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Show what was answered about a customer: when, from which values, why, by which version, arm and threshold, to whom.

    Every answer is computed again by the bundle that gave it. Ends with exit code 1 where one could not be, or came out otherwise.
    """
    from vigie.lifecycle.audit import audit as look

    since, until, in_force = _time(at)
    found = look(
        open_project(project, environment), customer, score=score, since=since, until=until, in_force=in_force, last=last,
        reasons=reasons,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report(found), indent=2, ensure_ascii=False))
    else:
        _show(found, at)
    if not found.exact:
        raise typer.Exit(1)


def _time(at: str | None) -> tuple[int | None, int | None, bool]:
    """From when, until when, and whether only the last answer of each score counts."""
    if at is None:
        return None, None, False
    try:
        moment = parse_moment(at)
    except ValueError as error:
        raise SettingsError(
            f"--at {at!r} is not a date", remedy="write it as 2026-01-31 or 2026-01-31T12:00:00+01:00"
        ) from error
    if _DATE.fullmatch(at):
        return moment, moment + DAY - 1, False
    return None, moment, True


def report(found: Audit) -> dict[str, Any]:
    """Everything that was found, as plain data."""
    return {
        "customer": found.customer,
        "exact": found.exact,
        "older": found.more,
        "answers": [_data(answer) for answer in found.answers],
    }


def _data(answer: Answer) -> dict[str, Any]:
    import msgspec

    again, version = answer.recomputed, answer.version
    explained = again.explained
    recorded = msgspec.to_builtins(answer.prediction)
    return {
        **recorded,
        "as_of": iso(answer.prediction.as_of),
        "at": iso(answer.prediction.at),
        "recomputed": {
            "exact": again.exact,
            "problem": again.problem,
            "probability": None if again.problem else again.probability,
            "differs": list(again.differs),
        },
        "reasons": None
        if explained is None
        else {
            "scale": explained.scale,
            "base": explained.base,
            "contributions": [
                {"feature": r.feature, "value": r.value, "contribution": r.contribution, "words": str(r.words)}
                for r in explained.reasons
            ],
        },
        "version": None
        if version is None
        else {
            "version": version.version,
            "registered": iso(version.created) if version.created else None,
            "run": version.run_id,
            "aliases_now": list(version.aliases),
        },
        "releases": [
            {"at": iso(r.at), "what": r.kind, "rollout": r.rollout, "by": r.by, "reason": r.reason}
            for r in answer.released
        ],
    }


def _show(found: Audit, at: str | None) -> None:
    when = "" if at is None else f" on {at}" if _DATE.fullmatch(at) else f" until {at}"
    if not found.answers:
        screen.say(f"Nothing is on record about customer {escape(found.customer)}{when}.")
        return
    for answer in found.answers:
        _show_one(answer)
    if found.more:
        screen.say(f"[dim]… and {found.more:,} older answers: --last {found.more + len(found.answers)}[/]")


def _show_one(answer: Answer) -> None:
    p, again = answer.prediction, answer.recomputed
    money = again.currency or "?"
    screen.console.print()
    screen.console.print(f"[bold]{escape(p.score)}[/] [bold]{iso(p.at)}[/]  {escape(again.title)}")
    outcome = f" {again.positive}" if again.positive else ""
    rows = [("probability", f"{p.probability!r}{outcome}, segment {p.segment}")]
    gain = "not known" if p.gain is None else screen.money(p.gain, money, sign=True)
    cut = "no threshold" if p.threshold is None else f"acts from {screen.money(p.threshold, money, sign=True)}"
    if p.source == "batch":
        cut = "ranked among all customers of the run"
    rows.append(("decision", f"{p.decision or 'none'}; expected gain of acting {gain}, {cut}"))
    if p.expected_value is not None:
        rows.append(("expected value", screen.money(p.expected_value, money, sign=True)))
    rows.append(("version", f"{p.model}, bundle {p.bundle[:12]}{_registered(answer)}"))
    rollout = f", rollout {p.rollout}" if p.rollout else ""
    rows.append(("arm", f"{p.arm}, assigned with probability {p.assignment_probability:g}{rollout}"))
    if p.source == "batch":
        rows.append(("asked by", f"batch run {p.request_id[:16]}"))
    else:
        rows.append(("asked by", f"{p.caller or 'not known'}, request {p.request_id}, {p.latency_us:,} µs"))
    origin = "computed from the history" if p.looked_up else "sent by the caller"
    rows.append(("values", f"{origin}, as of {iso(p.as_of)}"))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        screen.say(f"[dim]{name:<{width}}[/]  {escape(text)}", wrap=False)
    contributions = {} if again.explained is None else {r.feature: r for r in again.explained.reasons}
    cells = [
        (
            name,
            _text(contributions[name].value if name in contributions else value),
            f"{contributions[name].contribution:+.4f}" if name in contributions else "",
        )
        for name, value in sorted(p.values.items(), key=lambda item: _order(contributions, item[0]))
    ]
    if cells:
        scale = "" if again.explained is None else again.explained.scale.replace("_", " ")
        screen.table([("value of", "left"), ("", "right"), (scale, "right")], cells)
    for release in answer.released:
        by = f" by {release.by}" if release.by else ""
        reason = f": {release.reason}" if release.reason else ""
        screen.say(f"[dim]{iso(release.at)}[/] rollout {escape(release.rollout)} {release.kind}{escape(by + reason)}")
    if again.problem:
        screen.say(f"[yellow]not computed again: {escape(again.problem)}[/]")
    elif not again.exact:
        screen.say(f"[red]the bundle gives {again.probability!r} for these values, not what is on record[/]")
    else:
        screen.say("[green]computed again by the bundle that answered: the same probability to the last bit[/]")
        if again.differs:
            screen.say(f"[yellow]the bundle alone would say otherwise: {', '.join(again.differs)}[/]")


def _registered(answer: Answer) -> str:
    version = answer.version
    if version is None:
        return "; the registry does not know it"
    told = f", registered {iso(version.created)}" if version.created else ""
    return told + (f", now {', '.join(version.aliases)}" if version.aliases else "")


def _order(contributions: dict[str, Any], name: str) -> tuple[int, str]:
    names = list(contributions)
    return (names.index(name) if name in contributions else len(names), name)


def _text(value: Any) -> str:
    return "–" if value is None else str(value)

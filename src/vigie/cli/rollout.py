"""``vigie rollout``: a new version goes to the customers step by step, and back by itself where it does harm."""

from __future__ import annotations

import math
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, ScoreName, open_project
from vigie.clock import iso

if TYPE_CHECKING:
    from vigie.journal.ledger import LedgerLine
    from vigie.lifecycle.rollout import RolloutPlan, RolloutStatus
    from vigie.release import Evidence, Plan, Seen, Verdict

group = typer.Typer(no_args_is_help=True)

Why = Annotated[str, typer.Option("--reason", help="Why, for the history.", show_default=False)]
By = Annotated[
    str, typer.Option("--by", help="Who wants it, for the history.", show_default="the user of this machine")
]


@group.command()
def start(
    name: ScoreName = None,
    version: Annotated[
        int | None,
        typer.Option("--version", help="Version to release.", show_default="the one that waits, or the newest"),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option("--strategy", help="canary: step by step; blue-green: at once; ab: halves until outcomes tell."),
    ] = "canary",
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            help="Guardrail that is not judged: errors, latency, scores, decisions, value. May be repeated.",
            show_default="none",
        ),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would happen, and begin nothing.")] = False,
    by: By = "",
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Begin a rollout. The servers take it up within a second and decide by themselves, until it is promoted or back."""
    from vigie.lifecycle.rollout import ledger_of, plan_rollout, start_rollout
    from vigie.lifecycle.security import user

    opened = open_project(project, environment)
    score = opened.score(name).name
    planned = plan_rollout(opened, score, version=version, strategy=strategy, without=without or ())
    _show_plan(planned)
    if plan:
        return
    start_rollout(opened, ledger_of(opened), planned, by or user())
    screen.say(f"begun; [bold]vigie rollout status {score}[/] shows how it goes")


@group.command()
def status(
    name: ScoreName = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Where the last rollout of a score stands, and what the evidence shows by now."""
    from vigie.lifecycle.rollout import ledger_of, status_of

    opened = open_project(project, environment)
    _show_status(status_of(ledger_of(opened), opened.score(name).name))


@group.command()
def promote(
    name: ScoreName = None, reason: Why = "", by: By = "", project: Folder = Path(), environment: Environment = None
) -> None:
    """End the rollout now: the challenger becomes champion, whatever the evidence."""
    from vigie.lifecycle import rollout
    from vigie.lifecycle.security import user

    opened = open_project(project, environment)
    score, ledger = opened.score(name).name, rollout.ledger_of(opened)
    done = rollout.promote(opened, ledger, score, reason, by or user())
    screen.say(f"version {done.challenger} of {score} is the champion")
    with screen.stage("Tell the registry"):
        rollout.apply_alias(opened, ledger, score)


@group.command()
def rollback(
    name: ScoreName = None, reason: Why = "", by: By = "", project: Folder = Path(), environment: Environment = None
) -> None:
    """End the rollout now with the champion; after a promotion, put the champion before it back."""
    from vigie.lifecycle import rollout
    from vigie.lifecycle.security import user

    opened = open_project(project, environment)
    score, ledger = opened.score(name).name, rollout.ledger_of(opened)
    done = rollout.roll_back(opened, ledger, score, reason, by or user())
    screen.say(f"version {done.champion} of {score} is the champion; version {done.challenger} gets nobody")
    if done.winner is not None:
        with screen.stage("Tell the registry"):
            rollout.apply_alias(opened, ledger, score)


@group.command()
def history(name: ScoreName = None, project: Folder = Path(), environment: Environment = None) -> None:
    """Every release of a score: when, what, why and by whom. Says so where a line was changed afterwards."""
    from vigie.lifecycle.rollout import history_of, ledger_of

    opened = open_project(project, environment)
    lines = history_of(ledger_of(opened), opened.score(name).name)
    columns = [("line", "right"), ("when", "left"), ("what", "left"), ("why", "left"), ("by", "left")]
    screen.table(columns, [_history_row(line) for line in lines], cut=3)


@group.command()
def run(name: ScoreName = None, project: Folder = Path(), environment: Environment = None) -> None:
    """Decide about a rollout from here until it has ended. Servers do so by themselves; two who decide do no harm."""
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.rollout_decide import run as decide_until_end

    opened = open_project(project, environment)
    score = opened.score(name).name

    def told(line: LedgerLine) -> None:
        screen.say(escape("  ".join(one for one in _history_row(line)[1:] if one)))

    decide_until_end(ledger_of(opened), score, opened.clock, uuid.uuid4().hex, threading.Event(), told)


@group.command()
def apply(name: ScoreName = None, project: Folder = Path(), environment: Environment = None) -> None:
    """Let the registry's champion follow the ledger, where it does not yet. Servers call this after a promotion."""
    from vigie.lifecycle.rollout import apply_alias, ledger_of

    opened = open_project(project, environment)
    score = opened.score(name).name
    applied = apply_alias(opened, ledger_of(opened), score)
    screen.say(f"the registry has version {applied} as champion" if applied else "the registry knows already")


@group.command()
def outcomes(name: ScoreName = None, project: Folder = Path(), environment: Environment = None) -> None:
    """Look up what became of the customers of the last rollout, for the guardrail on value. May be run again and again."""
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.rollout_outcomes import count_outcomes

    opened = open_project(project, environment)
    score = opened.score(name)
    with screen.stage("Look up outcomes"):
        found = count_outcomes(opened, ledger_of(opened), score.name)
    currency = score.decision.currency
    rows = [[arm, f"{n:,}", screen.money(found.value[arm], currency)] for arm, n in found.known.items()]
    screen.table([("", "left"), ("outcomes known", "right"), ("value of a decision", "right")], rows)
    screen.say(f"{found.waiting:,} customers whose outcome is not known yet")


def _show_plan(planned: RolloutPlan) -> None:
    plan = planned.plan
    screen.say(
        f"[bold]{planned.score}[/]: version {planned.challenger} in place of version {planned.champion}, {plan.strategy}"
    )
    _show_steps(plan, -1)
    judged = ", ".join(plan.rails.judged)
    screen.say(
        f"judged all the time: {judged}; a challenger that keeps within every tolerance is rolled back with a probability of "
        f"{plan.rails.alpha:.0%} at most"
    )
    for share, seen in planned.seen:
        _show_seen(share, seen)


def _show_steps(plan: Plan, at: int) -> None:
    rows = [
        [
            str(number + 1),
            step.kind,
            f"{step.share:.0%}",
            f"{step.min_units:,} customers had it, {_duration(step.min_seconds)}",
            _duration(step.max_seconds),
        ]
        for number, step in enumerate(plan.steps)
    ]
    columns = [("step", "right"), ("", "left"), ("share", "right"), ("at least", "left"), ("at most", "left")]
    screen.table(columns, rows, marked=at if at >= 0 else None)


def _show_seen(share: float, seen: tuple[Seen, ...]) -> None:
    told = [
        f"{one.what}: after about {_count(one.customers)} customers" for one in seen if math.isfinite(one.customers)
    ]
    if told:
        screen.say(f"[dim]at {share:.0%} of the customers harm is seen: {'; '.join(told)}[/]")


def _show_status(found: RolloutStatus) -> None:
    rollout = found.standing.rollout
    if rollout is None:
        screen.say(f"{found.score} has had no rollout yet; [bold]vigie rollout start {found.score}[/] begins one")
        return
    screen.say(
        f"[bold]{found.score}[/]: version {rollout.challenger} in place of version {rollout.champion}: "
        f"[bold]{rollout.status}[/] since {iso(rollout.since)}"
    )
    if rollout.reason:
        screen.say(escape(rollout.reason))
    if rollout.plan.rails.seen is not None:
        screen.say(
            f"[dim]a renewal; the gate saw {escape(rollout.plan.rails.seen.words)}: no harm, what goes beyond that is[/]"
        )
    if rollout.running:
        _show_steps(rollout.plan, rollout.step)
        counted, had = (one.get(rollout.step, 0) for one in (found.evidence.units, found.evidence.challenged))
        screen.say(f"{counted:,} customers counted in this step, {had:,} of them had the challenger")
    elif rollout.winner is not None and not rollout.applied:
        screen.say(f"the registry does not know yet: [bold]vigie rollout apply {found.score}[/]")
    _show_verdicts(found.verdicts)
    _show_shadow(found.evidence)
    _show_seen(rollout.share, found.seen)


def _show_shadow(evidence: Evidence) -> None:
    from vigie.release import shadow_seen

    seen = shadow_seen(evidence)
    if seen is None:
        return
    told = [
        f"in the shadow {seen.customers:,} customers were scored by both",
        f"{seen.failed:,} failed",
        f"{seen.to_act:,} turned to acting and {seen.to_leave:,} to leaving",
        f"scores {_figure(seen.distance)} apart",
        f"expected value of a decision {_figure(seen.champion_value)} → {_figure(seen.challenger_value)}",
        f"no time for {seen.dropped:,}",
    ]
    screen.say("; ".join(told))


def _show_verdicts(verdicts: tuple[Verdict, ...]) -> None:
    rows = [
        [
            one.guardrail,
            one.state,
            _figure(one.champion),
            _figure(one.challenger),
            one.what,
            one.allowed,
            f"{max(one.harm, 0.0):.0%}",
            f"{max(one.safety, 0.0):.0%}",
        ]
        for one in verdicts
    ]
    columns = [
        ("guardrail", "left"),
        ("", "left"),
        ("champion", "right"),
        ("challenger", "right"),
        ("of", "left"),
        ("allowed", "left"),
        ("evidence of harm", "right"),
        ("of safety", "right"),
    ]
    screen.table(columns, rows, cut=4)


def _history_row(line: LedgerLine) -> list[str]:
    body: Any = line.body
    match line.kind:
        case "started":
            why = f"version {body['challenger']} in place of {body['champion']}, {body['plan']['strategy']}"
        case "advanced":
            why = f"step {body['step'] + 1}"
        case "applied":
            why = f"the registry has version {body['champion']} as champion"
        case _:
            why = str(body.get("reason", ""))
    return [str(line.number), iso(line.at - line.at % 1_000_000), line.kind, why, str(body.get("by", ""))]


def _figure(number: float) -> str:
    return "–" if math.isnan(number) else f"{number:.4g}"


def _count(number: float) -> str:
    """Two digits are all that such a figure has.

    >>> _count(4860.4)
    '4,900'
    """
    rounded = round(number, 1 - math.floor(math.log10(number)))
    return f"{rounded:,.0f}"


def _duration(seconds: float) -> str:
    """In the largest unit that needs no fraction.

    >>> _duration(300), _duration(86_400), _duration(1.5)
    ('5 min', '1 d', '1.5 s')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} s"

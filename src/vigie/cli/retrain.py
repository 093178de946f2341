"""``vigie retrain``: train anew where the policy says so, and give it to the customers if it is worth it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project
from vigie.clock import iso

if TYPE_CHECKING:
    from vigie.lifecycle.renewal import Renewal
    from vigie.watch.policy import RetrainPlan

_COLOURS = {"promoted": "green", "rolled back": "red", "refused": "yellow", "failed": "red"}


def retrain(
    name: ScoreName = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say why or why not, and begin nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Train whatever the criteria say; what guards still holds it back.")
    ] = False,
    ingest: Annotated[
        bool, typer.Option("--ingest/--no-ingest", help="First ingest what is new in the sources.")
    ] = True,
    wait: Annotated[
        bool, typer.Option("--wait", help="Where another process renews the score, wait for its end and decide then.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="Show every renewal of the score.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="End the renewal that goes on.")] = False,
    by: Annotated[
        str, typer.Option("--by", help="Who wants it, for the history.", show_default="the user of this machine")
    ] = "",
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Train anew where the policy of vigie.toml asks for it: plan, train, check, gate, register, release. Run it again at any time."""
    from vigie.lifecycle import retrain as room
    from vigie.lifecycle.ingest import ingest_sources
    from vigie.lifecycle.renewal import renewals_of
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.security import user

    opened = open_project(project, environment, as_of)
    score, ledger = opened.score(name), ledger_of(opened)
    if history:
        _show_history(renewals_of(ledger, score.name).all)
        return
    if abandon:
        done = room.abandon(opened, ledger, score.name, f"abandoned by {by or user()}")
        screen.say(f"the renewal of {iso(done.started)} has ended")
        return
    if plan:
        going = renewals_of(ledger, score.name).open
        if going is not None:
            screen.say(f"a renewal of {iso(going.started)} goes on ({going.stage}): the next call goes on with it")
        _show_plan(room.plan_retraining(opened, ledger, score.name, forced=force))
        return
    if ingest:
        with screen.stage("Ingest") as progress:
            reports = ingest_sources(opened, list(score.sources), progress)
        summaries.ingested(reports)
    with screen.stage(f"Renew {score.name}") as progress:
        done_now = room.retrain(opened, ledger, score.name, forced=force, by=by or user(), wait=wait, progress=progress)
    if done_now.plan is not None:
        _show_plan(done_now.plan)
    if done_now.renewal is not None and (done_now.plan is None or done_now.began):
        _show_renewal(done_now.renewal)
    if done_now.waits:
        screen.say(f"[dim]it waits for {escape(done_now.waits)}; run this again then[/]")


def _show_plan(found: RetrainPlan) -> None:
    rows = [[one.text, _plain(one.met), one.words] for one in found.when]
    rows += [[f"unless {one.text}", _plain(one.met), one.words] for one in found.unless]
    screen.table([("criterion", "left"), ("met", "left"), ("", "left")], rows, cut=2)
    colour = "bold green" if found.due else "bold yellow" if found.wanted else "bold"
    screen.say(f"[{colour}]{escape(found.words[:1].upper() + found.words[1:])}[/]")
    if not found.when and not found.forced:
        screen.say(
            '[dim]→ declare some in vigie.toml: \\[retrain] when = ["auc < 0.75", "age > 30d"]; or use --force[/]'
        )


def _plain(met: str) -> str:
    return {"met": "yes", "not met": "no", "unknown": "not known"}[met]


def _show_renewal(one: Renewal) -> None:
    verdict = one.verdict
    if one.blockers:
        screen.say(f"[red]checks[/] {', '.join(one.blockers)}")
    if verdict:
        word = "[green]passes[/]" if verdict["passes"] else "[yellow]does not pass[/]"
        screen.say(
            f"gate {word} on {verdict['rows']:,} later rows of {verdict['customers']:,} customers"
            + (f", try {verdict['tries']} on these data" if verdict["tries"] > 1 else "")
        )
        for check in verdict["checks"]:
            if not check["name"].startswith("slice") or not check["passes"]:
                mark = "[green]✓[/]" if check["passes"] else "[red]✗[/]"
                screen.say(f"  {mark} {escape(check['words'])}")
    if one.version:
        screen.say(f"registered as [bold]version {one.version}[/]")
    if one.outcome:
        colour = _COLOURS.get(one.outcome, "bold")
        screen.say(f"[{colour}]{one.outcome}[/]: {escape(one.reason)}")
    elif one.rollout:
        screen.say("a rollout began; [bold]vigie rollout status[/] shows how it goes")


def _show_history(found: tuple[Renewal, ...]) -> None:
    if not found:
        screen.say("none yet")
        return
    rows = [
        [iso(one.started), one.champion or "–", str(one.version or "–"), one.outcome or one.stage, one.reason or "; ".join(one.why)]
        for one in found
    ]  # fmt: skip
    columns = [("as of", "left"), ("champion", "right"), ("trained", "right"), ("became", "left"), ("because", "left")]
    screen.table(columns, rows, cut=4)

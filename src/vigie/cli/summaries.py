"""What each command says when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from vigie.cli import screen
from vigie.cli.screen import console, findings, money, say, table
from vigie.clock import iso

if TYPE_CHECKING:
    from vigie.data import IngestReport
    from vigie.lifecycle.score import ScoredBase
    from vigie.lifecycle.score_file import ScoredFile
    from vigie.lifecycle.serve import ServePlan
    from vigie.lifecycle.train import Trained

STRATEGIES = {
    "nobody": "nobody",
    "everybody": "everybody",
    "rule": "the rule",
    "threshold_0.5": "probability above 0.5",
}


def ingested(reports: Sequence[IngestReport]) -> None:
    """What came into the lake, and what was wrong with it."""
    rows = [
        [r.source, f"{r.rows:,}", f"{r.duplicates:,}" if r.duplicates else "–", f"{r.quarantined:,}" if r.quarantined else "–",
         str(r.versions[-1]) if r.versions else "–"]
        for r in reports
    ]  # fmt: skip
    table(
        [("source", "left"), ("new rows", "right"), ("known", "right"), ("quarantined", "right"), ("version", "right")],
        rows,
    )
    findings([finding for report in reports for finding in report.findings])


def trained(done: Trained) -> None:
    """Candidates, what the winner is worth, findings, and where the report is."""
    result = done.result
    split, best, currency = result.split, result.best, result.currency
    where = (
        f"tested on {split.test_rows:,} later rows, {_day(split.test_from)} to {_day(split.test_until)}"
        if split.kind == "out_of_time"
        else f"tested on {split.test_rows:,} rows drawn at random"
    )
    say(f"[dim]learned from {split.train_rows:,} rows, {where}[/]")
    rows = [
        [one.title, _three(one.test.auc), _three(one.test.average_precision), _three(one.test.ece),
         f"{one.test.value:+,.2f}", f"{one.fit_seconds:.1f} s"]
        for one in result.candidates
    ]  # fmt: skip
    chosen = [one.name for one in result.candidates].index(result.winner)
    columns = [("candidate", "left"), ("AUC", "right"), ("AP", "right"), ("ECE", "right"),
               (f"{currency} each", "right"), ("fit", "right")]  # fmt: skip
    table(columns, rows, marked=chosen)
    console.print()
    decision = result.training_set.score.decision
    ours = result.strategies["vigie"]
    say(
        f"[bold]{best.title}[/] acts on {ours.acted:.0%} of the customers ({decision.act}) and brings "
        f"[bold]{money(ours.value, currency, sign=True)}[/] per customer."
    )
    for name, words in STRATEGIES.items():
        if name in result.strategies:
            value = result.strategies[name].value
            say(
                f"[dim]{words:<24}[/] {money(value, currency, sign=True):>12}   [dim]{_against(ours.value - value, currency)}[/]"
            )
    found = result.evidence
    if found.value is not None:
        low, high = (
            money(end, currency, sign=True) for end in (found.value.over_rival.low, found.value.over_rival.high)
        )
        rival = STRATEGIES.get(found.value.rival, found.value.rival)
        say(f"[dim]against the best fixed way ({rival}), 95 % interval:[/] {low} to {high}")
    if found.comparison is not None and len(found.comparison.same) > 1:
        say(f"[dim]{escape(found.comparison.words)}[/]")
    if found.selection is not None:
        say(f"[dim]{escape(found.selection.words)}[/]")
    own = sum(one.model == "own" for one in found.segments)
    if found.segments:
        say(f"[dim]{own:,} of {len(found.segments):,} segments have a model of their own[/]")
    console.print()
    findings(result.findings, at_most=6)
    if done.version is not None and "challenger" in done.version.aliases:
        say(f"registered as [bold]{escape(done.version.name)} version {done.version.version}[/], the challenger")
        say(f"[dim]→ release it: vigie rollout start {done.version.name}[/]")
    elif done.version is not None and not done.blockers:
        say(f"registered as [bold]{escape(done.version.name)} version {done.version.version}[/], the champion")
    elif done.version is not None:
        number = done.version.version
        say(
            f"registered as {escape(done.version.name)} version {number}, [bold red]not champion[/]: {', '.join(done.blockers)}"
        )
        say(
            f"[dim]→ mend it and train again; or, if you are sure: vigie models {done.version.name} --promote {number}[/]"
        )
    say(f"report  {escape(str(done.report))}", wrap=False)


def scored(done: ScoredBase) -> None:
    """How many were scored, and what follows from it."""
    decision = done.model.bundle.decision
    say(f"{done.rows:,} customers as of {iso(done.as_of)} by version {done.model.version}")
    say(
        f"{decision.act} [bold]{done.acted:,}[/] of them; expected value of all decisions "
        f"[bold]{money(done.expected_value, done.currency, sign=True)}[/]"
    )
    if done.undecided:
        say(f"[yellow]{done.undecided:,} have no decision[/]: a sum of the cost matrix is not known for them")
    table(
        [("segment", "left"), ("customers", "right")], [[name, f"{count:,}"] for name, count in done.segments.items()]
    )
    say(
        f"table {escape(done.table)} of the lake"
        + (" [dim](this very run was there already)[/]" if done.repeated else "")
    )
    if done.output is not None:
        say(escape(str(done.output)))
    if done.continued:
        say(f"[dim]continued an interrupted run: {done.continued:,} of its parts were there[/]")


def scored_file(done: ScoredFile) -> None:
    """The same for the rows of a file."""
    say(f"{done.rows:,} rows by bundle {done.bundle[:12]} of {escape(done.name)}")
    say(
        f"{done.act} [bold]{done.acted:,}[/] of them; expected value of all decisions "
        f"[bold]{money(done.expected_value, done.currency, sign=True)}[/]"
    )
    if done.undecided:
        say(f"[yellow]{done.undecided:,} have no decision[/]: a sum of the cost matrix is not known for them")
    table([("segment", "left"), ("rows", "right")], [[name, f"{count:,}"] for name, count in done.segments.items()])
    say(escape(str(done.output)))
    if done.continued:
        say(f"[dim]continued an interrupted run: {done.continued:,} of its parts were there[/]")


def serving(plan: ServePlan, url: str) -> None:
    """Where the API is, and a request that works."""
    from vigie.serving import is_loopback

    for model in plan.models:
        how = "values or customer ids" if model.by_id else "values"
        say(f"[bold]{escape(model.name)}[/] version {model.version}, by {how}")
    if plan.shelf:
        say(
            f"{len(plan.shelf):,} models are read when they are asked for, in {plan.memory / 1e6:,.0f} MB of each process"
        )
    if not plan.models and not plan.shelf:
        say("no score has a champion yet: features alone are served, of " + ", ".join(map(escape, plan.features)))
    else:
        route = "/v1/score" if len(plan.models) == 1 and not plan.shelf else "/v1/scores/NAME/score"
        say(f"POST [bold]{url}{route}[/]   docs {url}/docs   metrics {url}/metrics")
    if plan.features:
        say(f"GET [bold]{url}/v1/features?customer=[/]…   features by customer id, as of any moment that is kept")
    say(f"every prediction is kept in {escape(str(plan.journal))}")
    if plan.authenticated and plan.security is not None:
        say(escape(plan.security.words))
    if plan.tls is not None and plan.tls.ca is not None:
        screen.say("callers need a certificate")
    if plan.tls is None and not is_loopback(plan.host):
        screen.say(
            "[yellow]requests, answers and keys can be read on the network:[/] give --tls-cert, or put a proxy with TLS before it"
        )


def _three(number: float) -> str:
    return "–" if number != number else f"{number:.3f}"


def _day(moment: int | None) -> str:
    return iso(moment)[:10] if moment is not None else "?"


def _against(difference: float, currency: str) -> str:
    return f"{money(difference, currency, sign=True)} against it"

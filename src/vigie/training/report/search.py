"""Section: the search. How many settings were tried, what they brought, and what was tried last."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vigie.report import svg
from vigie.report.blocks import Head, details, facts, figure, table
from vigie.report.charts.search import best_so_far
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, decimal, duration, money, short
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.training.evidence import SearchSummary, Trial
from vigie.training.report.subject import Subject

LISTED = 12
"""Best trials listed."""


def section(subject: Subject) -> Section | None:
    """``None`` where nothing was searched."""
    search = subject.evidence.search
    if search is None or not search.trials:
        return None
    body = join(
        tag("p", _summary(search)), facts(_facts(search)), _curve(search), _by_candidate(subject, search),
        _best(subject, search),
    )  # fmt: skip
    return Section("search", say("What was tried"), body)


def _summary(search: SearchSummary) -> str:
    names = len({trial.candidate for trial in search.trials})
    return say(
        "{trials} sets of parameters of {candidates} candidates were tried in cross-validation on the training rows, all on the "
        "same folds. The test took no part.",
        trials=count(len(search.trials)),
        candidates=count(names),
    )


def _facts(search: SearchSummary) -> list[tuple[Content, Content]]:
    methods = {
        "bayesian": say("Bayesian (TPE): each trial learns from those before it"),
        "random": say("random"),
        "grid": say("grid"),
        "none": say("none: defaults only"),
    }
    states = {state: sum(trial.state == state for trial in search.trials) for state in ("done", "pruned", "failed")}
    outcome = say(
        "{done} finished, {pruned} given up early, {failed} failed",
        done=count(states["done"]),
        pruned=count(states["pruned"]),
        failed=count(states["failed"]),
    )
    pairs: list[tuple[Content, Content]] = [
        (say("Method"), methods.get(search.method, search.method)),
        (say("Goes by"), say(search.objective)),
        (say("Trials"), outcome),
        (say("Time"), say("{time} with {workers} at work", time=duration(search.seconds), workers=_workers(search))),
    ]
    if search.resumed:
        pairs.append((say("Taken over"), say("{number} from an interrupted run", number=count(search.resumed))))
    return pairs


def _workers(search: SearchSummary) -> str:
    return say("one process") if search.workers == 1 else say("{number} processes", number=search.workers)


def _finished(search: SearchSummary) -> list[Trial]:
    return [t for t in search.trials if t.state == "done" and math.isfinite(t.log_loss)]


def running_best(trials: Sequence[Trial]) -> list[tuple[int, float]]:
    """``(number of the trial from 1, least cross-validated log loss up to it)``, one for each finished trial."""
    found: list[tuple[int, float]] = []
    least = math.inf
    for trial in trials:
        least = min(least, trial.log_loss)
        found.append((trial.number + 1, least))
    return found


def _curve(search: SearchSummary) -> Content:
    finished = _finished(search)
    if len(finished) < 3:
        return ""
    best = running_best(finished)
    points = [(trial.number + 1, trial.log_loss) for trial in finished]
    label = say(
        "Log loss over trials: the best went from {first} to {last}.",
        first=decimal(best[0][1], 4),
        last=decimal(best[-1][1], 4),
    )
    last = next(number for number, value in best if value == best[-1][1])
    caption = rich(
        "**The best was found at trial {number} of {all}.** Each point is one set of parameters, the line is the best so far; "
        "lower is better. Where the line has been flat for long, more trials would hardly help.",
        number=count(last),
        all=count(len(search.trials)),
    )
    return figure(svg.inline(best_so_far(points, best, say("Log loss, cross-validation")), label), caption)


def _by_candidate(subject: Subject, search: SearchSummary) -> Html:
    titles = {candidate.name: say(candidate.title) for candidate in subject.result.candidates}
    heads = [
        Head(say("Candidate"), number=False),
        Head(say("Trials")),
        Head(say("Log loss, defaults")),
        Head(say("Log loss, best")),
        Head(say("{currency} per {unit}, best", currency=subject.currency, unit=subject.unit)),
        Head(say("Time")),
    ]
    lines: list[list[Content]] = []
    for name in dict.fromkeys(trial.candidate for trial in search.trials):
        own = [trial for trial in search.trials if trial.candidate == name]
        finished = [t for t in own if t.state == "done" and math.isfinite(t.log_loss)]
        default = next((t for t in finished if t.stage == "defaults"), None)
        best = min(finished, key=lambda t: t.log_loss, default=None)
        lines.append(
            [
                titles.get(name, name),
                count(len(own)),
                decimal(default.log_loss, 4) if default else NOTHING,
                decimal(best.log_loss, 4) if best else NOTHING,
                money(best.value, subject.currency) if best else NOTHING,
                duration(sum(t.seconds for t in own if math.isfinite(t.seconds))),
            ]
        )
    return table(heads, lines, caption=say("By candidate, before calibration."))


def _best(subject: Subject, search: SearchSummary) -> Content:
    finished = sorted(_finished(search), key=lambda t: (t.log_loss, t.number))[:LISTED]
    if not finished:
        return ""
    titles = {candidate.name: say(candidate.title) for candidate in subject.result.candidates}
    heads = [
        Head(say("Trial"), number=False),
        Head(say("Candidate"), number=False),
        Head(say("Log loss")),
        Head(say("{currency} per {unit}", currency=subject.currency, unit=subject.unit)),
        Head(say("Parameters"), number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [
            count(trial.number + 1),
            titles.get(trial.candidate, trial.candidate),
            decimal(trial.log_loss, 4),
            money(trial.value, subject.currency),
            code(", ".join(f"{name}={_value(value)}" for name, value in trial.params.items()))
            if trial.params
            else say("defaults"),
        ]
        for trial in finished
    ]
    return details(
        say("The {number} best trials", number=len(lines)), table(heads, lines, caption=say("In cross-validation."))
    )


def _value(value: object) -> str:
    return short(value) if isinstance(value, float) else str(value)

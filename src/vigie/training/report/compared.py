"""Section: candidates compared, from simple to complex."""

from __future__ import annotations

import numpy as np

from vigie.report import svg
from vigie.report.blocks import Head, badge, bullets, capital, closed, figure, figures, table
from vigie.report.charts.bars import Spread, candidates_dots
from vigie.report.html import Content, Html, join, strong, tag
from vigie.report.language import say
from vigie.report.numerals import decimal, duration, money
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.training.report.learning import learning
from vigie.training.report.pairs import pairs
from vigie.training.report.subject import Subject
from vigie.training.result import CandidateResult


def section(subject: Subject) -> Section:
    """What each candidate brings and how well it ranks, and why the winner won."""
    result, comparison = subject.result, subject.evidence.comparison
    body = join(
        tag("p", capital(closed(say(result.choice)))) if result.choice else "",
        _drawings(subject),
        _table(subject),
        pairs(subject, comparison) if comparison is not None else "",
        tag("h3", say("Over- and under-fitting")),
        bullets(_in_words(candidate) for candidate in result.candidates),
        learning(subject),
    )
    return Section("candidates", say("Candidates, from simple to complex"), body, short=say("Candidates"))


def _in_words(candidate: CandidateResult) -> Html:
    diagnosis = closed(say(candidate.diagnosis)) if candidate.diagnosis else say("Not judged.")
    note = f" {say('Note: {note}', note=closed(say(candidate.note)))}" if candidate.note else ""
    return join(strong(say(candidate.title)), say(": "), diagnosis, note)


def _spread(candidate: CandidateResult, field: str) -> tuple[float, float]:
    """Mean and standard deviation over the folds; ``nan`` where no fold defines it."""
    folds = np.array([getattr(fold, field) for fold in candidate.cv], dtype=float)
    folds = folds[np.isfinite(folds)]
    mean = float(getattr(candidate.cv_mean, field))
    return mean, float(folds.std(ddof=1)) if len(folds) > 1 else float("nan")


def _drawings(subject: Subject) -> Content:
    drawn = []
    asked = (
        ("value", say("Earned per {unit}, cross-validation", unit=subject.unit), subject.currency),
        ("auc", say("AUC, cross-validation"), None),
    )
    for field, title, currency in asked:
        spreads = []
        for candidate in subject.result.candidates:
            mean, deviation = _spread(candidate, field)
            if mean == mean:
                reach = deviation if deviation == deviation else 0.0
                chosen = candidate.name == subject.result.winner
                spreads.append(Spread(say(candidate.title), mean, mean - reach, mean + reach, chosen))
        if len(spreads) < 2:
            continue
        said = "; ".join(f"{s.label} {money(s.value, currency) if currency else decimal(s.value)}" for s in spreads)
        caption = (
            rich("**What they earn.** Mean of the folds, and one standard deviation each way. The blue one was chosen.")
            if currency
            else rich(
                "**How well they rank.** 0.5 is chance and 1 is perfect. A gain in AUC is worth having only where it earns "
                "more."
            )
        )
        drawn.append(
            figure(svg.inline(candidates_dots(spreads, title, currency=currency), f"{title}: {said}."), caption)
        )
    return figures(*drawn) if drawn else ""


def _table(subject: Subject) -> Html:
    result, currency, one = subject.result, subject.currency, subject.unit
    heads = [
        Head(say("Candidate"), number=False),
        Head(
            say("{currency} per {unit}, CV", currency=currency, unit=one),
            meaning=say("Mean and standard deviation over the folds"),
        ),
        Head(say("{currency} per {unit}, test", currency=currency, unit=one)),
        Head(say("AUC, CV"), meaning=say("Area under the ROC curve: mean and standard deviation over the folds")),
        Head(say("AUC, test")),
        Head(say("Average precision"), meaning=say("Area under the precision-recall curve, test")),
        Head(say("Precision"), meaning=say("Share of positives among those acted on, test")),
        Head(say("Recall"), meaning=say("Share of the positives acted on, test")),
        Head("F1", meaning=say("Harmonic mean of precision and recall, test")),
        Head("Brier", meaning=say("Mean squared error of the probability, test; lower is better")),
        Head(say("Calibr. error"), meaning=say("Expected calibration error, test; lower is better")),
        Head(say("Lift at 10%"), meaning=say("Share of positives in the best tenth over the share among all, test")),
        Head(say("Fit time")),
    ]
    lines: list[list[Content]] = []
    for candidate in result.candidates:
        test = candidate.test
        chosen = candidate.name == result.winner
        lines.append(
            [
                join(say(candidate.title), " ", badge(say("chosen"), "note")) if chosen else say(candidate.title),
                _with_spread(*_spread(candidate, "value"), currency),
                money(test.value, currency),
                _with_spread(*_spread(candidate, "auc")),
                decimal(test.auc),
                decimal(test.average_precision),
                decimal(test.precision, 2),
                decimal(test.recall, 2),
                decimal(test.f1, 2),
                decimal(test.brier),
                decimal(test.ece),
                decimal(test.lift_at_10, 2),
                duration(candidate.fit_seconds),
            ]
        )
    winner = frozenset(n for n, c in enumerate(result.candidates) if c.name == result.winner)
    return table(
        heads,
        lines,
        caption=say("Chosen on the cross-validated money (CV); the test columns come from rows that chose nothing."),
        chosen=winner,
    )


def _with_spread(mean: float, deviation: float, currency: str | None = None) -> str:
    shown = money(mean, currency) if currency else decimal(mean)
    if deviation != deviation:
        return shown
    return f"{shown} ± {decimal(deviation, 2 if currency else 3)}"

"""Section: what to know before training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vigie.report.blocks import badge, tiles
from vigie.report.html import Content, Html, join, strong, tag
from vigie.report.language import say
from vigie.report.numerals import count, date, percent
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.drift import MUCH_DRIFT
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.page.shared import MODERATE, MOSTLY_MISSING, STRONG, SUSPECT, listed, paragraph, small

FEW = 100
"""Rows of the rarer outcome below which little can be learned."""


def section(found: Exploration) -> Section:
    """The first screen: how many rows, how often the outcome is true, what is wrong and what is promising."""
    view = found.view
    body = join(
        tag("p", *_lead(found), class_="lead"),
        *(small(say(sentence)) for sentence in view.how),
        tiles(_figures(found), main=1),
        tag("h3", say("Mend or decide first")),
        _points(list(_wrong(found)), say("Nothing stands in the way of training.")),
        tag("h3", say("Good to know")),
        _points(list(_worth(found)), say("Nothing remarkable.")),
    )
    return Section("know", say("What to know before training"), body, short=say("What to know"))


def _lead(found: Exploration) -> list[Content]:
    n, positives = len(found.view), int(found.view.labels.sum())
    if not n:
        return [say("There are no rows to look at.")]
    if positives in (0, n):
        return [strong(say("The outcome is the same on all {rows:,} rows: nothing can be learned.", rows=n))]
    best = next((c for c in found.columns if c.auc == c.auc), None)
    words: list[Content] = [
        say("Of {rows:,} rows, ", rows=n),
        strong(say("{positives:,} have a true outcome ({share:.1%})", positives=positives, share=found.rate)),
    ]
    if best is not None and best.auc >= MODERATE:
        words += [say("; the column that says most about it is "), strong(best.name), "."]
    else:
        words.append(say("; no column says much about it by itself."))
    return words


def _figures(found: Exploration) -> list[tuple[Content, Content]]:
    n = len(found.view)
    shown: list[tuple[Content, Content]] = [
        (count(n), say("rows looked at")),
        (percent(found.rate), _outcome(found)),
        (count(len(found.columns)), say("columns")),
        (percent(found.gaps.complete / n if n else float("nan")), say("of the rows have every value")),
    ]
    if found.periods is not None and found.view.moments is not None:
        first, last = int(found.view.moments.min()), int(found.view.moments.max())
        shown.append(
            (
                count(len(np.unique(found.view.moments))),
                say("moments, {first} to {last}", first=date(first), last=date(last)),
            )
        )
    return shown


def _outcome(found: Exploration) -> str:
    word = found.view.outcome
    return say("outcome true: {outcome}", outcome=say(word)) if word else say("outcome true")


def _points(points: list[tuple[str, Html]], nothing: str) -> Html:
    if not points:
        return paragraph(nothing)
    words = {"error": say("serious"), "warning": say("check"), "note": say("note")}
    return tag(
        "ul", *(tag("li", badge(words[style], style), " ", sentence) for style, sentence in points), class_="points"
    )


def _columns(found: Exploration, columns: list[Column]) -> Html:
    return listed([column.name for column in columns], found)


def _wrong(found: Exploration) -> Iterator[tuple[str, Html]]:
    view, columns = found.view, found.columns
    n, rarer = len(view), int(min(view.labels.sum(), len(view) - view.labels.sum()))
    if 0 < rarer < FEW:
        yield (
            "warning",
            paragraph(
                say(
                    "Only {rarer:,} rows of the rarer outcome: every figure on this page is rough, and a model will be too.",
                    rarer=rarer,
                )
            ),
        )
    suspect = [c for c in columns if c.auc >= SUSPECT]
    if suspect:
        yield (
            "error",
            paragraph(
                say("Alone they rank rows nearly perfectly. Were they known before the outcome? "),
                _columns(found, suspect),
            ),
        )
    if found.findings:
        yield (
            "warning",
            paragraph(
                tag("a", say("Signs of leakage: {number:,}.", number=len(found.findings)), href="#findings"),
                " ",
                say("A column that is filled in after the outcome makes any model look good until it is used."),
            ),
        )
    empty = [c for c in columns if c.empty]
    if empty:
        yield "warning", paragraph(say("Without any value; leave them out: "), _columns(found, empty))
    constant = [c for c in columns if c.constant and not c.empty]
    if constant:
        yield "warning", paragraph(say("The same on every row; leave them out: "), _columns(found, constant))
    identifiers = [c for c in columns if c.identifier]
    if identifiers:
        yield (
            "warning",
            paragraph(
                say("A value of its own on nearly every row, like an identifier; leave them out: "),
                _columns(found, identifiers),
            ),
        )
    missing = [c for c in columns if MOSTLY_MISSING < c.missing_share < 1]
    if missing:
        yield (
            "warning",
            paragraph(
                say("Missing on more than half of the rows; find out why before relying on them: "),
                _columns(found, missing),
            ),
        )
    drifting = [c for c in columns if c.drift >= MUCH_DRIFT]
    if drifting:
        yield (
            "warning",
            paragraph(
                say("Distributed otherwise in the later half of the rows; what a model learns of them may not last: "),
                _columns(found, drifting),
                " (",
                tag("a", say("over time"), href="#time"),
                ").",
            ),
        )
    if found.repeats.contradicting > 0.01 * n:
        yield (
            "note",
            paragraph(
                say(
                    "{rows:,} rows have a twin with the same values and another outcome: with these columns no model can be right on "
                    "more than {ceiling:.1%} of the rows.",
                    rows=found.repeats.contradicting,
                    ceiling=found.repeats.ceiling,
                )
            ),
        )
    if found.repeats.equal > 0.005 * n:
        yield (
            "warning",
            paragraph(
                say(
                    "{rows:,} rows are equal to an earlier one in everything, the outcome included; if they were delivered twice, "
                    "drop them: a twin on either side of a split makes the test too easy.",
                    rows=found.repeats.equal,
                )
            ),
        )


def _worth(found: Exploration) -> Iterator[tuple[str, Html]]:
    columns, rate = found.columns, found.rate
    strong_ones = [c for c in columns if STRONG <= c.auc < SUSPECT]
    if strong_ones:
        yield "note", paragraph(say("Say much about the outcome by themselves: "), _columns(found, strong_ones), ".")
    if 0 < rate < 0.1:
        yield (
            "note",
            paragraph(
                say(
                    "The outcome is true for one row in {number:,}. Weights or resampling are not needed: probabilities stay right and "
                    "the threshold follows from the costs. Do not judge by accuracy: “never” is right for {share:.1%}.",
                    number=round(1 / rate),
                    share=1 - rate,
                )
            ),
        )
    groups = found.alike
    if groups:
        spare = [name for _, rest in groups for name in rest]
        yield (
            "note",
            paragraph(
                say("Carry what another column carries already; a model loses nothing without them: "),
                listed(spare, found),
                " (",
                tag("a", say("what goes together"), href="#together"),
                ").",
            ),
        )
    grouped = [c for c in columns if c.grouping is not None and c.grouping.changes and not c.identifier]
    if grouped:
        yield (
            "note",
            paragraph(
                say("Have categories under 3% of the rows, which every model reads as one, “other”: "),
                _columns(found, grouped),
                " (",
                tag("a", say("before and after"), href="#categories"),
                ").",
            ),
        )
    tails = [c for c in columns if c.extremes is not None and c.extremes.powers >= 2]
    if tails:
        yield (
            "note",
            paragraph(
                say("Reach over more than two powers of ten above their median; a logarithm helps linear models: "),
                _columns(found, tails),
                ".",
            ),
        )
    if found.gaps.together:
        yield (
            "note",
            paragraph(
                say("Missing on the same rows, so probably for one reason: "),
                listed(found.gaps.together[0], found),
                ".",
            ),
        )
    weak = [c for c in columns if c.auc == c.auc and c.auc < 0.52 and not (c.constant or c.identifier)]
    if weak and len(weak) < len(columns):
        yield (
            "note",
            paragraph(
                say(
                    "Say next to nothing by themselves, which does not mean that they say nothing together with others: "
                ),
                _columns(found, weak),
                ".",
            ),
        )
    if found.repeats.most > 1 and found.view.customers is not None:
        yield (
            "note",
            paragraph(
                say(
                    "{customers:,} customers are on {rows:,} rows, one of them on {most:,}: rows of one customer are alike, so the intervals on this "
                    "page are narrower than they should be.",
                    customers=found.repeats.customers,
                    rows=len(found.view),
                    most=found.repeats.most,
                )
            ),
        )

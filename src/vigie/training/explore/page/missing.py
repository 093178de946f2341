"""Section: missing values."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, bullets, details, figure, key, table
from vigie.report.charts.bars import missing_bars
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, percent
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.gaps import TOGETHER
from vigie.training.explore.page.shared import link, listed, paragraph

DRAWN = 20
"""Most columns drawn."""
LISTED = 60
"""Most columns listed."""
GROUPS = 12
"""Most groups of columns that are missing together."""


def section(found: Exploration) -> Section:
    """How much is missing, of whom, and what is missing together."""
    title = say("Missing values")
    holes = sorted((c for c in found.columns if c.missing), key=lambda c: (-c.missing, c.name))
    if not holes:
        return Section("missing", title, paragraph(say("No column has a missing value.")))
    body = join(
        paragraph(
            _how_many(found, len(holes)),
            " ",
            say(
                "What models do: trees and the additive model read a missing value as a value of its own; a linear model reads "
                "the median and is told that it was missing; a missing category is a category."
            ),
        ),
        _drawing(found, holes),
        tag("h3", say("Missing together")),
        _together(found),
        details(say("In a table"), _table(found, holes)),
    )  # fmt: skip
    return Section("missing", title, body)


def _how_many(found: Exploration, some: int) -> str:
    columns, complete = len(found.columns), percent(found.gaps.complete / len(found.view))
    if some == 1:
        return say(
            "One of {columns:,} columns has missing values; {complete} of the rows have every value.",
            columns=columns,
            complete=complete,
        )
    return say(
        "{some:,} of {columns:,} columns have missing values; {complete} of the rows have every value.",
        some=some,
        columns=columns,
        complete=complete,
    )


def _drawing(found: Exploration, holes: list[Column]) -> Content:
    positives = int(found.view.labels.sum())
    negatives = len(found.view) - positives
    if not positives or not negatives:
        return ""
    shown = holes[:DRAWN]
    yes, no = say("outcome true"), say("outcome false")
    data = [(c.name, c.missing_positives / positives, (c.missing - c.missing_positives) / negatives) for c in shown]
    told = "; ".join(f"{c.name} {percent(c.missing_share)}" for c in shown)
    drawing = svg.inline(
        missing_bars(data, positive=yes, negative=no), say("Share missing by outcome: {told}.", told=told)
    )
    caption = join(
        key(("vermillion", yes), ("blue", no)),
        say(
            "Where the two points lie far apart, the very absence of a value says something about the outcome: make sure "
            "that it is absent for a reason that exists before the moment of scoring."
        ),
        " ",
        say("The {number:,} with most are drawn.", number=len(shown)) if len(holes) > len(shown) else "",
    )
    return figure(drawing, caption)


def _together(found: Exploration) -> Html:
    gaps = found.gaps
    parts: list[Content] = []
    if gaps.together:
        parts.append(
            paragraph(
                say(
                    "These are missing on nearly the same rows (correlation of the gaps above {least}):", least=TOGETHER
                )
            )
        )
        parts.append(bullets(listed(group, found, at_most=12) for group in gaps.together[:GROUPS]))
        if len(gaps.together) > GROUPS:
            parts.append(paragraph(say("And {number:,} more groups.", number=len(gaps.together) - GROUPS)))
    else:
        parts.append(paragraph(say("No two columns are missing on the same rows.")))
    heads = [
        Head(say("Missing on these rows"), number=False, words=True),
        Head(say("Rows")),
        Head(say("Share")),
        Head(say("Outcome true")),
    ]
    n = len(found.view)
    lines: list[list[Content]] = [
        [
            listed(p.names, found) if p.names else say("nothing"),
            count(p.rows),
            percent(p.rows / n),
            percent(p.positives / p.rows),
        ]
        for p in gaps.patterns
    ]
    caption = (
        say("The {shown:,} most frequent combinations of {all:,}.", shown=len(lines), all=gaps.combinations)
        if gaps.combinations > len(lines)
        else say("Every combination.")
    )
    return join(*parts, table(heads, lines, caption=caption))


def _table(found: Exploration, holes: list[Column]) -> Html:
    heads = [
        Head(say("Column"), number=False),
        Head(say("Missing")),
        Head(say("Share")),
        Head(say("Outcome true where missing")),
        Head(say("Where known")),
    ]
    positives = int(found.view.labels.sum())
    lines: list[list[Content]] = []
    for c in holes[:LISTED]:
        known = c.rows - c.missing
        rate = (positives - c.missing_positives) / known if known else float("nan")
        lines.append(
            [
                link(c.name, found),
                count(c.missing),
                percent(c.missing_share),
                percent(c.missing_positives / c.missing),
                percent(rate),
            ]
        )
    more = len(holes) - len(lines)
    caption = (
        say("Most missing first; {more:,} more below in the details.", more=more)
        if more
        else say("Most missing first.")
    )
    return table(heads, lines, caption=caption)

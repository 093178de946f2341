"""Section: what moves over time."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, details, table
from vigie.report.charts.movement import quartiles_over_time, shares_over_time
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import decimal
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.drift import MUCH_DRIFT, SOME_DRIFT
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.page.shared import link, paragraph
from vigie.training.explore.shown import worded

AT_ONCE, DRAWN = 6, 9
"""Columns shown, and drawn at all."""


def section(found: Exploration) -> Section:
    """Columns by how much they drift."""
    own = sorted((c for c in found.columns if c.drift == c.drift), key=lambda c: (-c.drift, c.name))
    much = sum(c.drift >= MUCH_DRIFT for c in own)
    some = sum(SOME_DRIFT <= c.drift < MUCH_DRIFT for c in own)
    cards = [_card(c, found) for c in own if c.lines][:DRAWN]
    body = join(
        paragraph(
            say(
                "Drift is the population stability index between the earlier and the later half of the rows: below {some} is called none, "
                "from {much} much.",
                some=SOME_DRIFT, much=MUCH_DRIFT,
            ),
            " ",
            say("Much: {much:,} columns; some: {few:,}; none: {none:,}.", much=much, few=some, none=len(own) - much - some),
            " ",
            say("A window over all of a short history grows with time by itself; prefer windows of a fixed length."),
        ),
        tag("div", *cards[:AT_ONCE], class_="cards"),
        details(say("{number:,} more columns", number=len(cards) - AT_ONCE), tag("div", *cards[AT_ONCE:], class_="cards"))
        if len(cards) > AT_ONCE
        else "",
        details(say("All columns in a table"), _table(own, found)),
    )  # fmt: skip
    return Section("time", say("Over time"), body)


def _card(column: Column, found: Exploration) -> Html:
    return tag(
        "div",
        tag("h4", link(column.name, found)),
        tag("p", say("Drift {drift:.2f}", drift=column.drift)),
        drawing(column, found),
        class_="card",
    )


def drawing(column: Column, found: Exploration, *, width: int = 250) -> Html:
    """How a column moves; it has lines."""
    assert found.periods is not None and column.lines, "something was followed"
    moments = found.periods.moments
    label = say("{name} over time, drift {drift:.2f}.", name=column.name, drift=column.drift)
    if len(column.lines) == 3 and column.lines[1].label == "median":
        first, middle, third = (line.heights for line in column.lines)
        return svg.inline(quartiles_over_time(moments, first, middle, third, width=width), label)
    lines = [
        (say("share of true") if line.label == "mean" else worded(line.label), line.heights) for line in column.lines
    ]
    return svg.inline(shares_over_time(moments, lines, width=width), label)


def _table(own: list[Column], found: Exploration) -> Html:
    heads = [Head(say("Column"), number=False), Head(say("Drift")), Head(say("Is"), number=False)]
    lines: list[list[Content]] = [[link(c.name, found), decimal(c.drift, 3), _word(c.drift)] for c in own]
    return table(heads, lines, caption=say("Most drift first."))


def _word(drift: float) -> str:
    return say("much") if drift >= MUCH_DRIFT else say("some") if drift >= SOME_DRIFT else say("none")

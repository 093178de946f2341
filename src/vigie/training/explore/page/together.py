"""Section: what goes together."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, bullets, details, figure, table
from vigie.report.charts.correlations import association_heatmap
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import decimal
from vigie.report.page import Section
from vigie.report.theme import WIDE, WIDTH
from vigie.training.explore.association import ALIKE, clustered
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.page.shared import link, listed, paragraph

TOGETHER, PHONE = 40, 14
"""Most columns in the chart, and on a phone."""
PAIRS = 40
"""Most pairs listed."""
GROUPS = 30
"""Most groups of columns listed that carry the same."""


def section(found: Exploration) -> Section:
    """A heatmap, the strongest pairs, and what to drop."""
    title = say("What goes together")
    names = found.associations.names
    if len(names) < 2:
        return Section("together", title, paragraph(say("There are not two columns to compare.")))
    body = join(
        paragraph(
            say(
                "Numbers: Spearman’s rank correlation, −1 to 1. Categories: Cramér’s V. A number with a category: correlation ratio of its ranks. "
                "The last two go from 0 to 1 and look one way: high where the coarser column follows from the finer."
            )
        ),
        _drawing(found),
        tag("h3", say("What carries the same")),
        _alike(found),
        details(say("The strongest pairs"), _pairs(found)),
    )
    return Section("together", title, body)


def _drawing(found: Exploration) -> Html:
    associations = found.associations
    order = clustered(associations, TOGETHER)
    names = [associations.names[i] for i in order]
    matrix = [[float(associations.matrix[i, j]) for j in order] for i in order]
    pairs = associations.strongest(1)
    strongest = (
        say(
            "The strongest pair: {one} and {other} ({value}).",
            one=pairs[0][0],
            other=pairs[0][1],
            value=decimal(pairs[0][2], 2),
        )
        if pairs
        else ""
    )
    label = say("Associations of {number:,} columns.", number=len(names))
    drawing = svg.inline(
        association_heatmap(names, matrix, width=min(WIDE, 300 + 26 * len(names))), f"{label} {strongest}", halo=False
    )
    few = clustered(associations, PHONE)
    narrow = svg.inline(
        association_heatmap(
            [associations.names[i] for i in few],
            [[float(associations.matrix[i, j]) for j in few] for i in few],
            width=WIDTH,
        ),
        say("Associations of {number:,} columns.", number=len(few)),
        halo=False,
    )
    which = (
        say(
            "The {number:,} of {all:,} columns with the strongest partners, alike ones side by side.",
            number=len(names),
            all=len(associations.names),
        )
        if len(names) < len(associations.names)
        else say("All columns, alike ones side by side.")
    )
    caption = join(
        tag("b", which),
        " ",
        say("Blue: they rise together. Red: one rises as the other falls. The stronger the darker."),
        " ",
        strongest,
    )
    return figure(drawing, caption, narrow=narrow)


def _alike(found: Exploration) -> Html:
    groups = found.alike
    if not groups:
        return paragraph(
            say("No two columns are associated by more than {least}: each carries something of its own.", least=ALIKE)
        )
    lines = []
    for kept, rest in groups[:GROUPS]:
        lines.append(
            join(say("Keep "), link(kept, found), say("; already in it: "), listed(rest, found, at_most=12), ".")
        )
    more = len(groups) - len(lines)
    return join(
        paragraph(
            say(
                "Associated by more than {least}. Of each group the column that says most about the outcome is kept; the others can go "
                "without loss, and coefficients and importances become easier to read.",
                least=ALIKE,
            )
        ),
        bullets(lines),
        paragraph(say("And {number:,} more groups.", number=more)) if more > 0 else "",
    )


def _pairs(found: Exploration) -> Html:
    heads = [Head(say("One"), number=False), Head(say("Other"), number=False), Head(say("Association"))]
    pairs = found.associations.strongest(PAIRS)
    lines: list[list[Content]] = [[link(a, found), link(b, found), decimal(r, 2)] for a, b, r in pairs]
    caption = say("Measured on {rows:,} rows, evenly spaced.", rows=found.associations.rows)
    return table(heads, lines, caption=caption)

"""Section: column by column, folded."""

from __future__ import annotations

import numpy as np

from vigie.definition.kind import Kind
from vigie.report import svg
from vigie.report.blocks import Head, badge, key, table
from vigie.report.charts.distributions import number_mini
from vigie.report.charts.rates import Rate, rate_dots
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, decimal, percent
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.groups import Group
from vigie.training.explore.page import over_time
from vigie.training.explore.page.shared import anchor, kind_word, link, paragraph, reading, signs, small, telling
from vigie.training.explore.page.spread import sentences
from vigie.training.explore.shown import worded

DRAWN = 30
"""Columns that are drawn; the others have the same numbers in a table."""
GROUPS = 12
"""Most groups of a column that are shown."""
WIDTH = 270
PARTNERS = 5


def section(found: Exploration) -> Section:
    """Every column, the one that says most about the outcome first."""
    partners = _partners(found)
    folded = [_column(c, found, partners.get(c.name, []), drawn=n < DRAWN) for n, c in enumerate(found.columns)]
    more = len(found.columns) - DRAWN
    body = join(
        small(
            key(("vermillion", say("outcome true")), ("blue", say("outcome false"))),
            say(
                "Both outlines add up to 100%; where red stands above blue the outcome is more frequent than on average. "
            ),
            say(
                "In the second drawing the dot is how often the outcome is true and the line its 95% interval; the pale bar is the share "
                "of the rows."
            ),
            " ",
            say("The {drawn:,} most telling are drawn; the others have the same numbers in a table.", drawn=DRAWN)
            if more > 0
            else "",
        ),
        *folded,
    )
    return Section("details", say("Column by column"), body, short=say("Details"))


def _partners(found: Exploration) -> dict[str, list[tuple[str, float]]]:
    matrix, names = found.associations.matrix, found.associations.names
    strength = np.nan_to_num(np.abs(matrix), nan=0.0)
    np.fill_diagonal(strength, 0.0)
    most = {}
    for i, name in enumerate(names):
        order = np.argsort(-strength[i], kind="stable")[:PARTNERS]
        most[name] = [(names[j], float(matrix[i, j])) for j in order if strength[i, j] >= 0.3]
    return most


def _column(column: Column, found: Exploration, partners: list[tuple[str, float]], *, drawn: bool) -> Html:
    marks: list[Content] = []
    for word, style in signs(column):
        marks += [" ", badge(word, style)]
    head = tag(
        "summary",
        tag("b", column.name),
        tag(
            "span", f" {kind_word(column)} · ", say("AUC alone {auc}", auc=decimal(column.auc, 2)), class_="quiet small"
        ),
        *marks,
    )
    parts: list[Content] = [tag("p", column.description) if column.description else "", paragraph(*_words(column))]
    if column.extremes is not None and drawn:
        parts.append(tag("p", " ".join(sentences(column.extremes))))
    if partners:
        said: list[Content] = [say("Goes with ")]
        for number, (name, strength) in enumerate(partners):
            said += [", " if number else "", link(name, found), f" ({decimal(strength, 2)})"]
        parts.append(paragraph(*said, "."))
    if column.groups:
        parts.append(_drawings(column, found) if drawn else _table(column))
    return tag("details", head, *parts, id=anchor(found, column.name), class_="one")


def _words(column: Column) -> list[Content]:
    said = [reading(column)]
    if column.missing:
        said.append(
            say("Missing on {rows:,} rows ({share}), where the outcome is true for {rate}.",
                rows=column.missing, share=percent(column.missing_share), rate=percent(column.missing_positives / column.missing))
        )  # fmt: skip
    if column.auc == column.auc:
        said.append(say("By itself it says {much} about the outcome.", much=telling(column)))
    grouping = column.grouping
    if grouping is not None and grouping.changes:
        said.append(say("{number:,} of its categories are read as “other”.", number=grouping.rare))
    return [" ".join(said)]


def shown_groups(column: Column) -> tuple[Group, ...]:
    """The groups of a column that are shown: in order for a number, the largest first for a category."""
    groups = column.groups
    if column.grouping is not None:
        groups = tuple(sorted(groups, key=lambda g: -g.count))
    return groups[:GROUPS]


def _drawings(column: Column, found: Exploration) -> Html:
    cards: list[Content] = []
    if column.bins and column.distinct > 2:
        drawing = number_mini(column.bins, dates=column.kind is Kind.TIME)
        cards.append(
            _card(
                say("Distribution by outcome"),
                svg.inline(drawing, say("Distribution of {name} by outcome.", name=column.name)),
            )
        )
    groups = shown_groups(column)
    rates = [Rate(worded(g.label), g.count / column.rows, g.rate, g.low, g.high) for g in groups]
    told = "; ".join(f"{r.label} {percent(r.rate)}" for r in rates)
    drawing = rate_dots(rates, found.rate, say("Outcome true"), width=WIDTH)
    cards.append(_card(say("How often the outcome is true"), svg.inline(drawing, f"{column.name}: {told}.")))
    if column.lines and found.periods is not None:
        cards.append(
            _card(
                say("Over time, drift {drift:.2f}", drift=column.drift), over_time.drawing(column, found, width=WIDTH)
            )
        )
    return tag("div", *cards, class_="cards")


def _card(title: str, drawing: Html) -> Html:
    return tag("div", tag("h4", title), drawing, class_="card")


def _table(column: Column) -> Html:
    heads = [Head(say("Values"), number=False), Head(say("Rows")), Head(say("Outcome true")), Head(say("95% interval"))]
    lines: list[list[Content]] = [
        [worded(g.label), count(g.count), percent(g.rate), f"{percent(g.low)} – {percent(g.high)}"]
        for g in shown_groups(column)
    ]
    return table(heads, lines, caption=say("How often the outcome is true"))

"""Section: categories before and after rare ones are grouped."""

from __future__ import annotations

from collections.abc import Sequence

from vigie.report import svg
from vigie.report.blocks import details, figure, figures
from vigie.report.charts.pies import Slice, pie
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import percent
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.grouping import RARE, Grouping
from vigie.training.explore.page.shared import link, listed, paragraph
from vigie.training.explore.shown import worded
from vigie.wording import Said

AT_ONCE, DRAWN = 3, 8
"""Columns whose pies are shown, and those that are drawn at all."""
SLICES = 24
"""Most slices of a pie."""


def section(found: Exploration) -> Section:
    """A pie before and one after, of every column that grouping changes."""
    title = say("Categories before and after grouping")
    own = [c for c in found.columns if c.grouping is not None and not (c.empty or c.identifier)]
    short = say("Categories")
    if not own:
        return Section("categories", title, paragraph(say("No column is a category.")), short=short)
    changed = [c for c in own if c.grouping is not None and c.grouping.changes]
    same = [c for c in own if c.grouping is not None and not c.grouping.changes]
    body = join(
        paragraph(
            say(
                "A category on fewer than {least:.0%} of the rows is too rare to learn from: every model reads all such of a column "
                "as one, “other”, and so it reads any category that it has never seen. This is the very grouping that "
                "training does.",
                least=RARE,
            )
        ),
        paragraph(say("Nothing is grouped in "), listed([c.name for c in same], found, at_most=20), ".")
        if same
        else "",
        *(_pair(c, found) for c in changed[:AT_ONCE]),
    )
    rest = changed[AT_ONCE:DRAWN]
    if rest:
        body = join(body, details(say("{number:,} more columns", number=len(rest)), *(_pair(c, found) for c in rest)))
    if len(changed) > DRAWN:
        left = [c.name for c in changed[DRAWN:]]
        body = join(
            body, paragraph(say("Not drawn, but listed in the details: "), listed(left, found, at_most=40), ".")
        )
    return Section("categories", title, body, short=short)


def slices(grouping: Grouping) -> tuple[list[Slice], list[Slice]]:
    """The slices before and after; categories that become *other* are marked in the first."""
    # What was grouped or is missing is said; a category has the name that the data give it, were it "missing".
    kept = {label for label, _ in grouping.after if not isinstance(label, Said)}
    before = [Slice(text, rows, "kept" if text in kept else "rare") for text, rows in grouping.before]
    if len(before) > SLICES:
        rest = before[SLICES - 1 :]
        before = [
            *before[: SLICES - 1],
            Slice(say("{number:,} more", number=len(rest)), sum(s.count for s in rest), "rare"),
        ]
    if grouping.missing:
        before.append(Slice(say("missing"), grouping.missing, "missing"))
    after = []
    for label, rows in grouping.after:
        style = "kept" if not isinstance(label, Said) else "missing" if label.template == "missing" else "rare"
        after.append(Slice(worded(label), rows, style))
    return before, after


def _pair(column: Column, found: Exploration) -> Html:
    grouping = column.grouping
    assert grouping is not None, "only categories have pies"
    before, after = slices(grouping)
    one = say("Before: {number:,} categories.", number=len(grouping.before))
    levels = len(grouping.after)
    other = (
        say("After: {number:,} levels, missing values included.", number=levels) if levels > 1 else say("After: one.")
    )
    return join(
        tag("h3", link(column.name, found)),
        paragraph(_sentence(grouping, len(found.view))),
        figures(_figure(before, one, column.name), _figure(after, other, column.name)),
    )


def _figure(shown: Sequence[Slice], caption: str, name: str) -> Html:
    total = sum(s.count for s in shown)
    told = "; ".join(f"{s.label} {percent(s.count / total)}" for s in shown[:8])
    return figure(svg.inline(pie(shown), f"{name}. {caption} {told}."), caption)


def _sentence(grouping: Grouping, rows: int) -> Content:
    share = percent(grouping.rare_rows / rows)
    if grouping.rare == 1:
        return say("One category with {share} of the rows becomes “other”.", share=share)
    return say(
        "{number:,} categories with {share} of the rows together become “other”.", number=grouping.rare, share=share
    )

"""What several sections say or draw in the same way."""

from __future__ import annotations

from collections.abc import Sequence

from vigie.definition.kind import Kind
from vigie.report.html import Content, Html, tag
from vigie.report.language import say
from vigie.report.numerals import date, percent, short
from vigie.training.explore.column import Column
from vigie.training.explore.drift import MUCH_DRIFT, SOME_DRIFT
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.shown import worded

STRONG, MODERATE = 0.75, 0.6
"""AUC of one column alone from which it is called telling, and somewhat telling."""
SUSPECT = 0.9
"""AUC of one column alone that is rare for what is honestly known beforehand."""
MOSTLY_MISSING = 0.5
NAMED = 6
"""Most columns named in a sentence."""


def kind_word(column: Column) -> str:
    """The kind of a column in a word."""
    match column.kind:
        case Kind.NUMBER:
            return say("number")
        case Kind.BOOLEAN:
            return say("yes or no")
        case Kind.CATEGORY:
            return say("category")
        case Kind.TIME:
            return say("time")
        case _:
            return say("text")


def link(column: str, found: Exploration) -> Html:
    """The column's name as a link to what is told of it."""
    return tag("a", column, href=f"#{anchor(found, column)}", class_="column")


def anchor(found: Exploration, column: str) -> str:
    """Address of a column in the page: its place in the order of the page."""
    return f"c{found.place[column]}"


def listed(names: Sequence[str], found: Exploration, *, at_most: int = NAMED) -> Html:
    """Names one after the other as links; beyond *at_most* how many more."""
    parts: list[Content] = []
    for number, name in enumerate(names[:at_most]):
        parts += [", " if number else "", link(name, found)]
    if len(names) > at_most:
        parts.append(say(" and {number:,} more", number=len(names) - at_most))
    return tag("span", *parts)


def value(number: float, column: Column) -> str:
    """A value of a number or time as people read it."""
    return date(int(number)) if column.kind is Kind.TIME else short(number)


def telling(column: Column) -> str:
    """How much a column says about the outcome by itself, in a word."""
    if column.auc != column.auc:
        return ""
    if column.auc >= SUSPECT:
        return say("suspiciously much")
    if column.auc >= STRONG:
        return say("much")
    return say("something") if column.auc >= MODERATE else say("little")


def signs(column: Column) -> list[tuple[str, str]]:
    """What is remarkable about a column: ``(word, style of the badge)``."""
    found = []
    if column.empty:
        return [(say("empty"), "error")]
    if column.auc >= SUSPECT:
        found.append((say("too good?"), "error"))
    if column.constant:
        found.append((say("constant"), "warning"))
    if column.identifier:
        found.append((say("identifier?"), "warning"))
    if column.missing_share > MOSTLY_MISSING:
        found.append((say("mostly missing"), "warning"))
    if column.drift >= MUCH_DRIFT:
        found.append((say("drifts"), "warning"))
    elif column.drift >= SOME_DRIFT:
        found.append((say("moves"), "note"))
    if column.grouping is not None and column.grouping.changes and not column.identifier:
        found.append((say("grouped"), "note"))
    if column.extremes is not None and column.extremes.powers >= 2:
        found.append((say("long tail"), "note"))
    return found


def reading(column: Column) -> str:
    """The values of a column in one sentence."""
    if column.empty:
        return say("No value at all.")
    if column.kind is Kind.TEXT:
        return say("Free text, {distinct:,} different ones.", distinct=column.distinct)
    most = worded(column.most)
    if column.distinct == 1:
        return say("Always “{most}” where it has a value.", most=most)
    if column.kind is Kind.BOOLEAN:
        return say("True for {share}.", share=percent(column.mean))
    if column.kind is Kind.TIME:
        return say(
            "From {low} to {high}.", low=value(column.quantiles[0], column), high=value(column.quantiles[4], column)
        )
    if column.kind is Kind.NUMBER:
        low, first, middle, third, high = (value(q, column) for q in column.quantiles)
        return say(
            "Median {middle}, half between {first} and {third}, all between {low} and {high}.",
            middle=middle, first=first, third=third, low=low, high=high,
        )  # fmt: skip
    share = percent(column.most_rows / (column.rows - column.missing))
    return say("{distinct:,} values, most often “{most}” ({share}).", distinct=column.distinct, most=most, share=share)


def paragraph(*parts: Content) -> Html:
    """A paragraph."""
    return tag("p", *parts)


def small(*parts: Content) -> Html:
    """A paragraph of small print."""
    return tag("p", *parts, class_="small quiet")

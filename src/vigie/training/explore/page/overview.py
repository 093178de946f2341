"""Section: every column on a line, sorted by what the reader chooses. No script: radio buttons and CSS do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vigie.report.blocks import badge
from vigie.report.charts.sparks import histogram_spark, line_spark, rates_spark
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, decimal, percent
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.page.shared import anchor, kind_word, reading, signs, small
from vigie.training.explore.shown import worded


@dataclass(frozen=True, slots=True)
class Order:
    """A way to sort the columns.

    Attributes:
        name: In CSS.
        title: On the button.
        key: What is sorted by, smallest first.
    """

    name: str
    title: str
    key: Callable[[Column], tuple[float, str]]


def _orders(found: Exploration) -> list[Order]:
    place = {name: number for number, name in enumerate(found.view.columns)}
    listing = [
        Order("s", say("says most"), lambda c: (found.place[c.name], "")),
        Order("f", say("as in the data"), lambda c: (place[c.name], "")),
        Order("n", say("name"), lambda c: (0, c.name.lower())),
        Order("k", say("kind"), lambda c: (0, f"{c.kind.value} {c.name.lower()}")),
        Order("m", say("most missing"), lambda c: (-c.missing_share, c.name)),
        Order("d", say("most values"), lambda c: (-c.distinct, c.name)),
        Order("r", say("remarks"), lambda c: (-_weight(c), c.name)),
    ]
    if found.periods is not None:
        listing.insert(6, Order("t", say("drifts most"), lambda c: (-c.drift if c.drift == c.drift else 1.0, c.name)))
    return listing


def _weight(column: Column) -> float:
    return sum({"error": 100, "warning": 10}.get(style, 1) for _, style in signs(column))


def rules() -> str:
    """CSS that sorts: each line knows its place in every order."""
    names = ("s", "f", "n", "k", "m", "d", "t", "r")
    return "\n" + "".join(f"#sort-{n}:checked~.lines>.line{{order:var(--{n})}}\n" for n in names)


def section(found: Exploration) -> Section:
    """One line a column: what it is, how it is distributed, what it says about the outcome."""
    orders = _orders(found)
    ranks: dict[str, dict[str, int]] = {column.name: {} for column in found.columns}
    for order in orders:
        for number, column in enumerate(sorted(found.columns, key=order.key), 1):
            ranks[column.name][order.name] = number
    buttons: list[Content] = []
    for number, order in enumerate(orders):
        identity = f"sort-{order.name}"
        buttons.append(tag("input", type="radio", name="sort", id=identity, checked=number == 0))
        buttons.append(tag("label", order.title, for_=identity))
    timed = found.periods is not None
    head = tag("div", *(tag("span", title) for title in _titles(timed)), class_="line head", aria_hidden="true")
    lines = [_line(column, found, ranks[column.name], timed) for column in found.columns]
    body = join(
        small(
            say(
                "Grey: how the values are distributed. Red: how often the outcome is true in each group of values, from zero up; the "
                "dashed line is the average. AUC: how well the column alone ranks rows by the outcome; 0.5 is chance. Each name leads to "
                "the details."
            )
        ),
        tag(
            "div",
            tag("span", say("Sort by: "), class_="sortby"),
            *buttons,
            tag("div", head, *lines, class_="lines timed" if timed else "lines"),
            class_="sorted",
        ),
    )
    return Section("columns", say("Every column"), body)


def _titles(timed: bool) -> list[str]:
    titles = [say("Column"), say("Distribution"), say("Outcome"), say("AUC"), say("Missing"), say("Values")]
    return [*titles, say("Over time"), say("Remarks")] if timed else [*titles, say("Remarks")]


def _line(column: Column, found: Exploration, ranks: dict[str, int], timed: bool) -> Html:
    marks: list[Content] = []
    for word, style in signs(column):
        marks += [badge(word, style), " "]
    style = ";".join(f"--{name}:{rank}" for name, rank in ranks.items())
    cells = [
        tag(
            "span",
            tag("a", column.name, href=f"#{anchor(found, column.name)}"),
            tag("small", f" {kind_word(column)}"),
            class_="name",
            title=reading(column),
        ),
        _cell(say("Distribution"), _distribution(column)),
        _cell(say("Outcome"), _outcome(column, found)),
        _cell(say("AUC"), decimal(column.auc, 2)),
        _cell(say("Missing"), percent(column.missing_share) if column.missing else NOTHING),
        _cell(say("Values"), count(column.distinct)),
    ]
    if timed:
        cells.append(_cell(say("Over time"), _over_time(column)))
    cells.append(tag("span", *marks, class_="marks"))
    return tag("div", *cells, class_="line", style=style)


def _cell(title: str, content: Content) -> Html:
    # The title is for phones, where the head of the table has no room.
    return tag("span", content, data_title=title)


def _distribution(column: Column) -> Content:
    if column.bins:
        return histogram_spark([b.count for b in column.bins], reading(column))
    if column.grouping is not None:
        return histogram_spark([rows for _, rows in column.grouping.before[:24]], reading(column))
    if column.groups:
        return histogram_spark([group.count for group in column.groups], reading(column))
    return NOTHING


def _outcome(column: Column, found: Exploration) -> Content:
    if len(column.groups) < 2:
        return NOTHING
    shown = sorted(column.groups, key=lambda g: -g.rate) if column.grouping is not None else list(column.groups)
    told = "; ".join(f"{worded(g.label)} {percent(g.rate)}" for g in shown[:12])
    return rates_spark([g.rate for g in shown], found.rate, told)


def _over_time(column: Column) -> Content:
    if not column.lines:
        return NOTHING
    line = column.lines[1] if len(column.lines) > 1 and column.lines[1].label == "median" else column.lines[0]
    return line_spark(line.heights, say("Drift (PSI) {drift:.2f}", drift=column.drift))

"""Section: box plots, with a sentence on the extremes and on what models make of them."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, details, table
from vigie.report.charts.boxes import BoxRow, box_plot
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, percent, short
from vigie.report.page import Section
from vigie.training.explore.column import Column
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.extremes import CLIP, Box, Extremes
from vigie.training.explore.page.shared import link, paragraph

AT_ONCE, DRAWN = 6, 9
"""Columns whose boxes are shown, and those that are drawn at all."""
WIDTH = 360


def section(found: Exploration) -> Section:
    """Numbers, those whose extremes are farthest out first."""
    title = say("Box plots and extremes")
    own = [c for c in found.columns if c.extremes is not None]
    if not own:
        return Section("spread", title, paragraph(say("No column is a number of three or more values.")))
    own.sort(key=lambda c: (-_far(c), c.name))
    cards = [_card(c, found) for c in own[:DRAWN]]
    low, high = (percent(q) for q in CLIP)
    body = join(
        paragraph(
            say(
                "The box holds the middle half of the values and the bar in it is the median; whiskers end at the {low} and {high} "
                "percentiles, and points lie beyond.",
                low=low, high=high,
            ),
            " ",
            say(
                "No row is dropped for its extremes. Models that add up columns (logistic regression, a neural network) read what "
                "lies beyond these two percentiles of the training rows as the percentile itself (dashed lines), so that one "
                "odd row does not rule a coefficient. Trees, forests, boosting and the additive model read values as they are: they only ask "
                "on which side of a border a value lies, and how far beyond does not matter."
            ),
        ),
        tag("div", *cards[:AT_ONCE], class_="cards wide-cards"),
        details(say("{number:,} more columns", number=len(cards) - AT_ONCE), tag("div", *cards[AT_ONCE:], class_="cards wide-cards"))
        if len(cards) > AT_ONCE
        else "",
        details(say("All numbers in a table"), _table(own, found)),
    )  # fmt: skip
    return Section("spread", title, body, short=say("Extremes"))


def _far(column: Column) -> float:
    found = column.extremes
    assert found is not None, "only numbers have extremes"
    reach = max(found.whole.third - found.whole.first, (found.whole.high - found.whole.low) / 4)
    return max(found.highest - found.whole.high, found.whole.low - found.lowest) / reach if reach else 0.0


def _row(label: str, colour: str, box: Box) -> BoxRow:
    return BoxRow(label, colour, box.low, box.first, box.middle, box.third, box.high, box.outside)


def _card(column: Column, found: Exploration) -> Html:
    extremes = column.extremes
    assert extremes is not None, "only numbers have extremes"
    boxes = []
    if extremes.positive is not None:
        boxes.append(_row(say("true"), "positive", extremes.positive))
    if extremes.negative is not None:
        boxes.append(_row(say("false"), "negative", extremes.negative))
    drawing = svg.inline(
        box_plot(boxes, limits=extremes.limits, width=WIDTH), say("Box plot of {name} by outcome.", name=column.name)
    )
    return tag(
        "div", tag("h4", link(column.name, found)), drawing, *(tag("p", s) for s in sentences(extremes)), class_="card"
    )


def sentences(extremes: Extremes) -> list[str]:
    """What to think of a column's extremes, and what becomes of them."""
    said = []
    if extremes.limits is None:
        said.append(say("Nearly all rows have one value: linear models do not clip it."))
    elif not extremes.clipped:
        said.append(say("No row lies beyond the limits."))
    else:
        values = {
            "below": extremes.below, "above": extremes.above,
            "low": short(extremes.limits[0]), "high": short(extremes.limits[1]),
            "lowest": short(extremes.lowest), "highest": short(extremes.highest),
        }  # fmt: skip
        if extremes.below and extremes.above:
            said.append(
                say(
                    "Linear models raise {below:,} rows to {low} (lowest {lowest}) and lower {above:,} to {high} (highest {highest}).",
                    **values,
                )
            )
        elif extremes.above:
            said.append(say("Linear models lower {above:,} rows to {high} (highest {highest}).", **values))
        else:
            said.append(say("Linear models raise {below:,} rows to {low} (lowest {lowest}).", **values))
        rates = {"rate": percent(extremes.rate), "rest": percent(extremes.rest_rate)}
        if extremes.clipped >= 20 and extremes.differs:
            said.append(
                say(
                    "Of them the outcome is true for {rate}, of the others for {rest}: the extremes mean something, keep them.",
                    **rates,
                )
            )
        elif extremes.clipped >= 20:
            said.append(
                say(
                    "Of them the outcome is true for {rate}, of the others for {rest}: no more apart than chance allows.",
                    **rates,
                )
            )
    if extremes.far:
        said.append(
            say(
                "{rows:,} rows lie more than three quartile ranges outside the box (Tukey’s “far out”).",
                rows=extremes.far,
            )
        )
    if extremes.powers >= 2:
        said.append(
            say(
                "The highest value is {times} times the median: for linear models add a logarithm, .log1p().",
                times=short(10**extremes.powers),
            )
        )
    return said


def _table(own: list[Column], found: Exploration) -> Html:
    heads = [
        Head(say("Column"), number=False),
        Head(say("Lowest")), Head(say("Clipped from")), Head(say("Quartile")), Head(say("Median")), Head(say("Quartile")),
        Head(say("Clipped to")), Head(say("Highest")), Head(say("Rows clipped")), Head(say("Far out")),
    ]  # fmt: skip
    lines: list[list[Content]] = []
    for column in own:
        e = column.extremes
        assert e is not None, "only numbers have extremes"
        limits = (short(e.limits[0]), short(e.limits[1])) if e.limits else (say("not"), say("not"))
        box = e.whole
        lines.append(
            [link(column.name, found), short(e.lowest), limits[0], short(box.first), short(box.middle), short(box.third), limits[1],
             short(e.highest), count(e.clipped), count(e.far)]
        )  # fmt: skip
    return table(heads, lines, caption=say("Those whose extremes are farthest out first."))

"""Figures with their intervals, one a line: what differs beyond chance and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from vigie.report.charts.axes import money_axis, share_axis
from vigie.report.charts.bars import Spread
from vigie.report.charts.layers import layered, rows
from vigie.report.palette import BLUE, GREY, INK, MUTED
from vigie.report.theme import WIDTH


def interval_dots(
    found: Sequence[Spread],
    title: str,
    *,
    currency: str | None = None,
    zero: bool = True,
    limit: float | None = None,
    width: int = WIDTH,
) -> alt.LayerChart:
    """A point and its interval for each named thing; those that stand out are blue.

    Args:
        found: From the top down.
        title: What is measured.
        currency: ISO 4217 code where it is money; ``None``: shares.
        zero: Whether zero is drawn as a line to compare with.
        limit: A line to compare with, e.g. of all together.
        width: Pixels.
    """
    data = rows({"label": f.label, "value": f.value, "low": f.low, "high": f.high, "chosen": f.chosen} for f in found)
    axis = money_axis(title, currency, ticks=4, grid=True) if currency else share_axis(title, grid=True)
    scale = alt.Scale(zero=zero, nice=True, padding=10)
    # The last point counts too where labels are equal: each line is its own row.
    y = alt.Y(
        "label:N", sort=None, axis=alt.Axis(title=None, labelColor=INK, labelLimit=170 if width <= WIDTH else 260)
    )
    colour = alt.condition("datum.chosen", alt.value(BLUE), alt.value(GREY))
    x = alt.X("low:Q", scale=scale)
    lines = alt.Chart(data).mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", y=y, color=colour)
    dots = (
        alt.Chart(data)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(x=alt.X("value:Q", scale=scale, axis=axis), y=y, color=colour)
    )
    layers = [lines, dots]
    marks = ([0.0] if zero else []) + ([limit] if limit is not None else [])
    if marks:
        at = rows({"at": mark} for mark in marks)
        layers.insert(0, alt.Chart(at).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x=alt.X("at:Q", scale=scale)))
    return layered(*layers, width=width, height=62 + 26 * len(found))

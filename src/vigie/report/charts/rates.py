"""How often the outcome is true in each group of rows, with what chance would allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.axes import share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.palette import BLUE, INK, MUTED, PALE, VERMILLION


@dataclass(frozen=True, slots=True)
class Rate:
    """One group.

    Attributes:
        label: Its words.
        share: Of all rows, 0 … 1.
        rate: Share of its rows whose outcome is true.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    label: str
    share: float
    rate: float
    low: float
    high: float


def rate_dots(groups: Sequence[Rate], average: float, title: str, *, width: int) -> alt.LayerChart:
    """A dot and its interval for each group; the pale bar is its share of the rows, the dashed line the average.

    Args:
        groups: In the order to be drawn, top down.
        average: Rate of all rows.
        title: Of the axis.
        width: Pixels.
    """
    data = rows(
        {
            "label": g.label,
            "rate": g.rate,
            "low": g.low,
            "high": g.high,
            "side": "above" if g.low > average else "below" if g.high < average else "same",
        }
        for g in groups
    )
    # An interval of a handful of rows would squeeze all others into a corner.
    solid = [g.high for g in groups if g.share >= 0.01] or [g.high for g in groups]
    top = min(1.0, max([average, *(g.rate for g in groups), *solid, 1e-6]) * 1.08)
    scale = alt.Scale(domain=[0, top], nice=False, clamp=True)
    y = alt.Y(
        "label:N",
        sort=None,
        axis=alt.Axis(title=None, labelColor=INK, labelFontSize=11, labelLimit=112, labelOverlap=False),
    )
    x = alt.X("rate:Q", scale=scale, axis=share_axis(title, ticks=4, labelFontSize=11, titleFontSize=11))
    colours = alt.Scale(domain=["above", "below", "same"], range=[VERMILLION, BLUE, MUTED])
    colour = alt.Color("side:N", scale=colours, legend=None)
    largest = max((g.share for g in groups), default=1.0) or 1.0
    sizes = rows({"label": g.label, "zero": 0, "s": top * 0.97 * g.share / largest} for g in groups)
    base = alt.Chart(data)
    layers = [
        alt.Chart(sizes)
        .mark_bar(size=13, color=PALE, opacity=0.5)
        .encode(x=alt.X("s:Q", scale=scale), x2="zero:Q", y=y),
        alt.Chart(rows([{"rate": average}]))
        .mark_rule(color=INK, strokeDash=[3, 2])
        .encode(x=alt.X("rate:Q", scale=scale)),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=48, opacity=1).encode(x=x, y=y, color=colour),
    ]
    return layered(*layers, width=width, height=42 + 18 * len(groups))

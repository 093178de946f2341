"""Box plots: where the middle half of the values lies, where a linear model clips, and what lies beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.layers import layered, rows
from vigie.report.palette import BLUE, GREY, INK, SURFACE, VERMILLION
from vigie.report.theme import WIDTH

_COLOURS = {"positive": VERMILLION, "negative": BLUE, "all": GREY}


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One box.

    Attributes:
        label: Of which rows.
        colour: ``"positive"``, ``"negative"`` or ``"all"``.
        low: Lower whisker.
        first: First quartile.
        middle: Median.
        third: Third quartile.
        high: Upper whisker.
        outside: Some values beyond the whiskers.
    """

    label: str
    colour: str
    low: float
    first: float
    middle: float
    third: float
    high: float
    outside: tuple[float, ...] = ()


def box_plot(
    boxes: Sequence[BoxRow], *, limits: tuple[float, float] | None = None, width: int = WIDTH
) -> alt.LayerChart:
    """Boxes on one scale, one below the other.

    Args:
        boxes: At least one.
        limits: Where values are clipped, as two dashed lines.
        width: Pixels.
    """
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelColor=INK, labelLimit=110, labelOverlap=False))
    values = [v for b in boxes for v in (b.low, b.high, *b.outside)]
    wide = max(abs(min(values)), abs(max(values))) >= 10_000
    axis = alt.Axis(title=None, format="~s" if wide else ",.4~r", tickCount=4, grid=True)
    low, high = min(values), max(values)
    # Two values as a domain: a little air, so that the farthest point is whole.
    air = (high - low or abs(high) or 1.0) * 0.02
    x = alt.X("v:Q", axis=axis, scale=alt.Scale(domain=[low - air, high + air], nice=False))
    ends = rows(
        {"label": b.label, "c": b.colour, "v": b.low, "a": b.first, "m": b.middle, "b": b.third, "w": b.high}
        for b in boxes
    )
    colour = alt.Color("c:N", scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())), legend=None)
    base = alt.Chart(ends)
    layers = [
        base.mark_rule(color=INK).encode(x=x, x2="w:Q", y=y),
        base.mark_bar(size=18).encode(x=alt.X("a:Q"), x2="b:Q", y=y, color=colour),
        base.mark_tick(size=18, thickness=2.5, color=SURFACE).encode(x=alt.X("m:Q"), y=y),
    ]
    far = rows({"label": b.label, "c": b.colour, "v": v} for b in boxes for v in b.outside)
    if any(b.outside for b in boxes):
        points = alt.Chart(far).mark_point(filled=False, size=22, opacity=0.8, strokeWidth=1.2)
        layers.append(points.encode(x=x, y=y, color=colour))
    if limits is not None:
        at = alt.Chart(rows([{"v": limit} for limit in limits])).mark_rule(color=INK, strokeDash=[3, 3], opacity=0.7)
        layers.append(at.encode(x=x))
    return layered(*layers, width=width, height=46 + 30 * len(boxes))

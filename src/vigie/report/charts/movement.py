"""How one column moves over time: the quartiles of a number, the shares of a category's levels."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from vigie.report.charts.axes import share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.palette import BLUE, GREEN, VERMILLION
from vigie.report.theme import WIDTH

_COLOURS = (BLUE, VERMILLION, GREEN)


def quartiles_over_time(
    moments: Sequence[int],
    first: Sequence[float],
    middle: Sequence[float],
    third: Sequence[float],
    *,
    width: int = WIDTH,
) -> alt.LayerChart:
    """The median as a line, the middle half of the values as a band.

    Args:
        moments: µs since 1970 UTC.
        first: First quartile at each; NaN where there are no values.
        middle: Median at each.
        third: Third quartile at each.
        width: Pixels.
    """
    data = rows(
        {"t": t // 1000, "a": a, "m": m, "b": b} for t, a, m, b in zip(moments, first, middle, third, strict=True)
    )
    x = alt.X("t:T", axis=alt.Axis(title=None, tickCount=4, labelFontSize=11))
    values = [v for v in (*first, *third) if v == v]
    wide = bool(values) and max(map(abs, values)) >= 10_000
    axis = alt.Axis(title=None, format="~s" if wide else ",.4~r", tickCount=4, labelFontSize=11)
    y = alt.Y("m:Q", scale=alt.Scale(zero=False), axis=axis)
    base = alt.Chart(data)
    band = base.mark_area(color=BLUE, opacity=0.18).encode(x=x, y=alt.Y("a:Q", scale=alt.Scale(zero=False)), y2="b:Q")
    return layered(band, base.mark_line(color=BLUE, point=_point(BLUE)).encode(x=x, y=y), width=width, height=120)


def shares_over_time(
    moments: Sequence[int], lines: Sequence[tuple[str, Sequence[float]]], *, width: int = WIDTH
) -> alt.LayerChart:
    """A line for each level with its name at the end.

    Args:
        moments: µs since 1970 UTC.
        lines: At most three ``(label, share at each moment)``.
        width: Pixels.
    """
    x = alt.X("t:T", axis=alt.Axis(title=None, tickCount=4, labelFontSize=11))
    y = alt.Y("s:Q", scale=alt.Scale(zero=True), axis=share_axis("", ticks=4, labelFontSize=11))
    layers: list[alt.Chart] = []
    for (label, heights), colour in zip(lines, _COLOURS, strict=False):
        data = [{"t": t // 1000, "s": s} for t, s in zip(moments, heights, strict=True) if s == s]
        if not data:
            continue
        layers.append(alt.Chart(rows(data)).mark_line(color=colour, point=_point(colour)).encode(x=x, y=y))
        end = alt.Chart(rows(data[-1:])).mark_text(text=label[:22], align="right", dy=-9, fontSize=11, color=colour)
        layers.append(end.encode(x=x, y=y))
    return layered(*layers, width=width, height=120)


def _point(colour: str) -> alt.OverlayMarkDef:
    return alt.OverlayMarkDef(color=colour, size=16, filled=True)

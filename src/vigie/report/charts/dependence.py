"""What one feature does to the probability, all else as it is: small multiples of partial dependence."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from vigie.report.charts.axes import share_axis
from vigie.report.charts.distributions import MINI
from vigie.report.charts.layers import layered, rows
from vigie.report.palette import BLUE, GREY, INK, PALE

Points = Sequence[tuple[float | str, float, float, float, float]]
"""``(value, mean probability, tenth percentile, ninetieth percentile, share of the rows)``."""


def number_dependence(points: Points, top: float) -> alt.LayerChart:
    """The mean as a line, eight of ten rows as a band, and below how many rows lie where.

    Args:
        points: From the lowest value up.
        top: Upper end of the axis of the probability, the same in all of them.
    """
    data = rows({"x": x, "p": p, "low": low, "high": high} for x, p, low, high, _ in points)
    wide = max(abs(float(points[0][0])), abs(float(points[-1][0]))) >= 10_000
    axis = alt.Axis(title=None, tickCount=4, labelFontSize=11, format="~s" if wide else ",.4~r")
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False, zero=False))
    scale = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("p:Q", scale=scale, axis=share_axis("", ticks=3, labelFontSize=11))
    base = alt.Chart(data)
    band = base.mark_area(color=BLUE, opacity=0.16).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(color=BLUE).encode(x=x, y=y)
    most = max((share for *_, share in points), default=0) or 1.0
    feet = rows({"x": x, "y": 0.0, "y2": 0.12 * top * share / most} for x, *_, share in points)
    foot = alt.Chart(feet).mark_rule(color=GREY, strokeWidth=3).encode(x=x, y=alt.Y("y:Q", scale=scale), y2="y2:Q")
    return layered(band, foot, line, width=MINI, height=132)


def category_dependence(points: Points, top: float) -> alt.LayerChart:
    """A point for each category, and eight of ten rows as a line."""
    data = rows({"x": str(x), "p": p, "low": low, "high": high} for x, p, low, high, _ in points)
    y = alt.Y("x:N", sort=None, axis=alt.Axis(title=None, labelFontSize=11, labelColor=INK, labelLimit=112))
    scale = alt.Scale(domain=[0, top], nice=False)
    x = alt.X("p:Q", scale=scale, axis=share_axis("", ticks=3, labelFontSize=11, grid=True))
    base = alt.Chart(data)
    lines = base.mark_rule(color=PALE, strokeWidth=5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y)
    dots = base.mark_point(filled=True, size=55, color=BLUE, opacity=1).encode(x=x, y=y)
    return layered(lines, dots, width=MINI, height=34 + 19 * len(points))

"""Log loss on rows learned from and on new ones, over the rows or over a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt

from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.palette import BLUE, GREY, INK
from vigie.report.theme import WIDTH


def learning_lines(
    points: Sequence[float], train: Sequence[float], valid: Sequence[float], spread: Sequence[float], title: str
) -> alt.LayerChart:
    """Two lines, that of new rows with its standard error.

    Args:
        points: Along the axis, increasing.
        train: Log loss on rows learned from.
        valid: On new rows.
        spread: Standard error of *valid*; ``nan``: not known.
        title: Of the axis.
    """
    far = points[0] > 0 and points[-1] / points[0] >= 8
    scale = alt.Scale(type="log" if far else "linear", nice=False, zero=False, padding=14)
    ticks = list(points) if len(points) <= 8 else alt.Undefined
    axis = alt.Axis(title=title, values=ticks, format=",.0f" if points[-1] >= 1000 else ".3~r", labelAngle=0)
    x = alt.X("x:Q", scale=scale, axis=axis)
    y = alt.Y("y:Q", scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(title=say("Log loss"), format=".3~f"))
    drawn = []
    band = rows(
        {"x": p, "low": v - s, "high": v + s}
        for p, v, s in zip(points, valid, spread, strict=True)
        if math.isfinite(s) and math.isfinite(v)
    )
    drawn.append(alt.Chart(band).mark_area(color=BLUE, opacity=0.18).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
    for values, colour, label in ((train, GREY, say("learned from")), (valid, BLUE, say("new rows"))):
        known = [(p, v) for p, v in zip(points, values, strict=True) if math.isfinite(v)]
        data = rows({"x": p, "y": v} for p, v in known)
        drawn.append(
            alt.Chart(data).mark_line(color=colour, point=alt.OverlayMarkDef(color=colour, size=36)).encode(x=x, y=y)
        )
        if known:
            end = rows([{"x": known[-1][0], "y": known[-1][1]}])
            # On the side that the line does not come from.
            falls = len(known) > 1 and known[-1][1] < known[-2][1]
            text = alt.Chart(end).mark_text(
                text=label, align="right", dx=-2, dy=14 if falls else -12, color=INK, fontSize=11.5
            )
            drawn.append(text.encode(x=x, y=y))
    return layered(*drawn, width=WIDTH, height=260)

"""Which columns go together, whatever their kinds; many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from vigie.report.charts.heatmap import correlation_heatmap
from vigie.report.charts.layers import layered, rows
from vigie.report.palette import BLUE, GRID, INK, VERMILLION

WRITTEN = 14
"""Most columns whose numbers still fit into the cells."""


def association_heatmap(names: Sequence[str], matrix: Sequence[Sequence[float]], *, width: int) -> alt.LayerChart:
    """Associations of columns in the order given: blue goes along, red against, the stronger the darker.

    Args:
        names: Of the columns; up to :data:`WRITTEN` the numbers are written into the cells.
        matrix: Square, −1 … 1, in their order; NaN where a pair cannot be measured.
        width: Pixels.
    """
    if len(names) <= WRITTEN:
        return correlation_heatmap(names, matrix, width=width)
    data = rows(
        {"a": a, "b": b, "r": round(float(r), 3), "s": round(abs(float(r)), 3)}
        for i, (a, line) in enumerate(zip(names, matrix, strict=True))
        for j, (b, r) in enumerate(zip(names, line, strict=True))
        # Next to nothing is not drawn: it could not be seen.
        if i != j and r == r and abs(r) >= 0.05
    )
    order = list(names)
    side: dict[str, Any] = {"title": None, "labelColor": INK, "domain": False, "ticks": False, "labelFontSize": 10}
    y = alt.Y(
        "a:N", sort=order, scale=alt.Scale(domain=order), axis=alt.Axis(**side, labelLimit=150, labelOverlap=False)
    )
    x = alt.X(
        "b:N",
        sort=order,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(**side, labelAngle=-60, labelLimit=120, labelOverlap=False),
    )
    strength = alt.Opacity("s:Q", scale=alt.Scale(domain=[0, 1], range=[0, 0.95]), legend=None)
    cells = alt.Chart(data).mark_rect()
    layers = [
        alt.Chart(rows([{"a": name, "b": name} for name in names])).mark_rect(color=GRID).encode(x=x, y=y),
        cells.transform_filter("datum.r >= 0").encode(x=x, y=y, color=alt.value(BLUE), opacity=strength),
        cells.transform_filter("datum.r < 0").encode(x=x, y=y, color=alt.value(VERMILLION), opacity=strength),
    ]
    return layered(*layers, width=width, height=110 + 15 * len(names))

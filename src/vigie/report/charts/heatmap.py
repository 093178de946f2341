"""Which numeric features move together."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from vigie.report.charts.layers import layered, rows
from vigie.report.numerals import decimal
from vigie.report.palette import BLUE, GRID, INK, VERMILLION


def correlation_heatmap(names: Sequence[str], matrix: Sequence[Sequence[float]], *, width: int) -> alt.LayerChart:
    """Rank correlations below the diagonal, −1 … 1, written in each cell.

    Args:
        names: Of the features.
        matrix: Square, in their order; ``nan`` where a feature does not vary.
        width: Pixels.
    """
    data = rows(
        {
            "a": a,
            "b": b,
            "r": float(r),
            "s": abs(float(r)),
            "text": decimal(r, 1).replace("−0", "0") if abs(r) < 0.05 else decimal(r, 1),
        }
        for i, (a, line) in enumerate(zip(names, matrix, strict=True))
        for b, r in list(zip(names, line, strict=True))[:i]
        if r == r
    )
    side = alt.Axis(title=None, labelColor=INK, domain=False, ticks=False, labelFontSize=11)
    y = alt.Y("a:N", sort=list(names), axis=side)
    x = alt.X(
        "b:N",
        sort=list(names),
        axis=alt.Axis(
            title=None, labelColor=INK, domain=False, ticks=False, labelFontSize=11, labelAngle=-50, labelOverlap=False
        ),
    )
    cells = alt.Chart(data).mark_rect().encode(x=x, y=y)
    layers = [
        alt.Chart(data).mark_rect(color=GRID, opacity=0.6).encode(x=x, y=y),
        cells.transform_filter("datum.r >= 0").encode(color=alt.value(BLUE), opacity=_strength()),
        cells.transform_filter("datum.r < 0").encode(color=alt.value(VERMILLION), opacity=_strength()),
        alt.Chart(data).mark_text(fontSize=10.5).encode(x=x, y=y, text="text:N"),
    ]
    return layered(*layers, width=width, height=110 + 24 * len(names))


def _strength() -> alt.Opacity:
    """Never so dark that the number in the cell cannot be read."""
    return alt.Opacity("s:Q", scale=alt.Scale(domain=[0, 1], range=[0, 0.6]), legend=None)

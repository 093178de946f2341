"""What a search found over its trials."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.palette import BLUE, GREY
from vigie.report.theme import WIDTH


def best_so_far(
    trials: Sequence[tuple[int, float]], best: Sequence[tuple[int, float]], title: str, *, width: int = WIDTH
) -> alt.LayerChart:
    """Each trial as a point, and the best up to it as a line.

    Args:
        trials: ``(number from 1, objective)`` of those that were finished.
        best: ``(number, best objective up to it)``.
        title: Of the objective.
        width: Pixels.
    """
    # A few hopeless trials must not press all others into one line.
    values = sorted(value for _, value in trials)
    spread = values[int(0.9 * (len(values) - 1))] - values[int(0.1 * (len(values) - 1))]
    low, high = values[int(0.05 * (len(values) - 1))] - spread, values[int(0.95 * (len(values) - 1))] + spread
    ends = [max(low, values[0]), min(high, values[-1])]
    ends = [min(ends[0], *(v for _, v in best)), max(ends[1], *(v for _, v in best))]
    scale = alt.Scale(domain=ends if ends[0] < ends[1] else alt.Undefined, zero=False, nice=True)
    x = alt.X("n:Q", axis=alt.Axis(title=say("Trials"), tickCount=5, tickMinStep=1, format=",d"))
    y = alt.Y("v:Q", scale=scale, axis=alt.Axis(title=title, format=".4~f", tickCount=5))
    points = alt.Chart(rows({"n": n, "v": min(max(v, ends[0]), ends[1])} for n, v in trials))
    dots = points.mark_point(filled=True, size=28, color=GREY, opacity=0.75).encode(x=x, y=y)
    line = alt.Chart(rows({"n": n, "v": v} for n, v in best)).mark_line(color=BLUE, interpolate="step-after")
    return layered(dots, line.encode(x=x, y=y), width=width, height=250)

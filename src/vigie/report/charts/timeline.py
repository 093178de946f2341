"""How the share of positives moves over the moments of scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.axes import share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.palette import BLUE, GREY, PALE
from vigie.report.theme import WIDTH


@dataclass(frozen=True, slots=True)
class Period:
    """Customers scored at one moment, or in one period.

    Attributes:
        moment: Its middle or its only moment, µs since 1970 UTC.
        rate: Share of positives, 0 … 1.
        low: Lower end of its 95 % interval.
        high: Upper end.
        count: Customers.
    """

    moment: int
    rate: float
    low: float
    high: float
    count: int


def rate_over_time(periods: Sequence[Period], test_from: int | None, test_until: int | None) -> alt.LayerChart:
    """Share of positives with its 95 % interval; the time of the test is shaded."""
    x = alt.X("t:T", axis=alt.Axis(title=None, tickCount=5))
    data = rows({"t": p.moment // 1000, "rate": p.rate, "low": p.low, "high": p.high} for p in periods)
    layers: list[alt.Chart] = []
    if test_from is not None and test_until is not None:
        layers.append(_shade(test_from, test_until, x))
    base = alt.Chart(data)
    layers.append(base.mark_area(color=BLUE, opacity=0.18).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
    y = alt.Y("rate:Q", scale=alt.Scale(zero=True), axis=share_axis(say("Share of positives")))
    layers.append(base.mark_line(color=BLUE).encode(x=x, y=y))
    if len(periods) <= 60:
        layers.append(base.mark_point(filled=True, size=26, color=BLUE, opacity=1).encode(x=x, y=y))
    return layered(*layers, width=WIDTH, height=250)


def count_over_time(periods: Sequence[Period], test_from: int | None, test_until: int | None) -> alt.LayerChart:
    """Customers scored; the time of the test is shaded."""
    size = max(2, min(18, int(0.6 * WIDTH / max(len(periods), 1))))
    x = alt.X("t:T", scale=alt.Scale(padding=size), axis=alt.Axis(title=None, tickCount=5))
    y = alt.Y("n:Q", axis=alt.Axis(title=say("Number scored"), format=",~s", tickCount=5))
    data = rows({"t": p.moment // 1000, "n": p.count} for p in periods)
    layers: list[alt.Chart] = []
    if test_from is not None and test_until is not None:
        layers.append(_shade(test_from, test_until, x))
    layers.append(alt.Chart(data).mark_bar(color=GREY, size=size).encode(x=x, y=y))
    return layered(*layers, width=WIDTH, height=250)


def _shade(start: int, end: int, x: alt.X) -> alt.Chart:
    data = rows([{"t": start // 1000, "t2": end // 1000}])
    shade: alt.Chart = alt.Chart(data).mark_rect(color=PALE, opacity=0.45).encode(x=x, x2="t2:T")
    return shade

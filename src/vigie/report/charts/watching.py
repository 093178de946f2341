"""What was seen of a score day by day: panels below each other on one axis of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from vigie.report.charts.axes import money_axis, share_axis
from vigie.report.charts.layers import rows
from vigie.report.palette import AMBER, BLUE, GREEN, GREY, INK, MUTED, VERMILLION
from vigie.report.theme import WIDTH

DAY = 86_400_000
"""Milliseconds."""
SEVERITIES = {"critical": VERMILLION, "warning": AMBER, "info": BLUE}
"""Colour of an incident."""
_LABELS = 118
"""Pixels left of every panel, so that one day stands below the other in all of them."""
_SHORT = 20
"""Letters of a name that have room there."""


@dataclass(frozen=True, slots=True)
class Span:
    """An incident on the axis of time.

    Attributes:
        begin: µs since 1970 UTC.
        end: µs.
        severity: Of :data:`SEVERITIES`.
    """

    begin: int
    end: int
    severity: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What all panels share.

    Attributes:
        begin: First moment, µs since 1970 UTC.
        end: Last moment, µs.
        releases: When another version came to answer, µs; a line through every panel.
        width: Pixels of the drawing.
    """

    begin: int
    end: int
    releases: tuple[int, ...]
    width: int

    def x(self, *, labels: bool = False, field: str = "t:T") -> alt.X:
        """The axis of time; only the first and the last panel write it out."""
        scale = alt.Scale(domain=[self.begin // 1000, self.end // 1000], type="utc")
        ticks = 8 if self.width > WIDTH else 4
        axis = alt.Axis(title=None, tickCount=ticks, labels=labels, ticks=labels, domainOpacity=0.5)
        return alt.X(field, scale=scale, axis=axis)

    def marks(self, *, labels: bool = False) -> list[alt.Chart]:
        """The lines of releases."""
        if not self.releases:
            return []
        data = rows({"t": one // 1000} for one in self.releases)
        return [alt.Chart(data).mark_rule(color=GREEN, strokeDash=[4, 3], opacity=0.8).encode(x=self.x(labels=labels))]

    def panel(self, *layers: alt.Chart, height: int, labels: bool = False) -> alt.LayerChart:
        """Layers above each other, with the lines of releases below them; *labels*: they write out the axis of time."""
        return alt.LayerChart(layer=[*self.marks(labels=labels), *layers], width=self.width - _LABELS, height=height)


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of one day or week.

    Attributes:
        begin: µs since 1970 UTC.
        end: µs.
        value: NaN where it is not known.
        low: Lower end of its interval; NaN for none.
        high: Upper end.
    """

    begin: int
    end: int
    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Square:
    """A column on a day.

    Attributes:
        row: Its name.
        begin: First moment of the day, µs since 1970 UTC.
        ratio: Effect over limit; 1 is the limit.
        rings: Whether it rang.
    """

    row: str
    begin: int
    ratio: float
    rings: bool


def column(panels: Sequence[alt.LayerChart]) -> alt.VConcatChart:
    """Panels below each other, one axis of time for all."""
    return alt.VConcatChart(vconcat=list(panels), spacing=22)


def lanes(
    frame: Frame, names: tuple[str, str, str], incidents: Sequence[Span], retrainings: Sequence[tuple[int, bool]]
) -> alt.LayerChart:
    """Incidents as bars, releases as diamonds, retrainings as triangles.

    Args:
        frame: What all panels share.
        names: Of the three lanes.
        incidents: On the axis of time.
        retrainings: When each began, µs, and whether its model came to answer.
    """
    y = alt.Y("lane:N", sort=list(names), scale=alt.Scale(domain=list(names)), axis=_named())
    at = {"lane": names[1]}
    bars = rows(
        {"lane": names[0], "t": one.begin // 1000, "u": max(one.end // 1000, one.begin // 1000 + DAY // 3),
         "colour": SEVERITIES[one.severity]}
        for one in incidents
    )  # fmt: skip
    colour = alt.Color("colour:N", scale=None, legend=None)
    layers = [
        alt.Chart(bars).mark_bar(size=11, opacity=0.75, clip=True).encode(
            x=frame.x(labels=True), x2="u:T", y=y, color=colour
        ),
        alt.Chart(rows({**at, "t": one // 1000} for one in frame.releases))
        .mark_point(filled=True, opacity=1, color=GREEN, shape="diamond", size=110)
        .encode(x=frame.x(labels=True), y=y),
        alt.Chart(
            rows({"lane": names[2], "t": when // 1000, "colour": GREEN if good else GREY} for when, good in retrainings)
        )
        .mark_point(filled=True, opacity=1, shape="triangle-up", size=80)
        .encode(x=frame.x(labels=True), y=y, color=colour),
    ]  # fmt: skip
    return frame.panel(*layers, height=62, labels=True)


def counts(frame: Frame, title: str, points: Sequence[Point]) -> alt.LayerChart:
    """A bar for each day."""
    axis = _side(title, format=",~s", tickCount=3)
    bars = alt.Chart(_bars(points)).mark_bar(color=GREY)
    return frame.panel(bars.encode(x=frame.x(), x2="u:T", y=alt.Y("v:Q", axis=axis), y2=alt.datum(0)), height=70)


def shares(frame: Frame, title: str, points: Sequence[Point]) -> alt.LayerChart:
    """A share by day, as a line; from the least to the most, not from nothing."""
    axis = share_axis(title, ticks=3, **_FIXED)
    base = alt.Chart(_middles(points))
    known = [one.value for one in points if math.isfinite(one.value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = max(0.025 - (high - low) / 2, 0.005)  # what stands still is a line in the middle
    y = alt.Y("v:Q", scale=alt.Scale(domain=[max(low - room, 0.0), min(high + room, 1.0)], zero=False), axis=axis)
    layers = [
        base.mark_line(color=BLUE, strokeWidth=1.75),
        base.mark_point(filled=True, color=BLUE, size=14, opacity=1),
    ]
    return frame.panel(*(one.encode(x=frame.x(), y=y) for one in layers), height=70)


def expected_and_realised(
    frame: Frame, title: str, expected: Sequence[Point], realised: Sequence[Point], *, currency: str = ""
) -> alt.LayerChart:
    """What was estimated, with its interval as a band, and what came, as dots with theirs.

    Args:
        frame: What all panels share.
        title: Of the figure.
        expected: As it was estimated when each cohort was over.
        realised: As it came.
        currency: ISO 4217 code of the figure; empty: it is a plain number.
    """
    axis = money_axis(title, currency, ticks=4, **_FIXED) if currency else _side(title, format=".2~f", tickCount=4)
    y = alt.Y("v:Q", scale=alt.Scale(zero=False, nice=True), axis=axis)
    told, came = alt.Chart(_middles(expected)), alt.Chart(_middles(realised))
    layers = [
        told.mark_area(color=BLUE, opacity=0.18).encode(x=frame.x(), y=alt.Y("a:Q", axis=axis), y2="b:Q"),
        told.mark_line(color=BLUE, strokeWidth=1.75).encode(x=frame.x(), y=y),
        came.mark_rule(color=VERMILLION, opacity=0.45).encode(x=frame.x(), y=alt.Y("a:Q", axis=axis), y2="b:Q"),
        came.mark_point(filled=True, opacity=1, color=VERMILLION, size=26).encode(x=frame.x(), y=y),
    ]
    return frame.panel(*layers, height=120)


def lost(
    frame: Frame, title: str, currency: str, realised: Sequence[Point], expected: Sequence[Point]
) -> alt.LayerChart:
    """Money lost a day as bars with intervals: what is known, and paler what is estimated."""
    axis = money_axis(title, currency, ticks=4, **_FIXED)
    layers = [alt.Chart(rows([{"v": 0}])).mark_rule(color=MUTED, opacity=0.8).encode(y=alt.Y("v:Q", axis=axis))]
    for points, opacity in ((expected, 0.35), (realised, 0.85)):
        layers.append(
            alt.Chart(_bars(points))
            .mark_bar(color=VERMILLION, opacity=opacity)
            .encode(x=frame.x(), x2="u:T", y=alt.Y("v:Q", axis=axis), y2=alt.datum(0))
        )
        whiskers = alt.Chart(_middles(points)).mark_rule(color=INK, opacity=0.4)
        layers.append(whiskers.encode(x=frame.x(), y=alt.Y("a:Q", axis=axis), y2="b:Q"))
    return frame.panel(*layers, height=110)


def strip(frame: Frame, names: Sequence[str], squares: Sequence[Square]) -> alt.LayerChart:
    """A row for each column, a square for each day: darker the nearer to its limit, in another colour where it rings.

    Args:
        frame: What all panels share; the axis of time is written below this one.
        names: Of the rows, from the top down.
        squares: Of the rows and days that were looked at.
    """
    known = {name: _shortened(name, names) for name in names}
    y = alt.Y("row:N", sort=list(known.values()), scale=alt.Scale(domain=list(known.values())), axis=_named())
    quiet, loud = (
        rows(
            {"row": known[one.row], "t": one.begin // 1000, "u": one.begin // 1000 + DAY, "s": min(max(one.ratio, 0.0), 1.0)}
            for one in squares
            if one.rings is rings and math.isfinite(one.ratio)
        )
        for rings in (False, True)
    )  # fmt: skip
    strength = alt.Opacity("s:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.75]), legend=None)
    layers = [
        alt.Chart(data).mark_rect(color=colour, stroke=None).encode(
            x=frame.x(labels=True), x2="u:T", y=y, opacity=strength if colour == BLUE else alt.value(0.9)
        )
        for data, colour in ((quiet, BLUE), (loud, VERMILLION))
    ]  # fmt: skip
    return frame.panel(*layers, height=max(len(known), 1) * 17, labels=True)


_FIXED: dict[str, Any] = {"minExtent": _LABELS - 14, "maxExtent": _LABELS - 14, "titleX": -(_LABELS - 14)}


def _side(title: str, **more: Any) -> alt.Axis:
    return alt.Axis(title=title, **_FIXED, **more)


def _named() -> alt.Axis:
    """An axis of names, as wide as the others."""
    return alt.Axis(title=None, labelColor=INK, labelFontSize=11, labelLimit=_LABELS - 16, minExtent=_LABELS - 14, maxExtent=_LABELS - 14)  # fmt: skip


def _shortened(name: str, names: Sequence[str]) -> str:
    """*name* where there is room for it, or its beginning and end, unless another one would be called the same."""
    if len(name) <= _SHORT:
        return name
    cut = _cut(name)
    return cut if sum(_cut(one) == cut for one in names) == 1 else name


def _cut(name: str) -> str:
    return name if len(name) <= _SHORT else f"{name[: _SHORT // 2]}…{name[-(_SHORT // 2 - 1) :]}"


def _bars(points: Sequence[Point]) -> alt.InlineData:
    return rows(
        {"t": one.begin // 1000 + DAY // 10, "u": one.end // 1000 - DAY // 10, "v": one.value}
        for one in points
        if math.isfinite(one.value)
    )


def _middles(points: Sequence[Point]) -> alt.InlineData:
    return rows(
        {"t": (one.begin + one.end) // 2000, "v": one.value, "a": one.low, "b": one.high}
        for one in points
        if math.isfinite(one.value)
    )

"""What retraining policies would have brought over time, and when each would have acted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.axes import money_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.palette import AMBER, BLUE, GREEN, GREY, INK, MUTED, VERMILLION
from vigie.report.theme import WIDTH

COLOURS = (BLUE, VERMILLION, GREEN, AMBER, GREY)
"""Of policies, in order; from the fifth on all are alike."""
ROLES = ("blue", "vermillion", "green", "amber", "grey")
"""The same as roles of the palette."""


@dataclass(frozen=True, slots=True)
class Path:
    """One policy over time.

    Attributes:
        label: Its words.
        moments: µs since 1970 UTC.
        values: Money at each.
        low: Lower ends of intervals; empty: none are drawn.
        high: Upper ends.
        colour: Number in :data:`COLOURS`.
    """

    label: str
    moments: Sequence[int]
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int = 0


def money_paths(paths: Sequence[Path], title: str, currency: str, *, width: int, height: int = 300) -> alt.LayerChart:
    """Money by time, a line for each policy; a band where one has intervals.

    Args:
        paths: At least one.
        title: What the money is.
        currency: ISO 4217 code.
        width: Pixels.
        height: Pixels.
    """
    x = alt.X("t:T", axis=alt.Axis(title=None, tickCount=8 if width > WIDTH else 4))
    layers: list[alt.Chart] = [alt.Chart(rows([{"v": 0}])).mark_rule(color=MUTED, opacity=0.8).encode(y="v:Q")]
    y = alt.Y("v:Q", axis=money_axis(title, currency))
    for path in paths:
        if path.low:
            band = rows(
                {"t": t // 1000, "v": a, "b": b} for t, a, b in zip(path.moments, path.low, path.high, strict=True)
            )
            shade = alt.Chart(band).mark_area(color=_colour(path), opacity=0.14)
            layers.append(shade.encode(x=x, y=y, y2="b:Q"))
    for path in paths:
        data = rows({"t": t // 1000, "v": v} for t, v in zip(path.moments, path.values, strict=True))
        line = alt.Chart(data).mark_line(color=_colour(path), strokeWidth=2.25, interpolate="step-after")
        layers.append(line.encode(x=x, y=y))
    return layered(*layers, width=width, height=height)


def _colour(path: Path) -> str:
    return COLOURS[min(path.colour, len(COLOURS) - 1)]


@dataclass(frozen=True, slots=True)
class Lane:
    """What a policy would have done.

    Attributes:
        label: Its words.
        released: When new models came to answer, µs.
        refused: When one was trained and did not pass, µs.
        alarms: Beginning and end of each stretch in which something rang, µs.
    """

    label: str
    released: Sequence[int]
    refused: Sequence[int]
    alarms: Sequence[tuple[int, int]]


def lanes(found: Sequence[Lane], begin: int, end: int, changes: Sequence[int] = (), *, width: int) -> alt.LayerChart:
    """A lane for each policy: bars where something rang, a diamond for each release, a triangle for each refusal.

    Args:
        found: From the top down.
        begin: First moment, µs.
        end: Last moment, µs.
        changes: Moments that are marked by a line, µs.
        width: Pixels.
    """
    scale = alt.Scale(domain=[begin // 1000, end // 1000])
    x = alt.X("t:T", scale=scale, axis=alt.Axis(title=None, tickCount=8 if width > WIDTH else 4))
    y = alt.Y(
        "label:N", sort=[one.label for one in found], scale=alt.Scale(domain=[one.label for one in found]),
        axis=alt.Axis(title=None, labelColor=INK, labelFontSize=13),
    )  # fmt: skip
    bars = rows({"label": one.label, "t": a // 1000, "u": b // 1000} for one in found for a, b in one.alarms)
    layers: list[alt.Chart] = [
        alt.Chart(bars).mark_bar(color=VERMILLION, opacity=0.3, size=12).encode(x=x, x2="u:T", y=y)
    ]
    if changes:
        at = rows({"t": one // 1000} for one in changes)
        layers.append(alt.Chart(at).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=x))
    marks = (("released", GREEN, "diamond", 110), ("refused", GREY, "triangle-down", 70))
    for kind, colour, shape, size in marks:
        data = rows({"label": one.label, "t": t // 1000} for one in found for t in getattr(one, kind))
        points = alt.Chart(data).mark_point(filled=True, opacity=1, color=colour, shape=shape, size=size)
        layers.append(points.encode(x=x, y=y))
    return layered(*layers, width=width, height=50 + 34 * len(found))


def estimated_and_realised(
    moments: Sequence[int],
    estimated: Sequence[tuple[float, float, float]],
    realised: Sequence[float],
    *,
    width: int,
) -> alt.LayerChart:
    """AUC as it was estimated, with its interval, and as it came.

    Args:
        moments: µs since 1970 UTC.
        estimated: Value and ends of the interval.
        realised: What came; NaN where not known.
        width: Pixels.
    """
    told = list(zip(moments, estimated, realised, strict=True))
    data = rows({"t": t // 1000, "v": e[0], "a": e[1], "b": e[2], "r": r} for t, e, r in told)
    scale = alt.Scale(zero=False)
    x = alt.X("t:T", axis=alt.Axis(title=None, tickCount=8 if width > WIDTH else 4))
    base = alt.Chart(data)
    band = base.mark_area(color=BLUE, opacity=0.18).encode(x=x, y=alt.Y("a:Q", scale=scale), y2="b:Q")
    line = base.mark_line(color=BLUE).encode(
        x=x, y=alt.Y("v:Q", scale=scale, axis=alt.Axis(title=say("AUC"), format=".2f", tickCount=5))
    )
    dots = base.mark_point(filled=True, size=46, opacity=1, color=VERMILLION).encode(x=x, y=alt.Y("r:Q", scale=scale))
    return layered(band, line, dots, width=width, height=260)

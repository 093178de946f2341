"""Shares of categories as a pie; two of them show categories before and after rare ones are grouped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from vigie.report.charts.layers import layered, rows
from vigie.report.palette import AMBER, BLUE, GREEN, GREY, MUTED, SURFACE, VERMILLION
from vigie.report.theme import WIDTH

RADIUS, ROW = 62, 15
"""Pixels: of the pie, and between two labels."""
LABELLED = 0.02
"""Share from which a slice has a label."""
_HUES = (BLUE, GREEN, AMBER, MUTED)


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of a pie.

    Attributes:
        label: Its words.
        count: Its rows.
        style: ``"kept"``, ``"rare"`` (red) or ``"missing"`` (grey).
    """

    label: str
    count: int
    style: str = "kept"


def pie(slices: Sequence[Slice], *, width: int = WIDTH) -> alt.LayerChart:
    """A pie, clockwise from the top, with names and shares beside the slices that are not too thin.

    Args:
        slices: At least one; colours go by their order, so that two pies in one order have the same colours.
        width: Pixels.
    """
    total = sum(s.count for s in slices) or 1
    centre, middle = width / 2, RADIUS + 24
    data: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    right: list[dict[str, Any]] = []
    turned = 0.0
    for number, one in enumerate(slices):
        share = one.count / total
        start, turned = turned, turned + 2 * math.pi * share
        # Angles are worked out here: every slice stands where the order says, whatever its colour.
        data.append({"a": start, "b": turned, "c": _colour(one, number), "o": 0.95 - 0.22 * (number // len(_HUES) % 3)})
        if share >= LABELLED:
            angle = (start + turned) / 2
            side = right if angle <= math.pi else left
            name = one.label if len(one.label) <= 22 else f"{one.label[:21]}…"
            side.append({"t": f"{name}  {share:.0%}", "angle": angle, "y": middle - (RADIUS + 10) * math.cos(angle)})
    base = alt.Chart(rows(data))
    arc = base.mark_arc(outerRadius=RADIUS, stroke=SURFACE, strokeWidth=1.2, x=centre, y=middle).encode(
        theta=alt.Theta("a:Q", scale=None, stack=None),
        theta2="b:Q",
        color=alt.Color("c:N", scale=None),
        opacity=alt.Opacity("o:Q", scale=None, legend=None),
    )
    height = 2 * middle
    return layered(
        arc,
        *_labels(right, centre, middle, 1, height),
        *_labels(left, centre, middle, -1, height),
        width=width,
        height=height,
    )


def _colour(one: Slice, number: int) -> str:
    if one.style == "kept":
        return _HUES[number % len(_HUES)]
    return VERMILLION if one.style == "rare" else GREY


def _labels(words: list[dict[str, Any]], centre: float, middle: float, side: int, height: float) -> list[alt.Chart]:
    """Labels of one side, pushed apart where they would touch, each beside its slice."""
    if not words:
        return []
    words.sort(key=lambda word: word["y"])
    least = 6.0
    for word in words:
        least = word["y"] = max(word["y"], least)
        least += ROW
    most = height - 6.0
    for word in reversed(words):
        most = word["y"] = min(word["y"], most)
        most -= ROW
    for word in words:
        # As far out as the pie is wide at that height.
        reach = math.sqrt(max((RADIUS + 10) ** 2 - (word["y"] - middle) ** 2, 0.0))
        word["x"] = centre + side * max(reach, 12.0)
    mark = alt.Chart(rows({"t": w["t"], "x": w["x"], "y": w["y"]} for w in words)).mark_text(
        fontSize=11, align="left" if side > 0 else "right", baseline="middle"
    )
    x, y = alt.X("x:Q", scale=None, axis=None), alt.Y("y:Q", scale=None, axis=None)
    return [mark.encode(x=x, y=y, text="t:N")]

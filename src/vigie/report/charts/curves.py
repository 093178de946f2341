"""Curves of how well customers are ranked and how true the probabilities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.axes import share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.palette import BLUE, GREEN, GREY, INK
from vigie.report.theme import WIDTH

Curve = Sequence[tuple[float, float]]
"""Points from left to right."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Customers who were given about the same probability.

    Attributes:
        predicted: Their mean probability.
        observed: Share whose outcome is true.
        low: Lower end of the 95 % interval of *observed*.
        high: Upper end.
        count: How many they are.
    """

    predicted: float
    observed: float
    low: float
    high: float
    count: int


DIAGONAL: Curve = ((0, 0), (1, 1))
"""What choosing at random gives."""

HEIGHT = 320
"""Pixels of a curve's height: nearly square, so that slopes can be read."""


def roc_curve(curve: Curve, others: Mapping[str, Curve], decision: tuple[float, float] | None) -> alt.LayerChart:
    """How many of the positives are found for how many negatives disturbed.

    Args:
        curve: ``(share of negatives, share of positives)`` of the model.
        others: The same of candidates it was chosen over, drawn in grey.
        decision: Where the chosen decision lies.
    """
    return _square(
        curve,
        others,
        decision,
        x=say("False alarms: share of the others acted on"),
        y=say("Share of the positives found"),
        chance=DIAGONAL,
    )


def precision_recall_curve(
    curve: Curve, others: Mapping[str, Curve], decision: tuple[float, float] | None, rate: float
) -> alt.LayerChart:
    """How pure the group acted on is for each share of the positives found.

    Args:
        curve: ``(recall, precision)`` of the model.
        others: The same of candidates it was chosen over.
        decision: Where the chosen decision lies.
        rate: Share of positives among all: what picking at random gives.
    """
    return _square(
        curve,
        others,
        decision,
        x=say("Recall: share of the positives found"),
        y=say("Precision: share of positives among those acted on"),
        chance=((0, rate), (1, rate)),
    )


def gains_curve(curve: Curve, others: Mapping[str, Curve], decision: tuple[float, float] | None) -> alt.LayerChart:
    """Share of all positives that are reached by acting on the customers with the highest scores.

    Args:
        curve: ``(share of customers, share of positives)`` of the model.
        others: The same of candidates it was chosen over.
        decision: Where the chosen decision lies.
    """
    return _square(
        curve,
        others,
        decision,
        x=say("Share acted on, highest scores first"),
        y=say("Share of the positives found"),
        chance=DIAGONAL,
    )


def calibration_curve(points: Sequence[Reliability]) -> alt.LayerChart:
    """Predicted probability against what happened, in groups of equal size, with 95 % intervals."""
    top = max([0.05, *(max(p.predicted, p.high) for p in points)])
    top = min(1.0, top * 1.05)
    scale = alt.Scale(domain=[0, top], nice=True)
    data = rows({"p": p.predicted, "o": p.observed, "low": p.low, "high": p.high, "n": p.count} for p in points)
    diagonal = (
        alt.Chart(rows([{"x": 0, "y": 0}, {"x": top, "y": top}]))
        .mark_line(strokeDash=[4, 4], strokeWidth=1.5, color=GREY)
        .encode(x="x:Q", y="y:Q")
    )
    x = alt.X("p:Q", scale=scale, axis=share_axis(say("Predicted probability")))
    band = alt.Chart(data).mark_area(color=BLUE, opacity=0.16).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    bars = (
        alt.Chart(data).mark_rule(color=BLUE, strokeWidth=1.2, opacity=0.7).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    )
    dots = (
        alt.Chart(data)
        .mark_point(filled=True, size=55, color=BLUE, opacity=1)
        .encode(x=x, y=alt.Y("o:Q", scale=scale, axis=share_axis(say("Share that came true"))))
    )
    return layered(diagonal, band, bars, dots, width=WIDTH, height=HEIGHT)


def _square(
    curve: Curve, others: Mapping[str, Curve], decision: tuple[float, float] | None, *, x: str, y: str, chance: Curve
) -> alt.LayerChart:
    unit = alt.Scale(domain=[0, 1])
    across = alt.X("x:Q", scale=unit, axis=share_axis(x))
    up = alt.Y("y:Q", scale=unit, axis=share_axis(y))
    ends = rows({"x": a, "y": b} for a, b in chance)
    layers = [alt.Chart(ends).mark_line(strokeDash=[4, 4], strokeWidth=1.5, color=GREY).encode(x=across, y=up)]
    layers.extend(
        alt.Chart(_points(points)).mark_line(strokeWidth=1.2, color=GREY, opacity=0.7).encode(x=across, y=up)
        for points in others.values()
    )
    layers.append(alt.Chart(_points(curve)).mark_line(strokeWidth=2.5, color=BLUE).encode(x=across, y=up))
    if decision is not None:
        at = rows([{"x": decision[0], "y": decision[1]}])
        layers.append(alt.Chart(at).mark_point(filled=True, size=110, color=GREEN, opacity=1).encode(x=across, y=up))
        right = decision[0] < 0.72
        layers.append(
            alt.Chart(at)
            .mark_text(
                text=say("decision"), align="left" if right else "right", dx=10 if right else -10, dy=9, color=INK
            )
            .encode(x=across, y=up)
        )
    return layered(*layers, width=WIDTH, height=HEIGHT)


def _points(curve: Curve) -> alt.InlineData:
    return rows({"x": round(x, 4), "y": round(y, 4)} for x, y in curve)

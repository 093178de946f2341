"""What decisions earn: strategies beside each other, and the curve over the share of customers acted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.axes import money_axis, share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.numerals import money
from vigie.report.palette import BLUE, GREEN, GREY, INK, MUTED
from vigie.report.theme import WIDTH


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to decide and what it brought.

    Attributes:
        label: Its words.
        share: Share, 0 … 1, of the customers acted on.
        value: Money for one customer.
        chosen: Whether it is the one proposed.
    """

    label: str
    share: float
    value: float
    chosen: bool = False


def strategies_bars(strategies: Sequence[Strategy], currency: str, *, width: int = WIDTH) -> alt.LayerChart:
    """Money for one customer under each strategy, in the order given.

    Args:
        strategies: At least one.
        currency: ISO 4217 code of the values.
        width: Pixels.
    """
    data = rows(
        {"label": s.label, "value": s.value, "chosen": s.chosen, "text": money(s.value, currency)} for s in strategies
    )
    values = [s.value for s in strategies]
    low, high = min(0.0, *values), max(0.0, *values)
    room = (high - low or 1.0) * 0.3  # for the amounts written at the ends of the bars
    scale = alt.Scale(domain=[low - (room if low < 0 else 0), high + (room if high > 0 else 0)], nice=False)
    colour = alt.condition("datum.chosen", alt.value(BLUE), alt.value(GREY))
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelColor=INK, labelFontSize=13, labelLimit=190))
    x = alt.X("value:Q", scale=scale, axis=None)
    base = alt.Chart(data)
    bars = base.mark_bar(size=17).encode(x=x, y=y, color=colour)
    losing, proposed = "(datum.value < 0)", "datum.chosen"
    amounts = [
        _amounts(base, f"!{losing} && !{proposed}").encode(x=x, y=y),
        _amounts(base, f"!{losing} && {proposed}", bold=True).encode(x=x, y=y),
        _amounts(base, f"{losing} && !{proposed}", left=True).encode(x=x, y=y),
        _amounts(base, f"{losing} && {proposed}", left=True, bold=True).encode(x=x, y=y),
    ]
    zero = alt.Chart(rows([{"zero": 0}])).mark_rule(color=MUTED).encode(x="zero:Q")
    return layered(bars, *amounts, zero, width=width, height=26 + 30 * len(strategies))


def earnings_curve(
    curve: Sequence[tuple[float, float]],
    strategies: Sequence[Strategy],
    currency: str,
    *,
    act: str,
    unit: str = "customer",
    width: int,
    height: int = 340,
) -> alt.LayerChart:
    """Money for one customer by the share acted on, best customers first, with each strategy as a mark.

    Args:
        curve: ``(share acted on, money for one customer)``.
        strategies: Marks; a mark off the curve ranks customers otherwise or decides otherwise.
        currency: ISO 4217 code.
        act: What acting is, in the infinitive: ``"contact"``.
        unit: Of what a value is.
        width: Pixels.
        height: Pixels.
    """
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[-0.012, 1.012], nice=False),
        axis=share_axis(say("Share to {act}, best first", act=act), ticks=10 if width > WIDTH else 5),
    )
    heights = [y for _, y in curve] + [s.value for s in strategies]
    y = alt.Y(
        "y:Q", scale=alt.Scale(domain=_padded(heights)), axis=money_axis(say("Earned per {unit}", unit=unit), currency)
    )
    line = alt.Chart(rows({"x": round(a, 4), "y": b} for a, b in curve)).mark_line(strokeWidth=2.5, color=BLUE)
    zero = alt.Chart(rows([{"y": 0}])).mark_rule(color=MUTED, opacity=0.8).encode(y=alt.Y("y:Q"))
    marks = rows({"x": s.share, "y": s.value, "label": s.label, "chosen": s.chosen} for s in strategies)
    dots = (
        alt.Chart(marks)
        .mark_point(filled=True, opacity=1, size=110)
        .encode(
            x=x,
            y=y,
            color=alt.condition("datum.chosen", alt.value(GREEN), alt.value(INK)),
            shape=alt.condition("datum.chosen", alt.value("circle"), alt.value("diamond")),
        )
    )
    labels = [
        alt.Chart(rows([{"x": s.share, "y": s.value}]))
        .mark_text(
            text=s.label,
            align="left" if s.share < 0.55 else "right",
            dx=10 if s.share < 0.55 else -10,
            dy=_lift(s, strategies, heights, height),
            fontWeight="bold" if s.chosen else "normal",
        )
        .encode(x=x, y=y)
        for s in strategies
    ]
    drop = (
        alt.Chart(rows({"x": s.share} for s in strategies if s.chosen))
        .mark_rule(color=GREEN, strokeDash=[3, 3])
        .encode(x=x)
    )
    return layered(zero, drop, line.encode(x=x, y=y), dots, *labels, width=width, height=height)


def _amounts(base: alt.Chart, which: str, *, left: bool = False, bold: bool = False) -> alt.Chart:
    mark = base.transform_filter(which).mark_text(
        align="right" if left else "left", dx=-6 if left else 6, fontSize=13, fontWeight="bold" if bold else "normal"
    )
    chart: alt.Chart = mark.encode(text="text:N")
    return chart


def _padded(values: Sequence[float]) -> list[float]:
    low, high = min(0.0, *values), max(0.0, *values)
    room = (high - low or 1.0) * 0.12
    return [low - room, high + room]


def _lift(strategy: Strategy, strategies: Sequence[Strategy], heights: Sequence[float], height: int) -> int:
    """Pixels that a label is moved down: the chosen one stands above the curve, the others below their mark."""
    if strategy.chosen:
        return -16
    low, high = _padded(heights)
    crowded = any(
        not s.chosen
        and abs(s.share - strategy.share) < 0.3
        and 0 <= (strategy.value - s.value) / (high - low) * height < 26
        and s is not strategy
        for s in strategies
    )
    return 0 if crowded else 16

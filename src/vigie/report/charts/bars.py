"""Bars and dots that compare named things: features, candidates, tenths of the customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from vigie.report.charts.axes import money_axis, share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.language import say
from vigie.report.palette import BLUE, GREY, INK, PALE, VERMILLION
from vigie.report.theme import WIDTH


@dataclass(frozen=True, slots=True)
class Spread:
    """A value with what it varies by.

    Attributes:
        label: Of what.
        value: Its mean.
        low: Lower end.
        high: Upper end.
        chosen: Whether it stands out.
    """

    label: str
    value: float
    low: float
    high: float
    chosen: bool = False


def importance_bars(features: Sequence[Spread], *, width: int, title: str = "") -> alt.LayerChart:
    """How much worse customers are ranked when a feature is shuffled; the line is one standard deviation each way.

    Args:
        features: The most important first.
        width: Pixels.
        title: Of the axis, where it is another measure.
    """
    data = rows({"label": f.label, "value": f.value, "low": f.low, "high": f.high} for f in features)
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelColor=INK, labelLimit=260 if width > WIDTH else 170))
    x = alt.X(
        "value:Q",
        axis=alt.Axis(
            title=title or say("Drop in AUC when the feature is shuffled"), format=".3~f", tickCount=5, grid=True
        ),
    )
    bars = alt.Chart(data).mark_bar(size=13, color=BLUE).encode(x=x, y=y)
    lines = alt.Chart(data).mark_rule(color=INK, strokeWidth=1.5).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    return layered(bars, lines, width=width, height=56 + 22 * len(features))


def candidates_dots(
    candidates: Sequence[Spread], title: str, *, currency: str | None = None, width: int = WIDTH
) -> alt.LayerChart:
    """Candidates from simple to complex: mean of the folds, and one standard deviation each way.

    Args:
        candidates: In the order of their complexity.
        title: What is compared.
        currency: ISO 4217 code where it is money; ``None`` for a plain number.
        width: Pixels.
    """
    data = rows(
        {"label": c.label, "value": c.value, "low": c.low, "high": c.high, "chosen": c.chosen} for c in candidates
    )
    axis = (
        money_axis(title, currency, ticks=4, grid=True)
        if currency
        else alt.Axis(title=title, format=".3~f", tickCount=4, grid=True)
    )
    scale = alt.Scale(zero=False, nice=True, padding=12)
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelColor=INK, labelLimit=190))
    colour = alt.condition("datum.chosen", alt.value(BLUE), alt.value(GREY))
    lines = (
        alt.Chart(data).mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colour)
    )
    dots = (
        alt.Chart(data)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(x=alt.X("value:Q", scale=scale, axis=axis), y=y, color=colour)
    )
    return layered(lines, dots, width=width, height=62 + 28 * len(candidates))


def missing_bars(features: Sequence[tuple[str, float, float]], *, positive: str, negative: str) -> alt.LayerChart:
    """Share of missing values by outcome.

    Args:
        features: ``(name, share among positives, share among negatives)``, shares 0 … 1.
        positive: What a true outcome is called.
        negative: What a false one is called.
    """
    ends = rows({"label": n, "p": p, "n": q} for n, p, q in features)
    dots = rows(
        {"label": name, "share": share, "who": who}
        for name, p, n in features
        for share, who in ((p, positive), (n, negative))
    )
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelColor=INK))
    scale = alt.Scale(domainMin=0, nice=True)
    x = alt.X("share:Q", scale=scale, axis=share_axis(say("Share of values missing"), grid=True))
    span = alt.Chart(ends).mark_rule(strokeWidth=3, color=PALE).encode(x=alt.X("p:Q", scale=scale), x2="n:Q", y=y)
    colour = alt.Color("who:N", scale=alt.Scale(domain=[positive, negative], range=[VERMILLION, BLUE]), legend=None)
    shape = alt.Shape("who:N", scale=alt.Scale(domain=[positive, negative], range=["diamond", "circle"]), legend=None)
    points = alt.Chart(dots).mark_point(filled=True, size=70, opacity=1).encode(x=x, y=y, color=colour, shape=shape)
    return layered(span, points, width=WIDTH, height=62 + 22 * len(features))


def tenths_bars(rates: Sequence[float], average: float) -> alt.LayerChart:
    """Share of positives in each tenth of the customers, highest scores first, and among all.

    Args:
        rates: One for each tenth, 0 … 1.
        average: Among all customers.
    """
    data = rows({"tenth": str(number), "rate": rate} for number, rate in enumerate(rates, 1))
    top = max([average, *rates, 1e-9]) * 1.15
    y = alt.Y("rate:Q", scale=alt.Scale(domain=[0, top]), axis=share_axis(say("Share of positives in the tenth")))
    x = alt.X("tenth:O", sort=None, axis=alt.Axis(title=say("Tenths, highest scores first"), labelAngle=0))
    base = alt.Chart(data)
    bars = base.mark_bar(size=24, color=BLUE).encode(x=x, y=y)
    text = base.mark_text(dy=-7, fontSize=11).encode(x=x, y=y, text=alt.Text("rate:Q", format=".0%"))
    line = alt.Chart(rows([{"y": average}])).mark_rule(strokeDash=[4, 4], color=INK).encode(y="y:Q")
    return layered(line, bars, text, width=WIDTH, height=320)

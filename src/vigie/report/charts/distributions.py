"""Distributions by outcome: of the score, and of one feature in the small."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from vigie.report.charts.axes import share_axis
from vigie.report.charts.layers import layered, rows
from vigie.report.condense import Bin
from vigie.report.language import say
from vigie.report.numerals import percent
from vigie.report.palette import BLUE, INK, MUTED, VERMILLION
from vigie.report.theme import WIDTH

MINI = 250
"""Pixels of a small multiple's width."""


def score_histogram(bins: Sequence[Bin], *, threshold: float | None) -> alt.LayerChart:
    """Predicted probability of customers whose outcome was true and false, each adding up to 100 %.

    Args:
        bins: At most 40.
        threshold: Probability from which customers are acted on, where it is the same for all.
    """
    x = alt.X("v:Q", axis=share_axis(say("Predicted probability")), scale=alt.Scale(nice=False))
    layers = _outlines(bins, x, alt.Y("s:Q", axis=share_axis(say("Share of each group"))), opacity=0.3)
    if threshold is not None and bins[0].low <= threshold <= bins[-1].high:
        at = alt.Chart(rows([{"v": threshold}]))
        layers.append(at.mark_rule(color=INK, strokeDash=[4, 4]).encode(x=x))
        right = threshold < (bins[0].low + bins[-1].high) / 2
        label = at.mark_text(
            text=say("decision"), align="left" if right else "right", dx=6 if right else -6, y=8, baseline="top"
        )
        layers.append(label.encode(x=x))
    return layered(*layers, width=WIDTH, height=320)


def number_mini(bins: Sequence[Bin], *, dates: bool = False) -> alt.LayerChart:
    """One numeric feature by outcome, each adding up to 100 %.

    Args:
        bins: Of the feature's values; of milliseconds since 1970 where *dates*.
        dates: Whether the values are moments.
    """
    wide = max(abs(bins[0].low), abs(bins[-1].high)) >= 10_000
    # A bin for each whole number: its tick stands in its middle, and nothing is between.
    whole = not dates and all(b.high - b.low == 1 and (b.low + 0.5).is_integer() for b in bins)
    axis = alt.Axis(
        title=None,
        tickCount=4,
        labelFontSize=11,
        format="%b %Y" if dates else "~s" if wide else ",.4~r",
        values=[b.low + 0.5 for b in bins][:: len(bins) // 8 + 1] if whole else alt.Undefined,
    )
    x = alt.X(
        "v:T" if dates else "v:Q",
        axis=axis,
        scale=alt.Scale(nice=False, zero=False, domain=[bins[0].low, bins[-1].high]),
    )
    layers = _outlines(bins, x, alt.Y("s:Q", axis=None), opacity=0.22)
    return layered(*layers, width=MINI, height=96)


def category_mini(groups: Sequence[tuple[str, float, float, float]]) -> alt.LayerChart:
    """The share of positives in each category, most frequent first, and how many customers have it.

    Args:
        groups: ``(category, share of the customers, share of positives among them, share of positives among all)``.
    """
    top = max([1e-9, *(max(rate, average) for _, _, rate, average in groups)])
    data = rows(
        {
            "label": label,
            "size": size,
            "rate": rate,
            "at": max(rate, average),
            "text": percent(rate, 0 if rate >= 0.1 else 1),
        }
        for label, size, rate, average in groups
    )
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelFontSize=11, labelColor=INK, labelLimit=112))
    x = alt.X("rate:Q", scale=alt.Scale(domain=[0, top * 1.3], nice=False), axis=None)
    base = alt.Chart(data)
    bars = base.mark_bar(color=VERMILLION).encode(x=x, y=y, size=alt.value(9))
    text = base.mark_text(align="left", dx=4, fontSize=11, color=MUTED).encode(x=alt.X("at:Q"), y=y, text="text:N")
    average = alt.Chart(rows([{"a": groups[0][3]}])).mark_rule(color=INK, strokeDash=[3, 2]).encode(x="a:Q")
    return layered(bars, text, average, width=MINI, height=14 + 19 * len(groups))


def _outlines(bins: Sequence[Bin], x: alt.X, y: alt.Y, *, opacity: float) -> list[alt.Chart]:
    layers = []
    for colour, shares in ((BLUE, [b.negative for b in bins]), (VERMILLION, [b.positive for b in bins])):
        # Down to zero at both ends, so that the outline closes.
        edges = [bins[0].low, *(b.low for b in bins), bins[-1].high, bins[-1].high]
        heights = [0.0, *shares, shares[-1], 0.0]
        data = rows({"v": v, "s": round(float(s), 5)} for v, s in zip(edges, heights, strict=True))
        mark = alt.Chart(data).mark_area(
            interpolate="step-after",
            color=colour,
            opacity=opacity,
            line=alt.OverlayMarkDef(color=colour, strokeWidth=1.6, interpolate="step-after", opacity=1),
        )
        layers.append(mark.encode(x=x, y=y))
    return layers

"""Every chart can be drawn offline, in the house colours, small, and without anything that loads or runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import altair as alt
import pytest

from vigie.report import svg
from vigie.report.charts import bars, curves, distributions, heatmap, money, timeline
from vigie.report.condense import Bin
from vigie.report.palette import DARK, GREY, GRID, INK, MUTED, PALE, SURFACE, VARIABLES

HOSTILE = "<script>alert('x')</script> & \"so\" on"
LINE = [(0.0, 0.0), (0.3, 0.6), (1.0, 1.0)]
STRATEGIES = [money.Strategy(HOSTILE, 0, 0), money.Strategy("All", 1, -5), money.Strategy("Vigie", 0.3, 4.2, True)]
BINS = [Bin(-0.5, 0.5, 0.7, 0.4, 9), Bin(0.5, 1.5, 0.3, 0.6, 7)]
DAY = 86_400_000_000
PERIODS = [timeline.Period(i * 30 * DAY, 0.2, 0.1, 0.3, 50) for i in range(5)]
SPREADS = [bars.Spread(HOSTILE, 0.4, 0.3, 0.5), bars.Spread("b", -0.1, -0.1, -0.1, True)]

CHARTS: dict[str, Callable[[], Any]] = {
    "roc": lambda: curves.roc_curve(LINE, {"other": LINE}, (0.3, 0.6)),
    "roc of nothing": lambda: curves.roc_curve([], {}, None),
    "precision-recall": lambda: curves.precision_recall_curve(LINE, {}, (0.9, 0.6), 0.2),
    "gains": lambda: curves.gains_curve(LINE, {}, None),
    "calibration": lambda: curves.calibration_curve([curves.Reliability(0.1, 0.2, 0.1, 0.3, 50)]),
    "strategies": lambda: money.strategies_bars(STRATEGIES, "CHF"),
    "one strategy": lambda: money.strategies_bars([money.Strategy("Vigie", 0, 0, True)], "EUR"),
    "earnings": lambda: money.earnings_curve(LINE, STRATEGIES, "EUR", act="contact", width=800),
    "importance": lambda: bars.importance_bars(SPREADS, width=400),
    "candidates in money": lambda: bars.candidates_dots(SPREADS, "Earned", currency="EUR"),
    "candidates": lambda: bars.candidates_dots(SPREADS, "AUC"),
    "missing": lambda: bars.missing_bars([(HOSTILE, 0.001, 0.002)], positive="churns: yes", negative="churns: no"),
    "tenths": lambda: bars.tenths_bars([0.5, 0.2, 0.0], 0.2),
    "score": lambda: distributions.score_histogram(BINS, threshold=0.4),
    "number": lambda: distributions.number_mini(BINS),
    "large number": lambda: distributions.number_mini([Bin(0, 1e6, 1, 1, 3)]),
    "date": lambda: distributions.number_mini([Bin(0, 1e11, 1, 1, 3)], dates=True),
    "category": lambda: distributions.category_mini([(HOSTILE, 0.5, 0.2, 0.1), ("b", 0.5, 0.0, 0.1)]),
    "rate": lambda: timeline.rate_over_time(PERIODS, 60 * DAY, 120 * DAY),
    "count": lambda: timeline.count_over_time(PERIODS, None, None),
    "correlation": lambda: heatmap.correlation_heatmap(
        ["a", HOSTILE, "c"], [[1, 0.5, -0.9], [0.5, 1, float("nan")], [-0.9, float("nan"), 1]], width=400
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_small_safe_and_labelled(name: str) -> None:
    drawn = svg.inline(CHARTS[name](), f"What is seen: {HOSTILE}").markup
    assert drawn.startswith("<svg viewBox=") and drawn.endswith("</svg>")
    assert 'role="img"' in drawn and "aria-label=" in drawn
    assert "<script" not in drawn and "http" not in drawn and "NaN" not in drawn
    assert len(drawn) < 20_000


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_fits_the_schema(name: str) -> None:
    CHARTS[name]().to_dict(validate=True)


@pytest.mark.parametrize("name", CHARTS)
def test_every_colour_of_a_chart_follows_the_page(name: str) -> None:
    drawn = svg.inline(CHARTS[name](), "chart").markup
    named = set(re.findall(r"var\(--(\w+)\)", drawn))
    assert named and named <= set(VARIABLES.values())
    assert not re.findall(r'(?:fill|stroke)="(?:#|rgb|black|white)', drawn)


def test_money_is_written_with_its_currency_and_ends_of_bars_are_labelled() -> None:
    drawn = svg.inline(CHARTS["strategies"](), "chart").markup
    assert "−CHF\u202f5.00" in drawn and "CHF\u202f4.20" in drawn
    assert "€" in svg.inline(CHARTS["earnings"](), "chart").markup


def test_the_same_chart_is_drawn_the_same_and_two_charts_share_no_id() -> None:
    clipped = CHARTS["earnings"]().properties()
    for layer in clipped.layer:
        layer.mark = alt.MarkDef(type="line", clip=True)
    one, again = (svg.inline(clipped, "a").markup for _ in range(2))
    assert one == again and 'clip-path="url(#' in one
    other = svg.inline(clipped.properties(width=333), "a").markup
    assert not set(re.findall(r' id="([^"]+)"', one)) & set(re.findall(r' id="([^"]+)"', other))
    assert svg.inline(CHARTS["roc"](), "a") == svg.inline(CHARTS["roc"](), "a")


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [c for c in VARIABLES if c not in (SURFACE, GRID, GREY, PALE)])
def test_text_can_be_read_by_day_and_by_night(colour: str) -> None:
    assert _contrast(colour, SURFACE) >= 4.5
    assert _contrast(DARK[colour], DARK[SURFACE]) >= 4.5


@pytest.mark.parametrize("ground", ["#f4f6f8", "#0f161d"])
def test_text_on_the_paper_can_be_read(ground: str) -> None:
    for colour in (INK, MUTED):
        assert _contrast(colour if ground == "#f4f6f8" else DARK[colour], ground) >= 4.5


def test_every_colour_has_a_dark_one() -> None:
    assert set(DARK) == set(VARIABLES)

"""Charts of the exploration: drawn offline, small, safe, in the page's colours; pictures stand by themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from vigie.report import svg
from vigie.report.charts import boxes, correlations, movement, pies, rates, sparks
from vigie.report.html import Html
from vigie.report.palette import VARIABLES
from vigie.report.picture import picture

HOSTILE = "<script>alert('x')</script> & \"so\" on"
NAN = math.nan
DAY = 86_400_000_000
MOMENTS = [i * 30 * DAY for i in range(4)]
SLICES = [
    pies.Slice(HOSTILE, 50),
    pies.Slice("b", 30),
    *(pies.Slice(f"r{i}", 1, "rare") for i in range(9)),
    pies.Slice("missing", 9, "missing"),
]
BOXES = [
    boxes.BoxRow(HOSTILE, "positive", 0, 1, 2, 3, 9, (12.0, -4.0)),
    boxes.BoxRow("b", "negative", 5, 5, 5, 5, 5),
    boxes.BoxRow("c", "all", -1e6, 0, 1, 2, 1e6),
]
RATES = [
    rates.Rate(HOSTILE, 0.5, 0.2, 0.1, 0.3),
    rates.Rate("few", 0.001, 1.0, 0.2, 1.0),
    rates.Rate("c", 0.4, 0, 0, 0),
]
NAMES = [HOSTILE, *(f"column {i}" for i in range(19))]
MATRIX = [[NAN if i + j == 9 else math.cos(i * j) for j in range(20)] for i in range(20)]

CHARTS: dict[str, Callable[[], Any]] = {
    "pie": lambda: pies.pie(SLICES),
    "pie of one": lambda: pies.pie([pies.Slice("only", 3)]),
    "pie of nothing": lambda: pies.pie([pies.Slice("none", 0)]),
    "boxes": lambda: boxes.box_plot(BOXES, limits=(0, 9)),
    "a box of one value": lambda: boxes.box_plot(BOXES[1:2]),
    "rates": lambda: rates.rate_dots(RATES, 0.2, "Outcome true", width=260),
    "few associations": lambda: correlations.association_heatmap(NAMES[:3], [row[:3] for row in MATRIX[:3]], width=400),
    "many associations": lambda: correlations.association_heatmap(NAMES, MATRIX, width=700),
    "quartiles": lambda: movement.quartiles_over_time(MOMENTS, [1, NAN, 1, 2], [2, NAN, 3, 3], [4, NAN, 5, 9]),
    "shares": lambda: movement.shares_over_time(MOMENTS, [(HOSTILE, [0.1, NAN, 0.3, 0.2]), ("b", [NAN] * 4)]),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_small_safe_and_follows_the_page(name: str) -> None:
    CHARTS[name]().to_dict(validate=True)
    drawn = svg.inline(CHARTS[name](), f"What is seen: {HOSTILE}").markup
    assert drawn.startswith("<svg viewBox=") and drawn.endswith("</svg>") and len(drawn) < 40_000
    assert "<script" not in drawn and "http" not in drawn and "NaN" not in drawn
    named = set(re.findall(r"var\(--(\w+)\)", drawn))
    assert named and named <= set(VARIABLES.values())
    assert not re.findall(r'(?:fill|stroke)="(?:#|rgb|black|white)', drawn)


def test_a_pie_has_a_slice_for_each_and_names_those_that_are_not_too_thin() -> None:
    drawn = svg.inline(CHARTS["pie"](), "pie").markup
    total = sum(one.count for one in SLICES)
    assert len(re.findall(r'fill="var\(--(?:blue|green|amber|muted|vermillion|grey)\)"[^>]*stroke', drawn)) == len(
        SLICES
    )
    assert f"{50 / total:.0%}" in drawn and "missing" in drawn and "r3" not in drawn


def test_every_group_of_a_chart_is_named() -> None:
    groups = [rates.Rate(f"level {i}", 0.1, 0.1 * i, 0.05 * i, 0.1 * i + 0.05) for i in range(3)]
    drawn = svg.inline(rates.rate_dots(groups, 0.2, "Outcome true", width=260), "rates").markup
    assert all(group.label in drawn for group in groups)


def test_a_picture_stands_by_itself_in_the_light_colours() -> None:
    shown = picture(CHARTS["rates"](), "Rates")._repr_mimebundle_(include=None)
    assert shown["text/plain"] == "Rates" and shown["image/svg+xml"].startswith("<svg")
    assert "var(--" not in shown["image/svg+xml"] and "#ffffff" in shown["image/svg+xml"]
    assert "<script" not in shown["image/svg+xml"]


@pytest.mark.parametrize(
    "drawn",
    [
        sparks.histogram_spark([1, 0, 5], HOSTILE),
        sparks.histogram_spark([], HOSTILE),
        sparks.rates_spark([0.1, NAN, 0.9], 0.3, HOSTILE),
        sparks.rates_spark([], NAN, HOSTILE),
        sparks.line_spark([1, NAN, 3, 4], HOSTILE),
        sparks.line_spark([2, 2], HOSTILE),
        sparks.line_spark([NAN], HOSTILE),
    ],
)
def test_a_spark_is_a_few_hundred_bytes_inside_its_frame(drawn: Html) -> None:
    text = drawn.markup
    assert len(text) < 700 and "<script" not in text and "nan" not in text.lower().replace(HOSTILE, "")
    for path in re.findall(r' d="([^"]*)"', text):
        across = [float(x) for x in re.findall(r"[MHL](-?[\d.]+)", path)]
        assert all(0 <= x <= sparks.WIDTH for x in across)
        down = [float(y) for y in re.findall(r"V(-?[\d.]+)", path)] + [
            float(y) for y in re.findall(r"[ML]-?[\d.]+ (-?[\d.]+)", path)
        ]
        assert all(0 <= y <= sparks.HEIGHT for y in down)


def test_the_highest_bar_of_a_spark_fills_it_and_a_bin_with_anything_is_seen() -> None:
    heights = [
        sparks.HEIGHT - float(y) for y in re.findall(r"V(-?[\d.]+)H", sparks.histogram_spark([1000, 1, 0], "x").markup)
    ]
    assert heights == [sparks.HEIGHT, 1, 0]

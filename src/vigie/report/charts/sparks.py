"""Drawings of a few pixels for the cells of a table: one path each, made without a library, a few hundred bytes long.

Three hundred columns have three hundred of each on one page; a chart library would need ten times the bytes and minutes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vigie.report.html import Html, tag

WIDTH, HEIGHT = 96, 24
"""Units of a drawing; a unit is a pixel."""


def histogram_spark(counts: Sequence[float], label: str) -> Html:
    """Bars side by side, the highest as high as there is room.

    Args:
        counts: One for each bin; none: an empty drawing.
        label: What is seen, for readers who cannot see it.
    """
    top = max(counts, default=0) or 1
    step = WIDTH / max(len(counts), 1)
    path = f"M0 {HEIGHT}"
    for number, count in enumerate(counts):
        # A bin that holds anything at all is seen.
        height = max(HEIGHT * count / top, 1.0) if count else 0.0
        path += f"V{_n(HEIGHT - height)}H{_n((number + 1) * step)}"
    return _drawing(tag("path", d=f"{path}V{HEIGHT}Z", fill="var(--grey)"), label=label)


def rates_spark(rates: Sequence[float], average: float, label: str) -> Html:
    """The rate of the outcome in each group as a step, and the average as a dashed line; from zero up.

    Args:
        rates: Shares, 0 … 1.
        average: Of all rows.
        label: What is seen.
    """
    known = [rate for rate in rates if math.isfinite(rate)]
    top = max([*known, average if math.isfinite(average) else 0.0, 1e-9]) * 1.05
    step = WIDTH / max(len(rates), 1)
    path = ""
    for number, rate in enumerate(rates):
        if math.isfinite(rate):
            y = _n(HEIGHT - HEIGHT * rate / top)
            path += f"M{_n(number * step + 1)} {y}H{_n((number + 1) * step - 1)}"
    parts = [tag("path", d=path, stroke="var(--vermillion)", stroke_width=3)] if path else []
    if math.isfinite(average):
        y = _n(HEIGHT - HEIGHT * average / top)
        parts.append(tag("path", d=f"M0 {y}H{WIDTH}", stroke="var(--muted)", stroke_dasharray="3 2"))
    return _drawing(*parts, label=label)


def line_spark(heights: Sequence[float], label: str) -> Html:
    """A line from left to right over its own range; a gap where a height is not a number.

    Args:
        heights: One for each period.
        label: What is seen.
    """
    known = [h for h in heights if math.isfinite(h)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    reach = (high - low) or 1.0
    step = (WIDTH - 4) / max(len(heights) - 1, 1)
    path, drawing = "", False
    for number, height in enumerate(heights):
        if not math.isfinite(height):
            drawing = False
            continue
        y = HEIGHT / 2 if high == low else 2 + (HEIGHT - 4) * (1 - (height - low) / reach)
        path += f"{'L' if drawing else 'M'}{_n(2 + number * step)} {_n(y)}"
        drawing = True
    return _drawing(tag("path", d=path, stroke="var(--blue)", stroke_width=2), label=label)


def _drawing(*parts: Html, label: str) -> Html:
    return tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="spark", role="img", aria_label=label, fill="none"
    )


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")

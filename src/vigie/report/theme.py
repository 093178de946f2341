"""How every chart looks: one Vega-Lite configuration and the two sizes that charts come in."""

from __future__ import annotations

from typing import Any

from vigie.report.palette import BLUE, GREY, GRID, INK, MUTED

WIDTH = 400
"""Units of a chart that stands beside another on a desktop and fills a phone; a unit is a pixel, give or take 15 %."""
WIDE = 860
"""Units of a chart that has a desktop's whole width; it has a narrow twin for phones."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""Three names of the same widths, so that text drawn here has room on the reader's machine; ``page.css`` names them too."""

CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "aria": False,
    "padding": 4,
    "autosize": {"type": "fit", "contains": "padding"},
    "view": {"stroke": None, "continuousWidth": WIDTH, "continuousHeight": 280},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 12,
        "titleColor": INK,
        "titleFontSize": 12.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": GRID,
        "domainColor": GREY,
        "tickColor": GREY,
        "tickSize": 4,
        "labelPadding": 4,
        "labelLimit": 170,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
    },
    "axisY": {
        "domain": False,
        "ticks": False,
        "titleAlign": "left",
        "titleAngle": 0,
        "titleAnchor": "end",
        "titleY": -12,
    },
    "axisX": {"grid": False},
    "line": {"color": BLUE, "strokeWidth": 2.25},
    "bar": {"color": BLUE},
    "point": {"filled": True, "size": 60, "color": BLUE},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": GREY},
}
"""Passed to Vega-Lite with every chart; no chart repeats any of it."""

"""Marks on one pair of axes, each with its data written into the chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt


def rows(values: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Points as data that stand in the chart itself."""
    return alt.InlineData(values=[dict(value) for value in values])


def layered(*layers: alt.Chart, width: int, height: int) -> alt.LayerChart:
    """The layers above each other, the last on top, in a drawing of *width* × *height* pixels, text included."""
    return alt.LayerChart(layer=list(layers), width=width, height=height)

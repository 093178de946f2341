"""Marks on one pair of axes, each with its data written into the chart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt


def rows(values: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Points as data that stand in the chart itself. A number that is not finite is null, and so not drawn.

    They are one text: the library copies and checks a chart at every step, and would do so with every single value.
    """
    drawable = [{name: _drawable(value) for name, value in row.items()} for row in values]
    return alt.InlineData(values=json.dumps(drawable, ensure_ascii=False), format=alt.JsonDataFormat(type="json"))


def _drawable(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def layered(*layers: alt.Chart, width: int, height: int) -> alt.LayerChart:
    """The layers above each other, the last on top, in a drawing of *width* × *height* pixels, text included."""
    return alt.LayerChart(layer=list(layers), width=width, height=height)

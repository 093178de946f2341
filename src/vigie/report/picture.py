"""A chart as a picture by itself: for notebooks, where no page brings colours and fonts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie.report.palette import SURFACE
from vigie.report.theme import CONFIG

if TYPE_CHECKING:
    import altair


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing that a notebook shows, offline and without a script.

    Attributes:
        svg: The drawing, a document of its own in the light colours.
        label: What it shows, for readers who cannot see it.
    """

    svg: str
    label: str = ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What Jupyter asks for."""
        return {"image/svg+xml": self.svg, "text/plain": self.label or "chart"}


def picture(chart: altair.Chart | altair.LayerChart, label: str = "") -> Picture:
    """*chart*, made by a function of :mod:`vigie.report.charts`, as the last value of a notebook's cell.

    Args:
        chart: To draw.
        label: What it shows.
    """
    import vl_convert

    spec = chart.to_dict(validate=False)
    spec["config"] = {**spec.get("config", {}), **CONFIG, "background": SURFACE}
    return Picture(vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[]), label)

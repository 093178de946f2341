"""Charts as SVG to be written into a page: drawn offline, small, and in colours that follow the page's theme."""

from __future__ import annotations

import hashlib
import json
import re
from html import escape
from typing import TYPE_CHECKING, Literal

import vl_convert

from vigie.report.html import Html
from vigie.report.language import spoken
from vigie.report.palette import VARIABLES
from vigie.report.theme import CONFIG

if TYPE_CHECKING:
    import altair

GROWTH = 1.15
"""How much a drawing may grow where there is room: text is 12 px in it, 14 on a desktop and 10 on a phone."""

_EMPTY = re.compile(r'<path [^>]*(?:d="M0,0h0v0h0Z"|d="" [^>]*display="none")[^>]*/>')
_NOISE = re.compile(
    r' (?:class|role|aria-[a-z]+|pointer-events|stroke-miterlimit|font-family|xmlns(?::\w+)?|version)="[^"]*"'
    r'| (?:fill-opacity|stroke-opacity|opacity|stroke-width)="1"'
    r'| transform="translate\(0,0\)"'
)
_DIGITS = re.compile(r"(?<=[\d.])(\.\d\d)\d+|(\.\d\d)\d+")
_BARE = re.compile(r"<g>((?:(?!</?g\b).)*)</g>", re.DOTALL)
_COLOUR = re.compile("|".join(VARIABLES), re.IGNORECASE)
_ROOT = re.compile(r'<svg[^>]*? width="([\d.]+)"[^>]*? height="([\d.]+)"[^>]*>')


def inline(chart: altair.Chart | altair.LayerChart | altair.VConcatChart, label: str, *, halo: bool = True) -> Html:
    """*chart* in the house theme as an ``<svg>`` element a little larger than drawn or, where there is less room, smaller.

    Args:
        chart: Made by a function of :mod:`vigie.report.charts`; its data stands in it.
        label: What it shows, for readers who cannot see it.
        halo: Keep lines from running through text; not where text stands on coloured areas.
    """
    # Charts are pure functions of fixed shape: that they fit the schema is for tests, and costs as much as drawing.
    spec = chart.to_dict(validate=False)
    spec["config"] = {**spec.get("config", {}), **CONFIG}
    drawn = vl_convert.vegalite_to_svg(
        json.dumps(spec), allowed_base_urls=[], format_locale=_locale(), time_format_locale=_locale()
    )
    return Html(_shrink(drawn, label, halo))


def _locale() -> Literal["fr-FR", "en-US"]:
    return "fr-FR" if spoken() == "fr" else "en-US"


def _shrink(drawn: str, label: str, halo: bool) -> str:
    root = _ROOT.search(drawn)
    assert root is not None, "a drawing has a size"
    width, height = float(root[1]), float(root[2])
    body = drawn[root.end() :]
    # Text nodes stay as they are: only what stands inside a tag is rewritten.
    body = re.sub(r"<[^>]+>", lambda element: _slim(element[0]), _EMPTY.sub("", body))
    before = ""
    while before != body:
        before, body = body, _BARE.sub(r"\1", body)
    body = _identified(body)
    kind = "halo" if halo else "plain"
    style = f'class="{kind}" style="max-width:{width * GROWTH:.0f}px"'
    return f'<svg viewBox="0 0 {width:g} {height:g}" {style} role="img" aria-label="{escape(label)}" fill="none">{body}'


def _identified(body: str) -> str:
    """Ids that depend on the drawing alone: the library counts on from one drawing to the next."""
    known: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', body):
        known.setdefault(found, f"clip{len(known)}")
    if not known:
        return body
    named = re.sub(r'(\bid="|url\(#)([^")]+)', lambda m: m[1] + known.get(m[2], m[2]), body)
    mark = hashlib.sha256(named.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|url\(#)', rf"\g<1>c{mark}-", named)


def _slim(element: str) -> str:
    element = _NOISE.sub("", element)
    element = _COLOUR.sub(lambda colour: f"var(--{VARIABLES[colour[0].lower()]})", element)
    return _DIGITS.sub(lambda number: number[1] or number[2], element)

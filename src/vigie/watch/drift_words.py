"""Drift in words."""

from __future__ import annotations

import math

import numpy as np

from vigie.features.values import Array
from vigie.watch.drift_measures import Measure
from vigie.watch.drift_policy import DECISIONS, FEATURE, MISSING, OUTCOMES, OVERALL, SCORE, UNSEEN, DriftPolicy
from vigie.watch.profile import Cells


def moved(live: Array, reference: Array, cells: Cells) -> list[dict[str, object]]:
    """The three cells whose share changed most, with the shares."""
    p, q = live / max(live.sum(), 1), reference / max(reference.sum(), 1)
    return [
        {"cell": _cell(cells, place), "live": float(p[place]), "reference": float(q[place])}
        for place in np.argsort(-np.abs(p - q))[:3].tolist()
    ]


def _cell(cells: Cells, place: int) -> str:
    if not cells.ordered:
        return cells.categories[place] if place < len(cells.categories) else "others"
    edges = cells.edges
    low = float(edges[place - 1]) if place else None
    high = float(edges[place]) if place < len(edges) else None
    if low is not None and high is not None:
        return f"{low:g}" if high <= np.nextafter(low, np.inf) else f"{low:g} … {high:g}"
    if high is not None:
        return f"below {high:g}"
    if low is None:
        return "all"
    alone = len(edges) > 1 and low <= np.nextafter(edges[-2], np.inf)
    return f"above {float(edges[-2]):g}" if alone else f"from {low:g}"


_AGAINST = {"training": "in training", "season": "a year ago", "recent": "on this weekday before"}


_THINGS = {
    MISSING: "values are missing",
    UNSEEN: "of the rows have a category that training had not",
    DECISIONS: "of the customers are acted on",
    OUTCOMES: "of the outcomes are positive",
}


def words_of(shown: Measure, size: float, limit: float, length: int, policy: DriftPolicy) -> str:
    """One sentence with the figures.

    Args:
        shown: What the newest window shows.
        size: What the signal says.
        limit: From which it rings.
        length: Days of the window.
        policy: Says which distance.
    """
    when = "on the last day" if length == 1 else f"in {length} days"
    then = _AGAINST[shown.against]
    if shown.code in _THINGS:
        start = f"{shown.subject}: " if shown.subject else ""
        return f"{start}{shown.live:.2%} {_THINGS[shown.code]} {when}, {shown.reference:.2%} {then}; h {size:.2f}, limit {limit:g}"
    name = "PSI" if policy.distance == "psi" else policy.distance.replace("_", " ")
    what = {FEATURE: shown.subject, SCORE: "the score", OVERALL: "all features, by importance,"}[shown.code]
    middle = "" if math.isnan(shown.live) else f" (mean {shown.live:.4g}, {shown.reference:.4g} {then})"
    return f"{what} lies {name} {size:.3f} from what it was {then} {when}, limit {limit:g}{middle}"

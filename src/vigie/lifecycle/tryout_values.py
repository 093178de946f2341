"""Which values the try-out page offers, and how it shows them. Knows no Streamlit."""

from __future__ import annotations

from typing import Any

from vigie.client import Input

POINTS = 21
"""Values of a number that are tried."""


def others(one: Input, value: Any) -> list[Any]:
    """The values of an input that are tried in place of *value*, in order; none for a text or a time.

    A number goes from 0 to twice its value (or from twice its value to 0, below 0; from 0 to 1 where it is 0), *value*
    among them.

    >>> others(Input("age", "number"), 2.0)[:3]
    [0.0, 0.2, 0.4]
    """
    if one.kind == "boolean":
        return [True, False]
    if one.kind == "category":
        known = list(one.categories)
        return known if value in known or value is None else [*known, value]
    if one.kind == "number":
        middle = 0.5 if not value else float(value)
        steps = [round(2 * middle * i / (POINTS - 1), 6) for i in range(POINTS)]
        steps[POINTS // 2] = middle
        return sorted(steps)
    return []


def form_value(text: str) -> str | None:
    """What was written into a field; ``None`` for nothing."""
    return text.strip() or None


def shown(value: Any) -> str:
    """A choice as it stands in a list."""
    return {None: "not known", True: "yes", False: "no"}.get(value, str(value))

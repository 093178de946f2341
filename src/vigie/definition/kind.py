"""The five kinds of value that Vigie tells apart, and where they come from."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Kind(enum.StrEnum):
    """What a value is, whatever engine stores it."""

    NUMBER = "number"
    """A float64; integers are exact up to 2**53."""
    CATEGORY = "category"
    """One of a set of strings."""
    BOOLEAN = "boolean"
    """True, false or null."""
    TIME = "time"
    """A moment: int64 microseconds since 1970-01-01 UTC."""
    TEXT = "text"
    """Free text; not a feature by itself."""


Schema = Mapping[str, Mapping[str, Kind]]
"""Kinds of the columns of every source: ``schema["orders"]["amount"] is Kind.NUMBER``. Contracts provide it."""

"""Where a search may look for hyper-parameters: plain data, one entry a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Real:
    """A number from *low* to *high*, both included; searched by its logarithm where *log*."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from *low* to *high*, both included; searched by its logarithm where *log*."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few values."""

    values: tuple[bool | int | float | str, ...]


Range = Real | Whole | OneOf
Space = Mapping[str, Range]
"""Parameter → where to look. Empty: there is nothing to search."""

NOTHING: Space = {}
"""Nothing to search."""

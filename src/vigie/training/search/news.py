"""What a search says while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchNews:
    """How far a search is.

    Attributes:
        candidate: The candidate with the best set so far; empty: none is through yet.
        value: Cross-validated money of that set for one customer; NaN until then.
        log_loss: Its cross-validated log loss; NaN until then.
        done: Sets that were looked at, the defaults included, on all machines.
        total: Sets that there will be; may still change by a few.
        seconds_left: Until all are looked at, judged by those so far; NaN until one of each candidate is through.
    """

    candidate: str
    value: float
    log_loss: float
    done: int
    total: int
    seconds_left: float


Tell = Callable[[str, float, SearchNews | None], None]
"""Called with what is being done, the share, 0 … 1, of the search that is behind, and the news."""


def silent(doing: str, share: float, news: SearchNews | None) -> None:
    """Tells nobody."""

"""How quickly incidents are taken on and over: MTTA and MTTR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vigie.watch.incident import Incident


@dataclass(frozen=True, slots=True)
class Times:
    """How quickly incidents were taken on and over.

    Attributes:
        incidents: How many were opened.
        acknowledged: Mean time from opening to acknowledgement of those that somebody took on, µs; NaN for none.
        resolved: Mean time from opening to the end of those that are over, µs; NaN for none.
    """

    incidents: int
    acknowledged: float
    resolved: float


def times(incidents: Iterable[Incident], since: int = 0) -> Times:
    """MTTA and MTTR of the incidents opened since a moment."""
    chosen = [one for one in incidents if one.opened >= since]
    taken = [one.acknowledged - one.opened for one in chosen if one.acknowledged is not None]
    over = [one.resolved - one.opened for one in chosen if one.resolved is not None]
    return Times(len(chosen), _mean(taken), _mean(over))


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else math.nan

"""One look at one thing, before it is corrected for what is looked at beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FEWER, MORE = 0.6, 1.8
"""A count rings below and above so many times what is expected, however evident it is."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one thing.

    Attributes:
        code: Of :data:`~vigie.watch.anomaly_codes.CODES`.
        subject: The source, column, route or score.
        size: See the code.
        limit: From which size it may ring.
        large: Whether the size reaches it; for counts there are two limits.
        p: Probability by chance; 0 where it cannot be chance, NaN where it has none.
        looks: Looks in a month.
        since: When it began, µs.
        until: End of the bucket, µs.
        words: One sentence.
        of_score: Whether it concerns this score alone.
        details: More figures.
    """

    code: str
    subject: str
    size: float
    limit: float
    large: bool
    p: float
    looks: float
    since: int
    until: int
    words: str
    of_score: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

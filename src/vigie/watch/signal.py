"""A signal: what one watcher has to say about one thing at the end of one window."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Area(enum.StrEnum):
    """What a signal is about. An area can be the cause of those that follow it."""

    STEPS = "steps"
    """What runs by itself: steps of the schedule that were given up, watchers that could not look."""
    DATA = "data"
    """Volume, types, nulls, freshness, quarantine of a source."""
    FEATURES = "features"
    """The feature store: read latency, staleness, batch and online disagreeing."""
    API = "api"
    """Errors, latency, traffic."""
    INFERENCE = "inference"
    """Scores that cannot be, or that stand still."""
    DRIFT = "drift"
    """The distribution of a feature, the score, the decisions or the outcomes."""
    ESTIMATE = "estimate"
    """Performance worked out from scores, before outcomes are known."""
    PERFORMANCE = "performance"
    """Performance and value realised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What one watcher says about one thing at the end of one window.

    A signal is given for everything that was looked at, also where nothing is wrong: what was rung for is over when a
    later signal of the same :attr:`key` does not ring.

    Attributes:
        score: Name of the score; empty for what concerns all of them, such as a source.
        model: Version of the model; empty likewise.
        area: What it is about.
        code: Stable identifier of the kind of fault, ``"VGW…"``; documented in ``docs/reference/signals.md``.
        subject: The feature, source, route, segment or metric concerned.
        size: How much, as an effect in the unit that :attr:`code` says; NaN where it cannot be told.
        limit: The size from which it rings.
        evidence: Probability of such a size by chance, corrected for all that was looked at beside it, 0 … 1; NaN where it
            has no such probability.
        rings: Whether it is large, evident and lasting enough to tell somebody.
        since: When it began, µs UTC; for a signal that does not ring, the beginning of the window.
        until: End of the window, µs UTC.
        loss: Currency lost a day, estimated; NaN where it cannot be told.
        words: One sentence with the figures.
        details: More figures, plain data.
    """

    score: str
    model: str
    area: Area
    code: str
    subject: str
    size: float
    limit: float
    evidence: float
    rings: bool
    since: int
    until: int
    loss: float = float("nan")
    words: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What the signal is about, the same in every window: score, code and subject."""
        return self.score, self.code, self.subject

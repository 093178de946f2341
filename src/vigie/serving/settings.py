"""What may be chosen about a scoring server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Limits and choices of a scoring server.

    Attributes:
        default_model: The score that ``/v1/score`` and ``/invocations`` answer with; ``None`` for the only one there is.
        max_rows: Customers in one request at most.
        max_events: Events in one request at most.
        max_body_bytes: Bytes of one request at most; a longer one is answered with 413.
        background_rows: From this many customers on, a request is scored column by column and in a thread, so that others
            do not wait; fewer are scored one by one.
        counters: Directory in which the workers of one server keep their counters, so that ``/metrics`` adds up all of
            them; ``None`` for a single worker. :func:`vigie.serving.serve` sets it.
        holdout: Share of the customers with an id who are never acted on, 0 … below 1; see :mod:`vigie.serving.router`.
    """

    default_model: str | None = None
    max_rows: int = 10_000
    max_body_bytes: int = 16 << 20
    max_events: int = 10_000
    background_rows: int = 200
    counters: Path | None = None
    holdout: float = 0.0

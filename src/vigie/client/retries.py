"""When a request is sent again, and after how long: exponential back-off with full jitter.

Source: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015; RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from vigie.errors import SettingsError

STATUSES = frozenset({429, 503})
"""Refusals after which the same request may be sent again: nothing was done."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is.

    Attributes:
        attempts: Times that a request is sent at most.
        base_seconds: Greatest wait before the second; doubled each time.
        longest_seconds: Greatest wait; where a server asks for more, its refusal is raised at once.
    """

    attempts: int = 4
    base_seconds: float = 0.1
    longest_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not (0 <= self.base_seconds <= self.longest_seconds < math.inf):
            raise SettingsError(
                f"{self} cannot be meant", remedy="give attempts of 1 or more and 0 ≤ base_seconds ≤ longest_seconds"
            )

    def wait(
        self, sent: int, retry_after: str | None, uniform: Callable[[float, float], float] = random.uniform
    ) -> float | None:
        """Seconds until the request is sent again; ``None``: it is not.

        Args:
            sent: Times that it was sent.
            retry_after: What the server asks for, in seconds; another form of the header is ignored.
            uniform: Draws from an interval.
        """
        if sent >= self.attempts:
            return None
        jitter = uniform(0.0, min(self.longest_seconds, self.base_seconds * 2.0 ** (sent - 1)))
        asked = _seconds(retry_after)
        if asked > self.longest_seconds:
            return None
        return asked + jitter


def _seconds(text: str | None) -> float:
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return 0.0
    return float(text)

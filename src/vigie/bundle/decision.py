"""What is done with a probability once its money is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vigie.economics.capacity import top_k
from vigie.economics.payoff import Array


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Act on customers whose expected gain is high enough, and on no more than one can.

    Attributes:
        min_gain: Least expected gain worth acting on, in currency.
        request_min_gain: The same for a single request, which cannot be compared with the others of its moment:
            above ``min_gain`` where capacity binds (:func:`vigie.economics.request_cut`). ``None``: ``min_gain``.
        capacity: Customers that can be acted on at one moment; ``None``: no limit.
        origin: How ``min_gain`` was chosen.
        act: The word for acting, e.g. ``"contact"``.
        leave: The word for passing, e.g. ``"leave"``.
        positive: The word for the outcome, e.g. ``"churns"``.
        currency: ISO 4217 code of all sums.
    """

    min_gain: float = 0.0
    request_min_gain: float | None = None
    capacity: int | None = None
    origin: Literal["theoretical", "empirical"] = "theoretical"
    act: str = "act"
    leave: str = "leave"
    positive: str = "positive"
    currency: str = "EUR"

    @property
    def request_cut(self) -> float:
        """Least gain that a single request is acted on for, in currency."""
        return self.min_gain if self.request_min_gain is None else self.request_min_gain

    def choose(self, gain: Array, moments: Array | None = None) -> Array:
        """Who is acted on when everybody of a moment is scored together: exactly the best, within capacity.

        Args:
            gain: Expected gain, shape (n,), currency; NaN is not acted on.
            moments: Moment of each row, shape (n,); ``None``: all of one moment.
        """
        return top_k(gain, self.min_gain, self.capacity, moments)

    def word(self, act: bool) -> str:
        """The decision as a word: ``"contact"`` or ``"leave"``."""
        return self.act if act else self.leave

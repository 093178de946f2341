"""The cost matrix in numbers: what acting and passing bring for each customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class PayoffValues:
    """Money brought by each action under each outcome, by customer.

    Each attribute has shape (n,), or () where it is the same for all; in currency units for one customer and one
    decision. NaN where the sum is not known, for example because the customer's value is null: gain and expected value
    are then NaN too, and nobody is acted on for an unknown gain.

    Attributes:
        act_positive: Acting on a customer whose outcome is true.
        act_negative: Acting on one whose outcome is false.
        pass_positive: Not acting on one whose outcome is true.
        pass_negative: Not acting on one whose outcome is false.
    """

    act_positive: Array
    act_negative: Array
    pass_positive: Array
    pass_negative: Array

    @classmethod
    def constant(
        cls, act_positive: float, act_negative: float, pass_positive: float = 0.0, pass_negative: float = 0.0
    ) -> PayoffValues:
        """The same four sums for every customer."""
        return cls(*(np.asarray(float(v)) for v in (act_positive, act_negative, pass_positive, pass_negative)))

    def gain(self, p: Array) -> Array:
        """Expected gain of acting instead of passing, shape (n,), currency.

        ``p·(act_positive − pass_positive) + (1 − p)·(act_negative − pass_negative)``; any sign. What customers are
        ranked by (Elkan 2001, *The foundations of cost-sensitive learning*).

        >>> PayoffValues.constant(56, -11).gain(np.array([0.0, 0.5]))
        array([-11. ,  22.5])
        """
        return np.asarray(
            p * (self.act_positive - self.pass_positive) + (1.0 - p) * (self.act_negative - self.pass_negative)
        )

    def expected(self, p: Array, act: Array | bool) -> Array:
        """Expected money of the action taken, shape (n,), currency.

        ``p·act_positive + (1 − p)·act_negative`` where *act*, ``p·pass_positive + (1 − p)·pass_negative`` elsewhere.
        """
        acting = p * self.act_positive + (1.0 - p) * self.act_negative
        passing = p * self.pass_positive + (1.0 - p) * self.pass_negative
        return np.where(act, acting, passing)

    def realised(self, act: Array | bool, y: Array) -> Array:
        """Money that the action taken brought once the outcome is known, shape (n,), currency.

        Args:
            act: Who was acted on, boolean, shape (n,) or ().
            y: Outcomes, 0 or 1, shape (n,).
        """
        positive = np.asarray(y) == 1
        return np.where(
            act,
            np.where(positive, self.act_positive, self.act_negative),
            np.where(positive, self.pass_positive, self.pass_negative),
        )

    def advantage(self, y: Array) -> Array:
        """Money that acting brings more than passing, given the outcome: shape (n,), currency, any sign."""
        return self.realised(True, y) - self.realised(False, y)

    def break_even(self) -> Array:
        """Probability at which acting and passing bring the same, shape (n,) or (); NaN where they always differ.

        ``(pass_negative − act_negative) / (act_positive − pass_positive + pass_negative − act_negative)``. It is the
        least probability worth acting on where acting pays for positives and costs for negatives; outside 0 … 1
        where one action is better whatever the outcome.

        >>> float(PayoffValues.constant(56, -11).break_even())
        0.16417910447761194
        """
        cost = self.pass_negative - self.act_negative
        total = np.asarray(self.act_positive - self.pass_positive + cost, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(total == 0, np.nan, np.asarray(cost) / total)

    def take(self, index: Array) -> PayoffValues:
        """The customers at *index*; sums that are the same for all stay as they are."""
        return PayoffValues(*(v if np.ndim(v) == 0 else v[index] for v in self.sums()))

    def sums(self) -> tuple[Array, Array, Array, Array]:
        """The four arrays in the order of the attributes."""
        return (self.act_positive, self.act_negative, self.pass_positive, self.pass_negative)

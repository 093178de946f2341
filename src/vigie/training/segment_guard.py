"""Whether a segment's own model is really better than the common one, however many segments are looked at.

Of a thousand segments that do not differ some look as if they did. So each difference gets a p-value, paired row by row and
clustered by customer, and those are accepted that keep the expected share of false ones among the accepted below 1 %
(Benjamini & Hochberg 1995): strict where few segments differ, generous where many do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FALSE_SHARE = 0.01
"""Share of segments with a model of their own for which it is no better, at most, in expectation."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean with what sampling leaves of it.

    Attributes:
        mean: Own minus common, for one row; above 0: the own model is better.
        error: Standard error of it, clustered by customer.
    """

    mean: float
    error: float

    @property
    def z(self) -> float:
        """In standard errors."""
        if self.error > 0:
            return self.mean / self.error
        return 0.0 if self.mean == 0 else math.copysign(math.inf, self.mean)

    @property
    def p_value(self) -> float:
        """Chance of as large a difference or a larger one where there is none; one-sided."""
        return 0.5 * math.erfc(self.z / math.sqrt(2))


def difference(own: np.ndarray, common: np.ndarray, customers: np.ndarray) -> Difference:
    """The mean of *own* minus *common*.

    Args:
        own: Money, or minus the log loss, of each row under the own model, shape (n,).
        common: The same under the common model.
        customers: Number of each row's customer, shape (n,); rows of one customer hang together.
    """
    d = own - common
    mean = float(d.mean())
    _, place = np.unique(customers, return_inverse=True)
    sums = np.bincount(place, weights=d - mean)
    groups = len(sums)
    if groups < 2:
        return Difference(mean, math.inf)
    spread = math.sqrt(float((sums**2).sum()) * groups / (groups - 1)) / len(d)
    # Where both models do the same on every row, rounding must not make a difference of it.
    return Difference(mean, spread) if spread > 1e-15 * float(np.abs(d).max(initial=0.0)) else Difference(mean, 0.0)


def evidence(money: Difference, loss: Difference) -> float:
    """P-value of an own model: of its money, or else of its log loss, corrected for looking at both (Bonferroni).

    1 where neither is better by one standard error, or where it loses money by more than one.
    """
    if money.z < -1 or (money.z <= 1 and loss.z <= 1):
        return 1.0
    return min(1.0, 2 * min(money.p_value, loss.p_value))


def accepted(p_values: Sequence[float], share: float = FALSE_SHARE) -> list[bool]:
    """Which are small enough that at most *share* of them are expected to be false (Benjamini & Hochberg 1995).

    >>> accepted([0.001, 0.2, 0.004, 0.9])
    [True, False, True, False]
    """
    n = len(p_values)
    line, rank = -1.0, 0
    for rank, p in enumerate(sorted(p_values), 1):
        if p <= share * rank / n:
            line = p
    return [p <= line for p in p_values]


def certain(p_value: float, tried: int, share: float = FALSE_SHARE) -> bool:
    """Whether a p-value will be accepted whatever those of the others are, of at most *tried* in all."""
    return p_value <= share / max(tried, 1)

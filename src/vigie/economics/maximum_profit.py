"""Expected maximum profit: what a ranking is worth when one number of the cost matrix is known only by its distribution.

The cut is chosen *after* that number has shown itself, for each of its values the best one; the profit is then averaged
over the values. For a number that is certain it is the plain maximum profit over all cuts (Verbraken, Verbeke & Baesens
2013, *A novel profit maximizing metric for measuring classification performance of customer churn prediction models*,
IEEE TKDE 25 (5)). Both are figures about a ranking with a cut that is best afterwards, so they are above what a decision
made beforehand brings; they compare models, they do not promise money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vigie.economics.incomplete import incomplete_beta, incomplete_gamma
from vigie.economics.payoff import Array


@dataclass(frozen=True, slots=True)
class MaximumProfit:
    """What the best cut brings.

    Attributes:
        value: Money for one customer of the base that acting on the best-ranked brings more than acting on nobody; at
            least 0 but for rounding.
        share: Share, 0 … 1, of the customers acted on, in expectation.
    """

    value: float
    share: float


class Spread(Protocol):
    """How a number that is not known is distributed: a continuous part and, possibly, single values."""

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Single values with the probability of each."""
        ...

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the continuous part."""
        ...

    def below(self, x: Array) -> Array:
        """Probability of the continuous part at or below *x*, 0 … 1."""
        ...

    def mean_below(self, x: Array) -> Array:
        """Integral of the number over the continuous part up to *x*: ``E[X; X ≤ x]``."""
        ...


@dataclass(frozen=True, slots=True)
class Certain:
    """One value, for certain: the maximum profit of fixed parameters."""

    value: float

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ((self.value, 1.0),)

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, 0.0)

    def below(self, x: Array) -> Array:
        return np.zeros(np.shape(x))

    def mean_below(self, x: Array) -> Array:
        return np.zeros(np.shape(x))


@dataclass(frozen=True, slots=True)
class BetaSpread:
    """A share between 0 and *scale*: *scale* times a Beta(*alpha*, *beta*).

    Raises:
        ValueError: A parameter is not above 0.
    """

    alpha: float
    beta: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        _positive(alpha=self.alpha, beta=self.beta, scale=self.scale)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ()

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, self.scale)

    def below(self, x: Array) -> Array:
        return incomplete_beta(self.alpha, self.beta, np.asarray(x) / self.scale)

    def mean_below(self, x: Array) -> Array:
        mean = self.scale * self.alpha / (self.alpha + self.beta)
        return np.asarray(mean * incomplete_beta(self.alpha + 1.0, self.beta, np.asarray(x) / self.scale))


@dataclass(frozen=True, slots=True)
class GammaSpread:
    """An amount above 0: a Gamma of *shape* and *rate*, of mean ``shape / rate``.

    Raises:
        ValueError: A parameter is not above 0.
    """

    shape: float
    rate: float

    def __post_init__(self) -> None:
        _positive(shape=self.shape, rate=self.rate)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ()

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, np.inf)

    def below(self, x: Array) -> Array:
        return incomplete_gamma(self.shape, np.asarray(x) * self.rate)

    def mean_below(self, x: Array) -> Array:
        return np.asarray(self.shape / self.rate * incomplete_gamma(self.shape + 1.0, np.asarray(x) * self.rate))


@dataclass(frozen=True, slots=True)
class LossSpread:
    """Share of a loan that a default loses: nothing, all, or evenly in between (Verbraken et al. 2014).

    Attributes:
        nothing: Probability, 0 … 1, that nothing is lost after all.
        everything: Probability that all is lost; what remains to 1 is spread evenly.
        scale: All losses are multiplied by it.

    Raises:
        ValueError: A probability is below 0, or both together are above 1.
    """

    nothing: float
    everything: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        _positive(scale=self.scale)
        if not (self.nothing >= 0 and self.everything >= 0 and self.nothing + self.everything <= 1 + 1e-12):
            raise ValueError(f"nothing={self.nothing!r} and everything={self.everything!r} are not probabilities")

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ((0.0, self.nothing), (self.scale, self.everything))

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, self.scale)

    def below(self, x: Array) -> Array:
        return np.asarray(self._between * np.clip(np.asarray(x) / self.scale, 0.0, 1.0))

    def mean_below(self, x: Array) -> Array:
        return np.asarray(self._between * self.scale * np.clip(np.asarray(x) / self.scale, 0.0, 1.0) ** 2 / 2.0)

    @property
    def _between(self) -> float:
        return max(1.0 - self.nothing - self.everything, 0.0)


def expected_maximum_profit(score: Array, per_unit: Array, fixed: Array, spread: Spread) -> MaximumProfit:
    """``E_X[ max_k Σ_{k best} (X · per_unit + fixed) ] / n`` for a random number *X*, exactly.

    For each *k* the profit is a straight line in *X*; the best line at each *X* is the upper envelope of all of them, the
    convex hull of the ROC curve where sums are the same for everybody. Its pieces are integrated in closed form.

    Args:
        score: Customers are acted on from the highest down, shape (n,), n ≥ 1, any unit. Customers of one score are acted on
            together or not at all.
        per_unit: Money that acting on each brings for one unit of *X*, given its outcome, shape (n,).
        fixed: Money that acting brings whatever *X* is, shape (n,).
        spread: How *X* is distributed.

    Raises:
        ValueError: There are no customers, or a number is not known.

    Source: Verbraken et al. (2013) for the measure; sums that differ by customer follow from adding up customers instead
    of rates, as Höppner et al. (2020, *Profit driven decision trees for churn prediction*, EJOR 284 (3)) do for trees.

    >>> ranked = np.array([0.9, 0.6, 0.3]), np.array([200.0, 0.0, 200.0]), np.array([-1.0, -11.0, -1.0])
    >>> expected_maximum_profit(*ranked, Certain(0.3))
    MaximumProfit(value=35.666666666666664, share=1.0)
    """
    score, per_unit, fixed = (np.asarray(v, np.float64) for v in (score, per_unit, fixed))
    n = len(score)
    if n == 0:
        raise ValueError("a maximum profit needs customers")
    slope, level, count = _lines(score, np.broadcast_to(per_unit, n), np.broadcast_to(fixed, n))
    if not (np.isfinite(slope).all() and np.isfinite(level).all() and not np.isnan(score).any()):
        raise ValueError("a score or a sum of money is not known; leave such customers out")
    value = share = 0.0
    for at, weight in spread.points:
        profit = slope * at + level
        best = int(np.argmax(profit))  # the first, which acts on fewest
        value += weight * float(profit[best])
        share += weight * float(count[best])
    low, high = spread.ends
    if high > low:
        kept, borders = _envelope(slope, level, count)
        edges = np.concatenate([[low], np.clip(borders, low, high), [high]])
        mass = np.diff(spread.below(edges))
        units = np.diff(spread.mean_below(edges))
        value += float(np.sum(slope[kept] * units + level[kept] * mass))
        share += float(np.sum(count[kept] * mass))
    return MaximumProfit(value / n, share / n)


def _lines(score: Array, per_unit: Array, fixed: Array) -> tuple[Array, Array, Array]:
    """Slope, level and number of customers of acting on the first *k*, for every *k* between two scores."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    slope = np.concatenate([[0.0], np.cumsum(per_unit[order])[ends]])
    level = np.concatenate([[0.0], np.cumsum(fixed[order])[ends]])
    return slope, level, np.concatenate([[0], ends + 1])


def _envelope(slope: Array, level: Array, count: Array) -> tuple[list[int], Array]:
    """Lines that are highest somewhere, by increasing slope, and where each takes over from the one before."""
    order = np.lexsort((count, -level, slope))
    ordered = slope[order]
    first = np.append(True, ordered[1:] != ordered[:-1])
    candidates: Sequence[int] = order[first].tolist()
    a, b = slope.tolist(), level.tolist()
    kept: list[int] = []
    borders: list[float] = []
    for line in candidates:
        while kept:
            border = (b[kept[-1]] - b[line]) / (a[line] - a[kept[-1]])
            if len(kept) > 1 and border <= borders[-1]:
                kept.pop()
                borders.pop()
                continue
            borders.append(border)
            break
        kept.append(line)
    return kept, np.array(borders)


def _positive(**given: float) -> None:
    for name, value in given.items():
        if not value > 0:
            raise ValueError(f"{name}={value!r} is not above 0")

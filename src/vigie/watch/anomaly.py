"""Is a number of this hour or day unusual for its season? For counts, shares and durations.

Everything is robust: what is usual is a median over buckets of the same season, and the spread is taken from the middle
of the differences between one bucket and the next of its season, so that an outage of last week neither becomes usual nor
makes the next one look small. The spread of counts is that of a negative binomial: traffic varies more than Poisson's.

A probability by chance is corrected for everything that is looked at beside it and for how often it is looked at in a
month (:func:`corrected`), so that a limit on it is one on false alarms a month.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vigie.clock import DAY
from vigie.watch.season import HOUR, LEAST, WEEK, Moments, season_of, within

Floats = npt.NDArray[np.float64]

MONTH = 30 * DAY
_MAD = 1.4826
"""Median absolute deviation to standard deviation, of a normal."""
_MEDIAN = math.pi / 2
"""Variance of a median ÷ that of a mean, of a normal."""
_EFFICIENCY = 0.37
"""Of the median absolute deviation: so many observations of a standard deviation is one worth."""
_QUANTILES = ((0.5, 0.6745), (0.9, 1.6449))
"""Quantiles of the absolute value of a normal."""
_STEADY = 0.02
"""Least relative spread that is believed of counts and durations."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a number is beside what is usual.

    Attributes:
        value: The number.
        expected: What is usual in its season; a count, share or duration like it.
        low: Least number of the season seen so far, at the level of now.
        high: Greatest.
        p: Probability of something as far away by chance, two-sided for counts, of more for shares and durations.
        seen: Buckets of the same season that it was judged by.
    """

    value: float
    expected: float
    low: float
    high: float
    p: float
    seen: int

    @property
    def ratio(self) -> float:
        """The number ÷ what is usual; infinite where nothing is usual."""
        if self.expected:
            return self.value / self.expected
        return math.inf if self.value else 1.0

    @property
    def outside(self) -> bool:
        """Whether nothing of the season was like it so far, a tenth of it given."""
        return self.value < 0.9 * self.low or self.value > 1.1 * self.high


def judged_count(value: float, at: int, counts: Floats, moments: Moments, width: int = HOUR) -> Judged | None:
    """A count beside those of the same season, two-sided.

    The expected count is the median of the season times the level of the last week. The probability is that of a negative
    binomial whose dispersion is estimated from the history and which is as much wider as the median is uncertain.

    Args:
        value: Count in the bucket that is over.
        at: Beginning of the bucket, µs UTC.
        counts: Of past buckets.
        moments: Their beginnings, µs UTC, growing.
        width: Of a bucket, µs.

    Returns:
        ``None`` where the season was not seen often enough.
    """
    near = within(at, moments)
    counts, moments = counts[near], moments[near]
    season = season_of(at, moments, width)
    if season is None:
        return None
    past, own = season[:-1], season[:-1] == season[-1]
    level = _level(counts, moments, past, at)
    usual = counts[own] * level
    n = len(usual)
    mu = max(float(np.median(usual)), 0.5 / n)
    relative = _relative_spread(counts, past)
    excess = 0.0 if relative is None else max(relative[0] ** 2 - relative[1], 0.0)
    variance = mu + max(excess, _STEADY**2) * mu * mu
    variance += variance * _MEDIAN / n
    p = _negative_binomial(value, mu, variance)
    return Judged(value, mu, float(usual.min()), float(usual.max()), p, n)


def judged_share(part: float, whole: float, parts: Floats, wholes: Floats, *, both: bool = False) -> Judged | None:
    """A share beside those of the past, which are said to have no season.

    Past buckets that were outages themselves are left out. The probability is that of a beta-binomial as much wider than a
    binomial as the past buckets differ among each other.

    Args:
        part: Of the bucket that is over, e.g. failed requests.
        whole: Of how many.
        parts: Of past buckets.
        wholes: Likewise.
        both: Whether a smaller share is unusual too.

    Returns:
        ``None`` where there were too few in the past, or nothing now.
    """
    there = wholes > 0
    parts, wholes = parts[there], wholes[there]
    if len(parts) < LEAST or whole <= 0:
        return None
    shares = parts / wholes
    usual = np.ones(len(parts), dtype=bool)
    for _ in range(3):  # each time without those that do not belong
        q = (parts[usual].sum() + 0.5) / (wholes[usual].sum() + 1)
        spread = (parts - q * wholes) ** 2 / (wholes * q * (1 - q))
        wide = max(1.0, float(np.median(spread[usual])) / 0.455)  # the median of χ² with one degree of freedom
        usual = spread <= 16 * wide
    pearson = max(1.0, float(spread[usual].mean()))
    # One bucket more is as uncertain as itself and the share that was estimated.
    pearson *= 1 + whole / float(wholes[usual].sum() + whole)
    typical = float(np.average(wholes[usual]))
    rho = min(max((pearson - 1) / max(typical - 1, 1.0), 1e-9), 0.5)
    concentration = 1 / rho - 1
    a, b = q * concentration, (1 - q) * concentration
    k, n = round(part), round(whole)
    p = beta_binomial(k, n, n, a, b)
    if both:
        p = min(1.0, 2 * min(p, beta_binomial(0, k, n, a, b)))
    return Judged(part / whole, float(q), float(shares[usual].min()), float(shares[usual].max()), p, int(usual.sum()))


def judged_duration(value: float, at: int, values: Floats, moments: Moments, width: int = HOUR) -> Judged | None:
    """A duration, or another positive quantity that varies by factors, beside those of the same season; longer is unusual.

    Args:
        value: In the bucket that is over, above 0.
        at: Beginning of the bucket, µs UTC.
        values: Of past buckets, above 0.
        moments: Their beginnings, µs UTC, growing.
        width: Of a bucket, µs.

    Returns:
        ``None`` where the season was not seen often enough.
    """
    from scipy.special import stdtr

    near = within(at, moments) & (values > 0)
    logs, moments = np.log(values[near]), moments[near]
    season = season_of(at, moments, width)
    if season is None or value <= 0:
        return None
    own = season[:-1] == season[-1]
    usual, n = logs[own], int(np.count_nonzero(own))
    differences = _differences(logs, season[:-1])
    spread = max(_MAD * float(np.median(np.abs(differences))) / math.sqrt(2), _STEADY) if len(differences) else 1.0
    middle = float(np.median(usual))
    z = (math.log(value) - middle) / (spread * math.sqrt(1 + _MEDIAN / n))
    p = float(stdtr(max(_EFFICIENCY * len(differences), 1.0), -z))
    return Judged(value, math.exp(middle), float(np.exp(usual.min())), float(np.exp(usual.max())), p, n)


def judged_gap(elapsed: int, deliveries: Moments) -> Judged | None:
    """The time since the last delivery beside the gaps between earlier ones.

    What is usual at most is the longest gap that began on the same weekday as this one, where there were four of them, or
    else the 95 % quantile of all. There is no probability: :attr:`Judged.p` is NaN.

    Args:
        elapsed: Since the last delivery, µs.
        deliveries: Moments of all, µs UTC, growing; the last one is the one that *elapsed* counts from.

    Returns:
        ``None`` where fewer than five deliveries are known.
    """
    last = int(deliveries[-1]) if len(deliveries) else 0
    known = deliveries[deliveries >= last - 8 * WEEK]
    gaps = np.diff(known)
    if len(gaps) < LEAST:
        return None
    weekday = (known // DAY + 3) % 7
    own = gaps[weekday[:-1] == weekday[-1]]
    # A gap of an outage should not make the next one usual: of many, the longest is not believed.
    usual = (
        float(np.quantile(gaps, 0.95, method="higher")) if len(own) < LEAST else float(np.sort(own)[-1 - len(own) // 6])
    )
    return Judged(float(elapsed), usual, float(gaps.min()), usual, math.nan, len(gaps))


def corrected(p: float, beside: int, looks: float) -> float:
    """Probability that chance alone makes something as unusual in a month, of all that is looked at.

    Args:
        p: Of one look at one thing.
        beside: Things that are looked at, this one included.
        looks: Looks at each in a month.

    >>> round(corrected(1e-6, 10, 720), 6)
    0.007174
    """
    if not p < 1:
        return p
    return -math.expm1(beside * looks * math.log1p(-p))


def quantile_of(buckets: Floats, bounds: Floats, q: float) -> float:
    """A quantile of a histogram, between the bounds of its bucket on a logarithmic scale.

    Args:
        buckets: Counts; one more than there are *bounds*: the last has no upper bound.
        bounds: Upper bounds, growing, above 0.
        q: 0 … 1.

    Returns:
        In the unit of *bounds*; NaN where nothing was counted, the last bound where it lies above.
    """
    total = float(buckets.sum())
    if not total:
        return math.nan
    reached = np.cumsum(buckets)
    i = int(np.searchsorted(reached, q * total))
    if i >= len(bounds):
        return float(bounds[-1])
    high = float(bounds[i])
    low = float(bounds[i - 1]) if i else high / 2
    before = float(reached[i - 1]) if i else 0.0
    share = (q * total - before) / float(buckets[i]) if buckets[i] else 1.0
    return low * math.exp(share * math.log(high / low))


def _level(counts: Floats, moments: Moments, season: npt.NDArray[np.int64], at: int) -> float:
    """How many times what is usual the last week was: customers become more or fewer."""
    medians = _medians(counts, season)
    recent = (moments >= at - WEEK) & (medians >= 5)
    if np.count_nonzero(recent) < LEAST:
        return 1.0
    return float(np.clip(np.median(counts[recent] / medians[recent]), 0.5, 2.0))


def _medians(values: Floats, season: npt.NDArray[np.int64]) -> Floats:
    """The median of its season beside each value."""
    of = np.empty(len(values))
    for one in np.unique(season):
        chosen = season == one
        of[chosen] = np.median(values[chosen])
    return of


def _differences(values: Floats, season: npt.NDArray[np.int64]) -> Floats:
    """From each value to the next of its season."""
    order = np.argsort(season, kind="stable")
    values, season = values[order], season[order]
    steps: Floats = np.diff(values)[season[1:] == season[:-1]]
    return steps


def _relative_spread(counts: Floats, season: npt.NDArray[np.int64]) -> tuple[float, float] | None:
    """Relative standard deviation of counts about their season, and the part of its square that is Poisson's."""
    medians = _medians(counts, season)
    large = medians >= 2
    relative = np.abs(_differences(counts[large] / medians[large], season[large]))
    if len(relative) < LEAST:
        return None
    # Where traffic varies much it is skewed: its greater half says more than its middle.
    spread = max(float(np.quantile(relative, q)) / z for q, z in _QUANTILES) / math.sqrt(2)
    return spread, float(np.median(1 / medians[large]))


def _negative_binomial(value: float, mu: float, variance: float) -> float:
    """Two-sided probability of a count as far from *mu*."""
    # scipy.stats has these by name, but takes longer to import than a whole look takes.
    from scipy.special import betainc, betaincc, pdtr, pdtrc

    k = math.floor(value)
    if variance <= mu * (1 + 1e-9):
        below, above = float(pdtr(k, mu)), float(pdtrc(k - 1, mu)) if k else 1.0
    else:
        r, share = mu * mu / (variance - mu), mu / variance
        below, above = float(betainc(r, k + 1, share)), float(betaincc(r, k, share)) if k else 1.0
    return min(1.0, 2 * min(below, above))


def beta_binomial(first: int, last: int, n: int, a: float, b: float) -> float:
    """Probability of *first* to *last* hits in *n* where the chance of a hit is drawn from Beta(*a*, *b*)."""
    from scipy.special import betaln

    hits = np.arange(max(first, 0), min(last, n) + 1, dtype=np.float64)
    logs = betaln(hits + a, n - hits + b) - betaln(a, b) - betaln(n - hits + 1, hits + 1) - math.log(n + 1)
    return min(1.0, float(np.exp(logs).sum()))

"""Whether a challenger may take the champion's place: both decide about the same later rows, and money is compared.

The rows are those of the challenger's test, which neither model learned from. The challenger passes where it is

- *worth more*: it brings more money for one customer, and the lower end of the interval of the difference is above
  ``−margin``: it is not worse by more than one is ready to lose;
- *believable*: slope and error of its calibration are not worse than the champion's by more than a tolerance;
- *fair to every slice*: no slice of the customers evidently loses more than the margin by it, corrected for their number.

Differences are taken row by row, and intervals resample customers. The k-th challenger that is judged on the same data gets the
``6/(π²k²)``-th part of alpha: however many are tried, the probability that one passes which is worse by the margin stays
below alpha in all (``Σ 6/(π²k²) = 1``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from vigie.bundle.logistic import log_odds, logistic
from vigie.training.bootstrap import Resampling
from vigie.training.clustered import codes_of
from vigie.training.compare import holm
from vigie.training.evidence import Estimate
from vigie.training.segment_guard import difference

NAN = float("nan")
FEWEST_CUSTOMERS = 50
"""Below so many the interval of a resampling is not to be trusted."""
FEWEST_IN_SLICE = 30
"""Customers of a slice below which it is not judged: a normal curve does not hold there."""
SLOPE_TOLERANCE = 0.2
"""How much further from 1 the challenger's calibration slope may be, in its logarithm."""
ECE_TOLERANCE = 0.03
"""How much greater its expected calibration error may be, a share."""
BINS = 10
_STEPS = 50


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How strict the gate is.

    Attributes:
        alpha: Probability with which a challenger that is worse by the margin passes, over all tries on the same data.
        margin: What may be left open as lost: share of what the champion brings.
        seed: Of the bootstrap.
    """

    alpha: float = 0.05
    margin: float = 0.05
    seed: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """What one model says and does about the rows.

    Attributes:
        money: What its decision brought for each row, currency, shape (n,).
        probability: Calibrated, shape (n,); ``None`` for a rule, which has none.
    """

    money: np.ndarray
    probability: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One thing that was looked at.

    Attributes:
        name: ``"value"``, ``"slope"``, ``"ece"`` or ``"slice NAME"``; ``"rows"`` where there are too few of them.
        passes: Whether it is good enough.
        value: Challenger minus champion: currency for one customer, log-slope's distance from 0, or share.
        low: Lower end of its interval.
        high: Upper end.
        limit: What *low* (of money) must be above, or *high* (of calibration) at most.
        words: The same in a sentence.
    """

    name: str
    passes: bool
    value: float
    low: float
    high: float
    limit: float
    words: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says.

    Attributes:
        passes: Whether the challenger may go to customers.
        checks: What was looked at, money first.
        rows: Looked at.
        customers: Distinct ones among them.
        tries: Challengers judged on these data, this one included.
        alpha: Level of this try, of money.
        against: What it was held against: ``"champion"`` or a fixed strategy.
    """

    passes: bool
    checks: tuple[GateCheck, ...]
    rows: int
    customers: int
    tries: int
    alpha: float
    against: str

    @property
    def words(self) -> str:
        """One sentence: what it brings, or what it fails by."""
        if self.passes:
            return self.checks[0].words
        return "; ".join(one.words for one in self.checks if not one.passes)

    def to_data(self) -> dict[str, Any]:
        """Plain data for the ledger; what is not known is null."""
        data = asdict(self)
        for one in data["checks"]:
            for key in ("value", "low", "high", "limit"):
                one[key] = one[key] if math.isfinite(one[key]) else None
        return data


def level(alpha: float, tries: int) -> float:
    """Part of *alpha* that the try number *tries*, from 1, may use.

    >>> round(level(0.05, 1), 4), round(level(0.05, 2), 4)
    (0.0304, 0.0076)
    """
    return alpha * 6.0 / (math.pi * tries) ** 2


def judge(
    challenger: Side,
    champion: Side,
    labels: np.ndarray,
    customers: np.ndarray,
    *,
    slices: Mapping[str, np.ndarray] | None = None,
    tries: int = 1,
    options: GateOptions | None = None,
    against: str = "champion",
    currency: str = "",
) -> GateVerdict:
    """Whether *challenger* may take the place of *champion*.

    Args:
        challenger: On rows that neither learned from.
        champion: On the same rows.
        labels: Outcomes, 0 or 1, shape (n,).
        customers: Key or code of each row's customer, shape (n,).
        slices: By name, masks of shape (n,).
        tries: Challengers judged on these data, this one included.
        options: How strict.
        against: What the champion is called.
        currency: For the sentences.
    """
    options = options or GateOptions()
    alpha = level(options.alpha, max(tries, 1))
    n = len(labels)
    distinct = len(np.unique(customers)) if n else 0

    def verdict(*checks: GateCheck) -> GateVerdict:
        return GateVerdict(all(one.passes for one in checks), checks, n, distinct, max(tries, 1), alpha, against)

    if distinct < FEWEST_CUSTOMERS:
        words = f"{distinct:,} customers that neither model learned from are too few; {FEWEST_CUSTOMERS} are the least"
        return verdict(GateCheck("rows", False, distinct, NAN, NAN, FEWEST_CUSTOMERS, words))
    codes = codes_of(customers)
    resampling = Resampling(codes, options.seed)
    found = [_value(challenger, champion, resampling, alpha, options, against, currency)]
    if challenger.probability is not None and champion.probability is not None:
        # Everything has to be passed, so that nothing is divided here; what is tried again and again is a gain of money.
        found.append(_slope(labels, challenger.probability, champion.probability, codes, options.alpha))
        found.append(_ece(labels, challenger.probability, champion.probability, resampling, options.alpha))
    found += _slices(challenger, champion, codes, slices or {}, -found[0].limit, options.alpha, currency)
    return verdict(*found)


def _value(
    challenger: Side,
    champion: Side,
    resampling: Resampling,
    alpha: float,
    options: GateOptions,
    against: str,
    currency: str,
) -> GateCheck:
    found = resampling.mean(challenger.money - champion.money, level=1 - 2 * alpha)
    limit = -options.margin * abs(float(champion.money.mean()))
    enough = found.low > limit or (found.low == limit == 0.0 and found.value > 0)
    passes = found.value > 0 and enough
    sentence = f"it brings {found.value:+,.3f} {currency} for one customer beside the {against}".replace("  ", " ")
    if not passes:
        why = (
            "no more than it"
            if found.value <= 0
            else f"and may lose {-found.low:,.3f}, where {-limit:,.3f} is the most"
        )
        sentence += f": {why}"
    else:
        sentence += f", at least {found.low:+,.3f}"
    return GateCheck("value", passes, found.value, found.low, found.high, limit, sentence)


# -- calibration -------------------------------------------------------------------------------------------------------


def _slope(y: np.ndarray, new: np.ndarray, old: np.ndarray, codes: np.ndarray, alpha: float) -> GateCheck:
    """How much further from 1 the slope is, in logarithms; its spread from what each customer changes in both slopes."""
    (a, of_a), (b, of_b) = (_log_slope(y, p, codes) for p in (new, old))
    if math.isnan(a):
        return GateCheck("slope", True, NAN, NAN, NAN, SLOPE_TOLERANCE, "the slope of its calibration is not defined")
    if math.isnan(b):  # a champion without a slope has nothing to be further from
        b, of_b = 0.0, np.zeros_like(of_a)
    value = abs(a) - abs(b)
    error = float(np.sqrt((((np.sign(a) or 1.0) * of_a - (np.sign(b) or 1.0) * of_b) ** 2).sum()))
    z = NormalDist().inv_cdf(1 - alpha)
    high = value + z * error
    passes = high <= SLOPE_TOLERANCE
    words = f"its calibration slope is {math.exp(a):.2f}, {math.exp(b):.2f} before"
    if not passes:
        words += f": it may be further from 1 by a factor of {math.exp(high):.2f}, where {math.exp(SLOPE_TOLERANCE):.2f} is the most"
    return GateCheck("slope", passes, value, value - z * error, high, SLOPE_TOLERANCE, words)


def _log_slope(y: np.ndarray, p: np.ndarray, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Logarithm of the slope of the outcome on the log-odds (Cox 1958), and what each customer adds to it; NaN for none."""
    count = int(codes.max()) + 1
    z = log_odds(p)
    if y.min() == y.max() or float(np.ptp(z)) == 0.0:
        return NAN, np.zeros(count)
    X, found = np.column_stack([z, np.ones(len(y))]), np.array([1.0, 0.0])
    curvature, residual = np.eye(2), np.zeros(len(y))
    for _ in range(_STEPS):
        q = logistic(X @ found)
        residual = y - q
        curvature = (X * np.maximum(q * (1 - q), 1e-12)[:, None]).T @ X + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, X.T @ residual)
        step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-300))
        found = found + step
        if float(np.abs(step).max()) < 1e-10:
            break
    slope = max(float(found[0]), 1e-3)  # one that points the wrong way is as far off as can be
    scores = np.column_stack([np.bincount(codes, column * residual, count) for column in X.T])
    return math.log(slope), (scores @ np.linalg.inv(curvature))[:, 0] / slope


def _ece(y: np.ndarray, new: np.ndarray, old: np.ndarray, resampling: Resampling, alpha: float) -> GateCheck:
    columns = np.column_stack([np.ones(len(y)), _distances(y, new), _distances(y, old)])

    def statistic(sums: np.ndarray) -> np.ndarray:
        mine, theirs = np.abs(sums[:, 1 : 1 + BINS]).sum(axis=1), np.abs(sums[:, 1 + BINS :]).sum(axis=1)
        return np.asarray((mine - theirs) / sums[:, 0])

    found: Estimate = resampling.estimate(columns, statistic, level=1 - 2 * alpha)
    passes = found.high <= ECE_TOLERANCE
    words = f"its calibration error is {found.value:+.3f} beside the champion's"
    if not passes:
        words += f": it may be greater by {found.high:.3f}, where {ECE_TOLERANCE:g} is the most"
    return GateCheck("ece", passes, found.value, found.low, found.high, ECE_TOLERANCE, words)


def _distances(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Of each row probability minus outcome, in the column of its bin of equal size: shape (n, BINS)."""
    order = np.argsort(p, kind="stable")
    place = np.empty(len(p), np.int64)
    place[order] = np.arange(len(p)) * BINS // len(p)
    distance = np.zeros((len(p), BINS))
    distance[np.arange(len(p)), place] = p - y
    return distance


# -- slices ------------------------------------------------------------------------------------------------------------


def _slices(
    challenger: Side,
    champion: Side,
    codes: np.ndarray,
    slices: Mapping[str, np.ndarray],
    margin: float,
    alpha: float,
    currency: str,
) -> list[GateCheck]:
    """Slices that lose: a small slice cannot be shown to be unharmed, so it is harm that has to be shown."""
    found = []
    for name, inside in slices.items():
        if len(np.unique(codes[inside])) < FEWEST_IN_SLICE:
            continue
        found.append((name, difference(challenger.money[inside], champion.money[inside], codes[inside])))
    normal = NormalDist()
    chances = [
        normal.cdf((one.mean + margin) / one.error) if one.error > 0 else float(one.mean >= -margin) for _, one in found
    ]
    checks = []
    z = normal.inv_cdf(1 - alpha)
    for (name, one), chance in zip(found, holm(chances), strict=True):
        passes = chance > alpha
        words = f"{name}: {one.mean:+,.3f} {currency} for one customer".replace("  ", " ").rstrip()
        if not passes:
            words += ", a loss beyond chance"
        low, high = one.mean - z * one.error, one.mean + z * one.error
        checks.append(GateCheck(f"slice {name}", passes, one.mean, low, high, -margin, words))
    return checks

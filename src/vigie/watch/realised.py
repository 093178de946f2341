"""What scores and decisions were worth once outcomes are known: figures with intervals, from sums that can be added up.

A :class:`Tally` is what is kept of the rows of a cohort. Customers are dealt into groups, always the same ones; sums are kept
by group. Tallies of several cohorts add up, and the spread between groups gives standard errors in which a customer who
comes again and again counts once (delete-a-group, Kott 2001; for AUC it is DeLong's variance for clusters, Obuchowski 1997). With a group
for each customer it is the usual cluster-robust variance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vigie.bundle.logistic import log_odds, logistic
from vigie.economics.payoff import Array, PayoffValues
from vigie.errors import InputError
from vigie.report.condense import wilson

GROUPS = 64
"""Groups of customers in a tally that is kept: standard errors are then known to 9 % or so, whatever the number of rows."""
SUMS = (
    "rows",
    "positives",
    "acted",
    "hits",
    "valued",
    "value",
    "expected",
    "brier",
    "log_loss",
    "won",
    "pairs",
    "precisions",
    "shifts",
    "excess",
    "excess_z",
)
"""What is summed up by group of customers; see :class:`Tally`."""
BIN_SUMS = ("rows", "positives", "p", "z")
"""What is summed up by bin of the score."""
EDGES = np.arange(-6.0, 6.125, 0.25)
"""Borders between bins of the score, in log-odds."""
NEAREST = 1e-6
"""Probabilities are kept this far from 0 and 1 where their logarithm is taken."""
NAN = float("nan")
_AT = {name: i for i, name in enumerate(SUMS)}
_LEVEL = 0.975


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its interval of 95 %.

    Attributes:
        value: The figure; NaN where it is not defined.
        low: Lower end.
        high: Upper end.
        error: Standard error.
    """

    value: float
    low: float
    high: float
    error: float

    def to_data(self) -> list[float | None]:
        """Value, ends and error; ``None`` for NaN."""
        return [_plain(x) for x in (self.value, self.low, self.high, self.error)]

    @classmethod
    def from_data(cls, data: Sequence[float | None]) -> Figure:
        """As written by :meth:`to_data`."""
        return cls(*(NAN if x is None else float(x) for x in data))


UNKNOWN = Figure(NAN, NAN, NAN, NAN)


@dataclass(frozen=True, eq=False, slots=True)
class Tally:
    """Sums over rows whose outcome is known.

    Attributes:
        sums: Shape (groups, len(SUMS)), weighted: rows; positive outcomes; rows acted on; of those, positive; rows whose cost
            matrix is known; their realised value and the value expected of the score, currency; squared error; log loss, nats;
            pairs of a positive and a negative of one cohort that the score orders rightly (ties half), and all such pairs, each counted
            for both customers; of positives, the precision at their score, and how much the rows change it for the others;
            outcome less score, and the same times the score's log-odds.
        bins: Shape (len(EDGES) + 1, len(BIN_SUMS)), by log-odds of the score: rows, positives, sums of score and of log-odds.
        unknown: Rows left out since their outcome is not known.
    """

    sums: Array
    bins: Array
    unknown: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together; customers have to be in the same groups in both."""
        if self.sums.shape != other.sums.shape:
            raise InputError(
                f"tallies of {len(self.sums)} and {len(other.sums)} groups of customers do not add up",
                field="Tally",
                remedy=f"deal customers into groups with group_of, {GROUPS} of them",
            )
        return Tally(self.sums + other.sums, self.bins + other.bins, self.unknown + other.unknown)

    def total(self, name: str) -> float:
        """A sum over all groups; *name* is one of :data:`SUMS`."""
        return float(self.sums[:, _AT[name]].sum())

    def to_data(self) -> dict[str, Any]:
        """Plain data, numbers to nine digits."""
        return {"sums": _short(self.sums), "bins": _short(self.bins), "unknown": self.unknown}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Tally:
        """As written by :meth:`to_data`."""
        sums = np.asarray(data["sums"], dtype=np.float64).reshape(-1, len(SUMS))
        return cls(sums, np.asarray(data["bins"], dtype=np.float64).reshape(-1, len(BIN_SUMS)), int(data["unknown"]))


def empty(groups: int = GROUPS) -> Tally:
    """Of no rows."""
    return Tally(np.zeros((groups, len(SUMS))), np.zeros((len(EDGES) + 1, len(BIN_SUMS))))


def tally(
    y: Array,
    p: Array,
    act: Array,
    sums: PayoffValues | None = None,
    groups: Array | None = None,
    *,
    count: int | None = None,
    weights: Array | None = None,
) -> Tally:
    """Sums over the rows of one cohort.

    Args:
        y: Outcomes, shape (n,): 1, 0, or NaN where the outcome is not known; such a row is left out, it is not a negative.
        p: Calibrated probabilities, 0 … 1, shape (n,).
        act: Who was, or would be, acted on; booleans, shape (n,).
        sums: Cost matrix of each row, currency; ``None``: no value is told.
        groups: Group of each row's customer, whole numbers from 0, shape (n,); ``None``: every row is a customer.
        count: How many groups there are; ``None``: as many as occur.
        weights: How many rows each row stands for, above 0, shape (n,); ``None``: itself alone.

    Raises:
        InputError: The arrays do not fit, an outcome is neither 0 nor 1, or a score is not from 0 to 1.
    """
    y, p, act = np.asarray(y, np.float64), np.asarray(p, np.float64), np.asarray(act, bool)
    groups = np.asarray(np.arange(len(y)) if groups is None else groups, np.int64)
    w: Array = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    _check(y, p, act, groups, w)
    size = count if count is not None else int(groups.max(initial=-1)) + 1
    known = np.flatnonzero(~np.isnan(y))
    unknown = len(y) - len(known)
    if not len(known):
        return Tally(empty(size).sums, empty(size).bins, unknown)
    if unknown:
        y, p, act, groups, w = y[known], p[known], act[known], groups[known], w[known]
        sums = sums.take(known) if sums is not None else None
    z = log_odds(np.clip(p, NEAREST, 1 - NEAREST))
    excess = y - p
    rows = np.zeros((len(y), len(SUMS)))
    rows[:, _AT["rows"]] = 1.0
    rows[:, _AT["positives"]] = y
    rows[:, _AT["acted"]] = act
    rows[:, _AT["hits"]] = act * y
    if sums is not None:
        value = np.broadcast_to(sums.realised(act, y), y.shape)
        expected = np.broadcast_to(sums.expected(p, act), y.shape)
        told = ~(np.isnan(value) | np.isnan(expected))
        rows[:, _AT["valued"]] = told
        rows[:, _AT["value"]] = np.where(told, value, 0.0)
        rows[:, _AT["expected"]] = np.where(told, expected, 0.0)
    rows[:, _AT["brier"]] = excess**2
    rows[:, _AT["log_loss"]] = row_log_loss(y, p)
    rows[:, _AT["excess"]] = excess
    rows[:, _AT["excess_z"]] = excess * z
    _ranks(rows, y, p, w)
    weighted = rows * w[:, None]
    by_group = np.column_stack([np.bincount(groups, column, size) for column in weighted.T])
    bin_of = np.searchsorted(EDGES, z, side="right")
    by_bin = [np.bincount(bin_of, column * w, len(EDGES) + 1) for column in (np.ones(len(y)), y, p, z)]
    return Tally(by_group, np.column_stack(by_bin), unknown)


def row_log_loss(y: Array, p: Array) -> Array:
    """Negative log-likelihood of each row, nats; probabilities are kept 1e-15 away from 0 and 1."""
    kept = np.clip(p, 1e-15, 1 - 1e-15)
    return np.asarray(-(y * np.log(kept) + (1 - y) * np.log1p(-kept)))


def _check(y: Array, p: Array, act: Array, groups: Array, w: Array) -> None:
    lengths = {"outcomes": len(y), "scores": len(p), "decisions": len(act), "customers": len(groups), "weights": len(w)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise InputError(f"there are {told}", field="realised figures", remedy="give one of each for every row")
    known = y[~np.isnan(y)]
    if not np.isin(known, (0.0, 1.0)).all():
        raise InputError(
            "an outcome is neither 0 nor 1", field="realised figures", remedy="give NaN where it is unknown"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(
            "a score is not from 0 to 1",
            field="realised figures",
            remedy="leave out rows without a score; NaN and log-odds are none",
        )
    if len(groups) and groups.min() < 0:
        raise InputError("a group of customers is below 0", field="realised figures", remedy="count groups from 0")
    if not (w > 0).all():
        raise InputError("a weight is not above 0", field="realised figures", remedy="leave such rows out")


def _ranks(rows: Array, y: Array, p: Array, w: Array) -> None:
    """Fill in what AUC and average precision are made of."""
    level = np.unique(p, return_inverse=True)[1]
    count = int(level.max()) + 1
    positive, negative = np.bincount(level, w * y, count), np.bincount(level, w * (1 - y), count)
    all_positive, all_negative = positive.sum(), negative.sum()
    below = np.cumsum(negative) - negative / 2
    above = all_positive - np.cumsum(positive) + positive / 2
    rows[:, _AT["won"]] = np.where(y == 1, below[level], above[level])
    rows[:, _AT["pairs"]] = np.where(y == 1, all_negative, all_positive)
    reached = np.cumsum((positive + negative)[::-1])[::-1]  # rows with at least this score
    precision = np.cumsum(positive[::-1])[::-1] / reached
    more, less = np.cumsum(positive / reached), np.cumsum(positive * precision / reached)
    rows[:, _AT["precisions"]] = y * precision[level]
    rows[:, _AT["shifts"]] = y * more[level] - less[level]


@dataclass(frozen=True, eq=False, slots=True)
class Realised:
    """What was realised.

    Attributes:
        rows: Rows whose outcome is known; with weights, how many they stand for.
        positives: Of them, positive outcomes.
        unknown: Rows left out since their outcome is not known.
        figures: By name: ``auc``, ``average_precision``, ``precision``, ``recall``, ``f1`` at the decision, ``log_loss``, ``brier``, ``slope`` and
            ``offset`` of calibration (1 and 0 where scores are what they say), ``ece``, ``acted`` (share), ``outcome_rate``, ``value`` (currency per
            customer), ``value_total``, ``value_expected`` (currency per customer, expected of the scores), ``value_short`` (their difference).
    """

    rows: float
    positives: float
    unknown: int
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Figure:
        return self.figures.get(name, UNKNOWN)


def realised(
    y: Array, p: Array, act: Array, sums: PayoffValues | None = None, clusters: Array | None = None, **more: Any
) -> Realised:
    """Figures of rows at once.

    Args:
        y: Outcomes, 1, 0 or NaN for unknown, shape (n,).
        p: Calibrated probabilities, shape (n,).
        act: Who was acted on, booleans, shape (n,).
        sums: Cost matrix of each row, currency.
        clusters: Key or code of each row's customer, shape (n,); ``None``: every row is another customer.
        more: ``weights`` of :func:`tally`.

    Raises:
        InputError: As :func:`tally`.
    """
    groups = None if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    return figures_of(tally(y, p, act, sums, groups, **more))


def figures_of(tallied: Tally) -> Realised:
    """The figures of a tally, with intervals.

    Rates have Wilson's interval (1927) for as many rows as are independent; what lies in 0 … 1 besides has its interval on the
    log-odds; the others are normal, with Student's quantile for the number of groups.
    """
    kept = tallied.sums[tallied.sums[:, 0] > 0]
    s = kept.sum(axis=0) if len(kept) else np.zeros(len(SUMS))
    by = {name: kept[:, i] for name, i in _AT.items()}
    t = student(len(kept) - 1)
    n, positives = float(s[0]), float(s[_AT["positives"]])
    if not n:
        return Realised(0.0, 0.0, tallied.unknown)
    acted, valued = float(s[_AT["acted"]]), float(s[_AT["valued"]])
    f: dict[str, Figure] = {}

    def ratio(over: Array, under: Array, times: float = 1.0, more: Array | float = 0.0) -> tuple[float, float]:
        below = float(under.sum())
        if not below > 0:
            return NAN, NAN
        value = float(over.sum()) / below
        return value, spread_of(times * (over - value * under + more) / below)

    f["auc"] = unit_interval(*ratio(by["won"], by["pairs"], 2.0), t)
    average = ratio(by["precisions"], by["positives"], more=by["shifts"])
    f["average_precision"] = unit_interval(*average, t)
    f["precision"] = rate_interval(*ratio(by["hits"], by["acted"]), acted, t)
    f["recall"] = rate_interval(*ratio(by["hits"], by["positives"]), positives, t)
    f["f1"] = unit_interval(*ratio(2 * by["hits"], by["acted"] + by["positives"]), t)
    f["acted"] = rate_interval(*ratio(by["acted"], by["rows"]), n, t)
    f["outcome_rate"] = rate_interval(*ratio(by["positives"], by["rows"]), n, t)
    f["brier"] = plain_interval(*ratio(by["brier"], by["rows"]), t)
    f["log_loss"] = plain_interval(*ratio(by["log_loss"], by["rows"]), t)
    if valued:
        f["value"] = plain_interval(*ratio(by["value"], by["valued"]), t)
        one = f["value"]
        f["value_total"] = Figure(*(valued * x for x in (one.value, one.low, one.high, one.error)))
        f["value_expected"] = plain_interval(*ratio(by["expected"], by["valued"]), t)
        f["value_short"] = plain_interval(*ratio(by["expected"] - by["value"], by["valued"]), t)
    found = calibration_of(tallied)
    if found is not None:
        f["slope"] = plain_interval(1 + found.b, math.sqrt(found.var_b), t)
        f["offset"] = plain_interval(found.level, found.level_error, t)
    f["ece"] = _calibration_error(tallied, by, t)
    return Realised(n, positives, tallied.unknown, f)


def _calibration_error(tallied: Tally, by: Mapping[str, Array], t: float) -> Figure:
    """Mean distance between score and share of positives over bins of the score.

    Chance alone makes it positive, so its interval is that of the sum of distances whose signs are taken as they are.
    """
    rows, positives, p, _ = tallied.bins.T
    n = float(rows.sum())
    value = float(np.abs(positives - p).sum() / n)
    error = spread_of(by["excess"] / n)
    return Figure(value, max(0.0, value - t * error), value + t * error, error)


@dataclass(frozen=True, slots=True)
class CalibrationShift:
    """How far outcomes are from scores: the log-odds of the outcome are ``z + a + b·(z − centre)``, *z* being those of the score.

    Attributes:
        a: Shift at the centre.
        b: Slope less 1.
        var_a: Variance of *a*.
        var_b: Variance of *b*.
        rows: Rows it was learned from.
        level: Shift with the slope kept at 1.
        level_error: Standard error of that.
    """

    a: float
    b: float
    var_a: float
    var_b: float
    rows: float
    level: float = NAN
    level_error: float = NAN


def calibration_of(
    tallied: Tally, centre: float = 0.0, ridge: tuple[float, float] = (2.0, 1.0)
) -> CalibrationShift | None:
    """The shift of calibration of a tally (Cox 1958), ``None`` of no rows.

    Args:
        tallied: Sums over rows.
        centre: Log-odds at which *a* is told.
        ridge: Standard deviations of the normal priors of *a* and *b* around 0, which keep them finite where all outcomes are
            alike; they do not show with a few dozen rows.
    """
    rows, positives, _, z = tallied.bins.T
    there = rows > 0
    if not there.any():
        return None
    rows, positives, z = rows[there], positives[there], z[there] / rows[there]
    X = np.column_stack([np.ones(len(z)), z - centre])
    prior = np.diag(1.0 / np.square(ridge))
    found, curvature = _fitted(X, rows, positives, z, prior)
    level, flat = _fitted(X[:, :1], rows, positives, z, prior[:1, :1])
    groups = tallied.sums[tallied.sums[:, 0] > 0]
    scores = np.column_stack([groups[:, _AT["excess"]], groups[:, _AT["excess_z"]] - centre * groups[:, _AT["excess"]]])
    # What all groups have in common is the shift itself, not its error.
    scores = scores - (groups[:, :1] / groups[:, :1].sum()) * scores.sum(axis=0)
    count = len(groups)
    meat = scores.T @ scores * (count / max(count - 1, 1))
    # Never less than independent rows leave.
    floor = np.diag(np.diag(curvature - prior))
    bread = np.linalg.inv(curvature)
    variance = np.maximum(np.diag(bread @ meat @ bread), np.diag(bread @ floor @ bread) if count < 2 else 0.0)
    variance = np.maximum(variance, 1e-12)
    error = math.sqrt(max(float(meat[0, 0]), 1e-12)) / float(flat[0, 0])
    return CalibrationShift(
        float(found[0]),
        float(found[1]),
        float(variance[0]),
        float(variance[1]),
        float(rows.sum()),
        float(level[0]),
        error,
    )


def _fitted(X: Array, rows: Array, positives: Array, known: Array, prior: Array) -> tuple[Array, Array]:
    """Coefficients of a logistic regression with *known* log-odds added, and its curvature."""
    found = np.zeros(X.shape[1])
    curvature = prior
    for _ in range(30):
        q = logistic(X @ found + known)
        curvature = (X * (rows * q * (1 - q))[:, None]).T @ X + prior
        step = np.linalg.solve(curvature, X.T @ (positives - rows * q) - prior @ found)
        found = found + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-9:
            break
    return found, curvature


# -- intervals -----------------------------------------------------------------------------------------------------------


def student(freedom: float, level: float = _LEVEL) -> float:
    """Quantile of Student's distribution; NaN below one degree of freedom."""
    if freedom < 1:
        return NAN
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


def spread_of(influence: Array) -> float:
    """Standard error of a figure from the influence of each group on it, shape (groups,); NaN of one group."""
    count = len(influence)
    return math.sqrt(count / (count - 1) * float(influence @ influence)) if count > 1 else NAN


def plain_interval(value: float, error: float, t: float) -> Figure:
    """Symmetric: ``value ± t·error``."""
    return Figure(value, value - t * error, value + t * error, error)


def unit_interval(value: float, error: float, t: float) -> Figure:
    """Symmetric on the log-odds, so that it stays within 0 … 1."""
    if math.isnan(value) or math.isnan(error) or math.isnan(t):
        return Figure(value, NAN, NAN, error)
    if not 0 < value < 1:
        return Figure(value, max(0.0, value - t * error), min(1.0, value + t * error), error)
    z = math.log(value / (1 - value))
    wide = t * error / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-min(max(x, -700.0), 700.0))) for x in (z - wide, z + wide))
    return Figure(value, low, high, error)


def rate_interval(value: float, error: float, rows: float, t: float) -> Figure:
    """Wilson's interval of a rate, for as many rows as are independent."""
    if math.isnan(value) or not rows > 0:
        return UNKNOWN
    independent = rows
    if error > 0 and 0 < value < 1:
        independent = min(rows, value * (1 - value) / error**2)
    low, high = wilson(value * independent, independent, t if t == t else 1.959964)
    return Figure(value, min(low, value), max(high, value), error)


def _plain(x: float) -> float | None:
    return None if math.isnan(x) else float(x)


def _short(table: Array) -> list[float]:
    return [int(x) if x == int(x) else float(f"{x:.9g}") for x in table.ravel().tolist()]

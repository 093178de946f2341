"""Performance before outcomes are known, worked out from calibrated scores; and how far that has been right so far.

A score that is calibrated says how often a customer like this is positive; so it says what to expect of AUC, precision, recall, F1, log loss and
value (the confidence-based estimate). Three things make what comes different, and the interval is made of all of them:

- **Chance**: a customer of 30 % is positive or not.
- **Calibration and order**: scores are not exactly what they say, and order customers better or worse than they say, the more so as time goes on. How far they
  were off in cohorts whose outcomes are known is learned (:mod:`vigie.watch.estimate_calibration`), taken into account, and what is left unknown widens the
  interval. Of AUC its own shift is learned; other figures move with the shift of calibration.
- **All else**: each estimate is kept and compared with the truth when it comes. Where the errors were larger than said, later intervals are wider by as
  much, where they were smaller narrower; few errors that could be checked give a wider interval (Student's).
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
from vigie.watch.estimate_calibration import DAY, LEVEL, RANK, SLOPE, Forecast, Prior, forecast, ranking_of
from vigie.watch.realised import NEAREST, Figure, Realised, Tally, calibration_of, student

SHARES = ("precision", "recall", "f1", "outcome_rate")
"""Shares of customers; their errors are told of the angle arcsin √share, radians, on which chance is as large near 0 and 1 as anywhere. Those of AUC are in
log-odds, of the others in their own unit."""
FIGURES = ("auc", *SHARES, "log_loss", "brier", "value")
"""What is estimated."""
MOST_COHORTS = 60
"""Matured cohorts that calibration is learned from at most; the oldest go."""
MOST_CHECKS = 400
"""Checked estimates that are remembered at most."""
BELIEVED = 4.0
"""How many checked estimates that are independent the theory's width counts for. As few, so that intervals are wide until horizons have proved it, and
narrow soon where they have."""
HALF_LIFE = 365.0
"""Days after which a check counts for half."""
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Check:
    """An estimate beside the truth.

    Attributes:
        moment: Of the cohort, µs.
        figure: One of :data:`FIGURES`.
        estimated: With its interval.
        realised: What came.
        error: Its distance in standard errors of the theory, before any widening.
        held: Whether the interval held it.
    """

    moment: int
    figure: str
    estimated: Figure
    realised: float
    error: float
    held: bool

    def to_data(self) -> list[Any]:
        """Plain data."""
        return [self.moment, self.figure, self.estimated.to_data(), self.realised, self.error, self.held]

    @classmethod
    def from_data(cls, data: Sequence[Any]) -> Check:
        """As written by :meth:`to_data`."""
        moment, figure, estimated, realised, error, held = data
        return cls(int(moment), str(figure), Figure.from_data(estimated), float(realised), float(error), bool(held))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far estimates of a figure have been right.

    Attributes:
        checks: Estimates that could be checked.
        held: Share of them whose interval held the truth; NaN of none.
        independent: How many of them say something that the others do not, at most: those of one horizon count once.
        factor: How much wider than the theory intervals are made now.
        error: Mean of truth less estimate.
        distance: Mean distance of truth and estimate.
    """

    checks: int
    held: float
    independent: float
    factor: float
    error: float
    distance: float


@dataclass(frozen=True, eq=False, slots=True)
class Estimate:
    """Estimated figures of a cohort.

    Attributes:
        moment: Of the cohort, µs.
        rows: How many customers.
        figures: By name, one of :data:`FIGURES`; the interval is that of the figure of these very customers. ``error`` is the standard error of the
            theory, in the unit that :data:`SHARES` tells of.
        level: Shift of calibration at the centre that is reckoned with, log-odds.
        slope: Of the slope.
        rank: Shift of the AUC against what scores say of it, log-odds.
    """

    moment: int
    rows: int
    figures: Mapping[str, Figure]
    level: Forecast
    slope: Forecast
    rank: Forecast

    def __getitem__(self, name: str) -> Figure:
        return self.figures[name]

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "moment": self.moment,
            "rows": self.rows,
            "figures": {name: one.to_data() for name, one in self.figures.items()},
            "level": [self.level.mean, self.level.error],
            "slope": [self.slope.mean, self.slope.error],
            "rank": [self.rank.mean, self.rank.error],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Estimate:
        """As written by :meth:`to_data`."""
        figures = {name: Figure.from_data(one) for name, one in data["figures"].items()}
        level, slope, rank = (Forecast(*data.get(name, (0.0, NAN))) for name in ("level", "slope", "rank"))
        return cls(int(data["moment"]), int(data["rows"]), figures, level, slope, rank)


Learned = tuple[int, float, float, float, float, float, float]
"""What a matured cohort told: its moment, the shifts of calibration at the centre and of the slope and of AUC, and their variances; NaN where unknown."""


@dataclass(eq=False, slots=True)
class Estimator:
    """Estimates figures of one model, and learns from the truth.

    Args:
        horizon: Of the outcome, µs: an outcome is known so long after the score.
        centre: Log-odds of the share of positives in training; shifts of calibration are told there.
        repeated: How much the errors of neighbouring cohorts have in common, 0 … 1: 0 where customers are scored once.
        level: Belief about the shift of calibration.
        slope: Belief about its slope.
        rank: Belief about the shift of AUC.
    """

    horizon: int
    centre: float = 0.0
    repeated: float = 0.7
    level: Prior = LEVEL
    slope: Prior = SLOPE
    rank: Prior = RANK
    cohorts: list[Learned] = field(default_factory=list)
    """Matured ones."""
    checks: list[Check] = field(default_factory=list)
    """What became of estimates."""

    def expect(self, moment: int) -> tuple[Forecast, Forecast, Forecast]:
        """Shifts of calibration, at the centre and of the slope, and of AUC, of a cohort at *moment*, µs."""
        known = np.array([one for one in self.cohorts if one[0] < moment], dtype=np.float64).reshape(-1, 7)

        def shift(place: int, prior: Prior) -> Forecast:
            some = known[~np.isnan(known[:, place])]
            return forecast(some[:, 0], some[:, place], some[:, place + 3], moment, self.horizon, prior, self.repeated)

        return shift(1, self.level), shift(2, self.slope), shift(3, self.rank)

    def estimate(
        self,
        p: Array,
        act: Array,
        sums: PayoffValues | None = None,
        clusters: Array | None = None,
        *,
        moment: int,
        weights: Array | None = None,
    ) -> Estimate:
        """Figures to come of customers scored at *moment*.

        Args:
            p: Calibrated probabilities, 0 … 1, shape (n,).
            act: Who is acted on, booleans, shape (n,).
            sums: Cost matrix of each row, currency; ``None``: value is not estimated.
            clusters: Codes of the rows' customers from 0, shape (n,), where a customer has several rows: their outcomes are taken to be one.
            moment: Of the cohort, µs.
            weights: How many rows each row stands for, as those that the truth will be weighed with; ``None``: itself alone.

        Raises:
            InputError: The arrays do not fit, or a score is not from 0 to 1.
        """
        p, act = np.asarray(p, np.float64), np.asarray(act, bool)
        if p.shape != act.shape or not ((p >= 0) & (p <= 1)).all():
            raise InputError(
                f"{len(p)} scores with {len(act)} decisions, or a score that is not from 0 to 1",
                field="estimate",
                remedy="give a calibrated probability and a decision for each row",
            )
        level, slope, rank = self.expect(moment)
        rows = _Rows(p, act, sums, weights)
        centre = self.centre
        q = rows.shifted(level.mean, slope.mean, centre)
        values = rows.expected(q)
        chance, counts = rows.chance(q, clusters), rows.counts(q)
        steps = [
            (rows.expected(rows.shifted(level.mean + level.error, slope.mean, centre)),
             rows.expected(rows.shifted(level.mean - level.error, slope.mean, centre))),
            (rows.expected(rows.shifted(level.mean, slope.mean + slope.error, centre)),
             rows.expected(rows.shifted(level.mean, slope.mean - slope.error, centre))),
        ]  # fmt: skip
        # A shift of calibration changes the order in which outcomes come as well; that of AUC is seen itself, and takes its place.
        values["auc"] = _unbent("auc", _bent("auc", rows.expected(p)["auc"]) + rank.mean)
        figures = {}
        for name, value in values.items():
            variance = (_stretch(name, value) * chance[name]) ** 2
            if name == "auc":
                variance += rank.error**2
            else:
                variance += sum(((_bent(name, up[name]) - _bent(name, down[name])) / 2) ** 2 for up, down in steps)
            figures[name] = self._interval(name, value, math.sqrt(variance), moment, counts.get(name, math.inf))
        return Estimate(moment, len(p), figures, level, slope, rank)

    def _interval(self, name: str, value: float, error: float, moment: int, count: float) -> Figure:
        if math.isnan(value) or math.isnan(error):
            return Figure(value, NAN, NAN, error)
        freedom, factor = self._width(name, moment)
        wide = student(freedom) * factor * error
        at = _bent(name, value)
        low, high = _unbent(name, at - wide), _unbent(name, at + wide)
        if name in SHARES:
            # Of so many customers a share is a whole number over that: half a customer on either side (Yates 1934).
            low, high = max(0.0, low - 0.5 / count), min(1.0, high + 0.5 / count)
        return Figure(value, low, high, error)

    def _width(self, name: str, now: int) -> tuple[float, float]:
        """Degrees of freedom, and how much wider than the theory intervals are to be."""
        checks = [one for one in self.checks if one.figure == name and one.moment + self.horizon <= now]
        if not checks:
            return BELIEVED, 1.0
        moments = np.array([one.moment for one in checks], dtype=np.float64)
        age = 0.5 ** ((now - moments) / DAY / HALF_LIFE)
        errors = np.array([one.error for one in checks])
        independent = _independent(moments, self.horizon) * float(age.mean())
        mean = float(age @ errors**2 / age.sum())
        return BELIEVED + independent, math.sqrt((BELIEVED + independent * mean) / (BELIEVED + independent))

    def learn(
        self, moment: int, truth: Tally, realised: Realised | None = None, estimate: Estimate | None = None
    ) -> list[Check]:
        """Learn from a cohort whose outcomes have become known, and check what was estimated of it.

        Cohorts are learned in the order of their moments. Those that follow each other by less than a tenth of the horizon take each other's
        place, as they hardly say anything new.

        Args:
            moment: Of the cohort, µs.
            truth: Its rows.
            realised: Its figures, where there is an estimate.
            estimate: What was estimated of it when it was scored; ``None``: nothing.

        Returns:
            The checks, one for each figure that is known now.
        """
        found = calibration_of(truth, self.centre)
        if found is not None:
            rank, doubt = ranking_of(truth)
            one = (moment, found.a, found.b, rank, found.var_a, found.var_b, doubt)
            step = max(DAY, self.horizon // 10)
            if len(self.cohorts) > 1 and moment - self.cohorts[-2][0] <= step:
                self.cohorts.pop()
            self.cohorts = [*self.cohorts, one][-MOST_COHORTS:]
        if estimate is None or realised is None:
            return []
        new = []
        for name, said in estimate.figures.items():
            came = realised[name].value
            if math.isnan(came) or math.isnan(said.value) or not said.error > 0:
                continue
            away = (_bent(name, came) - _bent(name, said.value)) / said.error
            new.append(Check(moment, name, said, came, max(-8.0, min(8.0, away)), said.low <= came <= said.high))
        kept = [*self.checks, *new]
        self.checks = kept[-MOST_CHECKS * len(FIGURES) :]
        return new

    def coverage(self, name: str, now: int) -> Coverage:
        """How far estimates of a figure, one of :data:`FIGURES`, have been right until *now*, µs."""
        checks = [one for one in self.checks if one.figure == name and one.moment + self.horizon <= now]
        if not checks:
            return Coverage(0, NAN, 0.0, 1.0, NAN, NAN)
        errors = np.array([one.realised - one.estimated.value for one in checks])
        moments = np.array([one.moment for one in checks], dtype=np.float64)
        return Coverage(
            len(checks),
            float(np.mean([one.held for one in checks])),
            _independent(moments, self.horizon),
            self._width(name, now)[1],
            float(errors.mean()),
            float(np.abs(errors).mean()),
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data, from which :meth:`from_data` makes the same estimator again."""
        return {
            "horizon": self.horizon,
            "centre": self.centre,
            "repeated": self.repeated,
            "level": [self.level.bias, self.level.wander, self.level.spread],
            "slope": [self.slope.bias, self.slope.wander, self.slope.spread],
            "rank": [self.rank.bias, self.rank.wander, self.rank.spread],
            "cohorts": [[None if math.isnan(x) else x for x in one] for one in self.cohorts],
            "checks": [one.to_data() for one in self.checks],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Estimator:
        """As written by :meth:`to_data`."""
        return cls(
            int(data["horizon"]),
            float(data["centre"]),
            float(data["repeated"]),
            Prior(*data["level"]),
            Prior(*data["slope"]),
            Prior(*data.get("rank", (RANK.bias, RANK.wander, RANK.spread))),
            [_learned(one) for one in data["cohorts"]],
            [Check.from_data(one) for one in data["checks"]],
        )


def _independent(moments: Array, horizon: int) -> float:
    """How many cohorts there are that do not look at the same days."""
    return min(float(len(moments)), 1.0 + float(moments.max() - moments.min()) / max(horizon, 1))


def _learned(data: Sequence[float | None]) -> Learned:
    if len(data) == 5:  # of before the shift of AUC was learned
        data = [*data[:3], None, *data[3:], None]
    a, b, rank, var_a, var_b, doubt = (NAN if x is None else float(x) for x in data[1:])
    return int(data[0] or 0), a, b, rank, var_a, var_b, doubt


def _bent(name: str, value: float) -> float:
    """A figure on the scale on which its errors are told."""
    if math.isnan(value):
        return value
    if name in SHARES:
        return math.asin(math.sqrt(min(max(value, 0.0), 1.0)))
    if name == "auc":
        kept = min(max(value, 1e-4), 1 - 1e-4)
        return math.log(kept / (1 - kept))
    return value


def _unbent(name: str, value: float) -> float:
    if math.isnan(value):
        return value
    if name in SHARES:
        return math.sin(min(max(value, 0.0), math.pi / 2)) ** 2
    return 1 / (1 + math.exp(-min(max(value, -700.0), 700.0))) if name == "auc" else value


def _stretch(name: str, value: float) -> float:
    """What a small error is multiplied with on the scale of :func:`_bent`."""
    kept = min(max(value, 1e-4), 1 - 1e-4)
    if name in SHARES:
        return 0.5 / math.sqrt(kept * (1 - kept))
    return 1.0 / (kept * (1 - kept)) if name == "auc" else 1.0


def expected_of(
    p: Array, act: Array, sums: PayoffValues | None = None, weights: Array | None = None
) -> dict[str, float]:
    """Figures to expect where scores are exactly what they say: what training promises of these customers.

    Args:
        p: Calibrated probabilities, 0 … 1, shape (n,).
        act: Who is acted on, booleans, shape (n,).
        sums: Cost matrix of each row, currency.
        weights: How many rows each row stands for.
    """
    p = np.asarray(p, np.float64)
    return _Rows(p, np.asarray(act, bool), sums, weights).expected(p)


class _Rows:
    """Rows that are scored, with what does not depend on calibration worked out once."""

    def __init__(self, p: Array, act: Array, sums: PayoffValues | None, weights: Array | None = None) -> None:
        self.p = p
        self.w: Array = np.ones(len(p)) if weights is None else np.asarray(weights, np.float64)
        self.n = float(self.w.sum())
        self.act = self.w * act
        self.z = log_odds(np.clip(p, NEAREST, 1 - NEAREST))
        kept = np.clip(p, 1e-15, 1 - 1e-15)
        self.loss_positive, self.loss_negative = -np.log(kept), -np.log1p(-kept)
        self.level = np.unique(p, return_inverse=True)[1] if len(p) else np.empty(0, np.int64)
        self.levels = int(self.level.max(initial=-1)) + 1
        self.sums: tuple[Array, Array, float] | None = None
        if sums is not None and len(p):
            positive = np.broadcast_to(np.where(act, sums.act_positive, sums.pass_positive), p.shape)
            negative = np.broadcast_to(np.where(act, sums.act_negative, sums.pass_negative), p.shape)
            told = ~(np.isnan(positive) | np.isnan(negative))
            if told.any():
                w = np.where(told, self.w, 0.0)
                self.sums = w * np.where(told, positive, 0.0), w * np.where(told, negative, 0.0), float(w.sum())

    def shifted(self, level: float, slope: float, centre: float) -> Array:
        """Chances of a positive outcome, shape (n,), where calibration is off by so much."""
        return logistic(self.z + level + max(slope, -0.95) * (self.z - centre))

    def expected(self, q: Array) -> dict[str, float]:
        """Figures expected where *q* are the chances of a positive outcome; NaN where one is not defined."""
        positives, acted, hits = float(self.w @ q), float(self.act.sum()), float(self.act @ q)
        losses = q * self.loss_positive + (1 - q) * self.loss_negative
        none = not self.n
        found = {
            "auc": self._auc(q),
            "precision": hits / acted if acted else NAN,
            "recall": hits / positives if positives > 0 else NAN,
            "f1": 2 * hits / (acted + positives) if acted + positives > 0 else NAN,
            "outcome_rate": NAN if none else positives / self.n,
            "log_loss": NAN if none else float(self.w @ losses) / self.n,
            "brier": NAN if none else float(self.w @ (q * (1 - 2 * self.p) + self.p**2)) / self.n,
        }
        if self.sums is not None:
            positive, negative, told = self.sums
            found["value"] = float((q * positive + (1 - q) * negative).sum()) / told
        return found

    def _sides(self, q: Array) -> tuple[Array, Array]:
        """Expected positives and negatives at each distinct score."""
        return np.bincount(self.level, self.w * q, self.levels), np.bincount(self.level, self.w * (1 - q), self.levels)

    def _auc(self, q: Array) -> float:
        """Expected pairs in the right order over expected pairs; nobody is a pair with himself."""
        positive, negative = self._sides(q)
        alone = float(self.w**2 @ (q * (1 - q)))
        pairs = float(positive.sum() * negative.sum()) - alone
        if not pairs > 0:
            return NAN
        return (float(positive @ (np.cumsum(negative) - negative / 2)) - alone / 2) / pairs

    def counts(self, q: Array) -> dict[str, float]:
        """Customers that each share is a share of, at least 1."""
        n, positives, acted = self.n, float(self.w @ q), float(self.act.sum())
        told = {"precision": acted, "recall": positives, "f1": (acted + positives) / 2, "outcome_rate": n}
        return {name: max(one, 1.0) for name, one in told.items()}

    def chance(self, q: Array, clusters: Array | None) -> dict[str, float]:
        """Standard deviation of each figure by chance alone: what each outcome changes, times its own standard deviation."""
        deviation = np.sqrt(q * (1 - q))

        def spread(influence: Array) -> float:
            moved = influence * deviation
            if clusters is not None:
                moved = np.bincount(clusters, moved)
            return float(np.sqrt(moved @ moved))

        n, positives, acted = max(self.n, 1e-12), float(self.w @ q), float(self.act.sum())
        hits, both = float(self.act @ q), acted + positives
        found = {
            "auc": spread(self._on_auc(q)),
            "precision": spread(self.act / acted) if acted else NAN,
            "recall": spread((self.act - self.w * hits / positives) / positives) if positives > 0 else NAN,
            "f1": spread((2 * self.act - self.w * 2 * hits / both) / both) if both > 0 else NAN,
            "outcome_rate": spread(self.w / n),
            "log_loss": spread(self.w * (self.loss_positive - self.loss_negative) / n),
            "brier": spread(self.w * (1 - 2 * self.p) / n),
        }
        if self.sums is not None:
            positive, negative, told = self.sums
            found["value"] = spread((positive - negative) / told)
        return found

    def _on_auc(self, q: Array) -> Array:
        """By how much AUC changes when an outcome turns from negative to positive, shape (n,)."""
        positive, negative = self._sides(q)
        P, N = max(float(positive.sum()), 1e-12), max(float(negative.sum()), 1e-12)
        below = (np.cumsum(negative) - negative / 2)[self.level] / N
        above = (P - np.cumsum(positive) + positive / 2)[self.level] / P
        auc = float(positive @ (np.cumsum(negative) - negative / 2)) / (P * N)
        return np.asarray(self.w * ((below - auc) / P - (above - auc) / N))

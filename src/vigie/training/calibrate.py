"""Calibration: which map from a model's score to a probability fits best on rows the model has not seen.

Scores come from the folds of a cross-validation, each of a model of its own. Where the share of positives moves from fold to
fold, as it does in time, scores of a fold are all too high or all too low, and over all folds together a good ranking can
look like none (Simpson's paradox). So every map takes its *form* from within the folds, each with an offset of its own, and
only its *level* from all rows. Which map is best is tried by leaving out whole folds, in time order those that follow, never
a random part of rows whose folds differ: a map has to hold on a fold that it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.bundle import Calibration
from vigie.bundle.logistic import NEAREST, log_odds, logistic
from vigie.training.metrics import log_loss

ISOTONIC_POSITIVES = 500
"""Rows of the rarer class below which steps would follow noise (Niculescu-Mizil & Caruana 2005: about 1,000 rows)."""
WORTHWHILE = 5e-4
"""Nats of log loss that a map with more freedom has to save."""
LEAST_SLOPE = 0.01
"""Of a sigmoid, in log-odds for log-odds."""
FOLDS = 5
ITERATIONS = 100
CLOSE = 1e-9
"""Newton's last step; what is left after it is about its square."""
RIDGE = 1e-6
HALVINGS = 30
FLAT = 1e-9
"""Log-odds by which the scores of a fold differ at most where they are taken for one and the same."""
LOOKED_AT = 2_000
"""Scores, evenly picked, that the mean of a map is taken over where there are more."""

Groups = np.ndarray | None
Maker = Callable[[np.ndarray, np.ndarray, Groups], Calibration]


@dataclass(frozen=True, eq=False, slots=True)
class CalibrationChoice:
    """The map that was chosen, and what each map that was tried lost on rows it was not fitted on.

    Attributes:
        calibration: Fitted on all rows given.
        losses: Mean log loss by kind, in nats: ``"identity"``, ``"sigmoid"``, ``"beta"`` and, with rows enough,
            ``"isotonic"``. Empty where there was nothing to try.
    """

    calibration: Calibration
    losses: Mapping[str, float]


def _unchanged(p: np.ndarray, y: np.ndarray, groups: Groups) -> Calibration:  # noqa: ARG001
    return Calibration.identity()


def fit_sigmoid(p: np.ndarray, y: np.ndarray, groups: Groups = None) -> Calibration:
    """``logistic(a · log_odds(p) + b)`` of highest likelihood, by Newton's method on Platt's (1999) smoothed targets.

    The slope *a* is that within the folds, each with an offset of its own; *b* is then that of all rows. Where the folds show
    no ranking, or one turned around, *a* is 0.01: the probability is all but the share of positives for everybody, and the
    final model, which learns from more rows than the folds' models did, keeps its order.

    Args:
        p: Scores, 0 … 1, shape (n,).
        y: Labels, 0 or 1.
        groups: Fold of each row; ``None``: all of one.
    """
    target, z = _smoothed(y), log_odds(p)
    slope = max(float(_within(z[:, None], target, groups)[0][0]), LEAST_SLOPE)
    return Calibration.sigmoid(slope, _level(slope * z, target))


def fit_beta(p: np.ndarray, y: np.ndarray, groups: Groups = None) -> Calibration:
    """``logistic(a · log(p) − b · log(1 − p) + c)`` of highest likelihood: a sigmoid that may bend differently at both ends.

    Slopes within the folds, level of all rows, as :func:`fit_sigmoid`. A slope that would fall below 0 is 0.

    Args:
        p: Scores, 0 … 1, shape (n,).
        y: Labels, 0 or 1.
        groups: Fold of each row; ``None``: all of one.

    Source: Kull, Silva Filho & Flach (2017), *Beta calibration*, AISTATS.
    """
    target = _smoothed(y)
    kept = np.clip(p, NEAREST, 1 - NEAREST)
    columns = np.column_stack([np.log(kept), -np.log(1 - kept)])
    slopes = _within(columns, target, groups)[0]
    if slopes.min() < 0:
        only = int(np.argmax(slopes))
        slopes = np.zeros(2)
        slopes[only] = max(float(_within(columns[:, [only]], target, groups)[0][0]), 0.0)
    if slopes.max() < LEAST_SLOPE:
        slopes = np.full(2, LEAST_SLOPE)
    return Calibration.beta(slopes[0], slopes[1], _level(columns @ slopes, target))


def fit_isotonic(p: np.ndarray, y: np.ndarray, groups: Groups = None) -> Calibration:
    """The non-decreasing steps of least squared error, joined by straight lines; never quite 0 or 1.

    The ends are drawn in as Laplace's rule of succession does, so that no finite sample makes certainty. With folds, scores
    are first moved, in log-odds, from the level of their fold to that of all rows, so that steps follow the ranking and not
    the folds; at the end the whole map is moved until its mean is the share of positives. Where the folds show no ranking it is
    :func:`fit_sigmoid`.

    Args:
        p: Scores, 0 … 1, shape (n,).
        y: Labels, 0 or 1.
        groups: Fold of each row; ``None``: all of one.
    """
    target, z = _smoothed(y), log_odds(p)
    if float(np.ptp(z)) <= FLAT:
        return fit_sigmoid(p, y, groups)
    if groups is None or groups.min() == groups.max():
        return _steps(p, y)
    slopes, offsets, number = _within(z[:, None], target, groups)
    slope = float(slopes[0])
    if slope <= LEAST_SLOPE:
        return fit_sigmoid(p, y, groups)
    moved = logistic(z + (offsets[number] - _level(slope * z, target)) / slope)
    found = _steps(moved, y)
    return _centered(found, z, float(y.mean()))


def _steps(p: np.ndarray, y: np.ndarray) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(p, y.astype(np.float64))
    margin = 1 / (len(y) + 2)
    return Calibration.isotonic(fitted.X_thresholds_, np.clip(fitted.y_thresholds_, margin, 1 - margin))


def _centered(steps: Calibration, z: np.ndarray, share: float) -> Calibration:
    """The same steps, moved along the log-odds until they give *share* on average; as they are where they cannot."""
    knots, values = log_odds(np.array(steps.x)), np.array(steps.y)
    every = -(-len(z) // LOOKED_AT)
    z = np.sort(z)[every // 2 :: every]
    low, high = -5.0, 5.0
    if not np.interp(z, knots + high, values).mean() <= share <= np.interp(z, knots + low, values).mean():
        return steps
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if np.interp(z, knots + middle, values).mean() > share:
            low = middle
        else:
            high = middle
    return Calibration.isotonic(logistic(knots + (low + high) / 2), values)


def _smoothed(y: np.ndarray) -> np.ndarray:
    """Platt's targets, a little off 0 and 1."""
    positives = int(y.sum())
    return np.where(y == 1, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))


def _within(columns: np.ndarray, target: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes of *columns*, shape (n, k), with an offset for each group; the offsets; and the number of each row's group.

    Newton's method; offsets are eliminated from each step, since no two groups share a row. A column that is the same for all
    rows of each group (the share of positives, said to everybody) says nothing beside the offsets: its slope is 0.
    """
    own = np.zeros(len(target), np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    varies = _varies(columns, own)
    if not varies.all():
        slopes = np.zeros(columns.shape[1])
        if varies.any():
            slopes[varies], offsets, own = _within(columns[:, varies], target, groups)
            return slopes, offsets, own
        return slopes, log_odds(np.bincount(own, target) / np.bincount(own)), own
    center, scale = columns.mean(axis=0), columns.std(axis=0)
    x = (columns - center) / scale
    count, width = int(own.max()) + 1, x.shape[1]
    slopes, offsets = np.zeros(width), np.zeros(count)
    for _ in range(ITERATIONS):
        q = logistic(x @ slopes + offsets[own])
        weight, residual = np.maximum(q * (1 - q), 1e-12), q - target
        weighted = x * weight[:, None]
        # A grain of ridge keeps two separated classes finite.
        inner = weighted.T @ x + RIDGE * np.eye(width)
        cross = np.array([np.bincount(own, weighted[:, j], count) for j in range(width)])
        outer = np.bincount(own, weight, count) + RIDGE
        uphill, level = x.T @ residual, np.bincount(own, residual, count)
        step = np.linalg.solve(inner - (cross / outer) @ cross.T, uphill - (cross / outer) @ level)
        move = (level - cross.T @ step) / outer
        largest = max(float(np.abs(step).max()), float(np.abs(move).max()), 1e-300)
        shorter = min(1.0, 4.0 / largest)
        slopes, offsets = slopes - shorter * step, offsets - shorter * move
        if largest < CLOSE:
            break
    return slopes / scale, offsets - (slopes / scale) @ center, own


def _varies(columns: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Whether each of *columns*, shape (n, k), differs between rows of any one group, numbers *own* from 0."""
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(int(own.max()) + 1))
    sorted_columns = columns[order]
    spread = np.maximum.reduceat(sorted_columns, starts) - np.minimum.reduceat(sorted_columns, starts)
    return np.asarray(spread.max(axis=0) > FLAT)


def _level(known: np.ndarray, target: np.ndarray) -> float:
    """The offset of highest likelihood beside *known* log-odds."""
    found = 0.0
    for _ in range(ITERATIONS):
        q = logistic(known + found)
        step = float((q - target).sum() / (np.maximum(q * (1 - q), 1e-12).sum() + RIDGE))
        found -= min(max(step, -4.0), 4.0)
        if abs(step) < CLOSE:
            break
    return found


def choose_map(
    p: np.ndarray,
    y: np.ndarray,
    parts: Sequence[np.ndarray] | None = None,
    groups: Groups = None,
    *,
    in_time: bool = False,
) -> CalibrationChoice:
    """Identity, sigmoid, beta or isotonic, whichever has the lowest log loss on folds it was not fitted on.

    A map with more freedom has to save 5e-4 nats. Isotonic is tried from 500 rows of the rarer class on.

    Args:
        p: Scores of rows that the model has not learned from, shape (n,).
        y: Their labels.
        parts: Positions that are left out in turn; given instead of what follows from *groups*.
        groups: Fold whose model gave each score; ``None``: one model gave all, and every fifth row is left out.
        in_time: Whether folds with a higher number lie later: then a map is tried on each fold after fitting on those before.
    """
    if len(p) == 0 or p.min() == p.max():
        return CalibrationChoice(Calibration.identity(), {})
    makers: dict[str, Maker] = {"identity": _unchanged, "sigmoid": fit_sigmoid, "beta": fit_beta}
    if min(int(y.sum()), int(len(y) - y.sum())) >= ISOTONIC_POSITIVES:
        makers["isotonic"] = fit_isotonic
    totals, rows = dict.fromkeys(makers, 0.0), 0
    for fitted, left_out in _turns(len(y), parts, groups, in_time=in_time):
        if not 0 < y[fitted].sum() < len(fitted):
            continue
        rows += len(left_out)
        for name, make in makers.items():
            found = make(p[fitted], y[fitted], None if groups is None else groups[fitted])
            totals[name] += log_loss(y[left_out], found.apply(p[left_out])) * len(left_out)
    if rows == 0:
        return CalibrationChoice(Calibration.identity(), {})
    losses = {name: total / rows for name, total in totals.items()}
    best = "identity"
    for name in list(makers)[1:]:
        if losses[name] < losses[best] - WORTHWHILE:
            best = name
    return CalibrationChoice(makers[best](p, y, groups), losses)


def _turns(
    n: int, parts: Sequence[np.ndarray] | None, groups: Groups, *, in_time: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions to fit on and positions to try on."""
    numbers = np.unique(groups) if groups is not None and parts is None else np.empty(0)
    if groups is not None and len(numbers) > 1:
        for number in numbers[1:] if in_time else numbers:
            fitted = groups < number if in_time else groups != number
            yield np.flatnonzero(fitted), np.flatnonzero(groups == number)
        return
    for part in parts if parts is not None else [np.arange(k, n, FOLDS) for k in range(FOLDS)]:
        others = np.ones(n, bool)
        others[part] = False
        yield np.flatnonzero(others), part


def choose_calibration(
    p: np.ndarray,
    y: np.ndarray,
    parts: Sequence[np.ndarray] | None = None,
    groups: Groups = None,
    *,
    in_time: bool = False,
) -> Calibration:
    """The map of :func:`choose_map` alone; the same arguments."""
    return choose_map(p, y, parts, groups, in_time=in_time).calibration

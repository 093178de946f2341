"""One segment: is a model of its own better there, and if so, that model. Plain data in and out, for any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vigie.bundle import Calibration, Part, StoredPart
from vigie.bundle.parts import pack, with_part_golden
from vigie.economics import PayoffValues
from vigie.errors import TrainingError, VigieError
from vigie.training.calibrate import fit_sigmoid
from vigie.training.candidates import CANDIDATES, Candidate, FitOptions, Rows
from vigie.training.capacity import Capacity
from vigie.training.folds import Fold
from vigie.training.make_bundle import exact_model
from vigie.training.metrics import realised, row_log_loss
from vigie.training.processes import one_thread
from vigie.training.segment_guard import Difference, certain, difference, evidence

PARAMS: dict[str, dict[str, object]] = {"lightgbm": {"learning_rate": 0.1, "rounds": 100}}
"""Where a candidate's defaults are for more rows than a segment has: a third of the trees, each of three times the weight,
learns the same to within noise in a third of the time."""
BEHIND = 3.0
"""Standard errors of log loss on the folds so far, at which a candidate is given up."""
HALF_TRUSTED = 100
"""Rows of the rarer class at which a segment's own calibration counts as much as none."""


@dataclass(frozen=True, eq=False)
class SegmentWork:
    """A segment to try, its training rows only.

    Attributes:
        value: The segment.
        rows: Features and outcomes of its *n* rows.
        payoff: Their cost matrix.
        capacity: Of their moments.
        customers: Number of each row's customer, shape (n,).
        folds: Positions among the rows; at least two.
        common: The common model's calibrated probability out of fold, shape (n,); NaN where no fold validates the row.
        min_gain: Who is acted on, as for the common model.
        candidates: Names of those to try.
        options: Of the fits.
        tried: Segments that are tried in all, at most.
        final: Name of the candidate to fit, its worth being known; empty: find out first.
        calibration: Of that candidate.
    """

    value: str
    rows: Rows
    payoff: PayoffValues
    capacity: Capacity
    customers: np.ndarray
    folds: tuple[Fold, ...]
    common: np.ndarray
    min_gain: float
    candidates: tuple[str, ...]
    options: FitOptions
    tried: int
    final: str = ""
    calibration: Calibration = field(default_factory=Calibration)


def _same() -> Difference:
    return Difference(0.0, 0.0)


@dataclass(frozen=True, eq=False)
class SegmentAnswer:
    """What was found out about a segment.

    Attributes:
        value: The segment.
        candidate: The best of its own.
        money: Own minus common, in currency for one row.
        loss: Log loss that the own model saves.
        p_value: That this is chance.
        raw: The candidate's score out of fold, shape (n,); NaN where no fold validated the row.
        calibration: Of the candidate.
        part: Its model, if it was certain to be wanted.
        reason: Why it failed; empty: it did not.
    """

    value: str
    candidate: str = ""
    money: Difference = field(default_factory=_same)
    loss: Difference = field(default_factory=_same)
    p_value: float = 1.0
    raw: np.ndarray | None = None
    calibration: Calibration = field(default_factory=Calibration)
    part: StoredPart | None = None
    reason: str = ""


def try_segment(work: SegmentWork) -> SegmentAnswer:
    """Cross-validates candidates on the segment and compares the best with the common model on the same rows.

    The best is fitted at once where its worth is beyond doubt. Whatever goes wrong is in the answer: it concerns this
    segment only.
    """
    try:
        with one_thread():
            return _fitted(work) if work.final else _compared(work)
    except VigieError as error:
        return SegmentAnswer(work.value, reason=error.what)
    except Exception as error:  # noqa: BLE001 - a segment that fails must not stop the others
        return SegmentAnswer(work.value, reason=f"{type(error).__name__}: {error}")


def _compared(work: SegmentWork) -> SegmentAnswer:
    y = work.rows.labels
    candidates = {name: _candidate(name) for name in work.candidates}
    raw = _raced(work, candidates)
    fold_of = np.full(len(y), -1, np.int64)
    for number, fold in enumerate(work.folds):
        fold_of[fold.valid] = number
    found: list[SegmentAnswer] = []
    for name, scores in raw.items():
        seen = np.flatnonzero(~np.isnan(scores) & ~np.isnan(work.common))
        calibrated = _out_of_fold(scores[seen], y[seen], fold_of[seen])
        money = difference(_money(work, seen, calibrated), _money(work, seen, work.common[seen]), work.customers[seen])
        loss = difference(
            -row_log_loss(y[seen], calibrated), -row_log_loss(y[seen], work.common[seen]), work.customers[seen]
        )
        calibration = shrunk_calibration(scores[seen], y[seen], fold_of[seen])
        found.append(SegmentAnswer(work.value, name, money, loss, evidence(money, loss), scores, calibration))
    # Looking for the best of several is corrected for as well.
    best = min(found, key=lambda one: (one.p_value, -one.loss.mean, candidates[one.candidate].complexity))
    p_value = min(1.0, best.p_value * len(work.candidates))
    part = None
    if certain(p_value, work.tried):
        assert best.raw is not None
        part = _part(work, candidates[best.candidate], best.calibration)
    return SegmentAnswer(work.value, best.candidate, best.money, best.loss, p_value, best.raw, best.calibration, part)


def _raced(work: SegmentWork, candidates: dict[str, Candidate]) -> dict[str, np.ndarray]:
    """Scores out of fold of the candidates that were not given up on the way, and always of one."""
    y = work.rows.labels
    raw = {name: np.full(len(y), np.nan) for name in candidates}
    for fold in work.folds:
        learning, asked = work.rows.take(fold.train), work.rows.take(fold.valid)
        for name in raw:
            fitted = candidates[name].fit(learning, _options(work.options, name))
            raw[name][fold.valid] = fitted.probability(asked)
        seen = np.flatnonzero(~np.isnan(next(iter(raw.values()))))
        losses = {name: row_log_loss(y[seen], scores[seen]) for name, scores in raw.items()}
        best = min(losses, key=lambda name: float(losses[name].mean()))
        raw = {
            name: scores
            for name, scores in raw.items()
            if difference(-losses[best], -losses[name], work.customers[seen]).z <= BEHIND
        }
    return raw


def _fitted(work: SegmentWork) -> SegmentAnswer:
    part = _part(work, _candidate(work.final), work.calibration)
    return SegmentAnswer(work.value, work.final, calibration=work.calibration, part=part)


def _part(work: SegmentWork, candidate: Candidate, calibration: Calibration) -> StoredPart:
    fitted = candidate.fit(work.rows, _options(work.options, candidate.name))
    part = Part(work.value, fitted.encoder, exact_model(fitted, work.rows), calibration)
    return pack(with_part_golden(part, work.rows.columns))


def shrunk_calibration(p: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Calibration:
    """A sigmoid between none and the one that fits best: the more rows of the rarer class, the nearer to the latter.

    Slope and offset are taken ``m / (m + 100)`` of the way, *m* being the rows of the rarer class: no choice to be made,
    and none to be wrong about, on the few rows of a segment.

    Args:
        p: Scores out of fold, shape (n,).
        y: Labels.
        groups: Fold of each row.
    """
    rarer = int(min(y.sum(), len(y) - y.sum()))
    if not rarer or p.min() == p.max():
        return Calibration.identity()
    best, trust = fit_sigmoid(p, y, groups=groups), rarer / (rarer + HALF_TRUSTED)
    return Calibration.sigmoid(1 + trust * (best.a - 1), trust * best.b)


def _out_of_fold(p: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Calibrated, each fold by what the others say."""
    out = np.empty(len(p))
    for fold in np.unique(groups):
        here = groups == fold
        out[here] = shrunk_calibration(p[~here], y[~here], groups[~here]).apply(p[here])
    return out


def _money(work: SegmentWork, seen: np.ndarray, p: np.ndarray) -> np.ndarray:
    """What acting on *p* brought for each of the rows *seen*."""
    payoff = work.payoff.take(seen)
    gain = np.broadcast_to(payoff.gain(p), len(seen))
    return realised(payoff, work.capacity.act(gain, work.min_gain, seen), work.rows.labels[seen])


def _candidate(name: str) -> Candidate:
    return next(candidate for candidate in CANDIDATES if candidate.name == name)


def _options(options: FitOptions, name: str) -> FitOptions:
    params = {**PARAMS.get(name, {}), **options.params}
    return FitOptions(options.seed, options.threads, options.row_limit, params, options.imbalance)


def learners(names: Sequence[str] | None) -> tuple[str, ...]:
    """The candidates of a segment: those that the user named and that learn, or the two that are quick.

    Raises:
        TrainingError: None of those named learns.
    """
    if names is None:
        return ("logistic_regression", "lightgbm")
    found = tuple(candidate.name for candidate in CANDIDATES if candidate.learns and candidate.name in names)
    if not found:
        raise TrainingError(
            "none of the models named can learn a segment", where="--model", remedy="name one that learns"
        )
    return found

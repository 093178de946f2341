"""Segments: a model of its own where it honestly beats the common one, the common one everywhere else.

Segments are the values of ``by``. Each that has rows enough is cross-validated on the folds that all candidates share, and
its best candidate is compared with the common model's out-of-fold predictions of the very same rows: money first, then log
loss, by more than chance explains among so many segments (:mod:`vigie.training.segment_guard`). Test rows take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vigie.bundle import Part, by_input
from vigie.economics import PayoffValues
from vigie.errors import TrainingError
from vigie.features.values import Values
from vigie.training.calibrate import choose_calibration
from vigie.training.candidates import CANDIDATES, FitOptions, Rows
from vigie.training.capacity import Capacity
from vigie.training.evidence import Estimate, SegmentOutcome
from vigie.training.folds import Fold
from vigie.training.options import TrainOptions
from vigie.training.processes import Lost, each
from vigie.training.segment_fit import SegmentAnswer, SegmentWork, learners, try_segment
from vigie.training.segment_guard import accepted
from vigie.training.split import FEWEST_POSITIVES, Split, group_codes
from vigie.training.tried import Tried
from vigie.wording import said

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

Progress = Callable[[str, float], None]

LEAST_ROWS = 200
"""Training rows of a segment for which a model of its own is tried."""
LEAST_OF_CLASS = 20
"""Training rows of either class, likewise."""
LEAST_VALIDATED = 100
"""Rows on which it is compared with the common model, likewise."""
MOST_FOLDS = 3
"""Folds, the last ones, that a segment is cross-validated on: with many segments, and few rows in each, more cost more than
they tell."""
MOST_SEGMENTS = 20_000
"""Values of ``by``, at most."""
FEW = 8
"""Segments below which starting processes takes longer than they save."""


@dataclass(frozen=True, eq=False)
class Segments:
    """What became of the segments.

    Attributes:
        parts: Models of those that have one of their own, by increasing value: for ``Bundle.parts``.
        outcomes: One for each segment among the training or test rows, the largest first.
        probability: Out of fold and calibrated, of the rows ``common.cv.rows``: ``common.cv.probability`` with the rows of
            those segments as their own models see them. What profile, risk segments and request cut are made from.
    """

    parts: tuple[Part, ...]
    outcomes: tuple[SegmentOutcome, ...]
    probability: np.ndarray


@dataclass(frozen=True, eq=False)
class _Training:
    """The training rows, in segments.

    Attributes:
        by: Segment of each row.
        order: Rows by segment; in it, segment of code *c* is at ``begin[c]:begin[c + 1]``.
        begin: Shape (categories + 1,).
        common: The common model's calibrated probability out of fold; NaN where no fold validates the row.
        customers: Number of each row's customer.
    """

    rows: Rows
    payoff: PayoffValues
    capacity: Capacity
    folds: tuple[Fold, ...]
    by: Values
    order: np.ndarray
    begin: np.ndarray
    common: np.ndarray
    customers: np.ndarray

    def members(self, code: int) -> np.ndarray:
        """Rows of a segment, increasing."""
        return self.order[self.begin[code] : self.begin[code + 1]]


def fit_segments(
    training_set: TrainingSet,
    rows: Rows,
    payoff: PayoffValues,
    capacity: Capacity,
    folds: Sequence[Fold],
    common: Tried,
    split: Split,
    options: TrainOptions,
    tell: Progress | None = None,
) -> Segments:
    """Tries a model of its own for every segment with rows enough.

    A segment that fails, for whatever reason, keeps the common model and says why. The result does not depend on
    ``options.workers`` or ``options.threads``.

    Args:
        training_set: Of a score that has ``by``; only its segments, customers and the number of test rows are looked at.
        rows: Training rows.
        payoff: Their cost matrix.
        capacity: Of their moments.
        folds: Positions among them, as *common* was cross-validated on.
        common: The model that all segments share.
        split: Which rows of the training set learn.
        options: ``models`` names the candidates; left out: logistic regression and LightGBM.
        tell: Told about the work.

    Raises:
        TrainingError: ``by`` has too many values, or no candidate learns.
        DefinitionError: ``by`` is computed from other values.
    """
    score = training_set.score
    name = by_input(score)
    everyone = {**training_set.extras, **training_set.features}[name]
    data = _training(training_set, rows, payoff, capacity, folds, common, split, everyone.take(split.train))
    test = _counts(everyone.take(split.test))
    train = np.diff(data.begin)
    present = np.flatnonzero((train > 0) | (test > 0))
    if len(present) > MOST_SEGMENTS:
        raise TrainingError(
            f"by= '{name}' has {len(present):,} values; {MOST_SEGMENTS:,} segments are the most",
            where=f"score '{score.name}'",
            remedy="divide customers by something coarser",
        )
    candidates = learners(options.models)
    usable = {int(code): found for code in present if (found := _folds_of(data, int(code))) is not None}
    works = _Works(data, usable, candidates, common.cv.threshold.min_gain, name, options)
    answers = _answers(works, list(usable), options, tell)
    wanted = dict(zip(answers, accepted([one.p_value for one in answers.values()]), strict=True))
    late = [code for code, yes in wanted.items() if yes and answers[code].part is None and not answers[code].reason]
    for code, fitted in _run(works, late, options, None, answers):
        answers[code] = replace(answers[code], part=fitted.part, reason=fitted.reason)
    outcomes, parts, probability = [], [], common.cv.probability.copy()
    place = np.full(len(rows), -1, np.int64)
    place[common.cv.rows] = np.arange(len(common.cv.rows))
    for code in present.tolist():
        answer = answers.get(code)
        own = answer is not None and answer.part is not None and wanted[code]
        outcomes.append(_outcome(data, code, int(test[code]), answer, own=own, tried=len(usable)))
        if answer is not None and answer.part is not None and own:
            parts.append(answer.part)
            assert answer.raw is not None
            seen = np.flatnonzero(~np.isnan(answer.raw))
            where = place[data.members(code)[seen]]
            probability[where[where >= 0]] = answer.calibration.apply(answer.raw[seen])[where >= 0]
    return Segments(
        tuple(sorted(parts, key=lambda part: part.value)),
        tuple(sorted(outcomes, key=lambda one: (-one.rows, -one.test_rows, one.segment))),
        probability,
    )


def segment_test_values(
    outcomes: Sequence[SegmentOutcome], by: Values, money: np.ndarray
) -> tuple[SegmentOutcome, ...]:
    """The same outcomes with what each segment brought on the test rows.

    Args:
        outcomes: Of :func:`fit_segments`.
        by: Segment of each test row, a CATEGORY.
        money: What the decision brought for each test row, in currency, shape (n,).
    """
    code = {text: i for i, text in enumerate(by.categories)}
    counts = _counts(by)
    sums = np.bincount(by.data[by.data >= 0], weights=money[by.data >= 0], minlength=len(by.categories))
    return tuple(
        replace(one, test_value=float(sums[at] / counts[at]) if (at := code.get(one.segment, -1)) >= 0 and counts[at] else float("nan"))
        for one in outcomes
    )  # fmt: skip


# -- what is tried -----------------------------------------------------------------------------------------------------


def _counts(by: Values) -> np.ndarray:
    return np.bincount(by.data[by.data >= 0], minlength=len(by.categories))


def _training(
    training_set: TrainingSet,
    rows: Rows,
    payoff: PayoffValues,
    capacity: Capacity,
    folds: Sequence[Fold],
    common: Tried,
    split: Split,
    by: Values,
) -> _Training:
    # A missing value has code −1: it comes first in the order and belongs to no segment.
    order = np.argsort(by.data, kind="stable")
    begin = np.searchsorted(by.data[order], np.arange(len(by.categories) + 1), side="left")
    used = tuple(folds)[-MOST_FOLDS:]
    customers = group_codes(training_set.customers[split.train])
    return _Training(rows, payoff, capacity, used, by, order, begin, _out_of_fold(common, rows, folds), customers)


def _out_of_fold(common: Tried, rows: Rows, folds: Sequence[Fold]) -> np.ndarray:
    """The common model's probability, calibrated for each fold by what the other folds say, shape (n,)."""
    raw, number = np.full(len(rows), np.nan), np.full(len(rows), -1, np.int64)
    raw[common.cv.rows] = common.cv.raw
    for i, fold in enumerate(folds):
        number[fold.valid] = i
    seen = np.flatnonzero(~np.isnan(raw) & (number >= 0))
    out = np.full(len(rows), np.nan)
    for i in range(len(folds)):
        others, here = seen[number[seen] != i], seen[number[seen] == i]
        if len(others) and len(here):
            calibration = choose_calibration(raw[others], rows.labels[others], groups=number[others])
            out[here] = calibration.apply(raw[here])
    return out


def _folds_of(data: _Training, code: int) -> tuple[Fold, ...] | None:
    """The folds within a segment, as positions among its rows; ``None`` where it is too small to be tried."""
    members = data.members(code)
    y = data.rows.labels[members]
    if len(y) < LEAST_ROWS or min(int(y.sum()), int(len(y) - y.sum())) < LEAST_OF_CLASS:
        return None
    made, validated = [], 0
    for fold in data.folds:
        # Both are increasing, so that looking the few up among the many costs little.
        train, valid = _among(members, fold.train), _among(members, fold.valid)
        valid = valid[~np.isnan(data.common[members[valid]])]
        if np.bincount(y[train], minlength=2).min() >= FEWEST_POSITIVES and len(valid):
            made.append(Fold(train, valid))
            validated += len(valid)
    return tuple(made) if len(made) >= 2 and validated >= LEAST_VALIDATED else None


def _among(members: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Positions in *members* of those that are *chosen*; both increasing."""
    if not len(chosen):
        return np.empty(0, np.int64)
    at = np.minimum(np.searchsorted(chosen, members), len(chosen) - 1)
    return np.flatnonzero(chosen[at] == members)


@dataclass(frozen=True, eq=False)
class _Works:
    """Makes the work of a segment when it is asked for: only a few are in memory at a time."""

    data: _Training
    folds: dict[int, tuple[Fold, ...]]
    candidates: tuple[str, ...]
    min_gain: float
    by: str
    options: TrainOptions

    def of(self, code: int, answer: SegmentAnswer | None) -> SegmentWork:
        """To try a segment, or where *answer* says how it went to fit its candidate."""
        data, members = self.data, self.data.members(code)
        # Within a segment what makes it one is constant.
        columns = {name: values for name, values in data.rows.columns.items() if name != self.by}
        fit = FitOptions(self.options.seed, 1, self.options.row_budget, imbalance=self.options.imbalance)
        work = SegmentWork(
            value=data.by.categories[code],
            rows=Rows(columns or data.rows.columns, data.rows.labels).take(members),
            payoff=data.payoff.take(members),
            capacity=data.capacity.take(members),
            customers=data.customers[members],
            folds=self.folds[code],
            common=data.common[members],
            min_gain=self.min_gain,
            candidates=self.candidates,
            options=fit,
            tried=len(self.folds),
        )
        return work if answer is None else replace(work, final=answer.candidate, calibration=answer.calibration)


def _answers(
    works: _Works, codes: Sequence[int], options: TrainOptions, tell: Progress | None
) -> dict[int, SegmentAnswer]:
    found = dict(_run(works, codes, options, tell, None))
    return {code: found[code] for code in codes}


def _run(
    works: _Works,
    codes: Sequence[int],
    options: TrainOptions,
    tell: Progress | None,
    known: dict[int, SegmentAnswer] | None,
) -> Iterator[tuple[int, SegmentAnswer]]:
    """Answers in any order."""
    place = {works.data.by.categories[code]: code for code in codes}
    pieces = (works.of(code, known[code] if known is not None else None) for code in codes)
    workers = options.workers if len(codes) >= FEW else 1
    for done, (work, answer) in enumerate(each(try_segment, pieces, workers=workers), 1):
        if tell is not None:
            tell(said("segment {done:,} of {all:,}", done=done, all=len(codes)), done / len(codes))
        whole = SegmentAnswer(work.value, reason=said("its process died")) if isinstance(answer, Lost) else answer
        yield place[work.value], whole


# -- what is said ------------------------------------------------------------------------------------------------------


def _outcome(
    data: _Training, code: int, test_rows: int, answer: SegmentAnswer | None, *, own: bool, tried: int
) -> SegmentOutcome:
    y = data.rows.labels[data.members(code)]
    positives = int(y.sum())
    failed = answer is not None and bool(answer.reason)
    value = None
    if answer is not None and not failed:
        mean, error = answer.money.mean, 1.96 * answer.money.error
        value = Estimate(mean, mean - error, mean + error)
    return SegmentOutcome(
        segment=data.by.categories[code],
        rows=len(y),
        test_rows=test_rows,
        positives=positives,
        model="failed" if failed else "own" if own else "common",
        candidate=answer.candidate if answer is not None and own else "",
        value=value,
        test_value=float("nan"),
        words=_words(answer, own=own, rows=len(y), rarer=min(positives, len(y) - positives), tried=tried),
    )


def _words(answer: SegmentAnswer | None, *, own: bool, rows: int, rarer: int, tried: int) -> str:
    if answer is None:
        return said(
            "The common model: {rows:,} training rows, {rarer:,} of them of the rarer outcome, are too few to try a model "
            "of its own ({least:,} and {least_of_class:,} are needed, and {validated:,} that were validated).",
            rows=rows,
            rarer=rarer,
            least=LEAST_ROWS,
            least_of_class=LEAST_OF_CLASS,
            validated=LEAST_VALIDATED,
        )
    if answer.reason:
        return said("The common model, for its own failed: {reason}.", reason=answer.reason.rstrip("."))
    title = next(candidate.title for candidate in CANDIDATES if candidate.name == answer.candidate)
    template = (
        "A model of its own, {title}: on the same cross-validated rows it brings {money:+,.2f} more for one customer than "
        "the common model and saves {loss:.4f} of log loss, more than chance explains among {tried:,} segments."
        if own
        else "The common model: its own ({title}) brought {money:+,.2f} for one customer beside it and saved {loss:.4f} of "
        "log loss on the same cross-validated rows, no more than chance explains among {tried:,} segments."
    )
    return said(template, title=title, money=answer.money.mean, loss=answer.loss.mean, tried=tried)

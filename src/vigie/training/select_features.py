"""Which features earn their place: the winner again on fewer of them, compared in cross-validation.

In every fold features are ranked by what they add to the answers of a model of that fold's training rows, and a model of
the first *k* is tried on its validation rows. So the ranking never sees the rows it is judged on, and the figures of the
selected set are as honest as those of the full one (Ambroise & McLachlan 2002 show what happens otherwise).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vigie import clock
from vigie.training.candidates import Candidate, FitOptions, Fitted, Rows
from vigie.training.clustered import codes_of, interval_of
from vigie.training.cross_validate import CrossValidation, cross_validate
from vigie.training.evidence import Estimate, Selection
from vigie.training.metrics import realised
from vigie.training.task import Part, Task
from vigie.training.tried import Tried
from vigie.wording import Said, said

FEWEST_FEATURES = 4
SHARES = (0.75, 0.5, 0.33, 0.2)
"""Of the features: the sizes that are tried."""
SLOW_SHARES = (0.5, 0.25)
"""The same for a candidate that takes long to fit."""
RANKED_ROWS = 1_000
SLOW_RANKING_ROWS = 3_000
"""Rows that a slow candidate learns from where only the order of its features is wanted."""


@dataclass(frozen=True, eq=False)
class _Rankings:
    """Features by importance, worked out once for the same rows."""

    found: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    def of(self, candidate: Candidate, rows: Rows, options: FitOptions) -> tuple[str, ...]:
        digest = hashlib.blake2b(rows.labels.tobytes())
        for values in rows.columns.values():
            digest.update(np.ascontiguousarray(values.data).tobytes())
        key = digest.digest()
        if key not in self.found:
            if candidate.slow:
                options = replace(options, row_limit=min(options.row_limit, SLOW_RANKING_ROWS))
            self.found[key] = rank_features(candidate.fit(rows, options), rows, options.seed)
        return self.found[key]


class _Fewer:
    """A candidate that keeps its *size* most important features."""

    def __init__(self, whole: Candidate, size: int, rankings: _Rankings) -> None:
        self._whole, self._size, self._rankings = whole, size, rankings
        self.name, self.title, self.complexity = whole.name, whole.title, whole.complexity
        self.learns, self.slow, self.space, self.extra = whole.learns, whole.slow, whole.space, whole.extra
        self.cost, self.sketch = whole.cost, whole.sketch

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        kept = set(self._rankings.of(self._whole, rows, options)[: self._size])
        return self._whole.fit(only(rows, kept), options)


def only(rows: Rows, kept: set[str]) -> Rows:
    """The same rows with the columns *kept*, in their order."""
    return Rows({name: values for name, values in rows.columns.items() if name in kept}, rows.labels, rows.rule)


def rank_features(fitted: Fitted, rows: Rows, seed: int) -> tuple[str, ...]:
    """Every column's name, by mean absolute contribution to the answers, greatest first."""
    n = len(rows)
    if n > RANKED_ROWS:
        rows = rows.take(np.sort(np.random.default_rng(seed).choice(n, RANKED_ROWS, replace=False)))
    contributions = fitted.build().contributions(fitted.matrix(rows))[:, :-1]
    sources = fitted.encoder.feature_inputs()
    total = dict.fromkeys(rows.columns, 0.0)
    for name in dict.fromkeys(sources):
        columns = [i for i, source in enumerate(sources) if source == name]
        # One-hot columns of one feature are one feature.
        total[name] = float(np.abs(contributions[:, columns].sum(axis=1)).mean())
    place = {name: i for i, name in enumerate(rows.columns)}
    return tuple(sorted(total, key=lambda name: (-total[name], place[name])))


def select_features(best: Tried, task: Task, fit: FitOptions, final: FitOptions) -> tuple[Selection, Tried] | None:
    """The winner on the features that earn their place, and how it compares with the winner on all.

    Of the sizes tried, the smallest that loses no log loss, and no money that the data can tell (95 %), is used. Where
    there is none, the smallest within one standard error in both is shown and not used.

    Args:
        best: The winner on all features. One that reads no features of its own has nothing to select.
        task: Its rows.
        fit: How it was cross-validated.
        final: How it was fitted in the end.

    Returns:
        ``None`` where there are fewer than four features or the winner does not learn from them.
    """
    features = list(task.rows.columns)
    if not best.candidate.learns or len(features) < FEWEST_FEATURES or best.fitted.reads_rule:
        return None
    codes = codes_of(task.train.customers)
    rankings = _Rankings()
    shares = SLOW_SHARES if best.candidate.slow else SHARES
    sizes = sorted({max(2, round(share * len(features))) for share in shares} - {len(features)})
    found: dict[int, CrossValidation] = {}
    for size in sizes:
        smaller = _Fewer(best.candidate, size, rankings)
        found[size] = cross_validate(smaller, task.train.rows, task.train.payoff, task.folds, task.train.capacity, fit)
    money = {size: _difference(cv.money, best.cv.money, codes[cv.rows]) for size, cv in found.items()}
    loss = {size: _difference(best.cv.loss, cv.loss, codes[cv.rows]) for size, cv in found.items()}
    good = [size for size in sizes if loss[size].value >= 0 and money[size].high >= 0]
    near = [size for size in sizes if _within(loss[size]) and _within(money[size])]
    size = (good or near or [max(sizes, key=lambda size: loss[size].value)])[0]
    order = rankings.of(best.candidate, task.train.rows, final)
    kept = tuple(order[:size])
    before = clock.stopwatch()
    fitted = best.candidate.fit(only(task.train.rows, set(kept)), final)
    note = said("reads {kept} of {all} features", kept=size, all=len(features))
    joined = f"{fitted.note}; {note}" if fitted.note else note
    chosen = replace(best, cv=found[size], fitted=replace(fitted, note=joined), seconds=clock.stopwatch() - before)
    selection = Selection(
        kept=kept,
        dropped=tuple(name for name in order if name not in kept),
        value=money[size],
        log_loss=loss[size],
        test_value=_difference(_money(chosen, task.test), _money(best, task.test), codes_of(task.test.customers)),
        used=bool(good),
        words=_words(size, len(features), used=bool(good), near=bool(near)),
    )
    return selection, chosen


def _difference(one: np.ndarray, other: np.ndarray, codes: np.ndarray) -> Estimate:
    known = ~(np.isnan(one) | np.isnan(other))
    return interval_of((one - other)[known], codes[known])


def _within(difference: Estimate) -> bool:
    """Whether a loss is within one standard error of none."""
    error = (difference.high - difference.low) / (2 * 1.96)
    return difference.value >= -error


def _money(tried: Tried, part: Part) -> np.ndarray:
    p = tried.cv.calibration.apply(tried.fitted.probability(part.rows))
    return realised(part.payoff, part.act(p, tried.cv.threshold.min_gain), part.rows.labels)


def _words(size: int, features: int, *, used: bool, near: bool) -> Said:
    counts: Mapping[str, object] = {"size": size, "features": features}
    if used:
        return said(
            "{size} of {features} features do as well as all of them in cross-validation: the model reads these and "
            "leaves the others out.",
            **counts,
        )
    if near:
        return said(
            "{size} of {features} features come within one standard error of all of them, and a little is lost: the model "
            "keeps all.",
            **counts,
        )
    return said("With {size} of {features} features something is lost: the model keeps all.", **counts)

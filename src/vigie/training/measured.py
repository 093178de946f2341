"""A candidate's record: measured on its training rows, and once on the test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vigie.bundle import with_parts
from vigie.features.values import Values
from vigie.training.diagnose import fit_in_words
from vigie.training.metrics import mean_metrics, measure, realised
from vigie.training.result import CandidateResult, Metrics
from vigie.training.task import Part, Task
from vigie.training.tried import Tried

if TYPE_CHECKING:
    from vigie.training.segments import Segments


def calibrated(tried: Tried, part: Part, segments: Segments | None = None, by: Values | None = None) -> np.ndarray:
    """Calibrated probability of the rows of *part*, shape (n,).

    Args:
        tried: The candidate.
        part: Rows.
        segments: Where some customers have a model of their own.
        by: Segment of every row of the whole training set.
    """
    p = tried.cv.calibration.apply(tried.fitted.probability(part.rows))
    if segments is None or by is None or not segments.parts:
        return p
    return with_parts(p, segments.parts, by.take(part.index), part.rows.columns)


def as_tested(tried: Tried, task: Task, segments: Segments | None = None, by: Values | None = None) -> CandidateResult:
    """The record of *tried*; arguments as in :func:`calibrated`."""
    candidate, cv = tried.candidate, tried.cv
    measured: dict[str, Metrics] = {}
    probability: dict[str, np.ndarray] = {}
    for name, part in (("train", task.train), ("test", task.test)):
        p = calibrated(tried, part, segments, by)
        act, y = part.act(p, cv.threshold.min_gain), part.rows.labels
        measured[name] = measure(y, p, act, realised(part.payoff, act, y))
        probability[name] = p
    mean = mean_metrics(cv.metrics)
    return CandidateResult(
        name=candidate.name,
        title=candidate.title,
        complexity=candidate.complexity,
        params=dict(tried.fitted.params),
        cv=cv.metrics,
        cv_mean=mean,
        test=measured["test"],
        train=measured["train"],
        fit_seconds=tried.seconds,
        diagnosis=fit_in_words(measured["train"], cv.metrics, mean, measured["test"], learns=candidate.learns),
        probability_test=probability["test"],
        calibration=cv.calibration.kind,
        min_gain=cv.threshold.min_gain,
        note=tried.fitted.note,
    )

"""The winner as a bundle: everything that serving, watching and an audit need, and nothing that a clock said."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie._version import __version__
from vigie.bundle import (
    Bundle,
    DecisionRule,
    Encoder,
    Model,
    by_input,
    inputs_of,
    portable_by,
    portable_features,
    portable_payoff,
    portable_rule,
    profile_of,
    segment_edges,
    with_golden,
)
from vigie.definition import At
from vigie.economics import Threshold, acted_share, request_cut
from vigie.errors import TrainingError
from vigie.training.candidates import Fitted, Rows
from vigie.training.options import TrainOptions
from vigie.training.result import CandidateResult
from vigie.training.split import Split
from vigie.training.task import Task
from vigie.training.tried import Tried

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet
    from vigie.training.segments import Segments

TOLERANCE = 1e-9
"""Largest difference between the training pipeline's probability and the bundle's, on any row."""
LIBRARIES = (
    "numpy",
    "scikit-learn",
    "lightgbm",
    "interpret-core",
    "optuna",
    "polars",
    "xgboost-cpu",
    "xgboost",
    "catboost",
)
"""Whose versions decide what is learned; those of extras where they are installed."""


def make_bundle(
    training_set: TrainingSet,
    best: Tried,
    result: CandidateResult,
    task: Task,
    options: TrainOptions,
    importance: Sequence[tuple[str, float, float]] = (),
    segments: Segments | None = None,
    definition: str = "",
    left_out: Sequence[str] = (),
) -> Bundle:
    """The bundle, with golden predictions.

    Its segments, its reference profile and the line for single requests come from predictions of cross-validation:
    they are distributed as those of new customers are, which the model's predictions of its own training rows are not.

    Args:
        training_set: What was learned from, with the features that the model reads.
        best: The winner.
        result: Its record.
        task: The training set, divided.
        options: Of the run.
        importance: Of each feature: name, mean drop in test AUC when it is shuffled, standard deviation of the drop.
        segments: Models of segments.
        definition: Fingerprint of the project's score; left out: of the training set's.
        left_out: Features of the project that the model does without; a request may send them all the same.

    Raises:
        TrainingError: The bundle's model does not give the training pipeline's probabilities.
    """
    score, schema = training_set.score, training_set.schema
    fitted, cv = best.fitted, best.cv
    probability = cv.probability if segments is None else segments.probability
    gain = cv.gain if segments is None else task.train.payoff.take(cv.rows).gain(probability)
    columns = {**training_set.extras, **training_set.features}
    model = exact_model(fitted, task.rows)
    validated = task.split.train[cv.rows]
    decision = _decision(training_set, cv.threshold, np.broadcast_to(gain, len(probability)))
    bundle = Bundle(
        score_name=score.name,
        title=score.description.splitlines()[0] if score.description else f"{result.title} for {score.name}",
        inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema),
        payoff=portable_payoff(score.decision.payoff()),
        rule=portable_rule(score),
        encoder=fitted.encoder if not fitted.reads_rule else Encoder(()),
        model=model,
        calibration=cv.calibration,
        decision=decision,
        segments=segment_edges(probability),
        profile=profile_of(
            {name: values.take(validated) for name, values in training_set.features.items()},
            probability,
            customers=training_set.customers[validated],
            acted=np.broadcast_to(gain, len(probability)) >= decision.request_cut,
            outcome=training_set.labels[validated],
        ),
        lineage=lineage(training_set, result, task.split, options, definition or score.fingerprint, left_out),
        texts=training_set.texts,
        by=by_input(score),
        by_definition=portable_by(score),
        parts=segments.parts if segments is not None else (),
        metrics={
            "test": result.test.to_data(),
            "cross_validation": result.cv_mean.to_data(),
            "importance": {name: {"drop": drop, "spread": spread} for name, drop, spread in importance},
        },
    )
    return with_golden(bundle, columns)


def exact_model(fitted: Fitted, rows: Rows) -> Model:
    """The model for the bundle, proved on every row.

    Raises:
        TrainingError: A probability differs from the training library's by more than 1e-9.
    """
    model = fitted.build()
    X = fitted.matrix(rows)
    difference = float(np.abs(model.probability(X) - fitted.predict(X)).max())
    if not difference <= TOLERANCE:
        raise TrainingError(
            f"the portable model's probability differs from the training library's by {difference:.3g}",
            where=model.kind,
            remedy="this is a fault of Vigie or of a library's new version; please report it with both versions",
        )
    return model


def _decision(training_set: TrainingSet, threshold: Threshold, gain: np.ndarray) -> DecisionRule:
    decision = training_set.score.decision
    # Leads and loans are decided one by one: capacity has nobody to rank.
    capacity = None if isinstance(training_set.score.moments, At) else decision.capacity
    cut = None
    if capacity is not None:
        share = acted_share(capacity, training_set.moments)
        cut = request_cut(gain, share, threshold.min_gain)
    return DecisionRule(
        min_gain=threshold.min_gain,
        request_min_gain=cut,
        capacity=capacity,
        origin=threshold.origin,
        act=decision.act,
        leave=decision.leave,
        positive=decision.positive,
        currency=decision.currency,
    )


def lineage(
    training_set: TrainingSet,
    result: CandidateResult,
    split: Split,
    options: TrainOptions,
    definition: str,
    left_out: Sequence[str] = (),
) -> dict[str, Any]:
    """Where the model comes from, as plain data.

    What was known is told by the versions of the data. The moment at which somebody pressed the button is not part of
    it, so that the same data and options give the same bundle; the registry keeps that moment.
    """
    return {
        "data": dict(sorted(training_set.versions.items())),
        "rows": len(training_set.labels),
        "definition": definition,
        "code": options.code_version,
        "vigie": __version__,
        "candidate": result.name,
        "params": {key: _plain(value) for key, value in sorted(result.params.items())},
        "seed": options.seed,
        "split": {key: value for key, value in asdict(split.description).items() if value is not None},
        "libraries": library_versions(),
        "fitted_on": "training rows before the test",
        "note": result.note,
        **({"left_out": sorted(left_out)} if left_out else {}),
        **({"acted_on": asdict(training_set.untouched)} if training_set.untouched is not None else {}),
    }


def library_versions() -> dict[str, str]:
    """Version of each library that decides what is learned and is installed."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)

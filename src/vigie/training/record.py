"""A training result as what the registry keeps of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vigie.clock import iso
from vigie.registry import RECIPE_TAG, CandidateRun, TrainingRun
from vigie.training.result import CandidateResult, Metrics, TrainingResult

EXAMPLE_ROWS = 5


def training_run(
    result: TrainingResult,
    *,
    files: Mapping[str, Path] | None = None,
    started: int | None = None,
    recipe: str = "",
) -> TrainingRun:
    """What :meth:`vigie.registry.Registry.log` takes.

    Args:
        result: Of the training.
        files: Path below the run's artefacts → file on disk, e.g. ``{"report.html": path}``.
        started: µs, when the training began.
        recipe: All that the training was made from, as text; it goes with the version.
    """
    data, best = result.training_set, result.best
    rows = np.arange(min(EXAMPLE_ROWS, len(data.labels)))
    columns = {**data.extras, **data.features}
    split = {f"split.{key}": value for key, value in asdict(result.split).items() if value is not None}
    metrics = {f"test.{key}": value for key, value in best.test.to_data().items()}
    metrics |= {f"cv.{key}": value for key, value in best.cv_mean.to_data().items()}
    metrics |= {f"strategy.{name}.value": found.value for name, found in result.strategies.items()}
    metrics |= _evidence(result)
    options = {f"option.{key}": value for key, value in asdict(result.options).items()}
    tags = {
        "vigie.score": data.score.name,
        "vigie.winner": result.winner,
        "vigie.choice": result.choice,
        "vigie.as_of": iso(data.as_of),
        "vigie.definition": data.score.fingerprint,
        "vigie.code_version": result.options.code_version,
        "vigie.currency": result.currency,
        "vigie.findings": ", ".join(sorted({found.code for found in result.findings})),
        **{f"vigie.data.{source}": str(version) for source, version in sorted(data.versions.items())},
        **({RECIPE_TAG: recipe} if recipe else {}),
    }
    return TrainingRun(
        bundle=result.bundle,
        example={given.name: columns[given.name].take(rows) for given in result.bundle.inputs},
        params={**options, **split, **{f"{result.winner}.{key}": value for key, value in best.params.items()}},
        metrics=metrics,
        tags=tags,
        candidates=tuple(_candidate(one, winner=one.name == result.winner) for one in result.candidates),
        datasets=dict(sorted(data.versions.items())),
        files=files or {},
        started=started,
        seconds=result.seconds,
    )


def _evidence(result: TrainingResult) -> dict[str, float]:
    """Figures beside the metrics; what is not defined is left out, since MLflow takes no NaN everywhere."""
    found = result.evidence
    figures = dict(found.scores)
    if found.value is not None:
        for name, one in (("over_rival", found.value.over_rival), ("savings", found.value.savings)):
            figures |= {f"{name}": one.value, f"{name}.low": one.low, f"{name}.high": one.high}
    if found.reliability is not None:
        figures |= {
            "calibration.slope": found.reliability.slope.value,
            "calibration.offset": found.reliability.offset.value,
        }
    for group in found.fairness:
        figures |= {f"fairness.{group.feature}.{gap.measure}": gap.gap.value for gap in group.gaps}
    return {f"evidence.{name}": float(value) for name, value in figures.items() if math.isfinite(value)}


def _candidate(one: CandidateResult, *, winner: bool) -> CandidateRun:
    parts: dict[str, Metrics] = {"test": one.test, "cv": one.cv_mean, "train": one.train}
    metrics = {f"{part}.{key}": value for part, found in parts.items() for key, value in found.to_data().items()}
    return CandidateRun(
        name=one.name,
        params={**one.params, "calibration": one.calibration, "min_gain": one.min_gain},
        metrics={**metrics, "fit_seconds": one.fit_seconds},
        steps={f"fold.{key}": tuple(fold.to_data()[key] for fold in one.cv) for key in ("auc", "log_loss", "value")},
        tags={"vigie.diagnosis": one.diagnosis, "vigie.note": one.note, "vigie.winner": str(winner).lower()},
    )

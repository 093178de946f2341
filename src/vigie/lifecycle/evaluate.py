"""From the lake to a nested estimate of what a score is worth; nothing is registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.clock import iso
from vigie.definition import Score
from vigie.lifecycle.project import Project
from vigie.lifecycle.train import part

if TYPE_CHECKING:
    from vigie.training import TrainOptions
    from vigie.training.nested import NestedEstimate, OuterFold

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A nested estimate and where it was written.

    Attributes:
        estimate: What was found out.
        file: JSON with all of it.
    """

    estimate: NestedEstimate
    file: Path


def evaluate_score(
    project: Project,
    score: Score,
    options: TrainOptions,
    *,
    folds: int = 5,
    output: Path | None = None,
    progress: Progress | None = None,
    told: Callable[[OuterFold], None] | None = None,
) -> Evaluated:
    """Build the training set, and train and test once an outer fold.

    Reductions of embedded texts, which learn nothing from outcomes, are learned from all rows; everything else from the
    training rows of each fold.

    Args:
        project: Where everything is; its clock says what was known.
        score: What to evaluate.
        options: Choices of every training; its seed also deals the folds.
        folds: How many outer folds.
        output: The JSON file; ``None``: in the reports of the score.
        progress: Told what is being done and the share done.
        told: Called with each fold once it is done.

    Raises:
        ContractError: A source was not ingested yet.
        DefinitionError: The definition does not fit the contracts.
        TrainingError: No model can be learned.
    """
    from vigie.lifecycle.training_rows import training_set_of
    from vigie.training.nested import nested_estimate

    started = project.clock.now()
    training_set = training_set_of(project, score, options, as_of=started, progress=part(progress, 0.0, 0.1))
    estimate = nested_estimate(training_set, options, folds=folds, progress=part(progress, 0.1, 1.0), told=told)
    file = output
    if file is None:
        folder = project.reports_folder / score.name
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"evaluation-{iso(started).replace(':', '')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"as_of": iso(started), **estimate.to_data()}, indent=2) + "\n", "utf-8")
    return Evaluated(estimate, file)

"""How many rows cross-validation has to validate where a score has segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vigie.bundle import by_input
from vigie.training.folds import VALIDATED_ROWS

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

VALIDATED_EACH = 500
"""Rows of each segment that cross-validation validates, on average, where there are many segments."""


def validated_rows(training_set: TrainingSet) -> int | None:
    """Rows that cross-validation has to validate so that segments can be compared: for :func:`vigie.training.folds.make_folds`.

    ``None``, as many as ever, where the score has no segments.
    """
    name = by_input(training_set.score)
    if not name:
        return None
    by = {**training_set.extras, **training_set.features}[name]
    return max(VALIDATED_ROWS, VALIDATED_EACH * len(np.unique(by.data[by.data >= 0])))

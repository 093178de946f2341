"""The gate of a rehearsal: the rows, the tries and the judge of production, for a training that was made in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vigie.bundle.payoff_values import payoff_values
from vigie.definition import At
from vigie.lifecycle.gate import GateRows, beside, judged
from vigie.lifecycle.rehearse_ground import Ground
from vigie.lifecycle.rehearse_models import Model, Models
from vigie.lifecycle.renewal import tries_on
from vigie.training.capacity import Capacity
from vigie.training.gate import GateOptions, GateVerdict
from vigie.training.split import split_rows

Window = tuple[int, int]
"""First and last moment, µs, of what was judged on."""


def tested(ground: Ground, models: Models, moment: int) -> GateRows:
    """The test rows of the training that was made at *moment*: those that :meth:`Models.made` tested on."""
    labels = ground.labels(moment)
    there = np.flatnonzero(~np.isnan(labels))
    rows, score = ground.rows, ground.score
    split = split_rows(
        labels[there].astype(np.int8), rows.moments[there], rows.customers[there], has_time=score.has_time,
        horizon=ground.horizon, share=models.options.split, seed=models.options.seed,
    )  # fmt: skip
    test = there[split.test]
    columns = {name: values.take(test) for name, values in {**rows.extras, **rows.features}.items()}
    limit = None if isinstance(score.moments, At) else score.decision.capacity
    return GateRows(
        columns=columns,
        payoff=payoff_values(score.decision.payoff(), columns, len(test)),
        labels=labels[test].astype(np.int8),
        moments=rows.moments[test],
        customers=ground.codes[test],
        capacity=Capacity.of(limit, rows.moments[there]).take(split.test),
    )


def gated(
    ground: Ground, models: Models, challenger: Model, champion: Model, windows: Sequence[Window], options: GateOptions
) -> tuple[GateVerdict, Window]:
    """What the gate says of *challenger*, and what it judged on.

    Args:
        ground: Rows.
        models: Whose options the trainings had.
        challenger: Trained now.
        champion: In use.
        windows: What earlier challengers were judged on, also those that passed.
        options: How strict.
    """
    rows = tested(ground, models, challenger.trained)
    both = beside(challenger.scorer, champion.scorer, ground.score, rows)
    verdict = judged(
        both, rows.payoff, tries=tries_on(windows, rows.window), options=options, currency=ground.score.decision.currency
    )  # fmt: skip
    return verdict, rows.window

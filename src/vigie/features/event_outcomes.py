"""What became of those who were scored, where only customer and moment of a score are on record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vigie.clock import DAY
from vigie.definition.kind import Schema
from vigie.definition.moments import At
from vigie.definition.score import Score
from vigie.errors import FeatureError
from vigie.features.population import training_rows
from vigie.features.reading import SourceLake
from vigie.features.training_set import MEMORY, each_of, outcome_of, outcomes_at, partitions_of, versions_of
from vigie.features.values import Array
from vigie.features.windows import Rows

SLACK = 2 * DAY
"""How long after an event its score may come, µs."""


def outcomes_of_scores(
    score: Score, lake: SourceLake, schema: Schema, customers: Sequence[str], moments: Array, *, as_of: int
) -> Array:
    """What became of customers who were scored: at moments, or, where the score's moments are those of events, at the last event.

    Args:
        score: Bound.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        customers: Keys as text, possibly repeated.
        moments: µs, one for each: when it was scored.
        as_of: Moment whose knowledge this is, µs.

    Returns:
        As :func:`vigie.features.training_set.outcomes_at`.

    Raises:
        FeatureError: The lake has not a source or column.
    """
    if isinstance(score.moments, At):
        return outcomes_of_events(score, lake, schema, customers, moments, within=SLACK, as_of=as_of)
    return outcomes_at(score, lake, schema, customers, moments, as_of=as_of)


def outcomes_of_events(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    customers: Sequence[str],
    moments: Array,
    *,
    within: int,
    as_of: int,
    memory: int = MEMORY,
) -> Array:
    """What became of the events, or the rows of a table, that customers were scored at.

    A customer and a moment do not name an event. Taken is the customer's latest one at or before the moment; where that is
    longer ago than *within*, the event that was meant is not in the lake, and its outcome is not known.

    Args:
        score: Bound; its moments are those of an event or a row.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        customers: Keys as text, possibly repeated.
        moments: µs, one for each: when it was scored.
        within: µs from an event to its score, at most.
        as_of: Moment whose knowledge this is, µs.
        memory: Bytes that may be used, about.

    Returns:
        As :func:`outcomes_at`, also NaN where there is no such event.

    Raises:
        FeatureError: The moments are not those of an event or a row, or the lake has not a source or column.
    """
    if not isinstance(score.moments, At):
        raise FeatureError(
            "its moments are not those of an event",
            where=f"score '{score.name}'",
            remedy="look outcomes up by outcomes_at",
        )
    keys, moments = np.asarray(customers, dtype=object), np.asarray(moments, dtype=np.int64)
    found = np.full(len(keys), np.nan)
    if not len(keys):
        return found
    horizon = score.horizon.microseconds if score.horizon else 0
    wanted = sorted(set(keys.tolist()))
    with partitions_of(score, lake, schema, versions_of(score, lake), as_of, memory, wanted, None) as partitions:
        for histories in each_of(partitions, lambda one: one, None):
            code = {key: i for i, key in enumerate(histories.customers.tolist())}
            here = np.array([i for i, key in enumerate(keys.tolist()) if key in code], dtype=np.int64)
            codes = np.array([code[key] for key in keys[here]], dtype=np.int64)
            rows = training_rows(score.moments, score.own_sources, histories, earliest=None, as_of=as_of)
            place = _latest(rows, codes, moments[here])
            near = place >= 0
            near[near] &= moments[here][near] - rows.moments[place[near]] <= within
            near[near] &= rows.moments[place[near]] <= as_of - horizon
            # Several scores of one event are one row.
            chosen, back = np.unique(place[near], return_inverse=True)
            if len(chosen):
                found[here[near]] = outcome_of(score, histories, rows.take(chosen), as_of)[back]
    return found


def _latest(rows: Rows, codes: Array, moments: Array) -> Array:
    """Position of the last of *rows* of each customer at or before each moment; −1 for none."""
    begin, end = np.searchsorted(rows.codes, codes), np.searchsorted(rows.codes, codes, side="right")
    found = np.full(len(codes), -1, dtype=np.int64)
    for i, (low, high, moment) in enumerate(zip(begin.tolist(), end.tolist(), moments.tolist(), strict=True)):
        place = low + int(np.searchsorted(rows.moments[low:high], moment, side="right")) - 1
        if place >= low:
            found[i] = place
    return found

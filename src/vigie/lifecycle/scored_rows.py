"""What a model says of customers, row by row: before any decision, so that it can be computed anywhere, in any parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from vigie.bundle import Scorer
    from vigie.features.training_set import FeatureSet
    from vigie.features.values import Columns


AT_ONCE = 8_192
"""Customers whose reasons are found together."""


def scored_rows(scorer: Scorer, features: FeatureSet, reasons: int = 0) -> pl.DataFrame:
    """One row a customer: customer, moment (int64 µs), probability, gain, segment, and the expected money of either action.

    Args:
        scorer: Of the bundle.
        features: Of some customers.
        reasons: How many columns of reasons to add, see :func:`reason_columns`.
    """
    count = len(features.customers)
    columns = {**features.extras, **features.features}
    scores = scorer.score(columns, count)
    frame = pl.DataFrame(
        {
            "customer": pl.Series(features.customers, dtype=pl.String),
            "moment": pl.Series(features.moments, dtype=pl.Int64),
            "probability": scores.probability,
            "gain": scores.gain,
            "segment": pl.Series([scores.segment_names[i] for i in scores.segment], dtype=pl.String),
            "value_if_acted": np.broadcast_to(scores.payoff.expected(scores.probability, np.ones(count, bool)), count),
            "value_if_left": np.broadcast_to(scores.payoff.expected(scores.probability, np.zeros(count, bool)), count),
        }
    )
    return frame.with_columns(_reasons(scorer, columns, count, reasons)) if reasons else frame


def reason_columns(reasons: int) -> tuple[str, ...]:
    """Names of the columns that hold so many reasons: words and contribution of each, the greatest first."""
    return tuple(name for i in range(1, reasons + 1) for name in (f"reason_{i}", f"reason_{i}_contribution"))


def _reasons(scorer: Scorer, columns: Columns, count: int, reasons: int) -> list[pl.Series]:
    from vigie.bundle import Explainer

    explainer = Explainer(scorer.bundle)
    words: list[list[str | None]] = [[] for _ in range(reasons)]
    amounts: list[list[float | None]] = [[] for _ in range(reasons)]
    for low in range(0, count, AT_ONCE):
        some = np.arange(low, min(low + AT_ONCE, count))
        taken = {name: columns[name].take(some) for name in scorer.inputs}
        lists = {name: values.to_list() for name, values in taken.items()}
        rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        for explained in explainer.all_explained(taken, rows, reasons):
            for i in range(reasons):
                found = explained.reasons[i] if i < len(explained.reasons) else None
                words[i].append(None if found is None else str(found.words))
                amounts[i].append(None if found is None else found.contribution)
    series = []
    for i, (said, amount) in enumerate(zip(words, amounts, strict=True), start=1):
        series.append(pl.Series(f"reason_{i}", said, dtype=pl.String))
        series.append(pl.Series(f"reason_{i}_contribution", amount, dtype=pl.Float64))
    return series

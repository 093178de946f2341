"""What a model says of customers, row by row: before any decision, so that it can be computed anywhere, in any parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from vigie.bundle import Scorer
    from vigie.features.training_set import FeatureSet


def scored_rows(scorer: Scorer, features: FeatureSet) -> pl.DataFrame:
    """One row a customer: customer, moment (int64 µs), probability, gain, segment, and the expected money of either action.

    Args:
        scorer: Of the bundle.
        features: Of some customers.
    """
    count = len(features.customers)
    scores = scorer.score({**features.extras, **features.features}, count)
    return pl.DataFrame(
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

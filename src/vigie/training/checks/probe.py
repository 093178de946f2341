"""A small, quick model that the checks ask: can these rows be told apart, and by what?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vigie.bundle import fit_encoder
from vigie.features.values import Columns

ROUNDS = 40


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes:
        predict: Score of rows, given as columns and their number; shape (n,).
        gains: How much each input helped, as a share of all, 0 … 1.
    """

    predict: Callable[[Columns, int], np.ndarray]
    gains: dict[str, float]


def fit_probe(columns: Columns, labels: np.ndarray, seed: int) -> Probe:
    """Boosted trees of seven leaves, few of them: strong enough to see what is plain, cheap enough to ask often.

    Args:
        columns: Features of the rows, n each.
        labels: 0 or 1, both present, shape (n,).
        seed: Of the draws.
    """
    import lightgbm

    encoder = fit_encoder(columns, labels, style="tree")
    data = lightgbm.Dataset(
        encoder.transform(columns, len(labels)), labels.astype(np.float64), params={"verbosity": -1, "max_bin": 63}
    )
    params = {
        "objective": "binary",
        "learning_rate": 0.1,
        "num_leaves": 7,
        "min_data_in_leaf": max(5, min(40, len(labels) // 50)),
        "feature_fraction": 0.8,
        "max_bin": 63,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    booster = lightgbm.train(params, data, num_boost_round=ROUNDS)
    gain = booster.feature_importance("gain")
    total = float(gain.sum()) or 1.0
    gains = dict.fromkeys(columns, 0.0)
    for name, one in zip(encoder.feature_inputs(), gain, strict=True):
        gains[name] += float(one) / total

    def predict(given: Columns, n: int) -> np.ndarray:
        return np.asarray(booster.predict(encoder.transform(given, n), num_threads=1))

    return Probe(predict, gains)

"""An explainable boosting machine: a sum of curves that can be read one by one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from vigie.bundle import AdditiveModel, fit_encoder
from vigie.errors import MissingExtraError
from vigie.training.candidates.candidate import FitOptions, Fitted, Rows, sample
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import OneOf, Real, Space, Whole

BAGS = 4
PAIRS = 5
BINS, PAIR_BINS = 256, 32
MOST_ROUNDS = 5_000

SPACE: Space = {
    "interactions": Whole(0, 20),
    "learning_rate": Real(0.005, 0.05, log=True),
    "max_bins": OneOf((64, 256, 1024)),
    "smoothing_rounds": Whole(0, 500),
    "min_samples_leaf": Whole(2, 60, log=True),
    "max_leaves": OneOf((2, 3)),
    "greedy_ratio": Real(0.0, 12.0),
}

SKETCH: Mapping[str, object] = {"outer_bags": 1}
"""Bags only average: one shows which set is better."""


class ExplainableBoosting:
    """One curve a feature and a few tables for pairs, boosted in turn (Lou et al. 2013; Nori et al. 2019)."""

    name, title, complexity, learns, slow = "ebm", "Explainable boosting machine", 3, True, True
    space = SPACE
    extra = "train"
    cost = 25
    sketch = SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """In one process: the bags are few, and each has its own seed."""
        try:
            from interpret.glassbox import ExplainableBoostingClassifier
        except ModuleNotFoundError as error:
            raise MissingExtraError("interpret-core", extra="train") from error
        rows, note = sample(rows, options.row_limit, options.seed)
        encoder = fit_encoder(rows.columns, style="additive")
        X = encoder.transform(rows.columns, len(rows))
        nominal = set(encoder.categorical())
        params: dict[str, Any] = {
            "outer_bags": BAGS,
            "interactions": PAIRS,
            "max_bins": BINS,
            "max_interaction_bins": PAIR_BINS,
            "max_rounds": MOST_ROUNDS,
            **options.params,
        }
        params["interactions"] = min(params["interactions"], X.shape[1] * (X.shape[1] - 1) // 2)
        matrix, labels, weights = learned_from(X, rows.labels, options)
        machine = ExplainableBoostingClassifier(
            **params,
            feature_names=encoder.feature_names(),
            feature_types=["nominal" if i in nominal else "continuous" for i in range(X.shape[1])],
            random_state=options.seed,
            n_jobs=1,
        )
        with warnings.catch_warnings():
            # About its own charts, which are not used, and about columns without any value, which it can take.
            warnings.filterwarnings("ignore", message="Missing values detected")
            warnings.filterwarnings("ignore", message="All-NaN slice encountered")
            machine.fit(matrix, labels, sample_weight=weights)

        def predict(matrix: np.ndarray) -> np.ndarray:
            return np.asarray(machine.predict_proba(matrix)[:, 1])

        def build() -> AdditiveModel:
            return AdditiveModel.of(machine.bins_, machine.term_features_, machine.term_scores_, machine.intercept_)

        return Fitted(encoder, predict, build, params=params, note=note)

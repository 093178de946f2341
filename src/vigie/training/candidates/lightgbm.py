"""Gradient-boosted trees."""

from __future__ import annotations

import numpy as np

from vigie.bundle import TreesModel, fit_encoder
from vigie.training.candidates.candidate import FitOptions, Fitted, Rows
from vigie.training.candidates.space import NOTHING

ROUNDS = 300
SINGLE_THREADED_ROWS = 100_000
"""Below, threads save a second or two at best, and on a busy machine they lose more by waiting for each other."""
LEAVES, LARGE_LEAVES, LARGE = 7, 31, 50_000
"""Leaves of a tree, and of one that learns from at least ``LARGE`` rows."""


class LightGBM:
    """Small trees, each correcting the ones before, slowly (Ke et al. 2017)."""

    name, title, complexity, learns, slow = "lightgbm", "LightGBM", 5, True, False
    space = NOTHING
    extra = "train"

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """Histograms are built in one order whatever the threads (``deterministic``, ``force_col_wise``)."""
        import lightgbm

        encoder = fit_encoder(rows.columns, rows.labels, style="tree")
        X = encoder.transform(rows.columns, len(rows))
        params: dict[str, object] = {
            "objective": "binary",
            "learning_rate": 0.03,
            "num_leaves": LARGE_LEAVES if len(rows) >= LARGE else LEAVES,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 5.0,
            "max_bin": 255,
        }
        fixed = {
            "seed": options.seed,
            "num_threads": options.threads if len(rows) >= SINGLE_THREADED_ROWS else 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(X, rows.labels.astype(np.float64), params={"verbosity": -1})
        booster = lightgbm.train({**params, **fixed}, data, num_boost_round=ROUNDS)

        def predict(matrix: np.ndarray) -> np.ndarray:
            threads = options.threads if len(matrix) >= SINGLE_THREADED_ROWS else 1
            return np.asarray(booster.predict(matrix, num_threads=threads))

        def build() -> TreesModel:
            return TreesModel.of_lightgbm(booster.model_to_string())

        return Fitted(encoder, predict, build, params={**params, "rounds": ROUNDS})

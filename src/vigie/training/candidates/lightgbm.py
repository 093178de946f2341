"""Gradient-boosted trees."""

from __future__ import annotations

import numpy as np

from vigie.bundle import TreesModel, fit_encoder
from vigie.training.candidates.candidate import NO_SKETCH, FitOptions, Fitted, Rows
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import Real, Space, Whole

ROUNDS = 300
SINGLE_THREADED_ROWS = 100_000
"""Below, threads save a second or two at best, and on a busy machine they lose more by waiting for each other."""
LEAVES, LARGE_LEAVES, LARGE = 7, 31, 50_000
"""Leaves of a tree, and of one that learns from at least ``LARGE`` rows."""

SPACE: Space = {
    "num_leaves": Whole(3, 63, log=True),
    "learning_rate": Real(0.02, 0.1, log=True),
    "rounds": Whole(150, 800, log=True),
    "min_data_in_leaf": Whole(5, 200, log=True),
    "feature_fraction": Real(0.3, 1.0),
    "bagging_fraction": Real(0.5, 1.0),
    "lambda_l1": Real(0.0, 5.0),
    "lambda_l2": Real(0.01, 100.0, log=True),
}


class LightGBM:
    """Small trees, each correcting the ones before, slowly (Ke et al. 2017)."""

    name, title, complexity, learns, slow = "lightgbm", "LightGBM", 6, True, False
    space = SPACE
    extra = "train"
    cost = 6
    sketch = NO_SKETCH

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
            "rounds": ROUNDS,
            **options.params,
        }
        rounds = int(str(params.pop("rounds")))
        fixed = {
            "seed": options.seed,
            "num_threads": options.threads if len(rows) >= SINGLE_THREADED_ROWS else 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        matrix, labels, weights = learned_from(X, rows.labels, options)
        data = lightgbm.Dataset(matrix, labels.astype(np.float64), weight=weights, params={"verbosity": -1})
        booster = lightgbm.train({**params, **fixed}, data, num_boost_round=rounds)

        def predict(matrix: np.ndarray) -> np.ndarray:
            threads = options.threads if len(matrix) >= SINGLE_THREADED_ROWS else 1
            return np.asarray(booster.predict(matrix, num_threads=threads))

        def build() -> TreesModel:
            return TreesModel.of_lightgbm(booster.model_to_string())

        return Fitted(encoder, predict, build, params={**params, "rounds": rounds})

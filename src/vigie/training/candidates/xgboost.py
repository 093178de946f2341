"""Gradient-boosted trees of XGBoost."""

from __future__ import annotations

import json

import numpy as np

from vigie.bundle import TreesModel, fit_encoder
from vigie.bundle.logistic import logistic
from vigie.bundle.xgboost_text import xgboost_leaves, xgboost_offset, xgboost_to_text
from vigie.errors import MissingExtraError
from vigie.training.candidates.candidate import NO_SKETCH, FitOptions, Fitted, Rows
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import Real, Space, Whole

ROUNDS = 300
DEPTH, LARGE_DEPTH, LARGE = 3, 5, 50_000
"""Depth of a tree, and of one that learns from at least ``LARGE`` rows."""
CHUNK = 50_000
"""Rows that are sent through the trees at a time: one number a tree is kept for each."""

SPACE: Space = {
    "learning_rate": Real(0.01, 0.2, log=True),
    "rounds": Whole(100, 1_000, log=True),
    "max_depth": Whole(2, 7),
    "min_child_weight": Real(1.0, 60.0, log=True),
    "reg_lambda": Real(0.1, 100.0, log=True),
    "subsample": Real(0.5, 1.0),
    "colsample_bytree": Real(0.3, 1.0),
}


class XGBoost:
    """Small trees, each correcting the ones before by gradient and curvature (Chen & Guestrin 2016).

    XGBoost adds up its leaves in single precision, in an order of its own. What counts as its probability here is the
    logistic function of the same leaves, found by XGBoost itself, summed in double precision: it lies within 1e-6 of
    XGBoost's own, and the bundle gives it exactly.
    """

    name, title, complexity, learns, slow = "xgboost", "XGBoost", 7, True, False
    extra = "boost"
    space = SPACE
    cost = 6
    sketch = NO_SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """In one thread: with several, XGBoost adds up its histograms in another order, and the trees may differ."""
        try:
            import xgboost
        except ModuleNotFoundError as error:
            raise MissingExtraError("xgboost-cpu", extra="boost") from error
        encoder = fit_encoder(rows.columns, rows.labels, style="tree")
        X = encoder.transform(rows.columns, len(rows))
        params: dict[str, object] = {
            "learning_rate": 0.03,
            "rounds": ROUNDS,
            "max_depth": LARGE_DEPTH if len(rows) >= LARGE else DEPTH,
            "min_child_weight": 8.0,
            "reg_lambda": 5.0,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            **options.params,
        }
        given = {name: value for name, value in params.items() if name != "rounds"}
        matrix, labels, weights = learned_from(X, rows.labels, options)
        fixed = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "base_score": float(np.average(labels, weights=weights)),
            "seed": options.seed,
            "nthread": 1,
            "verbosity": 0,
        }
        data = xgboost.DMatrix(matrix, labels, weight=weights, missing=np.nan, nthread=1)
        booster = xgboost.train({**given, **fixed}, data, num_boost_round=int(str(params["rounds"])))
        model = json.loads(booster.save_raw(raw_format="json"))
        values, offset = xgboost_leaves(model), xgboost_offset(model)

        def leaves(matrix: np.ndarray) -> np.ndarray:
            found = booster.predict(
                xgboost.DMatrix(matrix, missing=np.nan, nthread=1), pred_leaf=True, strict_shape=True
            )
            return np.asarray(found).reshape(len(matrix), -1).astype(np.intp)

        def predict(matrix: np.ndarray) -> np.ndarray:
            total = np.full(len(matrix), offset)
            for start in range(0, len(matrix), CHUNK):
                found = leaves(matrix[start : start + CHUNK])
                for tree, value in enumerate(values):
                    total[start : start + CHUNK] += value[found[:, tree]]
            return logistic(total)

        def build() -> TreesModel:
            counts = [np.zeros(len(value), np.int64) for value in values]
            for start in range(0, len(X), CHUNK):
                found = leaves(X[start : start + CHUNK])
                for tree, count in enumerate(counts):
                    count += np.bincount(found[:, tree], minlength=len(count))
            return TreesModel(xgboost_to_text(model, counts, X.shape[1]), "float32")

        return Fitted(encoder, predict, build, params=params)

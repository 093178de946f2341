"""Gradient-boosted symmetric trees of CatBoost."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from vigie.bundle import Encoder, TreesModel, fit_encoder
from vigie.bundle.catboost_text import catboost_to_text
from vigie.bundle.forest_text import boosted_to_text
from vigie.bundle.logistic import log_odds_one, logistic
from vigie.bundle.tree_shape import constant_tree
from vigie.errors import MissingExtraError
from vigie.training.candidates.candidate import NO_SKETCH, FitOptions, Fitted, Rows
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import Real, Space, Whole
from vigie.wording import said

ROUNDS, LARGE_ROUNDS = 300, 500
DEPTH, LARGE_DEPTH, LARGE = 4, 6, 50_000
"""Depth of a tree, and of one that learns from at least ``LARGE`` rows; likewise the number of trees."""
SINGLE_THREADED_ROWS = 100_000
"""Below, threads save a second or two at best, and on a busy machine they lose more by waiting for each other."""
CHUNK = 50_000
"""Rows whose leaves are counted at a time: one number a tree is kept for each."""

SPACE: Space = {
    "learning_rate": Real(0.01, 0.2, log=True),
    "rounds": Whole(100, 1_500, log=True),
    "depth": Whole(2, 7),
    "l2_leaf_reg": Real(1.0, 60.0, log=True),
    "random_strength": Real(0.1, 5.0, log=True),
    "subsample": Real(0.5, 1.0),
    "rsm": Real(0.3, 1.0),
}


class CatBoost:
    """Trees that ask one question a level, hard to overfit (Prokhorenkova et al. 2018). Categories are our own codes."""

    name, title, complexity, learns, slow = "catboost", "CatBoost", 8, True, False
    extra = "boost"
    space = SPACE
    cost = 12
    sketch = NO_SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """Threads only make it faster. Nothing is written or sent anywhere."""
        try:
            import catboost
        except ModuleNotFoundError as error:
            raise MissingExtraError("catboost", extra="boost") from error
        encoder = fit_encoder(rows.columns, rows.labels, style="tree")
        X = encoder.transform(rows.columns, len(rows))
        params: dict[str, object] = {
            "learning_rate": 0.03,
            "rounds": LARGE_ROUNDS if len(rows) >= LARGE else ROUNDS,
            "depth": LARGE_DEPTH if len(rows) >= LARGE else DEPTH,
            "l2_leaf_reg": 15.0,
            "random_strength": 1.0,
            "subsample": 0.8,
            "rsm": 0.7,
            **options.params,
        }
        width = X.shape[1]
        if not _varies(X):
            return _constant(encoder, float(rows.labels.mean()), len(rows), params)
        machine = catboost.CatBoost(
            {
                **{name: value for name, value in params.items() if name != "rounds"},
                "iterations": params["rounds"],
                "loss_function": "Logloss",
                "boosting_type": "Plain",
                "bootstrap_type": "Bernoulli",
                "boost_from_average": True,
                "nan_mode": "Min",
                "random_seed": options.seed,
                "thread_count": options.threads if len(rows) >= SINGLE_THREADED_ROWS else 1,
                "allow_writing_files": False,
                "logging_level": "Silent",
            }
        )
        matrix, labels, weights = learned_from(X, rows.labels, options)
        machine.fit(matrix, labels, sample_weight=weights)

        def predict(matrix: np.ndarray) -> np.ndarray:
            threads = options.threads if len(matrix) >= SINGLE_THREADED_ROWS else 1
            raw = machine.predict(matrix, prediction_type="RawFormulaVal", thread_count=threads)
            return logistic(np.asarray(raw, dtype=np.float64))

        def build() -> TreesModel:
            counts = [np.zeros(int(leaves), np.int64) for leaves in machine.get_tree_leaf_counts()]
            for start in range(0, len(X), CHUNK):
                found = machine.calc_leaf_indexes(X[start : start + CHUNK], thread_count=1)
                for tree, count in enumerate(counts):
                    count += np.bincount(found[:, tree], minlength=len(count))
            return TreesModel(catboost_to_text(_as_data(machine), counts, width), "float32")

        return Fitted(encoder, predict, build, params=params)


def _varies(X: np.ndarray) -> bool:
    """Whether a column has two values, missing being one; CatBoost refuses to learn from columns without."""
    single = X.astype(np.float32)
    return bool(((single != single[0]) & ~(np.isnan(single) & np.isnan(single[0]))).any())


def _constant(encoder: Encoder, share: float, rows: int, params: dict[str, object]) -> Fitted:
    text = boosted_to_text([constant_tree(log_odds_one(share), rows)], max(encoder.width, 1))
    model = TreesModel(text, "float32")
    return Fitted(encoder, model.probability, lambda: model, params=params, note=said("no column has two values"))


def _as_data(machine: Any) -> dict[str, Any]:
    """The model as CatBoost writes it in JSON, which it does to files only."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        machine.save_model(str(file), format="json")
        found: dict[str, Any] = json.loads(file.read_text())
    return found

"""A random forest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vigie.bundle import TreeArrays, TreesModel, fit_encoder
from vigie.training.candidates.candidate import FitOptions, Fitted, Rows, sample
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import OneOf, Real, Space, Whole

TREES = 300
LEAF_ROWS = 10
MOST_LEAVES = 3_000
"""A leaf has at least this part of the rows, so that the model of a large base stays small enough to serve."""

SPACE: Space = {
    "min_samples_leaf": Whole(5, 100, log=True),
    "max_features": OneOf(("sqrt", 0.1, 0.3, 0.5, 0.8)),
    "max_samples": Real(0.3, 1.0),
    "criterion": OneOf(("gini", "log_loss")),
}

SKETCH: Mapping[str, object] = {"n_estimators": 100}
"""More trees are never worse, so their number is not searched: a third shows which set is better."""


class RandomForest:
    """Many deep trees on resampled rows, averaged (Breiman 2001)."""

    name, title, complexity, learns, slow = "random_forest", "Random forest", 4, True, True
    space = SPACE
    extra = "train"
    cost = 20
    sketch = SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """Each tree draws its rows with its own seed, so threads do not matter."""
        from sklearn.ensemble import RandomForestClassifier

        rows, note = sample(rows, options.row_limit, options.seed)
        encoder = fit_encoder(rows.columns, rows.labels, style="tree")
        X = encoder.transform(rows.columns, len(rows))
        params: dict[str, Any] = {
            "n_estimators": TREES,
            "min_samples_leaf": LEAF_ROWS,
            "max_features": "sqrt",
            "max_samples": 1.0,
            "criterion": "gini",
            **options.params,
        }
        params["min_samples_leaf"] = max(params["min_samples_leaf"], len(rows) // MOST_LEAVES)
        matrix, labels, weights = learned_from(X, rows.labels, options)
        forest = RandomForestClassifier(**params, random_state=options.seed, n_jobs=options.threads)
        forest.fit(matrix, labels, sample_weight=weights)
        # With threads, scikit-learn adds up the trees in the order in which they happen to finish.
        forest.set_params(n_jobs=1)

        def predict(matrix: np.ndarray) -> np.ndarray:
            return np.asarray(forest.predict_proba(matrix)[:, 1])

        def build() -> TreesModel:
            trees = (arrays_of(estimator.tree_) for estimator in forest.estimators_)
            return TreesModel.of_forest(trees, X.shape[1])

        return Fitted(encoder, predict, build, params=params, note=note)


def arrays_of(tree: Any) -> TreeArrays:
    """The arrays of one of scikit-learn's trees (``estimator.tree_``) of two classes."""
    return TreeArrays(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        nan_left=tree.missing_go_to_left,
        value=tree.value[:, 0, 1],
        samples=tree.weighted_n_node_samples,
    )

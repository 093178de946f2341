"""Logistic regression on standardised, one-hot encoded columns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from vigie.bundle import LinearModel, fit_encoder
from vigie.training.candidates.candidate import NO_SKETCH, FitOptions, Fitted, Rows
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import OneOf, Real, Space

INVERSE_PENALTY = 0.3
TOLERANCE = 1e-5
ITERATIONS = 2_000
LASSO_TOLERANCE = 1e-3
LASSO_ITERATIONS = 300
"""Of penalties with a corner, whose solver goes on in small steps long after the probabilities have settled."""

SPACE: Space = {"C": Real(0.01, 100.0, log=True), "l1_ratio": OneOf((0.0, 0.5, 1.0))}


class LogisticRegression:
    """Linear in the log-odds, with a ridge penalty; a search may mix in a lasso (Zou & Hastie 2005)."""

    name, title, complexity, learns, slow = "logistic_regression", "Logistic regression", 2, True, False
    space = SPACE
    extra = "train"
    cost = 1
    sketch = NO_SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """Newton's method where columns are few against rows, L-BFGS otherwise; SAGA, by the seed, for a lasso."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression as Learner

        encoder = fit_encoder(rows.columns, style="linear")
        X = encoder.transform(rows.columns, len(rows))
        matrix, labels, weights = learned_from(X, rows.labels, options)
        smooth = {
            "solver": "newton-cholesky" if 10 * X.shape[1] < len(matrix) and X.shape[1] <= 300 else "lbfgs",
            "tol": TOLERANCE,
            "max_iter": ITERATIONS,
        }
        lasso = {"solver": "saga", "tol": LASSO_TOLERANCE, "max_iter": LASSO_ITERATIONS}
        params: dict[str, Any] = {
            "C": INVERSE_PENALTY,
            "l1_ratio": 0.0,
            **(lasso if options.params.get("l1_ratio", 0.0) else smooth),
            **options.params,
        }
        with warnings.catch_warnings():
            # Stopped early is as good as a little more penalty.
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            learner = Learner(**params, random_state=options.seed).fit(matrix, labels, sample_weight=weights)

        means = tuple(X.mean(axis=0).tolist())

        def predict(matrix: np.ndarray) -> np.ndarray:
            return np.asarray(learner.predict_proba(matrix)[:, 1])

        def build() -> LinearModel:
            return LinearModel(tuple(learner.coef_[0].tolist()), float(learner.intercept_[0]), means)

        return Fitted(encoder, predict, build, params={**params, "columns": X.shape[1]})

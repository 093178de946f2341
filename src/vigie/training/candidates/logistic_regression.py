"""Logistic regression on standardised, one-hot encoded columns."""

from __future__ import annotations

import numpy as np

from vigie.bundle import LinearModel, fit_encoder
from vigie.training.candidates.candidate import FitOptions, Fitted, Rows
from vigie.training.candidates.space import NOTHING

INVERSE_PENALTY = 0.3
TOLERANCE = 1e-5
ITERATIONS = 2_000


class LogisticRegression:
    """Linear in the log-odds, with a ridge penalty."""

    name, title, complexity, learns, slow = "logistic_regression", "Logistic regression", 2, True, False
    space = NOTHING
    extra = "train"

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:  # noqa: ARG002 - the protocol gives it
        """Newton's method where columns are few against rows, L-BFGS otherwise; neither draws at random."""
        from sklearn.linear_model import LogisticRegression as Learner

        encoder = fit_encoder(rows.columns, style="linear")
        X = encoder.transform(rows.columns, len(rows))
        params = {
            "C": INVERSE_PENALTY,
            "solver": "newton-cholesky" if 10 * X.shape[1] < X.shape[0] and X.shape[1] <= 300 else "lbfgs",
            "tol": TOLERANCE,
            "max_iter": ITERATIONS,
        }
        learner = Learner(**params).fit(X, rows.labels)

        def predict(matrix: np.ndarray) -> np.ndarray:
            return np.asarray(learner.predict_proba(matrix)[:, 1])

        def build() -> LinearModel:
            return LinearModel(tuple(learner.coef_[0].tolist()), float(learner.intercept_[0]))

        return Fitted(encoder, predict, build, params={**params, "columns": X.shape[1]})

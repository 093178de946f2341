"""A small neural network, or rather the mean of a few."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from vigie.bundle import fit_encoder
from vigie.bundle.logistic import logistic
from vigie.bundle.neural_model import NeuralModel
from vigie.training.candidates.candidate import FitOptions, Fitted, Rows, sample
from vigie.training.candidates.resample import learned_from
from vigie.training.candidates.space import OneOf, Real, Space, Whole

NETWORKS = 3
STEPS_AN_EPOCH = 25
LEAST_BATCH, LARGEST_BATCH = 32, 512

SPACE: Space = {
    "units": OneOf((8, 16, 32, 64)),
    "penalty": Real(0.3, 100.0, log=True),
    "learning_rate": Real(5e-4, 2e-2, log=True),
    "epochs": Whole(5, 80, log=True),
}

SKETCH: Mapping[str, object] = {"networks": 1}
"""More networks are hardly ever worse, so their number is not searched."""


class NeuralNetwork:
    """A few networks of one hidden layer that start from different seeds; their log-odds are averaged.

    The mean of several starts is steadier and better than one of them (Hansen & Salamon 1990). Learning ends after a
    fixed number of epochs, which a search may choose: a hold-out drawn from these rows would hold other moments of the
    same customers, look better than new customers will, and stop too late.
    """

    name, title, complexity, learns, slow = "neural_network", "Neural network", 5, True, True
    extra = "train"
    space = SPACE
    cost = 12
    sketch = SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """In one thread: a matrix product that is shared out adds up in another order."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        rows, note = sample(rows, options.row_limit, options.seed)
        encoder = fit_encoder(rows.columns, style="linear")
        X = encoder.transform(rows.columns, len(rows))
        params: dict[str, Any] = {
            "units": 16,
            "penalty": 6.0,
            "learning_rate": 5e-3,
            "epochs": 20,
            "networks": NETWORKS,
            **options.params,
        }
        matrix, labels, weights = learned_from(X, rows.labels, options)
        batch = min(len(matrix), max(LEAST_BATCH, min(LARGEST_BATCH, len(matrix) // STEPS_AN_EPOCH)))
        learners = [
            MLPClassifier(
                hidden_layer_sizes=(params["units"],),
                # scikit-learn divides it by the rows of a batch; our penalty is one for all rows together.
                alpha=params["penalty"] * batch / len(matrix),
                learning_rate_init=params["learning_rate"],
                max_iter=params["epochs"],
                n_iter_no_change=params["epochs"],
                batch_size=batch,
                random_state=options.seed + number,
            )
            for number in range(params["networks"])
        ]
        with threadpool_limits(limits=1), warnings.catch_warnings():
            # That all epochs were used, which is what is wanted.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for learner in learners:
                learner.fit(matrix, labels, sample_weight=weights)
                # From here on it gives its log-odds: taken from a probability near 1 they would have lost their digits.
                learner.out_activation_ = "identity"

        def predict(matrix: np.ndarray) -> np.ndarray:
            with threadpool_limits(limits=1):
                found = [learner.predict_proba(matrix)[:, 1] for learner in learners]
            return logistic(np.mean(found, axis=0))

        def build() -> NeuralModel:
            networks = [
                (net.coefs_[0], net.intercepts_[0], net.coefs_[1][:, 0], float(net.intercepts_[1][0]))
                for net in learners
            ]
            return NeuralModel.averaged(networks, X.mean(axis=0))

        return Fitted(encoder, predict, build, params=params, note=note)

"""What somebody would get from the same rows without searching: LightGBM as it comes, and LightGBM tuned by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.bundle import fit_encoder
from vigie.economics import top_k
from vigie.training.candidates import FitOptions, Rows
from vigie.training.candidates.lightgbm import LightGBM
from vigie.training.task import Part

DEFAULT, HAND_TUNED = "default_lightgbm", "hand_tuned_lightgbm"
BY_HAND: dict[str, object] = {
    "learning_rate": 0.03,
    "rounds": 300,
    "num_leaves": 7,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "lambda_l1": 0.0,
    "lambda_l2": 5.0,
    "max_bin": 255,
    "extra_trees": False,
}
"""What an expert tries first on some thousands of rows; from 50,000 rows on with 31 leaves."""
LARGE, LARGE_LEAVES = 50_000, 31


@dataclass(frozen=True, eq=False)
class RivalAnswer:
    """What a rival says of the test rows.

    Attributes:
        probability: Not calibrated, shape (n,).
        act: Who it acts on.
    """

    probability: np.ndarray
    act: np.ndarray


def default_lightgbm(train: Rows, test: Part, threads: int) -> RivalAnswer:
    """``LGBMClassifier()`` with the library's defaults and a probability of one half as the line, highest first under capacity."""
    import lightgbm

    encoder = fit_encoder(train.columns, train.labels, style="tree")
    model = lightgbm.LGBMClassifier(n_jobs=threads, verbosity=-1, deterministic=True, force_col_wise=True)
    model.fit(encoder.transform(train.columns, len(train)), train.labels)
    # scikit-learn asks for names of columns where LightGBM made some up; the booster does not.
    p = np.asarray(model.booster_.predict(encoder.transform(test.rows.columns, len(test.rows))))
    return RivalAnswer(p, _at_half(p, test))


def hand_tuned_lightgbm(train: Rows, test: Part, seed: int, threads: int) -> RivalAnswer:
    """Small, slow trees, and the line where the expected gain is 0 (Elkan 2001), probabilities taken as they are."""
    params = BY_HAND | ({"num_leaves": LARGE_LEAVES} if len(train) >= LARGE else {})
    fitted = LightGBM().fit(train, FitOptions(seed, threads, len(train), params))
    p = fitted.probability(test.rows)
    return RivalAnswer(p, test.act(p, 0.0))


def _at_half(p: np.ndarray, test: Part) -> np.ndarray:
    if test.capacity.limit is None:
        return top_k(p, 0.5)
    return test.capacity.act(p, 0.5, test.everyone)

"""What can be done about a rare class before a model learns: weigh it more, or change how many rows of each there are.

Offered, never the default. A model that learned from balanced classes answers with probabilities for a balanced world,
which are too high for the real one, and no better at ranking (van den Goorbergh et al. 2022); costs and a threshold on
calibrated probabilities do what balancing is meant to do (Elkan 2001). Only rows that are learned from are touched.
"""

from __future__ import annotations

import numpy as np

from vigie.training.candidates.candidate import FitOptions


def balanced(labels: np.ndarray, options: FitOptions) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Which rows to learn from, and how much each weighs, so that both classes count the same.

    Args:
        labels: 0 or 1, both present, shape (n,).
        options: ``imbalance`` says how; ``seed`` draws.

    Returns:
        Positions, increasing, of the rows to learn from, a row several times where it was drawn so, shape (m,), and
        weights of those rows, mean 1, shape (m,). ``None`` for either: all rows as they are; no weights.
    """
    if options.imbalance == "none":
        return None, None
    counts = np.bincount(labels, minlength=2)
    if options.imbalance == "weights":
        return None, np.asarray((len(labels) / (2.0 * counts))[labels])
    generator = np.random.default_rng(options.seed)
    rare = int(np.argmin(counts))
    members = [np.flatnonzero(labels == value) for value in (0, 1)]
    if options.imbalance == "undersample":
        members[1 - rare] = generator.choice(members[1 - rare], counts[rare], replace=False)
    else:
        # Every row of the rarer class stays; what is missing is drawn from them again.
        more = generator.choice(members[rare], counts[1 - rare] - counts[rare], replace=True)
        members[rare] = np.concatenate([members[rare], more])
    return np.sort(np.concatenate(members)), None


def learned_from(
    X: np.ndarray, labels: np.ndarray, options: FitOptions
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Matrix, labels and weights to learn from, as *options* say; see :func:`balanced`.

    The encoder has learned from the rows as they are before, so that *other*, medians and quantiles do not move.
    """
    index, weights = balanced(labels, options)
    return (X, labels, weights) if index is None else (X[index], labels[index], weights)

"""Trees as arrays: what their inner nodes hold, worked out from the leaves."""

from __future__ import annotations

import numpy as np

from vigie.bundle.forest_text import TreeArrays
from vigie.economics.payoff import Array


def constant_tree(value: float, rows: int) -> TreeArrays:
    """A tree of one leaf: *value* for everybody, learned from *rows* rows."""
    none = np.array([-1])
    return TreeArrays(none, none, np.array([0]), np.zeros(1), np.zeros(1), np.array([value]), np.array([max(rows, 1)]))


def counted(
    left: Array, right: Array, feature: Array, threshold: Array, nan_left: Array, value: Array, samples: Array
) -> TreeArrays:
    """The tree with the rows and the mean value of every inner node, from those of its leaves.

    A leaf that no training row fell into counts as one row: explanations weigh branches by their rows and divide by
    them.

    Args:
        left: As in :class:`TreeArrays`, as are the others; a child comes after its parent.
        right: As in :class:`TreeArrays`.
        feature: As in :class:`TreeArrays`.
        threshold: As in :class:`TreeArrays`.
        nan_left: As in :class:`TreeArrays`.
        value: Of the leaves; what stands at inner nodes is not read.
        samples: Training rows of the leaves, likewise.
    """
    rows = np.maximum(np.asarray(samples, dtype=np.int64), 1)
    mean = np.array(value, dtype=np.float64)
    for node in range(len(left) - 1, -1, -1):
        a, b = left[node], right[node]
        if a >= 0:
            rows[node] = rows[a] + rows[b]
            mean[node] = (mean[a] * rows[a] + mean[b] * rows[b]) / rows[node]
    return TreeArrays(left, right, feature, threshold, nan_left, mean, rows)

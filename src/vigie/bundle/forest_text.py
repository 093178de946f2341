"""Writes forests and boosted trees of other libraries in LightGBM's text format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vigie.economics.payoff import Array
from vigie.errors import BundleError

_LARGEST = float(np.finfo(np.float64).max)
_NAN_RIGHT, _NAN_LEFT = 8, 10
"""LightGBM's ``decision_type``: NaN is a value of its own (2 << 2), and goes left where bit 1 is set."""


@dataclass(frozen=True, eq=False, slots=True)
class TreeArrays:
    """One tree as scikit-learn keeps it: node 0 is the root, −1 is the child of a leaf.

    Attributes:
        left: Left child of each node, ``tree_.children_left``, shape (nodes,).
        right: Right child, ``tree_.children_right``.
        feature: Column that is asked, ``tree_.feature``; of a leaf it is not read.
        threshold: Left is where ``float32(value) ≤ threshold``, ``tree_.threshold``.
        nan_left: Whether a missing value goes left, ``tree_.missing_go_to_left``.
        value: Share of positives at each node, 0 … 1: ``tree_.value[:, 0, 1]`` of a classifier. Of a boosted tree: what
            it adds to the log-odds.
        samples: Training rows at each node with their weights, ``tree_.weighted_n_node_samples``: explanations divide
            branches by them.
    """

    left: Array
    right: Array
    feature: Array
    threshold: Array
    nan_left: Array
    value: Array
    samples: Array


def forest_to_text(trees: Iterable[TreeArrays], width: int) -> str:
    """A forest whose prediction is the mean of its trees' leaf values, as LightGBM reads it.

    Args:
        trees: At least one.
        width: Number of columns that the trees read.

    Raises:
        BundleError: There is no tree.
    """
    return _text(trees, width, "average_output")


def boosted_to_text(trees: Iterable[TreeArrays], width: int) -> str:
    """Trees whose leaf values add up to the log-odds, as LightGBM reads them; it sums in double precision, in order.

    Args:
        trees: At least one; a constant is a tree of one leaf.
        width: Number of columns that the trees read.

    Raises:
        BundleError: There is no tree.
    """
    return _text(trees, width, "objective=binary sigmoid:1")


def _text(trees: Iterable[TreeArrays], width: int, output: str) -> str:
    blocks = [f"Tree={number}\n{_tree(tree)}\n\n" for number, tree in enumerate(trees)]
    if not blocks:
        raise BundleError("a forest without trees", where="model")
    header = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={width - 1}",
        output,
        "feature_names=" + " ".join(f"c{column}" for column in range(width)),
        "feature_infos=" + " ".join(["none"] * width),
        "tree_sizes=" + " ".join(str(len(block)) for block in blocks),
    ]
    return "\n".join(header) + "\n\n" + "".join(blocks) + "end of trees\n"


def _tree(tree: TreeArrays) -> str:
    leaf = np.asarray(tree.left) < 0
    inner, leaves = np.flatnonzero(~leaf), np.flatnonzero(leaf)
    rows = _whole(np.asarray(tree.samples))
    # LightGBM numbers inner nodes and leaves apart; a child that is a leaf is written as the complement of its number.
    number = np.empty(len(leaf), dtype=np.int64)
    number[inner] = np.arange(len(inner))
    number[leaves] = ~np.arange(len(leaves))
    lines = {"num_leaves": [len(leaves)], "num_cat": [0]}
    text = {name: " ".join(map(str, values)) for name, values in lines.items()}
    if len(inner):
        # Infinite is a split of missing from not missing; single precision ends far below the largest double.
        threshold = np.clip(tree.threshold[inner], -_LARGEST, _LARGEST)
        kinds = np.where(np.asarray(tree.nan_left)[inner] != 0, _NAN_LEFT, _NAN_RIGHT)
        text |= {
            "split_feature": _joined(np.asarray(tree.feature)[inner]),
            "threshold": " ".join(map(repr, threshold.astype(np.float64).tolist())),
            "decision_type": _joined(kinds),
            "left_child": _joined(number[np.asarray(tree.left)[inner]]),
            "right_child": _joined(number[np.asarray(tree.right)[inner]]),
        }
    text["leaf_value"] = " ".join(map(repr, np.asarray(tree.value, dtype=np.float64)[leaves].tolist()))
    text["leaf_count"] = _joined(rows[leaves])
    if len(inner):
        text["internal_value"] = " ".join(map(repr, np.asarray(tree.value, dtype=np.float64)[inner].tolist()))
        text["internal_count"] = _joined(rows[inner])
    text["is_linear"] = "0"
    text["shrinkage"] = "1"
    return "\n".join(f"{name}={values}" for name, values in text.items())


def _joined(values: Array) -> str:
    return " ".join(map(str, np.asarray(values).tolist()))


def _whole(samples: Array) -> Array:
    """Numbers of rows as LightGBM writes them, whole; weights that are not keep their proportions to nine digits."""
    if np.array_equal(samples, np.floor(samples)):
        return samples.astype(np.int64)
    return np.asarray(np.maximum(np.rint(samples * (1e9 / samples[0])), 1).astype(np.int64))

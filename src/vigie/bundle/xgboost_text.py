"""Writes XGBoost's trees in LightGBM's text format: the same leaf for every row.

XGBoost rounds a value to single precision and goes left where it is *below* the threshold; here left is *at most*. The
largest number of single precision below the threshold makes the two the same. A missing value goes the way each split
has learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vigie.bundle.forest_text import TreeArrays, boosted_to_text
from vigie.bundle.tree_shape import constant_tree, counted
from vigie.economics.payoff import Array
from vigie.errors import BundleError


def xgboost_offset(model: Mapping[str, Any]) -> float:
    """Log-odds that every row starts from: those of the stored ``base_score``.

    Args:
        model: XGBoost's JSON, decoded.
    """
    share = float(model["learner"]["learner_model_param"]["base_score"].strip("[]"))
    return math.log(share / (1 - share))


def xgboost_leaves(model: Mapping[str, Any]) -> list[Array]:
    """For each tree the value that each of its nodes adds where it is a leaf, float64 by XGBoost's number of the node.

    XGBoost keeps and sums them in single precision. They are exact in double, which is what they are summed in here.

    Raises:
        BundleError: The model is not made of plain trees for two classes.
    """
    return [np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64) for tree in _trees(model)]


def xgboost_to_text(model: Mapping[str, Any], rows: Sequence[Array], width: int) -> str:
    """The model as text for a ``TreesModel`` that reads ``"float32"``.

    Args:
        model: XGBoost's JSON, decoded: ``save_raw("json")`` of a booster with objective ``binary:logistic``.
        rows: For each tree the training rows in each of its leaves, by XGBoost's number of the node.
        width: Number of columns that the trees read.

    Raises:
        BundleError: The model is not made of plain trees for two classes.
    """
    trees = _trees(model)
    total = int(rows[0].sum()) if len(trees) else 1
    made = [constant_tree(xgboost_offset(model), total)]
    made += [_tree(tree, counts) for tree, counts in zip(trees, rows, strict=True)]
    return boosted_to_text(made, width)


def _trees(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    learner = model["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree" or learner["objective"]["name"] != "binary:logistic":
        raise BundleError("not XGBoost's trees for the log-odds of one outcome", where="model")
    trees: list[Mapping[str, Any]] = booster["model"]["trees"]
    for tree in trees:
        if any(tree["split_type"]) or int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise BundleError("XGBoost's own categories and vectors of leaves are not read", where="model")
    return trees


def _tree(tree: Mapping[str, Any], rows: Array) -> TreeArrays:
    left, right = tree["left_children"], tree["right_children"]
    # Numbers of nodes that were pruned are used again, so that a child may come before its parent: walk.
    order, place = [0], 0
    while place < len(order):
        node = order[place]
        place += 1
        if left[node] >= 0:
            order += [left[node], right[node]]
    number = {node: i for i, node in enumerate(order)}
    condition = np.array(tree["split_conditions"], dtype=np.float32)[order]
    leaf = np.array([left[node] < 0 for node in order])
    return counted(
        left=np.array([number[left[node]] if left[node] >= 0 else -1 for node in order]),
        right=np.array([number[right[node]] if left[node] >= 0 else -1 for node in order]),
        feature=np.array(tree["split_indices"])[order],
        threshold=np.nextafter(condition, np.float32(-np.inf)).astype(np.float64),
        nan_left=np.array(tree["default_left"])[order],
        value=np.where(leaf, condition.astype(np.float64), 0.0),
        samples=np.asarray(rows)[order],
    )

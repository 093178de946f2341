"""Writes CatBoost's symmetric trees in LightGBM's text format: the same leaf for every row.

A symmetric tree asks one question a level; the answers, one bit each, number its leaves. CatBoost rounds a value to
single precision and asks whether it is *above* a border, so left, the answer no, is *at most* the border. Missing values
are below or above all others, as each column has learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vigie.bundle.forest_text import TreeArrays, boosted_to_text
from vigie.bundle.tree_shape import constant_tree, counted
from vigie.economics.payoff import Array
from vigie.errors import BundleError


def catboost_to_text(model: Mapping[str, Any], rows: Sequence[Array], width: int) -> str:
    """The model as text for a ``TreesModel`` that reads ``"float32"``.

    Args:
        model: CatBoost's JSON, decoded: numeric columns, symmetric trees, one value a leaf (``Logloss``).
        rows: For each tree the training rows in each of its 2^depth leaves, by CatBoost's number of the leaf.
        width: Number of columns that the trees read.

    Raises:
        BundleError: The model is of another shape.
    """
    if "oblivious_trees" not in model or set(model["features_info"]) - {"float_features"}:
        raise BundleError("not CatBoost's symmetric trees on numbers", where="model")
    scale, (bias,) = model["scale_and_bias"]
    columns = {
        found["feature_index"]: (found["flat_feature_index"], found["nan_value_treatment"] != "AsTrue")
        for found in model["features_info"]["float_features"]
    }
    trees = model["oblivious_trees"]
    made = [constant_tree(float(bias), int(rows[0].sum()) if trees else 1)]
    made += [_tree(tree, counts, columns, float(scale)) for tree, counts in zip(trees, rows, strict=True)]
    return boosted_to_text(made, width)


def _tree(tree: Mapping[str, Any], rows: Array, columns: Mapping[int, tuple[int, bool]], scale: float) -> TreeArrays:
    splits, values = tree["splits"] or [], np.array(tree["leaf_values"], dtype=np.float64)
    if any(split["split_type"] != "FloatFeature" for split in splits) or len(values) != 1 << len(splits):
        raise BundleError("a split of CatBoost's is not on a number, or a leaf has several values", where="model")
    # Level by level, the question of the highest bit first. Where all leaves below a node say the same (mostly: no row
    # ever came there) the node is a leaf itself, which changes no answer and no explanation.
    left: list[int] = []
    right: list[int] = []
    split_of: list[int] = []
    value: list[float] = []
    samples: list[int] = []
    waiting = [(0, len(values))]
    place = 0
    while place < len(waiting):
        start, size = waiting[place]
        place += 1
        part = values[start : start + size]
        samples.append(int(rows[start : start + size].sum()))
        value.append(float(part[0]) * scale)
        if size == 1 or (part == part[0]).all():
            left.append(-1)
            right.append(-1)
            split_of.append(-1)
            continue
        half = size // 2
        left.append(len(waiting))
        right.append(len(waiting) + 1)
        split_of.append(size.bit_length() - 2)
        waiting += [(start, half), (start + half, half)]
    used = [splits[i] if i >= 0 else None for i in split_of]
    at = [columns[split["float_feature_index"]] if split else (0, False) for split in used]
    return counted(
        left=np.array(left),
        right=np.array(right),
        feature=np.array([column for column, _ in at]),
        threshold=np.array([np.float32(split["border"]) if split else 0.0 for split in used], dtype=np.float64),
        nan_left=np.array([missing_left for _, missing_left in at]),
        value=np.array(value),
        samples=np.array(samples),
    )

"""Reads the trees of LightGBM's text format into arrays, all trees together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.economics.payoff import Array

_CATEGORICAL, _LEFT_IF_MISSING, _MISSING = 1, 2, 12
"""Bits of ``decision_type``: a set of categories is asked; a missing value goes left; what counts as missing."""
_NOTHING_MISSING, _NAN_MISSING = 0, 8
"""Kinds of missing: NaN is read as 0; NaN goes the way of the missing."""


@dataclass(frozen=True, eq=False, slots=True)
class ForestArrays:
    """The trees of a model, N inner nodes and M leaves in all.

    Attributes:
        feature: Column that each inner node asks, intp, shape (N,).
        threshold: Left is where the value is at most this, shape (N,).
        nan_left: Whether NaN goes left, bool, shape (N,).
        left: Left child: an inner node, or the complement ``~leaf`` of a leaf, intp, shape (N,).
        right: Right child, likewise.
        value: Value of each leaf, shape (M,).
        cover: Training rows in each leaf, shape (M,); 1 for each where the text does not say.
        roots: Inner nodes that are roots, increasing; a tree of one leaf has none.
        lone: Leaves that are a whole tree.
    """

    feature: Array
    threshold: Array
    nan_left: Array
    left: Array
    right: Array
    value: Array
    cover: Array
    roots: Array
    lone: Array


def read_trees(text: str) -> ForestArrays | None:
    """The trees of a checked text; ``None`` where one asks for a set of categories, or reads zero as missing."""
    nodes: dict[str, list[Array]] = {name: [] for name in ("feature", "threshold", "kind", "left", "right")}
    values: list[Array] = []
    covers: list[Array] = []
    roots: list[int] = []
    lone: list[int] = []
    inner = leaves = 0
    for block in text.partition("\nend of trees")[0].split("\nTree=")[1:]:
        fields = dict(line.partition("=")[::2] for line in block.split("\n")[1:])
        value = _floats(fields["leaf_value"])
        cover = _floats(fields["leaf_count"]) if fields.get("leaf_count") else np.ones(len(value))
        if len(value) > 1:
            roots.append(inner)
            nodes["feature"].append(_floats(fields["split_feature"]).astype(np.intp))
            nodes["threshold"].append(_floats(fields["threshold"]))
            nodes["kind"].append(_floats(fields["decision_type"]).astype(np.intp))
            for side in ("left", "right"):
                child = _floats(fields[f"{side}_child"]).astype(np.intp)
                nodes[side].append(np.where(child >= 0, child + inner, child - leaves))
        else:
            lone.append(leaves)
        values.append(value)
        covers.append(cover)
        inner, leaves = inner + len(value) - 1, leaves + len(value)
    found = {name: np.concatenate(arrays) if arrays else np.empty(0, np.intp) for name, arrays in nodes.items()}
    kind = found["kind"]
    missing = kind & _MISSING
    if (kind & _CATEGORICAL).any() or (missing[missing != _NOTHING_MISSING] != _NAN_MISSING).any():
        return None
    nan_left = np.where(missing == _NAN_MISSING, (kind & _LEFT_IF_MISSING) > 0, found["threshold"] >= 0)
    return ForestArrays(
        found["feature"],
        found["threshold"].astype(np.float64),
        nan_left,
        found["left"],
        found["right"],
        np.concatenate(values),
        np.concatenate(covers),
        np.array(roots, dtype=np.intp),
        np.array(lone, dtype=np.intp),
    )


def _floats(text: str) -> Array:
    # Python reads a list of numbers several times faster than NumPy does.
    return np.array(list(map(float, text.split(" "))))

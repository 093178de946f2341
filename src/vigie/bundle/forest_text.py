"""LightGBM's text format: writing forests in it, and checking a text before the library is trusted with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vigie.economics.payoff import Array
from vigie.errors import BundleError

_END = "end of trees"
_LARGEST = np.finfo(np.float64).max
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
        value: Share of positives at each node, 0 … 1: ``tree_.value[:, 0, 1]`` of a classifier.
        samples: Training rows at each node, ``tree_.n_node_samples``.
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
        "average_output",
        "feature_names=" + " ".join(f"c{column}" for column in range(width)),
        "feature_infos=" + " ".join(["none"] * width),
        "tree_sizes=" + " ".join(str(len(block)) for block in blocks),
    ]
    return "\n".join(header) + "\n\n" + "".join(blocks) + _END + "\n"


def _tree(tree: TreeArrays) -> str:
    leaf = np.asarray(tree.left) < 0
    inner, leaves = np.flatnonzero(~leaf), np.flatnonzero(leaf)
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
    text["leaf_count"] = _joined(np.asarray(tree.samples)[leaves])
    if len(inner):
        text["internal_value"] = " ".join(map(repr, np.asarray(tree.value, dtype=np.float64)[inner].tolist()))
        text["internal_count"] = _joined(np.asarray(tree.samples)[inner])
    text["is_linear"] = "0"
    text["shrinkage"] = "1"
    return "\n".join(f"{name}={values}" for name, values in text.items())


def _joined(values: Array) -> str:
    return " ".join(map(str, np.asarray(values).tolist()))


def without_parameters(text: str) -> str:
    """A model's text up to the end of its trees: what follows describes the training and is not needed.

    Raises:
        BundleError: It has no end.
    """
    head, end, _ = text.partition(f"\n{_END}")
    if not end:
        raise BundleError("not a LightGBM model: it has no end of trees", where="model")
    return f"{head}\n{_END}\n"


def check_text(text: str) -> None:
    """Whether every tree is whole: LightGBM trusts its text and would read beyond its arrays.

    Raises:
        BundleError: A number is missing, or a child, a column or a set of categories is out of range.
    """
    header, *blocks = text.partition(f"\n{_END}")[0].split("\nTree=")
    known = _fields(header)
    width = _integer(known, "max_feature_idx") + 1
    sizes = known.get("tree_sizes", "").split()
    if sizes and [int(size) if size.isdigit() else -1 for size in sizes] != _sizes(text, len(blocks)):
        raise BundleError("the sizes of the trees do not add up", where="model")
    if width < 1 or not blocks:
        raise BundleError("a model of trees without trees or columns", where="model")
    for position, block in enumerate(blocks):
        try:
            _check_tree(_fields(block), width)
        except ValueError as error:
            raise BundleError(f"tree {position} is damaged: {error}", where="model") from error


def _sizes(text: str, count: int) -> list[int]:
    data = text.encode()
    starts: list[int] = []
    position = data.find(b"\nTree=")
    while position >= 0 and len(starts) < count:
        starts.append(position + 1)
        position = data.find(b"\nTree=", position + 1)
    end = data.find(f"\n{_END}".encode()) + 1
    return [after - before for before, after in zip(starts, [*starts[1:], end], strict=True)]


def _fields(block: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in block.splitlines())}


def _integer(fields: dict[str, str], name: str) -> int:
    try:
        return int(fields.get(name, ""))
    except ValueError as error:
        raise BundleError(f"the trees do not say {name}", where="model") from error


def _numbers(fields: dict[str, str], name: str, size: int, dtype: type) -> Array:
    found: Array = np.array(fields.get(name, "").split(), dtype=dtype)
    if len(found) != size:
        raise ValueError(f"{len(found)} of {size} values of {name}")
    return found


def _check_tree(fields: dict[str, str], width: int) -> None:
    leaves = _integer(fields, "num_leaves")
    if leaves < 1:
        raise ValueError("no leaves")
    if not np.isfinite(_numbers(fields, "leaf_value", leaves, float)).all():
        raise ValueError("a leaf value is not finite")
    if leaves == 1:
        return
    inner = leaves - 1
    feature = _numbers(fields, "split_feature", inner, int)
    threshold = _numbers(fields, "threshold", inner, float)
    kind = _numbers(fields, "decision_type", inner, int)
    children = np.concatenate([_numbers(fields, side, inner, int) for side in ("left_child", "right_child")])
    if ((feature < 0) | (feature >= width)).any():
        raise ValueError("a split reads a column that there is not")
    # Each leaf and each inner node but the root has one parent, and a child comes after its parent: a tree, no cycle.
    inner_children, parents = children[children >= 0], np.tile(np.arange(inner), 2)[children >= 0]
    if sorted(children.tolist()) != [*range(-leaves, 0), *range(1, inner)] or (inner_children <= parents).any():
        raise ValueError("the nodes do not make a tree")
    categorical = (kind & 1) == 1
    if categorical.any():
        sets = _integer(fields, "num_cat")
        borders = _numbers(fields, "cat_boundaries", sets + 1, int)
        words = fields.get("cat_threshold", "").split()
        chosen = threshold[categorical]
        if borders[0] != 0 or borders[-1] != len(words) or (np.diff(borders) < 0).any():
            raise ValueError("the sets of categories do not add up")
        if ((chosen < 0) | (chosen >= sets)).any():
            raise ValueError("a split reads a set of categories that there is not")

"""Checks LightGBM's text format before the library is trusted with it: it would read beyond its arrays."""

from __future__ import annotations

import math

import numpy as np

from vigie.economics.payoff import Array
from vigie.errors import BundleError

_END = "end of trees"
_LARGEST = float(np.finfo(np.float64).max)
_MOST = 2**31 - 1
_DIGITS = frozenset("0123456789+-.eE inf")
_LEAF_LINES: dict[str, tuple[float, float]] = {
    "leaf_value": (-_LARGEST, _LARGEST),
    "leaf_weight": (-_LARGEST, _LARGEST),
    "leaf_count": (0, _MOST),
}
"""Lines with one number a leaf, and the range of each; whole numbers where the limits are."""
_INNER_LINES: dict[str, tuple[float, float]] = {
    "split_feature": (0, _MOST),
    "split_gain": (-_LARGEST, _LARGEST),
    "threshold": (-math.inf, math.inf),
    "decision_type": (0, 11),
    "left_child": (-_MOST, _MOST),
    "right_child": (-_MOST, _MOST),
    "internal_value": (-_LARGEST, _LARGEST),
    "internal_weight": (-_LARGEST, _LARGEST),
    "internal_count": (0, _MOST),
}
"""Lines with one number an inner node."""
_OTHER_LINES = frozenset({"num_leaves", "num_cat", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"})
_NEEDED = frozenset({"leaf_value", "split_feature", "threshold", "decision_type", "left_child", "right_child"})
_HEADER_LINES = frozenset(
    {
        "tree",
        "version",
        "num_class",
        "num_tree_per_iteration",
        "label_index",
        "max_feature_idx",
        "objective",
        "average_output",
        "feature_names",
        "feature_infos",
        "monotone_constraints",
        "tree_sizes",
    }
)


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
    """Whether the model is for two classes and every tree is whole: LightGBM would read beyond its arrays.

    Raises:
        BundleError: A number is missing, or a child, a column or a set of categories is out of range.
    """
    body, end, rest = text.partition(f"\n{_END}\n")
    if not end or rest.strip():
        raise BundleError("a model of trees ends with 'end of trees'", where="model")
    header, *blocks = body.split("\nTree=")
    try:
        known = _fields(header)
        width = _integer(known, "max_feature_idx") + 1
        if _integer(known, "num_class") != 1 or _integer(known, "num_tree_per_iteration") != 1:
            raise ValueError("it tells more than two classes apart")
        if known.get("objective", "binary").split()[:1] not in (["binary"], ["cross_entropy"]):
            raise ValueError(f"its objective is {known['objective']}, not a probability")
        if not 0 < width < _MOST or not blocks:
            raise ValueError("it has no trees or no columns")
        if known.keys() - _HEADER_LINES or known.get("tree") != "" or known.get("version") not in ("v3", "v4"):
            raise ValueError("its header is of another version")
        for name in ("feature_names", "feature_infos"):
            if len(known.get(name, "").split(" ")) != width:
                raise ValueError(f"{name} is not one a column")
        sizes = known.get("tree_sizes", "").split()
        if sizes != [str(size) for size in _sizes(text, len(blocks))]:
            raise ValueError("the sizes of its trees do not add up")
    except (ValueError, OverflowError) as error:
        raise BundleError(f"not a model of trees for a probability: {error}", where="model") from error
    for position, block in enumerate(blocks):
        try:
            number, _, lines = block.partition("\n")
            if number != str(position):
                raise ValueError(f"it is called {number!r}")
            _check_tree(_fields(lines), width)
        except (ValueError, OverflowError) as error:
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
    lines = block.rstrip("\n").split("\n")
    # To LightGBM an empty line, or another kind of white space, is the end of a tree.
    if "" in lines or not "".join(lines).isprintable():
        raise ValueError("a line is empty or not plain text")
    pairs = [line.partition("=")[::2] for line in lines]
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a line is there twice")
    return fields


def _integer(fields: dict[str, str], name: str) -> int:
    text = fields.get(name, "")
    if not text.isdecimal() or not text.isascii():
        raise ValueError(f"{name} is {text!r}")
    return int(text)


def _numbers(fields: dict[str, str], name: str, size: int, low: float, high: float) -> Array:
    """The *size* numbers of a line: whole ones where *low* is an ``int``."""
    text = fields.get(name, "")
    if not set(text) <= _DIGITS:
        raise ValueError(f"{name} is not made of numbers")
    # Python reads a list of numbers several times faster than NumPy does.
    read = int if isinstance(low, int) else float
    found: Array = np.array(list(map(read, text.split(" "))) if text else [], dtype=read)
    if len(found) != size:
        raise ValueError(f"{len(found)} of {size} values of {name}")
    if not ((found >= low) & (found <= high)).all():
        raise ValueError(f"a value of {name} is out of range")
    return found


def _check_tree(fields: dict[str, str], width: int) -> None:
    leaves, sets = _integer(fields, "num_leaves"), _integer(fields, "num_cat")
    if not 0 < leaves < _MOST or sets >= leaves:
        raise ValueError(f"{leaves} leaves and {sets} sets of categories")
    if fields.get("is_linear", "0") != "0":
        raise ValueError("its leaves are linear models, which are not read")
    unknown = fields.keys() - _LEAF_LINES.keys() - _INNER_LINES.keys() - _OTHER_LINES
    if unknown:
        raise ValueError(f"unknown line {min(unknown)!r}")
    inner = leaves - 1
    lines = dict.fromkeys(_LEAF_LINES, leaves) | dict.fromkeys(_INNER_LINES, inner)
    limits = _LEAF_LINES | _INNER_LINES
    found = {
        name: _numbers(fields, name, size, *limits[name])
        for name, size in lines.items()
        if name in fields or name in _NEEDED
    }
    _numbers(fields, "shrinkage", 1, -_LARGEST, _LARGEST)
    if leaves == 1:
        return
    feature, threshold, kind = found["split_feature"], found["threshold"], found["decision_type"]
    if (feature >= width).any():
        raise ValueError("a split reads a column that there is not")
    # Each leaf and each inner node but the root has one parent, and a child comes after its parent: a tree, no cycle.
    children = np.concatenate([found["left_child"], found["right_child"]])
    parents = np.tile(np.arange(inner), 2)
    if (
        not np.array_equal(np.sort(children), np.r_[-leaves:0, 1:inner])
        or (children[children >= 0] <= parents[children >= 0]).any()
    ):
        raise ValueError("the nodes do not make a tree")
    if sets or (kind & 1).any():
        borders = _numbers(fields, "cat_boundaries", sets + 1, 0, _MOST)
        _numbers(fields, "cat_threshold", int(borders[-1]), 0, 2**32 - 1)
        chosen = threshold[(kind & 1) == 1]
        if borders[0] != 0 or (np.diff(borders) < 1).any() or not np.isin(chosen, np.arange(sets)).all():
            raise ValueError("the sets of categories do not add up")

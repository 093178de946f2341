"""Shapley values of trees for one row at a time, in NumPy alone and several times faster than a walk through each leaf.

What is computed is TreeSHAP (Lundberg et al. 2020, *path-dependent*): a column that is not known sends a row down both
sides of a split, in proportion to the training rows. How: the Shapley value is the integral over t of the derivative
of the game's multilinear extension (Owen 1972), in which every column is known with probability t, and for a tree that
extension is found level by level for all trees at once.

For an inner node let ``z`` be the share of its rows that went left, ``Z`` the share that its column's splits above it
left over (1 if there are none), ``D = t + (1 − t) Z`` and ``s`` = ``1 − z`` if the row goes left here, ``−z`` if it
goes right, 0 if a split above has already turned the row away by this column. Then, with ``w = z + s t / D``,

* the node's value is ``R(t) = R_right + w (R_left − R_right)``, from the leaves up;
* the weight of its children is ``P_left = w P`` and ``P_right = P − P_left``, from the roots down;
* it adds ``s ∫ P (Z / D²) (R_left − R_right) dt`` to its column.

The integrand is a polynomial of a degree below the number of distinct columns on the longest path, so the sum over
half as many Gauss-Legendre points is the integral itself. Trees of ``LARGE`` inner nodes and more get three points and
single precision instead: nearly all of the weight lies on polynomials of low degree, and a contribution comes out
within about 1e-5 (``docs/decisions/0014-reasons.md``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from vigie.bundle.trees_arrays import ForestArrays
from vigie.economics.payoff import Array

LARGE = 20_000
"""Inner nodes from which the levels are kept in single precision and in at most ``MOST_POINTS`` points."""
MOST_POINTS = 3

TOGETHER = 100_000
"""Inner nodes that are gone through together at most, give or take a tree: what they need stays in a core's cache."""

_LEFT, _BOTH, _RIGHT, _NONE = 0, 2, 4, 6
"""Which children of a node are inner nodes. Sorted so, all left ones of a level lie side by side, and all right ones."""


@dataclass(frozen=True, eq=False, slots=True)
class _Level:
    """The m nodes of one depth, sorted by which of their children are inner nodes; q points.

    Within these kinds they are sorted by whether a node above asks the same column, in such a way that those for which
    one does lie in two runs.

    Attributes:
        start: Of its nodes among all.
        m: Number of nodes.
        first: Nodes up to here have an inner node as left child only …
        left_end: … up to here as both children …
        inner_end: … up to here as right child only; the others have two leaves.
        again: Both runs of nodes whose column was asked above.
        place: Position, in the order of the parents, of each node; shape (m,).
        back: Position in this order of each node in the order of the parents; shape (m,).
        t: Points, shape (q, 1).
        over: ``1 / D`` for the nodes of both runs, shape (q, their number).
        bend: ``Z / D²`` for them.
        offset: ``z``; mean of both leaves for a node with two, shape (m,).
        right_value: Value of the right child of the nodes with an inner node on the left only.
        left_value: Value of the left child of the nodes with an inner node on the right only.
    """

    start: int
    m: int
    first: int
    left_end: int
    inner_end: int
    again: tuple[slice, slice]
    place: Array
    back: Array
    t: Array
    over: Array
    bend: Array
    offset: Array
    right_value: Array
    left_value: Array


class TreeShapley:
    """Trees made ready to say what each column adds to their sum.

    Args:
        forest: The trees.
        width: Columns of the model.
        unit: What one unit of the trees' sum is on the model's scale.
        single: Whether the trees read float32.

    Attributes:
        base: Mean of the trees' sum over the training rows.
        exact: Whether double precision and enough points are used to be right to rounding.
    """

    def __init__(self, forest: ForestArrays, width: int, unit: float, *, single: bool) -> None:
        self._width, self._unit = width, unit
        self._reads: Any = np.float32 if single else np.float64
        nodes = len(forest.feature)
        self.exact = nodes < LARGE
        starts = np.unique(np.searchsorted(forest.roots, np.arange(0, nodes, TOGETHER)))
        starts = starts[starts < len(forest.roots)]
        ends = [*forest.roots[starts[1:]].tolist(), nodes]
        begins = forest.roots[starts].tolist() if nodes else []
        parts = [_part(forest, low, high) for low, high in zip(begins, ends, strict=False)]
        self._groups = [_Group(part, width, self._reads, exact=self.exact) for part in parts]
        mean = sum(group.mean for group in self._groups) + float(forest.value[forest.lone].sum())
        self.base = mean * unit

    def row(self, x: Array) -> Array:
        """Contribution of each column and, last, the base, float64, shape (width + 1,).

        Args:
            x: One encoded row, float64, shape (width,). NaN is missing.
        """
        out = np.zeros(self._width + 1)
        read = x.astype(self._reads)
        for group in self._groups:
            out[:-1] += group.row(read)
        out *= self._unit
        out[-1] = self.base
        return out


def _part(forest: ForestArrays, low: int, high: int) -> ForestArrays:
    """The trees whose inner nodes are *low* … *high* − 1."""

    def child(side: Array) -> Array:
        return np.where(side[low:high] >= 0, side[low:high] - low, side[low:high])

    inside = (forest.roots >= low) & (forest.roots < high)
    return replace(
        forest,
        feature=forest.feature[low:high],
        threshold=forest.threshold[low:high],
        nan_left=forest.nan_left[low:high],
        left=child(forest.left),
        right=child(forest.right),
        roots=forest.roots[inside] - low,
        lone=forest.lone[:0],
    )


class _Group:
    """Trees that are gone through together.

    Attributes:
        mean: Of their sum over the training rows.
    """

    def __init__(self, forest: ForestArrays, width: int, reads: Any, *, exact: bool) -> None:
        found = _Nodes(forest)
        self.mean = float(found.mean[forest.roots].sum())
        self._width, self._nodes = width, len(forest.feature)
        self._idle: list[_Workspace] = []
        enough = (int(found.distinct.max()) + 1) // 2
        self._dtype: Any = np.float64 if exact else np.float32
        t, self._weight = _gauss(enough if exact else min(enough, MOST_POINTS))
        order, self._levels = _levels(forest, found, t, self._dtype)
        self._feature = forest.feature[order]
        self._threshold = _below(forest.threshold[order], reads)
        self._low, self._high = _below(found.low[order], reads), _below(found.high[order], reads)
        self._nan_left, self._nan_in = forest.nan_left[order], found.nan_in[order]
        self._left_share = found.share[order].astype(self._dtype)
        left, right = forest.left[order], forest.right[order]
        apart = forest.value[~np.minimum(left, -1)] - forest.value[~np.minimum(right, -1)]
        self._both = np.where((left < 0) & (right < 0), apart, 1.0).astype(self._dtype)

    def row(self, x: Array) -> Array:
        """What each column adds to the sum of these trees, shape (width,); *x* as the trees read it."""
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = _Workspace(self._levels, self._nodes, self._dtype, self._weight)
        self._take_steps(x, workspace)
        found = np.bincount(self._feature, workspace.run(), self._width)
        self._idle.append(workspace)
        return found

    def _take_steps(self, x: Array, workspace: _Workspace) -> None:
        """Puts ``s`` of each node, times the difference of its leaves where it has two, into the workspace."""
        value = x.take(self._feature)
        left = value <= self._threshold
        here = value > self._low
        here &= value <= self._high
        if np.isnan(x).any():
            missing = np.isnan(value)
            left = np.where(missing, self._nan_left, left)
            here = np.where(missing, self._nan_in, here)
        steps = workspace.steps
        np.subtract(left, self._left_share, out=steps)
        steps *= here
        steps *= self._both


def _gauss(points: int) -> tuple[Array, Array]:
    """Points of Gauss and Legendre in 0 … 1 and their weights, each of shape (points, 1)."""
    t, weight = np.polynomial.legendre.leggauss(points)
    return (t[:, None] + 1) / 2, weight[:, None] / 2


def _below(limits: Array, dtype: Any) -> Array:
    """The greatest numbers of *dtype* that are at most *limits*: a number of that type is above one if above the other."""
    with np.errstate(over="ignore"):
        near = limits.astype(dtype)
        return np.where(near > limits, np.nextafter(near, dtype(-np.inf)), near)


class _Nodes:
    """What each inner node inherits from the nodes above it, arrays of shape (N,).

    Attributes:
        share: Of the node's rows that went left.
        mean: Mean value of the leaves below, by rows.
        above: The nearest node above that asks the same column, −1 if none.
        rest: ``Z``: share of rows that the splits above on the same column left over.
        low: The column's values that get here by those splits are above this …
        high: … and at most this.
        nan_in: Whether NaN gets here by those splits.
        distinct: Number of distinct columns on the path to the node, its own included.
        depths: Nodes of each depth.
    """

    def __init__(self, forest: ForestArrays) -> None:
        n = len(forest.feature)
        parent, is_left = np.full(n, -1, dtype=np.intp), np.zeros(n, dtype=bool)
        for side, left in ((forest.left, True), (forest.right, False)):
            at = np.flatnonzero(side >= 0)
            parent[side[at]], is_left[side[at]] = at, left
        self.depths: list[Array] = []
        level = forest.roots
        while len(level):
            self.depths.append(level)
            children = np.concatenate([forest.left[level], forest.right[level]])
            level = children[children >= 0]
        self._add_up(forest, n)
        self.above, side_above = _same_above(forest.feature, parent, is_left)
        above = self.above
        self.rest = np.ones(n)
        self.low, self.high = np.full(n, -np.inf), np.full(n, np.inf)
        self.nan_in = np.ones(n, dtype=bool)
        self.distinct = np.ones(n, dtype=np.intp)
        for level in self.depths:
            up = parent[level]
            self.distinct[level] = np.where(up >= 0, self.distinct[up], 0) + (above[level] < 0)
            node = level[above[level] >= 0]
            up, side = above[node], side_above[node]
            cut, share = forest.threshold[up], self.share[up]
            self.rest[node] = self.rest[up] * np.where(side, share, 1 - share)
            self.high[node] = np.where(side, np.minimum(self.high[up], cut), self.high[up])
            self.low[node] = np.where(side, self.low[up], np.maximum(self.low[up], cut))
            self.nan_in[node] = self.nan_in[up] & (side == forest.nan_left[up])

    def _add_up(self, forest: ForestArrays, n: int) -> None:
        rows, self.share, self.mean = np.zeros(n), np.full(n, 0.5), np.zeros(n)
        for level in reversed(self.depths):
            pair = []
            for side in (forest.left[level], forest.right[level]):
                inner, leaf = np.maximum(side, 0), ~np.minimum(side, -1)
                pair.append(
                    (
                        np.where(side >= 0, rows[inner], forest.cover[leaf]),
                        np.where(side >= 0, self.mean[inner], forest.value[leaf]),
                    )
                )
            (left, left_mean), (right, right_mean) = pair
            rows[level] = left + right
            share = np.divide(left, left + right, out=np.full(len(level), 0.5), where=left + right > 0)
            self.share[level] = share
            self.mean[level] = share * left_mean + (1 - share) * right_mean


def _same_above(feature: Array, parent: Array, is_left: Array) -> tuple[Array, Array]:
    """The nearest node above that asks the same column, −1 if none, and whether its left side leads here."""
    n = len(feature)
    found, left = np.full(n, -1, dtype=np.intp), np.zeros(n, dtype=bool)
    current, side = parent.copy(), is_left.copy()
    looking = np.flatnonzero(current >= 0)
    while len(looking):
        same = feature[current[looking]] == feature[looking]
        hit = looking[same]
        found[hit], left[hit] = current[hit], side[hit]
        looking = looking[~same]
        side[looking] = is_left[current[looking]]
        current[looking] = parent[current[looking]]
        looking = looking[current[looking] >= 0]
    return found, left


def _levels(forest: ForestArrays, nodes: _Nodes, t: Array, dtype: Any) -> tuple[Array, list[_Level]]:
    """All nodes in the order of the levels, and the levels."""
    on_left, on_right = forest.left >= 0, forest.right >= 0
    kind = np.select([on_left & on_right, on_left, on_right], [_BOTH, _LEFT, _RIGHT], _NONE)
    # So that the runs of two neighbouring kinds meet: the left ones come last in the first kind, first in the second.
    again = nodes.above >= 0
    rank = kind + np.where((kind == _LEFT) | (kind == _RIGHT), again, ~again)
    order: list[Array] = []
    levels: list[_Level] = []
    level, start = forest.roots, 0
    while len(level):
        place = np.argsort(rank[level], kind="stable")
        back = np.empty(len(level), dtype=np.intp)
        back[place] = np.arange(len(level))
        level = level[place]
        at = np.searchsorted(rank[level], np.arange(9)).tolist()
        first, left_end, inner_end = at[_BOTH], at[_RIGHT], at[_NONE]
        runs = (slice(at[_LEFT + 1], at[_BOTH + 1]), slice(at[_RIGHT + 1], at[_NONE + 1]))
        rest = nodes.rest[np.concatenate([level[run] for run in runs])]
        d = t + (1 - t) * rest
        levels.append(
            _Level(
                start=start,
                m=len(level),
                first=first,
                left_end=left_end,
                inner_end=inner_end,
                again=runs,
                place=place,
                back=back,
                t=t.astype(dtype),
                over=(1 / d).astype(dtype),
                bend=(rest / d**2).astype(dtype),
                offset=np.where(kind[level] == _NONE, nodes.mean[level], nodes.share[level]).astype(dtype),
                right_value=forest.value[~forest.right[level[:first]]].astype(dtype),
                left_value=forest.value[~forest.left[level[left_end:inner_end]]].astype(dtype),
            )
        )
        order.append(level)
        start += len(level)
        level = np.concatenate([forest.left[level[:left_end]], forest.right[level[first:inner_end]]])
    return np.concatenate(order), levels


class _Workspace:
    """The arrays that one row needs, and the operations on them: made once, since making takes longer than running.

    Args:
        levels: Of the trees.
        nodes: Number of inner nodes.
        dtype: Of the arrays.
        weight: Of the points, shape (q, 1).

    Attributes:
        steps: ``s`` of each node, times the difference of its leaves where it has two, shape (nodes,).
    """

    def __init__(self, levels: list[_Level], nodes: int, dtype: Any, weight: Array) -> None:
        self.steps = np.empty(nodes, dtype)
        self._sums = np.empty(nodes, dtype)
        self._program: list[Callable[[], Any]] = []
        # What a level does not keep for the way back down shares memory with the other levels: it stays in the cache.
        self._points = len(weight)
        most = max(level.m for level in levels) * self._points
        self._shared = [np.empty(most, dtype) for _ in range(3)]
        below: Array | None = None
        kept: list[tuple[Array, Array]] = []
        for level in reversed(levels):
            kept.append(self._up(level, below))
            below = self._scratch(1, level.m)
        top = np.repeat(weight.astype(dtype), levels[0].m, axis=1)
        for level, following, (way, apart) in zip(levels, [*levels[1:], None], reversed(kept), strict=True):
            self._add(level, top, apart)
            if following is not None:
                top = self._down(level, following, top, way)

    def _scratch(self, number: int, m: int) -> Array:
        return self._shared[number][: self._points * m].reshape(self._points, m)

    def _do(self, function: Callable[..., Any], one: Array, other: Array, out: Array) -> None:
        if out.size:
            self._program.append(partial(function, one, other, out))

    def _up(self, level: _Level, below: Array | None) -> tuple[Array, Array]:
        """From the values of a level's children to its own; gives the arrays that the way down needs."""
        do, q = self._do, self._points
        m, first, left_end, inner_end = level.m, level.first, level.left_end, level.inner_end
        both = left_end - first
        steps = self.steps[level.start : level.start + m]
        value = self._scratch(0, m)
        way, apart = np.empty((q, inner_end), value.dtype), np.empty((q, inner_end), value.dtype)
        for out, part in ((way, slice(0, inner_end)), (value[:, inner_end:], slice(inner_end, m))):
            do(np.multiply, level.t, steps[part], out)
            used = 0
            for run in level.again:
                low, high = max(run.start, part.start), min(run.stop, part.stop)
                if low < high:
                    place = used + low - run.start
                    inside = out[:, low - part.start : high - part.start]
                    do(np.multiply, inside, level.over[:, place : place + high - low], inside)
                used += run.stop - run.start
            do(np.add, out, level.offset[part], out)
        if below is not None:
            on_left, on_right = below[:, :left_end], below[:, left_end:]
            do(np.subtract, on_left[:, :first], level.right_value, apart[:, :first])
            do(np.subtract, on_left[:, first:], on_right[:, :both], apart[:, first:left_end])
            do(np.subtract, level.left_value, on_right[:, both:], apart[:, left_end:])
            do(np.multiply, way, apart, value[:, :inner_end])
            do(np.add, value[:, :first], level.right_value, value[:, :first])
            do(np.add, value[:, first:inner_end], on_right, value[:, first:inner_end])
        if level.start:
            self._program.append(partial(value.take, level.back, 1, self._scratch(1, m), "clip"))
        return way, apart

    def _add(self, level: _Level, weight: Array, apart: Array) -> None:
        """What the nodes of a level add to their columns."""
        do, inner_end = self._do, level.inner_end
        sums = self._sums[level.start : level.start + level.m]
        term = self._scratch(0, level.m)
        do(np.multiply, weight[:, :inner_end], apart, term[:, :inner_end])
        used = 0
        for run in level.again:
            for low, high, source in (
                (run.start, min(run.stop, inner_end), term),
                (max(run.start, inner_end), run.stop, weight),
            ):
                if low < high:
                    place = used + low - run.start
                    do(np.multiply, source[:, low:high], level.bend[:, place : place + high - low], term[:, low:high])
            used += run.stop - run.start
        end = max(level.again[1].stop, inner_end)
        for source, part in ((term, slice(0, end)), (weight, slice(end, level.m))):
            if part.start < part.stop:
                self._program.append(partial(np.add.reduce, source[:, part], 0, None, sums[part]))

    def _down(self, level: _Level, following: _Level, weight: Array, way: Array) -> Array:
        """From the weights of a level to those of the next one."""
        do = self._do
        first, left_end, inner_end = level.first, level.left_end, level.inner_end
        end = left_end + (left_end - first)
        children = self._scratch(1, following.m)
        only = children[:, end:]
        do(np.multiply, weight[:, :left_end], way[:, :left_end], children[:, :left_end])
        do(np.subtract, weight[:, first:left_end], children[:, first:left_end], children[:, left_end:end])
        do(np.multiply, weight[:, left_end:inner_end], way[:, left_end:], only)
        do(np.subtract, weight[:, left_end:inner_end], only, only)
        found = self._scratch(2, following.m)
        self._program.append(partial(children.take, following.place, 1, found, "clip"))
        return found

    def run(self) -> Array:
        """What each node adds to its column, shape (nodes,); belongs to the workspace."""
        for step in self._program:
            step()
        self._sums *= self.steps
        return self._sums

"""How strongly columns go together, whatever their kinds, on one scale from 0 to 1.

Numbers with numbers: Spearman's rank correlation, with its sign. Categories with categories: Cramér's V. A category with
a number: the correlation ratio η of the number's ranks. V and η are corrected for their bias, without which a category of
many levels seems to go with anything (V: Bergsma 2013; η²: Kelley 1935, known as ε²). All pairs come out of a handful of
matrix products, so 300 columns are not much more work than 30.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Array, Columns, Values
from vigie.training.explore.grouping import Grouping

SAMPLE = 10_000
"""Rows that pairs are measured on, evenly spaced."""
FEWEST = 20
"""Rows with both values that a pair needs."""
ALIKE = 0.9
"""Association above which two columns are said to carry the same."""


@dataclass(frozen=True, eq=False, slots=True)
class Associations:
    """Every pair of columns.

    Attributes:
        names: Of the columns.
        matrix: Shape (k, k), symmetric, −1 … 1 between numbers and 0 … 1 elsewhere; NaN where a pair cannot be measured.
        levels: Of each column that is a category, as models read it; 0 for numbers, booleans and times.
        rows: Rows looked at.
    """

    names: tuple[str, ...]
    matrix: Array
    levels: tuple[int, ...]
    rows: int

    def strongest(self, at_most: int) -> list[tuple[str, str, float]]:
        """The pairs that go together most, ``(one, other, association)``."""
        i, j = np.triu_indices(len(self.names), 1)
        value = np.nan_to_num(np.abs(self.matrix[i, j]), nan=-1.0)
        order = np.argsort(-value, kind="stable")[:at_most]
        return [(self.names[i[o]], self.names[j[o]], float(self.matrix[i[o], j[o]])) for o in order if value[o] >= 0]


def associate(columns: Columns, groupings: Mapping[str, Grouping]) -> Associations:
    """Associations of all columns but free text; nulls are left out pair by pair.

    Args:
        columns: Values by name.
        groupings: Of the categories: pairs are measured between the levels that models read.
    """
    names = [name for name, values in columns.items() if values.kind is not Kind.TEXT]
    n = len(columns[names[0]]) if names else 0
    pick = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).round().astype(np.int64)) if n else np.zeros(0, np.int64)
    numbers = [name for name in names if name not in groupings]
    categories = [name for name in names if name in groupings]
    matrix = np.full((len(names), len(names)), np.nan)
    place = {name: i for i, name in enumerate(names)}
    ranks, known = _ranked([columns[name] for name in numbers], pick)
    levels, owner, sizes = _levels([(columns[name], groupings[name]) for name in categories], pick)
    at = [place[name] for name in numbers]
    also = [place[name] for name in categories]
    if numbers:
        matrix[np.ix_(at, at)] = _spearman(ranks, known)
    if categories:
        matrix[np.ix_(also, also)] = _cramer(levels, owner, sizes)
    if numbers and categories:
        ratio = _correlation_ratio(ranks, known, levels, owner, sizes)
        matrix[np.ix_(at, also)] = ratio
        matrix[np.ix_(also, at)] = ratio.T
    np.fill_diagonal(matrix, 1.0)
    count = {name: len(groupings[name].after) if name in groupings else 0 for name in names}
    return Associations(tuple(names), matrix, tuple(count[name] for name in names), len(pick))


def alike(
    associations: Associations, telling: Mapping[str, float], least: float = ALIKE
) -> list[tuple[str, list[str]]]:
    """Columns to keep and, for each, those that carry the same.

    The most telling column is kept, all that go with it above *least* are put to it, and so on with the rest: each one
    put aside is itself alike to the one that is kept. V and η look one way only: they are high where the coarser column
    follows from the finer one, and a number from a category. The finer one is never put aside for the coarser.

    Args:
        associations: Of all pairs.
        telling: How much each column says about the outcome; of equals the first by name is kept.
        least: From which on two columns are alike.
    """
    names = associations.names
    order = sorted(range(len(names)), key=lambda i: (-telling.get(names[i], 0.0), names[i]))
    strong = np.nan_to_num(np.abs(associations.matrix), nan=0.0) > least
    dropped: set[int] = set()
    kept: set[int] = set()
    found = []
    for i in order:
        if i in dropped:
            continue
        # One that was looked at before and kept for nothing can still be put to a finer one.
        others = (j for j in order if j != i and strong[i, j] and j not in dropped and j not in kept)
        with_it = [j for j in others if _replaces(associations.levels[i], associations.levels[j])]
        if with_it:
            dropped.update(with_it)
            kept.add(i)
            found.append((names[i], [names[j] for j in with_it]))
    return found


def _replaces(kept: int, dropped: int) -> bool:
    """Whether a column of *kept* levels tells all that one of *dropped* levels does; 0 levels: a number."""
    return kept >= dropped


def clustered(associations: Associations, at_most: int) -> list[int]:
    """Positions of the columns of the strongest pairs, at most so many, in an order that puts blocks side by side.

    Average linkage on ``1 − |association|``, leaves turned so that neighbours are as near as can be (Bar-Joseph 2001).
    """
    strength = np.nan_to_num(np.abs(associations.matrix), nan=0.0)
    np.fill_diagonal(strength, 0.0)
    best = strength.max(axis=1) if len(strength) else np.zeros(0)
    chosen = sorted(np.argsort(-best, kind="stable")[:at_most].tolist())
    if len(chosen) < 3:
        return chosen
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1.0 - strength[np.ix_(chosen, chosen)]
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(np.maximum(distance, 0.0), checks=False), "average", optimal_ordering=True)
    return [chosen[i] for i in leaves_list(tree)]


def _ranked(columns: Sequence[Values], pick: Array) -> tuple[Array, Array]:
    """Average ranks with 0 for nulls, and 1 where there is a value; both float64 of shape (rows, columns)."""
    ranks, known = np.zeros((len(pick), len(columns))), np.zeros((len(pick), len(columns)))
    for i, column in enumerate(columns):
        values = column.take(pick)
        x = values.data.astype(np.float64)
        there = ~values.nulls() & np.isfinite(x)
        _, place, counts = np.unique(x[there], return_inverse=True, return_counts=True)
        mean_rank = (np.cumsum(counts) - (counts + 1) / 2)[place] if len(place) else np.zeros(0)
        # Centred, so that the products below lose no digits.
        ranks[there, i] = mean_rank - mean_rank.mean() if len(place) else 0.0
        known[there, i] = 1.0
    return ranks, known


def _levels(columns: Sequence[tuple[Values, Grouping]], pick: Array) -> tuple[Array, Array, list[int]]:
    """One column of 0 and 1 for each level of each category, nulls in none; whose each is; levels of each category."""
    blocks, owner, sizes = [], [], []
    for i, (values, grouping) in enumerate(columns):
        codes = np.where(values.nulls(), -1, grouping.codes)[pick]
        used = np.unique(codes[codes >= 0])
        block = (codes[:, None] == used[None, :]).astype(np.float64)
        blocks.append(block)
        owner += [i] * len(used)
        sizes.append(len(used))
    joined = np.hstack(blocks) if blocks else np.zeros((len(pick), 0))
    return joined, np.array(owner, dtype=np.int64), sizes


def _spearman(ranks: Array, known: Array) -> Array:
    n = known.T @ known
    total = ranks.T @ known  # of the row's column, over rows where the other has a value too
    square = (ranks**2).T @ known
    product = ranks.T @ ranks
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = product - total * total.T / n
        variance = square - total**2 / n
        scale = np.sqrt(variance * variance.T)
        # Constant where both have a value: what is left is rounding.
        found = np.where((n >= FEWEST) & (np.minimum(variance, variance.T) > 1e-9 * n), covariance / scale, np.nan)
    return np.clip(found, -1.0, 1.0)


def _cramer(levels: Array, owner: Array, sizes: Sequence[int]) -> Array:
    table = levels.T @ levels
    k = len(sizes)
    found = np.full((k, k), np.nan)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    del owner
    for i in range(k):
        for j in range(i):
            counts = table[starts[i] : starts[i + 1], starts[j] : starts[j + 1]]
            found[i, j] = found[j, i] = cramers_v(counts)
    return found


def cramers_v(counts: Array) -> float:
    """Cramér's V of a contingency table, corrected for bias (Bergsma 2013); 0 … 1, NaN where it cannot be told."""
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n = float(counts.sum())
    rows, columns = counts.shape
    if n < FEWEST or min(rows, columns) < 2:
        return float("nan")
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi2 = float(((counts - expected) ** 2 / expected).sum()) / n
    corrected = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    r, c = rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)
    return float(min(1.0, np.sqrt(corrected / min(r - 1, c - 1)))) if min(r, c) > 1 else float("nan")


def _correlation_ratio(ranks: Array, known: Array, levels: Array, owner: Array, sizes: Sequence[int]) -> Array:
    """√ε² of each number (rows) in each category (columns)."""
    k = len(sizes)
    belongs = np.zeros((levels.shape[1], k))
    belongs[np.arange(levels.shape[1]), owner] = 1.0
    n = known.T @ levels
    sums = ranks.T @ levels
    squares = (ranks**2).T @ levels
    rows = n @ belongs
    total, square = sums @ belongs, squares @ belongs
    with np.errstate(invalid="ignore", divide="ignore"):
        between = np.where(n > 0, sums**2 / n, 0.0) @ belongs - total**2 / rows
        whole = square - total**2 / rows
        used = (n > 0) @ belongs
        inside = (whole - between) / (rows - used)
        epsilon = 1.0 - inside / (whole / (rows - 1))
        ok = (rows >= FEWEST) & (used >= 2) & (rows > used) & (whole > 1e-9 * rows)
    return np.where(ok, np.sqrt(np.clip(np.nan_to_num(epsilon), 0.0, 1.0)), np.nan)

"""Missing values: how many, and which columns lack them on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.features.values import Array, Columns

PATTERNS = 8
"""Most combinations of missing columns that are listed."""
TOGETHER = 0.9
"""Correlation of two columns' gaps from which they are said to be missing together."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Rows that lack the very same columns.

    Attributes:
        names: Of those columns; none: the rows are complete.
        rows: How many rows.
        positives: How many of them have a true outcome.
    """

    names: tuple[str, ...]
    rows: int
    positives: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """Missing values of all columns.

    Attributes:
        columns: Columns that have some, and those that have nothing but.
        complete: Rows without any.
        patterns: The most frequent combinations.
        combinations: How many there are.
        together: Columns that are missing on nearly the same rows, group by group.
    """

    columns: int
    complete: int
    patterns: tuple[Pattern, ...]
    combinations: int
    together: tuple[tuple[str, ...], ...]


def gaps_of(columns: Columns, labels: Array) -> Gaps:
    """Look at where values are missing.

    Args:
        columns: Values by name.
        labels: 0 or 1 for each row.
    """
    holes = {name: values.nulls() for name, values in columns.items()}
    some = {name: mask for name, mask in holes.items() if mask.any()}
    n = len(labels)
    if not some:
        return Gaps(0, n, (Pattern((), n, int(labels.sum())),), 1, ())
    names = list(some)
    masks = np.column_stack(list(some.values()))
    packed = np.ascontiguousarray(np.packbits(masks, axis=1))
    rows = packed.view([("", packed.dtype)] * packed.shape[1]).ravel()
    _, first, code, counts = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    hits = np.bincount(code, weights=labels, minlength=len(counts))
    order = np.argsort(-counts, kind="stable")
    patterns = tuple(
        Pattern(
            tuple(name for name, gap in zip(names, masks[first[i]], strict=True) if gap), int(counts[i]), int(hits[i])
        )
        for i in order[:PATTERNS]
    )
    return Gaps(len(names), int(n - masks.any(axis=1).sum()), patterns, len(counts), _together(names, masks))


def _together(names: list[str], masks: Array) -> tuple[tuple[str, ...], ...]:
    vary = [i for i in range(len(names)) if not masks[:, i].all()]
    if len(vary) < 2:
        return ()
    m = masks[:, vary].astype(np.float64)
    m -= m.mean(axis=0)
    scale = np.sqrt((m**2).sum(axis=0))
    phi = (m.T @ m) / np.outer(scale, scale)
    free = np.ones(len(vary), dtype=bool)
    found = []
    for i in range(len(vary)):
        if not free[i]:
            continue
        group = [j for j in range(i, len(vary)) if free[j] and (j == i or phi[i, j] > TOGETHER)]
        if len(group) > 1:
            free[group] = False
            found.append(tuple(names[vary[j]] for j in group))
    return tuple(sorted(found, key=lambda group: -len(group)))

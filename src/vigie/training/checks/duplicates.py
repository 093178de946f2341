"""Rows that are there twice: across the split (VGT005), under two keys (VGT014), with different outcomes (VGT016).

Few and coarse features make many customers equal, and that is nobody's mistake. A copy is told from such a coincidence
by a value that hardly any other customer has: equal to the cent in a spending that nobody else has, and equal in
all the rest, is the same person or the same row. Only columns of tables are looked at for that: features of history,
such as the sum and the mean of one order, repeat each other and make equals of strangers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vigie.definition import Feature
from vigie.definition.aggregate import Aggregate, AtMoment
from vigie.definition.kind import Kind
from vigie.definition.source import Column
from vigie.features.values import Columns, Values
from vigie.findings import Finding, Severity
from vigie.training.checks.codes import finding
from vigie.training.metrics import auc
from vigie.training.split import group_codes
from vigie.wording import said

DUPLICATE_SHARE = 0.005
COPY_SHARE, COPY_ROWS = 0.01, 5
"""Share of customers with a copy, and number, that are worth a warning."""
RARE = 3
"""A value that at most so many customers have is rare."""
LARGEST = 5
"""A group of more equal rows is no copy but a coincidence of coarse values."""
FEWEST_COLUMNS, NEAR_COLUMNS, NEAR_BLOCKS = 4, 9, 3
"""Columns of tables that equality, or near equality, needs; near is equal in all but so many minus one columns."""
COARSE_SHARE = 0.2
"""Share of rows in groups of equal rows with both outcomes that is worth a note."""


def in_both_parts(features: Columns, train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """Test rows whose features are all equal to those of a training row. *train* and *test* are row numbers."""
    if len(features) < 2:
        return []
    rows = row_hashes([as_integers(values) for values in features.values()])
    share = float(np.isin(rows[test], rows[train]).mean())
    if share < DUPLICATE_SHARE:
        return []
    return [
        finding(
            "VGT005",
            "split",
            said(
                "{share:.1%} of the test rows are equal in every feature to a training row; with few and coarse features that "
                "is natural, otherwise the test is too easy",
                share=share,
            ),
        )
    ]


def copied_customers(
    features: Columns,
    definitions: Sequence[Feature],
    labels: np.ndarray,
    customers: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
) -> list[Finding]:
    """The same customer under two keys, on both sides of the split, and copies whose outcomes contradict each other.

    Args:
        features: Columns of all rows.
        definitions: Their definitions.
        labels: 0 or 1 of all rows.
        customers: Key of each row.
        train: Numbers of the training rows.
        test: Numbers of the test rows.
    """
    names = [d.name for d in definitions if d.name in features and _of_tables(d)]
    if len(names) < FEWEST_COLUMNS:
        return []
    used = np.concatenate([train, test])
    groups = group_codes(customers[used])
    _, first = np.unique(groups, return_index=True)
    rows = used[first]
    single = len(rows) == len(used)
    columns = [as_integers(features[name].take(rows)) for name in names]
    one, other = _pairs(columns)
    contradict = labels[rows[one]] != labels[rows[other]] if single else np.zeros(len(one), bool)
    found = []
    # Copies whose outcomes agree make the test too easy where they lie on both sides of it.
    is_test = np.isin(rows, test)
    crossing = (is_test[one] != is_test[other]) & ~contradict
    tested = int(is_test.sum())
    copied = np.unique(np.where(is_test[one], one, other)[crossing])
    if len(copied) >= max(COPY_ROWS, COPY_SHARE * tested):
        found.append(
            finding(
                "VGT014",
                "split",
                said(
                    "{copied:,} of {tested:,} customers of the test ({share:.1%}) have, but for at most {but} of {columns} columns, "
                    "the row of a training customer with another key, down to values that hardly anybody else has",
                    copied=len(copied),
                    tested=tested,
                    share=len(copied) / tested,
                    but=NEAR_BLOCKS - 1 if len(columns) >= NEAR_COLUMNS else 0,
                    columns=len(columns),
                ),
            )
        )
    both = np.unique(np.concatenate([one[contradict], other[contradict]]))
    if len(both) >= max(COPY_ROWS, COPY_SHARE * len(rows)):
        found.append(
            finding(
                "VGT016",
                "training set",
                said(
                    "{rows:,} of {all:,} rows ({share:.1%}) have a copy with the opposite outcome, down to values that hardly "
                    "anybody else has: one of the two is wrong",
                    rows=len(both),
                    all=len(rows),
                    share=len(both) / len(rows),
                ),
                Severity.WARNING,
            )
        )
    return found


def coarse_features(features: Columns, labels: np.ndarray) -> list[Finding]:
    """How well anything could rank rows that are equal in every feature and have different outcomes.

    The bound is the AUC of ranking by the share of positives among equal rows, on these very rows: no function of the
    features does better there (Neyman & Pearson 1933).

    Args:
        features: Columns of the training rows.
        labels: 0 or 1 of the training rows.
    """
    if not features:
        return []
    rows = row_hashes([as_integers(values) for values in features.values()])
    _, group, size = np.unique(rows, return_inverse=True, return_counts=True)
    rate = np.bincount(group, weights=labels) / size
    mixed = (rate > 0) & (rate < 1)
    share = float(size[mixed].sum() / len(labels))
    if share < COARSE_SHARE:
        return []
    return [
        finding(
            "VGT016",
            "training rows",
            said(
                "{share:.1%} of the rows equal others in every feature and have both outcomes: no model of these features can rank "
                "them better than an AUC of {bound:.3f}",
                share=share,
                bound=auc(labels, rate[group]),
            ),
        )
    ]


# -- equal rows --------------------------------------------------------------------------------------------------------


def _pairs(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows that are copies of each other: the smaller and the greater of each pair, each pair once."""
    n, width = len(columns[0]), len(columns)
    rare = np.zeros((n, width), bool)
    for i, column in enumerate(columns):
        _, place, count = np.unique(column, return_inverse=True, return_counts=True)
        rare[:, i] = count[place] <= RARE
    near = width >= NEAR_COLUMNS
    # Rows that differ in two columns at most are equal in one of three parts of the columns at least.
    parts = [list(columns[k::NEAR_BLOCKS]) for k in range(NEAR_BLOCKS)] if near else [list(columns)]
    pair = np.unique(np.concatenate([_candidates(row_hashes(part)) for part in parts]), axis=0)
    if not len(pair):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    one, other = pair[:, 0], pair[:, 1]
    equal = np.column_stack([column[one] == column[other] for column in columns])
    enough = equal.sum(axis=1) >= (width - (NEAR_BLOCKS - 1) if near else width)
    special = (equal & rare[one]).any(axis=1)
    kept = enough & special
    return one[kept], other[kept]


def _candidates(keys: np.ndarray) -> np.ndarray:
    """All pairs within groups of 2 … ``LARGEST`` equal keys: shape (pairs, 2), the smaller position first."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    size = np.diff(np.append(starts, len(keys)))
    size_of = np.repeat(size, size)
    found = []
    for step in range(1, LARGEST):
        left = np.flatnonzero(ranked[:-step] == ranked[step:]) if step < len(keys) else np.zeros(0, np.int64)
        left = left[size_of[left] <= LARGEST]
        found.append(np.column_stack([order[left], order[left + step]]))
    return np.concatenate(found)


def as_integers(values: Values) -> np.ndarray:
    """A whole number for each row, equal exactly where the values are, missing equal to missing: int64, shape (n,)."""
    if values.kind in (Kind.NUMBER, Kind.BOOLEAN):
        # Adding 0 turns −0 into 0; all NaN have one pattern after the replacement.
        numbers = np.where(np.isnan(values.data), np.nan, values.data) + 0.0
        return numbers.astype(np.float64).view(np.int64)
    return values.data.astype(np.int64)


def row_hashes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """64 bits for each row, equal where the rows are and otherwise different but for one pair in 2⁶⁴: shape (n,)."""
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        # The finaliser of MurmurHash3 over what came before and this column.
        found = (found * np.uint64(0x9E3779B97F4A7C15)) ^ column.view(np.uint64)
        found ^= found >> np.uint64(33)
        found *= np.uint64(0xFF51AFD7ED558CCD)
        found ^= found >> np.uint64(33)
        found *= np.uint64(0xC4CEB9FE1A85EC53)
        found ^= found >> np.uint64(33)
    return found


def _of_tables(definition: Feature) -> bool:
    nodes = list(definition.walk())
    return any(isinstance(node, Column) for node in nodes) and not any(
        isinstance(node, Aggregate | AtMoment) for node in nodes
    )

"""Checks of the rows and features a model learns from and is tested on."""

from __future__ import annotations

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Columns, Values
from vigie.findings import Finding
from vigie.training.checks.alone import group
from vigie.training.checks.codes import finding

FEW_TRAIN, FEW_TEST = 100, 30
"""Rows of the rarer class below which figures are mostly noise."""
IDENTIFIER_SHARE, IDENTIFIER_ROWS = 0.9, 200
DUPLICATE_SHARE = 0.005
MOVED = 0.2
"""Total variation distance, 0 … 1, between training and test rows of one feature."""
KNOWN_SHARE = 0.5


def few_rows(train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """Either part has few rows of the rarer class. *train* and *test* are labels."""
    found = []
    for part, labels, fewest in (("training", train, FEW_TRAIN), ("test", test, FEW_TEST)):
        rare = int(np.bincount(labels, minlength=2).min())
        if rare < fewest:
            found.append(
                finding(
                    "VGT002", f"{part} rows", f"{rare} rows of the rarer class among {len(labels):,}; {fewest} are few"
                )
            )
    return found


def constant(features: Columns) -> list[Finding]:
    """Features with one value on every row, missing counted as a value."""
    names = [name for name, values in features.items() if len(values) and _one_value(values)]
    if not names:
        return []
    return [
        finding("VGT003", ", ".join(names), f"{len(names)} of {len(features)} features have one value on every row")
    ]


def _one_value(values: Values) -> bool:
    nulls = values.nulls()
    if nulls.all():
        return True
    return not nulls.any() and bool((values.data == values.data[0]).all())


def identifiers(features: Columns) -> list[Finding]:
    """Features that differ on nearly every row: text-like categories, and whole numbers that never repeat."""
    found = []
    for name, values in features.items():
        known = values.data[~values.nulls()]
        if len(known) < IDENTIFIER_ROWS or values.kind in (Kind.BOOLEAN, Kind.TIME):
            continue
        if values.kind is Kind.NUMBER and not bool((known == np.floor(known)).all()):
            continue
        share = len(np.unique(known)) / len(known)
        if share >= IDENTIFIER_SHARE:
            found.append(finding("VGT004", name, f"{share:.1%} of its {len(known):,} values occur once only"))
    return found


def duplicates(features: Columns, train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """Test rows whose features are all equal to those of a training row. *train* and *test* are row numbers."""
    if not features:
        return []
    columns = [_as_integers(values) for values in features.values()]
    table = np.ascontiguousarray(np.column_stack(columns))
    rows = table.view([("", table.dtype)] * table.shape[1]).ravel()
    share = float(np.isin(rows[test], rows[train]).mean()) if table.shape[1] > 1 else 0.0
    if share < DUPLICATE_SHARE:
        return []
    return [
        finding(
            "VGT005",
            "split",
            f"{share:.1%} of the test rows are equal in every feature to a training row; with few and coarse features that "
            "is natural, otherwise the test is too easy",
        )
    ]


def _as_integers(values: Values) -> np.ndarray:
    if values.kind in (Kind.NUMBER, Kind.BOOLEAN):
        # Adding 0 turns −0 into 0; all NaN have one pattern after the replacement.
        numbers = np.where(np.isnan(values.data), np.nan, values.data) + 0.0
        return numbers.astype(np.float64).view(np.int64)
    return values.data.astype(np.int64)


def moved(features: Columns, train: np.ndarray, test: np.ndarray, *, in_time: bool) -> list[Finding]:
    """Features distributed differently on the test rows; only asked where the test lies later."""
    if not in_time:
        return []
    distances: dict[str, float] = {}
    for name, values in features.items():
        codes, names = group(values)
        before = np.bincount(codes[train], minlength=len(names)) / len(train)
        after = np.bincount(codes[test], minlength=len(names)) / len(test)
        distances[name] = float(np.abs(before - after).sum() / 2)
    far = sorted(((d, name) for name, d in distances.items() if d > MOVED), reverse=True)
    if not far:
        return []
    listed = ", ".join(f"{name} {d:.2f}" for d, name in far[:10])
    return [
        finding(
            "VGT006",
            ", ".join(name for _, name in far),
            f"share of rows that would have to change to look alike (total variation distance, 0 … 1): {listed}",
        )
    ]


def unknown_outcomes(rows: int, immature: int, unknown: int) -> list[Finding]:
    """Most (customer, moment) rows were left out of the training set."""
    total = rows + immature + unknown
    if not total or rows / total >= KNOWN_SHARE:
        return []
    return [
        finding(
            "VGT010",
            "training set",
            f"of {total:,} rows {immature:,} are younger than the horizon and {unknown:,} have no outcome; {rows:,} are used",
        )
    ]

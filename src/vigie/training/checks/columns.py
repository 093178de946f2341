"""Features that carry little: constant, nearly so, mostly missing, of rare levels, of levels that training never saw."""

from __future__ import annotations

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Columns, Values
from vigie.findings import Finding
from vigie.training.checks.codes import finding
from vigie.wording import said

NEARLY_ALL = 0.995
"""Share of one value from which a feature is called nearly constant."""
MOSTLY = 0.95
"""Share of missing values from which a feature is called mostly missing."""
RARE_ROWS, RARE_SHARE = 5, 0.20
"""A level with fewer rows is rare; so many rows with a rare level are worth a word."""
UNSEEN_SHARE, UNSEEN_ROWS = 0.05, 10


def constant(features: Columns) -> list[Finding]:
    """Features with one value on every row, missing counted as a value."""
    names = [name for name, values in features.items() if len(values) and most_frequent(values) == 1.0]
    if not names:
        return []
    return [
        finding(
            "VGT003",
            ", ".join(names),
            said("{some} of {all} features have one value on every row", some=len(names), all=len(features)),
        )
    ]


def nearly_constant(features: Columns) -> list[Finding]:
    """Features with one value on nearly every row, or with nearly none."""
    same, empty = {}, {}
    for name, values in features.items():
        if not len(values):
            continue
        missing, share = float(values.nulls().mean()), most_frequent(values)
        if share == 1.0:
            continue
        if missing >= MOSTLY:
            empty[name] = missing
        elif share >= NEARLY_ALL:
            same[name] = share
    found = []
    if same:
        listed = ", ".join(f"{name} {share:.2%}" for name, share in same.items())
        found.append(
            finding(
                "VGT011", ", ".join(same), said("share of rows with the most frequent value: {listed}", listed=listed)
            )
        )
    if empty:
        listed = ", ".join(f"{name} {share:.1%}" for name, share in empty.items())
        found.append(
            finding("VGT011", ", ".join(empty), said("share of rows without a value: {listed}", listed=listed))
        )
    return found


def most_frequent(values: Values) -> float:
    """Share, 0 … 1, of the rows with the most frequent value, missing counted as a value."""
    nulls = values.nulls()
    known = values.data[~nulls]
    most = int(np.unique(known, return_counts=True)[1].max()) if len(known) else 0
    return max(most, int(nulls.sum())) / len(values)


def rare_levels(features: Columns) -> list[Finding]:
    """Categories of which many rows have a level that hardly another row has; names of rows are VGT004's."""
    found = []
    for name, values in features.items():
        if values.kind is not Kind.CATEGORY:
            continue
        known = values.data[~values.nulls()]
        if not len(known):
            continue
        count = np.bincount(known, minlength=len(values.categories))
        rare = (count > 0) & (count < RARE_ROWS)
        share = float(count[rare].sum() / len(known))
        if share < RARE_SHARE:
            continue
        found.append(
            finding(
                "VGT012",
                name,
                said(
                    "{rare:,} of its {levels:,} levels have fewer than {rows} rows, together {share:.1%} of the rows",
                    rare=int(rare.sum()),
                    levels=int((count > 0).sum()),
                    rows=RARE_ROWS,
                    share=share,
                ),
            )
        )
    return found


def unseen_levels(features: Columns, train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """Categories whose test rows have levels that no training row has. *train* and *test* are row numbers.

    Told where such rows are more than the rare levels of the training rows let expect: of a category of very many
    levels there are always some that were never seen, which VGT012 says.
    """
    found = []
    for name, values in features.items():
        if values.kind is not Kind.CATEGORY:
            continue
        before = np.bincount(values.data[train][values.data[train] >= 0], minlength=len(values.categories))
        after = np.bincount(values.data[test][values.data[test] >= 0], minlength=len(values.categories))
        new = (before == 0) & (after > 0)
        rows, known = int(after[new].sum()), int(after.sum())
        # Good (1953): the share of what was seen once estimates the share of what will be seen for the first time.
        expected = float((before == 1).sum() / max(int(before.sum()), 1))
        if rows < UNSEEN_ROWS or rows / known < max(UNSEEN_SHARE, 2 * expected):
            continue
        largest = np.flatnonzero(new)[np.argsort(-after[new], kind="stable")][:3]
        examples = ", ".join(f"“{values.categories[i]}” {after[i]:,}" for i in largest)
        found.append(
            finding(
                "VGT013",
                name,
                said(
                    "{share:.1%} of the test rows have a level that no training row has: {examples}",
                    share=rows / known,
                    examples=examples,
                ),
            )
        )
    return found

"""Test rows that look different from training rows: feature by feature (VGT006) and all together (VGT017)."""

from __future__ import annotations

import numpy as np

from vigie.features.values import Columns
from vigie.findings import Finding
from vigie.training.checks.alone import group
from vigie.training.checks.codes import finding
from vigie.training.checks.probe import fit_probe
from vigie.training.metrics import auc
from vigie.training.split import group_codes
from vigie.wording import said

MOVED = 0.2
"""Total variation distance, 0 … 1, between training and test rows of one feature."""
TOLD_APART = 0.65
"""Cross-fitted AUC of telling test rows from training rows that is worth a word."""
ROWS = 3_000
"""Of each part that the classifier sees."""
GAIN = 0.05
"""Share of the classifier's gain from which a feature is named."""


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
    return [
        finding(
            "VGT006",
            ", ".join(name for _, name in far),
            said(
                "share of rows that would have to change to look alike (total variation distance, 0 … 1): {listed}",
                listed=", ".join(f"{name} {d:.2f}" for d, name in far[:10]),
            ),
        )
    ]


def told_apart(
    features: Columns, customers: np.ndarray, train: np.ndarray, test: np.ndarray, *, in_time: bool, seed: int
) -> list[Finding]:
    """A classifier learns to tell test rows from training rows; only asked where the test lies later.

    It is tried on customers it has not seen, so that it cannot know a customer again.

    Args:
        features: Columns of all rows.
        customers: Key of each row.
        train: Numbers of the training rows.
        test: Numbers of the test rows.
        in_time: Whether the test lies later.
        seed: Of the sample and the halves.
    """
    if not in_time or not features:
        return []
    generator = np.random.default_rng(seed)
    parts = [np.sort(generator.choice(p, min(ROWS, len(p)), replace=False)) for p in (train, test)]
    rows = np.concatenate(parts)
    is_test = np.repeat(np.array([0, 1], np.int8), [len(p) for p in parts])
    groups = group_codes(customers[rows])
    half = generator.permutation(int(groups.max()) + 1)[groups] % 2
    sample = {name: values.take(rows) for name, values in features.items()}
    score, gains = np.zeros(len(rows)), dict.fromkeys(features, 0.0)
    for k in (0, 1):
        learn, tried = np.flatnonzero(half != k), np.flatnonzero(half == k)
        if min(np.bincount(is_test[learn], minlength=2).min(), np.bincount(is_test[tried], minlength=2).min()) < 20:
            return []
        probe = fit_probe({n: v.take(learn) for n, v in sample.items()}, is_test[learn], seed)
        score[tried] = probe.predict({n: v.take(tried) for n, v in sample.items()}, len(tried))
        gains = {name: gains[name] + probe.gains[name] / 2 for name in gains}
    found = float(np.mean([auc(is_test[half == k], score[half == k]) for k in (0, 1)]))
    if found < TOLD_APART:
        return []
    by = [name for name in sorted(gains, key=lambda n: (-gains[n], n)) if gains[name] >= GAIN][:8]
    return [
        finding(
            "VGT017",
            ", ".join(by),
            said(
                "a classifier tells test rows from training rows with an AUC of {auc:.2f} (0.5: not at all), by {listed}",
                auc=found,
                listed=", ".join(f"{name} {gains[name]:.0%}" for name in by),
            ),
        )
    ]

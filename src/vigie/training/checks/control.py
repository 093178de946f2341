"""Controls of the split itself: customers on both sides (VGT015), and labels dealt at random that can be learned (VGT019).

A model that predicts labels which mean nothing has seen the test rows in some form. Labels are dealt to customers: all
rows of one get the labels of another, so that whoever is known again on the other side is found out. Where the test
lies later, customers are on both sides by design and nothing of this is asked.
"""

from __future__ import annotations

import numpy as np

from vigie.features.values import Columns
from vigie.findings import Finding
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import auc_error, classes
from vigie.training.checks.probe import fit_probe
from vigie.training.metrics import auc
from vigie.training.split import group_codes
from vigie.wording import said

ROWS = 5_000
DEALS = 3
LEAST, ERRORS = 0.04, 4.0
"""AUC above one half, and in standard errors, from which it is no accident."""


def both_sides(customers: np.ndarray, train: np.ndarray, test: np.ndarray, *, in_time: bool) -> list[Finding]:
    """Customers with rows in both parts of a random split. *train* and *test* are row numbers."""
    if in_time:
        return []
    groups = group_codes(customers)
    shared = np.intersect1d(groups[train], groups[test])
    if not len(shared):
        return []
    rows = int(np.isin(groups[test], shared).sum())
    return [
        finding(
            "VGT015",
            "split",
            said(
                "{rows:,} of {all:,} test rows are of customers who also have training rows ({shared:,} customers): the test asks "
                "what was learned by heart",
                rows=rows,
                all=len(test),
                shared=len(shared),
            ),
        )
    ]


def dealt_labels(
    features: Columns,
    labels: np.ndarray,
    customers: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    in_time: bool,
    seed: int,
) -> list[Finding]:
    """Whether labels that were dealt to customers at random can be learned on one side and predicted on the other.

    Only asked of a random split whose customers have several rows: otherwise nobody can be known again by design.
    """
    groups = group_codes(customers)
    _, counts = np.unique(groups, return_counts=True)
    if in_time or not features or int(counts.max()) < 2:
        return []
    generator = np.random.default_rng(seed)
    part, tried = (np.sort(generator.choice(p, min(ROWS, len(p)), replace=False)) for p in (train, test))
    rate = np.bincount(groups, weights=labels) / counts
    learn, asked = ({n: v.take(rows) for n, v in features.items()} for rows in (part, tried))
    scores, errors = [], []
    for _ in range(DEALS):
        dealt = (rate[generator.permutation(len(rate))] >= generator.random(len(rate))).astype(np.int8)[groups]
        if min(*np.bincount(dealt[part], minlength=2), *np.bincount(dealt[tried], minlength=2)) < 10:
            continue
        probe = fit_probe(learn, dealt[part], seed)
        scores.append(auc(dealt[tried], probe.predict(asked, len(tried))))
        # As many independent draws as customers, not as rows.
        several = len(tried) / len(np.unique(groups[tried]))
        positives, negatives = classes(dealt[tried])
        errors.append(auc_error(0.5, positives / several, negatives / several))
    if not scores:
        return []
    mean, error = float(np.mean(scores)), float(np.mean(errors)) / np.sqrt(len(scores))
    if mean - 0.5 <= max(LEAST, ERRORS * error):
        return []
    return [
        finding(
            "VGT019",
            "split",
            said(
                "labels dealt to customers at random are predicted on the test rows with an AUC of {auc:.3f} ± {error:.3f}; it must "
                "be 0.5: who is in the test is known from the training rows",
                auc=mean,
                error=error,
            ),
        )
    ]

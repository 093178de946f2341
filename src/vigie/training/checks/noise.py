"""How far chance alone moves an AUC: what a check has to exceed before it speaks."""

from __future__ import annotations

import math

import numpy as np


def auc_error(auc: float, positives: float, negatives: float) -> float:
    """Standard error of an AUC measured on so many rows of each class (Hanley & McNeil 1982); 0.5 where one is empty.

    >>> round(auc_error(0.75, 12, 300), 2)
    0.08
    """
    if positives < 1 or negatives < 1:
        return 0.5
    both, one = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (both - auc * auc) + (negatives - 1) * (one - auc * auc)
    return math.sqrt(max(variance, 0.0) / (positives * negatives))


def classes(labels: np.ndarray) -> tuple[int, int]:
    """Rows whose outcome is true, and rows whose outcome is false."""
    positives = int(labels.sum())
    return positives, len(labels) - positives


def tells_from(labels: np.ndarray, auc: float, least: float = 0.05, errors: float = 4.0) -> bool:
    """Whether an AUC on rows with these labels is above one half by more than *least* and than chance."""
    return auc - 0.5 > max(least, errors * auc_error(0.5, *classes(labels)))

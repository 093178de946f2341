"""From counts to shares, without a cell that is empty."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

HALF = 0.5
"""Rows added to each cell (Jeffreys' prior). An empty cell of *b* then has the share 0.5 / (n + b/2): what so few rows cannot
rule out. A fixed tiny share instead lets one empty cell outweigh all others, the more so the tinier it is."""


def shares(counts: Array, add: float = HALF) -> Array:
    """Shares of the cells, adding up to 1; NaN where nothing was counted and nothing is added.

    Args:
        counts: Rows in each cell, cells along the last axis.
        add: Rows to add to each cell.
    """
    counted = np.asarray(counts, dtype=np.float64) + add
    total = counted.sum(axis=-1, keepdims=True)
    return counted / np.where(total > 0, total, np.nan)

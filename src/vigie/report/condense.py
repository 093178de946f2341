"""Many rows to few points: what charts are drawn from. NumPy in, short lists out, whatever the number of rows.

Curves have at most :data:`POINTS` points and histograms at most :data:`BINS` bins. Customers with the same score are
one point: between two points a straight line is what a random order among equals would bring on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 200
"""Most points of a curve."""
BINS = 40
"""Most bins of a histogram."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Customers between two values.

    Attributes:
        low: Lower edge.
        high: Upper edge.
        positive: Share, 0 … 1, of all customers whose outcome is true that lie here.
        negative: The same of those whose outcome is false.
        count: How many lie here.
    """

    low: float
    high: float
    positive: float
    negative: float
    count: int


def wilson(positives: float, count: float, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); ``(nan, nan)`` of nothing.

    >>> [round(end, 3) for end in wilson(5, 10)]
    [0.237, 0.763]
    """
    if count <= 0:
        return float("nan"), float("nan")
    share = positives / count
    centre = share + z * z / (2 * count)
    spread = z * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def ranked(score: Numbers, *amounts: Numbers) -> tuple[NDArray[np.int64], list[Numbers]]:
    """Sums from the highest score down.

    Args:
        score: What customers are ranked by, shape (n,).
        amounts: What is summed, each of shape (n,).

    Returns:
        How many customers have at least each distinct score, 0 first, and the sum of each amount among them.
    """
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    last = np.flatnonzero(np.r_[falling[1:] != falling[:-1], len(falling) > 0])
    counts = np.r_[0, last + 1].astype(np.int64)
    return counts, [np.r_[0.0, np.cumsum(amount[order])[last]] for amount in amounts]


def roc(labels: NDArray[np.int_], probability: Numbers) -> list[tuple[float, float]]:
    """``(share of negatives, share of positives)`` at or above each probability; empty where one class is absent."""
    positives = float(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return []
    counts, (hits,) = ranked(probability, labels.astype(float))
    keep = _corners((counts - hits) / negatives, hits / positives)
    return [(float((counts[i] - hits[i]) / negatives), float(hits[i] / positives)) for i in keep]


def precision_recall(labels: NDArray[np.int_], probability: Numbers) -> list[tuple[float, float]]:
    """``(recall, precision)`` at or above each probability; empty where nobody's outcome is true."""
    positives = float(labels.sum())
    if not positives:
        return []
    counts, (hits,) = ranked(probability, labels.astype(float))
    # The precision of a handful of customers is noise: the curve begins where it means something.
    start = int(np.searchsorted(counts, min(20, len(labels) // 20 + 1)))
    recall, precision = hits[start:] / positives, hits[start:] / counts[start:]
    keep = _corners(recall, precision)
    return [(float(recall[i]), float(precision[i])) for i in keep]


def gains(labels: NDArray[np.int_], probability: Numbers) -> list[tuple[float, float]]:
    """``(share of customers, share of positives among them)`` from the highest probability down."""
    positives = float(labels.sum())
    if not positives:
        return []
    counts, (hits,) = ranked(probability, labels.astype(float))
    keep = _corners(counts / len(labels), hits / positives)
    return [(float(counts[i] / len(labels)), float(hits[i] / positives)) for i in keep]


def at_share(curve: list[tuple[float, float]], share: float) -> float:
    """Height of a curve at *share*, on the straight line between its points.

    >>> at_share([(0.0, 0.0), (0.5, 4.0), (1.0, 2.0)], 0.25)
    2.0
    """
    xs, ys = zip(*curve, strict=True)
    return float(np.interp(share, xs, ys))


def histogram(
    values: Numbers, labels: NDArray[np.int_], *, bins: int = BINS, limits: tuple[float, float] | None = None
) -> list[Bin]:
    """*values* in at most *bins* bins, by outcome; nulls (``nan``) are left out.

    Args:
        values: Shape (n,).
        labels: 0 or 1, shape (n,).
        bins: Most bins. Whole numbers of a small range get one bin each.
        limits: Lowest and highest value drawn; what lies beyond is counted in the outermost bins.
    """
    present = np.isfinite(values)
    values, labels = values[present], labels[present]
    if not len(values):
        return []
    low, high = limits or (float(values.min()), float(values.max()))
    values = np.clip(values, low, high)
    if np.all(values == np.rint(values)) and high - low < bins:
        edges = np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    elif low == high:
        edges = np.array([low - 0.5, low + 0.5])
    else:
        edges = np.linspace(low, high, bins + 1)
    positive, _ = np.histogram(values[labels == 1], edges)
    negative, _ = np.histogram(values[labels != 1], edges)
    p, n = max(int(positive.sum()), 1), max(int(negative.sum()), 1)
    return [
        Bin(float(edges[i]), float(edges[i + 1]), positive[i] / p, negative[i] / n, int(positive[i] + negative[i]))
        for i in range(len(edges) - 1)
    ]


def _corners(x: Numbers, y: Numbers) -> NDArray[np.int64]:
    """Points of a curve worth keeping: evenly along its length, so that a steep part keeps its shape."""
    if len(x) <= POINTS:
        return np.arange(len(x))
    reach = float(np.ptp(y)) or 1.0
    length = np.r_[0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y) / reach))]
    wanted = np.linspace(0, length[-1], POINTS)
    return np.unique(np.r_[0, np.searchsorted(length, wanted), len(x) - 1].clip(0, len(x) - 1))

"""What is counted while two models run side by side. Everything is a sum, so that it adds over workers and machines."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vigie.release.betting import Array

LATENCY_EDGES: tuple[float, ...] = tuple(1e-4 * math.sqrt(2) ** i for i in range(36))
"""Seconds, from 0.1 ms to 18 s, each √2 of the one before."""
SCORE_EDGES: tuple[float, ...] = tuple(1 / (1 + math.exp(-(i - 12) / 2)) for i in range(25))
"""Probabilities, half a unit of log-odds apart from −6 to 6."""
VALUE_POINTS = 17
"""Points between the least and the greatest value of a decision to which values are rounded."""

# Cells of one arm: customers, errors, acted on, then bins of latency and of the score, and values rounded to points.
UNITS, ERRORS, ACTED = 0, 1, 2
LATENCY = 3
SCORE = LATENCY + len(LATENCY_EDGES) + 1
VALUE = SCORE + len(SCORE_EDGES) + 1
ARM_CELLS = VALUE + VALUE_POINTS

# Cells of the shadow: customers, errors, decisions turned to act and to leave, edges that the score crossed upwards and
# downwards, sums of the expected value of both, customers whose expected value is known, and bins of the latency of both.
TO_ACT, TO_LEAVE = 2, 3
UP = 4
DOWN = UP + len(SCORE_EDGES)
MONEY = DOWN + len(SCORE_EDGES)
MONEY_KNOWN = MONEY + 2
SHADOW_LATENCY = MONEY_KNOWN + 1
SHADOW_CELLS = SHADOW_LATENCY + 2 * (len(LATENCY_EDGES) + 1)

Cells = list[float]
"""Counts in the order above."""


def arm_cells() -> Cells:
    """Nothing counted yet, for one arm."""
    return [0] * ARM_CELLS


def shadow_cells() -> Cells:
    """Nothing counted yet, for the shadow."""
    return [0] * SHADOW_CELLS


def count_answer(cells: Cells, probability: float, *, acted: bool) -> None:
    """One customer was answered: the score and the decision."""
    cells[SCORE + bisect_left(SCORE_EDGES, probability)] += 1
    cells[ACTED] += acted


def count_latency(cells: Cells, seconds: float) -> None:
    """One request for a single customer took so long."""
    cells[LATENCY + bisect_left(LATENCY_EDGES, seconds)] += 1


def count_shadow(
    cells: Cells,
    champion: tuple[float, bool, float | None, float],
    challenger: tuple[float, bool, float | None, float] | None,
) -> None:
    """One customer was scored by both.

    Args:
        cells: Of the shadow.
        champion: Score, whether it acts, the expected value of its decision where it is known, and seconds.
        challenger: The same; ``None``: it failed.
    """
    cells[UNITS] += 1
    if challenger is None:
        cells[ERRORS] += 1
        return
    before, after = bisect_left(SCORE_EDGES, champion[0]), bisect_left(SCORE_EDGES, challenger[0])
    for edge in range(before, after):
        cells[UP + edge] += 1
    for edge in range(after, before):
        cells[DOWN + edge] += 1
    cells[TO_ACT] += challenger[1] and not champion[1]
    cells[TO_LEAVE] += champion[1] and not challenger[1]
    if champion[2] is not None and challenger[2] is not None:
        cells[MONEY] += champion[2]
        cells[MONEY + 1] += challenger[2]
        cells[MONEY_KNOWN] += 1
    bins = len(LATENCY_EDGES) + 1
    cells[SHADOW_LATENCY + bisect_left(LATENCY_EDGES, champion[3])] += 1
    cells[SHADOW_LATENCY + bins + bisect_left(LATENCY_EDGES, challenger[3])] += 1


@dataclass(frozen=True, slots=True, eq=False)
class Concurrent:
    """Counts of customers who were drawn between both models at the same time, with one probability.

    Attributes:
        probability: Of the challenger.
        champion: Cells of those who got the champion, shape (:data:`ARM_CELLS`,).
        challenger: Likewise.
    """

    probability: float
    champion: Array
    challenger: Array


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that was counted in a rollout so far, of all workers.

    Attributes:
        concurrent: One for each probability with which customers were drawn.
        shadow: Cells of the shadow, shape (:data:`SHADOW_CELLS`,).
        dropped: Customers whom the shadow had no time for.
        units: Customers counted in each step, by its number, both arms together.
        challenged: Of them, those who had the challenger; in the shadow, whom it scored.
    """

    concurrent: tuple[Concurrent, ...] = ()
    shadow: Array = field(default_factory=lambda: np.zeros(SHADOW_CELLS))
    dropped: int = 0
    units: Mapping[int, int] = field(default_factory=dict)
    challenged: Mapping[int, int] = field(default_factory=dict)

    def of(self, arm: str) -> Array:
        """Cells of ``"champion"`` or ``"challenger"`` over all probabilities: to be shown, not to be tested."""
        return np.asarray(sum((getattr(one, arm) for one in self.concurrent), start=np.zeros(ARM_CELLS)))


SHADOW, DROPPED = "shadow", "dropped"

Sums = dict[str, Cells]
"""What one worker has counted, as it goes to the ledger: ``"step/earlier/arm"``, ``"step/shadow"`` and ``"dropped"``."""


def key_of(step: int, earlier: int, arm: str) -> str:
    """Name of the cells of *arm* for customers seen in *step*, and before that in step *earlier*; −1 for never."""
    return f"{step}/{earlier}/{arm}"


def pooled(workers: Sequence[Mapping[str, Sequence[float]]], shares: Sequence[float]) -> Evidence:
    """The evidence of all workers together.

    A customer who is counted again in a later step had the champion before: everybody below the earlier share has the
    challenger already and is not drawn again. So the draw's probability is ``(share − earlier) / (1 − earlier)``.

    Args:
        workers: What each has counted.
        shares: The challenger's share in each step of the plan.
    """
    sums: dict[str, Array] = {}
    for counted in workers:
        for key, cells in counted.items():
            found = np.asarray(cells, dtype=np.float64)
            sums[key] = sums[key] + found if key in sums else found
    shadow, dropped, units = np.zeros(SHADOW_CELLS), 0, dict.fromkeys(range(len(shares)), 0)
    challenged = dict(units)
    draws: dict[tuple[int, int], dict[str, Array]] = {}
    for key, found in sums.items():
        parts = key.split("/")
        if key == DROPPED:
            dropped = int(found[0])
            continue
        units[int(parts[0])] += int(found[UNITS])
        if parts[-1] != "champion":
            challenged[int(parts[0])] += int(found[UNITS])
        if parts[1] == SHADOW:
            shadow = shadow + found
        else:
            draws.setdefault((int(parts[0]), int(parts[1])), {})[parts[2]] = found
    concurrent = []
    for (step, earlier), arms in sorted(draws.items()):
        before = shares[earlier] if earlier >= 0 else 0.0
        none = np.zeros(ARM_CELLS)
        probability = (shares[step] - before) / (1 - before)
        concurrent.append(Concurrent(probability, arms.get("champion", none), arms.get("challenger", none)))
    return Evidence(tuple(concurrent), shadow, dropped, units, challenged)


def above(cells: Array, start: int, edges: Sequence[Any]) -> tuple[Array, float]:
    """How many of a histogram lie above each edge, shape (edges,), and how many there are."""
    bins = cells[start : start + len(edges) + 1]
    return bins[::-1].cumsum()[::-1][1:], float(bins.sum())

"""Decisions: does the challenger act on another share of the customers?

The claim is that the shares differ by at most ``difference``, in either direction. In the shadow only customers count for
whom the decision is another one.
"""

from __future__ import annotations

import numpy as np

from vigie.release.betting import Array, log_wealth, mixed
from vigie.release.cells import ACTED, ERRORS, SCORE, SCORE_EDGES, TO_ACT, TO_LEAVE, UNITS, Concurrent, Evidence
from vigie.release.scores import SAME, Sides, limits, paired, paired_counts
from vigie.release.two_arms import wealth


def harm(evidence: Evidence, difference: float, expected: Sides = SAME) -> float:
    """Logarithm of the evidence that the shares acted on differ by more than *difference*.

    Args:
        evidence: All that was counted.
        difference: Tolerance.
        expected: How many more and how many fewer may be acted on besides, since that was seen before.
    """
    return float(
        mixed(
            np.stack([_wealth(evidence, limit, sign, opposite=False) for sign, limit in limits(difference, expected)])
        )
    )


def safe(evidence: Evidence, difference: float, expected: Sides = SAME) -> float:
    """Logarithm of the evidence that they do not."""
    return min(
        float(mixed(_wealth(evidence, limit, sign, opposite=True))) for sign, limit in limits(difference, expected)
    )


def share(cells: Array) -> float:
    """Share of the answered customers of an arm who were acted on; NaN where none were."""
    answered = cells[SCORE : SCORE + len(SCORE_EDGES) + 1].sum()
    return float(cells[ACTED] / answered) if answered else float("nan")


def _answers(part: Concurrent) -> tuple[Array, Array, Array, Array]:
    found = []
    for arm in (part.champion, part.challenger):
        answered = arm[SCORE : SCORE + len(SCORE_EDGES) + 1].sum()
        found.append((answered - arm[[ACTED]], arm[[ACTED]]))
    return (*found[0], *found[1])


def _wealth(evidence: Evidence, difference: float, sign: int, *, opposite: bool) -> Array:
    total = wealth(evidence.concurrent, _answers, 1, margin=difference, sign=sign, opposite=opposite)
    cells = evidence.shadow
    counts = paired_counts(cells[[TO_ACT]], cells[[TO_LEAVE]], cells[UNITS] - cells[ERRORS])
    values = paired(difference, sign)
    return np.asarray(total + log_wealth(-values if opposite else values, counts)[:, None, :])

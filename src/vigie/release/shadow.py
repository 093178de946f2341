"""What the shadow showed: the same customers scored by both models."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vigie.release.cells import (
    ERRORS,
    LATENCY_EDGES,
    MONEY,
    MONEY_KNOWN,
    SHADOW_LATENCY,
    TO_ACT,
    TO_LEAVE,
    UNITS,
    Evidence,
)
from vigie.release.latency import quantile
from vigie.release.scores import paired_distance


@dataclass(frozen=True, slots=True)
class ShadowSeen:
    """Figures of the shadow. To be read; the guardrails judge from the same counts.

    Attributes:
        customers: Scored by both, or failed by the challenger.
        failed: Of them, by the challenger.
        dropped: Customers whom the shadow had no time for.
        distance: How far the distributions of both scores lie apart (Kolmogorov), a share of customers.
        to_act: Customers whom the challenger acts on and the champion does not.
        to_leave: The other way round.
        champion_value: Mean expected value of the champion's decisions, currency for one customer; NaN where no cost
            matrix is known.
        challenger_value: Likewise, each by its own probabilities.
        champion_seconds: 95 % of the champion's answers took at most, up to half an octave.
        challenger_seconds: Likewise in the shadow, which works in what time others leave: not to be compared closely.
    """

    customers: int
    failed: int
    dropped: int
    distance: float
    to_act: int
    to_leave: int
    champion_value: float
    challenger_value: float
    champion_seconds: float
    challenger_seconds: float


def shadow_seen(evidence: Evidence) -> ShadowSeen | None:
    """What the shadow showed; ``None`` where nobody was scored in it."""
    cells = evidence.shadow
    if not cells[UNITS]:
        return None
    known = float(cells[MONEY_KNOWN])
    bins = len(LATENCY_EDGES) + 1
    return ShadowSeen(
        int(cells[UNITS]),
        int(cells[ERRORS]),
        evidence.dropped,
        paired_distance(cells),
        int(cells[TO_ACT]),
        int(cells[TO_LEAVE]),
        float(cells[MONEY]) / known if known else math.nan,
        float(cells[MONEY + 1]) / known if known else math.nan,
        quantile(cells, 0.95, SHADOW_LATENCY),
        quantile(cells, 0.95, SHADOW_LATENCY + bins),
    )

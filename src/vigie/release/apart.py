"""How differently two models score and decide about the same customers: what a gate sees before a rollout begins.

A model that adapted scores otherwise, and that is what it was trained for. The gate has both models' answers on later rows
and proves what the difference is worth. The rollout then asks whether customers see *that* difference, or another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from vigie.release.betting import Array
from vigie.release.cells import SCORE_EDGES

NORMAL = 1.96
"""Standard errors from a mean to the ends of its interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Differences between a challenger and a champion, shares of customers, in the measures of the guardrails.

    The last four are upper ends of intervals of 95 %, from 0: as far as it may go in that direction for all that the rows can
    tell. What few rows cannot tell is not held against a challenger.

    Attributes:
        distance: Between the distributions of the scores (Kolmogorov's, at the edges of the guardrail).
        difference: Share acted on, challenger minus champion.
        higher: How many more of the challenger's scores lie above an edge, at the edge where these are most.
        lower: Likewise below one.
        more: How many more it acts on.
        fewer: How many fewer.
    """

    distance: float
    difference: float
    higher: float
    lower: float
    more: float
    fewer: float

    def to_data(self) -> dict[str, float]:
        """Plain data for the ledger."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | None) -> Apart | None:
        """What :meth:`to_data` gave; ``None`` for nothing."""
        return cls(**{one.name: float(data[one.name]) for one in fields(cls)}) if data else None

    @property
    def words(self) -> str:
        """One sentence."""
        return (
            f"scores {self.distance:.3g} apart, {self.difference:+.1%} of the customers acted on; with what chance may do, scores up "
            f"to {self.higher:.3g} higher and {self.lower:.3g} lower, {self.more:.1%} more and {self.fewer:.1%} fewer acted on"
        )


def apart_of(champion: tuple[Array, Array], challenger: tuple[Array, Array], customers: Array) -> Apart | None:
    """What rows show that both models answered; ``None`` where it is one customer or none.

    Args:
        champion: Probability, and whether it acts on a request, each shape (n,).
        challenger: The same of the other model.
        customers: Number of each row's customer from 0 on, shape (n,): rows of one customer hang together.
    """
    n, groups = len(customers), int(customers.max(initial=-1)) + 1
    if groups < 2:
        return None
    means, off = np.empty(len(SCORE_EDGES) + 1), np.empty(len(SCORE_EDGES) + 1)
    for i, edge in enumerate((*SCORE_EDGES, None)):  # one after the other: there may be millions of rows
        of = [probability > edge if edge is not None else acts for probability, acts in (champion, challenger)]
        crossed = of[1].astype(np.int8) - of[0].astype(np.int8)
        means[i] = crossed.mean()
        sums = np.bincount(customers, weights=crossed - means[i], minlength=groups)
        off[i] = NORMAL * np.sqrt((sums**2).sum() * groups / (groups - 1)) / n
    up, down = np.minimum(np.maximum(means + off, 0.0), 1.0), np.minimum(np.maximum(off - means, 0.0), 1.0)
    return Apart(
        distance=float(np.abs(means[:-1]).max()),
        difference=float(means[-1]),
        higher=float(up[:-1].max()),
        lower=float(down[:-1].max()),
        more=float(up[-1]),
        fewer=float(down[-1]),
    )

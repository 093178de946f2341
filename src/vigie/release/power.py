"""How soon a guardrail sees what it is there for: computed from the bets themselves.

A bet's logarithm grows by its mean for each customer, so that about ``log(what is needed) / mean`` customers are needed (Wald
1947, *Sequential analysis*); the best bet of the mixture first has to make up for the others' stakes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vigie.release import latency
from vigie.release.betting import Array, contrast, steps
from vigie.release.cells import LATENCY, LATENCY_EDGES, above
from vigie.release.guardrails import Guardrails
from vigie.release.two_arms import CENTRES


@dataclass(frozen=True, slots=True)
class Seen:
    """When something would be seen.

    Attributes:
        guardrail: Which sees it.
        what: What happens, in words.
        customers: Counted until a rollback, both arms together, about; infinite where it would be allowed.
    """

    guardrail: str
    what: str
    customers: float


def seen_after(
    rails: Guardrails, share: float, champion: Array | None = None, error_rate: float | None = None
) -> tuple[Seen, ...]:
    """What would be seen after how many customers.

    Args:
        rails: Tolerances.
        share: The challenger's, above 0 and below 1.
        champion: Cells of the champion's arm; with them twice the latency is worked out too.
        error_rate: Of the champion; ``None``: ``errors_floor``, below which nothing is held against a challenger.
    """
    rate = rails.errors_floor if error_rate is None else max(error_rate, rails.errors_floor)
    found = []
    if "errors" in rails.judged:
        for times in (2, 10):
            if rate * times < 1:
                after = errors(rails, share, rate, rate * times)
                found.append(Seen("errors", f"{rate * times:.2g} of requests fail instead of {rate:.2g}", after))
    if "latency" in rails.judged and champion is not None and above(champion, LATENCY, LATENCY_EDGES)[1]:
        found.append(Seen("latency", "requests take twice as long", slower(rails, share, champion, 2.0)))
    if "decisions" in rails.judged:
        margin = rails.decision_difference + rails.decisions_expected[0]
        acted = min(margin + 0.1, 0.79)
        after = rates(rails, share, 0.2, 0.2 + acted, margin)
        found.append(Seen("decisions", f"{0.2 + acted:.0%} of the customers are acted on instead of 20%", after))
    return tuple(found)


def errors(rails: Guardrails, share: float, before: float, after: float) -> float:
    """Customers until an error rate of *after* instead of *before* is seen; both above 0 and below 1."""
    ratio = contrast(share, np.zeros(1), factor=rails.errors_factor)[0]
    floor = np.array([0.0, -rails.errors_floor, 1 - rails.errors_floor])
    chances = np.array([1 - share, share * (1 - after), share * after])
    return max(_needed(ratio, _chances(share, before, after), rails.level), _needed(floor, chances, rails.level))


def rates(rails: Guardrails, share: float, before: float, after: float, margin: float) -> float:
    """Customers until a rate of *after* instead of *before* is seen, where a difference of *margin* is allowed."""
    values = contrast(share, CENTRES, margin=margin, sign=1 if after > before else -1)
    return _needed(
        values, np.broadcast_to(_chances(share, before, after), values.shape), rails.level, extra=math.log(2)
    )


def slower(rails: Guardrails, share: float, champion: Array, times: float) -> float:
    """Customers until it is seen that requests take *times* as long as in the *champion*'s cells; *times* in powers of √2."""
    slow, n = above(champion, LATENCY, LATENCY_EDGES)
    moved, by = latency.edges_of(rails.latency_factor), latency.edges_of(times)
    edges = np.asarray(latency.compared(rails.latency_factor, rails.latency_floor))
    compared = len(edges)
    # Above edge j + moved lie those of the challenger that lay above edge j + moved − by before they were slowed down.
    at = edges + moved - by
    before, after = slow[edges] / n, np.where(at >= 0, slow[np.maximum(at, 0)] / n, 1.0)
    values = contrast(share, CENTRES, margin=rails.latency_beyond)
    chances = np.stack([_chances(share, float(b), float(a)) for b, a in zip(before, after, strict=True)])
    return _needed(
        np.broadcast_to(values, (compared, *values.shape)),
        np.broadcast_to(chances[:, None, :], (compared, *values.shape)),
        rails.level,
    )


def _chances(share: float, before: float, after: float) -> Array:
    return np.array([(1 - share) * (1 - before), (1 - share) * before, share * (1 - after), share * after])


def _needed(values: Array, chances: Array, level: float, extra: float = 0.0) -> float:
    growth = (steps(values) * chances[..., None]).sum(axis=-2)
    best = float(growth.max())
    return (-math.log(level) + math.log(growth.size) + extra) / best if best > 0 else math.inf

"""Profit over the share of customers acted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.economics.payoff import Array, PayoffValues


@dataclass(frozen=True, eq=False, slots=True)
class ProfitCurve:
    """Realised value for one customer when the customers of highest gain are acted on.

    Attributes:
        share: Share of customers acted on, increasing from 0 to 1, shape (k,).
        value: Money for one customer of the base, acted on or not, shape (k,).
        chosen_share: Share acted on under the decision.
        chosen_value: Money for one customer under the decision.
        best_share: Share at which these customers would have brought most: known only afterwards.
        best_value: Money for one customer there.
    """

    share: Array
    value: Array
    chosen_share: float
    chosen_value: float
    best_share: float
    best_value: float


def profit_curve(gain: Array, payoff: PayoffValues, y: Array, act: Array, points: int = 201) -> ProfitCurve:
    """The curve over all cuts, with the decision's own point on it or, under a capacity by moment, near it.

    ``value(k/n) = (Σ passing + Σ_{k highest gains} advantage) / n``. Customers of equal gain cannot be told apart:
    within a tie the curve is the straight line of acting on a random part of them.

    Args:
        gain: Expected gain of acting, shape (n,), currency. Customers with NaN, whose sums are not known, are left out.
        payoff: Cost matrix of the same customers.
        y: Outcomes, 0 or 1, shape (n,).
        act: Who is acted on under the decision, shape (n,).
        points: Most points returned; the highest one is always among them.

    Raises:
        ValueError: There are no customers whose sums are known.
    """
    act = np.asarray(act, dtype=bool)
    passing, advantage = payoff.realised(False, y), payoff.advantage(y)
    known = ~(np.isnan(gain) | np.isnan(advantage) | np.isnan(passing))
    gain, passing, advantage, act = gain[known], passing[known], advantage[known], act[known]
    n = len(gain)
    if n == 0:
        raise ValueError("a profit curve needs customers whose sums are known")
    order = np.argsort(-gain, kind="stable")
    ordered = gain[order]
    base = float(passing.sum())
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), n - 1) + 1
    at_ends = np.concatenate([[0.0], np.cumsum(advantage[order])[ends - 1]])
    cuts = np.concatenate([[0], ends])
    best = int(np.argmax(at_ends))
    wanted = np.unique(np.append(np.linspace(0, n, min(points, n + 1)).round().astype(np.int64), cuts[best]))
    value = (base + np.interp(wanted, cuts, at_ends)) / n
    return ProfitCurve(
        share=wanted / n,
        value=value,
        chosen_share=float(np.mean(act)),
        chosen_value=(base + float(advantage[act].sum())) / n,
        best_share=float(cuts[best] / n),
        best_value=float((base + at_ends[best]) / n),
    )

"""How the customers of the generated shop behave: the equations, and what follows from them exactly.

Hidden from the tables, each customer has a segment, a taste for buying, an *engagement* that wanders and jumps, and a
*grudge* that bad support leaves and time heals. Every day a customer may leave for good:

    hazard  = segment's × exp(−0.9 × engagement + 0.9 × grudge) × price shock × campaign
    orders ~ Poisson(taste × exp(0.6 × engagement) × season × weekday × price shock × campaign)
    visits ~ Poisson((0.05 + 4 × taste) × exp(0.9 × engagement) × weekday)

One who has left neither orders nor visits again. Nothing in the tables says so: that is the churn to be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SEGMENTS = ("loyal", "regular", "bargain")
SEGMENT_SHARE = (0.25, 0.5, 0.25)
HAZARD = np.array([0.0006, 0.0012, 0.0022])
"""Chance a day of leaving for good, by segment, at engagement and grudge 0."""
ORDERS = np.array([1 / 16, 1 / 26, 1 / 36])
"""Mean orders a day, by segment."""
PRICE_SENSITIVITY = np.array([0.5, 1.0, 1.8])
"""Exponent of what a price shock does, by segment."""

MEMORY, NOISE = 0.97, 0.17
"""Engagement tomorrow = MEMORY × today's + NOISE × normal + jumps."""
DROP, DROP_CHANCE, RISE, RISE_CHANCE = -1.5, 0.002, 1.0, 0.001
GRUDGE_MEMORY = float(np.exp(-1 / 45))
ENGAGEMENT_ON_HAZARD, GRUDGE_ON_HAZARD = -0.9, 0.9
ENGAGEMENT_ON_ORDERS, ENGAGEMENT_ON_VISITS = 0.6, 0.9
PROBLEM_CHANCE = 0.07
"""Chance of an order to end in a ticket."""
BAD_CHANCE = 0.35
"""Chance of a ticket to end badly (satisfaction 1 or 2), which adds 1 to the grudge."""
LARGEST_HAZARD = 0.2

WEEKDAY = np.array([1.0, 0.95, 0.95, 1.0, 1.1, 1.15, 0.85])


def season(day: date) -> float:
    """Factor on orders: quiet summer and January, a rise from late November to Christmas."""
    if (day.month, day.day) >= (11, 22):
        return 1.8 if day.month == 11 or day.day <= 20 else 1.1
    return {1: 0.8, 2: 0.9, 7: 0.9, 8: 0.85}.get(day.month, 1.0)


def calendar(start: date, days: int) -> Floats:
    """Factor on orders of each of so many days from *start*: season × weekday."""
    dates = [start + timedelta(days=i) for i in range(days)]
    return np.array([season(d) * WEEKDAY[d.weekday()] for d in dates])


@dataclass(frozen=True, eq=False)
class State:
    """Hidden state of *n* customers on one day; every array has shape (n,).

    Attributes:
        segment: Index into :data:`SEGMENTS`.
        taste: Orders a day at engagement 0.
        engagement: Wanders around 0.
        grudge: Number of bad experiences, healed by time.
        alive: Whether the customer has joined and not left.
    """

    segment: Integers
    taste: Floats
    engagement: Floats
    grudge: Floats
    alive: npt.NDArray[np.bool_]

    def take(self, index: npt.NDArray[np.generic]) -> State:
        """The state of some of them."""
        return State(
            self.segment[index], self.taste[index], self.engagement[index], self.grudge[index], self.alive[index]
        )

    def hazard(self) -> Floats:
        """Chance of leaving today, without price shock or campaign."""
        exponent = ENGAGEMENT_ON_HAZARD * self.engagement + GRUDGE_ON_HAZARD * self.grudge
        return np.asarray(HAZARD[self.segment] * np.exp(exponent))


def no_order_probability(
    state: State,
    factors: Floats,
    shock: Floats,
    *,
    hazard_factor: float = 1.0,
    order_factor: float = 1.0,
    effect_days: int = 0,
) -> Floats:
    """Chance of each customer not to order on any of the coming days, given all that is hidden.

    With survival *S* (alive, no order yet) and *D* (left without an order), day by day: ``D += S × hazard`` and
    ``S ×= (1 − hazard) × exp(−orders)``. What engagement and grudge will be is averaged over: engagement is normal with
    its conditional mean and variance, and tickets to come are left out, since who has no order has next to none. The result is 1 for who has left.

    Args:
        state: At the beginning of the first day.
        factors: Season × weekday × activity of each coming day, shape (days,).
        shock: Factors at price sensitivity 1 on the hazard and on the orders of each coming day, shape (2, days).
        hazard_factor: A campaign's factor on the hazard.
        order_factor: A campaign's factor on orders.
        effect_days: Days that the campaign works, from the first.
    """
    mean, variance = state.engagement.copy(), 0.0
    grudge = state.grudge.copy()
    jump = DROP_CHANCE * DROP + RISE_CHANCE * RISE
    jump_variance = DROP_CHANCE * DROP**2 + RISE_CHANCE * RISE**2
    staying, left = state.alive.astype(np.float64), 1.0 - state.alive
    sensitivity = PRICE_SENSITIVITY[state.segment]
    for day, (factor, flight, thrift) in enumerate(zip(factors, *shock, strict=True)):
        campaign = day < effect_days
        on_hazard = np.exp(
            ENGAGEMENT_ON_HAZARD * mean + GRUDGE_ON_HAZARD * grudge + 0.5 * ENGAGEMENT_ON_HAZARD**2 * variance
        )
        hazard = HAZARD[state.segment] * on_hazard * flight**sensitivity * (hazard_factor if campaign else 1.0)
        hazard = np.minimum(hazard, LARGEST_HAZARD)
        left += staying * hazard
        staying *= 1.0 - hazard
        orders = state.taste * np.exp(ENGAGEMENT_ON_ORDERS * mean + 0.5 * ENGAGEMENT_ON_ORDERS**2 * variance) * factor
        orders *= thrift**sensitivity * (order_factor if campaign else 1.0)
        staying *= np.exp(-orders)
        grudge *= GRUDGE_MEMORY
        mean = MEMORY * mean + jump
        variance = MEMORY**2 * variance + NOISE**2 + jump_variance
    return np.asarray(staying + left)

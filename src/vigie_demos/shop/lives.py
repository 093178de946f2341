"""Lives through the days of the generated shop, all customers of a chunk at once, and notes what happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from vigie_demos.shop import mechanism as m
from vigie_demos.shop.mechanism import Floats, Integers, State

NEWSLETTER_DAYS = 14
"""A newsletter goes out every so many days."""
HORIZONS = (30, 90)
"""Days ahead for which the truth is noted at each snapshot."""
ALREADY_THERE = 0.6
"""Share of customers who joined before the first day."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Promotion:
    """A campaign that the shop ran, with its control group and its true effect.

    Attributes:
        name: What the shop calls it.
        day: Day of the mailing.
        treated_share: Share of the audience that got it, drawn at random; the others are the control group.
        recency: The audience ordered in the last so many days.
        hazard_factor: What it does to the hazard of those who got it.
        order_factor: What it does to their orders.
        effect_days: How long it works.
    """

    name: str
    day: date
    treated_share: float = 0.5
    recency: int = 90
    hazard_factor: float = 0.5
    order_factor: float = 1.35
    effect_days: int = 30


@dataclass(frozen=True, slots=True)
class PriceShock:
    """Prices that rise from one day to the next, for good.

    Attributes:
        day: The first of the new prices.
        prices: Factor on prices.
        flight: Factor on the hazard, for a customer of price sensitivity 1; bargain hunters feel it more.
        thrift: Likewise on how often customers order.
    """

    day: date
    prices: float = 1.12
    flight: float = 2.0
    thrift: float = 1.0


@dataclass(frozen=True, eq=False)
class Assignment:
    """A promotion's audience and what is true of it; arrays have shape (audience,)."""

    promotion: Promotion
    day: int
    customers: Integers
    treated: Flags
    no_order_treated: Floats
    no_order_control: Floats


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The truth about everybody who had joined, at the beginning of a day; arrays have shape (joined,)."""

    day: int
    customers: Integers
    alive: Flags
    hazard: Floats
    no_order: tuple[Floats, ...]


@dataclass(eq=False)
class Lives:
    """What happened. Days count from the first; customers from the beginning of the chunk."""

    segment: Integers
    taste: Floats
    joined: Integers
    left: Integers
    """Day of leaving; the number of days for who is still there."""
    orders: list[tuple[int, Integers]] = field(default_factory=list)
    visits: list[tuple[int, Integers]] = field(default_factory=list)
    tickets: list[tuple[int, Integers, Integers, Integers]] = field(default_factory=list)
    """Day, customer, satisfaction 1 … 5, days since the order."""
    letters: list[tuple[int, str, Integers, Flags, Flags]] = field(default_factory=list)
    """Day, kind, customer, opened, clicked."""
    snapshots: list[Snapshot] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)


def live(
    rng: np.random.Generator,
    customers: int,
    start: date,
    days: int,
    *,
    shock: Floats,
    promotions: tuple[Promotion, ...],
    activity: float,
) -> Lives:
    """Live through *days* days from *start*.

    Args:
        rng: The only source of chance.
        customers: How many, with those who join on the way.
        start: First day.
        days: Number of days.
        shock: Factors at price sensitivity 1 on hazard and orders, for each day and the longest horizon after, shape (2, days + 90).
        promotions: Campaigns; those on days outside do not happen.
        activity: Factor on orders and visits.
    """
    factors = m.calendar(start, days + max(HORIZONS)) * activity
    segment = rng.choice(len(m.SEGMENTS), customers, p=m.SEGMENT_SHARE)
    taste = m.ORDERS[segment] * rng.gamma(2.5, 1 / 2.5, customers)
    early = rng.random(customers) < ALREADY_THERE
    joined = np.where(early, -rng.integers(1, 720, customers), rng.integers(0, max(days, 1), customers))
    engagement = rng.normal(0.0, m.NOISE / np.sqrt(1 - m.MEMORY**2), customers)
    grudge = np.zeros(customers)
    alive = early.copy()
    last_order = np.where(early, np.maximum(joined, -rng.integers(1, 60, customers)), -10_000)
    treated_until = np.full(customers, -1)
    treated_by = np.zeros(customers, dtype=np.int64)
    lives = Lives(segment, taste, joined, np.full(customers, days))
    due: dict[int, list[tuple[Integers, Integers]]] = {}
    by_day = {(p.day - start).days: i for i, p in enumerate(promotions)}
    hazard_factors = np.array([p.hazard_factor for p in promotions] or [1.0])
    order_factors = np.array([p.order_factor for p in promotions] or [1.0])

    for day in range(days):
        state = State(segment, taste, engagement, grudge, alive)
        if (start + timedelta(days=day)).day == 1:
            lives.snapshots.append(_snapshot(state, day, joined, factors, shock))
        if day in by_day:
            promotion = promotions[by_day[day]]
            audience = np.flatnonzero((last_order >= day - promotion.recency) & (joined < day))
            assignment = _assign(rng, promotion, day, state.take(audience), audience, factors, shock)
            lives.assignments.append(assignment)
            treated = audience[assignment.treated]
            treated_until[treated], treated_by[treated] = day + promotion.effect_days, by_day[day]
            lives.letters.append((day, "offer", treated, *_read(rng, engagement[treated], alive[treated])))
        if day % NEWSLETTER_DAYS == NEWSLETTER_DAYS - 1:
            members = np.flatnonzero(joined < day)
            lives.letters.append((day, "newsletter", members, *_read(rng, engagement[members], alive[members])))

        alive |= joined == day
        under = day < treated_until
        flight, thrift = shock[:, day, None] ** m.PRICE_SENSITIVITY[segment]
        hazard = state.hazard() * flight * np.where(under, hazard_factors[treated_by], 1.0)
        leaves = alive & (joined < day) & (rng.random(customers) < np.minimum(hazard, m.LARGEST_HAZARD))
        lives.left[leaves] = day
        alive &= ~leaves

        rate = taste * np.exp(m.ENGAGEMENT_ON_ORDERS * engagement) * factors[day] * thrift
        orders = rng.poisson(np.where(alive, rate * np.where(under, order_factors[treated_by], 1.0), 0.0))
        orders[joined == day] += 1  # one joins by ordering
        buyers = np.repeat(np.arange(customers), orders)
        lives.orders.append((day, buyers))
        last_order[buyers] = day
        browsing = (0.05 * activity + 4 * taste * activity) * np.exp(m.ENGAGEMENT_ON_VISITS * engagement)
        weekday = m.WEEKDAY[(start + timedelta(days=day)).weekday()]
        visits = rng.poisson(np.where(alive, browsing * weekday, 0.0))
        lives.visits.append((day, np.repeat(np.arange(customers), visits)))

        troubled = buyers[rng.random(len(buyers)) < m.PROBLEM_CHANCE]
        for wait in range(1, 8):
            due.setdefault(day + wait, []).append(
                (troubled[wait - 1 :: 7], np.full(len(troubled[wait - 1 :: 7]), wait))
            )
        who = np.concatenate([w for w, _ in due.get(day, [])] or [np.empty(0, dtype=np.int64)])
        waited = np.concatenate([d for _, d in due.pop(day, [])] or [np.empty(0, dtype=np.int64)])
        bad = rng.random(len(who)) < m.BAD_CHANCE
        satisfaction = np.where(bad, rng.integers(1, 3, len(who)), rng.integers(3, 6, len(who)))
        lives.tickets.append((day, who, satisfaction, waited))

        grudge = grudge * m.GRUDGE_MEMORY + np.bincount(who[bad], minlength=customers)
        jump = rng.random(customers)
        engagement = (
            m.MEMORY * engagement
            + m.NOISE * rng.standard_normal(customers)
            + np.where(jump < m.DROP_CHANCE, m.DROP, 0.0)
            + np.where(jump > 1 - m.RISE_CHANCE, m.RISE, 0.0)
        )
    return lives


def _snapshot(state: State, day: int, joined: Integers, factors: Floats, shock: Floats) -> Snapshot:
    members = np.flatnonzero(joined < day)
    of = state.take(members)
    hazard = of.hazard() * shock[0, day] ** m.PRICE_SENSITIVITY[of.segment]
    no_order = tuple(m.no_order_probability(of, factors[day : day + h], shock[:, day : day + h]) for h in HORIZONS)
    return Snapshot(day, members, of.alive, np.where(of.alive, np.minimum(hazard, m.LARGEST_HAZARD), 1.0), no_order)


def _assign(
    rng: np.random.Generator,
    promotion: Promotion,
    day: int,
    state: State,
    audience: Integers,
    factors: Floats,
    shock: Floats,
) -> Assignment:
    ahead = slice(day, day + HORIZONS[0])
    control = m.no_order_probability(state, factors[ahead], shock[:, ahead])
    treated = m.no_order_probability(
        state,
        factors[ahead],
        shock[:, ahead],
        hazard_factor=promotion.hazard_factor,
        order_factor=promotion.order_factor,
        effect_days=promotion.effect_days,
    )
    drawn = rng.random(len(audience)) < promotion.treated_share
    return Assignment(promotion, day, audience, drawn, treated, control)


def _read(rng: np.random.Generator, engagement: Floats, alive: Flags) -> tuple[Flags, Flags]:
    chance = np.where(alive, 1 / (1 + np.exp(1.2 - 1.1 * engagement)), 0.03)
    opened = rng.random(len(chance)) < chance
    return opened, opened & (rng.random(len(chance)) < 0.25)

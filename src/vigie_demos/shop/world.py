"""A seeded e-commerce shop whose truth is known: the world that tests, rehearsals and demos lean on.

    world = generate(seed=7, customers=5_000, campaigns=(Promotion("spring", date(2024, 4, 1)),))
    world.tables["orders"]        # what a company would see
    world.truth.snapshots         # what nobody can see: who has left, and the chance of everybody to order again

The same arguments give the same world, to the last bit. :func:`chunks` yields it in parts, for bases that do not fit
into memory; :mod:`vigie_demos.shop.mechanism` says how customers behave.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from vigie.errors import SettingsError
from vigie_demos.shop.lives import HORIZONS, Lives, PriceShock, Promotion, live
from vigie_demos.shop.mechanism import SEGMENTS
from vigie_demos.shop.records import Blemishes, Period, customer_ids, tables, times

CHUNK = 50_000
"""Customers simulated at once; part of what a seed means."""

__all__ = ["Blemishes", "PriceShock", "Promotion", "Truth", "World", "chunks", "generate"]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is hidden from the tables.

    Attributes:
        customers: One row a customer: ``segment``, ``taste`` (orders a day at rest), ``joined_on``, ``left_on`` (null:
            still there).
        snapshots: One row for each first of a month and customer who had joined before: ``moment``, ``alive``,
            ``hazard`` (chance of leaving that day; 1 for who has left), ``no_order_30`` and ``no_order_90``: the chance of
            not ordering in the days to come, given all that is hidden. Nobody who sees the tables alone ranks better. It
            leaves promotions out.
        promotions: One row for each member of a promotion's audience: ``treated``, and the chance of not ordering in the
            30 days from ``assigned_at`` with (``no_order_treated``) and without it (``no_order_control``). The mean of
            their difference is the true uplift.
    """

    customers: pl.DataFrame
    snapshots: pl.DataFrame
    promotions: pl.DataFrame


@dataclass(frozen=True, eq=False)
class World:
    """A shop.

    Attributes:
        tables: ``customers``, ``orders``, ``visits``, ``emails``, ``tickets``, ``contacts``, as a company would have them.
        truth: What it would give much to know.
    """

    tables: Mapping[str, pl.DataFrame]
    truth: Truth

    def digest(self) -> str:
        """SHA-256 over all tables and the truth: equal for equal worlds."""
        whole = hashlib.sha256()
        truth = (self.truth.customers, self.truth.snapshots, self.truth.promotions)
        for frame in (*(self.tables[name] for name in sorted(self.tables)), *truth):
            buffer = io.BytesIO()
            frame.rechunk().write_ipc(buffer)
            whole.update(buffer.getvalue())
        return whole.hexdigest()


def generate(
    seed: int,
    customers: int = 5_000,
    start: date = date(2024, 1, 1),
    end: date = date(2026, 1, 1),
    *,
    price_shock: date | PriceShock | None = None,
    campaigns: tuple[Promotion, ...] = (),
    scale: float = 1.0,
    blemishes: Blemishes | None = None,
) -> World:
    """A shop, whole.

    Args:
        seed: The same seed and arguments give the same world.
        customers: How many; three fifths were there before *start*, the others join on the way.
        start: First day.
        end: Day after the last.
        price_shock: From this day on prices are 12 % higher and the hazard is doubled, more for bargain hunters; or as it says.
        campaigns: Promotions, each with a random control group.
        scale: Factor on how often customers order and visit.
        blemishes: What is wrong with the tables; left out: a little of everything.

    Raises:
        SettingsError: *end* is not after *start*, there are no customers, or two campaigns share a day.
    """
    parts = list(
        chunks(
            seed, customers, start, end, price_shock=price_shock, campaigns=campaigns, scale=scale, blemishes=blemishes
        )
    )
    if len(parts) == 1:
        return parts[0]
    joined = {name: pl.concat([p.tables[name] for p in parts]) for name in parts[0].tables}
    truth = Truth(
        pl.concat([p.truth.customers for p in parts]),
        pl.concat([p.truth.snapshots for p in parts]),
        pl.concat([p.truth.promotions for p in parts]),
    )
    return World(joined, truth)


def chunks(
    seed: int,
    customers: int,
    start: date = date(2024, 1, 1),
    end: date = date(2026, 1, 1),
    *,
    price_shock: date | PriceShock | None = None,
    campaigns: tuple[Promotion, ...] = (),
    scale: float = 1.0,
    blemishes: Blemishes | None = None,
) -> Iterator[World]:
    """The same shop in parts of :data:`CHUNK` customers; arguments and errors as in :func:`generate`."""
    days = (end - start).days
    if days < 1 or customers < 1 or scale <= 0:
        raise SettingsError(
            f"no shop of {customers} customers from {start} to {end} at scale {scale}",
            remedy="give at least one customer, an end after the start, and a scale above 0",
        )
    if len({c.day for c in campaigns}) < len(campaigns):
        raise SettingsError("two campaigns share a day", remedy="move one")
    risen = PriceShock(price_shock) if isinstance(price_shock, date) else price_shock
    shock = np.ones((2, days + max(HORIZONS)))
    period = Period(start, days)
    if risen is not None:
        period = Period(start, days, (risen.day - start).days, risen.prices)
        shock[:, max((risen.day - start).days, 0) :] = [[risen.flight], [risen.thrift]]
    for number, first in enumerate(range(0, customers, CHUNK)):
        count = min(CHUNK, customers - first)
        fate, chance = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, number]).spawn(2))
        lives = live(fate, count, start, days, shock=shock, promotions=campaigns, activity=scale)
        seen = tables(chance, lives, period, blemishes or Blemishes(), first, number)
        # A customer is on record from the day of joining.
        before = pl.col("updated_at").dt.epoch("us") < period.end
        yield World({**seen, "customers": seen["customers"].filter(before)}, _truth(lives, period, first))


def _truth(lives: Lives, period: Period, first: int) -> Truth:
    everybody = np.arange(len(lives.joined))
    left = pl.Series("left", np.where(lives.left < period.days, period.moment(lives.left), -1))
    customers = pl.DataFrame(
        {
            "customer_id": customer_ids(everybody, first),
            "segment": pl.Series(SEGMENTS).gather(pl.Series(lives.segment)),
            "taste": lives.taste,
            "joined_on": times(period.moment(lives.joined)).cast(pl.Date),
            "left_on": pl.select(pl.when(left >= 0).then(left)).to_series().cast(pl.Datetime("us")).cast(pl.Date),
        }
    )
    snapshots = [
        pl.DataFrame(
            {
                "customer_id": customer_ids(s.customers, first),
                "moment": times(np.full(len(s.customers), period.moment(s.day))),
                "alive": s.alive,
                "hazard": s.hazard,
                **{f"no_order_{h}": p for h, p in zip(HORIZONS, s.no_order, strict=True)},
            }
        )
        for s in lives.snapshots
    ]
    promotions = [
        pl.DataFrame(
            {
                "customer_id": customer_ids(a.customers, first),
                "campaign": a.promotion.name,
                "assigned_at": times(np.full(len(a.customers), period.moment(a.day))),
                "treated": a.treated,
                "no_order_treated": a.no_order_treated,
                "no_order_control": a.no_order_control,
            }
        )
        for a in lives.assignments
    ]
    return Truth(
        customers,
        pl.concat(snapshots) if snapshots else pl.DataFrame(schema=_SNAPSHOTS),
        pl.concat(promotions) if promotions else pl.DataFrame(schema=_PROMOTIONS),
    )


_Types = dict[str, pl.DataType | type[pl.DataType]]
_WHEN = pl.Datetime("us", "UTC")
_SNAPSHOTS: _Types = {
    "customer_id": pl.String,
    "moment": _WHEN,
    "alive": pl.Boolean,
    "hazard": pl.Float64,
    "no_order_30": pl.Float64,
    "no_order_90": pl.Float64,
}
_PROMOTIONS: _Types = {
    "customer_id": pl.String,
    "campaign": pl.String,
    "assigned_at": _WHEN,
    "treated": pl.Boolean,
    "no_order_treated": pl.Float64,
    "no_order_control": pl.Float64,
}

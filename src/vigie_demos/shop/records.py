"""From what happened in the generated shop to the tables that a company would have, blemishes included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vigie.clock import DAY
from vigie_demos.shop.lives import Flags, Lives
from vigie_demos.shop.mechanism import Integers
from vigie_demos.shop.tickets import TOPIC_SHARE, TOPICS, sentences

MINUTE = 60_000_000
CATEGORIES = ("books", "music", "toys", "home", "garden", "sports")
CATEGORY_PRICE = np.array([14.0, 12.0, 22.0, 38.0, 30.0, 45.0])
CITIES = (
    ("FR", "Paris"), ("FR", "Lyon"), ("FR", "Lille"), ("FR", "Nantes"), ("DE", "Berlin"), ("DE", "Köln"),
    ("DE", "München"), ("BE", "Liège"), ("BE", "Gent"), ("ES", "Madrid"), ("ES", "Málaga"), ("ES", "Bilbao"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blemishes:
    """What is wrong with the tables, as shares of rows.

    Attributes:
        late: Orders that are recorded days after they were made (mean 3 days) instead of minutes.
        duplicates: Orders that stand there twice.
        nulls: Values missing in city, category, device and topic.
        silent: Tickets without an answer to the question of satisfaction.
    """

    late: float = 0.03
    duplicates: float = 0.005
    nulls: float = 0.01
    silent: float = 0.3


@dataclass(frozen=True, eq=False)
class Period:
    """The days of a world, how its days become moments, and from which day on prices are how many times as high."""

    start: date
    days: int
    shock_day: int | None = None
    price_rise: float = 1.0

    def moment(self, day: Integers | int) -> npt.NDArray[np.int64]:
        """Microseconds UTC at the beginning of a day."""
        first = (self.start - date(1970, 1, 1)).days
        return (np.asarray(day, dtype=np.int64) + first) * DAY

    @property
    def end(self) -> int:
        """Microseconds UTC after the last day."""
        return int(self.moment(self.days))


def tables(
    rng: np.random.Generator, lives: Lives, period: Period, blemishes: Blemishes, first: int, chunk: int
) -> dict[str, pl.DataFrame]:
    """The tables of a chunk: customers, orders, visits, emails, tickets, contacts.

    Args:
        rng: Source of chance for what has no consequences.
        lives: What happened.
        period: When.
        blemishes: What is to be wrong.
        first: Number of the chunk's first customer.
        chunk: Number of the chunk, part of every id.
    """
    orders, all_orders = _orders(rng, lives, period, blemishes, first, chunk)
    wanted = rng.random(len(lives.joined)) < 0.8
    return {
        "customers": _customers(rng, lives, period, blemishes, first, wanted),
        "orders": orders,
        "visits": _visits(rng, lives, period, blemishes, first, chunk),
        "emails": _emails(rng, lives, period, first, chunk, wanted),
        "tickets": _tickets(rng, lives, period, blemishes, first, chunk, all_orders),
        "contacts": _contacts(lives, period, first),
    }


def customer_ids(customers: Integers, first: int) -> pl.Series:
    """``C0000001`` for the first customer of all."""
    return numbered("C", customers + first + 1)


def numbered(letter: str, numbers: npt.NDArray[np.int64], digits: int = 7) -> pl.Series:
    """Ids of a letter and a number with leading zeros."""
    return (letter + pl.Series("id", numbers).cast(pl.String).str.zfill(digits)).alias("id")


def times(moments: npt.NDArray[np.int64]) -> pl.Series:
    """Moments as a column of times in UTC."""
    return pl.Series("time", moments).cast(pl.Datetime("us", "UTC"))


def _flat(events: Sequence[tuple[Any, ...]]) -> tuple[Integers, ...]:
    """Columns of day, customer and more from one entry a day."""
    lengths = [len(e[1]) for e in events]
    days = np.repeat(np.array([e[0] for e in events], dtype=np.int64), lengths)
    rest = (np.concatenate([e[i] for e in events]).astype(np.int64) for i in range(1, len(events[0])))
    return days, *rest


def _in_day(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """Times of a day: most in the afternoon and evening."""
    hours = np.clip(np.where(rng.random(n) < 0.6, rng.normal(19.5, 2.0, n), rng.normal(12.5, 2.5, n)), 0.0, 23.98)
    return (hours * 3_600).astype(np.int64) * 1_000_000


def _orders(
    rng: np.random.Generator, lives: Lives, period: Period, blemishes: Blemishes, first: int, chunk: int
) -> tuple[pl.DataFrame, tuple[Integers, Integers]]:
    days, who = _flat(lives.orders)
    n, customers = len(days), len(lives.joined)
    favourite = rng.integers(0, len(CATEGORIES), customers)
    level = rng.lognormal(0.0, 0.35, customers)
    category = np.where(rng.random(n) < 0.6, favourite[who], rng.integers(0, len(CATEGORIES), n))
    items = 1 + rng.poisson(0.8, n)
    bargain = lives.segment[who] == 2
    discounted = rng.random(n) < np.where(bargain, 0.5, 0.15)
    discount = np.where(discounted, rng.choice([0.05, 0.1, 0.2, 0.3], n), 0.0)
    price = CATEGORY_PRICE[category] * level[who] * rng.lognormal(0.0, 0.3, n) * items * (1 - discount)
    if period.shock_day is not None:
        price = np.where(days >= period.shock_day, price * period.price_rise, price)
    made = period.moment(days) + _in_day(rng, n)
    delay = rng.integers(1, 10, n) * MINUTE
    late = rng.random(n) < blemishes.late
    recorded = made + np.where(late, delay + (rng.exponential(3.0, n) * DAY).astype(np.int64), delay)
    frame = pl.DataFrame(
        {
            "order_id": numbered("O", chunk * 10**8 + np.arange(n), 10),
            "customer_id": customer_ids(who, first),
            "ordered_at": times(made),
            "recorded_at": times(recorded),
            "amount": np.round(price, 2),
            "items": items,
            "category": _chosen(rng, CATEGORIES, category, blemishes.nulls),
            "channel": _chosen(rng, ("web", "app", "store"), rng.choice(3, n, p=(0.55, 0.35, 0.1)), 0.0),
            "discount": discount,
        }
    )
    twice = frame.filter(pl.Series(rng.random(n) < blemishes.duplicates))
    known = pl.concat([frame, twice]).filter(pl.col("recorded_at").dt.epoch("us") < period.end)
    return known.sort("recorded_at", "order_id", maintain_order=True), (days, who)


def _chosen(rng: np.random.Generator, names: Sequence[str], index: Integers, nulls: float) -> pl.Series:
    texts = pl.Series("value", names).gather(pl.Series(index))
    if nulls <= 0:
        return texts
    gone = pl.Series("gone", rng.random(len(index)) < nulls)
    return pl.select(pl.when(~gone).then(texts)).to_series()


def _visits(
    rng: np.random.Generator, lives: Lives, period: Period, blemishes: Blemishes, first: int, chunk: int
) -> pl.DataFrame:
    days, who = _flat(lives.visits)
    n = len(days)
    return pl.DataFrame(
        {
            "visit_id": numbered("V", chunk * 10**9 + np.arange(n), 11),
            "customer_id": customer_ids(who, first),
            "seen_at": times(period.moment(days) + _in_day(rng, n)),
            "pages": 1 + rng.geometric(0.25, n),
            "device": _chosen(
                rng, ("phone", "desktop", "tablet"), rng.choice(3, n, p=(0.6, 0.32, 0.08)), blemishes.nulls
            ),
        }
    ).sort("seen_at", "visit_id")


def _emails(
    rng: np.random.Generator, lives: Lives, period: Period, first: int, chunk: int, wanted: Flags
) -> pl.DataFrame:
    gone = unsubscribed(lives, period)
    nobody, no = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
    letters = lives.letters or [(0, "newsletter", nobody, no, no)]
    days, who, opened, clicked = _flat([(d, w, o, c) for d, _, w, o, c in letters])
    kinds = np.repeat([k for _, k, *_ in letters], [len(w) for _, _, w, *_ in letters])
    kept = (kinds == "offer") | (wanted[who] & (days < gone[who]))
    days, who, opened, clicked, kinds = days[kept], who[kept], opened[kept] > 0, clicked[kept] > 0, kinds[kept]
    n = len(days)
    sent = period.moment(days) + 9 * 60 * MINUTE
    read = sent + (rng.exponential(0.4, n) * DAY).astype(np.int64) + MINUTE
    all_sent = pl.DataFrame(
        {
            "email_id": numbered("E", chunk * 10**9 + np.arange(n), 11),
            "customer_id": customer_ids(who, first),
            "kind": kinds,
        }
    )
    columns = ["email_id", "customer_id", "happened_at", "event", "kind"]
    parts = [
        all_sent.with_columns(happened_at=times(at), event=pl.lit(event)).filter(pl.Series(which)).select(columns)
        for event, at, which in (
            ("sent", sent, np.ones(n, dtype=np.bool_)),
            ("opened", read, opened),
            ("clicked", read + MINUTE, clicked),
        )
    ]
    happened = pl.concat(parts).filter(pl.col("happened_at").dt.epoch("us") < period.end)
    return happened.sort("happened_at", "email_id", "event")


def unsubscribed(lives: Lives, period: Period) -> Integers:
    """Day on which each customer stops the newsletter: the day after a ticket that ended with a 1, or never."""
    gone = np.full(len(lives.joined), period.days + 1)
    for day, who, satisfaction, _ in reversed(lives.tickets):
        gone[who[satisfaction == 1]] = day + 1
    return gone


def _tickets(
    rng: np.random.Generator,
    lives: Lives,
    period: Period,
    blemishes: Blemishes,
    first: int,
    chunk: int,
    orders: tuple[Integers, Integers],
) -> pl.DataFrame:
    days, who, satisfaction, waited = _flat(lives.tickets)
    n = len(days)
    order_days, buyers = orders
    # The order of a ticket: its customer's, made so many days before. Orders are numbered in the order of (day, customer).
    width = len(lives.joined)
    found = np.searchsorted(order_days * width + buyers, (days - waited) * width + who)
    topic = rng.choice(len(TOPICS), n, p=TOPIC_SHARE)
    order_ids = numbered("O", chunk * 10**8 + found, 10)
    answered = pl.Series("answered", rng.random(n) >= blemishes.silent)
    return pl.DataFrame(
        {
            "ticket_id": numbered("T", chunk * 10**8 + np.arange(n), 10),
            "customer_id": customer_ids(who, first),
            "opened_at": times(period.moment(days) + _in_day(rng, n)),
            "order_id": order_ids,
            "topic": _chosen(rng, TOPICS, topic, blemishes.nulls),
            "text": sentences(rng, topic, satisfaction, order_ids.to_list(), waited),
            "satisfaction": pl.select(pl.when(answered).then(pl.Series(satisfaction))).to_series(),
        }
    ).sort("opened_at", "ticket_id")


def _contacts(lives: Lives, period: Period, first: int) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                "customer_id": customer_ids(a.customers, first),
                "campaign": a.promotion.name,
                "assigned_at": times(np.full(len(a.customers), period.moment(a.day))),
                "treated": a.treated,
            }
        )
        for a in lives.assignments
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "customer_id": pl.String,
        "campaign": pl.String,
        "assigned_at": pl.Datetime("us", "UTC"),
        "treated": pl.Boolean,
    }
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _customers(
    rng: np.random.Generator, lives: Lives, period: Period, blemishes: Blemishes, first: int, wanted: Flags
) -> pl.DataFrame:
    n = len(lives.joined)
    everybody = np.arange(n)
    born = period.moment(0) - (np.clip(rng.normal(42, 14, n), 18, 90) * 365.25).astype(np.int64) * DAY
    signed_up = period.moment(lives.joined)
    home = rng.integers(0, len(CITIES), n)
    moved_on = (rng.random(n) * period.days / 0.06 * 365 / max(period.days, 1)).astype(np.int64)  # 6 % a year
    stopped = unsubscribed(lives, period)
    channel = _chosen(rng, ("search", "advert", "friend", "store"), rng.choice(4, n, p=(0.45, 0.3, 0.15, 0.1)), 0.0)

    def version(index: Integers, updated: npt.NDArray[np.int64], city: Integers, newsletter: Flags) -> pl.DataFrame:
        rows = pl.Series(index)
        return pl.DataFrame(
            {
                "customer_id": customer_ids(index, first),
                "updated_at": times(updated),
                "signed_up_at": times(signed_up[index]),
                "country": pl.Series([c for c, _ in CITIES]).gather(pl.Series(city)),
                "city": _chosen(rng, [c for _, c in CITIES], city, blemishes.nulls),
                "birth_date": times(born[index]).cast(pl.Date),
                "signup_channel": channel.gather(rows),
                "newsletter": newsletter,
            }
        )

    moves = np.flatnonzero((moved_on > lives.joined) & (moved_on < period.days))
    new_home = (home + rng.integers(1, len(CITIES), n)) % len(CITIES)
    stops = np.flatnonzero((stopped < period.days) & wanted)
    moved_before = moved_on[stops] < stopped[stops]
    stopped_before = stopped[moves] < moved_on[moves]
    rows = [
        version(everybody, signed_up, home, wanted),
        version(moves, period.moment(moved_on[moves]) + 600 * MINUTE, new_home[moves], wanted[moves] & ~stopped_before),
        version(
            stops,
            period.moment(stopped[stops]) + 700 * MINUTE,
            np.where(moved_before & (moved_on[stops] > lives.joined[stops]), new_home[stops], home[stops]),
            np.zeros(len(stops), dtype=np.bool_),
        ),
    ]
    return pl.concat(rows).sort("updated_at", "customer_id", maintain_order=True)

"""Cohorts by maturity: which predictions belong together, when their outcomes are known, and which of them say what happens to whom nothing was done."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vigie.clock import DAY, iso, parse_moment
from vigie.economics.payoff import Array
from vigie.watch.realised import GROUPS

Length = Literal["day", "week"]
WEEK = 7 * DAY
_MONDAY = 4 * DAY
"""1970-01-05, a Monday."""


@dataclass(frozen=True, slots=True, order=True)
class Cohort:
    """The predictions whose moment lies in one day or week, UTC.

    Attributes:
        begin: First moment, µs.
        end: First moment that is no longer in it, µs.
    """

    begin: int
    end: int

    @property
    def key(self) -> str:
        """Date of its first day, ``"2026-11-21"``."""
        return iso(self.begin)[:10]

    def mature_at(self, horizon: int) -> int:
        """Moment from which the outcomes of all of it can be known, µs."""
        return self.end + horizon

    def mature_share(self, horizon: int, now: int) -> float:
        """Share of its time, 0 … 1, whose outcomes can be known at *now*."""
        return min(1.0, max(0.0, (now - horizon - self.begin) / (self.end - self.begin)))


def cohort_of(moment: int, length: Length = "day") -> Cohort:
    """The cohort of a moment, µs; weeks begin on Monday.

    >>> cohort_of(parse_moment("2026-11-21T17:00"), "week").key
    '2026-11-16'
    """
    if length == "day":
        begin = moment - moment % DAY
        return Cohort(begin, begin + DAY)
    begin = moment - (moment - _MONDAY) % WEEK
    return Cohort(begin, begin + WEEK)


def cohort_of_key(key: str, length: Length = "day") -> Cohort:
    """The cohort that a key names."""
    return cohort_of(parse_moment(key), length)


def group_of(customers: Sequence[str], count: int = GROUPS) -> Array:
    """Group of each customer, 0 … *count* − 1, by a checksum of the key: always the same one, and no key can be told from it."""
    known: dict[str, int] = {}
    return np.array(
        [known[one] if one in known else known.setdefault(one, zlib.crc32(one.encode()) % count) for one in customers],
        dtype=np.int64,
    )


def first_of_each(customers: Sequence[str], moments: Array, order: Array) -> Array:
    """Places of the first prediction about each customer in a cohort, increasing.

    A customer who asks ten times on a day has one outcome, and counts once: with the first answer, which nothing else decided.

    Args:
        customers: Key of each row.
        moments: That the rows describe, µs.
        order: Moment of the prediction, µs: of several about one moment the first made counts.
    """
    seen: set[str] = set()
    found = []
    for place in np.lexsort((order, moments)).tolist():
        if customers[place] not in seen:
            seen.add(customers[place])
            found.append(place)
    return np.array(sorted(found), dtype=np.int64)


def untouched(would_act: Array, acted: Array, held_out: float, stays: float = 1.0) -> Array:
    """How many rows each row stands for where only what was left alone is counted; 0 for what was acted on.

    Acting on a customer changes what becomes of him; his outcome does not say what the score foretold. Left alone are those whom the model leaves, all of
    them, and of those whom it would act on the hold-out. So a row of the hold-out that it would act on stands for ``1 / held_out`` rows
    (Horvitz & Thompson 1952). While a rollout gives others to a challenger, those whom the model leaves stand for them too.

    Args:
        would_act: Whom the model would act on, booleans, shape (n,).
        acted: Who was acted on in fact, booleans, shape (n,).
        held_out: Share of the customers who are never acted on, drawn at random, above 0 up to 1.
        stays: Share of the others who get this model, drawn at random, above 0 up to 1.
    """
    return np.where(acted, 0.0, np.where(would_act, 1.0 / held_out, 1.0 / (held_out + (1.0 - held_out) * stays)))


def first_in_block(customers: Sequence[str], moment: int, horizon: int, earlier: Sequence[tuple[str, int]]) -> Array:
    """Which rows count in a test that is looked at again and again: each customer once a horizon.

    Outcomes of one customer within a horizon are the same days seen twice. Time is divided into blocks of a horizon that begin at another moment for each customer, so that
    every day has its share; the first cohort of a customer in a block counts.

    Args:
        customers: Key of each row of a cohort.
        moment: Beginning of the cohort, µs.
        horizon: Of the outcome, µs.
        earlier: Customers scored in cohorts before, back to ``moment − horizon``, with the beginning of their cohort, µs.

    Returns:
        Booleans, shape (n,).
    """
    if horizon <= DAY:
        return np.ones(len(customers), dtype=bool)
    before: dict[str, int] = {}
    for key, when in earlier:
        if when < moment:
            before[key] = max(when, before.get(key, when))
    wanted = np.ones(len(customers), dtype=bool)
    for i, key in enumerate(customers):
        last = before.get(key)
        if last is not None:
            phase = zlib.crc32(b"block " + key.encode()) * horizon >> 32
            wanted[i] = last < moment - (moment - phase) % horizon
    return wanted

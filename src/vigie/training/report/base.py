"""What the figure for one customer comes to for everybody: the base of a month and of a year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.definition.moments import At, Every
from vigie.definition.window import Window
from vigie.report.language import say
from vigie.training.report.subject import Subject

YEAR = 365.25 * 86_400 * 1_000_000
"""µs."""
LEAST = YEAR / 12
"""Shortest span, µs, from which a rate of a year is drawn."""
_A_YEAR = {"hour": 8766.0, "day": 365.25, "week": 52.18, "month": 12.0, "quarter": 4.0, "year": 1.0}


@dataclass(frozen=True, slots=True)
class Base:
    """Decisions that one period brings if it goes on as before.

    Attributes:
        at_once: Decisions at one moment, or of one month where they come one by one.
        each: What that is, in words: ``"each month"``.
        a_year: Decisions in a year; ``None`` where each customer is decided on once.
    """

    at_once: float
    each: str
    a_year: float | None


def base_of(subject: Subject) -> Base | None:
    """How many decisions there are, from the rows of the training set; ``None`` where it does not say.

    A score at regular moments has as many as the last moment with known outcomes; one taken at events has the mean rate
    over the whole set; one taken once has every customer of the set.
    """
    data = subject.result.training_set
    if not len(data.moments):
        return None
    match subject.score.moments:
        case Every(period=period):
            last = float(np.sum(data.moments == data.moments.max()))
            if isinstance(period, Window):
                return Base(last, say("each time"), last * YEAR / period.microseconds)
            return Base(last, _each(period), last * _A_YEAR[period])
        case At():
            span = float(data.moments.max() - data.moments.min())
            if span < LEAST:
                return None
            a_year = len(data.moments) / span * YEAR
            return Base(a_year / 12, say("each month"), a_year)
    return Base(float(len(data.moments)), say("once"), None)


def _each(period: str) -> str:
    words = {
        "hour": say("each hour"),
        "day": say("each day"),
        "week": say("each week"),
        "month": say("each month"),
        "quarter": say("each quarter"),
        "year": say("each year"),
    }
    return words[period]

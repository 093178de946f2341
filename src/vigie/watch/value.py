"""What a change costs: why a figure is not what it was, and currency lost a day."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vigie.watch.estimate import Estimate
from vigie.watch.realised import UNKNOWN, Figure, Realised

Z = 1.959964


@dataclass(frozen=True, slots=True)
class Change:
    """Why a figure is not what it was.

    Attributes:
        figure: Name of the figure.
        reference: What it was in the test of the model.
        said: What scores say of today's customers: the figure if a score still meant what it meant.
        now: What it is.
        covariate: ``said − reference``: other customers.
        concept: ``now − said``: the same customers turn out otherwise.
    """

    figure: str
    reference: float
    said: float
    now: float
    covariate: Figure
    concept: Figure


def change_of(name: str, reference: float, said: float, realised: Realised, tested: float) -> Change:
    """Part a change into one of customers and one of what becomes of them.

    What the scores say of today's customers is the reference weighted to today's mix: in each score what training knew of it, as often as it occurs now.

    Args:
        name: Of the figure.
        reference: In the test of the model; NaN where it is not known.
        said: Expected of today's scores as they are.
        realised: Of the same rows.
        tested: Rows of the test; the reference is as uncertain as today's figure would be of so many rows.
    """
    now = realised[name]
    error = now.error
    test_error = error * math.sqrt(realised.rows / tested) if tested > 0 and realised.rows > 0 else math.nan
    return Change(
        name, reference, said, now.value, _around(said - reference, test_error), _around(now.value - said, error)
    )


def fallen(reference: float, realised: Realised, name: str, tested: float) -> tuple[Figure, float]:
    """How much lower a figure is than in the test, and the probability of so much by chance (one-sided, normal).

    Args:
        reference: In the test of the model.
        realised: What came.
        name: Of the figure.
        tested: Rows of the test.
    """
    now = realised[name]
    if math.isnan(now.value) or math.isnan(reference) or not now.error > 0:
        return UNKNOWN, math.nan
    test_error = now.error * math.sqrt(realised.rows / tested) if tested > 0 else 0.0
    error = math.hypot(now.error, test_error)
    drop = reference - now.value
    return _around(drop, error), tail(drop / error)


def tail(z: float) -> float:
    """Probability that a normal variable is above *z*."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def lost_a_day(realised: Realised, customers: float) -> Figure:
    """Currency lost a day: the value that scores promised for these very customers, less what came, times customers a day.

    Args:
        realised: Of customers whose outcomes are known, ``value_short`` among its figures.
        customers: Decided on a day.
    """
    short = realised["value_short"]
    return Figure(*(customers * x for x in (short.value, short.low, short.high, short.error)))


def estimated_loss(said: float, estimate: Estimate, customers: float) -> Figure:
    """The same before outcomes are known.

    Args:
        said: Value that scores as they are promise for each customer.
        estimate: Of the same customers.
        customers: Decided on a day.
    """
    value = estimate.figures.get("value", UNKNOWN)
    return Figure(
        customers * (said - value.value),
        customers * (said - value.high),
        customers * (said - value.low),
        customers * value.error,
    )


def _around(value: float, error: float) -> Figure:
    return Figure(value, value - Z * error, value + Z * error, error)

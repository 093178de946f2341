"""Concept drift: whether customers of the same score turn out otherwise than the score says, looked at every day.

Covariate drift brings other customers; as long as a score of 30 % still means 30 %, decisions stay right. Here it is asked whether it does, of all
customers together and of groups of them, by a bet against it. The stake is multiplied by the likelihood of each outcome where the log-odds are off by more
than a tolerance, over its likelihood where they are off by the tolerance at most. While they are, no bet wins on average. Bets are begun anew with every cohort and summed up
(Shiryaev–Roberts), so that a change is found whenever it comes, and the sum after *t* cohorts is *t* at most, on average: where it is asked to reach
*c* before anything is said, a false alarm comes after *c* cohorts or later, on average, however often one looks (Shin, Ramdas & Rinaldo
2023, *E-detectors*). With *k* groups it has to reach *k·c*, whatever they have to do with each other.

That rests on outcomes that are independent given the scores. So a customer counts once a horizon (:func:`vigie.watch.cohorts.first_in_block`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vigie.bundle.logistic import log_odds, logistic
from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.errors import InputError
from vigie.features.values import Columns, Values
from vigie.watch.realised import NEAREST

TOLERANCE = 0.25
"""Shift of the log-odds that is borne: from 50 % to 56 %, or from 10 % to 12.5 %."""
BEYOND = (0.25, 0.5, 1.0)
"""How much more than the tolerance the bets say it is."""
RUN = 300.0
"""Days to a false alarm, on average, of all groups of a model together."""
ALL = "all"
"""Name of the group of everybody."""
FEATURES, CATEGORIES, PARTS = 5, 4, 4
"""Most important features whose values make groups; of each, categories or parts of equal size."""
FEWEST = 30
"""Rows of a group in a cohort from which it is named at all in reports of size."""
_BETS = tuple((sign, beyond) for sign in (1.0, -1.0) for beyond in BEYOND)


@dataclass(frozen=True, slots=True)
class Bet:
    """Bets on one group after some cohorts.

    Attributes:
        logs: Logarithm of each sum of stakes.
        best: Logarithm of the best single bet of each kind that was begun at some cohort.
        began: When that one was begun, µs.
        cohorts: How many cohorts there were.
    """

    logs: tuple[float, ...] = (-math.inf,) * len(_BETS)
    best: tuple[float, ...] = (0.0,) * len(_BETS)
    began: tuple[int, ...] = (0,) * len(_BETS)
    cohorts: int = 0

    @property
    def log(self) -> float:
        """Logarithm of the mean of the sums."""
        most = max(self.logs)
        if most == -math.inf:
            return most
        return most + math.log(sum(math.exp(one - most) for one in self.logs) / len(self.logs))

    @property
    def since(self) -> int:
        """When the change began that the best bet was on, µs."""
        return self.began[max(range(len(_BETS)), key=lambda i: self.best[i])]

    def to_data(self) -> list[Any]:
        """Plain data."""
        return [
            [one if one > -math.inf else None for one in self.logs],
            list(self.best),
            list(self.began),
            self.cohorts,
        ]

    @classmethod
    def from_data(cls, data: Sequence[Any]) -> Bet:
        """As written by :meth:`to_data`."""
        logs, best, began, cohorts = data
        return cls(tuple(-math.inf if x is None else float(x) for x in logs), tuple(best), tuple(began), int(cohorts))


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a group: rows, positive outcomes, the sum of their scores, and of the scores' variances."""

    rows: float = 0.0
    positives: float = 0.0
    said: float = 0.0
    information: float = 0.0

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            self.rows + other.rows,
            self.positives + other.positives,
            self.said + other.said,
            self.information + other.information,
        )

    def __sub__(self, other: Seen) -> Seen:
        return Seen(
            self.rows - other.rows,
            self.positives - other.positives,
            self.said - other.said,
            self.information - other.information,
        )

    @property
    def shift(self) -> float:
        """By how much the log-odds of outcomes are above those of scores; NaN of no rows."""
        if not self.rows > 0:
            return math.nan
        share, said = (self.positives + 0.5) / (self.rows + 1), (self.said + 0.5) / (self.rows + 1)
        # Of many scores, the log-odds of the mean move less than those of each.
        flat = self.information / max(self.rows * said * (1 - said), 1e-12)
        return (math.log(share / (1 - share)) - math.log(said / (1 - said))) / min(max(flat, 0.2), 1.0)

    @property
    def error(self) -> float:
        """Standard error of :attr:`shift` where scores are right."""
        return 1 / math.sqrt(self.information) if self.information > 0 else math.inf


def bet(before: Bet, y: Array, p: Array, moment: int, tolerance: float = TOLERANCE) -> Bet:
    """The bets after one more cohort.

    Args:
        before: Bets until now.
        y: Outcomes, 1 or 0, shape (n,); NaN is left out.
        p: Calibrated probabilities, shape (n,).
        moment: Of the cohort, µs.
        tolerance: Shift of the log-odds that is borne, above 0.

    Raises:
        InputError: Lengths differ.
    """
    if len(y) != len(p):
        raise InputError(f"{len(y)} outcomes of {len(p)} scores", field="bet", remedy="give one outcome for each score")
    known = ~np.isnan(y)
    positive = y[known] == 1
    z = log_odds(np.clip(p[known], NEAREST, 1 - NEAREST))
    logs, best, began = [], [], []
    for i, (sign, beyond) in enumerate(_BETS):
        borne, more = logistic(z + sign * tolerance), logistic(z + sign * (tolerance + beyond))
        won = float(np.where(positive, np.log(more / borne), np.log((1 - more) / (1 - borne))).sum())
        logs.append(float(np.logaddexp(0.0, before.logs[i])) + won)
        fresh = before.best[i] <= 0
        best.append((0.0 if fresh else before.best[i]) + won)
        began.append(moment if fresh else before.began[i])
    return Bet(tuple(logs), tuple(best), tuple(began), before.cohorts + 1)


def seen(y: Array, p: Array) -> Seen:
    """What was seen of rows; those whose outcome is NaN are left out."""
    known = ~np.isnan(y)
    return Seen(
        float(known.sum()), float(y[known].sum()), float(p[known].sum()), float((p[known] * (1 - p[known])).sum())
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bets say of a group.

    Attributes:
        group: Its name.
        shift: By how much the log-odds of outcomes are above those of scores, from *begin* on.
        error: Standard error of that.
        observed: Share of positive outcomes.
        said: Mean score.
        rows: Customers.
        evidence: Probability of such a sum of stakes by chance, for all groups together, at most.
        rings: Whether the sum is large enough, and the shift is beyond the tolerance and, of a group, unlike that of the others.
        since: When it began, µs.
        begin: First moment of the cohorts that *shift* and the figures behind it are of, µs: of those from *since* on where the sum is large enough, otherwise of
            all.
    """

    group: str
    shift: float
    error: float
    observed: float
    said: float
    rows: float
    evidence: float
    rings: bool
    since: int
    begin: int


def verdicts(
    bets: Mapping[str, Bet],
    cohorts: Sequence[tuple[int, Mapping[str, Seen]]],
    *,
    run: float = RUN,
    tolerance: float = TOLERANCE,
) -> list[Verdict]:
    """What the bets say of each group.

    Of a group whose bets are won, it is asked how far it is off since then: the days before are those on which nothing was wrong, and would hide for a week what
    is evident after two days.

    Args:
        bets: By group; :data:`ALL` among them.
        cohorts: The last cohorts, in order: moment of each, µs, and what was seen of each group.
        run: Cohorts to a false alarm, on average, of all groups together.
        tolerance: As for :func:`bet`.
    """
    found = []
    for group, one in bets.items():
        enough = one.log >= math.log(len(bets) * run)
        window = [part for part in cohorts if part[0] >= one.since] if enough else []
        window = window or list(cohorts)
        here = sum((part[1].get(group, Seen()) for part in window), Seen())
        everybody = sum((part[1].get(ALL, Seen()) for part in window), Seen())
        beyond = abs(here.shift) > tolerance
        if group != ALL:
            others = everybody - here
            apart = abs(here.shift - others.shift) if others.rows > 0 else math.inf
            beyond &= not apart <= tolerance
        likely = min(1.0, math.exp(min(0.0, math.log(max(len(bets) * one.cohorts, 1)) - one.log)))
        rows = here.rows
        found.append(
            Verdict(
                group, here.shift, here.error, here.positives / rows if rows else math.nan, here.said / rows if rows else math.nan,
                rows, likely, enough and beyond, one.since, window[0][0] if window else one.since,
            )
        )  # fmt: skip
    return found


# -- groups --------------------------------------------------------------------------------------------------------------


def group_features(
    importance: Mapping[str, Mapping[str, float]], profile: Mapping[str, Any], most: int = FEATURES
) -> list[str]:
    """Features whose values make groups: the most important of those that the profile knows.

    Args:
        importance: By feature, ``drop`` in AUC where it is shuffled; as in a bundle's metrics.
        profile: Reference profile of the bundle.
        most: How many at most.
    """
    known = profile.get("features", {})
    ranked = sorted(importance, key=lambda name: (-float(importance[name].get("drop", 0.0)), name))
    return [name for name in ranked if name in known][:most]


def groups_of(columns: Columns, profile: Mapping[str, Any]) -> dict[str, Array]:
    """Groups of customers by what features say of them: name → booleans, shape (n,).

    A category makes a group of each of its most frequent values in training and one of the others; a number parts of equal size there; a value that
    is missing a group of its own, where some were missing.

    Args:
        columns: Values by feature.
        profile: Reference profile of the bundle.
    """
    found: dict[str, Array] = {}
    for name, values in columns.items():
        known = profile.get("features", {}).get(name)
        if known is None:
            continue
        found |= _by_category(name, values, known) if "categories" in known else _by_number(name, values, known)
        if float(known.get("missing", 0.0)) > 0:
            found[f"{name} missing"] = np.asarray(values.nulls())
    return found


def _by_category(name: str, values: Values, known: Mapping[str, Any]) -> dict[str, Array]:
    if values.kind is not Kind.CATEGORY:
        return {}
    texts = np.array([text if text is not None else "" for text in values.to_list()], dtype=object)
    there = ~np.asarray(values.nulls())
    frequent = list(known["categories"])[:CATEGORIES]
    found = {f"{name} = {one}": there & (texts == one) for one in frequent}
    if len(known["categories"]) > len(frequent) or known.get("other"):
        found[f"{name} = other"] = there & ~np.isin(texts, frequent)
    return found


def _by_number(name: str, values: Values, known: Mapping[str, Any]) -> dict[str, Array]:
    edges, counts = known.get("edges") or [], np.asarray(known.get("counts") or [], dtype=np.float64)
    there = ~np.asarray(values.nulls())
    data = np.asarray(values.data, dtype=np.float64)
    if values.kind is Kind.BOOLEAN:
        return {f"{name} = yes": there & (data == 1), f"{name} = no": there & (data == 0)}
    if not edges or not counts.sum() > 0:
        return {}
    below = np.cumsum(counts)[:-1] / counts.sum()
    borders = sorted({float(edges[int(np.argmin(np.abs(below - i / PARTS)))]) for i in range(1, PARTS)})
    part = np.searchsorted(borders, data, side="right")
    found = {}
    for i in range(len(borders) + 1):
        low = f"{borders[i - 1]:.4g} ≤ " if i else ""
        high = f" < {borders[i]:.4g}" if i < len(borders) else ""
        found[f"{low}{name}{high}"] = there & (part == i)
    return found

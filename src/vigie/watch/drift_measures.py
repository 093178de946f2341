"""How far two profiles are apart in each thing that can be compared, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.features.values import Array
from vigie.watch.distances import (
    chi_square,
    jensen_shannon,
    kolmogorov_smirnov,
    kullback_leibler,
    pooled,
    psi,
    wasserstein,
)
from vigie.watch.drift_policy import DECISIONS, FEATURE, MISSING, OUTCOMES, OVERALL, SCORE, UNSEEN, DriftPolicy
from vigie.watch.profile import Basis, Cells, Layout, Profile


@dataclass(frozen=True, slots=True)
class Measure:
    """How far one thing is from one reference.

    Attributes:
        code: What kind of thing.
        subject: The feature; "" for the score, decisions and all features.
        size: Effect.
        p: Probability of as much by chance, uncorrected.
        live: The live figure shown: a mean or a share; NaN for none.
        reference: The same of the reference.
        against: Name of the reference.
        customers: Independent rows that the live ones are worth.
    """

    code: str
    subject: str
    size: float
    p: float
    live: float
    reference: float
    against: str
    customers: float


Key = tuple[str, str]


def measures(
    layout: Layout, live: Profile, against: Basis, policy: DriftPolicy, importance: Mapping[str, float]
) -> dict[Key, Measure]:
    """All that can be compared of two profiles, by code and subject.

    Args:
        layout: Of both.
        live: Rows of a window.
        against: What they are compared with.
        policy: Says which distance.
        importance: Weights of features, any unit; those that are not positive count as nothing. Empty: all alike.
    """
    found: dict[Key, Measure] = {}
    n, m = live.effective, against.effective
    if live.rows == 0 or against.profile.rows == 0:
        return found

    def put(code: str, subject: str, size: float, p: float, now: float, then: float, customers: float) -> None:
        found[code, subject] = Measure(code, subject, size, p, now, then, against.name, customers)

    for name, cells in layout.features.items():
        rows, others = live.of(name), against.profile.of(name)
        if not rows or not others:
            continue
        worth, other_worth = min(n, rows), min(m, others)
        lost, lost_then = live.missing[name] / rows, against.profile.missing[name] / others
        put(MISSING, name, *_shares(lost, worth, lost_then, other_worth), lost, lost_then, worth)
        if cells.kind.value == "category":
            new, new_then = live.unseen[name] / rows, against.profile.unseen[name] / others
            put(UNSEEN, name, *_shares(new, worth, new_then, other_worth), new, new_then, worth)
        if cells.number < 2:
            continue
        counts, counts_then = live.cells[name], against.profile.cells[name]
        worth *= int(counts.sum()) / rows
        other_worth *= int(counts_then.sum()) / others
        size, p = _distribution(counts, worth, counts_then, other_worth, cells, policy.distance)
        put(FEATURE, name, size, p, _middle(live, cells), _middle(against.profile, cells), worth)
    if live.score.sum() and against.profile.score.sum():
        size, p = _distribution(live.score, n, against.profile.score, m, None, policy.distance)
        put(SCORE, "", size, p, math.nan, math.nan, n)
    if live.decided and against.profile.decided:
        now, then = live.acted / live.decided, against.profile.acted / against.profile.decided
        worth, other_worth = min(n, live.decided), min(m, against.profile.decided)
        put(DECISIONS, "", *_shares(now, worth, then, other_worth), now, then, worth)
    if live.known and against.profile.known:
        now, then = live.positives / live.known, against.profile.positives / against.profile.known
        worth, other_worth = min(n, live.known), min(m, against.profile.known)
        put(OUTCOMES, "", *_shares(now, worth, then, other_worth), now, then, worth)
    weights = weights_of(importance, [name for code, name in found if code == FEATURE])
    if weights:
        size = sum(weight * found[FEATURE, name].size for name, weight in weights.items())
        put(
            OVERALL,
            "",
            size,
            _cauchy([(found[FEATURE, name].p, w) for name, w in weights.items()]),
            math.nan,
            math.nan,
            n,
        )
    return found


def corrected(p: Mapping[Key, float]) -> dict[Key, float]:
    """p-values adjusted so that, of what is at most α, a share of α at most is chance (Benjamini & Yekutieli 2001).

    Holds whatever the dependence between them; if all of it is chance, anything is at most α with probability α at most.
    """
    order = sorted(p, key=lambda key: p[key])
    count = len(order)
    harmonic = sum(1 / i for i in range(1, count + 1))
    found: dict[Key, float] = {}
    least = 1.0
    for place in range(count, 0, -1):
        least = min(least, p[order[place - 1]] * count * harmonic / place)
        found[order[place - 1]] = least
    return found


def _distribution(
    live: Array, worth: float, reference: Array, other_worth: float, cells: Cells | None, distance: str
) -> tuple[float, float]:
    """Effect and p-value of two distributions over the same cells, with what chance adds to the effect taken off."""
    n, m = float(live.sum()), float(reference.sum())
    if n <= 0 or m <= 0 or worth <= 0 or other_worth <= 0:
        return 0.0, 1.0
    scaled, scaled_then = live * (worth / n), reference * (other_worth / m)
    ordered = cells is None or cells.ordered
    few, few_then = pooled(scaled, scaled_then, ordered=ordered)
    _, freedom, p = chi_square(few, few_then, least=0.0)
    chance = freedom * (1 / worth + 1 / other_worth)
    match distance:
        case "psi":
            size = float(psi(few, few_then)) - chance
        case "kullback_leibler":
            size = float(kullback_leibler(few, few_then)) - chance / 2
        case "jensen_shannon":
            # Near 0 the divergence is an eighth of PSI's.
            divergence = float(jensen_shannon(few, few_then)) ** 2 - chance / 8 / math.log(2)
            size = math.sqrt(max(divergence, 0.0))
        case "wasserstein" if cells is not None and cells.ordered:
            size = float(wasserstein(live, reference, cells.positions, cells.std))
        case _:
            # The score has no standard deviation here, and categories no order: their distance is Kolmogorov's.
            size = float(kolmogorov_smirnov(live, reference)) if ordered else _variation(live / n, reference / m)
    return max(size, 0.0), p


def _variation(p: Array, q: Array) -> float:
    """Total variation: for cells in no order what Kolmogorov's distance is for those in order."""
    return float(np.abs(p - q).sum() / 2)


def _shares(now: float, worth: float, then: float, other_worth: float) -> tuple[float, float]:
    """Cohen's h of two shares (1988), never negative, and the p-value that they are one share.

    Where rows are few the test is the conditional one of two Poisson rates, which errs on the side of silence (Przyborowski &
    Wilenski 1940); else that of two binomials.
    """
    from scipy.special import betainc, ndtr

    size = abs(2 * math.asin(math.sqrt(now)) - 2 * math.asin(math.sqrt(then)))
    if worth <= 0 or other_worth <= 0 or now == then:
        return size, 1.0
    pooled = (now * worth + then * other_worth) / (worth + other_worth)
    if pooled > 0.5:  # look at the rarer of both
        now, then, pooled = 1 - now, 1 - then, 1 - pooled
    if pooled * min(worth, other_worth) >= 10:
        z = abs(now - then) / math.sqrt(pooled * (1 - pooled) * (1 / worth + 1 / other_worth))
        return size, float(2 * ndtr(-z))
    mine, theirs, share = now * worth, then * other_worth, worth / (worth + other_worth)
    more = float(betainc(mine, theirs + 1, share)) if mine > 0 else 1.0
    fewer = float(betainc(theirs, mine + 1, 1 - share)) if theirs > 0 else 1.0
    return size, min(1.0, 2 * min(more, fewer))


def _middle(profile: Profile, cells: Cells) -> float:
    if not cells.ordered:
        return math.nan
    shift = profile.mean_shift(cells.name)
    return cells.mean + shift * cells.std if cells.kind.value == "number" else math.nan


def weights_of(importance: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Weights of *names*, adding up to 1; all alike where nothing is known of them."""
    given = {name: max(float(importance.get(name, 0.0)), 0.0) for name in names}
    total = sum(given.values())
    if total <= 0:
        return {name: 1 / len(names) for name in names}
    return {name: weight / total for name, weight in given.items() if weight > 0}


def _cauchy(weighted: Iterable[tuple[float, float]]) -> float:
    """p-values of several tests as one, weighted, whatever their dependence where it is small (Liu & Xie 2020)."""
    total = 0.0
    for p, weight in weighted:
        p = min(max(p, 1e-300), 1 - 1e-12)
        total += weight * (1 / (p * math.pi) if p < 1e-15 else math.tan((0.5 - p) * math.pi))
    return 1 / (total * math.pi) if total > 1e15 else 0.5 - math.atan(total) / math.pi

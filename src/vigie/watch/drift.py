"""Whether live rows are distributed as those that the model learned from: how far apart, how sure that is, and since when.

Rings what is large, evident and lasting.

Large: a distance or a difference of shares at or above its limit. What chance alone adds to a distance is taken off first.

Evident: the p-value of two finite samples in which customers count, not rows, corrected over everything that is looked at
beside it (Benjamini & Yekutieli 2001, which asks nothing of how columns depend on each other), is at most the share of
:attr:`DriftPolicy.false_alarms` that belongs to one look. Looks of a month add up to it by the union bound, which asks
nothing of how windows depend on each other: the same customers are in all of them.

Lasting: large and evident in :attr:`DriftPolicy.persist` of the last :attr:`DriftPolicy.of` windows, a day apart.

A window is looked at in two lengths. A week is compared with training; a day besides with the same weekday of the last weeks,
so that the day of the week is no drift. Either has to be apart from *each* of its references, and from the same season a
year ago where that is known: what was so a year ago, too, is the season.

Nothing is kept between two calls: profiles of days come in, signals come out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
from vigie.watch.profile import Basis, Cells, Layout, Profile
from vigie.watch.signal import Area, Signal
from vigie.watch.windows import WEEK, YEAR, ends, same_weekdays, start_of, together, window

FEATURE, MISSING, UNSEEN, SCORE, DECISIONS, OUTCOMES, OVERALL, JOINT = (f"VGW10{i}" for i in range(1, 9))
"""Codes: values of a feature, missing values, unseen categories, the score, the decision rate, the outcome rate, all features
weighted by importance, and rows as a whole (:mod:`vigie.watch.classifier`)."""

LOOKS = 2 * 30 + 5
"""Looks in a month: a week and a day each day, and the joint test each week."""
LOOK_BACK = 35
"""Days in which the beginning of a drift is looked for."""
WEEKS_BACK, WEEKS_LEAST = 4, 2
"""Weeks whose same weekday a day is compared with, and how many of them must have rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """From when on drift is told.

    Attributes:
        distance: Of :data:`vigie.watch.distances.DISTANCES`: what the effect on a feature and on the score is told in.
        feature: Least distance of a feature.
        features: Least distance of single features, by name; ``inf``: never.
        score: Least distance of the score.
        missing: Least difference of the shares of missing values, as Cohen's h.
        unseen: Likewise of rows with an unseen category.
        decisions: Likewise of customers acted on.
        outcomes: Likewise of outcomes.
        overall: Least mean distance of all features, weighted by importance.
        joint: Least area under the curve with which live and earlier rows are told apart.
        window: Days of the longer look.
        persist: Windows in which it must be seen.
        of: Out of so many, a day apart.
        false_alarms: Alarms a month that chance alone may raise, for a model with whatever number of features.
        least: Customers that a window must have at least to be judged.
    """

    distance: str = "psi"
    feature: float = 0.1
    features: Mapping[str, float] = field(default_factory=dict)
    score: float = 0.1
    missing: float = 0.2
    unseen: float = 0.2
    decisions: float = 0.2
    outcomes: float = 0.2
    overall: float = 0.1
    joint: float = 0.6
    window: int = WEEK
    persist: int = 2
    of: int = 3
    false_alarms: float = 0.1
    least: int = 50

    @property
    def alpha(self) -> float:
        """Probability that chance alone makes one look ring, at most."""
        return self.false_alarms / LOOKS

    def limit(self, code: str, subject: str) -> float:
        """The size from which a signal rings."""
        match code:
            case "VGW101":
                return self.features.get(subject, self.feature)
            case "VGW102":
                return math.inf if math.isinf(self.features.get(subject, 0.0)) else self.missing
            case "VGW103":
                return math.inf if math.isinf(self.features.get(subject, 0.0)) else self.unseen
            case "VGW104":
                return self.score
            case "VGW105":
                return self.decisions
            case "VGW106":
                return self.outcomes
            case "VGW107":
                return self.overall
        return self.joint


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


@dataclass(frozen=True, slots=True)
class Look:
    """A window and what it is compared with.

    Attributes:
        first: First day.
        last: The day after the last.
        live: Its rows.
        against: References; drift is being apart from each of them.
    """

    first: int
    last: int
    live: Profile
    against: tuple[Basis, ...]


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
    weights = _weights(importance, [name for code, name in found if code == FEATURE])
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


def looked(layout: Layout, look: Look, policy: DriftPolicy, importance: Mapping[str, float]) -> dict[Key, Measure]:
    """What one look shows: for each thing the reference that it is least apart from, its p-value corrected.

    Nothing where the window has fewer than :attr:`DriftPolicy.least` customers.
    """
    if look.live.effective < policy.least:
        return {}
    nearest: dict[Key, Measure] = {}
    worst: dict[Key, float] = {}
    for basis in look.against:
        for key, one in measures(layout, look.live, basis, policy, importance).items():
            if key not in nearest or one.size < nearest[key].size:
                nearest[key] = one
            worst[key] = max(worst.get(key, 0.0), one.p)
    sure = corrected(worst)
    return {
        key: Measure(one.code, one.subject, one.size, sure[key], one.live, one.reference, one.against, one.customers)
        for key, one in nearest.items()
    }


def looks_at(
    days: Mapping[int, Profile],
    reference: Basis,
    today: int,
    policy: DriftPolicy,
    season: Mapping[int, Profile] | None = None,
) -> tuple[list[Look], list[Look]]:
    """The last windows of a week and of a day, the newest first, with what each is compared with.

    Args:
        days: Live profiles by day, counted in the cells of *reference*.
        reference: Of training.
        today: The day that is not over.
        policy: How many windows.
        season: Profiles of days a year ago, under the same day less :data:`vigie.watch.windows.YEAR`, in the same cells.
    """
    weeks: list[Look] = []
    single: list[Look] = []
    for end in ends(days, today, policy.of):
        first = end - policy.window
        live = window(days, first, end)
        if live is not None:
            weeks.append(Look(first, end, live, (reference, *_season(season, first - YEAR, end - YEAR))))
        one = days.get(end - 1)
        recent = same_weekdays(days, end - 1, WEEKS_BACK, WEEKS_LEAST)
        if one is not None and one.rows and recent is not None:
            basis = Basis("recent", recent, recent.effective)
            against = (reference, basis, *_season(season, end - 1 - YEAR, end - YEAR))
            single.append(Look(end - 1, end, one, against))
    return weeks, single


def drift(
    layout: Layout,
    reference: Basis,
    days: Mapping[int, Profile],
    today: int,
    *,
    score: str,
    model: str,
    policy: DriftPolicy,
    importance: Mapping[str, float] | None = None,
    season: Mapping[int, Profile] | None = None,
    outcomes: Mapping[int, Profile] | None = None,
) -> list[Signal]:
    """What is to be said of drift at the beginning of *today*: a signal for everything that was looked at.

    Args:
        layout: Cells of the model's reference.
        reference: Training.
        days: Live profiles by day (:func:`vigie.watch.windows.day_of`), of the model's rows.
        today: The day that is not over; its rows are not looked at.
        score: Name of the score.
        model: Version of the model.
        policy: From when on it rings.
        importance: Weights of features; see :func:`measures`.
        season: See :func:`looks_at`.
        outcomes: Profiles of days whose outcomes are known by now, by the day of the prediction, with nothing else in them.
    """
    weights = importance or {}
    weeks, single = looks_at(days, reference, today, policy, season)
    matured, _ = looks_at(outcomes or {}, reference, today, policy)
    runs = [(weeks, days), (single, days), (matured, outcomes or {})]
    said: dict[Key, Signal] = {}
    for looks, of_days in runs:
        if not looks:
            continue
        seen = [looked(layout, look, policy, weights) for look in looks]
        for key in dict.fromkeys(key for one in seen for key in one):
            signal = _signal(key, looks, seen, of_days, layout, policy, score, model, weights)
            before = said.get(key)
            if before is None or (signal.rings, signal.size) > (before.rings, before.size):
                said[key] = signal
    return [said[key] for key in sorted(said)]


def began(days: Mapping[int, Profile], last: int, code: str, subject: str, back: int = LOOK_BACK) -> int:
    """The day on which counts began to differ from those before: the most likely single change (Hinkley 1970).

    Args:
        days: Profiles by day.
        last: The day after the last to look at.
        code: Of the signal.
        subject: Of the signal.
        back: Days to look at.

    Returns:
        The first day that there is, if no day differs evidently from those before.
    """
    there = [day for day in range(last - back, last) if (one := days.get(day)) is not None and one.rows]
    rows = [(day, counts) for day in there if (counts := _counts(days[day], code, subject)) is not None]
    rows = [one for one in rows if len(one[1]) == len(rows[-1][1])]
    if len(rows) < 2:
        return rows[0][0] if rows else last - 1
    from scipy.special import chdtrc

    counted = np.cumsum(np.array([counts for _, counts in rows], dtype=np.float64), axis=0)
    before, after = counted[:-1], counted[-1] - counted[:-1]
    worth = min(days[day].effective / days[day].rows for day, _ in rows)
    gain = (_information(before) + _information(after) - _information(counted[-1])) * worth
    freedom = max(int(np.count_nonzero(counted[-1])) - 1, 1)
    if float(chdtrc(freedom, 2 * gain.max())) * len(gain) > 0.001:
        return rows[0][0]
    return rows[int(gain.argmax()) + 1][0]


def _season(season: Mapping[int, Profile] | None, first: int, last: int) -> Iterable[Basis]:
    found = together((season or {}).get(day) for day in range(first, last))
    if found is not None:
        yield Basis("season", found, found.effective)


def _distribution(
    live: Array, worth: float, reference: Array, other_worth: float, cells: Cells | None, distance: str
) -> tuple[float, float]:
    """Effect and p-value of two distributions over the same cells, with what chance adds to the effect taken off."""
    n, m = float(live.sum()), float(reference.sum())
    if n <= 0 or m <= 0 or worth <= 0 or other_worth <= 0:
        return 0.0, 1.0
    scaled, scaled_then = live * (worth / n), reference * (other_worth / m)
    ordered = cells is None or cells.ordered
    _, freedom, p = chi_square(scaled, scaled_then, ordered=ordered)
    chance = freedom * (1 / worth + 1 / other_worth)
    few, few_then = pooled(scaled, scaled_then, ordered=ordered)
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


def _weights(importance: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
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


def _counts(profile: Profile, code: str, subject: str) -> Array | None:
    """What of a day is compared for a signal; ``None`` for nothing."""
    if code in (FEATURE, MISSING, UNSEEN) and subject not in profile.cells:
        return None
    match code:
        case "VGW101":
            return profile.cells[subject]
        case "VGW102":
            return np.array([profile.missing[subject], profile.of(subject) - profile.missing[subject]])
        case "VGW103":
            return np.array([profile.unseen[subject], profile.of(subject) - profile.unseen[subject]])
        case "VGW104":
            return profile.score
        case "VGW105":
            return np.array([profile.acted, profile.decided - profile.acted])
        case "VGW106":
            return np.array([profile.positives, profile.known - profile.positives])
    return np.concatenate(list(profile.cells.values())) if profile.cells else None


def _information(counts: Array) -> Array:
    """Σ c · ln(c / n): the log-likelihood of counts under their own shares."""
    total = counts.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.where(counts > 0, counts * np.log(counts), 0.0).sum(axis=-1)
        return np.asarray(inner - np.where(total > 0, total * np.log(total), 0.0))


def _signal(
    key: Key,
    looks: Sequence[Look],
    seen: Sequence[Mapping[Key, Measure]],
    days: Mapping[int, Profile],
    layout: Layout,
    policy: DriftPolicy,
    score: str,
    model: str,
    importance: Mapping[str, float],
) -> Signal:
    """The signal of one thing over the last windows of one length.

    Its size and evidence are those that it had at least in as many windows as it must be seen in.
    """
    code, subject = key
    found = [one[key] for one in seen if key in one]
    needed = min(policy.persist, len(found))
    limit = policy.limit(code, subject)
    size = sorted((one.size for one in found), reverse=True)[needed - 1]
    evidence = sorted(one.p for one in found)[needed - 1]
    lasting = sum(one.size >= limit and one.p <= policy.alpha for one in found)
    rings = lasting >= needed
    newest = looks[0]
    shown = next(one[key] for one in seen if key in one)
    since = began(days, newest.last, code, subject) if rings else newest.first
    length = newest.last - newest.first
    details: dict[str, object] = {
        "against": shown.against,
        "days": length,
        "rows": newest.live.rows,
        "customers": round(shown.customers),
        "windows": f"{lasting} of {len(found)}",
        "alpha": policy.alpha,
    }
    if not math.isnan(shown.live):
        details |= {"live": shown.live, "reference": shown.reference}
    if code in (FEATURE, MISSING, UNSEEN):
        details["importance"] = float(importance.get(subject, math.nan))
    if code == FEATURE and rings:
        details["moved"] = _moved(
            newest.live.cells[subject], _basis(newest, shown).profile.cells[subject], layout.features[subject]
        )
    if code == OVERALL:
        shares = _weights(importance, [name for one, name in seen[0] if one == FEATURE])
        parts = {name: seen[0][FEATURE, name].size * weight for name, weight in shares.items()}
        details["most"] = sorted(parts, key=lambda name: -parts[name])[:5]
    return Signal(
        score=score, model=model, area=Area.DRIFT, code=code, subject=subject, size=size, limit=limit, evidence=evidence,
        rings=rings, since=start_of(since), until=start_of(newest.last), words=_words(shown, size, limit, length, policy),
        details=details,
    )  # fmt: skip


def _basis(look: Look, shown: Measure) -> Basis:
    return next((one for one in look.against if one.name == shown.against), look.against[0])


def _moved(live: Array, reference: Array, cells: Cells) -> list[dict[str, object]]:
    """The three cells whose share changed most, with the shares."""
    p, q = live / max(live.sum(), 1), reference / max(reference.sum(), 1)
    return [
        {"cell": _cell(cells, place), "live": float(p[place]), "reference": float(q[place])}
        for place in np.argsort(-np.abs(p - q))[:3].tolist()
    ]


def _cell(cells: Cells, place: int) -> str:
    if not cells.ordered:
        return cells.categories[place] if place < len(cells.categories) else "others"
    low = f"{cells.edges[place - 1]:g}" if place else ""
    high = f"{cells.edges[place]:g}" if place < len(cells.edges) else ""
    return f"{low} … {high}" if low and high else (f"below {high}" if high else f"from {low}" if low else "all")


_AGAINST = {"training": "in training", "season": "a year ago", "recent": "on this weekday before"}
_THINGS = {
    MISSING: "values are missing",
    UNSEEN: "of the rows have a category that training had not",
    DECISIONS: "of the customers are acted on",
    OUTCOMES: "of the outcomes are positive",
}


def _words(shown: Measure, size: float, limit: float, length: int, policy: DriftPolicy) -> str:
    when = "on the last day" if length == 1 else f"in {length} days"
    then = _AGAINST[shown.against]
    if shown.code in _THINGS:
        start = f"{shown.subject}: " if shown.subject else ""
        return f"{start}{shown.live:.2%} {_THINGS[shown.code]} {when}, {shown.reference:.2%} {then}; h {size:.2f}, limit {limit:g}"
    name = "PSI" if policy.distance == "psi" else policy.distance.replace("_", " ")
    what = {FEATURE: shown.subject, SCORE: "the score", OVERALL: "all features, by importance,"}[shown.code]
    middle = "" if math.isnan(shown.live) else f" (mean {shown.live:.4g}, {shown.reference:.4g} {then})"
    return f"{what} lies {name} {size:.3f} from what it was {then} {when}, limit {limit:g}{middle}"

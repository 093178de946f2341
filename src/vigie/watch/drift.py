"""Whether live rows are distributed as those that the model learned from: how far apart, how sure that is, and since when.

Rings what is large, evident and lasting.

Large: a distance or a difference of shares at or above its limit. What chance alone adds to a distance is taken off first.

Evident: the p-value of two finite samples in which customers count, not rows, corrected over everything that is looked at
beside it (Benjamini & Yekutieli 2001, which asks nothing of how columns depend on each other), is at most the share of
:attr:`DriftPolicy.false_alarms` that belongs to one look. Looks of a month add up to it by the union bound, which asks
nothing of how windows depend on each other: the same customers are in all of them.

Lasting: large and evident in :attr:`DriftPolicy.persist` of the last :attr:`DriftPolicy.of` windows, a day apart. Where fewer
windows than that have rows, as of a base that is scored once a month, in all that have. But not on the first day of all, where the rows
are requests: who asks first is not everybody, and that day is all there is.

A window is looked at in two lengths. A week is compared with training; a day besides with the same weekday of the last weeks,
so that the day of the week is no drift. Either has to be apart from *each* of its references, and from the same season a
year ago where that is known: what was so a year ago, too, is the season.

Nothing is kept between two calls: profiles of days come in, signals come out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vigie.watch.drift_measures import Key, Measure, corrected, measures, weights_of
from vigie.watch.drift_policy import FEATURE, JOINT, LOOKS, MISSING, OVERALL, UNSEEN, DriftPolicy
from vigie.watch.drift_since import began
from vigie.watch.drift_words import moved, words_of
from vigie.watch.profile import Basis, Layout, Profile
from vigie.watch.signal import Area, Signal
from vigie.watch.windows import YEAR, ends, same_weekdays, start_of, together, window

WEEKS_BACK, WEEKS_LEAST = 4, 2
"""Weeks whose same weekday a day is compared with, and how many of them must have rows."""


Memo = dict[Any, dict[Key, Measure]]
"""What windows showed."""


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
    memo: Memo | None = None,
    alone: bool = True,
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
        memo: What earlier calls with the same layout, reference, policy and importance have found, written to: for who calls
            every day, since most windows were looked at the day before.
        alone: Whether the first day that ever had rows may ring by itself: of a base that is scored it may, of requests not.
    """
    weights = importance or {}
    weeks, single = looks_at(days, reference, today, policy, season)
    matured, _ = looks_at(outcomes or {}, reference, today, policy)
    runs = [(weeks, days), (single, days), (matured, outcomes or {})]
    said: dict[Key, Signal] = {}
    for looks, of_days in runs:
        if not looks:
            continue
        seen = [_remembered(layout, look, policy, weights, memo) for look in looks]
        first = sum(one.rows > 0 for day, one in of_days.items() if day < today) == 1
        quiet = first and not alone and policy.persist > 1
        for key in dict.fromkeys(key for one in seen for key in one):
            signal = _signal(key, looks, seen, of_days, layout, policy, score, model, weights, quiet=quiet)
            before = said.get(key)
            if before is None or (signal.rings, signal.size) > (before.rings, before.size):
                said[key] = signal
    return [said[key] for key in sorted(said)]


def _remembered(
    layout: Layout, look: Look, policy: DriftPolicy, importance: Mapping[str, float], memo: Memo | None
) -> dict[Key, Measure]:
    if memo is None:
        return looked(layout, look, policy, importance)
    # Rows that came late are more rows: what they were is not remembered.
    live = look.live
    rows = live.rows, live.decided, live.known, *((one.name, one.profile.rows) for one in look.against)
    key = (layout.key, look.first, look.last, rows)
    if key not in memo:
        memo[key] = looked(layout, look, policy, importance)
    return memo[key]


def joint_signal(
    told: Mapping[str, Any], score: str, model: str, first: int, last: int, begin: int, policy: DriftPolicy
) -> Signal:
    """The signal of a joint test (:func:`vigie.watch.classifier.two_sample`).

    Args:
        told: ``auc``, ``p``, ``live``, ``others`` and ``columns`` of what it found.
        score: Name of the score.
        model: Version of the model.
        first: First day of the live rows.
        last: The day after their last.
        begin: First day of the rows that they were compared with.
        policy: From when on it rings.
    """
    auc, p = float(told["auc"]), float(told["p"])
    most = ", ".join(name for name, _ in told["columns"][:3])
    words = (
        f"rows of {last - first} days are told from the model's first ones with an area under the curve of {auc:.3f}, limit "
        f"{policy.joint:g}" + (f"; most by {most}" if most else "")
    )
    return Signal(
        score=score, model=model, area=Area.DRIFT, code=JOINT, subject="", size=auc, limit=policy.joint, evidence=min(p * LOOKS, 1.0),
        rings=auc >= policy.joint and p <= policy.alpha, since=start_of(first), until=start_of(last), words=words,
        details={**told, "against": "the model's first two weeks", "since": start_of(begin), "alpha": policy.alpha},
    )  # fmt: skip


def _season(season: Mapping[int, Profile] | None, first: int, last: int) -> Iterable[Basis]:
    found = together((season or {}).get(day) for day in range(first, last))
    if found is not None:
        yield Basis("season", found, found.effective)


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
    *,
    quiet: bool,
) -> Signal:
    """The signal of one thing over the last windows of one length.

    Its size and evidence are those that it had at least in as many windows as it must be seen in; the evidence is that of all
    looks of a month. Where *quiet* nothing rings yet.
    """
    code, subject = key
    found = [one[key] for one in seen if key in one]
    needed = min(policy.persist, len(found))
    limit = policy.limit(code, subject)
    size = sorted((one.size for one in found), reverse=True)[needed - 1]
    evidence = min(sorted(one.p for one in found)[needed - 1] * LOOKS, 1.0)
    lasting = sum(one.size >= limit and one.p <= policy.alpha for one in found)
    rings = lasting >= needed and not quiet
    newest = looks[0]
    # Not every window has every feature: where the newest has it not, what is told is of the one before.
    at = next(n for n, one in enumerate(seen) if key in one)
    shown, seen_in = seen[at][key], looks[at]
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
        details["moved"] = moved(
            seen_in.live.cells[subject], _basis(seen_in, shown).profile.cells[subject], layout.features[subject]
        )
    if code == OVERALL:
        shares = weights_of(importance, [name for one, name in seen[0] if one == FEATURE])
        parts = {name: seen[0][FEATURE, name].size * weight for name, weight in shares.items()}
        details["most"] = sorted(parts, key=lambda name: -parts[name])[:5]
    return Signal(
        score=score, model=model, area=Area.DRIFT, code=code, subject=subject, size=size, limit=limit, evidence=evidence,
        rings=rings, since=start_of(since), until=start_of(newest.last), words=words_of(shown, size, limit, length, policy),
        details=details,
    )  # fmt: skip


def _basis(look: Look, shown: Measure) -> Basis:
    return next((one for one in look.against if one.name == shown.against), look.against[0])

"""What rings while a policy is lived through, and which of it was about a change that is known.

A *stretch* is a run of days on which one thing rings: a feature, the score, the AUC, each by the code and the subject of its
signals. An *alarm* is a run of days on which anything of an area rings: what somebody would have been told of once, as one
incident. So a thing that always rings does not hide another: whether a change was found is asked of stretches.

What a signal says of it has taken from a span of time, its evidence. It can only be about a change where more than half of
that lies behind the change, and only while the model in use has learned less than half of what it knows from behind it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vigie.clock import DAY
from vigie.lifecycle.rehearse_ground import Ground
from vigie.lifecycle.rehearse_models import Model, Models
from vigie.lifecycle.rehearse_records import Alarm, Chance, Stretch
from vigie.training.compare import holm
from vigie.watch.cohorts import group_of
from vigie.watch.concept import TOLERANCE
from vigie.watch.drift_policy import OUTCOMES
from vigie.watch.realised import GROUPS, Realised, Tally, figures_of, tally
from vigie.watch.realised_signals import NOT_COVERED
from vigie.watch.signal import Area, Signal
from vigie.watch.value import fallen, tail
from vigie.watch.windows import start_of

WATCHED = (Area.DRIFT, Area.ESTIMATE, Area.PERFORMANCE)
LATE = 90
"""Days within which a change is found or not, beside those that outcomes take to be known: see :func:`allowed`."""
CONFIRMED = 0.05
"""Probability with which a model that is sound is confirmed to be worse, over all that is asked of it."""

Key = tuple[str, str]
"""Code and subject."""


def span_of(signal: Signal, ground: Ground, days: Collection[int], first: int) -> tuple[int, int]:
    """The time that a signal's live evidence is of: begin and end, µs.

    Of drift the moments of its window that were profiled; of an estimate the cohort that it is of; of what is known of outcomes
    the time in which they came, ``(t, t + horizon]`` of each moment *t*.

    Args:
        signal: Of a rehearsal.
        ground: Rows.
        days: Those that have been profiled, of the same kind.
        first: First cohort of the model whose outcomes are known, µs.
    """
    if signal.area is Area.DRIFT:
        last = signal.until // DAY
        length = int(signal.details.get("days", 1))
        there = [day for day in days if last - length <= day < last] or [last - 1]
        # The rows of a day are those of its first moment; where each has an event of its own, of all of it.
        begin, end = start_of(min(there)), ground.over(start_of(max(there)))
        return begin, end + (ground.horizon if signal.code == OUTCOMES else 0)
    if signal.code == NOT_COVERED:
        return first, signal.until - DAY + ground.horizon
    if signal.area is Area.ESTIMATE:
        return signal.since, ground.over(signal.since)
    return signal.since, signal.until - DAY + ground.horizon


@dataclass
class Ringing:
    """What rings, day by day.

    Attributes:
        alarms: That are over.
        open: By area, those that go on.
    """

    alarms: list[Alarm] = field(default_factory=list)
    open: dict[str, Alarm] = field(default_factory=dict)
    _things: dict[str, list[Stretch]] = field(default_factory=dict)
    _ringing: dict[Key, Stretch] = field(default_factory=dict)
    _left: dict[Key, int] = field(default_factory=dict)

    def look(
        self, now: int, model: int, signals: Sequence[Signal], spans: Mapping[Key, tuple[int, int]]
    ) -> tuple[list[Alarm], list[Alarm]]:
        """What began and what ended at a look: alarms.

        Args:
            now: Of the look, µs.
            model: In use, by the moment of its training, µs.
            signals: All that was looked at.
            spans: Evidence of those that ring (:func:`span_of`).
        """
        rings = {(one.code, one.subject): one for one in signals if one.rings and one.area in WATCHED}
        quiet = {(one.code, one.subject) for one in signals} - set(rings)
        for key in quiet & set(self._left):
            del self._left[key]  # it was looked at under the next model, and is silent
        for key in set(self._ringing) - set(rings):
            self._over(key, now)
        for key, one in sorted(rings.items()):
            self._rings(key, now, model, one, spans[key])
        began, ended = [], []
        for area in WATCHED:
            ring = [one for one in rings.values() if one.area is area]
            if ring and area.value not in self.open:
                loudest = max(ring, key=lambda one: one.size / one.limit if one.limit > 0 else one.size)
                self.open[area.value] = Alarm(
                    now, None, area.value, tuple(sorted({one.code for one in ring})), model, min(one.since for one in ring),
                    loudest.words, evidence=min(spans[one.code, one.subject][0] for one in ring),
                )  # fmt: skip
                began.append(self.open[area.value])
            elif not ring and area.value in self.open:
                ended.append(self._ended(area.value, now))
        return began, ended

    def release(self, now: int) -> list[Alarm]:
        """Another model answers from *now* on: alarms about the one before are over; these."""
        for key, one in list(self._ringing.items()):
            self._left[key] = one.began
            self._over(key, now)
        return [self._ended(area, now) for area in list(self.open)]

    def all(self) -> tuple[Alarm, ...]:
        """All alarms, in order."""
        for one in self._ringing.values():
            self._things.setdefault(one.area, []).append(one)
        self._ringing = {}
        still = [self._with(one) for one in self.open.values()]
        return tuple(sorted([*self.alarms, *still], key=lambda one: (one.at, one.area)))

    def _rings(self, key: Key, now: int, model: int, signal: Signal, span: tuple[int, int]) -> None:
        one = self._ringing.get(key)
        if one is None:
            began = self._left.pop(key, now)
            self._ringing[key] = Stretch(now, None, *key, signal.area.value, model, began, ((now, *span),))
        elif one.looks[-1][1:] != span:
            self._ringing[key] = replace(one, looks=(*one.looks, (now, *span)))

    def _over(self, key: Key, now: int) -> None:
        one = replace(self._ringing.pop(key), until=now)
        self._things.setdefault(one.area, []).append(one)

    def _ended(self, area: str, now: int) -> Alarm:
        found = self._with(replace(self.open.pop(area), until=now))
        self.alarms.append(found)
        return found

    def _with(self, alarm: Alarm) -> Alarm:
        return replace(alarm, things=tuple(sorted(self._things.pop(alarm.area, ()), key=lambda one: (one.at, one.code, one.subject))))  # fmt: skip


# -- whether it was about a change -----------------------------------------------------------------------------------------


def allowed(ground: Ground) -> int:
    """Time after a change within which it is found or not, µs: as long as its outcomes take to be known, and :data:`LATE`."""
    apart = np.diff(ground.cohorts)
    return LATE * DAY + ground.horizon + (int(np.median(apart)) if len(apart) else 0)


def known_to(model: Model, change: int, code: str) -> float:
    """Share of what a model knows that is from behind a change.

    Of drift of inputs and scores this is the share of the rows that it learned from; of everything else it is the share
    of the time that their outcomes ran for.
    """
    moments, rows = model.learned
    horizon = model.ground.horizon if code == OUTCOMES or code.startswith("VGW2") else 0
    if horizon:
        behind = np.clip((moments + horizon - change) / horizon, 0.0, 1.0)
    else:
        behind = (moments > change).astype(np.float64)
    return float(np.average(behind, weights=rows)) if len(moments) else 0.0


def ruled(stretch: Stretch, change: int, models: Models, within: int) -> tuple[str, float]:
    """What a stretch has to do with a change, and the days after it on which that could be told (NaN where it never could).

    ``"already"``: it rang already on the last look before it. ``"true"``: it began after it, and on some look within
    the time allowed more than half of its evidence lay behind the change, which the model in use had not learned of.
    ``"early"``: it ended before that. ``""``: nothing.
    """
    if stretch.began <= change:
        going = stretch.until is None or stretch.until > change
        return ("already" if going else ""), math.nan
    if stretch.at > change + within or known_to(models.at(stretch.model), change, stretch.code) >= 0.5:
        return "", math.nan
    for at, begin, end in stretch.looks:
        if (begin + end) / 2 > change:
            return ("true", (at - change) / DAY) if at <= change + within else ("", math.nan)
    return "early", math.nan


def found_after(stretches: Sequence[Stretch], change: int, models: Models, within: int) -> float:
    """Days from a change to the first look that told of it; NaN where none did."""
    days = [ruled(one, change, models, within)[1] for one in stretches]
    return min((one for one in days if not math.isnan(one)), default=math.nan)


def by_chance(
    stretches: Sequence[Stretch], days: float, changes: Sequence[int], ground: Ground, models: Models
) -> Chance:
    """How often a day on which nothing is known to have changed would have been "found" within as many days.

    Args:
        stretches: Of the policy.
        days: From a change to its detection; NaN: it was not found.
        changes: All that are known, µs.
        ground: Rows.
        models: Of the rehearsal.
    """
    if math.isnan(days):
        return Chance(math.nan, 0)
    soon, far = round(days * DAY), ground.horizon + LATE * DAY
    drawn = [
        one
        for one in range(ground.begin, ground.end - soon + 1, ground.step)
        if all(abs(one - change) >= far for change in changes)
    ]
    found = sum(not math.isnan(found_after([s for s in stretches if s.at <= one + soon], one, models, soon)) for one in drawn)  # fmt: skip
    return Chance(found / len(drawn) if drawn else math.nan, len(drawn))


def verdict_of(alarm: Alarm, changes: Sequence[int], models: Models, within: int) -> str:
    """What an alarm was, where changes are known.

    ``"true"`` where it began after a change and one thing of it was about that; else ``"confirmed"`` where outcomes show that
    the model was worse; else ``"already"`` where it rang when a change came, whatever joined it then, since nobody is told
    anew; else ``"early"`` as :func:`ruled` says of one thing of it; else ``"false"``.
    """
    said = {
        "already" if alarm.at <= change and of == "true" else of
        for change in changes
        for of in (ruled(one, change, models, within)[0] for one in alarm.things)
    }
    if "true" in said:
        return "true"
    if alarm.confirmed:
        return "confirmed"
    return next((one for one in ("already", "early") if one in said), "false")


# -- whether outcomes confirm it -------------------------------------------------------------------------------------------


def confirmed(alarm: Alarm, ground: Ground, models: Models) -> bool | None:
    """Whether the model of an alarm was in fact worse, by all outcomes that are known today.

    Looked at are the cohorts from the beginning of what rang first in it was taken from, to one horizon after the alarm, as
    the alarmed model decides about them, also where another one answered by then. See :func:`worse`.
    """
    model, labels = models.at(alarm.model), ground.labels(ground.today)
    whole: Tally | None = None
    for cohort in ground.cohorts.tolist():
        if not alarm.evidence <= cohort <= alarm.at + ground.horizon:
            continue
        found = model.scored(cohort)
        keys = ground.rows.customers[found.rows].tolist()
        one = tally(labels[found.rows], found.p, found.act, found.payoffs, group_of(keys), count=GROUPS)
        whole = one if whole is None else whole + one
    if whole is None or not whole.total("rows"):
        return None
    return worse(figures_of(whole), model.test)


def worse(told: Realised, test: Mapping[str, float]) -> bool:
    """Whether a model was worse than its test said, beyond chance: :data:`CONFIRMED` for all that is asked, by Holm (1979).

    Asked is whether it brought less than its scores promised; whether it ranked worse than in its test, which is as
    uncertain as its rows let it be (:func:`vigie.watch.value.fallen`); and whether the log-odds of outcomes were above or
    below those of scores by more than is borne (:data:`vigie.watch.concept.TOLERANCE`).

    Args:
        told: What came.
        test: Figures of its test, ``n`` and ``auc`` among them.
    """
    short, shift = told["value_short"], told["offset"]
    chances = [
        tail(short.value / short.error) if short.error > 0 else math.nan,
        fallen(float(test.get("auc", math.nan)), told, "auc", float(test.get("n", 0.0)))[1],
        tail((shift.value - TOLERANCE) / shift.error) if shift.error > 0 else math.nan,
        tail((-shift.value - TOLERANCE) / shift.error) if shift.error > 0 else math.nan,
    ]
    return any(one <= CONFIRMED for one in holm([one for one in chances if not math.isnan(one)]))

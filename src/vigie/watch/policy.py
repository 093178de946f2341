"""When a model is trained anew: criteria in words, read strictly, and judged against what is known.

    [retrain]
    when = ["auc < 0.75", "psi(orders_count_30d) > 0.2 and rows > 500", "outcome_rate changed > 5%", "age > 30d"]
    unless = ["incident(data)"]
    at_most = "7d"

One criterion that is met is enough; parts joined by ``and`` must all be met. A guard (``unless``) that is met holds
everything back. A figure that is not known meets nothing, and the plan says that it is not known. Where a figure has an
interval, the whole interval must lie beyond the limit: what chance may have done is no reason.

Nothing here reads or writes: a rehearsal fills a :class:`Situation` as well as a project does.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vigie.definition.window import Window
from vigie.errors import DefinitionError, SettingsError, did_you_mean
from vigie.watch.criteria import DISTANCES, WHERE, Criterion, Part, column_of, criterion

NAN = float("nan")
_HOUR = 3_600_000_000

Met = Literal["met", "not met", "unknown"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that is known.

    Attributes:
        value: The figure; NaN where it is not known.
        low: Lower end of its interval; NaN where it has none.
        high: Upper end.
        reference: The same when the champion was tested; NaN where that is not known.
    """

    value: float
    low: float = NAN
    high: float = NAN
    reference: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a score at a moment.

    Attributes:
        now: µs UTC.
        champion: Version that answers; empty where there is none yet.
        figures: By name as criteria write it: ``"auc"``, ``"psi(orders_count_30d)"``, ``"estimated(auc)"``, ``"rows"``
            (its reference: the rows that the champion learned from), ``"age"`` (µs).
        incidents: Areas of the incidents that are open; ``None`` where nobody has looked.
        signals: Codes of the signals that ring; ``None`` likewise.
        rollout: Whether a rollout of the score is under way.
        last: When the last training by this policy began, µs UTC; ``None``: never.
        features: Of the champion, by name: those whose distance can be known; ``None``: nobody has looked.
    """

    now: int
    champion: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    incidents: frozenset[str] | None = None
    signals: frozenset[str] | None = None
    rollout: bool = False
    last: int | None = None
    features: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """When a score is trained anew.

    Attributes:
        when: One that is met is enough; none: only by hand.
        unless: One that is met holds everything back.
        at_most: Least time between two trainings, µs.
        sure: Whether a figure's whole interval must lie beyond the limit.
    """

    when: tuple[Criterion, ...] = ()
    unless: tuple[Criterion, ...] = ()
    at_most: int = 24 * _HOUR
    sure: bool = True

    @property
    def features(self) -> frozenset[str]:
        """Features whose distance a criterion asks for, by name."""
        columns = (column_of(part.figure)[1] for one in (*self.when, *self.unless) for part in one.parts)
        return frozenset(columns) - {"", "score", "*"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion beside what is known.

    Attributes:
        text: The criterion.
        met: ``"met"``, ``"not met"`` or ``"unknown"``.
        words: Each part with its figure, in words.
        figures: Value of each part's figure as it is compared; NaN where it is not known, or where a fact is asked for.
    """

    text: str
    met: Met
    words: str
    figures: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrainPlan:
    """Whether a score is trained anew, and why or why not.

    Attributes:
        due: Whether it is to be trained now.
        wanted: Whether a criterion is met, or a person wants it: not due all the same where something holds it back.
        when: Every criterion.
        unless: Every guard.
        held: What holds it back, in words; empty where nothing does.
        why: Why it is wanted, in words; empty where it is not.
        forced: Whether a person wants it whatever the criteria say.
        now: µs UTC.
        champion: Version that answers.
    """

    due: bool
    wanted: bool
    when: tuple[Judged, ...]
    unless: tuple[Judged, ...]
    held: tuple[str, ...]
    why: tuple[str, ...]
    forced: bool
    now: int
    champion: str

    @property
    def key(self) -> str:
        """Names the plan: the same champion at the same moment for the same reasons is the same plan. 16 hex digits."""
        told = [self.champion, self.now, self.forced, [one.text for one in self.when if one.met == "met"]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """One sentence."""
        if self.due:
            return "train: " + "; ".join(self.why)
        if self.wanted:
            return "not now: " + "; ".join(self.held)
        if not self.when:
            return "no criterion is declared"
        unknown = sum(one.met == "unknown" for one in self.when)
        return "nothing asks for it" + (f"; {unknown} of {len(self.when)} criteria cannot be judged" if unknown else "")


# -- reading ---------------------------------------------------------------------------------------------------------


def policy_of(said: Mapping[str, Any]) -> Policy:
    """The policy that ``[retrain]`` declares.

    Args:
        said: Its keys; those that are not of the policy are passed over.

    Raises:
        SettingsError: A criterion cannot be read, or a value cannot be meant.
    """
    sure = said.get("sure", True)
    if not isinstance(sure, bool):
        raise SettingsError(f"sure = {sure!r} is not true or false", where=WHERE)
    return Policy(
        when=tuple(criterion(text, "when") for text in _texts(said, "when", ())),
        unless=tuple(criterion(text, "unless") for text in _texts(said, "unless", ("incident(data)",))),
        at_most=_length(said.get("at_most", "1d"), "at_most"),
        sure=sure,
    )


def require_distance(policy: Policy, distance: str) -> None:
    """Refuse criteria about a distance that nobody works out: they could never be met.

    Args:
        policy: As it was declared.
        distance: Of :data:`vigie.watch.distances.DISTANCES`: what drift is told in.

    Raises:
        SettingsError: A criterion asks for another.
    """
    for one in (*policy.when, *policy.unless):
        for part in one.parts:
            asked, column = column_of(part.figure)
            if asked and asked != DISTANCES[distance]:
                long = next(name for name, short in DISTANCES.items() if short == asked)
                raise SettingsError(
                    f"{part.figure} is never known: drift is told in {distance}",
                    where=f"{WHERE} {one.text!r}",
                    remedy=f"write {DISTANCES[distance]}({column}), or [watch.drift] distance = '{long}'",
                )


def _texts(said: Mapping[str, Any], key: str, default: Sequence[str]) -> Sequence[str]:
    given = said.get(key, default)
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise SettingsError(
            f"{key} = {given!r} is not a list of criteria", where=WHERE, remedy=f'write {key} = ["auc < 0.75"]'
        )
    return given


def _length(text: object, key: str) -> int:
    try:
        return Window.parse(str(text)).microseconds
    except DefinitionError as error:
        raise SettingsError(
            f"{key} = {text!r} is not a length of time", where=WHERE, remedy="write 7d or 12h"
        ) from error


# -- judging ---------------------------------------------------------------------------------------------------------


def plan(policy: Policy, situation: Situation, *, forced: bool = False) -> RetrainPlan:
    """Whether to train anew, with every criterion's figure, limit and verdict.

    Args:
        policy: What was declared.
        situation: What is known.
        forced: Whether a person wants it: no criterion has to be met and no time to have passed. What guards against
            learning from bad data still holds, and a rollout is not overtaken.
    """
    when = tuple(judged(one, situation, sure=policy.sure) for one in policy.when)
    # A guard holds back on the figure as it is: doubt is no reason to go on.
    unless = tuple(judged(one, situation, sure=False) for one in policy.unless)
    why = [one.words for one in when if one.met == "met"]
    if policy.when and not situation.champion:
        why.insert(0, "no model is in use yet")
    if forced:
        why.insert(0, "a person asks for it")
    held = [f"{one.text} holds it back: {one.words}" for one in unless if one.met == "met"]
    if situation.rollout:
        held.append("a rollout is under way")
    if situation.last is not None and not forced and situation.now - situation.last < policy.at_most:
        ago = spoken(situation.now - situation.last)
        held.append(f"the last training began {ago} ago, and at most one is made in {spoken(policy.at_most)}")
    return RetrainPlan(
        due=bool(why) and not held,
        wanted=bool(why),
        when=when,
        unless=unless,
        held=tuple(held),
        why=tuple(why),
        forced=forced,
        now=situation.now,
        champion=situation.champion,
    )


def judged(criterion: Criterion, situation: Situation, *, sure: bool = True) -> Judged:
    """One criterion beside what is known.

    Args:
        criterion: What is asked.
        situation: What is known.
        sure: Whether the whole interval of a figure, where it has one, must lie beyond the limit.
    """
    found = [_judged(part, situation, sure) for part in criterion.parts]
    states = [state for state, _, _ in found]
    met: Met = "not met" if "not met" in states else "unknown" if "unknown" in states else "met"
    return Judged(criterion.text, met, ", ".join(words for _, words, _ in found), tuple(value for *_, value in found))


def _judged(part: Part, situation: Situation, sure: bool) -> tuple[Met, str, float]:
    if not part.sign:
        return _fact(part, situation)
    known = _known(part.figure, situation)
    value, low, high = known.value, known.low, known.high
    limit = part.limit
    if part.relative and not part.change:
        limit *= known.reference
    if part.change:
        value, low, high = _changed(known, part)
    if math.isnan(value) or math.isnan(limit):
        what = (
            f"no reference of {part.figure} is known"
            if math.isnan(known.reference) and not math.isnan(known.value)
            else ""
        )
        return "unknown", what or _never(part, situation) or f"{part.figure} is not known", NAN
    beyond = value < limit if part.sign == "<" else value > limit
    certain = not (math.isnan(low) or math.isnan(high))
    within = certain and sure and not (high < limit if part.sign == "<" else low > limit)
    shown = _shown(part, value)
    if certain:
        shown += f" ({_shown(part, low)} to {_shown(part, high)})"
    name = f"{part.figure} {part.change}".strip()
    if beyond and within:
        return "not met", f"{name} is {shown}, beyond {_shown(part, limit)} no more than chance may do", value
    side = {("<", True): "below", (">", True): "above", ("<", False): "not below", (">", False): "not above"}
    return (
        ("met" if beyond else "not met"),
        f"{name} is {shown}, {side[part.sign, beyond]} {_shown(part, limit)}",
        value,
    )


def _never(part: Part, situation: Situation) -> str:
    """Why a figure will not be known later either; empty where it may be."""
    column = column_of(part.figure)[1]
    if situation.features is None or column in ("", "score", "*") or column in situation.features:
        return ""
    hint = did_you_mean(column, situation.features)
    return f"the champion has no feature '{column}', so that {part.figure} is never known; {hint}"


def _fact(part: Part, situation: Situation) -> tuple[Met, str, float]:
    if part.figure == "rollout":
        return (
            ("met", "a rollout is under way", NAN) if situation.rollout else ("not met", "no rollout is under way", NAN)
        )
    known = situation.incidents if part.figure == "incident" else situation.signals
    if known is None:
        return "unknown", f"nobody has looked for {part.figure}s", NAN
    there = bool(known) if part.argument == "any" else part.argument in known
    if part.figure == "incident":
        about = "" if part.argument == "any" else f" about {part.argument}"
        return ("met", f"an incident{about} is open", NAN) if there else ("not met", f"no incident{about} is open", NAN)
    return ("met", f"{part.argument} rings", NAN) if there else ("not met", f"{part.argument} does not ring", NAN)


def _known(name: str, situation: Situation) -> Figure:
    """The figure; of ``psi(*)`` the largest of any feature."""
    if name.endswith("(*)"):
        begin = name[:-2]
        of = {key: one for key, one in situation.figures.items() if key.startswith(begin) and key != f"{begin}score)"}
        known = [one for one in of.values() if not math.isnan(one.value)]
        return max(known, key=lambda one: one.value, default=Figure(NAN))
    return situation.figures.get(name, Figure(NAN))


def _changed(known: Figure, part: Part) -> tuple[float, float, float]:
    """How much it changed, rose or fell, with its interval: of its reference, or in its own unit."""
    unit = abs(known.reference) if part.relative else 1.0
    if math.isnan(known.reference) or unit == 0:
        return NAN, NAN, NAN
    ends = [(one - known.reference) / unit for one in (known.value, known.low, known.high)]
    if part.change == "rose":
        return ends[0], ends[1], ends[2]
    if part.change == "fell":
        return -ends[0], -ends[2], -ends[1]
    low, high = ends[1], ends[2]
    if math.isnan(low) or math.isnan(high):
        return abs(ends[0]), NAN, NAN
    # The interval of a distance from 0: from 0 itself where 0 is inside.
    return abs(ends[0]), 0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high))


def _shown(part: Part, number: float) -> str:
    if part.figure == "age":
        return spoken(int(number))
    if part.change and part.relative:
        return f"{number:.1%}"
    if part.figure == "rows":
        return f"{number:,.0f}"
    return f"{number:.4g}"


def spoken(length: int) -> str:
    """A length of time in µs, roughly: ``12 days``, ``5 hours``, ``40 minutes``.

    >>> spoken(86_400_000_000), spoken(5_400_000_000)
    ('1 day', '2 hours')
    """
    for unit, size in (("day", 24 * _HOUR), ("hour", _HOUR), ("minute", _HOUR // 60)):
        if length >= size:
            count = round(length / size)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "under a minute"

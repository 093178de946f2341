"""Who may have done it: what rings is put together by cause, and what may have caused it is ranked."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vigie.clock import DAY, iso
from vigie.watch.signal import Area, Signal

SLACK = 2 * DAY
"""µs by which an effect may seem older than its cause: windows of a day have their beginning before it."""
BEFORE = 3 * DAY
"""µs before the beginning in which a release is suspect."""
BLIND = "VGW490"
"""A watcher could not look."""
_UPSTREAM = {area: place for place, area in enumerate(Area)}
_WHOLE = frozenset({Area.INFERENCE, Area.DRIFT, Area.ESTIMATE, Area.PERFORMANCE})
_LATE, _VOLUME, _QUARANTINE = "VGW404", "VGW401", "VGW402"
_SLOW_READS, _SLOW, _DIED = "VGW411", "VGW302", "VGW301"
_ORDER = {_LATE: 0, _VOLUME: 1, _QUARANTINE: 2, _DIED: 0}


@dataclass(frozen=True, slots=True)
class Group:
    """Signals that ring for one cause.

    Attributes:
        cause: The one that the others follow from.
        signals: All of them, the cause first.
    """

    cause: Signal
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Something that was released.

    Attributes:
        at: When, µs UTC.
        words: What, e.g. ``"version 4 was promoted"``.
    """

    at: int
    words: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """What may be the cause.

    Attributes:
        kind: ``"data"``, ``"deployment"``, ``"service"`` or ``"feature"``.
        what: The source, release, route or feature.
        weight: Greater is more likely; data faults and releases stand above features whatever their weight.
        why: One sentence.
    """

    kind: str
    what: str
    weight: float
    why: str


def grouped(ringing: Sequence[Signal], reads: Mapping[str, Collection[str]]) -> list[Group]:
    """What rings, by cause: one group for each thing that somebody has to repair.

    A fault of a source explains what it does to features that read it, to scores and to performance; one of the feature
    store or the API likewise. What is explained does not ring by itself. What is left and of one area belongs together,
    apart from sources and steps: each of them may have a fault of its own.

    Args:
        ringing: Of one score.
        reads: The sources that each feature is computed from, by the feature's name. Other subjects are those of the whole
            model.
    """
    ordered = sorted(ringing, key=lambda s: (_UPSTREAM[s.area], _ORDER.get(s.code, 9), s.since, s.key))
    home: dict[tuple[str, str, str], str] = {}
    groups: dict[str, list[Signal]] = {}
    for signal in ordered:
        place = next((home[cause.key] for cause in ordered if _explains(cause, signal, reads)), None)
        if place is None:
            place = _kind(signal)
        home[signal.key] = place
        groups.setdefault(place, []).append(signal)
    return [Group(_root(signals), _root_first(signals)) for signals in groups.values()]


def suspects(
    group: Group, deployments: Sequence[Deployment], importance: Mapping[str, float], most: int = 8
) -> list[Suspect]:
    """What may have caused a group, the most likely first.

    A fault of data or service stands first, then what was released shortly before, then drifted features: by how far each
    lies above its limit, how important it is for the model, and how early it began.

    Args:
        group: What rings.
        deployments: What was released, any time.
        importance: Of features, by name, 0 or more; a feature that is not named has a tenth of the greatest.
        most: How many are named.
    """
    began = min(signal.since for signal in group.signals)
    found: list[tuple[int, Suspect]] = []
    for signal in group.signals:
        if signal.area is Area.DATA:
            found.append((0, Suspect("data", signal.subject, _excess(signal), signal.words)))
        elif signal.area in (Area.STEPS, Area.FEATURES, Area.API, Area.INFERENCE) and signal.code != BLIND:
            found.append((1, Suspect("service", signal.subject, _excess(signal), signal.words)))
    for one in deployments:
        if began - BEFORE <= one.at <= began + SLACK:
            near = 1 - abs(one.at - began) / (BEFORE + SLACK)
            found.append((1, Suspect("deployment", one.words, 10 * near, f"{one.words} at {iso(one.at)[:16]}")))
    least = max(importance.values(), default=1.0) / 10 or 1.0
    for signal in group.signals:
        if signal.area is Area.DRIFT and signal.subject in importance:
            timing = 0.5 ** ((signal.since - began) / (3 * DAY))
            weight = _excess(signal) * max(importance[signal.subject], least / 10) * timing
            found.append((2, Suspect("feature", signal.subject, weight, signal.words)))
        elif signal.area is Area.DRIFT and not _of_model(signal):
            timing = 0.5 ** ((signal.since - began) / (3 * DAY))
            found.append((2, Suspect("feature", signal.subject, _excess(signal) * least * timing, signal.words)))
    ranked = sorted(found, key=lambda one: (one[0], -one[1].weight, one[1].what))
    return [suspect for _, suspect in ranked][:most]


def _explains(cause: Signal, effect: Signal, reads: Mapping[str, Collection[str]]) -> bool:
    if cause.key == effect.key or BLIND in (cause.code, effect.code):
        return False
    if cause.since > effect.since + SLACK:
        return False
    match cause.area:
        case Area.STEPS:
            return cause.subject == "ingest" and effect.code == _LATE
        case Area.DATA:
            return _explained_by_source(_source(cause), effect, reads)
        case Area.FEATURES:
            if cause.code == _SLOW_READS:
                return effect.code == _SLOW
            return effect.area in _WHOLE
        case Area.API:
            return effect.area is Area.INFERENCE
        case Area.INFERENCE:
            return effect.area in (Area.ESTIMATE, Area.PERFORMANCE) or (effect.area is Area.DRIFT and _of_model(effect))
        case Area.DRIFT:
            return effect.area in (Area.ESTIMATE, Area.PERFORMANCE)
    return False


def _explained_by_source(source: str, effect: Signal, reads: Mapping[str, Collection[str]]) -> bool:
    if effect.area is Area.FEATURES:
        return effect.code != _SLOW_READS and effect.details.get("source", source) == source
    if effect.area is Area.DRIFT and effect.subject in reads:
        return source in reads[effect.subject]
    return effect.area in _WHOLE


def _of_model(signal: Signal) -> bool:
    """Whether a drift is of what the model says, not of what it is given."""
    return signal.subject in ("", signal.score)


def _kind(signal: Signal) -> str:
    """What belongs together although nothing explains it."""
    if signal.code == BLIND:
        return BLIND
    if signal.area is Area.DATA:
        return f"data {_source(signal)}"
    if signal.area is Area.STEPS:
        return f"step {signal.subject}"
    if signal.area in (Area.ESTIMATE, Area.PERFORMANCE):
        return "performance"
    return signal.area.value


def _source(signal: Signal) -> str:
    return str(signal.details.get("source", signal.subject))


def _excess(signal: Signal) -> float:
    """How far above its limit, 1 being at it; below a limit that is a floor likewise."""
    size, limit = abs(signal.size), abs(signal.limit)
    if not (math.isfinite(size) and math.isfinite(limit)):
        return 1.0
    if not limit:
        return 10.0 if size else 1.0
    ratio = size / limit
    return min(max(ratio, 1 / ratio if ratio else 100.0), 100.0)


def _root(signals: Sequence[Signal]) -> Signal:
    def rank(signal: Signal) -> tuple[int, int, float]:
        importance = float(signal.details.get("importance", 1.0) or 0.0)
        of_model = signal.area is Area.DRIFT and _of_model(signal)
        return _UPSTREAM[signal.area], _ORDER.get(signal.code, 9) + of_model, -_excess(signal) * importance

    return min(signals, key=rank)


def _root_first(signals: Sequence[Signal]) -> tuple[Signal, ...]:
    root = _root(signals)
    return (root, *(signal for signal in signals if signal is not root))

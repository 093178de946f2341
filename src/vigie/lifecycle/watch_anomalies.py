"""Anomalies apart from drift: gathers what the lake, the ledger and the record of predictions say, and has it judged.

Each look at one thing becomes a :class:`~vigie.lifecycle.watch_look.Look`; when all are there, their probabilities are corrected for each other, so
that a project with many columns does not ring more often than one with few. Nothing is looked at that is not over: hours
and deliveries, so that watching every minute finds what watching every hour finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY, iso, rate_of
from vigie.errors import SettingsError, VigieError
from vigie.lifecycle.watch_look import FEWER, MORE, Look
from vigie.lifecycle.watch_sources import source_looks
from vigie.watch.anomaly import MONTH, corrected, judged_count, judged_duration, judged_share
from vigie.watch.anomaly_codes import CODES
from vigie.watch.season import HOUR, LOOK_BACK
from vigie.watch.signal import Signal
from vigie.watch.suspects import BLIND

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

FALSE_ALARMS = 0.1
"""Anomalies that ring by chance in a month, of each score, if ``[watch] false_alarms`` says nothing."""
INFERENCE = "inference"
PARITY = "parity"
"""Topics of facts, followed by the name of the score."""
FEWEST = 30
"""Customers of an hour from which the scores of that hour are looked at."""
PARITY_SAMPLE = 200
"""Predictions of a day that are computed again."""


# From which size something rings, however evident it is.
_FAILED, _REFUSED, _SAME = 0.005, 0.05, 0.2
_SLOWER, _BEHIND = 1.5, 3_600.0


def anomaly_signals(project: Project, ledger: Ledger, score: str, now: int) -> list[Signal]:
    """What is to say about the sources, the API, the scores and the feature store of *score*.

    Args:
        project: Where everything is.
        ledger: Has what servers counted; keeps what is worked out.
        score: Name of the score.
        now: Moment to look at, µs UTC: nothing later is seen.

    Raises:
        SettingsError: ``[watch] false_alarms`` is no number above 0.
    """
    allowed = false_alarms_of(project)
    looks: list[Look] = []
    blind: list[Signal] = []
    parts: dict[str, Callable[[], Iterable[Look]]] = {
        "sources": lambda: source_looks(project, score, now),
        "API": lambda: api_looks(ledger, now),
        "inference": lambda: inference_looks(project, ledger, score, now),
        "feature store": lambda: feature_looks(project, ledger, score, now),
    }
    for name, part in parts.items():
        try:
            looks += part()
        except VigieError as error:  # where the store is down, what the API answers is told all the more
            blind.append(looked(name, error, score, now))
        else:
            blind.append(fine(name, score, now))
    return [*signals_of(looks, score, allowed), *blind]


def signals_of(looks: list[Look], score: str, false_alarms: float) -> list[Signal]:
    """Signals of everything that was looked at, corrected for each other.

    Args:
        looks: All of them.
        score: Whose.
        false_alarms: How many may ring by chance in a month.
    """
    beside = sum(1 for look in looks if 0 < look.p <= 1)
    found = []
    for look in looks:
        evidence = corrected(look.p, beside, look.looks) if 0 < look.p <= 1 else look.p
        rings = look.large and (math.isnan(evidence) or evidence <= false_alarms)
        found.append(
            Signal(
                score=score if look.of_score else "",
                model="",
                area=CODES[look.code].area,
                code=look.code,
                subject=look.subject,
                size=float(look.size),
                limit=float(look.limit),
                evidence=float(evidence),
                rings=bool(rings),
                since=look.since,
                until=look.until,
                words=look.words,
                details={"severity": CODES[look.code].severity, **look.details},
            )
        )
    return found


def false_alarms_of(project: Project) -> float:
    """``[watch] false_alarms``.

    Raises:
        SettingsError: It is no number above 0.
    """
    said = project.settings.watch.get("false_alarms", FALSE_ALARMS)
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > 0:
        raise SettingsError(
            f"false_alarms is {said!r}", where="[watch]", remedy="give a number above 0, such as 0.1 a month"
        )
    return float(said)


# -- API -----------------------------------------------------------------------------------------------------------


def api_looks(ledger: Ledger, now: int) -> Iterator[Look]:
    """Errors, latency and traffic of the last whole hour, from what servers counted."""
    from vigie.serving.metrics import READ, SCORING
    from vigie.serving.traffic import TOPIC, hour_key, hours_of

    last = now // HOUR * HOUR - HOUR
    facts = ledger.facts(TOPIC, hour_key(last - LOOK_BACK), hour_key(last + HOUR))
    hours = hours_of(facts)
    if not hours:
        return
    first = _moment(min(hours))
    moments = np.arange(max(first, last - LOOK_BACK), last + HOUR, HOUR, dtype=np.int64)
    counted = [hours.get(hour_key(int(moment)), {}) for moment in moments]
    routes = [route for route in SCORING if any(route in one for one in counted)]
    for route in routes:
        yield from _route(route, moments, counted)
    if any(f"{READ} seconds" in one for one in counted):
        yield from _duration("VGW411", "features", f"{READ} seconds", moments, counted, "reads of features took")


def _route(
    route: str, moments: np.ndarray[Any, np.dtype[np.int64]], counted: list[dict[str, list[float]]]
) -> Iterator[Look]:
    from vigie.serving.metrics import STATUSES

    failed = np.array([status >= 500 for status in STATUSES])
    # What a caller may not do, or did too often, says nothing about the data or the model.
    refused = np.array([status in (400, 413, 415, 422) for status in STATUSES])
    table = np.array([one.get(route) or [0.0] * len(STATUSES) for one in counted])
    totals = table.sum(axis=1)
    last, until = int(moments[-1]), int(moments[-1]) + HOUR
    looks = MONTH / HOUR
    for code, chosen, least, verb in (
        ("VGW301", failed, _FAILED, "could not be answered"),
        ("VGW304", refused, _REFUSED, "were refused"),
    ):
        parts = (table @ chosen).astype(np.float64)
        judged = judged_share(parts[-1], totals[-1], parts[:-1], totals[:-1])
        if judged is None:
            continue
        large = judged.value - judged.expected >= least and parts[-1] >= 3
        words = f"{route}: {judged.value:.1%} of {totals[-1]:,.0f} requests {verb}, {judged.expected:.2%} are usual"
        yield Look(code, route, judged.value, judged.expected + least, large, judged.p, looks, last, until, words)
    judged = judged_count(totals[-1], last, totals[:-1], moments[:-1])
    if judged is not None:
        words = f"{route}: {totals[-1]:,.0f} requests in the hour, about {judged.expected:,.0f} were expected"
        large = judged.outside and not FEWER < judged.ratio < MORE
        limit = FEWER if judged.ratio < 1 else MORE
        yield Look("VGW303", route, judged.ratio, limit, large, judged.p, looks, last, until, words)
    yield from _duration("VGW302", route, f"{route} seconds", moments, counted, "95 % of the answers took up to")


def _duration(
    code: str,
    subject: str,
    name: str,
    moments: np.ndarray[Any, np.dtype[np.int64]],
    counted: list[dict[str, list[float]]],
    what: str,
) -> Iterator[Look]:
    from vigie.serving.metrics import SECONDS
    from vigie.watch.anomaly import quantile_of

    bounds = np.array(SECONDS)
    nothing = [0.0] * (len(SECONDS) + 1)
    buckets = [np.array(one.get(name) or nothing) for one in counted]
    values = np.array([quantile_of(one, bounds, 0.95) if one.sum() >= 20 else 0.0 for one in buckets])
    judged = judged_duration(float(values[-1]), int(moments[-1]), values[:-1], moments[:-1])
    if judged is None:
        return
    words = f"{subject}: {what} {judged.value * 1e3:,.1f} ms, {judged.expected * 1e3:,.1f} ms are usual"
    # Below 5 ms a factor is the machine's, not the service's.
    large = judged.ratio >= _SLOWER and judged.outside and judged.value >= 0.005
    last = int(moments[-1])
    yield Look(code, subject, judged.ratio, _SLOWER, large, judged.p, MONTH / HOUR, last, last + HOUR, words)


def _moment(key: str) -> int:
    from vigie.clock import parse_moment

    return parse_moment(f"{key}:00")


# -- inference -----------------------------------------------------------------------------------------------------


def inference_looks(project: Project, ledger: Ledger, score: str, now: int) -> Iterator[Look]:
    """The scores of the last whole hour that has any, beside those of earlier hours."""
    from vigie.lifecycle.watch_hours import scored_hours
    from vigie.serving.traffic import hour_key

    hours = scored_hours(project, ledger, score, now)
    last = now // HOUR * HOUR - HOUR
    if not hours:
        return
    looks = MONTH / HOUR
    first = max(min(hours), last - LOOK_BACK)
    moments = np.arange(first, last + HOUR, HOUR, dtype=np.int64)
    counts = np.array([float(hours[int(m)]["rows"]) if int(m) in hours else 0.0 for m in moments])
    # A score that is worked out once a week has no rhythm of hours.
    if np.count_nonzero(counts) >= len(counts) / 3:
        judged = judged_count(counts[-1], last, counts[:-1], moments[:-1])
        if judged is not None:
            large = judged.outside and not FEWER < judged.ratio < MORE
            limit = FEWER if judged.ratio < 1 else MORE
            words = f"{counts[-1]:,.0f} predictions in the hour, about {judged.expected:,.0f} were expected"
            yield Look("VGW313", score, judged.ratio, limit, large, judged.p, looks, last, last + HOUR, words, True)
    newest = max(hours)
    if newest < now - 2 * DAY:
        return
    one, past = hours[newest], [body for at, body in hours.items() if at < newest]
    impossible = int(one["impossible"])
    words = f"{impossible:,} of {int(one['rows']):,} scores in the hour from {hour_key(newest)} are no probability"
    share = impossible / max(int(one["rows"]), 1)
    until = newest + HOUR
    yield Look("VGW311", score, share, 0.0, impossible > 0, 0.0, looks, newest, until, words, True)
    # Hours of few customers have one score by chance; each customer counts once an hour.
    large_hours = [body for body in past if body["customers"] >= FEWEST]
    if one["customers"] < FEWEST:
        return
    part, whole = float(one["same"]), float(one["customers"])
    if len(large_hours) >= 4:
        judged = judged_share(
            part, whole,
            np.array([float(body["same"]) for body in large_hours]),
            np.array([float(body["customers"]) for body in large_hours]),
        )  # fmt: skip
        assert judged is not None
        usual, p = judged.expected, judged.p
        large = judged.value - usual >= _SAME and judged.outside
    else:
        usual, p, large = 0.0, 0.0, int(one["distinct"]) == 1
    words = f"{part / whole:.0%} of {whole:,.0f} customers got the same score, {usual:.0%} is usual"
    yield Look("VGW312", score, part / whole, usual + _SAME, large, p, looks, newest, until, words, True)


# -- feature store -------------------------------------------------------------------------------------------------


def feature_looks(project: Project, ledger: Ledger, score: str, now: int) -> Iterator[Look]:
    """How far the online store is behind the lake, and whether it agrees with the batch."""
    yield from _behind(project, score, now)
    yield from _parity(project, ledger, score, now)


def _behind(project: Project, score: str, now: int) -> Iterator[Look]:
    from vigie.lifecycle.online import open_histories, plan_sync

    if not (project.settings.online.get("url") or (project.settings.state / "online.db").is_file()):
        return  # nobody asks by id
    histories = open_histories(project, [project.score(score)])
    try:
        plan = plan_sync(project, histories)
    finally:
        histories.store.close()
    for source in plan.sources:
        if source.state in ("absent", "loading"):
            continue  # it is being built, or was never asked for
        missing = [
            version.moment
            for version in project.lake.versions(source.source)
            if version.version > source.absorbed and version.rows and version.moment <= now
        ]
        behind = (now - min(missing)) / 1e6 if missing else 0.0
        words = f"{source.source}: the online store has everything of the lake"
        if missing:
            words = f"{source.source}: the online store lacks what the lake has since {iso(min(missing))[:16]}"
        since = min(missing, default=now)
        yield Look(
            "VGW412", source.source, behind, _BEHIND, behind >= _BEHIND, math.nan, 0.0, since, now, words,
            details={"source": source.source},
        )  # fmt: skip


def _parity(project: Project, ledger: Ledger, score: str, now: int) -> Iterator[Look]:
    """Yesterday's answers computed again, once; not before the lake has all that was received by the end of it."""
    from vigie.lifecycle.verify import GRACE, verify, waiting
    from vigie.lifecycle.watch_hours import scored_hours

    day = now // DAY * DAY - DAY
    asked = sum(int(body["looked_up"]) for at, body in scored_hours(project, ledger, score, now).items() if at >= day)
    key, topic = iso(day)[:10], f"{PARITY} {score}"
    found = ledger.facts(topic, key).get(key)
    if found is None:
        if not asked or any(at < day + DAY for at in waiting(project, project.score(score)).values()):
            return
        # What a server has not taken in yet is older on a faster clock.
        grace = round(GRACE * rate_of(project.clock))
        parity = verify(
            project, project.score(score), since=day, until=day + DAY - 1, sample=PARITY_SAMPLE, grace=grace
        )
        compared = sum(one.compared for one in parity.features)
        differ = [one.name for one in parity.features if one.different]
        found = {
            "compared": compared,
            "different": sum(one.different for one in parity.features),
            "features": differ,
            "predictions": parity.compared,
        }
        ledger.put_facts(topic, now, {key: found})
        ledger.drop_facts(topic, iso(now - LOOK_BACK)[:10])
    if not found["compared"]:
        return
    share = found["different"] / found["compared"]
    words = f"{found['different']:,} of {found['compared']:,} values of {key} differ from the batch without a reason"
    yield Look(
        "VGW413", score, share, 0.0, found["different"] > 0, 0.0, 30.0, day, day + DAY, words, True,
        details={"features": found["features"]},
    )  # fmt: skip


def looked(area: str, error: Exception, score: str, now: int) -> Signal:
    """What is said where a watcher could not look: that it is fine is not known.

    Args:
        area: What it would have looked at.
        error: Why not.
        score: Whose.
        now: µs UTC.
    """
    kind = CODES[BLIND]
    what = error.what if isinstance(error, VigieError) else f"{type(error).__name__}: {error}"
    remedy = error.remedy if isinstance(error, VigieError) else "its traceback is in the log"
    return Signal(
        score=score, model="", area=kind.area, code=BLIND, subject=area, size=1.0, limit=1.0, evidence=math.nan,
        rings=True, since=now, until=now, words=f"{area} could not be looked at: {what}",
        details={"severity": kind.severity, "remedy": remedy},
    )  # fmt: skip


def fine(area: str, score: str, now: int) -> Signal:
    """What is said where a watcher could look."""
    kind = CODES[BLIND]
    return Signal(
        score=score, model="", area=kind.area, code=BLIND, subject=area, size=0.0, limit=1.0, evidence=math.nan,
        rings=False, since=now, until=now, words=f"{area} was looked at",
    )  # fmt: skip

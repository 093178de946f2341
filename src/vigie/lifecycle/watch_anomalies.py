"""Anomalies apart from drift: gathers what the lake, the ledger and the record of predictions say, and has it judged.

Each look at one thing becomes a :class:`Look`; when all are there, their probabilities are corrected for each other, so
that a project with many columns does not ring more often than one with few. Nothing is looked at that is not over: hours
and deliveries, so that watching every minute finds what watching every hour finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY, iso
from vigie.errors import SettingsError, VigieError
from vigie.watch.anomaly import MONTH, corrected, judged_count, judged_duration, judged_gap, judged_share
from vigie.watch.anomaly_codes import CODES
from vigie.watch.season import HOUR, LOOK_BACK
from vigie.watch.signal import Signal

if TYPE_CHECKING:
    from vigie.data import Lake
    from vigie.data.lake import Version
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

FALSE_ALARMS = 0.1
"""Anomalies that ring by chance in a month, of each score, if ``[watch] false_alarms`` says nothing."""
STREAMED = HOUR
"""A source whose deliveries follow each other faster is looked at by the hour."""
INFERENCE = "inference"
PARITY = "parity"
"""Topics of facts, followed by the name of the score."""
FEWEST = 30
"""Customers of an hour from which the scores of that hour are looked at."""
PARITY_SAMPLE = 200
"""Predictions of a day that are computed again."""

# From which size something rings, however evident it is.
_FAILED, _REFUSED, _QUARANTINED, _NULLS, _SAME = 0.005, 0.05, 0.01, 0.02, 0.2
_SLOWER, _LATE, _BEHIND = 1.5, 1.25, 3_600.0
_FEWER, _MORE = 0.6, 1.8


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one thing.

    Attributes:
        code: Of :data:`~vigie.watch.anomaly_codes.CODES`.
        subject: The source, column, route or score.
        size: See the code.
        limit: From which size it may ring.
        large: Whether the size reaches it; for counts there are two limits.
        p: Probability by chance; 0 where it cannot be chance, NaN where it has none.
        looks: Looks in a month.
        since: When it began, µs.
        until: End of the bucket, µs.
        words: One sentence.
        of_score: Whether it concerns this score alone.
        details: More figures.
    """

    code: str
    subject: str
    size: float
    limit: float
    large: bool
    p: float
    looks: float
    since: int
    until: int
    words: str
    of_score: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


def anomaly_signals(project: Project, ledger: Ledger, score: str, now: int) -> list[Signal]:
    """What is to say about the sources, the API, the scores and the feature store of *score*.

    Args:
        project: Where everything is.
        ledger: Has what servers counted; keeps what is worked out.
        score: Name of the score.
        now: Moment to look at, µs UTC: nothing later is seen.

    Raises:
        SettingsError: ``[watch] false_alarms`` is no number above 0.
        DataError: The lake cannot be read.
        JournalError: The ledger or the record of predictions cannot be read.
    """
    looks = [
        *source_looks(project, score, now),
        *api_looks(ledger, now),
        *inference_looks(project, ledger, score, now),
        *feature_looks(project, ledger, score, now),
    ]
    return signals_of(looks, score, false_alarms_of(project))


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


# -- sources -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one ingest brought of a source, or what was received of it in an hour.

    Attributes:
        at: When, µs UTC; the beginning of the hour.
        read: Rows that came.
        kept: Of them, those that went to the lake.
        refused: Those that the contract refused.
    """

    at: int
    read: int
    kept: int
    refused: int


def source_looks(project: Project, score: str, now: int) -> Iterator[Look]:
    """Volume, quarantine, nulls and freshness of every source that *score* reads."""
    for name in sorted(project.score(score).sources):
        if project.lake.has(name):
            yield from _source(project.lake, name, now)


def deliveries_of(versions: list[Version], now: int) -> tuple[list[Delivery], bool]:
    """The deliveries up to *now*, oldest first, and whether they are hours of a stream."""
    found: dict[int, Delivery] = {}
    for version in versions:
        said = version.metadata
        if version.moment > now or not ("ingest" in said or "received" in said) or "released" in said:
            continue
        read = int(said.get("read", version.rows))
        if read == 0:
            continue
        at = int(said.get("ingest", said.get("received", version.moment)))
        before = found.get(at, Delivery(at, 0, 0, 0))
        refused = int(said.get("quarantined", 0))
        found[at] = Delivery(at, before.read + read, before.kept + version.rows, before.refused + refused)
    one_by_one = [found[at] for at in sorted(found)]
    gaps = np.diff([one.at for one in one_by_one[-1000:]])
    if len(gaps) < 20 or float(np.median(gaps)) >= STREAMED:
        return one_by_one, False
    hours: dict[int, Delivery] = {}
    for one in one_by_one:
        at = one.at // HOUR * HOUR
        before = hours.get(at, Delivery(at, 0, 0, 0))
        hours[at] = Delivery(at, before.read + one.read, before.kept + one.kept, before.refused + one.refused)
    last = now // HOUR * HOUR
    begin = max(min(hours), last - LOOK_BACK)
    return [hours.get(at, Delivery(at, 0, 0, 0)) for at in range(begin, last, HOUR)], True


def _source(lake: Lake, name: str, now: int) -> Iterator[Look]:
    versions = lake.versions(name)
    deliveries, streamed = deliveries_of(versions, now)
    if not deliveries:
        return
    last, past = deliveries[-1], deliveries[:-1]
    moments = np.array([one.at for one in past], dtype=np.int64)
    width = HOUR if streamed else DAY
    until = last.at + HOUR if streamed else last.at
    looks = MONTH / HOUR if streamed else _a_month(moments)
    came = "in the last hour" if streamed else f"of {iso(last.at)[:10]}"
    judged = judged_count(last.read, last.at, np.array([float(one.read) for one in past]), moments, width)
    if judged is not None:
        large = judged.outside and not _FEWER < judged.ratio < _MORE
        words = f"{name}: {last.read:,} rows {came}, about {judged.expected:,.0f} were expected"
        limit = _FEWER if judged.ratio < 1 else _MORE
        details = {"source": name, "rows": last.read, "expected": judged.expected}
        yield Look("VGW401", name, judged.ratio, limit, large, judged.p, looks, last.at, until, words, details=details)
    shares = judged_share(
        last.refused,
        last.read,
        np.array([float(one.refused) for one in past]),
        np.array([float(one.read) for one in past]),
    )
    if shares is not None:
        words = f"{name}: {shares.value:.1%} of the rows {came} went to quarantine, {shares.expected:.1%} are usual"
        large = shares.value - shares.expected >= _QUARANTINED
        yield Look(
            "VGW402", name, shares.value, shares.expected + _QUARANTINED, large, shares.p, looks, last.at, until, words,
            details={"source": name, "rows": last.refused},
        )  # fmt: skip
    yield from _late(name, versions, now)
    if not streamed:
        yield from _nulls(lake, name, deliveries, looks)


def _late(name: str, versions: list[Version], now: int) -> Iterator[Look]:
    """A source that is streamed is late where nothing comes although nothing ever took so long."""
    moments = sorted(
        {
            int(version.metadata.get("ingest", version.metadata.get("received", version.moment)))
            for version in versions
            if version.moment <= now and version.rows > 0
        }
    )
    if not moments:
        return
    judged = judged_gap(now - moments[-1], np.array(moments, dtype=np.int64))
    if judged is None:
        return
    # Quicker than five minutes nobody can tell from a slow network.
    usual = max(judged.expected, 300e6)
    words = f"{name}: nothing new since {iso(moments[-1])[:16]}, at most {_span(usual)} are usual"
    ratio = judged.value / usual
    since = moments[-1] + round(usual)
    yield Look(
        "VGW404", name, ratio, _LATE, ratio > _LATE, math.nan, 0.0, min(since, now), now, words, details={"source": name}
    )  # fmt: skip


def _nulls(lake: Lake, name: str, deliveries: list[Delivery], looks: float) -> Iterator[Look]:
    """Share of nulls by column, from what Delta's log says of each file: no row is read."""
    import pyarrow as pa

    table = pa.table(lake.table(name).get_add_actions(flatten=True))
    began = "min._ingested_at"
    if began not in table.column_names or len(deliveries) < 2:
        return
    at = table[began].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    rows = table["num_records"].to_numpy(zero_copy_only=False).astype(float)
    order = np.array([one.at for one in deliveries], dtype=np.int64)
    place = np.searchsorted(order, at)
    there = (place < len(order)) & (order[np.minimum(place, len(order) - 1)] == at)
    wholes = np.bincount(place[there], rows[there], len(order)).astype(np.float64)
    last = deliveries[-1]
    for column in table.column_names:
        subject = column.removeprefix("null_count.")
        if subject == column or subject.startswith("_"):
            continue
        nulls = table[column].to_numpy(zero_copy_only=False).astype(float)
        if not np.isfinite(nulls[there]).all():
            continue
        parts = np.bincount(place[there], nulls[there], len(order)).astype(np.float64)
        judged = judged_share(parts[-1], wholes[-1], parts[:-1], wholes[:-1], both=True)
        if judged is None:
            continue
        change = abs(judged.value - judged.expected)
        # Beyond what any earlier delivery had: a column that comes and goes is not news.
        large = change >= max(_NULLS, judged.expected / 2) and judged.outside
        words = f"{name}.{subject}: {judged.value:.1%} of the values are missing, {judged.expected:.1%} are usual"
        limit = judged.expected + max(_NULLS, judged.expected / 2)
        yield Look(
            "VGW403", f"{name}.{subject}", judged.value, limit, large, judged.p, looks, last.at, last.at, words,
            details={"source": name, "column": subject, "expected": judged.expected},
        )  # fmt: skip


def _a_month(moments: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """Deliveries in a month."""
    if len(moments) < 2:
        return 30.0
    span = max(float(moments[-1] - moments[0]), 1.0)
    return max(1.0, (len(moments) - 1) * MONTH / span)


def _span(micro: float) -> str:
    for unit, size in (("days", DAY), ("hours", HOUR), ("minutes", 60_000_000)):
        if micro >= 2 * size:
            return f"{micro / size:.0f} {unit}"
    return f"{micro / 1e6:.0f} s"


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
        large = judged.outside and not _FEWER < judged.ratio < _MORE
        limit = _FEWER if judged.ratio < 1 else _MORE
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
            large = judged.outside and not _FEWER < judged.ratio < _MORE
            limit = _FEWER if judged.ratio < 1 else _MORE
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
    """Yesterday's answers computed again, once."""
    from vigie.lifecycle.verify import verify
    from vigie.lifecycle.watch_hours import scored_hours

    day = now // DAY * DAY - DAY
    asked = sum(int(body["looked_up"]) for at, body in scored_hours(project, ledger, score, now).items() if at >= day)
    key, topic = iso(day)[:10], f"{PARITY} {score}"
    found = ledger.facts(topic, key).get(key)
    if found is None:
        if not asked:
            return
        parity = verify(project, project.score(score), since=day, sample=PARITY_SAMPLE)
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


def looked(area: str, error: VigieError, score: str, now: int) -> Signal:
    """What is said where a watcher could not look: that it is fine is not known.

    Args:
        area: What it would have looked at.
        error: Why not.
        score: Whose.
        now: µs UTC.
    """
    kind = CODES["VGW490"]
    return Signal(
        score=score, model="", area=kind.area, code="VGW490", subject=area, size=1.0, limit=1.0, evidence=math.nan,
        rings=True, since=now, until=now, words=f"{area} could not be looked at: {error.what}",
        details={"severity": kind.severity, "remedy": error.remedy},
    )  # fmt: skip


def fine(area: str, score: str, now: int) -> Signal:
    """What is said where a watcher could look."""
    kind = CODES["VGW490"]
    return Signal(
        score=score, model="", area=kind.area, code="VGW490", subject=area, size=0.0, limit=1.0, evidence=math.nan,
        rings=False, since=now, until=now, words=f"{area} was looked at",
    )  # fmt: skip

"""Volume, quarantine, nulls and freshness of sources, from what the lake says of itself: no row is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY, iso
from vigie.lifecycle.watch_look import FEWER, MORE, Look
from vigie.watch.anomaly import MONTH, judged_count, judged_gap, judged_share
from vigie.watch.season import HOUR, LOOK_BACK

if TYPE_CHECKING:
    from vigie.data import Lake
    from vigie.data.lake import Version
    from vigie.lifecycle.project import Project

STREAMED = HOUR
"""A source whose deliveries follow each other faster is looked at by the hour."""
_QUARANTINED, _NULLS, _LATE = 0.01, 0.02, 1.25


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
        large = judged.outside and not FEWER < judged.ratio < MORE
        words = f"{name}: {last.read:,} rows {came}, about {judged.expected:,.0f} were expected"
        limit = FEWER if judged.ratio < 1 else MORE
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

    # pa.table() would import pandas to see that this is none of its frames.
    table = pa.RecordBatchReader.from_stream(lake.table(name).get_add_actions(flatten=True)).read_all()
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

"""The scores of each hour in a few numbers, worked out once and kept as facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vigie.clock import parse_moment
from vigie.journal import segments
from vigie.lifecycle.ship import TABLE, writer_of
from vigie.serving.traffic import hour_key
from vigie.watch.season import HOUR, LOOK_BACK

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

TOPIC = "inference"
AGAIN = 3
"""Hours that are worked out again: what was answered elsewhere reaches the lake some minutes later."""


class _Scored(msgspec.Struct, gc=False):
    score: str
    at: int
    customer: str | None
    probability: float | None
    looked_up: bool = False


_decode = msgspec.json.Decoder(_Scored).decode


def scored_hours(project: Project, ledger: Ledger, score: str, now: int) -> dict[int, dict[str, Any]]:
    """What was scored in the hours that are over, by their beginnings, µs UTC; hours without predictions are left out.

    Each has ``rows``, ``impossible`` (not from 0 to 1), ``customers`` (with the first score of each in the hour counted),
    ``same`` (of them, those with the commonest score), ``distinct`` (scores), and ``looked_up`` (asked by id).

    Args:
        project: Whose record.
        ledger: Where the hours are kept; only those that are not yet known are read from the record.
        score: Name of the score.
        now: Hours that end later are not over, µs UTC.

    Raises:
        DataError: The lake cannot be read.
        JournalError: The ledger cannot be read or written.
    """
    topic, end = f"{TOPIC} {score}", now // HOUR * HOUR
    known = ledger.facts(topic, hour_key(end - LOOK_BACK), hour_key(end))
    newest = parse_moment(f"{max(known)}:00") + HOUR - AGAIN * HOUR if known else end - LOOK_BACK
    begin = max(end - LOOK_BACK, min(newest, end - AGAIN * HOUR))
    fresh = _worked_out(project, score, begin, end)
    changed = {key: body for key, body in fresh.items() if known.get(key) != body}
    if changed:
        ledger.put_facts(topic, now, changed)
        ledger.drop_facts(topic, hour_key(end - LOOK_BACK))
    return {parse_moment(f"{key}:00"): body for key, body in sorted((known | fresh).items())}


def _worked_out(project: Project, score: str, begin: int, end: int) -> dict[str, dict[str, Any]]:
    import polars as pl

    frames = [*_in_journal(project, score, begin, end)]
    if project.lake.has(TABLE):
        at = pl.col("at")
        first, last = (pl.lit(moment).cast(pl.Datetime("us", "UTC")) for moment in (begin, end))
        rows = (
            project.lake.scan(TABLE)
            .filter(pl.col("day") >= first.dt.date(), pl.col("day") <= last.dt.date())
            .filter(pl.col("score") == score, at >= first, at < last)
        )
        shown = [at.cast(pl.Int64), "customer", "probability", "looked_up"]
        frames.append(rows.select(shown).collect(engine="streaming"))
    if not frames:
        return {}
    together = pl.concat(frames, how="vertical_relaxed").with_columns(hour=pl.col("at") // HOUR * HOUR).sort("at")
    if together.is_empty():
        return {}
    p = pl.col("probability")
    counts = together.group_by("hour").agg(
        rows=pl.len(), impossible=(~p.is_between(0, 1)).fill_null(True).sum(), looked_up=pl.col("looked_up").sum()
    )
    named = together.filter(pl.col("customer").is_not_null()).unique(["hour", "customer"], keep="first")
    scores = named.group_by("hour", "probability").agg(n=pl.len())
    same = scores.group_by("hour").agg(customers=pl.col("n").sum(), same=pl.col("n").max(), distinct=pl.len())
    found = counts.join(same, on="hour", how="left").fill_null(0)
    return {hour_key(row.pop("hour")): {k: int(v) for k, v in row.items()} for row in found.iter_rows(named=True)}


def _in_journal(project: Project, score: str, begin: int, end: int) -> list[pl.DataFrame]:
    """What the lake has not got."""
    import polars as pl

    table = project.lake.table(TABLE) if project.lake.has(TABLE) else None
    rows: list[tuple[int, str | None, float | None, bool]] = []
    for seen in segments.everything(project.journal_folder):
        if table is not None and table.transaction_version(writer_of(seen.name)) is not None:
            continue
        path = segments.where_now(seen)
        if path is not None:
            rows += _of_segment(path, score, begin, end)
    schema = {"at": pl.Int64, "customer": pl.String, "probability": pl.Float64, "looked_up": pl.Boolean}
    return [pl.DataFrame(rows, schema=schema, orient="row")] if rows else []


def _of_segment(path: Path, score: str, begin: int, end: int) -> list[tuple[int, str | None, float | None, bool]]:
    found = []
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n") or line.isspace():
                continue
            try:
                one = _decode(line)
            except ValueError:
                continue  # whoever ships it will say so
            if one.score == score and begin <= one.at < end:
                found.append((one.at, one.customer, one.probability, one.looked_up))
    return found

"""The record of predictions as it lies in the lake: files of days, rows in batches, and runs over a whole base."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vigie.clock import parse_moment
from vigie.definition.kind import Kind
from vigie.features.values import NULL_TIME, Values
from vigie.lifecycle.batch_record import PREFIX
from vigie.lifecycle.project import Project
from vigie.lifecycle.ship import TABLE
from vigie.watch.profile import hashed
from vigie.watch.windows import day_named

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 65_536
"""Predictions read together."""
SAMPLE = 20_000
"""Customers of a batch run whose features are computed again, and predictions of a day whose outcomes are looked up, at most."""

values_in = msgspec.json.Decoder(dict[str, Any]).decode
_COLUMNS = ("id", "score", "customer", "at", "as_of", "model", "arm", "values", "probability", "decision", "journal")


def recorded_rows(
    project: Project, score: str, version: str, first: int, last: int, most: int
) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Customers and inputs of predictions of the days from *first* up to and without *last*: the latest one of a customer.

    Of more than *most* customers those are taken whose hashes are least, so that it is the same ones another time.

    Args:
        project: Where the record is.
        score: Name of the score.
        version: That answered.
        first: Day.
        last: Day.
        most: Customers.
    """
    latest: dict[str, str] = {}
    files = files_by_day(project)
    for day in range(first, last):
        for batch in batches_of(files.get(day, {}).values(), score, set()):
            told = batch.to_pydict()
            rows = zip(told["customer"], told["model"], told["values"], strict=True)
            latest |= {one: values for one, model, values in rows if one is not None and model == version}
            if len(latest) > 4 * most:
                latest = {one: latest[one] for one in least_of(list(latest), most)}
    kept = least_of(list(latest), most)
    return kept, [values_in(latest[one]) for one in kept]


def columns_of(kinds: Mapping[str, Kind], values: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Recorded inputs as columns; only those that some row has.

    A value that is not of its kind, which a record of this version cannot hold, counts as missing.

    Args:
        kinds: Of the wanted ones.
        values: By name, one mapping a row.
    """
    found: dict[str, Values] = {}
    names = set().union(*values) if values else set()
    for name, kind in kinds.items():
        if name in names:
            found[name] = _column(kind, [one.get(name) for one in values])
    return found


@dataclass(frozen=True, slots=True)
class BatchRun:
    """A batch run in the lake.

    Attributes:
        run: Its identity.
        at: When it was made, µs.
        as_of: The moment that its values describe, µs.
        model: Version that scored.
        data: Version of every source that it read.
    """

    run: str
    at: int
    as_of: int
    model: str
    data: Mapping[str, int]


def files_by_day(project: Project) -> dict[int, dict[str, str]]:
    """Files of the record in the lake by day: what each is called and where it is."""
    if not project.lake.has(TABLE):
        return {}
    found: dict[int, dict[str, str]] = {}
    for uri in project.lake.table(TABLE).file_uris():
        path = urllib.parse.unquote(uri.removeprefix("file://"))
        folder, _, name = path.rpartition("/")
        day = folder.rpartition("day=")[2]
        found.setdefault(day_named(day), {})[name] = path
    return found


def batches_of(paths: Any, score: str, without: set[str]) -> Iterator[pa.RecordBatch]:
    """Rows of *score* in files, without those of the segments in *without*."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    unwanted = pa.array(sorted(without), type=pa.string())
    for path in paths:
        with pq.ParquetFile(path) as file:
            if without and set(pc.unique(file.read(["journal"])["journal"]).to_pylist()) <= without:
                continue  # files that were put together hold what was counted
            there = set(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=AT_ONCE, columns=[one for one in _COLUMNS if one in there]):
                mine = pc.equal(batch.column("score"), score)
                if len(unwanted):
                    counted = pc.is_in(pc.cast(batch.column("journal"), pa.string()), value_set=unwanted)
                    mine = pc.and_(mine, pc.invert(counted))
                rows = batch.filter(mine)
                if rows.num_rows:
                    yield rows


def asked_in(paths: Any, score: str, version: str) -> dict[str, int]:
    """Customers scored by a version in files, with the moment of their first score."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first: dict[str, int] = {}
    for batch in batches_of(paths, score, set()):
        some = batch.filter(pc.equal(batch.column("model"), version))
        moments = pc.cast(some.column("as_of"), pa.int64()).to_pylist()
        for customer, moment in zip(some.column("customer").to_pylist(), moments, strict=True):
            if customer is not None:
                first[customer] = min(moment, first.get(customer, moment))
    return first


def least_of(customers: Sequence[str], most: int) -> list[str]:
    """Those of *customers* with the least hashes, at most so many, sorted."""
    if len(customers) <= most:
        return sorted(customers)
    order = np.argsort(hashed(list(customers)), kind="stable")[:most]
    return sorted(customers[i] for i in order.tolist())


def runs_of(project: Project, score: str) -> list[BatchRun]:
    """Runs over the whole base of *score*, oldest first."""
    name = f"{PREFIX}{score}"
    if name in project.sources or not project.lake.has(name):
        return []
    return [
        BatchRun(str(one.metadata["run"]), one.moment, parse_moment(one.metadata["as_of"]), str(one.metadata["model"]), one.metadata["data"])
        for one in project.lake.versions(name)
        if "run" in one.metadata
    ]  # fmt: skip


def rows_of_run(project: Project, score: str, run: BatchRun) -> dict[str, list[Any]]:
    """Rows of a batch run: of a sample of its customers, the same ones in every run."""
    import polars as pl

    rows = project.lake.scan(f"{PREFIX}{score}").filter(pl.col("run") == run.run)
    found = rows.select("customer", "probability", "decision").collect(engine="streaming")
    if len(found) > SAMPLE:
        found = found.filter(pl.col("customer").is_in(least_of(found["customer"].to_list(), SAMPLE)))
    found = found.sort("customer")
    return {**found.to_dict(as_series=False), "id": [f"{run.run}:{i}" for i in range(len(found))]}


def _column(kind: Kind, data: list[Any]) -> Values:
    match kind:
        case Kind.NUMBER | Kind.BOOLEAN:
            try:
                return Values(kind, np.array(data, dtype=np.float64))
            except (TypeError, ValueError):
                return Values(
                    kind, np.array([one if isinstance(one, int | float) else np.nan for one in data], dtype=np.float64)
                )
        case Kind.TIME:
            times = [NULL_TIME if isinstance(one, str) or one is None else int(one) for one in data]
            return Values(kind, np.array(times, dtype=np.int64))
        case Kind.TEXT:  # whether there is one is all that is counted
            return Values(Kind.CATEGORY, np.array([-1 if one is None else 0 for one in data], dtype=np.int32), ("",))
    return Values.of(Kind.CATEGORY, [one if one is None else str(one) for one in data])

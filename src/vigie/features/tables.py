"""Feature tables: the features of the population at past moments, as files that each appear whole or not at all.

A folder a moment (or a month of moments at events). In it ``spine.parquet`` says who was looked at and when, and each
``features-0001.parquet``, ``features-0002.parquet``, … holds the features that were computed together, row by row beside
the spine: a new feature is a new file. What a file is (definitions, versions of the sources, the spine it belongs to)
stands in its own metadata, so there is no list that could disagree with the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vigie.clock import iso
from vigie.definition.kind import Kind
from vigie.errors import FeatureError
from vigie.features.values import NULL_TIME, Array, Columns, Values

SPINE = "spine.parquet"
_GROUP = re.compile(r"features-(\d{4,})\.parquet\Z")
_META = b"vigie"
_ROWS = 100_000
"""Rows written together."""
_MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a source had come when a file was made.

    Attributes:
        version: Of the lake.
        batch: The last batch of rows in it; empty where there was none.
    """

    version: int
    batch: str


@dataclass(frozen=True, slots=True)
class Spine:
    """Who was looked at and when, as its file says without its rows.

    Attributes:
        digest: Of its rows: equal for equal rows.
        rows: Their number.
        definition: Fingerprint of moments, population and sources.
        made: Marks of the sources it was made from.
    """

    digest: str
    rows: int
    definition: str
    made: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class Group:
    """Features computed together, as their file says without its rows.

    Attributes:
        path: The file.
        number: Later ones win.
        spine: Digest of the spine that its rows stand beside.
        features: Fingerprint of each, by the name of its column.
        made: Marks of the sources it was made from.
    """

    path: Path
    number: int
    spine: str
    features: Mapping[str, str]
    made: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is there of one partition.

    Attributes:
        spine: ``None``: nothing is.
        groups: In increasing order of their numbers; those of another spine are left out.
        orphans: Files of another spine, to be removed.
    """

    spine: Spine | None
    groups: tuple[Group, ...] = ()
    orphans: tuple[Path, ...] = field(default=())

    def holder(self, fingerprint: str) -> tuple[Group, str] | None:
        """The file with a feature, and the name of its column; ``None`` where there is none."""
        for group in reversed(self.groups):
            for name, held in group.features.items():
                if held == fingerprint:
                    return group, name
        return None


# -- reading ---------------------------------------------------------------------------------------------------------


def stored(folder: Path) -> Stored:
    """What is there of the partition in *folder*. A file that cannot be read counts as not there."""
    said = _metadata(folder / SPINE)
    if said is None:
        return Stored(None, (), tuple(path for _, path in _group_files(folder)))
    spine = Spine(said["digest"], said["rows"], said["definition"], _marks(said["made"]))
    groups, orphans = [], []
    for number, path in _group_files(folder):
        found = _metadata(path)
        if found is None or found["spine"] != spine.digest:
            orphans.append(path)
        else:
            groups.append(Group(path, number, found["spine"], found["features"], _marks(found["made"])))
    return Stored(spine, tuple(groups), tuple(orphans))


def _group_files(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = ((_GROUP.match(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def _metadata(path: Path) -> dict[str, Any] | None:
    try:
        said = pq.read_schema(path).metadata
        return dict(json.loads(said[_META]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def _marks(said: Mapping[str, Sequence[Any]]) -> dict[str, Mark]:
    return {name: Mark(int(version), str(batch)) for name, (version, batch) in said.items()}


def read_spine(folder: Path) -> pl.DataFrame:
    """``customer`` and ``moment`` (µs, UTC) of a partition, in order.

    Raises:
        FeatureError: It cannot be read.
    """
    return _read(folder / SPINE)


def read_group(group: Group, names: Sequence[str]) -> pl.DataFrame:
    """Columns of a group, row by row beside the spine.

    Raises:
        FeatureError: It cannot be read.
    """
    return _read(group.path, names)


def _read(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=None if columns is None else list(columns))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FeatureError(
            f"the feature table cannot be read: {error}", where=str(path), remedy="run `vigie features backfill` again"
        ) from error


# -- writing ---------------------------------------------------------------------------------------------------------


def digest_of(customers: Sequence[str] | Array, moments: Array) -> str:
    """32 hex digits, equal for equal rows."""
    lines = pl.Series(customers, dtype=pl.String)
    found = hashlib.sha256(np.ascontiguousarray(moments, dtype="<i8").tobytes())
    for begin in range(0, len(lines), _ROWS):
        for text in lines.slice(begin, _ROWS):
            encoded = text.encode()
            found.update(len(encoded).to_bytes(4, "little") + encoded)
    return found.hexdigest()[:32]


def write_spine(
    folder: Path,
    customers: Sequence[str] | Array,
    moments: Array,
    *,
    definition: str,
    made: Mapping[str, Mark],
) -> Spine:
    """Write who is looked at; the partition's features stay if the rows are the same.

    Raises:
        FeatureError: The disk refuses.
    """
    spine = Spine(digest_of(customers, moments), len(moments), definition, dict(made))
    said = {"digest": spine.digest, "rows": spine.rows, "definition": definition, "made": _said(made)}
    keys = pl.Series(customers, dtype=pl.String)

    def rows(begin: int, end: int) -> list[Any]:
        return [keys.slice(begin, end - begin).to_arrow().cast(pa.string()), _moments(moments[begin:end])]

    _write(folder / SPINE, [("customer", pa.string()), ("moment", _MOMENT)], said, len(moments), rows)
    return spine


def write_group(
    folder: Path,
    columns: Columns,
    fingerprints: Mapping[str, str],
    *,
    spine: Spine,
    made: Mapping[str, Mark],
) -> None:
    """Write features beside the spine of the partition, and remove the files that have nothing newer any more.

    Args:
        folder: Of the partition.
        columns: One value for each row of the spine, by name.
        fingerprints: Definition of each.
        spine: What they stand beside.
        made: Marks of the sources they were made from.

    Raises:
        FeatureError: The disk refuses.
    """
    before = stored(folder)
    number = 1 + max((n for n, _ in _group_files(folder)), default=0)
    said = {"spine": spine.digest, "features": dict(fingerprints), "made": _said(made)}
    fields = [(name, _type(values.kind)) for name, values in columns.items()]

    def rows(begin: int, end: int) -> list[Any]:
        part = np.arange(begin, end)
        return [_arrow(values.take(part)) for values in columns.values()]

    _write(folder / f"features-{number:04d}.parquet", fields, said, spine.rows, rows)
    newer = set(fingerprints.values())
    for group in reversed(before.groups):
        if set(group.features.values()) <= newer:
            group.path.unlink(missing_ok=True)
        newer |= set(group.features.values())
    for path in before.orphans:
        path.unlink(missing_ok=True)


def _said(made: Mapping[str, Mark]) -> dict[str, list[Any]]:
    return {name: [mark.version, mark.batch] for name, mark in sorted(made.items())}


def _write(path: Path, fields: Sequence[tuple[str, Any]], said: Mapping[str, Any], size: int, rows: Any) -> None:
    schema = pa.schema(fields, metadata={_META: json.dumps(said, sort_keys=True).encode()})
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for begin in range(0, size, _ROWS):
                arrays = rows(begin, min(begin + _ROWS, size))
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise FeatureError(f"the feature table cannot be written: {error}", where=str(path)) from error


def tidy(folder: Path) -> None:
    """Remove what writers left that were killed. Only while nobody else writes below *folder*."""
    for partial in folder.rglob(".*.partial"):
        partial.unlink(missing_ok=True)


def _type(kind: Kind) -> Any:
    return {Kind.NUMBER: pa.float64(), Kind.BOOLEAN: pa.bool_(), Kind.TIME: _MOMENT}.get(kind, pa.string())


def _moments(data: Array) -> Any:
    return pa.array(np.ascontiguousarray(data), type=pa.int64(), mask=data == NULL_TIME).cast(_MOMENT)


def _arrow(values: Values) -> Any:
    nulls = values.nulls()
    match values.kind:
        case Kind.NUMBER:
            return pa.array(values.data, mask=nulls)
        case Kind.BOOLEAN:
            return pa.array(np.nan_to_num(values.data).astype(bool), mask=nulls)
        case Kind.TIME:
            return _moments(values.data)
        case _:
            return pa.array(values.to_list(), type=pa.string())


# -- erasure ---------------------------------------------------------------------------------------------------------


def partitions_in(folder: Path) -> Iterator[Path]:
    """Folders of all partitions below *folder*."""
    if folder.is_dir():
        yield from sorted(path.parent for path in folder.rglob(SPINE))


def erase(folder: Path, customers: Collection[str], *, dry: bool = False) -> int:
    """Remove all rows of *customers* from every feature table below *folder*.

    Killed on the way, it leaves features that no longer fit their spine; they count as missing, and the next call or
    backfill removes them.

    Args:
        folder: Of the feature tables of a project.
        customers: Keys.
        dry: Only count.

    Returns:
        Rows of spines that were theirs.

    Raises:
        FeatureError: A file cannot be read or written.
    """
    gone = pl.Series(list(customers), dtype=pl.String)
    erased = 0
    for partition in partitions_in(folder):
        rows = read_spine(partition)
        keep = ~rows["customer"].is_in(gone.implode())
        lost = len(rows) - int(keep.sum())
        erased += lost
        if lost and not dry:
            _keep(partition, rows, keep)
    if not dry:
        tidy(folder)
    return erased


def _keep(partition: Path, rows: pl.DataFrame, keep: pl.Series) -> None:
    found = stored(partition)
    assert found.spine is not None
    for path in found.orphans:
        path.unlink(missing_ok=True)
    left = rows.filter(keep)
    moments = left["moment"].dt.timestamp("us").to_numpy()
    digest = digest_of(left["customer"].to_list(), moments)
    for group in found.groups:
        # The features first: until the spine follows they fit to none, and nobody reads them.
        frame = read_group(group, list(group.features)).filter(keep)
        said = {"spine": digest, "features": dict(group.features), "made": _said(group.made)}
        fields = [(name, pq.read_schema(group.path).field(name).type) for name in group.features]

        def part(begin: int, end: int, frame: pl.DataFrame = frame, fields: list[Any] = fields) -> list[Any]:
            table = frame.slice(begin, end - begin).to_arrow()
            return [table.column(name).combine_chunks().cast(kind) for name, kind in fields]

        _write(group.path, fields, said, len(frame), part)
    write_spine(
        partition, left["customer"].to_list(), moments, definition=found.spine.definition, made=found.spine.made
    )


def partition_name(moment: int) -> str:
    """What the folder of a moment is called: its date, with the time where it is not midnight.

    >>> partition_name(0), partition_name(90_000_000)
    ('1970-01-01', '1970-01-01T000130Z')
    """
    text = iso(moment)
    return text[:10] if text.endswith("T00:00:00Z") else text.replace(":", "")

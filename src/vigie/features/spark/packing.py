"""Frames and row sets as bytes (Arrow IPC): Spark moves them about without looking into them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from polars import selectors as cs

from vigie.definition.kind import Kind
from vigie.features.rowset import RowSet
from vigie.features.values import Array, Values

_BYTES = 32 << 20
"""Size of one packed row set, about: Spark holds each as one value of at most 2 GB, and several at once."""


def packed(frame: pl.DataFrame) -> bytes:
    """*frame* as an Arrow IPC stream. Categories become strings: their codes mean nothing in another process."""
    buffer = io.BytesIO()
    frame.with_columns(cs.categorical().cast(pl.String)).write_ipc_stream(buffer, compression="zstd")
    return buffer.getvalue()


def unpacked(data: bytes) -> pl.DataFrame:
    """The frame that :func:`packed` wrote."""
    return pl.read_ipc_stream(io.BytesIO(data))


def pack_rows(rows: RowSet) -> Iterator[tuple[str, bytes]]:
    """A row set in pieces of whole customers, each a header and the rows."""
    columns = {
        **{("feature", n): v for n, v in rows.features.items()},
        **{("extra", n): v for n, v in rows.extras.items()},
    }
    about = [[role, name, str(values.kind), list(values.categories)] for (role, name), values in columns.items()]
    frame = pl.DataFrame(
        {
            "_key": pl.Series(rows.customers, dtype=pl.String).gather(rows.codes),
            "_time": rows.moments,
            "_label": rows.labels,
            **{f"c{i}": _series(values) for i, values in enumerate(columns.values())},
        }
    )
    header = {"columns": about, "immature": rows.immature, "unknown": rows.unknown}
    width = 8 * (len(columns) + 4)
    for first, last in _pieces(rows.codes, max(_BYTES // width, 1)):
        yield json.dumps(header), packed(frame.slice(first, last - first))
        header |= {"immature": 0, "unknown": 0}  # counted once


def unpack_rows(header: str, data: bytes) -> RowSet:
    """The piece of a row set that :func:`pack_rows` wrote."""
    said, frame = json.loads(header), unpacked(data)
    keys = frame["_key"]
    first = (keys != keys.shift()).fill_null(value=True).to_numpy()
    columns = {
        (role, name): _values(frame[f"c{i}"], Kind(kind), tuple(categories))
        for i, (role, name, kind, categories) in enumerate(said["columns"])
    }
    customers = np.empty(int(first.sum()), dtype=object)
    customers[:] = keys.filter(pl.Series(first)).to_list()
    return RowSet(
        customers=customers,
        codes=np.cumsum(first) - 1,
        moments=frame["_time"].to_numpy(),
        features={name: values for (role, name), values in columns.items() if role == "feature"},
        extras={name: values for (role, name), values in columns.items() if role == "extra"},
        labels=frame["_label"].to_numpy(),
        immature=said["immature"],
        unknown=said["unknown"],
    )


def pack_values(columns: Sequence[Values], place: Array) -> tuple[str, bytes]:
    """Columns of values, with the place of each in the whole."""
    frame = pl.DataFrame({"_place": place, **{f"c{i}": _series(values) for i, values in enumerate(columns)}})
    return json.dumps([[str(v.kind), list(v.categories)] for v in columns]), packed(frame)


def unpack_values(header: str, data: bytes) -> tuple[list[Values], Array]:
    """What :func:`pack_values` wrote."""
    frame = unpacked(data)
    columns = [
        _values(frame[f"c{i}"], Kind(kind), tuple(categories))
        for i, (kind, categories) in enumerate(json.loads(header))
    ]
    return columns, frame["_place"].to_numpy()


def _series(values: Values) -> pl.Series:
    return pl.Series(values.data.tolist(), dtype=pl.String) if values.kind is Kind.TEXT else pl.Series(values.data)


def _values(series: pl.Series, kind: Kind, categories: tuple[str, ...]) -> Values:
    if kind is Kind.TEXT:
        data = np.empty(len(series), dtype=object)
        data[:] = series.to_list()
        return Values(kind, data)
    return Values(kind, series.to_numpy(), categories)


def _pieces(codes: Array, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of at least *size* rows, the last maybe fewer, that begin and end with a customer; one range of none."""
    begins = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
    first = 0
    while first < len(codes) or first == 0:
        place = int(np.searchsorted(begins, first + size))
        last = int(begins[place]) if place < len(begins) else len(codes)
        yield first, last
        if last == len(codes):
            return
        first = last

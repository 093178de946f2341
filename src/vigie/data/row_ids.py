"""What identifies a row: its declared id, or 128 bits of all that it contains.

The hash is our own arithmetic on the values, and no library's: ids are kept in the lake, and a new release of a library
must not make every old event look new. It does not depend on the order of the columns, and a null adds nothing to it, so
that a column that appears later leaves the ids of rows without a value as they were.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

_Words = np.ndarray[Any, np.dtype[np.uint64]]

_GOLDEN, _M1, _M2 = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_S30, _S27, _S31 = (np.uint64(n) for n in (30, 27, 31))


def content_ids(frame: pl.DataFrame) -> pl.Series:
    """The hash of each row, 32 hexadecimal digits: sums over the columns of SplitMix64-mixed values, in two lanes.

    Args:
        frame: The source's columns in the lake's types (strings, float64, booleans, timestamps in µs).
    """
    high, low = np.zeros(frame.height, dtype=np.uint64), np.zeros(frame.height, dtype=np.uint64)
    for name in frame.columns:
        column = frame[name]
        salt = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=16).digest(), dtype="<u8")
        first, second = _bits(column)
        there = column.is_not_null().to_numpy()
        high += np.where(there, _mixed(first ^ salt[0]), np.uint64(0))
        low += np.where(there, _mixed(second ^ salt[1]), np.uint64(0))
    words = np.stack([_mixed(high), _mixed(low)], axis=1).astype(">u8")
    digits = binascii.hexlify(words.tobytes())
    offsets = np.arange(frame.height + 1, dtype=np.int64) * 32
    array = pa.LargeStringArray.from_buffers(frame.height, pa.py_buffer(offsets), pa.py_buffer(digits))
    return pl.Series("_id", pl.from_arrow(array), dtype=pl.String)


def declared_ids(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """The values of the id columns as one text; several are joined by ``|``.

    Args:
        frame: Rows in which none of *columns* is null.
        columns: The id columns.
    """
    if len(columns) == 1:
        return frame[columns[0]].cast(pl.String).alias("_id")
    # Escaped, so that ("a|b", "c") and ("a", "b|c") stay apart.
    parts = [
        pl.col(column)
        .cast(pl.String)
        .str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all("|", "\\|", literal=True)
        for column in columns
    ]
    return frame.select(pl.concat_str(parts, separator="|").alias("_id")).to_series()


def _bits(column: pl.Series) -> tuple[_Words, _Words]:
    if column.dtype == pl.String:
        return _text_bits(column)
    if column.dtype.is_float():
        numbers = column.fill_null(0.0).to_numpy() + 0.0  # -0.0 is 0.0
        bits = np.ascontiguousarray(numbers, dtype=np.float64).view(np.uint64)
    else:
        bits = np.ascontiguousarray(column.cast(pl.Int64).fill_null(0).to_numpy(), dtype=np.int64).view(np.uint64)
    return bits, bits + _GOLDEN


def _text_bits(column: pl.Series) -> tuple[_Words, _Words]:
    """Tabulation hash (Zobrist 1970) of each distinct text: the sum of one word for each byte at its position."""
    encoded = column.fill_null("").to_arrow().dictionary_encode()
    texts = encoded.dictionary.cast(pa.large_binary())
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[: len(texts) + 1]
    raw = np.frombuffer(data, dtype=np.uint8)[: ends[-1]] if data is not None else np.zeros(0, dtype=np.uint8)
    lengths = np.diff(ends)
    position = np.arange(len(raw), dtype=np.int64) - np.repeat(ends[:-1], lengths)
    cell = np.minimum(position, _POSITIONS - 1) * 256 + raw
    lanes = []
    for lane in range(2):
        sums = np.concatenate(([np.uint64(0)], np.cumsum(_TABLES[lane][cell], dtype=np.uint64)))
        lanes.append(sums[ends[1:]] - sums[ends[:-1]])
    for long in np.flatnonzero(lengths > _POSITIONS):
        digest = np.frombuffer(hashlib.blake2b(texts[int(long)].as_py(), digest_size=16).digest(), dtype="<u8")
        lanes[0][long], lanes[1][long] = digest
    index = encoded.indices.to_numpy(zero_copy_only=False)
    return lanes[0][index], lanes[1][index]


def _mixed(x: _Words) -> _Words:
    """SplitMix64 (Steele, Lea, Flood 2014): every bit of the input reaches every bit of the output."""
    x = x + _GOLDEN
    x = (x ^ (x >> _S30)) * _M1
    x = (x ^ (x >> _S27)) * _M2
    mixed: _Words = x ^ (x >> _S31)
    return mixed


_POSITIONS = 128
"""Bytes up to which a text is hashed by table; a longer one by BLAKE2b."""
_TABLES = _mixed(_mixed(np.arange(2 * _POSITIONS * 256, dtype=np.uint64))).reshape(2, -1)

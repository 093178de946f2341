"""Strings as two 64-bit words each: those of at most 12 bytes, and those of 32 hexadecimal digits.

Keys and ids are mostly of these two forms. Words are compared, hashed and moved about many times faster than strings.
"""

from __future__ import annotations

import binascii

import numpy as np
import polars as pl
import pyarrow as pa

from vigie.features.values import Array

SHORT = 12
"""Bytes of a short string: its words are its length, 4 bytes, and these, zeros behind its end."""
_DIGITS = 32
_ODD = np.uint64(0x9E3779B97F4A7C15)


def is_short(strings: pl.Series) -> bool:
    """Whether all *strings*, no null, have two words by their length."""
    longest = strings.str.len_bytes().max()
    return longest is None or int(str(longest)) <= SHORT


def short_words(strings: pl.Series) -> Array:
    """The words of short strings: shape (n, 2), uint64."""
    array = strings.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    # Arrow lays a string view of at most 12 bytes out just so.
    views = np.frombuffer(array.buffers()[1], dtype=np.uint64, count=2 * (array.offset + len(array)))
    words = views.reshape(-1, 2)[array.offset :]
    return np.asarray(words & _MASKS[words[:, 0] & np.uint64(0xFFFF_FFFF)])


def strings_of_short(words: Array) -> pl.Series:
    """The strings whose words these are."""
    sizes = (words[:, 0] & np.uint64(0xFFFF_FFFF)).astype(np.int64)
    raw = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 16)[:, 4:]
    return text_series(raw[np.arange(SHORT) < sizes[:, None]], sizes)


def hex_words(strings: pl.Series) -> Array | None:
    """The words of *strings*, no null, if all are 32 hexadecimal digits in small letters: shape (n, 2), uint64."""
    array = strings.to_arrow(compat_level=pl.CompatLevel.oldest())
    offsets, data = _buffers(array)
    if len(data) != _DIGITS * len(strings) or np.any(np.diff(offsets) != _DIGITS):
        return None
    # Capitals have bit 6 and not bit 5; they mean the same digit, and are another string.
    eight = data.view(np.uint64)
    if np.any((eight >> np.uint64(1)) & ~eight & np.uint64(0x2020_2020_2020_2020)):
        return None
    try:
        return np.frombuffer(binascii.unhexlify(data.tobytes()), dtype=np.uint64).reshape(-1, 2)
    except binascii.Error:
        return None


def strings_of_hex(words: Array) -> pl.Series:
    """The strings whose words these are."""
    digits = np.frombuffer(binascii.hexlify(np.ascontiguousarray(words).tobytes()), dtype=np.uint8)
    return text_series(digits, np.full(len(words), _DIGITS, dtype=np.int64))


def hashed(words: Array) -> Array:
    """A hash of two words: uint64, shape (n,), equal for equal words."""
    x = (words[:, 0] ^ (words[:, 0] >> np.uint64(32))) * _ODD
    x = (x ^ (x >> np.uint64(29)) ^ words[:, 1]) * _ODD
    return np.asarray((x ^ (x >> np.uint64(32))) * _ODD)


def text_bytes(strings: pl.Series) -> tuple[Array, Array]:
    """All bytes of *strings* one after the other, uint8, and how many each has: int32, −1 for null."""
    offsets, data = _buffers(strings.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest()))
    sizes = np.diff(offsets).astype(np.int32)
    if strings.null_count():
        sizes[strings.is_null().to_numpy()] = -1
    return data, sizes


def text_series(data: Array, sizes: Array) -> pl.Series:
    """The strings that :func:`text_bytes` wrote."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(np.maximum(sizes, 0), out=offsets[1:])
    buffers = pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))
    strings = pl.Series(pl.from_arrow(pa.LargeStringArray.from_buffers(len(sizes), *buffers)), dtype=pl.String)
    nulls = np.less(sizes, 0)
    return strings if not nulls.any() else pl.select(pl.when(pl.Series(~nulls)).then(strings)).to_series()


def _buffers(array: pa.Array | pa.ChunkedArray) -> tuple[Array, Array]:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64, count=array.offset + len(array) + 1)[array.offset :]
    data = array.buffers()[2]
    bytes_ = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return offsets - offsets[0], bytes_[offsets[0] : offsets[-1]]


def _masks() -> Array:
    masks = np.zeros((SHORT + 1, 16), dtype=np.uint8)
    masks[:, :4] = 255
    for size in range(SHORT + 1):
        masks[size, 4 : 4 + size] = 255
    return masks.view(np.uint64)


_MASKS = _masks()

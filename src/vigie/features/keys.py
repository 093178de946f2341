"""Keys of customers: strings in order, and whole numbers on the way there because they are faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from vigie.features.values import Array
from vigie.features.words import hashed, strings_of_short


def is_whole(key: str) -> bool:
    """Whether a key is how a whole number is written.

    >>> is_whole("-7"), is_whole("07"), is_whole("7.0")
    (True, False, False)
    """
    digits = key.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 19 and str(int(key)) == key and _fits(int(key))


def _fits(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 63


def stable_hash(keys: pl.Series) -> Array:
    """A hash of Int64 or String keys, no null, that is the same on every machine and in every release: uint64.

    Polars' own hash is faster; it promises neither.
    """
    if keys.dtype == pl.Int64:
        return _mixed(keys.to_numpy().view(np.uint64))
    binary = keys.cast(pl.Binary)
    sizes = binary.bin.size().to_numpy().astype(np.int64)
    data = np.frombuffer(b"".join(binary.to_list()) + b"\0" * 8, dtype=np.uint8)
    starts = np.cumsum(sizes) - sizes
    found = _mixed(sizes.astype(np.uint64))
    for begin in range(0, int(sizes.max(initial=0)), 8):
        # Eight bytes of every key that is so long, zeros behind its end.
        longer = np.flatnonzero(sizes > begin)
        bytes_ = data[(starts[longer] + begin)[:, None] + np.arange(8)]
        bytes_[np.arange(8) >= (sizes[longer] - begin)[:, None]] = 0
        found[longer] = _mixed(found[longer] ^ bytes_.view("<u8")[:, 0])
    return found


def _mixed(x: Array) -> Array:
    """SplitMix64 (Steele, Lea, Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


KeyColumn = Array | pl.Series
"""Keys: int64 of shape (n,); words of short strings, uint64 of shape (n, 2); or strings."""


def customers_of(keys: Sequence[KeyColumn]) -> tuple[Array, list[Array]]:
    """All keys once, as sorted strings, and the code of each row's key."""
    arrays = [key for key in keys if not isinstance(key, pl.Series)]
    if len(arrays) == len(keys):
        if all(key.ndim == 1 for key in arrays):
            return _whole_customers(arrays)
        if all(key.ndim == 2 for key in arrays):
            return _short_customers(arrays)
    texts = [_texts(key) for key in keys]
    unique = pl.concat([series.unique() for series in texts]).unique().sort()
    codes = [series.cast(pl.Enum(unique)).to_physical().to_numpy() for series in texts]
    return _strings(unique), [code.astype(np.int64) for code in codes]


def _texts(key: KeyColumn) -> pl.Series:
    if isinstance(key, pl.Series):
        return key.cast(pl.String)
    return strings_of_short(key) if key.ndim == 2 else pl.Series(key).cast(pl.String)


def _short_customers(keys: list[Array]) -> tuple[Array, list[Array]]:
    words = np.concatenate(keys)
    if not len(words):
        return np.empty(0, dtype=object), [np.zeros(0, dtype=np.int64) for _ in keys]
    place, begins = _grouped(words)
    unique = words[place[begins]]
    texts = strings_of_short(unique)
    order = texts.arg_sort().to_numpy()
    rank = np.empty(len(unique), dtype=np.int64)
    rank[order] = np.arange(len(unique))
    codes = np.empty(len(words), dtype=np.int64)
    codes[place] = np.repeat(rank, np.diff(np.append(begins, len(words))))
    return _strings(texts[order]), np.split(codes, np.cumsum([len(key) for key in keys])[:-1])


def _grouped(words: Array) -> tuple[Array, Array]:
    """Positions in an order in which equal words follow each other, and where each group begins."""
    n = len(words)
    place_bits = np.uint64((n - 1).bit_length())
    # The upper bits of a hash and the position in one integer: sorting values is several times faster than sorting
    # positions.
    mixed = (hashed(words) >> place_bits << place_bits) | np.arange(n, dtype=np.uint64)
    mixed.sort()
    place = (mixed & ((np.uint64(1) << place_bits) - np.uint64(1))).astype(np.int64)
    same_hash = (mixed[1:] >> place_bits) == (mixed[:-1] >> place_bits)
    sorted_words = words[place]
    same = _same_as_last(sorted_words)
    if not np.array_equal(same, same_hash):  # two keys of one hash
        place = np.lexsort((words[:, 1], words[:, 0]))
        sorted_words = words[place]
        same = _same_as_last(sorted_words)
    return place, np.flatnonzero(np.append(True, ~same))


def _same_as_last(words: Array) -> Array:
    return np.asarray((words[1:, 0] == words[:-1, 0]) & (words[1:, 1] == words[:-1, 1]))


def _whole_customers(keys: list[Array]) -> tuple[Array, list[Array]]:
    full = [key for key in keys if len(key)]
    if not full:
        return np.empty(0, dtype=object), [np.zeros(0, dtype=np.int64) for _ in keys]
    low, high = min(int(key.min()) for key in full), max(int(key.max()) for key in full)
    narrow = high - low < 8 * sum(len(key) for key in full) + 1_000_000
    if narrow:
        # A narrow range: a table of flags is faster than sorting.
        there = np.zeros(high - low + 1, dtype=bool)
        for key in full:
            there[key - low] = True
        unique = np.flatnonzero(there) + low
    else:
        unique = np.unique(np.concatenate(full))
    texts = pl.Series(unique).cast(pl.String)
    order = texts.arg_sort().to_numpy()
    rank = np.empty(len(unique), dtype=np.int64)
    rank[order] = np.arange(len(unique))
    if narrow:
        table = np.zeros(high - low + 1, dtype=np.int32)
        table[unique - low] = rank
        codes = [table[key - low] for key in keys]
    else:
        codes = [rank[np.searchsorted(unique, key)] for key in keys]
    return _strings(texts[order]), codes


def _strings(series: pl.Series) -> Array:
    found = np.empty(len(series), dtype=object)
    found[:] = series.to_list()
    return found

"""Events of one customer as bytes, and back.

A run is MessagePack of one of two forms, told apart by its first element:

* :class:`Arrived`: a few events as they came, row by row. Cheap to write, one for each customer of a batch.
* :class:`Settled`: many events in canonical order, each once, column by column, as little-endian arrays that are read
  where they lie. Ids stand at the end and are not looked at for computing features.

A run has no key and no table but its own: texts are inline, so nothing of a customer is kept anywhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import numpy as np

from vigie.definition.kind import Kind
from vigie.errors import FeatureError
from vigie.features.values import NULL_TIME, Array

EVER = int(np.iinfo(np.int64).min)
"""Since when a row is known that is true always."""
NEVER = int(np.iinfo(np.int64).max)
"""Since when a customer is known of whom nothing is known."""

HAS_NULLS = 1
"""Bit of :attr:`Column.flags`: some values are null."""
OFF_GRID = 2
"""Bit of :attr:`Column.flags`: some numbers are not multiples of 2**-52, so that sums must round them."""

Row = Sequence[Any]
"""``(time, id, known_at, value of each column)``: NUMBER and BOOLEAN as ``float`` (NaN is null), TIME as ``int``, CATEGORY and
TEXT as ``str`` or ``None``."""

_FORMS = {Kind.NUMBER: "d", Kind.TIME: "q", Kind.BOOLEAN: "b", Kind.CATEGORY: "h"}
_LARGEST_DICTIONARY = 1 << 15


class Column(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A column of a settled run.

    Attributes:
        data: NUMBER: float64. TIME: int64. BOOLEAN: int8, −1 is null. CATEGORY: int16 codes into *words*, −1 is null. TEXT:
            MessagePack of a list.
        words: The texts of a CATEGORY.
        flags: Of :data:`HAS_NULLS` and :data:`OFF_GRID`.
    """

    data: memoryview
    words: list[str]
    flags: int


class Arrived(msgspec.Struct, array_like=True, tag=1, frozen=True, gc=False):
    """Events of one customer in order of arrival.

    Attributes:
        since: First moment at which anything was known of the customer, these events included.
        older: Whether there are runs of this customer in the table of older ones.
        rows: The events.
    """

    since: int
    older: bool
    rows: list[list[Any]]


class Settled(msgspec.Struct, array_like=True, tag=2, frozen=True, gc=False):
    """Events of one customer in canonical order (time, then id), each once; or versions of a row, in order of time.

    Attributes:
        since: First moment at which anything was known of the customer, events included that are gone.
        older: Whether there are runs of this customer in the table of older ones.
        times: int64 µs.
        known: int64 µs, when each became known; ``None``: when it happened.
        columns: In the order of the holding's columns.
        ids: See :func:`packed_ids`; ``None``: each event is another one.
    """

    since: int
    older: bool
    times: memoryview
    known: memoryview | None
    columns: list[Column]
    ids: memoryview | None

    def __len__(self) -> int:
        return len(self.times) // 8


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Arrived | Settled)
_plain = msgspec.msgpack.Decoder(list[Any])

encode = _encoder.encode
"""A run as bytes."""


def decode(data: bytes) -> Arrived | Settled:
    """The run in *data*; the arrays of a settled one lie in *data* itself.

    Raises:
        FeatureError: It is none.
    """
    try:
        run: Arrived | Settled = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FeatureError(
            f"a run of the online store cannot be read: {error}",
            remedy="it may be of a newer version of Vigie: use that, or drop the table and materialise it again",
        ) from error
    return run


# -- arrays ----------------------------------------------------------------------------------------------------------


def view(data: memoryview, form: str) -> Any:
    """The items of an array as a sequence of Python numbers, read where they lie; *form* as of :mod:`struct`."""
    if sys.byteorder == "big" and form != "b":  # pragma: no cover
        return memoryview(cast("Any", array(data, form).astype(f"={_CODES[form]}")))
    return data.cast(cast("Any", form))


_CODES = {"d": "f8", "q": "i8", "b": "i1", "h": "i2"}


def array(data: memoryview | bytes, form: str) -> Array:
    """The items of an array, read where they lie."""
    return np.frombuffer(data, f"<{_CODES[form]}")


def raw(items: Array, form: str) -> memoryview:
    """An array as it stands in a run."""
    return memoryview(cast("Any", np.ascontiguousarray(items, f"<{_CODES[form]}"))).cast("B")


def times_of(times: Sequence[int] | Array) -> memoryview:
    """Moments as they stand in a run."""
    return raw(np.array(times, dtype=np.int64), "q")


def form_of(kind: Kind) -> str:
    """How values of a kind are stored, as of :mod:`struct`; TEXT has no form."""
    return _FORMS[kind]


# -- columns ---------------------------------------------------------------------------------------------------------


def flags_of(data: Array) -> int:
    """Flags of numbers."""
    null = np.isnan(data)
    small = np.abs(np.where(null, 1.0, data)) < 1.0
    scaled = np.ldexp(data[small], 52)
    return (HAS_NULLS if null.any() else 0) | (OFF_GRID if (scaled != np.rint(scaled)).any() else 0)


def column_of(kind: Kind, items: Sequence[Any]) -> Column:
    """A column from values as in a :data:`Row`."""
    match kind:
        case Kind.NUMBER:
            data = np.array(items, dtype=np.float64)
            return Column(raw(data, "d"), [], flags_of(data))
        case Kind.BOOLEAN:
            codes = [-1 if value != value else int(value) for value in items]
            return Column(raw(np.array(codes, dtype=np.int8), "b"), [], HAS_NULLS if -1 in codes else 0)
        case Kind.TIME:
            return Column(times_of(items), [], HAS_NULLS if NULL_TIME in items else 0)
        case Kind.CATEGORY:
            words: dict[str, int] = {}
            codes = [-1 if text is None else words.setdefault(text, len(words)) for text in items]
            if len(words) > _LARGEST_DICTIONARY:
                raise AssertionError("a run is cut long before")  # pragma: no cover
            return Column(raw(np.array(codes, dtype=np.int16), "h"), list(words), HAS_NULLS if -1 in codes else 0)
        case Kind.TEXT:
            return Column(memoryview(encode(list(items))), [], HAS_NULLS if None in items else 0)


def items_of(kind: Kind, column: Column) -> list[Any]:
    """The values of a column as in a :data:`Row`."""
    match kind:
        case Kind.NUMBER | Kind.TIME:
            return cast("list[Any]", view(column.data, form_of(kind)).tolist())
        case Kind.BOOLEAN:
            known = (0.0, 1.0, float("nan"))
            return [known[code] for code in view(column.data, "b").tolist()]
        case Kind.CATEGORY:
            texts = [*column.words, None]
            return [texts[code] for code in view(column.data, "h").tolist()]
        case Kind.TEXT:
            return _plain.decode(column.data)


# -- ids -------------------------------------------------------------------------------------------------------------

Key = int | str
"""An id that is how a whole number is written, as that number; any other as it is. Equal exactly for equal ids."""

_MOST = 10**18


def key_of(id: str) -> Key:
    """An id in the form in which ids are compared.

    >>> key_of("-7"), key_of("07")
    (-7, '07')
    """
    try:
        number = int(id)
    except ValueError:
        return id
    return number if -_MOST < number < _MOST and str(number) == id else id


def order_of(key: Key) -> tuple[int, int, str]:
    """Sorting key: whole numbers by value, then all others as text; as :func:`vigie.features.history.id_order`."""
    return (0, key, "") if isinstance(key, int) else (1, 0, key)


def keys_of(ids: Sequence[str]) -> list[Key]:
    """Many ids in the form in which they are compared."""
    try:
        numbers = list(map(int, ids))
    except ValueError:
        return [key_of(text) for text in ids]
    if list(map(str, numbers)) == list(ids) and all(-_MOST < number < _MOST for number in numbers):
        return list(numbers)
    return [key_of(text) for text in ids]


def packed_ids(keys: Sequence[Key]) -> memoryview:
    """Ids as they stand in a run: a letter for how, then 8 bytes each (numbers), 16 (hexadecimal hashes), or a list."""
    if not keys or isinstance(keys[0], int):
        try:
            return memoryview(b"n" + np.array(keys, dtype="<i8").tobytes()) if _all_numbers(keys) else _listed(keys)
        except OverflowError:  # pragma: no cover - key_of keeps them below
            return _listed(keys)
    joined = "".join(map(str, keys))
    if len(joined) == 32 * len(keys) and all(isinstance(key, str) and len(key) == 32 for key in keys):
        try:
            digits = bytes.fromhex(joined)
        except ValueError:
            return _listed(keys)
        if digits.hex() == joined:
            return memoryview(b"h" + digits)
    return _listed(keys)


def _all_numbers(keys: Sequence[Key]) -> bool:
    return all(type(key) is int for key in keys)


def _listed(keys: Sequence[Key]) -> memoryview:
    return memoryview(b"l" + encode(list(keys)))


def unpacked_ids(ids: memoryview) -> list[Key]:
    """The ids that :func:`packed_ids` packed."""
    form, rest = bytes(ids[:1]), ids[1:]
    if form == b"n":
        numbers: list[Key] = np.frombuffer(rest, "<i8").tolist()
        return numbers
    if form == b"h":
        digits = rest.hex()
        return [digits[i : i + 32] for i in range(0, len(digits), 32)]
    return _plain.decode(rest)

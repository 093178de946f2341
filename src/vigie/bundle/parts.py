"""Models of segments in a bundle: thousands of them in two files, each opened when it is first asked.

A part is packed once, where it was fitted: encoder, calibration, model and a few customers with their answers become one
run of bytes, which is read back and asked for those answers before it counts. From then on a bundle carries the bytes.
``parts.json`` lists the segments with the SHA-256 of each run; ``parts.bin`` holds the runs, compressed. The bundle's hash
covers the former, not how the compressor of a machine writes the latter, so that equal parts give equal hashes anywhere.
"""

from __future__ import annotations

import hashlib
import math
import struct
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from vigie.bundle.bundle import Bundle, Part, PartGolden
from vigie.bundle.calibration import Calibration
from vigie.bundle.encoder import Encoder
from vigie.bundle.model import Model
from vigie.bundle.stored import read_stored, stored
from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.errors import BundleError, FeatureError, InputError
from vigie.features.values import Columns, Values

PARTS, PACKED = "parts.json", "parts.bin"
"""Files of a bundle that has segments: what there is, and the parts themselves."""

GOLDEN = 3
"""Customers of a segment that are kept with its part; to them comes one with every value missing."""

TOLERANCE = 1e-12
"""Largest difference, absolute or relative, of an answer: what another processor's rounding may do."""

_LENGTH = struct.Struct("<Q")
_MOST = 1 << 30
"""Bytes of one unpacked part, at most."""


class _Packed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    encoder: list[Any]
    calibration: Calibration
    files: dict[str, bytes]
    golden: list[PartGolden]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str
    sha256: str


class _Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: str
    definition: dict[str, Any] | None
    parts: list[_Entry]


class _Kind(msgspec.Struct, frozen=True):
    kind: str


class StoredPart(Part):
    """A part as bytes: encoder and model are made when they are first asked for, and checked then.

    Args:
        value: The segment.
        packed: As :func:`pack` made it.
        sha256: Of the bytes unpacked.
    """

    def __init__(self, value: str, packed: bytes, sha256: str) -> None:
        put = object.__setattr__
        put(self, "value", value)
        put(self, "packed", packed)
        put(self, "sha256", sha256)
        put(self, "_lock", threading.Lock())
        put(self, "_whole", None)

    packed: bytes
    sha256: str
    _lock: threading.Lock
    _whole: Part | None

    @property
    def opened(self) -> Part:
        """The part itself.

        Raises:
            BundleError: It is not what was packed, or gives another answer than then.
        """
        if self._whole is None:
            with self._lock:
                if self._whole is None:
                    object.__setattr__(self, "_whole", _opened(self.value, self.unpacked()))
        assert self._whole is not None
        return self._whole

    def unpacked(self) -> bytes:
        """The bytes as they were before compression.

        Raises:
            BundleError: They are not what was packed.
        """
        reader = zlib.decompressobj()
        try:
            data = reader.decompress(self.packed, _MOST)
        except zlib.error as error:
            raise _broken(self.value) from error
        whole = reader.eof and not reader.unused_data and not reader.unconsumed_tail
        if not whole or hashlib.sha256(data).hexdigest() != self.sha256:
            raise _broken(self.value)
        return data

    @property
    def encoder(self) -> Encoder:
        return self.opened.encoder

    @property
    def model(self) -> Model:
        return self.opened.model

    @property
    def calibration(self) -> Calibration:
        return self.opened.calibration

    @property
    def golden(self) -> tuple[PartGolden, ...]:
        return self.opened.golden

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredPart, (self.value, self.packed, self.sha256)


def _broken(value: str) -> BundleError:
    return BundleError(
        f"the model of segment '{value}' is not what was written",
        where=PACKED,
        remedy="fetch the bundle again from the registry",
    )


# -- packing and opening -----------------------------------------------------------------------------------------------


def pack(part: Part) -> StoredPart:
    """*part* as bytes that were read back and gave its answers.

    Raises:
        BundleError: It has no golden predictions, or does not give them when it is read back.
    """
    if isinstance(part, StoredPart):
        return part
    if not part.golden:
        raise BundleError(
            f"the model of segment '{part.value}' has no golden predictions",
            where=PACKED,
            remedy="make them with with_golden(bundle, columns)",
        )
    data = msgspec.msgpack.encode(
        _Packed(part.encoder.to_data(), part.calibration, part.model.to_files(), list(part.golden)), order="sorted"
    )
    _opened(part.value, data)
    return StoredPart(part.value, zlib.compress(data, 6), hashlib.sha256(data).hexdigest())


def _model_kind(word: str) -> type[Model]:
    """The class of a model by its word.

    Raises:
        BundleError: No model has such a word.
    """
    from vigie.bundle.format import MODELS

    if word not in MODELS:
        raise BundleError(f"no such model: '{word}'", where=PACKED, remedy="upgrade vigie")
    return MODELS[word]


def _opened(value: str, data: bytes) -> Part:
    try:
        found = msgspec.msgpack.decode(data, type=_Packed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"the model of segment '{value}' cannot be read: {error}", where=PACKED) from error
    model = _model_kind(read_stored(found.files, "model.json", _Kind).kind).from_files(found.files)
    part = Part(value, Encoder.from_data(found.encoder), model, found.calibration, tuple(found.golden))
    model.check(part.encoder.width)
    _replay(part)
    return part


def _replay(part: Part) -> None:
    """Asks for every golden prediction of *part* again.

    Raises:
        BundleError: There are none, or an answer is another one.
    """
    if not part.golden:
        raise BundleError(f"the model of segment '{part.value}' has no golden predictions", where=PACKED)
    answer = part_row(part)
    for golden in part.golden:
        found = answer(golden.values)
        if not math.isclose(found, golden.probability, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            raise BundleError(
                f"segment '{part.value}': a golden probability is {found!r} and was {golden.probability!r}",
                where=PACKED,
                remedy="the bundle was changed, or a library computes something else here: do not serve it",
            )


def with_part_golden(part: Part, columns: Columns) -> Part:
    """*part* with golden predictions made from customers of its segment; one that has some stays as it is.

    Args:
        part: Whole but for its golden predictions.
        columns: Inputs of customers of the segment by name, n ≥ 1 each.
    """
    if isinstance(part, StoredPart) or part.golden:
        return part
    answer = part_row(part)
    inputs = {name: columns[name] for name in part.encoder.input_names}
    n = len(next(iter(columns.values())))
    picked = np.unique(np.linspace(0, n - 1, GOLDEN).round().astype(np.intp))
    taken = {name: values.take(picked).to_list() for name, values in inputs.items()}
    customers = [{name: values[i] for name, values in taken.items()} for i in range(len(picked))]
    customers.append(dict.fromkeys(inputs))
    return replace(part, golden=tuple(PartGolden(values, answer(values)) for values in customers))


# -- answering ---------------------------------------------------------------------------------------------------------


def part_row(part: Part) -> Callable[[Mapping[str, Any]], float]:
    """A function from one customer's values to the calibrated probability."""
    encode, model, calibrate = part.encoder.row, part.model.row(), part.calibration.row()
    return lambda values: calibrate(model(encode(values)))


def part_probability(part: Part, columns: Columns, n: int) -> Array:
    """Calibrated probability of *n* customers of the segment, shape (n,).

    Raises:
        FeatureError: A column is missing or of another kind.
    """
    return part.calibration.apply(part.model.probability(part.encoder.transform(columns, n)))


def own_rows(by: Values, values: Sequence[str]) -> list[tuple[int, Array]]:
    """Who belongs to a segment that has a model of its own.

    Args:
        by: The segment of each customer, a CATEGORY.
        values: Segments with a model of their own, each once.

    Returns:
        For each of them that somebody belongs to: its position in *values*, and the customers' positions, increasing.
    """
    place = {value: i for i, value in enumerate(values)}
    # The last entry is what a null's code, −1, finds.
    table = np.array([place.get(text, -1) for text in by.categories] + [-1], dtype=np.int64)
    which = table[by.data]
    order = np.argsort(which, kind="stable")
    begins = np.searchsorted(which[order], np.arange(len(values)), side="left")
    ends = np.searchsorted(which[order], np.arange(len(values)), side="right")
    return [(i, order[b:e]) for i, (b, e) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)) if e > b]


def with_parts(probability: Array, parts: Sequence[Part], by: Values, columns: Columns) -> Array:
    """Probabilities of the common model, replaced for customers whose segment has a model of its own.

    Args:
        probability: Calibrated, of the common model, shape (n,); left as it is.
        parts: Models of segments.
        by: The segment of each customer, a CATEGORY.
        columns: Inputs by name, *n* values each.

    Raises:
        InputError: A column is missing or of another kind.
        BundleError: A part that is opened for this is broken.
    """
    out = np.array(probability, dtype=np.float64)
    for i, rows in own_rows(by, [part.value for part in parts]):
        part = parts[i]
        try:
            taken = {name: columns[name].take(rows) for name in part.encoder.input_names}
            out[rows] = part_probability(part, taken, len(rows))
        except KeyError as error:
            raise InputError("no values are given", field=str(error.args[0])) from error
        except FeatureError as error:
            raise InputError(error.what, field=error.where or "values", remedy=error.remedy) from error
    return out


def check_parts(bundle: Bundle) -> None:
    """Whether segments, inputs and parts of *bundle* fit together. Parts that are still packed are checked when opened.

    Raises:
        BundleError: They do not.
    """
    if not bundle.by:
        if bundle.parts or bundle.by_definition is not None:
            raise BundleError("models of segments, and nothing says whose they are", where=PARTS)
        return
    kinds = {given.name: given.kind for given in bundle.inputs}
    if kinds.get(bundle.by) is not Kind.CATEGORY:
        raise BundleError(f"'{bundle.by}' divides customers and is no input that is a category", where=PARTS)
    values = [part.value for part in bundle.parts]
    if any(one >= other for one, other in pairwise(values)):
        raise BundleError("segments are not in order, or one is there twice", where=PARTS)
    for part in bundle.parts:
        if not isinstance(part, StoredPart):
            check_part(part, kinds)


def check_part(part: Part, kinds: Mapping[str, Kind]) -> None:
    """Whether the model of *part* reads inputs that there are, of kinds *kinds*.

    Raises:
        BundleError: It does not.
    """
    part.model.check(part.encoder.width)
    for column in part.encoder.columns:
        kind = getattr(column, "kind", Kind.CATEGORY)
        if kinds.get(column.name) is not kind:
            raise BundleError(f"segment '{part.value}' reads '{column.name}' as a {kind}", where=PARTS)


# -- files -------------------------------------------------------------------------------------------------------------


def parts_to_files(bundle: Bundle) -> dict[str, bytes]:
    """``parts.json`` and ``parts.bin``; nothing where the score has no segments.

    Raises:
        BundleError: A part has no golden predictions, or does not give them when it is read back.
    """
    if not bundle.by:
        return {}
    packed = [pack(part) for part in bundle.parts]
    definition = dict(bundle.by_definition) if bundle.by_definition is not None else None
    index = _Parts(bundle.by, definition, [_Entry(part.value, part.sha256) for part in packed])
    runs = (piece for part in packed for piece in (_LENGTH.pack(len(part.packed)), part.packed))
    return {PARTS: stored(index), PACKED: b"".join(runs)}


def parts_from_files(files: Mapping[str, bytes]) -> tuple[str, Mapping[str, Any] | None, tuple[Part, ...]]:
    """``by``, its definition and the parts, each unpacked once and found to be what was written.

    Raises:
        BundleError: Something is missing, left over or broken.
    """
    if PARTS not in files:
        if PACKED in files:
            raise BundleError(f"{PACKED} does not belong to the bundle", where=PACKED)
        return "", None, ()
    index = read_stored(files, PARTS, _Parts)
    data, position = files.get(PACKED), 0
    if data is None:
        raise BundleError(f"{PACKED} is missing", where=PACKED, remedy="fetch the bundle again from the registry")
    found: list[Part] = []
    for entry in index.parts:
        begin = position + _LENGTH.size
        if begin > len(data):
            raise _broken(entry.value)
        (length,) = _LENGTH.unpack_from(data, position)
        position = begin + length
        part = StoredPart(entry.value, data[begin:position], entry.sha256)
        part.unpacked()
        found.append(part)
    if position != len(data):
        raise BundleError(f"{PACKED} has more than its parts", where=PACKED)
    return index.by, index.definition, tuple(found)

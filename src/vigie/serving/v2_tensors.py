"""Tensors of the Open Inference Protocol (V2), read into columns and written from them.

A tensor holds one value a row: its shape is ``[n]`` or ``[n, 1]``. In JSON its values stand in ``data``; with the
extension *binary tensor data* of Triton they stand behind the JSON, and ``binary_data_size`` says how many bytes are of
this tensor. Numbers are little endian, a text is its length in four bytes and its UTF-8.

JSON has null for what is not known. Binary has not: there NaN is null, and an empty text is null in both, as in a CSV.

Source: Open Inference Protocol, ``inference_rest.md``; Triton's ``extension_binary_data.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from vigie.errors import did_you_mean
from vigie.serving.refusal import RequestError, refused

_NUMPY = {
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
BOOL, BYTES, FP64 = "BOOL", "BYTES", "FP64"
DATATYPES = (BOOL, *_NUMPY, BYTES)
"""What a tensor may be of. ``BF16`` is not: no input of a score is stored so."""

SIZE = "binary_data_size"
_NULL = type(None)
_JSON_TYPES: dict[str, frozenset[type]] = {
    BOOL: frozenset({bool, _NULL}),
    BYTES: frozenset({str, _NULL}),
    **{name: frozenset({int, _NULL} if "INT" in name else {int, float, _NULL}) for name in _NUMPY},
}
_WANTED = {BOOL: "true, false or null", BYTES: "strings or null"}


class RequestTensor(msgspec.Struct, frozen=True):
    """One input, for all rows.

    Attributes:
        name: Of the model's input, or ``customer_id``.
        shape: ``[n]`` or ``[n, 1]``; the same n in all inputs.
        datatype: BOOL, BYTES, FP64, INT64 or a shorter number.
        data: The values; absent where they follow the JSON.
        parameters: ``binary_data_size``: bytes of this tensor behind the JSON; others are ignored.
    """

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class Tail:
    """What stands behind the JSON of a request; the tensors take theirs in order.

    Args:
        body: The whole body.
        start: Where the JSON ends.
    """

    def __init__(self, body: bytes, start: int) -> None:
        self._body, self._at = memoryview(body), start

    def take(self, size: int, path: str) -> memoryview:
        """The next *size* bytes.

        Raises:
            RequestError: So many are not there.
        """
        end = self._at + size
        if end > len(self._body):
            raise refused(
                422, path, f"{size:,} bytes of binary data are announced, {len(self._body) - self._at:,} are left"
            )
        part = self._body[self._at : end]
        self._at = end
        return part

    def end(self) -> None:
        """Returns if everything was taken.

        Raises:
            RequestError: Bytes are left that belong to no tensor.
        """
        if self._at != len(self._body):
            raise refused(422, "body", f"{len(self._body) - self._at:,} bytes behind the JSON belong to no input")


def values_of(tensor: RequestTensor, path: str, tail: Tail) -> list[Any]:
    """The values of a tensor, ``None`` for null.

    Raises:
        RequestError: Shape, datatype and data do not fit each other.
    """
    shape, datatype, data, parameters = tensor.shape, tensor.datatype, tensor.data, tensor.parameters
    wanted = _JSON_TYPES.get(datatype)
    # What nearly all are; the others are looked at one thing after the other.
    if (
        data is not None
        and wanted is not None
        and not parameters
        and shape == [len(data)]
        and wanted.issuperset(map(type, data))
    ):
        return data if datatype != BYTES or "" not in data else [value or None for value in data]
    rows = _rows(tensor, path)
    if wanted is None:
        raise refused(422, f"{path}.datatype", f"{datatype!r} is not read", did_you_mean(datatype, DATATYPES))
    parameters = parameters or {}
    if any(name.startswith("shared_memory") for name in parameters):
        raise refused(422, f"{path}.parameters", "shared memory is not read", "send the data with the request")
    size = parameters.get(SIZE)
    if size is None:
        if tensor.data is None:
            raise refused(
                422, f"{path}.data", "there is no data", f"send data, or {SIZE} and the bytes behind the JSON"
            )
        return _of_json(tensor.data, tensor.datatype, rows, f"{path}.data", len(tensor.shape))
    if type(size) is not int or size < 0:
        raise refused(422, f"{path}.parameters.{SIZE}", f"{size!r} is not a number of bytes")
    if tensor.data is not None:
        raise refused(422, f"{path}.data", f"the data is there twice: here and by {SIZE}")
    found = _of_bytes(tail.take(size, path), tensor.datatype, path)
    if len(found) != rows:
        raise _count(path, len(found), rows)
    return found


def _rows(tensor: RequestTensor, path: str) -> int:
    shape = tensor.shape
    if not 1 <= len(shape) <= 2 or shape[0] < 0 or (len(shape) == 2 and shape[1] != 1):
        raise refused(422, f"{path}.shape", f"{shape} is not [n] or [n, 1]", "send each input as a tensor of its own")
    return shape[0]


def _count(path: str, found: int, rows: int) -> RequestError:
    return refused(422, path, f"{found:,} values for a shape of {rows:,} rows")


def _of_json(data: list[Any], datatype: str, rows: int, path: str, dimensions: int) -> list[Any]:
    # The protocol lets a tensor of two dimensions be flat or nested.
    if dimensions == 2 and data and all(type(row) is list and len(row) == 1 for row in data):
        data = [row[0] for row in data]
    if len(data) != rows:
        raise _count(path, len(data), rows)
    strange = set(map(type, data)) - _JSON_TYPES[datatype]
    if strange:
        at = next(i for i, value in enumerate(data) if type(value) in strange)
        wanted = _WANTED.get(datatype, "whole numbers or null" if "INT" in datatype else "numbers or null")
        raise refused(422, f"{path}[{at}]", f"{data[at]!r} is not of {datatype}", f"send {wanted}")
    if datatype == BYTES:
        return [value or None for value in data]
    return data


def _of_bytes(part: memoryview, datatype: str, path: str) -> list[Any]:
    if datatype == BYTES:
        return _texts(part, path)
    kind = np.dtype("u1" if datatype == BOOL else _NUMPY[datatype])
    if len(part) % kind.itemsize:
        raise refused(422, path, f"{len(part):,} bytes are no whole number of {datatype}")
    array = np.frombuffer(part, kind)
    if datatype == BOOL:
        truths: list[Any] = (array != 0).tolist()
        return truths
    found: list[Any] = array.tolist()
    if kind.kind == "f" and np.isnan(array).any():
        return [value if value == value else None for value in found]
    return found


def _texts(part: memoryview, path: str) -> list[str | None]:
    found: list[str | None] = []
    at, end = 0, len(part)
    while at < end:
        length = int.from_bytes(part[at : at + 4], "little")
        at += 4
        if at + length > end:
            raise refused(422, path, f"text {len(found)} ends behind the tensor", "4 bytes of length, then the text")
        try:
            found.append(str(part[at : at + length], "utf-8") or None)
        except UnicodeDecodeError as error:
            raise refused(422, path, f"text {len(found)} is not UTF-8", "encode texts as UTF-8") from error
        at += length
    return found


def packed(values: Sequence[Any], datatype: str) -> bytes:
    """*values* as binary tensor data: FP64 with NaN for ``None``, or BYTES."""
    if datatype == FP64:
        return np.array([np.nan if value is None else value for value in values], dtype="<f8").tobytes()
    parts: list[bytes] = []
    for value in values:
        text = str(value).encode()
        parts += (len(text).to_bytes(4, "little"), text)
    return b"".join(parts)

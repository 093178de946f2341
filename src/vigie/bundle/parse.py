"""Reads a request's values against the signature."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from vigie.bundle.signature import Input
from vigie.clock import parse_moment
from vigie.definition.kind import Kind
from vigie.errors import InputError, did_you_mean

_EARLIEST, _LATEST = parse_moment("0001-01-01"), parse_moment("9999-12-31T23:59:59.999999")

Reader = Callable[[str, Any], Any]


class InputReader:
    """Checks and converts the values of requests.

    Args:
        inputs: The signature.
        ignored: Names that may be sent and are not read: features of the project that the model does without.
    """

    def __init__(self, inputs: Sequence[Input], ignored: Collection[str] = ()) -> None:
        self._inputs = tuple(inputs)
        self._ignored = frozenset(ignored)
        self._readers: dict[str, Reader] = {given.name: _READERS[given.kind] for given in inputs}
        self._required = tuple(given.name for given in inputs if given.required)

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by input name: NUMBER ``float``, BOOLEAN ``bool``, CATEGORY and TEXT ``str``, TIME ``int`` µs.

        Raises:
            InputError: Names the field and the reason.
        """
        readers = self._readers
        found: dict[str, Any] = {}
        for name, value in values.items():
            if value is None:
                if name in readers or name in self._ignored:
                    continue
                raise _unknown(name, readers)
            reader = readers.get(name)
            if reader is None:
                if name in self._ignored:
                    continue
                raise _unknown(name, readers)
            found[name] = reader(name, value)
        for name in self._required:
            if name not in found:
                what = "is null and may not be" if name in values else "is missing"
                raise InputError(what, field=name, remedy="the decision's money cannot be computed without it")
        return found

    @cached_property
    def shape(self) -> type[msgspec.Struct]:
        """What JSON is decoded into at once where it is sure to fit; :meth:`taken` makes the values of it.

        It takes less than :meth:`read` does, and never more: nothing that is ignored, and of times what they are written
        as. What does not fit it is for :meth:`read`, which says why.
        """
        fields = [(f"x{i}", _SHAPES[given.kind] | None, None) for i, given in enumerate(self._inputs)]
        names = {f"x{i}": given.name for i, given in enumerate(self._inputs)}
        return msgspec.defstruct("Values", fields, rename=names, omit_defaults=True, forbid_unknown_fields=True)

    def taken(self, sent: msgspec.Struct) -> dict[str, Any] | None:
        """What :meth:`read` makes of the values in *sent*; ``None``: it must be asked, and may refuse them.

        Args:
            sent: A :attr:`shape`.
        """
        found: dict[str, Any] = msgspec.to_builtins(sent)
        for name in self._required:
            if name not in found:
                return None
        for name in self._times:
            if name in found:
                try:
                    found[name] = _time(name, found[name])
                except InputError:
                    return None
        return found

    @cached_property
    def _times(self) -> tuple[str, ...]:
        return tuple(given.name for given in self._inputs if given.kind is Kind.TIME)


def _unknown(name: object, known: Mapping[str, Reader]) -> InputError:
    return InputError("the model has no such input", field=str(name), remedy=did_you_mean(str(name), known))


def _wrong(name: str, value: object, wanted: str) -> InputError:
    shown = repr(value)
    return InputError(
        f"{shown if len(shown) <= 60 else shown[:57] + '...'} is a {_WORDS.get(type(value), type(value).__name__)}",
        field=name,
        remedy=f"give {wanted}",
    )


_WORDS: dict[type, str] = {
    bool: "truth value",
    str: "text",
    int: "number",
    float: "number",
    list: "list",
    dict: "set of fields",
}


def _number(name: str, value: Any) -> float:
    kind = type(value)
    if kind is not float:
        if kind is not int:
            raise _wrong(name, value, "a number, or null where it is not known")
        try:
            value = float(value)
        except OverflowError as error:
            raise InputError("the number is too large", field=name) from error
    if not math.isfinite(value):
        raise InputError(f"{value} is not a number", field=name, remedy="give null where it is not known")
    return value  # type: ignore[no-any-return]


def _boolean(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong(name, value, "true, false or null")
    return value


def _text(name: str, value: Any) -> str:
    if type(value) is not str:
        raise _wrong(name, value, "a text, or null where it is not known")
    return value


def _time(name: str, value: Any) -> int:
    moment = value
    if type(value) is str:
        try:
            moment = parse_moment(value)
        except (ValueError, OverflowError) as error:
            raise InputError(
                f"{value[:60]!r} is not a date", field=name, remedy="write it as '2026-01-31' or '2026-01-31T12:00:00Z'"
            ) from error
    elif type(value) is not int:
        raise _wrong(name, value, "an ISO 8601 date, or whole microseconds since 1970-01-01 UTC")
    if not _EARLIEST <= moment <= _LATEST:
        raise InputError("the moment lies outside the years 1 to 9999", field=name, remedy="a time is in microseconds")
    return moment  # type: ignore[no-any-return]


_READERS: dict[Kind, Reader] = {
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.CATEGORY: _text,
    Kind.TEXT: _text,
    Kind.TIME: _time,
}

_SHAPES: dict[Kind, Any] = {
    Kind.NUMBER: float,
    Kind.BOOLEAN: bool,
    Kind.CATEGORY: str,
    Kind.TEXT: str,
    Kind.TIME: int | str,
}

"""Lengths of time: ``days(30)``, ``weeks(1, 4)``, ``hours(12)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

from vigie.errors import DefinitionError

_HOUR = 3_600_000_000
_UNITS = (("d", 24 * _HOUR), ("h", _HOUR), ("m", 60_000_000), ("s", 1_000_000), ("us", 1))


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """A length of time. A window of length *W* at moment *t* is half-open: ``[t − W, t)``; as ``next=``, ``[t, t + W)``.

    Attributes:
        microseconds: Its length; a day is 86,400 s.
    """

    microseconds: int

    @property
    def label(self) -> str:
        """Shortest exact spelling: ``30d``, ``12h``.

        >>> Window(36 * 3_600_000_000).label
        '36h'
        """
        for unit, size in _UNITS:
            if self.microseconds % size == 0:
                return f"{self.microseconds // size}{unit}"
        raise AssertionError("microseconds divide everything")  # pragma: no cover

    def __str__(self) -> str:
        return self.label

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window that :attr:`label` spells: ``7d``, ``36h``, ``90m``, ``30s``.

        Raises:
            DefinitionError: *text* is not a length of time.
        """
        for unit, size in _UNITS:
            number = text.strip().removesuffix(unit)
            if text.strip().endswith(unit) and number.isascii() and number.isdigit() and int(number) > 0:
                return cls(int(number) * size)
        raise DefinitionError(f"{text!r} is not a length of time", remedy="write 7d, 36h, 90m or 30s")


@dataclass(frozen=True, slots=True)
class Windows:
    """Several lengths at once: one feature is made for each."""

    lengths: tuple[Window, ...]


def _windows(unit: str, size: int, counts: tuple[float, ...]) -> Window | Windows:
    if not counts:
        raise DefinitionError(f"{unit}() needs at least one length", remedy=f"for example {unit}(30)")
    lengths = []
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, (int, float)) or not count > 0:
            raise DefinitionError(f"{unit}({count!r}) is not a length of time", remedy="give a number above 0")
        lengths.append(Window(round(count * size)))
    if len(set(lengths)) < len(lengths):
        raise DefinitionError(f"{unit}{counts} names the same length twice", remedy="name each length once")
    return lengths[0] if len(lengths) == 1 else Windows(tuple(lengths))


@overload
def days(count: float, /) -> Window: ...
@overload
def days(first: float, second: float, /, *more: float) -> Windows: ...
def days(*counts: float) -> Window | Windows:
    """One length of so many days of 86,400 s, or several.

    >>> days(30).label
    '30d'
    """
    return _windows("days", 24 * _HOUR, counts)


@overload
def weeks(count: float, /) -> Window: ...
@overload
def weeks(first: float, second: float, /, *more: float) -> Windows: ...
def weeks(*counts: float) -> Window | Windows:
    """One length of so many weeks of seven days, or several."""
    return _windows("weeks", 7 * 24 * _HOUR, counts)


@overload
def hours(count: float, /) -> Window: ...
@overload
def hours(first: float, second: float, /, *more: float) -> Windows: ...
def hours(*counts: float) -> Window | Windows:
    """One length of so many hours, or several."""
    return _windows("hours", _HOUR, counts)

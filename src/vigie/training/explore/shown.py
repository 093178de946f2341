"""A number inside a sentence that is written when, and in the language in which, the sentence is said."""

from __future__ import annotations

from dataclasses import dataclass

from vigie.clock import DAY
from vigie.report.language import say
from vigie.report.numerals import date, short
from vigie.wording import Said


@dataclass(frozen=True, slots=True)
class Shown:
    """A number with about three significant digits, or a day.

    Attributes:
        number: The number, or µs since 1970 UTC.
        time: Whether it is a moment.
    """

    number: float
    time: bool = False

    def __format__(self, spec: str) -> str:
        return date(int(self.number // DAY) * DAY) if self.time else short(self.number)


def worded(label: str) -> str:
    """A label in the language being written; names that the data hold stay as they are."""
    return say(label) if isinstance(label, Said) else label

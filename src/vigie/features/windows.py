"""Where a window begins and ends: the one place that knows that ``[t − W, t)`` is half-open.

For every row (customer, moment) the events of a window are a slice ``lo:hi`` of the customer's events in a
:class:`~vigie.features.history.Block`. Both ends are the same question, *how many events lie before this moment?*, asked
at ``t − W`` and at ``t`` (for ``next=``, at ``t`` and ``t + W``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vigie.definition.window import Window
from vigie.features.history import Block
from vigie.features.values import Array


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Customers at moments, in order of (customer, moment).

    Attributes:
        codes: Shape (n,), integers: the customer, as in the blocks.
        moments: Shape (n,), int64 µs.
        events: Shape (n,), int64: position of the event that the moment is taken at, where moments are at events.
    """

    codes: Array
    moments: Array
    events: Array | None = None

    def __len__(self) -> int:
        return len(self.moments)

    def take(self, index: Array) -> Rows:
        """The rows at *index*, increasing positions or a mask."""
        return Rows(self.codes[index], self.moments[index], None if self.events is None else self.events[index])


@dataclass(eq=False, slots=True)
class Windows:
    """Ends of windows over a block for rows. Every end is searched once."""

    block: Block
    rows: Rows
    _before: dict[int, Array] = field(default_factory=dict)
    _keys: tuple[Array, int, int, int] | None = None

    def bounds(self, window: Window | None, *, future: bool) -> tuple[Array, Array]:
        """Slices ``lo:hi`` of the events in the window of each row: two int64 arrays, ``lo ≤ hi``.

        Args:
            window: Its length; ``None``: all of history before the moment.
            future: ``[t, t + W)`` instead of ``[t − W, t)``.
        """
        if future:
            assert window is not None
            return self.before(0), self.before(window.microseconds)
        lo = self.block.offsets[self.rows.codes] if window is None else self.before(-window.microseconds)
        return lo, self.before(0)

    def before(self, shift: int) -> Array:
        """For each row, the position behind the customer's last event with ``time < t + shift``."""
        if shift not in self._before:
            self._before[shift] = self._search(shift)
        return self._before[shift]

    def _search(self, shift: int) -> Array:
        block, rows = self.block, self.rows
        found = np.empty(len(rows), dtype=np.int64)
        if not len(block):
            found[:] = 0
            return found
        base, top = int(block.times.min()), int(block.times.max())
        bits = (top - base + 1).bit_length()
        # Customer and time in one integer; where the bits do not suffice, so many customers at a time.
        at_once = 1 << (63 - bits)
        for first in range(0, block.customers, at_once):
            last = min(first + at_once, block.customers)
            start, stop = int(block.offsets[first]), int(block.offsets[last])
            begin, end = np.searchsorted(rows.codes, [first, last])
            moments = np.clip(rows.moments[begin:end], base - shift, top + 1 - shift) + (shift - base)
            moments |= (rows.codes[begin:end].astype(np.int64) - first) << bits
            found[begin:end] = np.searchsorted(self._packed(first, start, stop, base, bits), moments) + start
        return found

    def _packed(self, first: int, start: int, stop: int, base: int, bits: int) -> Array:
        if self._keys is None or self._keys[1:] != (first, start, stop):
            per_customer = np.diff(np.clip(self.block.offsets[first:], start, stop))
            keys = np.repeat(np.arange(len(per_customer), dtype=np.int64) << bits, per_customer)
            keys |= self.block.times[start:stop] - base
            self._keys = (keys, first, start, stop)
        return self._keys[0]

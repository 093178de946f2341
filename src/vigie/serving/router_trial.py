"""What a worker counts in a rollout, and which of its customers count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vigie.journal import new_identifier
from vigie.release import CHALLENGER, CHAMPION, Places
from vigie.release.cells import (
    DROPPED,
    ERRORS,
    UNITS,
    Cells,
    Sums,
    arm_cells,
    count_answer,
    count_latency,
    count_shadow,
    key_of,
    shadow_cells,
)
from vigie.serving.router_seen import Seen

Look = tuple[float, bool, float | None, float]
"""Score, whether it acts, expected value of the decision where it is known, and seconds."""

_TO_SHARE = 2.0**-53


class Unit(NamedTuple):
    """A customer of a request who is drawn.

    Attributes:
        number: Place as a whole number below 2**64.
        place: The same from 0 to below 1; see :class:`vigie.release.Places`.
        again: Whether the customer may have been counted before: it has an id.
    """

    number: int
    place: float
    again: bool


class Trial:
    """Counts of one worker in one rollout. Used by the event loop alone, but for the shadow's.

    Args:
        rollout: Its id.
        shares: The challenger's share in each step.
        now: µs UTC, for the worker's name.
        seen: File of those who were counted already; ``None``: for this process alone.

    Attributes:
        worker: Name of this worker in the ledger: never used before, since sums are written over each other.
        changed: Whether something was counted since :meth:`take`.
    """

    def __init__(self, rollout: str, shares: Sequence[float], now: int, seen: Path | None = None) -> None:
        self.rollout, self.shares = rollout, tuple(shares)
        self.worker = new_identifier(now)
        self.changed = False
        self._places = Places(rollout)
        self._seen = Seen(seen)
        self._sums: Sums = {}
        self._drawn: dict[tuple[int, int, str], Cells] = {}

    def unit(self, customer: str | None, request_id: str, row: int) -> Unit:
        """The customer as drawn: by id, or each row of a request for itself where there is none."""
        if customer is None:
            number = self._places.number(f"\0{request_id}\0{row}")
            return Unit(number, (number >> 11) * _TO_SHARE, False)
        number = self._places.number(customer)
        return Unit(number, (number >> 11) * _TO_SHARE, True)

    def arm(self, unit: Unit, step: int) -> str:
        """Which model the customer gets in *step*."""
        return CHALLENGER if unit.place < self.shares[step] else CHAMPION

    def count(
        self, unit: Unit, step: int, *, failed: bool, look: tuple[float, bool] | None, seconds: float | None
    ) -> None:
        """A customer was answered, or not; counted where this is news.

        Args:
            unit: Who.
            step: Of the plan.
            failed: Whether the model failed.
            look: Score and whether it was acted on, as answered; ``None``: nobody could answer.
            seconds: The model took; ``None`` where it cannot be compared.
        """
        earlier = self._earlier(unit, step)
        if earlier is None:
            return
        cells = self._cells(step, earlier, self.arm(unit, step))
        cells[UNITS] += 1
        cells[ERRORS] += failed
        if look is not None:
            count_answer(cells, look[0], acted=look[1])
        if seconds is not None:
            count_latency(cells, seconds)
        self.changed = True

    def _earlier(self, unit: Unit, step: int) -> int | None:
        """Step in which a customer was counted before, −1 for none; ``None`` where nothing was drawn since."""
        if not unit.again:
            return -1
        last = self._seen.last(unit.number)
        if last >= 0 and (last >= step or unit.place < self.shares[last] or self.shares[last] >= self.shares[step]):
            return None
        self._seen.count(unit.number, step)
        return last

    def wants_shadow(self, unit: Unit) -> bool:
        """Whether the shadow has not scored the customer yet; asked once for each."""
        return not (unit.again and self._seen.shadowed(unit.number))

    def shadowed(self, step: int, champion: Look, challenger: Look | None) -> None:
        """Both have scored a customer, or the challenger failed. Called by the shadow's thread."""
        key = f"{step}/shadow"
        cells = self._sums.get(key)
        if cells is None:
            cells = self._sums[key] = shadow_cells()
        count_shadow(cells, champion, challenger)
        self.changed = True

    def dropped(self) -> None:
        """The shadow had no time for a customer."""
        self._sums.setdefault(DROPPED, [0])[0] += 1
        self.changed = True

    def _cells(self, step: int, earlier: int, arm: str) -> Cells:
        key = (step, earlier, arm)
        cells = self._drawn.get(key)
        if cells is None:
            cells = self._drawn[key] = self._sums[key_of(*key)] = arm_cells()
        return cells

    def take(self) -> Sums:
        """Everything counted so far. Called by another thread: a count that is under way is in the next one."""
        self.changed = False
        return {key: list(cells) for key, cells in list(self._sums.items())}

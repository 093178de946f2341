"""What is asked of an online store: to keep, for each customer of a source, a short list of runs in order of arrival.

A run is some bytes: events of one customer, as :mod:`~vigie.features.online.codec` packs them. A store never looks
inside. ``vigie.features.online.conformance`` is the suite that every store passes, an outsider's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol


class Run(NamedTuple):
    """A run on its way into a store."""

    table: str
    """Where it belongs: a source and how it is held (:attr:`vigie.features.online.holding.Holding.table`)."""
    customer: str
    data: bytes


class RunStore(Protocol):
    """An online store. Safe to use from several threads and, but for the one in memory, from several processes.

    Every method raises :class:`~vigie.errors.StoreError` where the store cannot be reached or written; it is
    ``retryable``, and nothing was changed or all of it was.
    """

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        """Add each run behind those its customer has in its table, and set *facts*: all of it or nothing.

        When it returns, a killed process loses nothing of it. Concurrent appends to one customer are kept all.
        """
        ...

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[list[bytes]]:
        """The runs of each (table, customer), in order of arrival; an empty list where there are none.

        One round trip, whatever the number.
        """
        ...

    def replace(self, table: str, customer: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
        """Put *new* in the place of the customer's first ``len(old)`` runs, if those are still *old*.

        Runs that arrived since stay behind them.

        Returns:
            Whether it was done. ``False``: somebody else was faster, and nothing has changed.
        """
        ...

    def erase(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Remove everything of each (table, customer), so that nothing of it can be read from the store's files."""
        ...

    def customers(self, table: str, *, runs: int = 1) -> Iterator[str]:
        """The customers of a table that have at least so many runs, in any order, while others may write."""
        ...

    def tables(self) -> list[str]:
        """The tables in which there is anything, sorted."""
        ...

    def drop(self, table: str) -> None:
        """Remove a table with all its customers."""
        ...

    def fact(self, name: str) -> bytes | None:
        """What :meth:`append` or :meth:`set_facts` set last under this name; ``None`` for nothing."""
        ...

    def facts(self, prefix: str = "") -> dict[str, bytes]:
        """All facts whose names begin with *prefix*."""
        ...

    def set_facts(self, facts: Mapping[str, bytes | None]) -> None:
        """Set, or with ``None`` remove, all of *facts* at once."""
        ...

    def close(self) -> None:
        """Give back connections and files. Calling it again does nothing."""
        ...

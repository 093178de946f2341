"""Reads of a store on another machine: what requests ask at one moment is read in one round trip.

The event loop never waits: one thread reads, and meanwhile the next requests gather. With one caller that is a round
trip a request; with many, one for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

Places = Sequence[tuple[str, str]]
"""(table, customer) of each list of runs."""
Lists = list[list[bytes]]

MOST = 4_096
"""Places read at once, about."""


class GatheredReads:
    """Used from one event loop.

    Args:
        read: As :meth:`vigie.features.online.run_store.RunStore.read`.
    """

    def __init__(self, read: Callable[[Places], Lists]) -> None:
        self._read_all = read
        self._waiting: list[tuple[Places, asyncio.Future[Lists]]] = []
        self._task: asyncio.Task[None] | None = None

    async def read(self, places: Places) -> Lists:
        """The runs at *places*, in their order.

        Raises:
            StoreError: The store cannot be read.
        """
        done: asyncio.Future[Lists] = asyncio.get_running_loop().create_future()
        self._waiting.append((places, done))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await done

    async def _work(self) -> None:
        try:
            while self._waiting:
                together = self._taken()
                everything = [place for places, _ in together for place in places]
                try:
                    lists = iter(await asyncio.to_thread(self._read_all, everything))
                except Exception as error:  # noqa: BLE001 - told to each who asked
                    for _, done in together:
                        if not done.cancelled():
                            done.set_exception(error)
                    continue
                for places, done in together:
                    own = list(islice(lists, len(places)))
                    if not done.cancelled():
                        done.set_result(own)
        finally:
            self._task = None

    def _taken(self) -> list[tuple[Places, asyncio.Future[Lists]]]:
        size, number = 0, 0
        for places, _ in self._waiting:
            if number and size + len(places) > MOST:
                break
            size, number = size + len(places), number + 1
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        return taken

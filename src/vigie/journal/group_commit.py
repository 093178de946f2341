"""One wait for the disk for all who wait at a moment.

A disk takes about as long to make one line durable as a hundred. Who comes while it is busy is gathered, and the next
wait is for all of them: with one caller that is a wait a request, with many callers a share of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class GroupCommit:
    """Used from one event loop, which never waits itself.

    Args:
        sync: Makes everything durable that was written before it was called.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._pool: ThreadPoolExecutor | None = None

    async def settled(self) -> None:
        """Return when everything is durable that was written before this call.

        Raises:
            Exception: What *sync* raises. Then it is not known of anybody who waits whether his lines are.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        await done

    def close(self) -> None:
        """End the thread. A later wait begins another."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    async def _work(self) -> None:
        if self._pool is None:
            # Its own thread: looking up features fills the common ones.
            self._pool = ThreadPoolExecutor(1, "vigie-fsync")
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                try:
                    await asyncio.get_running_loop().run_in_executor(self._pool, self._sync)
                except Exception as error:  # noqa: BLE001 - told to each who waits
                    # A disk tells a failure once. Who wrote meanwhile may have lost lines to it as well.
                    together, self._waiting = together + self._waiting, []
                    for done in together:
                        if not done.cancelled():
                            done.set_exception(error)
                    continue
                for done in together:
                    if not done.cancelled():
                        done.set_result(None)
        finally:
            self._task = None

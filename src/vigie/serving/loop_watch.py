"""Ends a worker whose event loop stands still, so that the parent starts another one.

Whoever asks the port is answered by the workers that are well, and uvicorn's own question to a worker is answered by a thread
of it: a loop that is stuck in a call that never returns is seen from within alone. Its requests wait, and so does what connects
to it meanwhile.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

STILL_SECONDS = 60.0
"""How long a loop may stand still."""
EXIT = 70
"""Exit code of a worker that ended itself: ``EX_SOFTWARE``."""
_STDERR = 2
_TELLING_SECONDS = 5.0


class LoopWatch:
    """A beat of the event loop, and a thread that waits for it.

    The thread counts its own pauses and not the time: where the whole process was stopped, or got no time to run, so did the
    thread, and nothing is said of the loop.

    Args:
        seconds: How long the loop may stand still.
        end: Ends the process.
    """

    def __init__(self, seconds: float = STILL_SECONDS, end: Callable[[int], object] = os._exit) -> None:
        self._seconds, self._end = seconds, end
        self._pause = min(1.0, seconds / 5)
        self._beats = 0
        self._ended = threading.Event()

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Watch the loop that runs this, until it ends."""
        beating = asyncio.create_task(self._beat())
        thread = threading.Thread(target=self._wait, name="vigie-loop-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            self._beats += 1
            await asyncio.sleep(self._pause)

    def _wait(self) -> None:
        seen, still = -1, 0.0
        while not self._ended.wait(self._pause):
            still = still + self._pause if self._beats == seen else 0.0
            seen = self._beats
            if still >= self._seconds:
                # Not by the log: what the loop is stuck in may hold its lock, or be the pipe that nobody empties.
                telling = threading.Thread(target=self._tell, daemon=True)
                telling.start()
                telling.join(_TELLING_SECONDS)
                self._end(EXIT)
                return

    def _tell(self) -> None:
        words = f"worker {os.getpid()}: the event loop has stood still for {self._seconds:g} s; the worker ends. Its threads:\n"
        os.write(_STDERR, words.encode())
        faulthandler.dump_traceback(_STDERR, all_threads=True)


def watched(app: FastAPI, watch: LoopWatch | None = None) -> FastAPI:
    """*app*, whose event loop is watched while it runs."""
    own = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[object]:
        async with (watch or LoopWatch()).going(), own(app) as state:
            yield state

    app.router.lifespan_context = lifespan  # type: ignore[assignment]
    return app

"""A worker whose event loop stands still ends; one that only was stopped, or is busy, does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

from fastapi import FastAPI
from fastapi.testclient import TestClient

from vigie.serving import ServingSettings
from vigie.serving.loop_watch import EXIT, LoopWatch
from vigie.serving.run import _Worker

STUCK = """
import asyncio, time
from vigie.serving.loop_watch import LoopWatch

async def main():
    async with LoopWatch(0.3).going():
        await asyncio.sleep(0.1)
        time.sleep(60)  # where it is stuck

asyncio.run(main())
"""


def test_a_loop_that_stands_still_ends_the_process_and_says_where() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == EXIT and time.monotonic() - began < 30
    assert "the event loop has stood still for 0.3 s" in done.stderr
    assert 'File "<string>", line 8 in main' in done.stderr


def test_a_busy_loop_and_one_that_has_ended_go_on() -> None:
    ended: list[int] = []

    async def busy() -> None:
        async with LoopWatch(0.4, ended.append).going():
            for _ in range(8):
                time.sleep(0.1)
                await asyncio.sleep(0)
                await asyncio.sleep(0.001)
        time.sleep(0.6)  # nobody watches any more

    asyncio.run(busy())
    assert ended == []


def factory(settings: ServingSettings) -> FastAPI:
    del settings
    return FastAPI()


def test_a_worker_is_watched_while_it_runs() -> None:
    def watching() -> bool:
        return any(one.name == "vigie-loop-watch" for one in threading.enumerate())

    with TestClient(_Worker(factory, ServingSettings())()):
        assert watching()
    until = time.monotonic() + 5
    while watching() and time.monotonic() < until:
        time.sleep(0.01)
    assert not watching()

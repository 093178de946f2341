from __future__ import annotations

import asyncio
import threading

import pytest

from vigie.errors import StoreError
from vigie.serving.gathered_reads import MOST, GatheredReads


class Slow:
    """A store far away: a read takes until it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []
        self.go = threading.Event()
        self.fails = False

    def read(self, places):
        self.asked.append(list(places))
        assert self.go.wait(10)
        if self.fails:
            raise StoreError("gone")
        return [[f"{table}/{customer}".encode()] for table, customer in places]


def told(table: str, customers: str) -> list[list[bytes]]:
    return [[f"{table}/{customer}".encode()] for customer in customers]


def places(table: str, customers: str) -> list[tuple[str, str]]:
    return [(table, customer) for customer in customers]


def test_what_is_asked_while_one_read_is_on_its_way_is_read_together() -> None:
    store = Slow()

    async def scenario() -> None:
        reads = GatheredReads(store.read)
        first = asyncio.create_task(reads.read(places("t", "a")))
        while not store.asked:
            await asyncio.sleep(0.001)
        later = [asyncio.create_task(reads.read(places(table, customers))) for table, customers in MORE]
        await asyncio.sleep(0.01)
        store.go.set()
        assert await first == told("t", "a")
        assert await asyncio.gather(*later) == [told(table, customers) for table, customers in MORE]
        assert await reads.read(places("t", "z")) == told("t", "z")

    MORE = [("t", "bc"), ("u", "a"), ("t", ""), ("t", "d")]
    asyncio.run(scenario())

    assert [len(asked) for asked in store.asked] == [1, 4, 1]


def test_a_failure_is_told_to_each_and_ends_with_them() -> None:
    store = Slow()
    store.fails = True
    store.go.set()

    async def scenario() -> None:
        reads = GatheredReads(store.read)
        asked = await asyncio.gather(*(reads.read(places("t", customer)) for customer in "abc"), return_exceptions=True)
        assert all(isinstance(error, StoreError) for error in asked)
        store.fails = False
        assert await reads.read(places("t", "a")) == told("t", "a")

    asyncio.run(scenario())


def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    store = Slow()

    async def scenario() -> None:
        reads = GatheredReads(store.read)
        asked = [asyncio.create_task(reads.read(places("t", customer))) for customer in "abc"]
        while not store.asked:
            await asyncio.sleep(0.001)
        asked[1].cancel()
        store.go.set()
        assert [await asked[0], await asked[2]] == [told("t", "a"), told("t", "c")]
        with pytest.raises(asyncio.CancelledError):
            await asked[1]

    asyncio.run(scenario())


def test_no_read_is_longer_than_it_may_be() -> None:
    store = Slow()
    store.go.set()

    async def scenario() -> None:
        reads = GatheredReads(store.read)
        await asyncio.gather(*(reads.read([("t", "a")] * 1_500) for _ in range(5)))

    asyncio.run(scenario())

    assert sum(map(len, store.asked)) == 7_500 and max(map(len, store.asked)) <= MOST

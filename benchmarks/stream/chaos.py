"""Two consumers of a real Redis stream, one of them killed -9 every few seconds; at the end everything must be exact.

    .venv/bin/python benchmarks/stream/chaos.py --seconds 60

A producer sends events of three sources in disorder, some twice and some much later again, with rows that break their
contract, messages that are no JSON, events of 1970 and 2999, an hour ahead and weeks late. When it has ended and the group
has acknowledged everything, three computations of every customer's features must be equal to the bit: from the online
store, by the batch kernel over the lake, and by the plain-Python reference over the events as they were made. Each event
must be in the lake once, each row that broke its contract in quarantine once, each poison message a dead letter once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import polars as pl
from stream_shop import CONTRACTS, make_project

from vigie.clock import SystemClock, iso, parse_moment
from vigie.data import Lake, Quarantine
from vigie.data.dead_letters import DeadLetters
from vigie.features import reference
from vigie.features.kernel import evaluate
from vigie.features.partitions import Partitions
from vigie.features.training_set import needs_of
from vigie.features.windows import Rows
from vigie.lifecycle.events import Intake
from vigie.lifecycle.online_features import scores_online
from vigie.lifecycle.project import Project
from vigie.lifecycle.receiving import histories_of

HOUR, DAY = 3_600_000_000, 86_400_000_000
CUSTOMERS = 150
PER_SECOND = 1_000
FOREVER = int(np.iinfo(np.int64).max)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A real Redis on a free port of the loopback."""
    import redis

    port = free_port()
    program = str(Path(sys.executable).with_name("redis-server"))
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port)
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


@dataclass
class Shop:
    """Makes events, and remembers each."""

    seed: int
    now: int = field(default_factory=lambda: SystemClock().now())
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    visits: list[dict[str, Any]] = field(default_factory=list)
    profiles: list[dict[str, Any]] = field(default_factory=list)
    bad: list[dict[str, Any]] = field(default_factory=list)
    poison: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._moments: set[tuple[str, int]] = set()

    def moment(self, customer: str) -> int:
        """When an event happened: mostly of late, some very much elsewhere; no two of one customer at the same time."""
        kind = self.chance.random()
        while True:
            at = self.now - self.chance.randrange(29 * DAY) if kind < 0.6 else self.now - self.chance.randrange(HOUR)
            if kind > 0.97:
                at = parse_moment("1970-01-01") + self.chance.randrange(DAY)
            elif kind > 0.94:
                at = parse_moment("2999-12-31") + self.chance.randrange(HOUR)
            elif kind > 0.90:
                at = self.now + HOUR + self.chance.randrange(HOUR)
            elif kind > 0.85:
                at = self.now - 31 * DAY - self.chance.randrange(60 * DAY)
            if (customer, at) not in self._moments:
                self._moments.add((customer, at))
                return at

    def row(self) -> tuple[str, dict[str, Any]]:
        """One event or version of a profile."""
        chance = self.chance
        customer = f"c{chance.randrange(CUSTOMERS)}"
        at = self.moment(customer)
        kind = chance.random()
        if kind < 0.6:
            order: dict[str, Any] = {"order": f"o{len(self.orders)}", "customer": customer, "at": iso(at)}
            order["amount"] = chance.choice([None, round(chance.random() * 100, 2), chance.randrange(50), "7.5"])
            order["channel"] = chance.choice(["web", "shop", "à emporter", None])
            self.orders[order["order"]] = order
            return "orders", order
        if kind < 0.9:
            visit = {"customer": customer, "at": iso(at), "page": chance.choice(["/", "/help", "/cart"])}
            self.visits.append(visit)
            return "visits", visit
        profile = {"customer": customer, "changed": iso(at), "country": chance.choice(["FR", "DE", "BE"])}
        self.profiles.append(profile)
        return "customers", profile

    def broken(self) -> tuple[str, dict[str, Any]]:
        """A row that breaks its contract."""
        number = len(self.bad)
        row = {"order": f"bad{number}", "customer": "c1", "at": iso(self.now), "amount": f"oops {number}"}
        self.bad.append(row)
        return "orders", row

    def nonsense(self) -> bytes:
        """A message that nothing can be made of."""
        number = len(self.poison)
        message = (
            self.chance.choice([b"not json %d", b'{"order": %d', b"[1, %d]", b'"text %d"', b"\xff\xfe %d"]) % number
        )
        self.poison.append(message)
        return message


def produce(shop: Shop, port: int, seconds: float) -> int:
    """Send for so many seconds; how many messages that were."""
    import redis

    client, chance, sent = redis.Redis(port=port), shop.chance, 0
    waiting: list[tuple[str, bytes]] = []
    again: list[tuple[str, bytes]] = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds or waiting or again:
        ended = passed >= seconds
        for _ in range(0 if ended else PER_SECOND // 20):
            kind = chance.random()
            if kind < 0.005:
                waiting.append(("orders", shop.nonsense()))
            elif kind < 0.02:
                topic, row = shop.broken()
                waiting.append((topic, json.dumps(row).encode()))
            else:
                topic, row = shop.row()
                rows = [row] if chance.random() < 0.9 else [row, row]
                waiting.append((topic, json.dumps(rows if len(rows) > 1 else row).encode()))
            if chance.random() < 0.15 and waiting[-1][1] not in shop.poison:
                again.append(waiting[-1])
        chance.shuffle(waiting)
        if chance.random() < 0.3 or ended:
            waiting += again
            again = []
        keep = 0 if ended else len(waiting) // 3  # some of each round come much later
        pipe = client.pipeline(transaction=False)
        for topic, message in waiting[keep:]:
            pipe.xadd(topic, {"data": message})
        sent += len(waiting) - keep
        pipe.execute()
        del waiting[keep:]
        time.sleep(0.05)
    return sent


@dataclass
class Consumers:
    """``vigie stream`` processes, one of which dies now and then."""

    folder: Path
    running: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)
    killed: int = 0
    begun: int = 0

    def begin(self) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.folder / f"consumer-{self.begun:03d}.log"
        self.begun += 1
        command = [sys.executable, "-m", "vigie.cli", "stream", "--redeliver-after", "2", "--project", str(self.folder)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
        return process, log

    def start(self, count: int) -> None:
        self.running = [self.begin() for _ in range(count)]
        for consumer in self.running:
            self._consumes(consumer)

    def kill_one(self) -> None:
        """Kill the one that has lived longest, once it consumes."""
        self._consumes(self.running[0])
        process, _ = self.running.pop(0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.killed += 1
        self.running.append(self.begin())

    def stop(self) -> list[int]:
        for consumer in self.running:
            self._consumes(consumer)
            consumer[0].send_signal(signal.SIGTERM)
        return [process.wait(60) for process, _ in self.running]

    def logs(self) -> str:
        texts = [f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-4000:]}" for log in self.folder.glob("*.log")]
        return "\n".join(sorted(texts))

    def _consumes(self, consumer: tuple[subprocess.Popen[bytes], Path]) -> None:
        process, log = consumer
        patience = time.monotonic() + 60
        while b"Consuming" not in log.read_bytes():
            assert process.poll() is None, f"a consumer ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < patience, "a consumer did not begin to consume"
            time.sleep(0.05)


def unacknowledged(port: int) -> int:
    """Messages that the group was not given yet, or has not acknowledged."""
    import redis

    client, total = redis.Redis(port=port), 0
    for topic in CONTRACTS:
        for group in client.xinfo_groups(topic):
            total += int(group["pending"])
            total += len(client.xrange(topic, min=b"(" + group["last-delivered-id"], count=10_000))
    return total


def check(project: Project, shop: Shop, moments: list[int]) -> dict[str, Any]:
    """Compare everything; raises AssertionError at the first difference."""
    intake = Intake(project, None)
    for source in intake.sources:
        intake.flush(source)
    intake.dead_letters.flush(project.clock.now())
    lake = Lake(project.settings.state / "lake")
    for source, made in (("orders", shop.orders.values()), ("visits", shop.visits), ("customers", shop.profiles)):
        ids = Counter(lake.scan(source, columns=["_id"]).collect()["_id"].to_list())
        assert len(ids) == len(list(made)), f"{source}: {len(ids)} of {len(list(made))} in the lake"
        assert max(ids.values(), default=1) == 1, f"{source}: some are in the lake twice"
    assert set(lake.scan("orders", columns=["order"]).collect()["order"]) == set(shop.orders)
    held = Counter(Quarantine(lake, "orders").rows()["text"].to_list())
    assert sorted(json.loads(text)["order"] for text in held) == sorted(row["order"] for row in shop.bad)
    assert max(held.values(), default=1) == 1
    dead = DeadLetters(lake, intake.spool).rows()
    said = sorted(message.decode("utf-8", "backslashreplace") for message in shop.poison)
    assert sorted(dead["payload"].to_list()) == said, "dead letters"
    assert not any(intake.spool.segments(source) for source in intake.sources), "the spool is empty"

    scores, schemas = scores_online(project, {"churn": None})
    score, schema = scores["churn"], schemas["churn"]
    features = list(score.bound_features)
    expected = _expected(shop, features, moments)
    histories = histories_of(project)
    assert histories is not None
    for moment in moments:
        online = _values(histories.blocks(sorted(expected), list(score.sources)), features, moment)
        batch: dict[str, list[Any]] = {}
        versions = {name: lake.version(name) for name in score.sources}
        with Partitions(needs_of(score, schema), lake, versions, FOREVER, 1 << 30) as partitions:
            for part in range(partitions.count):
                batch.update(_values(partitions.load(part), features, moment))
        for customer, values in expected.items():
            want = values[moment]
            assert batch[customer] == want, f"batch, {customer}: {batch[customer]} != {want}"
            assert online[customer] == want, f"online, {customer}: {online[customer]} != {want}"
    rows = {source: int(lake.scan(source).select(pl.len()).collect().item()) for source in score.sources}
    return {"customers": len(expected), "rows": rows, "quarantined": len(held), "dead letters": dead.height}


def _values(found: Any, features: list[Any], moment: int) -> dict[str, list[Any]]:
    n = len(found.customers)
    rows = Rows(np.arange(n, dtype=np.int64), np.full(n, moment, dtype=np.int64))
    columns = [values.to_list() for values in evaluate(features, found.blocks, rows)]
    return {key: list(row) for key, row in zip(found.customers.tolist(), zip(*columns, strict=True), strict=True)}


def _expected(shop: Shop, features: list[Any], moments: list[int]) -> dict[str, dict[int, list[Any]]]:
    """By the reference, which shares no code with the kernel."""
    records: dict[str, dict[str, list[reference.Record]]] = {}

    def add(source: str, row: Mapping[str, Any], time: str, identity: str) -> None:
        sources = records.setdefault(row["customer"], {name: [] for name in CONTRACTS})
        values = {name: value for name, value in row.items() if name in CONTRACTS[source]}
        if values.get("amount") is not None:
            values["amount"] = float(values["amount"])
        sources[source].append(reference.Record(parse_moment(row[time]), values, identity))

    for order in shop.orders.values():
        add("orders", order, "at", order["order"])
    for visit in shop.visits:
        add("visits", visit, "at", json.dumps(visit))
    for profile in shop.profiles:
        add("customers", profile, "changed", "")
    return {
        customer: {moment: [reference.value(feature, history, moment) for feature in features] for moment in moments}
        for customer, history in records.items()
    }


def run(seconds: float, every: float, seed: int, store: str, folder: Path, say: Any = print) -> dict[str, Any]:
    """The whole run in *folder*; what came of it."""
    shop = Shop(seed)
    with redis_server(folder) as port:
        online = f"redis://127.0.0.1:{port}/1" if store == "redis" else f"sqlite:///{folder / 'online.db'}"
        settings = (
            f'[online]\nurl = "{online}"\n[events]\nflush_seconds = 1\n'
            f'[stream]\nurl = "redis://127.0.0.1:{port}"\nbatch = 100\n'
        )
        project = make_project(folder / "shop", SystemClock(), settings)
        consumers = Consumers(folder / "shop")
        consumers.start(2)
        began = time.monotonic()
        ended = Event()

        def kill() -> None:
            while not ended.wait(every):
                consumers.kill_one()

        killer = Thread(target=kill)
        killer.start()
        try:
            sent = produce(shop, port, seconds)
            ended.set()
            killer.join()
            say(f"{sent:,} messages sent, {consumers.killed} consumers killed")
            patience = time.monotonic() + 60
            while (left := unacknowledged(port)) and time.monotonic() < patience:
                time.sleep(0.1)
            assert not left, f"{left} messages are not acknowledged\n{consumers.logs()}"
            caught_up = time.monotonic() - began
        finally:
            ended.set()
            killer.join()
            codes = consumers.stop()
        assert codes == [0, 0], f"consumers ended with {codes}\n{consumers.logs()}"
        after = shop.now + 10 * 60_000_000
        found = check(project, shop, [shop.now, after, shop.now + 3 * HOUR])
        return {"messages": sent, "killed": consumers.killed, "seconds": round(caught_up, 1), **found}


def main() -> None:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill-every", type=float, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    options = parser.parse_args()
    seed = options.seed or random.randrange(1 << 30)
    print(f"seed {seed}, store {options.store}")
    with tempfile.TemporaryDirectory(prefix="vigie-chaos-") as name:
        found = run(options.seconds, options.kill_every, seed, options.store, Path(name))
    for what, figure in found.items():
        print(f"{what}: {figure}")
    print("exact: online store = batch over the lake = reference over what was sent, each event once")


if __name__ == "__main__":
    main()

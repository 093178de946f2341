"""``vigie serve`` with two workers, killed in the middle: events posted count at once, and are in the lake once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stream_shop import CONTRACTS, make_project

from vigie.clock import SystemClock, iso
from vigie.data import Lake
from vigie.lifecycle.events import Intake

HOUR = 3_600_000_000
NOW = SystemClock().now()


@contextmanager
def server(folder: Path, end: int) -> Iterator[str]:
    """Two workers; ended by signal *end*."""
    command = [sys.executable, "-W", "ignore", "-m", "vigie.cli", "serve", "--port", "0", "--workers", "2"]
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--project", str(folder)],
            stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        patience = time.monotonic() + 60
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert process.poll() is None and time.monotonic() < patience, log.read_text()
            time.sleep(0.05)
        yield found.group()
    finally:
        if end == signal.SIGKILL:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.send_signal(end)
        code = process.wait(60)
    assert end == signal.SIGKILL or code in (0, -end), log.read_text()


def asked(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def counted(url: str) -> float:
    (row,) = asked(f"{url}/v1/features?customer=c1&features=orders_count_30d")["rows"]
    return float(row["values"]["orders_count_30d"])


def orders(begin: int, end: int) -> dict[str, Any]:
    rows = [
        {"order": f"o{n}", "customer": f"c{n % 5}", "at": iso(NOW - HOUR - n), "amount": n, "channel": "web"}
        for n in range(begin, end)
    ]
    return {"source": "orders", "events": rows}


def test_what_is_posted_counts_at_once_and_outlives_a_killed_server(tmp_path: Path) -> None:
    project = make_project(tmp_path, SystemClock(), "[events]\nflush_seconds = 0.5\n")
    before = Intake(project, None)
    first = {
        "order": "first",
        "customer": "c0",
        "at": iso(NOW - HOUR),
        "page": "/",
        "changed": iso(NOW),
        "country": "FR",
    }
    for source, columns in CONTRACTS.items():
        before.accept(source, [{name: first[name] for name in columns if name in first}], "test")
        before.flush(source)

    def post(url: str, number: int) -> bool:
        try:
            return bool(asked(f"{url}/v1/events", orders(10 * number, 10 * number + 10))["accepted"] == 10)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    with server(tmp_path, signal.SIGKILL) as url, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: post(url, number), range(40)))
        assert all(answers)
        assert counted(url) == 80
        killed_soon = [pool.submit(post, url, number) for number in range(40, 200)]
        time.sleep(0.05)
    done = [number for number, future in enumerate(killed_soon, start=40) if future.result()]
    with server(tmp_path, signal.SIGTERM) as url:
        for number in range(40, 200):  # who got no answer sends again, and so may everybody
            assert post(url, number)
        assert counted(url) == 400, f"{len(done)} were answered before the kill"
        metrics = urllib.request.urlopen(f"{url}/metrics", timeout=10).read().decode()
        assert 'vigie_events_total{outcome="accepted",source="orders"} 1600.0' in metrics
    after = Intake(project, None)
    assert not any(after.spool.segments(source) for source in after.sources), "a server that ends flushes"
    lake = Lake(project.settings.state / "lake")
    assert sorted(lake.scan("orders").collect()["order"]) == sorted([f"o{n}" for n in range(2000)] + ["first"])

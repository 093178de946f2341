"""Events and cut-offs for the benchmark, seeded: 5 M events of 100,000 customers over two years."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vigie.clock import DAY, parse_moment

EVENTS = 5_000_000
CUSTOMERS = 100_000
START, DAYS = parse_moment("2024-01-01"), 730
SNAPSHOTS = 24


def write(folder: Path) -> None:
    """Write ``even``, ``skewed`` (events) and ``two``, ``snapshots`` (cut-offs) to *folder*, where they are not there."""
    if (folder / "snapshots.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    when = START + random.integers(0, DAYS * DAY // 1_000_000, EVENTS) * 1_000_000
    amount = random.integers(1, 50_000, EVENTS)
    who = random.integers(0, CUSTOMERS, EVENTS)
    _events(folder / "even.parquet", who, when, amount)
    # One customer in a hundred has half of the events.
    heavy = random.random(EVENTS) < 0.5
    _events(folder / "skewed.parquet", np.where(heavy, who // 100 * 100, who), when, amount)
    days = random.integers(180, DAYS, 2 * CUSTOMERS)
    _labels(folder / "two.parquet", random.integers(0, CUSTOMERS, 2 * CUSTOMERS), START + days * DAY)
    # Thirty days apart, counted from 1970-01-01 as every(days(30)) counts.
    first = -(-START // (30 * DAY)) + 1
    moments = (first + np.arange(SNAPSHOTS)) * 30 * DAY
    _labels(folder / "snapshots.parquet", np.repeat(np.arange(CUSTOMERS), SNAPSHOTS), np.tile(moments, CUSTOMERS))


def _events(path: Path, who: np.ndarray, when: np.ndarray, amount: np.ndarray) -> None:
    pq.write_table(pa.table({"customer_id": who, "ts": pa.array(when, pa.timestamp("us")), "amount": amount}), path)


def _labels(path: Path, who: np.ndarray, when: np.ndarray) -> None:
    cutoff = pa.array(when, pa.timestamp("us"))
    pq.write_table(pa.table({"label_id": np.arange(len(who)), "customer_id": who, "cutoff": cutoff}), path)

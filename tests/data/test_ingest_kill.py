"""An ingest killed with SIGKILL at random points and run again: no row lost, none twice."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from vigie.data import Lake, Quarantine

TARGET = Path(__file__).with_name("kill_target.py")


def start(root: Path, kind: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, str(TARGET), str(root), kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def commits(root: Path) -> int:
    """Files that an ingest leaves as it goes: finer than commits, so that a kill also falls between writing and committing."""
    return sum(1 for _ in (root / "lake").rglob("*.*")) if (root / "lake").exists() else 0


@pytest.mark.parametrize(("kind", "kills"), [("files", 5), ("sql", 2)])
def test_kill_minus_nine(tmp_path: Path, kind: str, kills: int) -> None:
    (tmp_path / "in").mkdir()
    rows = [
        (f"c{i % 97}", f"2025-01-{1 + i // 500:02d} 00:00:{i % 500 // 10:02d}", f"o{i}", i % 7) for i in range(8_000)
    ]
    bad = set(range(0, 8_000, 400))
    if kind == "files":
        for part in range(20):
            lines = [
                ",".join((customer, at, order, "oops" if i in bad and i else str(amount)))
                for i, (customer, at, order, amount) in enumerate(rows)
                if i // 400 == part
            ]
            (tmp_path / "in" / f"{part:02d}.csv").write_text("\n".join(["customer,at,order_id,amount", *lines]) + "\n")
    else:
        with sqlite3.connect(tmp_path / "shop.db") as database:
            database.execute("create table orders (customer text, at text, order_id text, amount)")
            broken = [(c, at, o, "oops" if i in bad and i else a) for i, (c, at, o, a) in enumerate(rows)]
            database.executemany("insert into orders values (?, ?, ?, ?)", broken)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "orders.toml").write_text(
        'source = "orders"\n[columns.customer]\nkind = "category"\n[columns.at]\nkind = "time"\n'
        '[columns.order_id]\nkind = "category"\n[columns.amount]\nkind = "number"\n'
    )
    chance = random.Random(time.time_ns())
    killed = 0
    while killed < kills:
        process, before = start(tmp_path, kind), commits(tmp_path)
        target = before + chance.randint(1, 6)
        while commits(tmp_path) < target and process.poll() is None:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        killed += 1
    assert killed == kills, "the ingest ended before it could be killed that often"
    process = start(tmp_path, kind)
    assert process.stdout is not None and process.stdout.read() == "done\n" and process.wait() == 0
    lake = Lake(tmp_path / "lake")
    kept = lake.scan("orders").collect()
    held = Quarantine(lake, "orders").rows()
    expected = [order for i, (_, _, order, _) in enumerate(rows) if i not in bad or not i]
    assert sorted(kept["order_id"]) == sorted(expected)
    assert sorted(json.loads(text)["order_id"] for text in held["text"]) == sorted(f"o{i}" for i in bad if i)
    assert kept.select(pl.col("_batch").n_unique()).item() > 1

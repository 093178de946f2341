"""A lake of events as ingests leave it, of any size, seeded: about 50 events and 2 labels a customer over two years.

Each commit is one ingest of a million events that came one after the other in time, of customers in no order. Keys are
strings, and each row has what an ingest adds: its id (a hash of its contents, 32 digits), batch, row, origin and moment
of arrival.
"""

from __future__ import annotations

import argparse
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from vigie.clock import DAY, parse_moment
from vigie.data.lake import Lake
from vigie.data.row_ids import content_ids

START, DAYS = parse_moment("2024-01-01"), 730
END = START + DAYS * DAY
COMMIT = 1_000_000
EVENTS_EACH, LABELS_EACH = 50, 2


def write(folder: Path, events: int) -> None:
    """Write the tables ``events`` and ``labels`` to the lake in *folder*, unless they are there."""
    done = folder / "complete"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    lake, customers = Lake(folder), max(events // EVENTS_EACH, 1)
    for name, rows in (("events", events), ("labels", customers * LABELS_EACH)):
        commits = -(-rows // COMMIT)
        # The next commit is made while one is written.
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(_ingest, name, 0, commits, rows, customers)
            for i in range(commits):
                frame = following.result()
                if i + 1 < commits:
                    following = pool.submit(_ingest, name, i + 1, commits, rows, customers)
                lake.append(name, frame, moment=START + i)
    done.touch()


def _ingest(name: str, i: int, commits: int, rows: int, customers: int) -> pl.DataFrame:
    random = np.random.default_rng([i, len(name), rows])
    size = min(COMMIT, rows - i * COMMIT)
    # Events of one commit are of one stretch of the two years, in whole seconds; labels of the last year and a half.
    first, last = (i / commits, (i + 1) / commits) if name == "events" else (180 / DAYS, 1.0)
    seconds = DAYS * DAY // 1_000_000
    when = random.integers(int(first * seconds), int(last * seconds), size)
    if name == "events":
        when.sort()
    numbers = pl.Series(random.integers(0, customers, size)).cast(pl.String).str.zfill(8)
    columns = {"customer_id": "C" + numbers, "at": pl.Series(START + when * 1_000_000).cast(pl.Datetime("us", "UTC"))}
    if name == "events":
        columns["amount"] = pl.Series(random.integers(1, 50_000, size).astype(np.float64))
    else:
        columns["label"] = pl.Series(np.arange(i * COMMIT, i * COMMIT + size, dtype=np.float64))
    frame = pl.DataFrame(columns)
    return frame.with_columns(
        content_ids(frame),
        _row=pl.int_range(1, size + 1, dtype=pl.Int64),
        _batch=pl.lit(f"{i + 1:08d}-0000"),
        _origin=pl.lit(f"events-{i}.parquet"),
        _ingested_at=pl.lit(END).cast(pl.Datetime("us", "UTC")),
    )


def main() -> None:
    """Write one lake."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("events", type=int)
    options = arguments.parse_args()
    begin = time.perf_counter()
    write(options.folder, options.events)
    print(f"{time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()

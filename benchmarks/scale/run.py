"""Time per million events as size grows tenfold twice, and peak memory: ``python benchmarks/scale/run.py``.

It writes lakes of 1, 10 and 100 million events (the largest takes 5 GB and some minutes, once) and builds the training
set of ``build.py`` from each, in a process of its own, every size in each round. The best time and the highest peak are
kept, and written to ``results.md`` and ``results.json`` beside this file. The largest lake needs 12 GB of disk in all:
histories that do not fit into the memory allowed, 2 GB, go to a temporary file.

That a size of memory changes no bit is shown on all but the largest: a tenth of the memory must give the same digest.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import data

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "out" / "scale"
LITTLE = 200 << 20
"""Bytes allowed where the result is to be the same with less memory."""
DISK = 130
"""Bytes of disk for an event, lake and temporary file."""


def build(lake: Path, *memory: str) -> dict[str, Any]:
    """What a build of its own says."""
    command = [sys.executable, str(HERE / "build.py"), str(lake), *memory]
    environment = {**os.environ, "POLARS_MAX_THREADS": str(os.cpu_count())}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Write lakes, build, tell."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--millions", default="1,10,100")
    arguments.add_argument("--rounds", type=int, default=2)
    options = arguments.parse_args()
    sizes = [int(size) for size in options.millions.split(",")]
    OUT.mkdir(parents=True, exist_ok=True)
    results: dict[int, dict[str, Any]] = {}
    for size in sizes:
        lake = OUT / str(size)
        if not lake.exists() and shutil.disk_usage(OUT).free < size * 1_000_000 * DISK:
            sys.exit(f"{size} M events need {size * DISK / 1000:.0f} GB of disk")
        begin = time.perf_counter()
        data.write(lake, size * 1_000_000)
        print(f"lake of {size} M events: {time.perf_counter() - begin:.0f} s", flush=True)
    for _ in range(options.rounds):
        for size in sizes:
            found = build(OUT / str(size))
            print(size, found, flush=True)
            best = results.setdefault(size, found)
            if found["digest"] != best["digest"]:
                sys.exit("two builds differ")
            for key in ("seconds", "cpu_seconds"):
                best[key] = min(best[key], found[key])
            best["peak_mb"] = max(best["peak_mb"], found["peak_mb"])
    for size in sizes[:-1] if len(sizes) > 1 else sizes:
        little = build(OUT / str(size), str(LITTLE))
        print(size, "in little memory", little, flush=True)
        if little["digest"] != results[size]["digest"]:
            sys.exit("less memory gave another result")
        results[size]["little_peak_mb"] = little["peak_mb"]
    page = markdown(results, options.rounds)
    (HERE / "results.md").write_text(page, "utf-8")
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    print(page)


def markdown(results: dict[int, dict[str, Any]], rounds: int) -> str:
    """The results as a table."""
    lines = [
        f"Best time and highest peak of {rounds}; {os.cpu_count()} cores, {platform.machine()}. About 50 events and 2 rows a "
        "customer, 17 features a row; string keys, ids of 32 digits. Peak: resident memory of the whole process, result included.",
        "",
        "| events | rows | s | s per million | CPU s per million | peak MB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for size, found in results.items():
        lines.append(
            f"| {size} M | {found['rows']:,} | {found['seconds']:.1f} | {found['seconds'] / size:.2f} "
            f"| {found['cpu_seconds'] / size:.2f} | {found['peak_mb']:,} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""What the record of predictions costs: requests per second without it, with it, and with a wait for the disk.

    python benchmarks/serving/durability.py [--rounds 3] [--seconds 3] [--folder FOLDER]

One worker of Vigie on core 0, wrk on core 1, at 8, 64 and 1 connections; the ways of recording alternate within each round. What a
wait for the disk costs is the disk's doing: the folder of the record is on the disk to measure, and the time of one bare
``fdatasync`` there is told beside. Writes ``durability.json`` and ``durability.md`` beside this file. Needs wrk, taskset and two
cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from run import HERE, Server, start, stop, wrk

WAYS = ("none", "process", "power")
TITLES = {
    "none": "nothing is recorded",
    "process": 'durability = "process"',
    "power": 'durability = "power"',
}
CONNECTIONS = (8, 64, 1)
PORT = 8111


def app(folder: str, way: str, settings: Any) -> Any:
    """Vigie's app over the bundle in *folder*, recording in one of the ways."""
    from vigie.bundle import load_bundle
    from vigie.clock import SystemClock
    from vigie.journal import Prediction, PredictionJournal
    from vigie.serving import Served, create_app

    class Nothing(PredictionJournal):
        """Takes every prediction and keeps none."""

        def append(self, events: Sequence[Prediction], *, settle: bool = True) -> bool:  # noqa: ARG002
            return True

    journal: PredictionJournal = (
        Nothing(Path(folder) / "none") if way == "none" else PredictionJournal(Path(folder) / way, durability=way)  # type: ignore[arg-type]
    )
    served = Served("churn", "1", load_bundle(Path(folder) / "lightgbm"))
    return create_app({"churn": served}, journal, SystemClock(), settings)


def server(folder: Path, way: str) -> Server:
    """One way."""
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", way, "--folder", str(folder)]
    return Server(TITLES[way], command, "/v1/score", PORT, lambda row: {"values": row}, None)


def sync_ms(folder: Path) -> float:
    """Median milliseconds of a bare ``write`` and ``fdatasync`` of 1,000 bytes."""
    spent = []
    with (folder / "probe").open("ab", buffering=0) as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(b"x" * 1000)
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1000


def measure(folder: Path, rounds: int, seconds: int) -> dict[str, Any]:
    """Medians over the rounds, by way and connections."""
    from model import save

    load = os.getloadavg()[0]
    rows, _ = save(folder)
    bodies = folder / "bodies.txt"
    bodies.write_text("\n".join(json.dumps({"values": row}) for row in rows))
    found: dict[str, dict[int, list[tuple[float, float, float]]]] = {w: {c: [] for c in CONNECTIONS} for w in WAYS}
    for number in range(rounds):
        for way in WAYS:
            one = server(folder, way)
            process, _ = start(one, one.body(rows[0]), folder / "log.txt")
            try:
                wrk(one, bodies, 8, 1)
                for connections in CONNECTIONS:
                    rate, p50, p99, errors = wrk(one, bodies, connections, seconds)
                    if errors:
                        raise SystemExit(f"{way}: {errors} errors")
                    found[way][connections].append((rate, p50, p99))
                    print(
                        number, way, connections, f"{rate:,.0f} req/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms", flush=True
                    )
            finally:
                stop(process)
    ways = {
        way: {
            str(connections): dict(
                zip(
                    ("requests_per_second", "p50_ms", "p99_ms"),
                    map(statistics.median, zip(*values, strict=True)),
                    strict=True,
                )
            )
            for connections, values in by.items()
        }
        for way, by in found.items()
    }
    return {"rounds": rounds, "seconds": seconds, "load": load, "sync_ms": sync_ms(folder), "ways": ways}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    none = results["ways"]["none"]
    head = " | ".join(f"req/s at {c} | of none | p50 ms | p99 ms" for c in CONNECTIONS)
    lines = [f"| | {head} |", "|---" * (1 + 4 * len(CONNECTIONS)) + "|"]
    for way, by in results["ways"].items():
        cells = [
            f"{v['requests_per_second']:,.0f} | {v['requests_per_second'] / none[c]['requests_per_second']:.2f} | "
            f"{v['p50_ms']:.2f} | {v['p99_ms']:.2f}"
            for c, v in by.items()
        ]
        lines.append(f"| {TITLES[way].replace('durability = ', '')} | {' | '.join(cells)} |")
    return (
        "\n".join(lines)
        + f"\n\nMedians of {results['rounds']} rounds of {results['seconds']} s. A bare write and `fdatasync` took"
        f" {results['sync_ms']:.2f} ms on this disk. The machine's load before the run was {results['load']:.1f} on"
        f" {os.cpu_count()} cores: compare within the table.\n"
    )


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        from vigie.serving import serve

        serve(partial(app, str(given.folder), given.serve), port=PORT)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        results = measure(Path(name), given.rounds, given.seconds)
    (HERE / "durability.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "durability.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()

"""Events per second that one process takes in: held against the contract, spooled, put online.

    .venv/bin/python benchmarks/stream/intake.py

One thread, one source with an id and two columns, 10,000 customers. Printed for each size of batch: events per second of
processor time (of this process; a Redis server works beside it) and how the time divides into the steps.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from chaos import redis_server
from stream_shop import histories_on, make_project

from vigie.clock import SystemClock, iso
from vigie.features.online.open_store import open_store
from vigie.lifecycle.events import Intake

DAY = 86_400_000_000


def measure(intake: Intake, batch: int, batches: int, now: int) -> dict[str, float]:
    """Processor seconds of each step, and of all."""
    chance, number, spent = random.Random(1), 0, {"enforce": 0.0, "spool": 0.0, "online": 0.0}
    rows: list[list[dict[str, Any]]] = []
    for _ in range(batches):
        rows.append([])
        for _ in range(batch):
            number += 1
            customer, at = f"c{chance.randrange(10_000)}", iso(now - chance.randrange(20 * DAY))
            row = {
                "order": f"{batch}-{number}",
                "customer": customer,
                "at": at,
                "amount": chance.random(),
                "channel": "web",
            }
            rows[-1].append(row)
    for part in rows:
        begun = time.process_time()
        prepared = intake.prepare("orders", part)
        enforced = time.process_time()
        intake.keep(prepared, "benchmark")
        spooled = time.process_time()
        intake.show(prepared)
        spent["enforce"] += enforced - begun
        spent["spool"] += spooled - enforced
        spent["online"] += time.process_time() - spooled
    return {**spent, "all": sum(spent.values())}


def main() -> None:
    """Measure both stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="events for each size of batch, at most")
    options = parser.parse_args()
    now = SystemClock().now()
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as port:
        for url in ("", f"redis://127.0.0.1:{port}/1"):
            project = make_project(Path(name) / (url[:5] or "sqlite"), SystemClock())
            store = open_store(url, default=Path(name) / "online.db")
            intake = Intake(project, histories_on(store, project.clock))
            measure(intake, 100, 3, now)
            for batch in (1, 10, 100, 1_000, 10_000):
                batches = max(3, min(options.events // batch, 300))
                spent = measure(intake, batch, batches, now)
                shares = ", ".join(
                    f"{step} {100 * spent[step] / spent['all']:.0f} %" for step in ("enforce", "spool", "online")
                )
                rate = batch * batches / spent["all"]
                print(f"{url[:5] or 'sqlite'}, batches of {batch:,}: {rate:,.0f} events/s ({shares})")


if __name__ == "__main__":
    main()

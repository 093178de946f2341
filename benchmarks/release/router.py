"""What a rollout adds to one customer's score, as a share of the whole request.

    python benchmarks/release/router.py [--rounds 15] [--requests 300]

The app is called in this process as a server would call it, with LightGBM of 300 trees and the journal on; blocks of
requests go in turn to apps without a rollout, with a canary of half of the customers, with a shadow and with a hold-out.
Processor time of the whole process is counted, so that for the shadow it holds what the challenger's own scores take.
Every customer is new, so that every one is counted. Reading HTTP is left out, so a server's share is smaller. Writes
``router.json`` and ``router.md`` beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "serving"))


class Held:
    """Keeps the routers."""

    def __init__(self) -> None:
        self.routers: Mapping[str, Any] = {}

    def start(self, routers: Mapping[str, Any]) -> None:
        """Take them."""
        self.routers = routers

    def stop(self) -> None:
        """Nothing to end."""


async def apps(folder: Path) -> dict[str, Any]:
    """What is compared."""
    from vigie.bundle import load_bundle
    from vigie.clock import SystemClock
    from vigie.journal import PredictionJournal
    from vigie.serving import Served, ServingSettings, create_app
    from vigie.serving.router_trial import Trial

    clock, bundle = SystemClock(), load_bundle(folder / "lightgbm")

    async def app(step: int | None, holdout: float = 0.0) -> Any:
        held = Held()
        made = create_app(
            {"churn": Served("churn", "1", bundle)},
            PredictionJournal(folder / "predictions"),
            clock,
            ServingSettings(holdout=holdout),
            following=held,
        )
        # The lifespan as a server runs it, up to where it begins to serve.
        await made.router.lifespan_context(made).__aenter__()
        if step is not None:
            router = held.routers["churn"]
            router.begin(
                Served("churn", "2", bundle), Trial(f"r{step}", (0.0, 0.5), clock.now(), folder / f"{step}.seen")
            )
            router.step(step, shadow=step == 0)
        return made

    return {
        "no rollout": await app(None),
        "no rollout, again": await app(None),
        "canary of 50 %": await app(1),
        "shadow": await app(0),
        "hold-out of 2 %": await app(None, 0.02),
    }


async def ask(app: Any, body: bytes) -> int:
    """One request as a server hands it over; its status."""
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/score", "raw_path": b"/v1/score",
        "query_string": b"", "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8000), "scheme": "http",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }  # fmt: skip
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


async def measure(rounds: int, requests: int) -> dict[str, Any]:
    """Microseconds of a request, by what the router does: medians over the rounds."""
    from model import save

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, _ = save(folder)
        compared = await apps(folder)
        times: dict[str, list[float]] = {name: [] for name in compared}
        customer = 0
        for number in range(rounds + 1):
            for name, app in compared.items():
                bodies = []
                for i in range(requests):
                    customer += 1
                    bodies.append(json.dumps({"customer_id": str(customer), "values": rows[i % len(rows)]}).encode())
                begun = time.thread_time_ns() if name != "shadow" else time.process_time_ns()
                for body in bodies:
                    status = await ask(app, body)
                    if status != 200:
                        raise SystemExit(f"{name} answers {status}")
                    await asyncio.sleep(0)  # what stands behind the answer has its turn
                ended = time.thread_time_ns() if name != "shadow" else time.process_time_ns()
                if number:  # the first warms up
                    times[name].append((ended - begun) / requests / 1_000)
                await asyncio.sleep(0.5 if name == "shadow" else 0)  # the queue empties
    plain = times["no rollout"]
    return {
        "rounds": rounds,
        "requests": requests,
        "load": round(load, 1),
        "microseconds": {name: round(statistics.median(found), 1) for name, found in times.items()},
        "share": {
            name: round(statistics.median(a / b for a, b in zip(found, plain, strict=True)) - 1, 3)
            for name, found in times.items()
        },
    }


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=300)
    chosen = parser.parse_args()
    result = asyncio.run(measure(chosen.rounds, chosen.requests))
    (HERE / "router.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = ["| the router has | µs of a request | share more |", "|---|---|---|"]
    lines += [
        f"| {name} | {found:.1f} | {result['share'][name]:+.1%} |" for name, found in result["microseconds"].items()
    ]
    lines += [
        "",
        f"Medians of {result['rounds']} rounds of {result['requests']} requests, processor time, without reading HTTP; of the "
        "shadow with the challenger's own work beside. The second row is the same app again: what the figures are worth. "
        f"The machine's load was {result['load']} on {os.cpu_count()} cores.",
    ]
    (HERE / "router.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

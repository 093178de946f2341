"""Requests per second of one customer's score: Vigie, ``mlflow models serve`` and the floor, in one run.

    python benchmarks/serving/run.py [--rounds 3] [--seconds 4]

One worker of each server on core 0, wrk on core 1, 8 connections and then 1; servers alternate within each round, one
at a time. All answer for the same 500 customers, in turn, with the same LightGBM model; the probabilities are compared
before anything is timed. Vigie records every prediction in its journal, MLflow records none; once more it asks for an API key
with a rate. The floor is a server that
reads no body and sends constant bytes. Writes ``results.json`` and ``results.md`` beside this file. Needs wrk, taskset and
two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Server:
    """A server to measure: its command, where and what to post, and how to read a probability from an answer."""

    name: str
    command: list[str]
    path: str
    port: int
    body: Callable[[dict[str, Any]], dict[str, Any]]
    probability: Callable[[Any], float] | None
    key: str = ""

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}{self.path}"


def servers(folder: Path, key: str) -> list[Server]:
    """What is compared."""
    me = [sys.executable, str(Path(__file__).resolve())]
    mlflow = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "-m", str(folder / "mlflow")]
    return [
        Server(
            "Vigie, journal on",
            [*me, "--serve", str(folder)],
            "/v1/score",
            8101,
            lambda row: {"values": row},
            lambda answer: answer["predictions"][0]["score"],
        ),
        Server(
            "Vigie, journal on, with keys and rates",
            [*me, "--serve", str(folder), "--locked"],
            "/v1/score",
            8104,
            lambda row: {"values": row},
            lambda answer: answer["predictions"][0]["score"],
            key,
        ),
        Server(
            "mlflow models serve",
            [*mlflow, "--env-manager", "local", "--host", "127.0.0.1", "-p", "8102", "--workers", "1"],
            "/invocations",
            8102,
            lambda row: {"dataframe_records": [row]},
            lambda answer: answer["predictions"][0][1],
        ),
        Server("floor: constant answer", [*me, "--floor"], "/", 8103, lambda row: {"values": row}, None),
    ]


# -- the servers of this file ------------------------------------------------------------------------------------------


def made_key(folder: Path) -> str:
    """An API key in the store of *folder*, with a rate that is never reached."""
    from vigie.clock import SystemClock
    from vigie.journal.admin import AdminJournal
    from vigie.serving.security.administration import Administration, Wanted
    from vigie.serving.security.key_store import SqliteKeys

    store = SqliteKeys(folder / "keys.db")
    admin = Administration(store, AdminJournal(folder / "admin"), SystemClock(), "benchmark")
    return admin.create("wrk", Wanted(roles=["score"], rate="1000000/s"))[1]


def vigie_app(folder: str, locked: bool, settings: Any) -> Any:
    """Vigie's app over the bundle and a journal in *folder*; *locked*: it asks for a key."""
    from vigie.bundle import load_bundle
    from vigie.clock import SystemClock
    from vigie.journal import PredictionJournal
    from vigie.serving import Served, create_app
    from vigie.serving.security.gate import Security
    from vigie.serving.security.key_store import SqliteKeys
    from vigie.serving.security.keyring import Keyring

    clock, served = SystemClock(), Served("churn", "1", load_bundle(Path(folder) / "bundle"))
    who = Security(keyring=Keyring(SqliteKeys(Path(folder) / "keys.db"), clock)) if locked else None
    journal = PredictionJournal(Path(folder) / "predictions")
    return create_app({"churn": served}, journal, clock, settings, security=who)


async def constant_app(scope: Any, receive: Any, send: Any) -> None:
    """The least that an ASGI server can do."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


# -- measuring ---------------------------------------------------------------------------------------------------------


def post(server: Server, body: dict[str, Any]) -> Any:
    """The decoded answer."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {server.key}"} if server.key else {})}
    request = urllib.request.Request(server.url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def start(server: Server, body: dict[str, Any], log: Path) -> tuple[subprocess.Popen[bytes], float]:
    """The process, and the seconds until its first answer."""
    begun = time.perf_counter()
    with log.open("wb") as out:
        command = ["taskset", "-c", "0", *server.command]
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=out, stderr=out, start_new_session=True)
    while time.perf_counter() - begun < 90 and process.poll() is None:
        try:
            post(server, body)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return process, time.perf_counter() - begun
    stop(process)
    raise SystemExit(f"{server.name} does not answer:\n{log.read_text()[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def memory(pid: int) -> float:
    """Resident megabytes of the process and all below it."""
    pids, total = [pid], 0
    for one in pids:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            pids += [int(child) for child in task.read_text().split()]
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{one}/status").read_text())
        total += int(found.group(1)) if found else 0
    return total / 1024


def wrk(server: Server, bodies: Path, connections: int, seconds: int) -> tuple[float, float, float, int]:
    """Requests per second, median and 99th percentile in milliseconds, and errors."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    command += ["-s", str(HERE / "bodies.lua"), server.url]
    run = subprocess.run(
        command,
        env={**ENVIRONMENT, "BODIES": str(bodies), "KEY": server.key},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+)", run.stdout)
    if found is None:
        raise SystemExit(f"wrk said: {run.stdout}{run.stderr}")
    return float(found[1]), float(found[2]), float(found[3]), int(found[4])


def check(server: Server, rows: list[dict[str, Any]], expected: list[float]) -> float:
    """The largest difference of a probability from the training pipeline's."""
    if server.probability is None:
        return 0.0
    answers = [server.probability(post(server, server.body(row))) for row in rows[:100]]
    return max(abs(a - b) for a, b in zip(answers, expected, strict=False))


def measure(rounds: int, seconds: int) -> dict[str, Any]:
    """Medians over the rounds, by server."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from model import save

    load = os.getloadavg()[0]
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, expected = save(folder)
        key = made_key(folder)
        for number in range(rounds):
            for server in servers(folder, key):
                bodies = folder / "bodies.txt"
                bodies.write_text("\n".join(json.dumps(server.body(row)) for row in rows))
                process, up = start(server, server.body(rows[0]), folder / "log.txt")
                try:
                    difference = check(server, rows, expected)
                    if difference > 1e-9:
                        raise SystemExit(f"{server.name} answers otherwise: by {difference}")
                    wrk(server, bodies, 8, 1)
                    many, one = wrk(server, bodies, 8, seconds), wrk(server, bodies, 1, (seconds + 1) // 2)
                    values = {
                        "requests_per_second": many[0], "p50_ms": many[1], "p99_ms": many[2],
                        "p50_ms_alone": one[1], "p99_ms_alone": one[2], "errors": many[3] + one[3],
                        "first_answer_s": up, "memory_mb": memory(process.pid), "difference": difference,
                    }  # fmt: skip
                finally:
                    stop(process)
                found.setdefault(server.name, []).append(values)
                print(number, server.name, {k: float(f"{v:.4g}") for k, v in values.items()}, flush=True)
        journal = [path.stat().st_size for path in (folder / "predictions").glob("*.jsonl")]
    medians = {n: {k: statistics.median(one[k] for one in all_) for k in all_[0]} for n, all_ in found.items()}
    return {"rounds": rounds, "seconds": seconds, "load": load, "journal_mb": sum(journal) / 1e6, "servers": medians}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    servers = results["servers"]
    peer = servers["mlflow models serve"]["requests_per_second"]
    lines = [
        "| server (1 worker) | req/s | × MLflow | p50 ms | p99 ms | p50 ms, alone | p99 ms, alone | first answer s | MB | errors |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {v['requests_per_second']:,.0f} | {v['requests_per_second'] / peer:,.1f} | {v['p50_ms']:.2f} |"
        f" {v['p99_ms']:.2f} | {v['p50_ms_alone']:.3f} | {v['p99_ms_alone']:.3f} | {v['first_answer_s']:.1f} |"
        f" {v['memory_mb']:.0f} | {v['errors']:.0f} |"
        for name, v in servers.items()
    ]
    lines += [
        "",
        f"Medians of {results['rounds']} rounds of {results['seconds']} s at 8 connections. The machine's load before the run"
        f" was {results['load']:.1f} on {os.cpu_count()} cores: compare within the table; absolute numbers are right only near 0.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--locked", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--floor", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        from vigie.serving import serve

        serve(partial(vigie_app, given.serve, given.locked), port=8104 if given.locked else 8101)
    elif given.floor:
        import uvicorn

        uvicorn.run(
            constant_app, port=8103, loop="uvloop", http="httptools", access_log=False, log_level="warning",
            proxy_headers=False, server_header=False,
        )  # fmt: skip
    else:
        results = measure(given.rounds, given.seconds)
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "results.md").write_text(table(results))
        print(table(results))


if __name__ == "__main__":
    main()

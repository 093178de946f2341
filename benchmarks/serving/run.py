"""Requests per second of one customer's score: Vigie, its peers and the floor, in one run.

    python benchmarks/serving/run.py [--rounds 3] [--seconds 4] [--peers FOLDER]

One worker of each server on core 0, wrk on core 1, 8 connections and then 1; servers alternate within each round, one at a
time. All answer for the same 500 customers, in turn, with the same models (see model.py); the probabilities are compared
before anything is timed. Then once more with the same customer again and again, as published comparisons do it: trees are
much faster when they have just been walked the same way. Vigie records every prediction in its journal, the others record
none. *By id*: the caller sends an id, and 20 window features are computed at the moment from the customer's 200 events in
SQLite. The floor is a server that reads no body and sends constant bytes. At half of what a Vigie server can do at most, 32
connections that pause at random between requests tell the latencies of a server that is busy and not overrun.

``--peers FOLDER`` holds virtual environments ``mlserver`` (mlserver, mlserver-sklearn) and ``bento`` (bentoml), each with this
environment's scikit-learn and LightGBM; without it only MLflow is compared. Writes ``results.json`` and ``results.md`` beside
this file. Needs wrk, taskset and two cores.
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
from dataclasses import dataclass, field
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
    body: Callable[[Any], dict[str, Any]]
    probability: Callable[[Any], float] | None
    key: str = ""
    model: str = "lightgbm"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def ours(self) -> bool:
        """Whether it is Vigie."""
        return self.name.startswith("Vigie")


def vigie(folder: Path, name: str, way: str, port: int, *, model: str = "lightgbm", key: str = "") -> Server:
    """One of our servers."""
    return Server(
        f"Vigie{name}",
        [sys.executable, str(Path(__file__).resolve()), "--serve", str(folder), "--way", way],
        "/v1/score",
        port,
        (lambda customer: {"customer_id": customer}) if way == "by_id" else (lambda row: {"values": row}),
        lambda answer: answer["predictions"][0]["score"],
        key,
        model,
    )


def servers(folder: Path, key: str, peers: Path | None = None) -> list[Server]:
    """What is compared."""
    me = [sys.executable, str(Path(__file__).resolve())]
    mlflow = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "-m", str(folder / "mlflow")]
    found = [
        vigie(folder, ", LightGBM", "lightgbm", 8101),
        vigie(folder, ", LightGBM, with keys and rates", "locked", 8104, key=key),
        vigie(folder, ", LightGBM, by id", "by_id", 8105, model="by id"),
        vigie(folder, ", forest", "forest", 8106, model="forest"),
        Server(
            "mlflow models serve, LightGBM",
            [*mlflow, "--env-manager", "local", "--host", "127.0.0.1", "-p", "8102", "--workers", "1"],
            "/invocations",
            8102,
            lambda row: {"dataframe_records": [row]},
            lambda answer: answer["predictions"][0][1],
        ),
        Server("floor: constant answer", [*me, "--floor"], "/", 8103, lambda row: {"values": row}, None),
    ]
    if peers is not None:
        for i, model in enumerate(("lightgbm", "forest")):
            title = "LightGBM" if model == "lightgbm" else model
            found += [_mlserver(folder, peers, model, title, 8110 + i), _bento(folder, peers, model, title, 8120 + i)]
    return found


def _mlserver(folder: Path, peers: Path, model: str, title: str, port: int) -> Server:
    """MLServer as its documentation sets it up, with one process."""
    place = folder / "mlserver" / model / "churn"
    place.mkdir(parents=True, exist_ok=True)
    settings = {
        "http_port": port, "grpc_port": port + 100, "metrics_port": port + 200, "host": "127.0.0.1", "parallel_workers": 0,
        "debug": False, "metrics_endpoint": None,
    }  # fmt: skip
    (place.parent / "settings.json").write_text(json.dumps(settings))
    about = {
        "name": "churn",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(folder / f"{model}.joblib")},
    }
    (place / "model-settings.json").write_text(json.dumps(about))

    def body(row: dict[str, Any]) -> dict[str, Any]:
        inputs = []
        for name, value in row.items():
            one: dict[str, Any] = {"name": name, "shape": [1, 1]}
            if isinstance(value, str):
                one |= {"datatype": "BYTES", "data": [value], "parameters": {"content_type": "str"}}
            else:
                one |= {"datatype": "FP64", "data": [value]}
            inputs.append(one)
        return {"parameters": {"content_type": "pd"}, "outputs": [{"name": "predict_proba"}], "inputs": inputs}

    return Server(
        f"MLServer, {title}",
        [str(peers / "mlserver" / "bin" / "mlserver"), "start", str(place.parent)],
        "/v2/models/churn/infer",
        port,
        body,
        lambda answer: answer["outputs"][0]["data"][1],
        model=model,
    )


def _bento(folder: Path, peers: Path, model: str, title: str, port: int) -> Server:
    """BentoML with one worker and a model of the request, as its documentation sets it up."""
    return Server(
        f"BentoML, {title}",
        [str(peers / "bento" / "bin" / "bentoml"), "serve", "bento_service:Scorer", "--host", "127.0.0.1", "--port", str(port)],
        "/score",
        port,
        lambda row: {"customer": row},
        lambda answer: answer["probability"],
        model=model,
        environment={
            "PIPELINE": str(folder / f"{model}.joblib"), "PYTHONPATH": str(HERE), "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(folder / "bento"), "PATH": f"{peers / 'bento' / 'bin'}:{os.environ.get('PATH', '')}",
        },
    )  # fmt: skip


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


def vigie_app(folder: str, way: str, settings: Any) -> Any:
    """Vigie's app over a bundle and a journal in *folder*; ``locked``: it asks for a key."""
    from vigie.bundle import load_bundle
    from vigie.clock import SystemClock
    from vigie.journal import PredictionJournal
    from vigie.serving import Served, create_app
    from vigie.serving.security.gate import Security
    from vigie.serving.security.key_store import SqliteKeys
    from vigie.serving.security.keyring import Keyring

    place = Path(folder)
    provider = None
    if way == "by_id":
        from model import lookup

        provider = lookup(place)
    bundle = load_bundle(place / ("lightgbm" if way == "locked" else way))
    clock, served = SystemClock(), Served("churn", "1", bundle, provider)
    who = Security(keyring=Keyring(SqliteKeys(place / "keys.db"), clock)) if way == "locked" else None
    return create_app({"churn": served}, PredictionJournal(place / "predictions"), clock, settings, security=who)


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
        environment = {**ENVIRONMENT, **server.environment}
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
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


def wrk(
    server: Server, bodies: Path, connections: int, seconds: int, pause: float = 0.0
) -> tuple[float, float, float, int]:
    """Requests per second, median and 99th percentile in milliseconds, and errors.

    Args:
        server: Asked.
        bodies: What it is asked, one a line.
        connections: At once.
        seconds: How long.
        pause: Mean milliseconds between an answer and the next request of a connection.
    """
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    command += ["-s", str(HERE / "bodies.lua"), server.url]
    run = subprocess.run(
        command,
        env={**ENVIRONMENT, "BODIES": str(bodies), "KEY": server.key, "PAUSE": str(pause)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+)", run.stdout)
    if found is None:
        raise SystemExit(f"wrk said: {run.stdout}{run.stderr}")
    return float(found[1]), float(found[2]), float(found[3]), int(found[4])


def check(server: Server, asked: list[Any], expected: list[float]) -> float:
    """The largest difference of a probability from the training pipeline's."""
    if server.probability is None or not expected:
        return 0.0
    answers = [server.probability(post(server, server.body(one))) for one in asked[:100]]
    return max(abs(a - b) for a, b in zip(answers, expected, strict=False))


def measured(server: Server, asked: list[Any], expected: list[float], folder: Path, seconds: int) -> dict[str, float]:
    """One round of one server."""
    bodies, same = folder / "bodies.txt", folder / "same.txt"
    lines = [json.dumps(server.body(one)) for one in asked]
    bodies.write_text("\n".join(lines))
    same.write_text(lines[0])
    process, up = start(server, server.body(asked[0]), folder / "log.txt")
    try:
        difference = check(server, asked, expected)
        if difference > 1e-9:
            raise SystemExit(f"{server.name} answers otherwise: by {difference}")
        wrk(server, bodies, 8, 1)
        many, one = wrk(server, bodies, 8, seconds), wrk(server, bodies, 1, (seconds + 1) // 2)
        again = wrk(server, same, 8, (seconds + 1) // 2)
        values = {
            "requests_per_second": many[0], "p50_ms": many[1], "p99_ms": many[2],
            "p50_ms_alone": one[1], "p99_ms_alone": one[2], "same_customer_per_second": again[0],
            "errors": many[3] + one[3] + again[3],
            "first_answer_s": up, "memory_mb": memory(process.pid), "difference": difference,
        }  # fmt: skip
        if server.ours:
            half = wrk(server, bodies, 32, seconds, 2 * 32 * 1000 / many[0])
            values |= {"half_per_second": half[0], "half_p50_ms": half[1], "half_p99_ms": half[2]}
            values["errors"] += half[3]
    finally:
        stop(process)
    return values


def measure(rounds: int, seconds: int, peers: Path | None) -> dict[str, Any]:
    """Medians over the rounds, by server."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from model import save, save_by_id

    load = os.getloadavg()[0]
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, expected = save(folder, forest=True)
        customers = save_by_id(folder)
        key = made_key(folder)
        for number in range(rounds):
            for server in servers(folder, key, peers):
                asked = customers if server.model == "by id" else rows
                values = measured(server, asked, expected.get(server.model, []), folder, seconds)
                found.setdefault(server.name, []).append(values)
                print(number, server.name, {k: float(f"{v:.4g}") for k, v in values.items()}, flush=True)
        journal = [path.stat().st_size for path in (folder / "predictions").glob("*.jsonl")]
    medians = {n: {k: statistics.median(one[k] for one in all_) for k in all_[0]} for n, all_ in found.items()}
    return {"rounds": rounds, "seconds": seconds, "load": load, "journal_mb": sum(journal) / 1e6, "servers": medians}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    servers = results["servers"]
    floor = servers["floor: constant answer"]
    lines = [
        "| server (1 worker) | req/s | of the floor | p50 ms | p99 ms | p50 ms, alone | p99 ms, alone | req/s, same customer | of the"
        " floor | first answer s | MB | errors |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {v['requests_per_second']:,.0f} | {v['requests_per_second'] / floor['requests_per_second']:.3f} |"
        f" {v['p50_ms']:.2f} | {v['p99_ms']:.2f} | {v['p50_ms_alone']:.3f} | {v['p99_ms_alone']:.3f} |"
        f" {v['same_customer_per_second']:,.0f} | {v['same_customer_per_second'] / floor['same_customer_per_second']:.3f} |"
        f" {v['first_answer_s']:.1f} | {v['memory_mb']:.0f} | {v['errors']:.0f} |"
        for name, v in servers.items()
    ]
    lines += ["", "| at half of its greatest rate | req/s | p50 ms | p99 ms |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {v['half_per_second']:,.0f} | {v['half_p50_ms']:.2f} | {v['half_p99_ms']:.2f} |"
        for name, v in servers.items()
        if "half_per_second" in v
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
    parser.add_argument("--peers", type=Path, metavar="FOLDER")
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--way", default="lightgbm", help=argparse.SUPPRESS)
    parser.add_argument("--floor", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        from vigie.serving import serve

        port = {"lightgbm": 8101, "locked": 8104, "by_id": 8105, "forest": 8106}[given.way]
        serve(partial(vigie_app, given.serve, given.way), port=port)
    elif given.floor:
        import uvicorn

        uvicorn.run(
            constant_app, port=8103, loop="uvloop", http="httptools", access_log=False, log_level="warning",
            proxy_headers=False, server_header=False,
        )  # fmt: skip
    else:
        results = measure(given.rounds, given.seconds, given.peers)
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "results.md").write_text(table(results))
        print(table(results))


if __name__ == "__main__":
    main()

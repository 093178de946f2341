"""Many models in one process: memory, and the first and the next answer of each.

    python benchmarks/serving/many.py [--models 1000] [--memory 40MB]

Writes many.json and many.md beside itself. The bundles are small (a logistic regression of 20 inputs) or, with ``--trees``,
LightGBM's 300 trees of 31 leaves; they differ in name alone, and are read anew each.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vigie import Campaign, Score, Table
from vigie.bundle import (
    Bundle,
    DecisionRule,
    LinearModel,
    Scorer,
    fit_encoder,
    inputs_of,
    portable_features,
    portable_payoff,
    profile_of,
    segment_edges,
    with_golden,
    write_bundle,
)
from vigie.definition import Kind
from vigie.features.values import Values

HERE = Path(__file__).parent
NAMES = [f"number_{i}" for i in range(12)] + [f"category_{i}" for i in range(8)]


def small() -> Bundle:
    """A logistic regression of 12 numbers and 8 categories."""
    r, rows = np.random.default_rng(5), 500
    columns = {f"customers_{name}": Values(Kind.NUMBER, r.normal(size=rows)) for name in NAMES[:12]}
    levels = tuple("abcd")
    for name in NAMES[12:]:
        columns[f"customers_{name}"] = Values(Kind.CATEGORY, r.integers(-1, 4, rows).astype(np.int32), levels)
    customers = Table("customers", key="id")
    schema = {
        "customers": {
            "id": Kind.CATEGORY,
            "left": Kind.BOOLEAN,
            **{name: columns[f"customers_{name}"].kind for name in NAMES},
        }
    }
    score = Score(
        "churn",
        outcome=customers["left"] == True,  # noqa: E712
        features=[customers[name] for name in NAMES],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
    ).bound(schema)
    encoder = fit_encoder(columns, style="linear")
    bundle = Bundle(
        score_name="churn",
        title="Which customers will leave?",
        inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema),
        payoff=portable_payoff(score.decision.payoff()),
        encoder=encoder,
        model=LinearModel(tuple(r.normal(size=encoder.width).tolist()), -0.5),
        decision=DecisionRule(act="contact"),
    )
    p = Scorer(bundle).probability(columns, rows)
    return with_golden(replace(bundle, segments=segment_edges(p), profile=profile_of(columns, p)), columns)


def trees(folder: Path) -> Bundle:
    """The model of the serving benchmark."""
    from model import save

    from vigie.bundle import load_bundle

    save(folder / "made")
    return load_bundle(folder / "made" / "bundle")


class Server:
    """``vigie serve --bundle FOLDER --memory …``."""

    def __init__(self, folder: Path, memory: str, journal: Path) -> None:
        command = [sys.executable, "-m", "vigie.cli", "serve", "--bundle", str(folder), "--memory", memory]
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, "--journal", str(journal), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "http://127.0.0.1:" in line:
                port = int(line.split("http://127.0.0.1:")[1].split("/")[0].split()[0])
                break
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.get("/healthz")
        self.seconds = time.perf_counter() - started

    def get(self, path: str) -> bytes:
        self.line.request("GET", path)
        answer = self.line.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    def score(self, name: str, body: bytes) -> float:
        """Milliseconds of one request."""
        started = time.perf_counter()
        self.line.request("POST", f"/v1/scores/{name}/score", body, {"content-type": "application/json"})
        answer = self.line.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return (time.perf_counter() - started) * 1e3

    def megabytes(self) -> float:
        """Resident memory of the process."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.communicate(timeout=60)


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    cuts = statistics.quantiles(milliseconds, n=100)
    return {"median": round(cuts[49], 2), "p99": round(cuts[98], 2)}


def measure(folder: Path, names: list[str], memory: str, journal: Path) -> dict[str, Any]:
    """One server with a budget: every model asked once, then again, then as people ask."""
    server = Server(folder, memory, journal)
    try:
        example = json.loads(server.get("/v1/models"))[0]["example"]
        body = json.dumps({"values": example}).encode()
        empty, shuffled = server.megabytes(), random.Random(1).sample(names, len(names))
        first = [server.score(name, body) for name in shuffled]
        full = server.megabytes()
        held = shuffled[-max(1, int(server.metric("vigie_models_resident")) // 2) :]
        following = [server.score(random.Random(i).choice(held), body) for i in range(1_000)]
        # Half of the requests go to a tenth of the models, as they do.
        few = shuffled[: len(names) // 10]
        drawn = random.Random(2)
        loads = server.metric("vigie_models_loads_total")
        mixed = [server.score(drawn.choice(few if drawn.random() < 0.5 else names), body) for _ in range(1_000)]
        return {
            "models": len(names),
            "memory": memory,
            "start_seconds": round(server.seconds, 2),
            "start_megabytes": round(empty, 1),
            "all_asked_megabytes": round(full, 1),
            "end_megabytes": round(server.megabytes(), 1),
            "held": int(server.metric("vigie_models_resident")),
            "accounted_megabytes": round(server.metric("vigie_models_resident_bytes") / 1e6, 1),
            "evictions": int(server.metric("vigie_models_evictions_total")),
            "first_ms": quantiles(first),
            "next_ms": quantiles(following),
            "mixed_ms": quantiles(mixed),
            "mixed_loads_share": round((server.metric("vigie_models_loads_total") - loads) / 1_000, 3),
        }
    finally:
        server.stop()


def table(results: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    lines = [
        "| bundles | budget | start, s | memory at start | all asked once | at the end | held | first answer, ms (p99) | next, ms (p99) "
        "| mixed, ms (p99) | of those, read |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        first, following, mixed = one["first_ms"], one["next_ms"], one["mixed_ms"]
        lines.append(
            f"| {one['models']:,} {one['kind']} | {one['memory']} | {one['start_seconds']} | {one['start_megabytes']:.0f} MB "
            f"| {one['all_asked_megabytes']:.0f} MB | {one['end_megabytes']:.0f} MB | {one['held']:,} "
            f"| {first['median']} ({first['p99']}) | {following['median']} ({following['p99']}) "
            f"| {mixed['median']} ({mixed['p99']}) | {one['mixed_loads_share']:.0%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures what the command line asks for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--models", type=int, default=1_000)
    options.add_argument("--memory", nargs="+", default=["1GB", "30MB"])
    options.add_argument("--trees", action="store_true")
    said = options.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundles"
        bundle = trees(Path(place)) if said.trees else small()
        first = folder / "score_0000"
        write_bundle(bundle, first)
        names = [first.name]
        for number in range(1, said.models):
            names.append(f"score_{number:04}")
            shutil.copytree(first, folder / names[-1])
        for memory in said.memory:
            one = measure(folder, names, memory, Path(place) / f"journal-{memory}")
            one["kind"] = "of 300 trees" if said.trees else "small"
            results.append(one)
            print(json.dumps(one), flush=True)
    told = {"load_average": os.getloadavg()[1], "cores": os.cpu_count(), "results": results}
    stem = "many-trees" if said.trees else "many"
    (HERE / f"{stem}.json").write_text(json.dumps(told, indent=1) + "\n")
    (HERE / f"{stem}.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()

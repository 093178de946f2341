"""What a protocol costs: the same customers by ``/v1/score``, ``/invocations`` and ``/v2/…/infer``, in one process without a socket.

    python benchmarks/serving/protocols.py

Every prediction is recorded. Writes protocols.md: microseconds of a request, the median of rounds in turn, and their ratio to
those of ``/v1/score``.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from vigie.bundle import load_bundle, write_bundle
from vigie.clock import SystemClock
from vigie.journal import PredictionJournal
from vigie.serving import Served, create_app

sys.path.insert(0, str(Path(__file__).parent))
from many import small

ROUNDS = 15


async def call(app: Any, path: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    """One request; returns its status."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    return status


def bodies(example: dict[str, Any], rows: int) -> dict[str, tuple[str, bytes, list[tuple[bytes, bytes]]]]:
    """Path, body and headers of a request for *rows* customers, by protocol."""
    columns = {name: [value] * rows for name, value in example.items()}
    tensors, parts, told = [], [], []
    for name, values in columns.items():
        number = isinstance(values[0], float)
        kind = "FP64" if number else "BYTES"
        tensors.append({"name": name, "shape": [rows], "datatype": kind, "data": values})
        texts = [str(value).encode() for value in values]
        part = np.array(values).tobytes() if number else b"".join(len(t).to_bytes(4, "little") + t for t in texts)
        parts.append(part)
        told.append({"name": name, "shape": [rows], "datatype": kind, "parameters": {"binary_data_size": len(part)}})
    head = json.dumps({"inputs": told, "parameters": {"binary_data_output": True}}).encode()
    split = {"columns": list(columns), "data": [list(example.values())] * rows}
    one = {"values": example} if rows == 1 else {"customers": [{"values": example}] * rows}
    infer, length = "/v2/models/churn/infer", [(b"inference-header-content-length", b"%d" % len(head))]
    return {
        "/v1/score": ("/v1/score", json.dumps(one).encode(), []),
        "/v1/score, Idempotency-Key": ("/v1/score", json.dumps(one).encode(), [(b"idempotency-key", b"")]),
        "/invocations, dataframe_split": ("/invocations", json.dumps({"dataframe_split": split}).encode(), []),
        "/v2, JSON": (infer, json.dumps({"inputs": tensors}).encode(), []),
        "/v2, binary": (infer, b"".join([head, *parts]), length),
    }


async def measure(app: Any, asked: dict[str, Any], requests: int) -> dict[str, float]:
    """Microseconds of a request, by protocol."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    number = 0
    for _ in range(ROUNDS):
        for name, (path, body, headers) in asked.items():
            started = time.perf_counter()
            for _ in range(requests):
                number += 1
                sent = [(k, b"k%d-%d" % (requests, number)) for k, _ in headers] if "Idempotency" in name else headers
                assert await call(app, path, body, sent) == 200, name
            times[name].append((time.perf_counter() - started) / requests * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Measures one customer and a thousand."""
    with tempfile.TemporaryDirectory() as place:
        write_bundle(small(), Path(place) / "bundle")
        served = Served("churn", "1", load_bundle(Path(place) / "bundle"))
        app = create_app({"churn": served}, PredictionJournal(Path(place) / "journal"), SystemClock())
        from vigie.serving.model_card import example_values

        example = example_values(served.bundle)
        one = asyncio.run(measure(app, bodies(example, 1), 100))
        many = asyncio.run(measure(app, bodies(example, 1_000), 2))
    lines = [
        "| protocol | 1 customer, µs | of /v1/score | 1,000 customers, ms | of /v1/score |",
        "|---|---|---|---|---|",
    ]
    base = one["/v1/score"], many["/v1/score"]
    for name in one:
        shares = one[name] / base[0], many[name] / base[1]
        lines.append(f"| `{name}` | {one[name]:.0f} | {shares[0]:.2f} | {many[name] / 1e3:.1f} | {shares[1]:.2f} |")
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()

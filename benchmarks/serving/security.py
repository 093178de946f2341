"""What recognising callers adds to one customer's score, as a share of the whole request.

    python benchmarks/serving/security.py [--rounds 15] [--requests 200]

The app is called in this process as a server would call it, with LightGBM of 300 trees and the journal on; blocks of
requests go in turn to apps that ask for nothing, for a key, for a key with a rate, and for a token. Processor time is
counted, so that other work on the machine matters little. Reading HTTP is left out, so a server's share is smaller. Writes
``security.json`` and ``security.md`` beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def apps(folder: Path) -> dict[str, tuple[Any, list[tuple[bytes, bytes]], Callable[[], None]]]:
    """What is compared: an app, the headers of its callers, and what to do before each request."""
    from joserfc import jwt
    from joserfc.jwk import ECKey, RSAKey

    from vigie.bundle import load_bundle
    from vigie.clock import SystemClock
    from vigie.journal import PredictionJournal
    from vigie.journal.admin import AdminJournal
    from vigie.serving import Served, ServingSettings, create_app
    from vigie.serving.security.administration import Administration, Wanted
    from vigie.serving.security.gate import Security
    from vigie.serving.security.issuer_keys import IssuerKeys
    from vigie.serving.security.key_store import SqliteKeys
    from vigie.serving.security.keyring import Keyring
    from vigie.serving.security.tokens import TokenSettings, TokenVerifier

    clock, store = SystemClock(), SqliteKeys(folder / "keys.db")
    admin = Administration(store, AdminJournal(folder / "admin"), clock, "benchmark")
    for i in range(200):  # others, too
        admin.create(f"other{i}", Wanted(roles=["score"]))
    _, plain = admin.create("plain", Wanted(roles=["score"]))
    _, limited = admin.create("limited", Wanted(roles=["score"], rate="1000000/s"))
    bundle = load_bundle(folder / "lightgbm")
    url, made = "https://login.example.com", {"RS256": RSAKey.generate_key(2048), "ES256": ECKey.generate_key("P-256")}
    published = {"keys": [{**key.as_dict(private=False), "kid": name} for name, key in made.items()]}

    def verifier() -> TokenVerifier:
        keys = IssuerKeys(url, f"{url}/keys", fetch=lambda _: json.dumps(published).encode())
        keys.fetch_now()
        return TokenVerifier(TokenSettings(issuer=url, audience=("vigie",)), clock, keys)

    def token(name: str) -> str:
        claims = {"iss": url, "aud": "vigie", "sub": "crm", "scope": "score", "exp": clock.now() // 1_000_000 + 3_600}
        return jwt.encode({"alg": name, "kid": name}, claims, made[name])

    def app(security: Security | None, counters: Path | None = None) -> Any:
        settings = replace(ServingSettings(), counters=counters)
        served = Served("churn", "1", bundle)
        return create_app(
            {"churn": served}, PredictionJournal(folder / "predictions"), clock, settings, security=security
        )

    def bearer(text: str) -> list[tuple[bytes, bytes]]:
        return [(b"authorization", f"Bearer {text}".encode())]

    ring = Keyring(store, clock)
    fresh = {name: verifier() for name in made}
    found = {
        "nobody is asked": (app(None), [], lambda: None),
        "nobody is asked, again": (app(None), [], lambda: None),
        "key": (app(Security(keyring=ring)), bearer(plain), lambda: None),
        "key with a rate": (app(Security(keyring=ring)), bearer(limited), lambda: None),
        "key with a rate, shared by workers": (
            app(Security(keyring=ring), folder / "c"),
            bearer(limited),
            lambda: None,
        ),
        "token seen before": (app(Security(tokens=verifier())), bearer(token("RS256")), lambda: None),
    }
    for name, one in fresh.items():
        found[f"token seen for the first time, {name}"] = (
            app(Security(tokens=one)), bearer(token(name)), one._known.clear,
        )  # fmt: skip
    return found


async def ask(app: Any, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    """One request as a server hands it over; its status."""
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/score", "raw_path": b"/v1/score",
        "query_string": b"", "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8000), "scheme": "http",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1"), (b"user-agent", b"benchmark"), (b"accept", b"*/*"),
            (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers,
        ],
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
    """Microseconds of a request, by what is asked of callers: medians over the rounds."""
    from model import save

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, _ = save(folder)
        bodies = [json.dumps({"values": row}).encode() for row in rows]
        compared = apps(folder)
        times: dict[str, list[float]] = {name: [] for name in compared}
        for number in range(rounds + 1):
            for name, (app, headers, before) in compared.items():
                spent = 0.0
                for i in range(requests):
                    before()
                    begun = time.process_time_ns()
                    status = await ask(app, headers, bodies[i % len(bodies)])
                    spent += time.process_time_ns() - begun
                    if status != 200:
                        raise SystemExit(f"{name} answers {status}")
                if number:  # the first warms up
                    times[name].append(spent / requests / 1e3)
    base = times["nobody is asked"]
    shares = {name: [one / floor - 1 for one, floor in zip(all_, base, strict=True)] for name, all_ in times.items()}
    return {
        "rounds": rounds, "requests": requests, "load": load,
        "microseconds": {name: statistics.median(all_) for name, all_ in times.items()},
        "share": {name: statistics.median(all_) for name, all_ in shares.items()},
    }  # fmt: skip


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    floor = results["microseconds"]["nobody is asked"]
    lines = ["| what callers show | µs of a request | more than nobody asked, µs | share |", "|---|---|---|---|"]
    for name, spent in results["microseconds"].items():
        lines.append(f"| {name} | {spent:.1f} | {spent - floor:+.1f} | {results['share'][name]:+.1%} |")
    lines += [
        "",
        f"Medians of {results['rounds']} rounds of {results['requests']} requests, processor time, without reading HTTP."
        f" The second row is the same app again: what the figures are worth. The machine's load was {results['load']:.1f}"
        f" on {os.cpu_count()} cores.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=200)
    given = parser.parse_args()
    results = asyncio.run(measure(given.rounds, given.requests))
    (HERE / "security.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "security.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()

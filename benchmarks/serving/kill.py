"""Workers killed under load: is every request that was answered on record, once?

    python benchmarks/serving/kill.py [--kills 20] [--callers 8]

``vigie serve --bundle … --workers 2`` answers callers that never pause; every request has an id of its own and none is sent
twice. Again and again one worker is killed with SIGKILL in the middle of it, and the server starts another. Then the server
is ended, and the record is read. Writes ``kill.json`` and ``kill.md`` beside this file.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of all requests.

    Attributes:
        kills: Workers killed.
        sent: Requests sent.
        answered: Of them, those answered with 200.
        refused: Those answered with anything else.
        lost: Those whose connection broke: their worker was killed.
        missing: Answered with 200 and not on record.
        twice: Requests that are on record more than once.
        unanswered: On record, and the answer did not arrive: the worker was killed in between.
        torn: Lines that a killed worker left unfinished.
        seconds: Of the whole run.
        slowest: Longest time without any answer, seconds.
    """

    kills: int
    sent: int
    answered: int
    refused: int
    lost: int
    missing: int
    twice: int
    unanswered: int
    torn: int
    seconds: float
    slowest: float


def workers(server: int) -> list[int]:
    """Process ids of the workers of a server."""
    found = []
    for task in Path(f"/proc/{server}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            try:
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
            except OSError:
                continue
    return found


def run(bundle: Path, values: dict[str, Any], journal: Path, *, kills: int, callers: int = 8, seed: int = 1) -> Outcome:
    """Kill *kills* workers of a server of *bundle* while *callers* ask for the score of *values*.

    Raises:
        RuntimeError: The server did not come up.
    """
    command = [sys.executable, "-m", "vigie.cli", "serve", "--bundle", str(bundle), "--journal", str(journal)]
    server = subprocess.Popen(
        [*command, "--workers", "2", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    ended = threading.Event()
    answered, refused, lost, moments = [], [], [], []
    begun = time.perf_counter()
    try:
        host = _address(server)
        body = json.dumps({"values": values}).encode()

        def call(number: int) -> None:
            connection, count = None, 0
            while not ended.is_set():
                name, count = f"{number}-{count}", count + 1
                try:
                    connection = connection or http.client.HTTPConnection(host, timeout=PATIENCE)
                    headers = {"content-type": "application/json", "x-request-id": name}
                    connection.request("POST", "/v1/score", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    lost.append(name)
                    connection = None
                    continue
                (answered if answer.status == 200 else refused).append(name)
                moments.append(time.perf_counter())

        threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
        for thread in threads:
            thread.start()
        chance, killed = random.Random(seed), 0
        _wait(lambda: len(answered) > 0, "answers")
        while killed < kills:
            _wait(lambda: len(workers(server.pid)) == 2, "two workers")
            before = len(answered)
            time.sleep(chance.uniform(0.05, 0.4))
            _wait(lambda: len(answered) > before, "answers")  # noqa: B023 - asked at once
            try:
                os.kill(chance.choice(workers(server.pid)), signal.SIGKILL)
            except (ProcessLookupError, IndexError):
                continue
            killed += 1
        before = len(answered)
        _wait(lambda: len(answered) > before, "answers after the last kill")
        ended.set()
        for thread in threads:
            thread.join()
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
    finally:
        ended.set()
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
    return _compared(journal, kills, answered, refused, lost, sorted(moments), time.perf_counter() - begun)


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
        if found:
            return found[1]
    raise RuntimeError("the server did not come up")


def _wait(until: Any, what: str) -> None:
    begun = time.perf_counter()
    while not until():
        if time.perf_counter() - begun > PATIENCE:
            raise RuntimeError(f"no {what} for {PATIENCE:.0f} s")
        time.sleep(0.01)


def _compared(
    journal: Path,
    kills: int,
    answered: list[str],
    refused: list[str],
    lost: list[str],
    moments: list[float],
    seconds: float,
) -> Outcome:
    from vigie.journal import read

    reader = read(journal)
    recorded = Counter(prediction.request_id for prediction in reader)
    return Outcome(
        kills=kills,
        sent=len(answered) + len(refused) + len(lost),
        answered=len(answered),
        refused=len(refused),
        lost=len(lost),
        missing=sum(name not in recorded for name in answered),
        twice=sum(count > 1 for count in recorded.values()),
        unanswered=len(recorded.keys() - set(answered)),
        torn=reader.torn,
        seconds=round(seconds, 1),
        slowest=round(max((b - a for a, b in itertools.pairwise(moments)), default=0.0), 2),
    )


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--callers", type=int, default=8)
    given = parser.parse_args()
    from model import save

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        rows, _ = save(Path(name))
        found = run(Path(name) / "lightgbm", rows[0], Path(name) / "journal", kills=given.kills, callers=given.callers)
    (HERE / "kill.json").write_text(json.dumps({**asdict(found), "load": load}, indent=1) + "\n")
    lines = [
        "| | |",
        "|---|---|",
        f"| workers killed with SIGKILL, of two, under load | {found.kills} |",
        f"| requests answered with 200 | {found.answered:,} |",
        f"| of them missing in the record | {found.missing} |",
        f"| requests on record twice | {found.twice} |",
        f"| requests whose connection broke with a killed worker | {found.lost} |",
        f"| of them on record | {found.unanswered} |",
        f"| requests answered with anything else | {found.refused} |",
    ]
    (HERE / "kill.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    if found.missing or found.twice:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

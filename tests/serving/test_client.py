"""The client against a real server, directly and through one that loses answers."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from vigie.client import ApiError, AsyncClient, Client, Retries
from vigie.journal import Prediction, PredictionJournal, read

from .test_run import running


def message(line: socket.socket) -> bytes:
    """One whole message of HTTP; nothing where the other side has gone."""
    found = b""
    while True:
        head, end, body = found.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if end and len(body) >= (int(length.group(1)) if length else 0):
            return found
        part = line.recv(1 << 20)
        if not part:
            return b""
        found += part


class Lossy:
    """Passes connections on; of some it loses the answer after the server has given it, or refuses them.

    Args:
        url: Of the server.
        lost: Connections whose answer is lost, from the first on.
    """

    def __init__(self, url: str, lost: int) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._server, self._lost = (host, int(port)), lost
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.answered: list[bytes] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(line,), daemon=True).start()

    def _pass(self, line: socket.socket) -> None:
        with line, socket.create_connection(self._server, timeout=10) as server:
            while True:
                asked = message(line)
                if not asked:
                    return
                server.sendall(asked)
                answer = message(server)
                self.answered.append(answer)
                if self._lost:
                    self._lost -= 1
                    return
                line.sendall(answer)

    def close(self) -> None:
        self._door.close()


def test_scores_models_and_refusals(bundle_folder: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    with running(bundle_folder, tmp_path, 1) as (_, url), Client(url) as vigie:
        assert vigie.ready()
        (model,) = vigie.models()
        assert model.name == "churn" and model.decisions == ["contact", "leave"] and model.inputs[0].kind == "number"
        one = vigie.score(values=model.example, reasons=2, request_id="mine-1")
        assert 0 < one.score < 1 and one.request_id == "mine-1" and len(one.reasons) == 2
        assert one.reasons[0].words and one.reasons_scale == "log_odds"
        many = vigie.score_many([{"customer_id": f"c{i}", "values": values} for i in range(7)], size=3)
        assert [p.customer_id for p in many] == [f"c{i}" for i in range(7)]
        assert len({p.score for p in many}) == 1 and len({p.request_id for p in many}) == 3
        with pytest.raises(ApiError, match="the model has no such input") as raised:
            vigie.score(values={"age": 1, **values})
        assert raised.value.status == 422 and raised.value.problems[0].field == "customers[0].values.age"
        with pytest.raises(ApiError, match="did you mean 'churn'"):
            vigie.score(values=values, score="chrun")
        with pytest.raises(ApiError) as raised:
            vigie.features(["7"])
        assert raised.value.status == 404
        with pytest.raises(ApiError) as raised:
            vigie.events("orders", [{}])
        assert raised.value.status == 404
    assert len(recorded(tmp_path)) == 1 + 7


def recorded(journal: Path) -> list[Prediction]:
    return list(read(journal))


@pytest.mark.parametrize("workers", [1, 2])
def test_lost_answers_are_asked_for_again_and_recorded_once(
    bundle_folder: Path, tmp_path: Path, values: dict[str, Any], workers: int
) -> None:
    with running(bundle_folder, tmp_path, workers) as (_, url):
        lossy = Lossy(url, lost=3)
        with Client(lossy.url, retries=Retries(base_seconds=0.01)) as vigie:
            prediction = vigie.score(customer_id="7", values=values)
        lossy.close()
        assert len(lossy.answered) == 4 and all(b" 200 OK" in answer for answer in lossy.answered)
        assert [b"idempotency-replayed" in answer for answer in lossy.answered] == [False, True, True, True]
    (one,) = recorded(tmp_path)
    assert one.probability == prediction.score and one.request_id == prediction.request_id


def test_the_asynchronous_client_does_the_same_and_many_at_once(
    bundle_folder: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    async def work(url: str) -> None:
        lossy = Lossy(url, lost=2)
        async with AsyncClient(lossy.url, retries=Retries(base_seconds=0.01)) as vigie:
            assert (await vigie.score(values=values)).score > 0
        lossy.close()
        async with AsyncClient(url) as vigie:
            assert await vigie.ready()
            found = await asyncio.gather(*(vigie.score(customer_id=i, values=values) for i in range(20)))
            assert [one.customer_id for one in found] == [str(i) for i in range(20)]
            assert len(await vigie.score_many([values] * 5, size=2)) == 5
            assert [model.name for model in await vigie.models()] == ["churn"]
            with pytest.raises(ApiError):
                await vigie.score(values={})

    with running(bundle_folder, tmp_path, 1) as (_, url):
        asyncio.run(work(url))
    assert len(recorded(tmp_path)) == 1 + 20 + 5


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retries=Retries(attempts=2, base_seconds=0.01)) as vigie:
        assert not vigie.ready()
        with pytest.raises(ApiError, match="no answer after 2 attempts") as raised:
            vigie.models()
    assert "is the server running" in str(raised.value)


def test_threads_may_share_a_client(bundle_folder: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    with running(bundle_folder, tmp_path, 1) as (_, url), Client(url) as vigie:
        found: list[str | None] = []
        threads = [
            threading.Thread(target=lambda i=i: found.append(vigie.score(customer_id=i, values=values).customer_id))
            for i in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(map(str, found), key=int) == [str(i) for i in range(16)]


def test_it_needs_nothing_of_vigie_but_errors(tmp_path: Path) -> None:
    code = (
        "import sys; import vigie.client; vigie.client.Client('http://x').close(); "
        "heavy = {'numpy', 'polars', 'fastapi', 'lightgbm', 'mlflow', 'pandas'} & set(sys.modules); "
        "assert not heavy, heavy; "
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('vigie.')}; "
        "assert rooms <= {'client', 'errors', '_version', 'definition', 'clock', 'wording', 'findings'}, rooms"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


@contextmanager
def in_a_thread(app: FastAPI) -> Iterator[str]:
    """*app* on a real port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def test_the_example_prints_what_to_do_with_each_customer(app: FastAPI, journal: PredictionJournal) -> None:
    script = Path(__file__).resolve().parents[2] / "examples" / "client.py"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    with in_a_thread(app) as url:
        done = run("7", "8", "--url", url)
        assert done.returncode == 0, done.stderr
        first, second = done.stdout.splitlines()
        assert first.split()[0] == "7" and second.split()[0] == "8" and first.split()[2] in ("contact", "leave")
        unknown = run("nobody", "noone", "--url", url)
        assert unknown.returncode == 1 and unknown.stdout == ""
        assert "no customer 'nobody' is known" in unknown.stderr
        assert "customers[1].customer_id: no customer 'noone' is known" in unknown.stderr
    assert [one.customer for one in journal.read()] == ["7", "8"]
    assert run("7", "--url", "nowhere").returncode == 2

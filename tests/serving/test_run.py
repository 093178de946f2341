"""Real servers on real ports: one worker and several, ended gently and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vigie.bundle import Bundle
from vigie.errors import SettingsError
from vigie.journal import PredictionJournal, read
from vigie.serving import Served, ServingSettings, refuse_open_door, serve

PROGRAM = str(Path(__file__).with_name("serving_app.py"))


@contextmanager
def running(bundle: Path, journal: Path, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, PROGRAM, str(bundle), str(journal), str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        yield process, url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def post(url: str, body: object) -> Any:
    request = urllib.request.Request(
        f"{url}/v1/score", json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def test_one_worker_answers_and_ends_gently(bundle_folder: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    with running(bundle_folder, tmp_path, 1) as (process, url):
        ids = [post(url, {"values": values})["request_id"] for _ in range(5)]
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert errors == ""
    assert [event.request_id for event in read(tmp_path)] == ids


def test_a_body_over_the_limit_is_answered_before_it_is_read(bundle_folder: Path, tmp_path: Path) -> None:
    with (
        running(bundle_folder, tmp_path, 1) as (_, url),
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=20) as line,
    ):
        line.sendall(b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_workers_share_the_port_the_journal_and_the_metrics(
    bundle_folder: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    with running(bundle_folder, tmp_path, 2) as (process, url):
        ids = [post(url, {"values": values})["request_id"] for _ in range(60)]
        for _ in range(8):  # whichever worker answers, it speaks for both
            assert 'vigie_requests_total{route="score",status="200"} 60.0' in get(f"{url}/metrics")
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert {event.request_id for event in read(tmp_path)} == set(ids)


def test_every_answered_prediction_outlives_kill_9_of_the_server(
    bundle_folder: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    answered: list[str] = []

    def ask(url: str) -> None:
        while True:
            try:
                answered.append(post(url, {"values": values})["request_id"])
            except (urllib.error.URLError, OSError):
                return

    with running(bundle_folder, tmp_path, 1) as (process, url):
        post(url, {"values": values})
        callers = [threading.Thread(target=ask, args=(url,)) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(0.5)
        process.kill()
        for caller in callers:
            caller.join()
    recorded = [event.request_id for event in read(tmp_path)]
    assert len(answered) > 20 and set(answered) <= set(recorded) and len(recorded) == len(set(recorded))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_cannot_start_says_why(tmp_path: Path, workers: int) -> None:
    run = subprocess.run(
        [sys.executable, PROGRAM, "broken", str(tmp_path), str(workers)], capture_output=True, text=True, timeout=60
    )
    assert run.returncode != 0
    assert "the bundle is broken.\n  → make another" in run.stderr


def test_only_this_machine_may_call_unless_it_is_wanted() -> None:
    for host in ("127.0.0.1", "127.8.0.1", "::1", "localhost"):
        refuse_open_door(host, allow_insecure=False)
    for host in ("0.0.0.0", "::", "10.0.0.3", "scoring.example.com"):
        with pytest.raises(SettingsError, match="can be reached from other machines"):
            refuse_open_door(host, allow_insecure=False)
        refuse_open_door(host, allow_insecure=True)


def test_a_port_in_use_and_impossible_ones_are_explained(bundle: Bundle, tmp_path: Path) -> None:
    def factory(settings: ServingSettings) -> Any:
        from vigie.clock import SystemClock
        from vigie.serving import create_app

        return create_app({"churn": Served("churn", "1", bundle)}, PredictionJournal(tmp_path), SystemClock(), settings)

    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SettingsError, match="Address already in use"),
    ):
        serve(factory, port=taken.getsockname()[1])
    with pytest.raises(SettingsError, match="cannot listen on nowhere.invalid"):
        serve(factory, host="nowhere.invalid", allow_insecure=True)
    with pytest.raises(SettingsError, match="99999 is not a port"):
        serve(factory, port=99999)
    with pytest.raises(SettingsError, match="workers=0"):
        serve(factory, workers=0)
    with pytest.raises(SettingsError, match="can be reached"):
        serve(factory, host="0.0.0.0")

"""Two servers that share a ledger, and a version that fails: it is gone from both, and no request failed.

Callers ask both servers in turn, or through nginx where it is installed.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rollout_shop import VALUES, bundle_of, make_project, opened, register

from vigie.journal import read
from vigie.lifecycle import rollout as releases


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is champion; 2 is as good; 3 asks for what nobody sends."""
    folder = tmp_path_factory.mktemp("rollout") / "project"
    folder.mkdir()
    make_project(folder)
    project = opened(folder)
    register(project, bundle_of(-0.5), "champion")
    register(project, bundle_of(-0.5, weight=0.8000001))
    register(project, bundle_of(-0.5, worth="income_of_partner"))
    # MLflow keeps absolute paths; those of copies must not lead here.
    return folder.rename(folder.with_name("moved"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project")
    return tmp_path / "project"


class Server:
    """``vigie serve`` in a process of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.journal = folder.parent / name
        self.errors = (folder.parent / f"{name}.log").open("w+")
        command = [sys.executable, "-m", "vigie.cli", "serve", "--port", "0", "--journal", str(self.journal)]
        self.process = subprocess.Popen(
            [*command, "--project", str(folder)], stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.url = ""

    def wait(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            place = line.find("http://127.0.0.1:")
            if place >= 0:
                self.url = "/".join(line[place:].split("/")[:3])
                break
        assert self.url, self.errors.seek(0) or self.errors.read()
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.errors.close()


class Nginx:
    """Hands requests to servers in turn, and tries none again."""

    def __init__(self, folder: Path, servers: Sequence[Server], program: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        places = " ".join(
            f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        behind = " ".join(f"server {one.url.removeprefix('http://')};" for one in servers)
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder / 'nginx.pid'}; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {places} upstream vigie {{ {behind} keepalive 8; }}\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://vigie; proxy_http_version 1.1;"
            ' proxy_set_header Connection ""; proxy_next_upstream off; } } }\n'
        )
        self.url = f"http://127.0.0.1:{port}"
        self.errors = (folder / "nginx.log").open("w+")
        self.process = subprocess.Popen([program, "-c", str(folder / "nginx.conf")], stderr=self.errors)

        def answers() -> bool:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
            except OSError:
                return False
            return True

        until(answers)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.errors.close()


@dataclass(frozen=True)
class Caller:
    """Asks whoever answers at a URL."""

    url: str

    def post(self, customer: str) -> tuple[int, Any]:
        body = json.dumps({"customer_id": customer, "values": VALUES}).encode()
        request = urllib.request.Request(f"{self.url}/v1/score", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def servers(folder: Path) -> Iterator[list[Server]]:
    made = [Server(folder, name) for name in ("a", "b")]
    try:
        for one in made:
            one.wait()
        yield made
    finally:
        for one in made:
            one.stop()


@pytest.fixture(params=["in turn", "nginx"])
def doors(request: pytest.FixtureRequest, tmp_path: Path, servers: list[Server]) -> Iterator[list[str]]:
    """URLs that callers ask in turn."""
    if request.param == "in turn":
        yield [one.url for one in servers]
        return
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    door = Nginx(tmp_path, servers, program)
    try:
        yield [door.url]
    finally:
        door.stop()


class Load:
    """Callers who ask at all doors in turn, until told to stop."""

    def __init__(self, doors: Sequence[str]) -> None:
        self.answers: list[tuple[int, Any]] = []
        self._doors, self._ended = [Caller(url) for url in doors], threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(2)]
        for thread in self._threads:
            thread.start()

    def _ask(self, who: int) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            door = self._doors[number % len(self._doors)]
            self.answers.append(door.post(f"{who}-{number}"))
            time.sleep(0.005)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def until(look: Any, seconds: float = 30.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


def test_a_version_that_fails_is_gone_from_every_server_and_no_request_failed(
    folder: Path, servers: list[Server], doors: list[str]
) -> None:
    project = opened(folder)
    ledger = releases.ledger_of(project)
    load = Load(doors)
    try:
        until(lambda: len(load.answers) > 40)
        assert load.answers[0][0] == 200, load.answers[0]
        planned = releases.plan_rollout(project, "churn", version=3)
        began = releases.start_rollout(project, ledger, planned, "a test")
        done = until(lambda: (r := releases.standing_of(ledger, "churn").rollout) and not r.running and r)
        # Within two seconds where nothing else runs (docs/explanation/canary.md); a test has no say in that.
        until(lambda: all(list(read(server.journal))[-1].rollout == "" for server in servers))
        quiet = max(one.at for server in servers for one in read(server.journal))
        time.sleep(1.5)
    finally:
        load.stop()
    assert done.status == "rolled back" and done.reason.startswith("errors: ")
    assert [status for status, _ in load.answers] == [200] * len(load.answers)
    assert {answer["model"]["version"] for _, answer in load.answers} == {"1"}  # whatever failed, the champion answered
    for server in servers:
        records = list(read(server.journal))
        tried = [one for one in records if one.arm == "fallback"]
        assert len(tried) > 2 and {one.rollout for one in tried} == {began.id}
        late = max(one.at for one in records if one.rollout) - done.since
        print(f"last {late / 1e6:.2f} s after the rollback")
        after = [one for one in records if one.at > quiet]
        assert len(after) > 5 and not any(one.rollout for one in after)
    lines = releases.history_of(ledger, "churn")
    assert [line.kind for line in lines] == ["started", "rolled back"]
    verdict = next(one for one in lines[1].body["verdicts"] if one["guardrail"] == "errors")
    assert verdict["state"] == "harmful" and verdict["champion"] == 0 and verdict["challenger"] == 1
    assert project.registry.resolve("churn").version == 1


def test_a_version_as_good_is_promoted_everywhere_and_can_be_taken_back(folder: Path, servers: list[Server]) -> None:
    project = opened(folder)
    ledger = releases.ledger_of(project)
    load = Load([server.url for server in servers])
    try:
        # With few requests nobody could tell that errors are rare; everything else is judged.
        planned = releases.plan_rollout(project, "churn", version=2, without=["errors", "latency"])
        registry = project.registry
        releases.start_rollout(project, ledger, planned)
        done = until(lambda: (r := releases.standing_of(ledger, "churn").rollout) and not r.running and r, 60)
        assert done.status == "promoted", done.reason
        until(lambda: all(Caller(server.url).post("x")[1]["model"]["version"] == "2" for server in servers), 5)
        # The registry follows, by a process that a server begins.
        until(lambda: opened(folder).registry.resolve("churn").version == 2, 60)
        until(lambda: releases.standing_of(ledger, "churn").rollout.applied, 30)
        taken_back = releases.roll_back(project, ledger, "churn", "complaints")
        assert taken_back.status == "reverted"
        until(lambda: all(Caller(server.url).post("x")[1]["model"]["version"] == "1" for server in servers), 3)
        until(lambda: releases.standing_of(ledger, "churn").rollout.applied, 90)
        assert opened(folder).registry.resolve("churn").version == 1
        # Without any rollout: who moves the alias moves the servers.
        registry.set_alias("churn", "champion", 2)
        until(lambda: all(Caller(server.url).post("x")[1]["model"]["version"] == "2" for server in servers), 10)
    finally:
        load.stop()
    assert {status for status, _ in load.answers} == {200}
    kinds = [line.kind for line in releases.history_of(ledger, "churn")]
    assert kinds == ["started", "promoted", "applied", "reverted", "applied"]

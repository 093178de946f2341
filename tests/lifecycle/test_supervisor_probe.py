"""A service that lives and does not answer is killed and started again; one that is slow to start, or refuses, is not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from up_chaos import eventually, free_port

from vigie.lifecycle import supervisor_probe
from vigie.lifecycle.supervisor import Service, probe_url
from vigie.lifecycle.supervisor_probe import Beat, Probe, Probing, answers, beating

KEEPER = """
import sys
from pathlib import Path
from vigie.lifecycle.supervisor import Service, Supervisor
from vigie.lifecycle.supervisor_probe import Probing
port = int(sys.argv[1])
web = Service("web", "http.server", (str(port), "--bind", "127.0.0.1"), url="http://127.0.0.1", port=port, probe="/")
def told(level, service, words):
    if level:
        print(level, words, flush=True)
Supervisor([web], Path("."), told, Path("up.json"), probing=Probing(0.3, 3)).run()
"""
FULL = """
import os, sys
from pathlib import Path
from vigie.lifecycle import supervisor
from vigie.lifecycle.supervisor import Service, Supervisor
tries, made = [], supervisor.Child
def child(*words, **more):
    tries.append(words)
    if len(tries) == 1:
        raise OSError(11, "Resource temporarily unavailable")
    return made(*words, **more)
supervisor.Child = child
sleeper = Service("sleeper", "sleeper", ())
def told(level, service, words):
    print(level, words, flush=True)
    raise OSError(28, "No space left on device")
Supervisor([sleeper], Path("."), told, Path("missing/up.json")).run()
"""


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield door.getsockname()[1]


def test_a_refusal_is_an_answer_and_silence_is_none(refusing: int, deaf: int) -> None:
    assert answers(f"http://127.0.0.1:{refusing}/healthz", 5)
    assert not answers(f"http://127.0.0.1:{deaf}/healthz", 0.1)
    assert not answers(f"https://127.0.0.1:{deaf}/healthz", 0.1)
    assert not answers(f"http://127.0.0.1:{free_port()}/healthz", 0.1)


def test_a_service_has_longer_before_its_first_answer(deaf: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_probe, "STARTING", 0.6)
    rung = threading.Event()
    began = time.monotonic()
    probe = Probe(f"http://127.0.0.1:{deaf}/", Probing(0.02, 2), rung.set)
    assert rung.wait(20)

    assert probe.hangs >= 0.6
    assert time.monotonic() - began >= 0.6


def test_what_beats_is_found_to_hang_when_looks_in_a_row_hear_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr(supervisor_probe, "stopwatch", lambda: seconds[0])
    hears, writes = os.pipe()
    for end in (hears, writes):
        os.set_blocking(end, False)
    beat, lives = Beat(hears, Probing(5, 3)), beating(writes)

    def looks(*pauses: float) -> float:
        for pause in pauses:
            seconds[0] += pause
            assert beat.look()
        return beat.hangs

    assert looks(5, 5, 5, 5, 500) == 0  # it has longer for its first beat: it may wait for a lock
    lives()
    assert looks(0.1) == 0 and beat.due == seconds[0] + 5
    assert looks(3600, 0, 5) == 0  # the machine slept, we with it
    lives()
    assert looks(0) == 0
    assert looks(5, 5, 1, 1, 1) == 0
    assert looks(2) == 15
    for _ in range(1 << 17):  # nobody listens for a long time: that holds nothing up
        lives()
    assert looks(0, 0) == 15
    os.close(writes)
    while beat.look():
        pass
    os.close(hears)
    beating(-1)()


def test_nobody_is_rung_for_once_it_is_closed(deaf: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rung = threading.Event()
    monkeypatch.setattr(supervisor_probe, "STARTING", 0.1)
    probe = Probe(f"http://127.0.0.1:{deaf}/", Probing(0.02, 1), rung.set)
    probe.close()

    assert not rung.wait(0.5)
    assert probe.hangs == 0


def test_what_listens_everywhere_is_asked_here() -> None:
    service = Service("serve", "vigie.cli", (), url="https://[::]:80", port=8443, host="::", probe="/healthz")
    assert probe_url(service) == "https://[::1]:8443/healthz"
    service = Service("serve", "vigie.cli", (), url="http://0.0.0.0:80", port=80, host="0.0.0.0", probe="/healthz")
    assert probe_url(service) == "http://127.0.0.1:80/healthz"


def test_nothing_that_the_system_refuses_ends_what_runs(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("import time\nprint('awake')\ntime.sleep(60)\n")
    log = tmp_path / "log"
    with log.open("w") as out:
        keeper = subprocess.Popen([sys.executable, "-c", FULL], cwd=tmp_path, stdout=out, stderr=out)
    try:
        eventually(lambda: "awake" in log.read_text(), log.read_text, 60)
        assert keeper.poll() is None
    finally:
        keeper.terminate()
        keeper.wait(60)
    said = log.read_text()
    assert "error sleeper cannot be started: Resource temporarily unavailable; started again in 1 s" in said
    assert said.count("warning missing/up.json cannot be written (No such file or directory)") == 1
    assert said.count("sleeper started") == 1 and said.rstrip().endswith("info stopped")


def test_a_service_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with log.open("w") as out:
        keeper = subprocess.Popen([sys.executable, "-c", KEEPER, str(port)], cwd=tmp_path, stdout=out, stderr=out)
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/", 1), log.read_text, 60)
        time.sleep(0.5)  # it was asked, and answered
        pid = int(log.read_text().split("process ")[1].split()[0])
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: "has not answered for" in log.read_text(), log.read_text, 60)
        eventually(lambda: log.read_text().count("web started") == 2, log.read_text, 60)
        eventually(lambda: answers(f"http://127.0.0.1:{port}/", 1), log.read_text, 60)
    finally:
        keeper.terminate()
        keeper.wait(60)
    assert "killed by signal 9" in log.read_text()
    assert log.read_text().rstrip().endswith("stopped")

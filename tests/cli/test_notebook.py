"""``vigie notebook`` starts a real JupyterLab that asks for its token and asks nobody for anything."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from vigie.errors import MissingExtraError, SettingsError
from vigie.lifecycle import notebook as notebook_room
from vigie.lifecycle.notebook import laboratory

pytestmark = pytest.mark.skipif(util.find_spec("jupyterlab") is None, reason="pip install 'vigie[notebook]'")


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[str, Path, subprocess.Popen[str]]]:
    """Address with token, folder and process of a ``vigie notebook`` that answers."""
    command = [sys.executable, "-m", "vigie.cli", "notebook", "--no-browser", "--port", str(free_port())]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "COLUMNS": "200"}
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    url, told = "", []
    assert process.stdout is not None
    for line in process.stdout:
        told.append(line)
        if found := re.search(r"JupyterLab +(http://\S+)", line):
            url = found[1]
        if url and "is running at" in line:
            break
    # It says so a moment before it listens.
    while process.poll() is None and not listens(url):
        time.sleep(0.1)
    assert url and process.poll() is None, "".join(told)
    yield url, tmp_path / "vigie-notebooks", process
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_it_starts_asks_for_its_token_shows_the_examples_and_ends(
    running: tuple[str, Path, subprocess.Popen[str]],
) -> None:
    url, folder, process = running
    base, token = url.split("/lab?token=")
    assert get(f"{base}/api/contents")[0] == 403
    status, listing = get(f"{base}/api/contents?token={token}")
    assert status == 200
    assert {file["name"] for file in json.loads(listing)["content"]} == {"EDA.ipynb", "algo_pipeline_demo.ipynb"}
    status, page = get(url)
    assert status == 200
    settings = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert settings["news"] == {"disabled": True}
    assert settings["extensionManager"]["can_install"] is False
    assert get(f"{base}/lab/api/news?token={token}")[1] in ('{"news": []}', '{"news":[]}')
    assert (folder / "EDA.ipynb").is_file()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(base, timeout=5)


def test_the_token_is_not_on_the_command_line_and_a_busy_port_gives_the_next(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", port))
        busy.listen()
        made = laboratory(tmp_path, port=port)
    assert made.port > port and len(made.token) == 48 and made.token in made.url
    assert made.settings()["IdentityProvider"]["token"] == made.token
    assert laboratory(tmp_path).token != made.token


def test_a_door_without_a_lock_is_not_opened_to_the_network(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="without a token"):
        laboratory(tmp_path, host="0.0.0.0", token=False)
    assert laboratory(tmp_path, token=False).url.endswith("/lab")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_room, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"vigie\[notebook\]"):
        laboratory(tmp_path)

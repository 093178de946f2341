"""``vigie serve`` as containers run it: SageMaker's arguments and signals, and a folder of many bundles."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vigie.bundle import Bundle, write_bundle
from vigie.errors import SettingsError
from vigie.journal import read
from vigie.settings import sagemaker_port


@contextmanager
def serving(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vigie.cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "http://" in line:
                break
        else:
            raise AssertionError("".join(lines) + process.communicate()[1])
        place = line.index("http://")
        yield process, "/".join(line[place:].split("/")[:3])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)


def ask(url: str, body: Any = None, kind: str = "application/json") -> tuple[int, str]:
    data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, {"content-type": kind}), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def test_sagemakers_contract(bundle_folder: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    port = free_port()
    # What `docker run IMAGE serve` makes of ENTRYPOINT ["vigie", "serve", "--sagemaker"], with the model elsewhere.
    arguments = ["--sagemaker", "--bundle", str(bundle_folder), "--journal", str(tmp_path / "journal"), "serve"]
    with serving(*arguments, folder=tmp_path, environment={"SAGEMAKER_BIND_TO_PORT": str(port)}) as (process, url):
        assert url == f"http://0.0.0.0:{port}"
        base = f"http://127.0.0.1:{port}"
        assert ask(f"{base}/ping") == (200, "\n")
        table = ",".join(values) + "\n" + ",".join(str(value) for value in values.values()) + "\n"
        status, csv = ask(f"{base}/invocations", table, "text/csv")
        assert status == 200
        _, instances = ask(f"{base}/invocations", {"instances": [values]})
        one, other = (json.loads(text)["predictions"][0] for text in (csv, instances))
        assert one["score"] == other["score"] and one["decision"] == other["decision"]
        process.terminate()
        assert process.wait(timeout=25) in (0, -signal.SIGTERM)
    assert len(list(read(tmp_path / "journal"))) == 2


def test_sagemakers_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGEMAKER_BIND_TO_PORT", raising=False)
    assert sagemaker_port() == 8080
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "9000")
    assert sagemaker_port() == 9000
    for wrong in ("0", "65536", "web", "٣"):
        monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", wrong)
        with pytest.raises(SettingsError, match="is not a port"):
            sagemaker_port()


def test_a_folder_of_bundles_is_one_server(bundle: Bundle, tmp_path: Path, values: dict[str, Any]) -> None:
    for name in ("be", "de", "fr"):
        write_bundle(replace(bundle, score_name="churn", hash=""), tmp_path / "bundles" / name)
    (tmp_path / "bundles" / "notes").mkdir()
    arguments = ["--bundle", "bundles", "--memory", "1MB", "--preload", "de", "--port", "0", "--workers", "2"]
    with serving(*arguments, folder=tmp_path) as (_, url):
        assert {card["name"] for card in json.loads(ask(f"{url}/v1/models")[1])} == {"be", "de", "fr"}
        found = {ask(f"{url}/v1/scores/{name}/score", {"values": values})[0] for name in ("be", "de", "fr")}
        assert found == {200}
        assert ask(f"{url}/v1/scores/notes/score", {"values": values})[0] == 404
        told = ask(f"{url}/metrics")[1]
        assert "vigie_models_loads_total 2.0" in told
    assert {one.score for one in read(tmp_path / "journal")} == {"be", "de", "fr"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bundle", "."], "neither a bundle nor a folder of bundles"),
        (["--bundle", "nowhere"], "nowhere cannot be read"),
        (["--bundle", "bundles", "--memory", "much"], "'much' is not an amount of memory"),
        (["--bundle", "bundles", "--preload", "dee"], "did you mean 'de'?"),
        (["churn", "--bundle", "bundles"], "names of scores are for a project"),
    ],
)
def test_what_cannot_be_meant_is_explained(bundle: Bundle, tmp_path: Path, arguments: list[str], told: str) -> None:
    write_bundle(bundle, tmp_path / "bundles" / "de")
    run = subprocess.run(
        [sys.executable, "-m", "vigie.cli", "serve", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode != 0
    assert told in " ".join(run.stderr.split()).lower()

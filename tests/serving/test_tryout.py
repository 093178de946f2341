"""The try-out page asks a real server: form, reasons, what-if; and its program keeps keys to itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from vigie.client import Input
from vigie.errors import SettingsError
from vigie.journal import read
from vigie.lifecycle.tryout_values import form_value, others, shown

from .test_run import running

pytest.importorskip("streamlit", reason="streamlit is not installed")

from streamlit.testing.v1 import AppTest

from vigie.lifecycle.tryout import PAGE, tryout


def page(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings = folder / "settings.json"
    settings.write_text(json.dumps({"api": url, "key": ""}))
    monkeypatch.setattr(sys, "argv", ["page", str(settings)])
    return AppTest.from_file(str(PAGE), default_timeout=60)


def metrics(shown: Any) -> dict[str, str]:
    return {one.label: one.value for one in shown.metric}


def test_the_form_is_scored_and_another_value_scores_differently(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(bundle_folder, tmp_path / "journal", 1) as (_, url):
        first = page(url, tmp_path, monkeypatch).run()
        assert not first.exception and not first.error
        assert first.title[0].value == "Which customers will leave?"
        before = metrics(first)
        assert before["Decision"] in ("contact", "leave") and before["Expected value"].endswith("EUR")
        assert [one.value for one in first.subheader] == ["Why", "What if"]
        after = first.number_input(key="churn customers_age").set_value(88.0).run()
        assert metrics(after)["Score"] != before["Score"]
        country = after.selectbox(key="churn what if").select("customers_country").run()
        assert not country.exception
        # What does not fit is said, and breaks nothing.
        wrong = country.text_input(key="churn customers_since").set_value("soon").run()
        assert not wrong.exception and wrong.error[0].value.startswith(
            "**values.customers_since**: 'soon' is not a date"
        )
    recorded = list(read(tmp_path / "journal"))
    assert f"{recorded[0].probability:.1%}" == before["Score"]
    # one and 21 of age; the same at 88; one and three of country
    assert len(recorded) == 22 + 22 + 1 + 3


def test_a_server_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    shown = page(f"http://127.0.0.1:{port}", tmp_path, monkeypatch).run()
    assert not shown.exception and "The API does not answer" in shown.error[0].value


def test_which_values_are_tried() -> None:
    number = Input("age", "number")
    assert others(number, 40.0) == [float(4 * i) for i in range(21)]
    assert others(number, -2.0)[0] == -4.0 and others(number, -2.0)[-1] == 0.0
    assert others(number, 0.0)[-1] == others(number, None)[-1] == 1.0
    assert 0.1 + 0.2 in others(number, 0.1 + 0.2)
    assert others(Input("new", "boolean"), None) == [True, False]
    country = Input("country", "category", categories=["BE", "FR"])
    assert others(country, "FR") == ["BE", "FR"] and others(country, "IT") == ["BE", "FR", "IT"]
    assert others(Input("note", "text"), "x") == others(Input("at", "time"), "2026-01-01") == []
    assert (form_value(" x "), form_value("  ")) == ("x", None)
    assert [shown(one) for one in (None, True, False, "FR")] == ["not known", "yes", "no", "FR"]


def test_what_cannot_be_meant() -> None:
    with pytest.raises(SettingsError, match="is not the URL of an API"):
        tryout("127.0.0.1:8000")
    with pytest.raises(SettingsError, match="would ask with your key"):
        tryout("http://x", key="vgk_x", host="0.0.0.0")
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(SettingsError, match="cannot listen on"):
        tryout("http://x", port=door.getsockname()[1])


def test_the_program_shows_no_key_and_ends_on_a_signal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "vigie.cli", "try", "--key", "env:KEY", "--no-browser", "--port", str(port)],
        env={**os.environ, "KEY": "vgk_secret", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}/_stcore/health"
        for _ in range(300):
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail("the page does not listen")
        (settings,) = tmp_path.glob("vigie-try-*/settings.json")
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600 and "vgk_secret" in settings.read_text()
        if shutil.which("ps"):
            commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
            assert "vgk_secret" not in commands
        process.terminate()
        told, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "vgk_secret" not in told
    assert not list(tmp_path.glob("vigie-try-*"))

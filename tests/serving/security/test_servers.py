"""Real servers on real ports: several workers that see a revocation and share a rate, TLS, and doors that stay shut."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from vigie.clock import SystemClock
from vigie.errors import SettingsError
from vigie.journal.admin import AdminJournal
from vigie.serving import refuse_open_door
from vigie.serving.security.administration import Administration, Wanted
from vigie.serving.security.key_store import SqliteKeys
from vigie.serving.security.tls import Tls

PROGRAM = str(Path(__file__).with_name("secured_app.py"))


@contextmanager
def running(bundle: Path, folder: Path, **options: Any) -> Iterator[str]:
    said = json.dumps({"bundle": str(bundle), "folder": str(folder), **options})
    process = subprocess.Popen(
        [sys.executable, PROGRAM, said],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
    assert "vgk_" not in errors, "no key is in what a server writes"


@pytest.fixture
def keys(tmp_path: Path) -> Administration:
    return Administration(SqliteKeys(tmp_path / "keys.db"), AdminJournal(tmp_path / "admin"), SystemClock(), "ana")


def status(url: str, key: str = "", context: ssl.SSLContext | None = None) -> int:
    """Of one request on a connection of its own, so that any worker may answer it."""
    request = urllib.request.Request(f"{url}/v1/models", headers={"authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def worker_of(url: str, key: str, lines: list[http.client.HTTPConnection]) -> list[int]:
    """Statuses over every one of *lines*, each of which stays with its worker."""
    found = []
    for line in lines:
        line.request("GET", "/v1/models", headers={"authorization": f"Bearer {key}"})
        answer = line.getresponse()
        answer.read()
        found.append(answer.status)
    return found


def test_two_workers_see_a_new_key_a_rotation_and_a_revocation_within_a_second(
    bundle_folder: Path, tmp_path: Path, keys: Administration
) -> None:
    _, first = keys.create("shop", Wanted(roles=["score"]))
    with running(bundle_folder, tmp_path, workers=2) as url:
        host, port = url.removeprefix("http://").split(":")
        status(url, first)  # waits until a worker is up
        time.sleep(1.0)
        lines = [http.client.HTTPConnection(host, int(port), timeout=30) for _ in range(16)]
        assert worker_of(url, first, lines) == [200] * 16

        def seen(key: str, wanted: int) -> float:
            begun = time.monotonic()
            while worker_of(url, key, lines) != [wanted] * 16:
                assert time.monotonic() - begun < 20
                time.sleep(0.02)
            return time.monotonic() - begun

        _, second = keys.create("late", Wanted(roles=["score"]))
        times = [seen(second, 200)]
        _, third = keys.rotate("late", 0)
        times += [seen(second, 401), seen(third, 200)]
        keys.revoke("late")
        times.append(seen(third, 401))
        assert worker_of(url, first, lines) == [200] * 16
        # Half a second between looks; the rest is for a machine with other things to do.
        assert max(times) < 5 and sorted(times)[1] < 1.5, times
        metrics = keys.create("watch", Wanted(roles=["metrics"]))[1]
        seen(metrics, 403)
        request = urllib.request.Request(f"{url}/metrics", headers={"x-api-key": metrics})
        with urllib.request.urlopen(request, timeout=30) as answer:
            counted = re.search(r'vigie_refused_callers_total\{reason="revoked"\} (\d+)', answer.read().decode())
        assert counted is not None and int(counted[1]) >= 16


def test_workers_share_a_rate(bundle_folder: Path, tmp_path: Path, keys: Administration) -> None:
    _, key = keys.create("shop", Wanted(roles=["score"], rate="1/h", burst=7))
    with running(bundle_folder, tmp_path, workers=2) as url:
        assert sorted(status(url, key) for _ in range(30)) == [200] * 7 + [429] * 23


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def written(certificate: trustme.LeafCert, path: Path) -> Path:
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_tls_by_a_certificate(
    bundle_folder: Path, tmp_path: Path, keys: Administration, authority: trustme.CA, workers: int
) -> None:
    _, key = keys.create("shop", Wanted(roles=["score"]))
    cert = written(authority.issue_cert("127.0.0.1"), tmp_path / "server.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running(bundle_folder, tmp_path, cert=str(cert), workers=workers) as url:
        assert url.startswith("https://127.0.0.1:")
        assert status(url, key, context) == 200 and status(url, "", context) == 401
        with urllib.request.urlopen(f"{url}/healthz", timeout=30, context=context) as answer:
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            status(url, key, ssl.create_default_context())
        with pytest.raises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
            status(url.replace("https", "http"), key)
        old = ssl.create_default_context()
        authority.configure_trust(old)
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((urllib.error.URLError, ssl.SSLError)):
            status(url, key, old)


def test_callers_must_show_a_certificate_of_the_authorities_that_are_named(
    bundle_folder: Path, tmp_path: Path, authority: trustme.CA
) -> None:
    cert = written(authority.issue_cert("127.0.0.1"), tmp_path / "server.pem")
    theirs = trustme.CA()
    theirs.cert_pem.write_to_path(str(tmp_path / "theirs.pem"))

    def context(of: trustme.CA | None) -> ssl.SSLContext:
        made = ssl.create_default_context()
        authority.configure_trust(made)
        if of is not None:
            of.issue_cert("caller@example.com").configure_cert(made)
        return made

    # Without keys: that callers show certificates is enough to listen on every address.
    with running(bundle_folder, tmp_path, cert=str(cert), ca=str(tmp_path / "theirs.pem"), host="0.0.0.0") as url:
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert status(url, context=context(theirs)) == 200
        for other in (None, authority):
            with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
                status(url, context=context(other))


def test_certificates_that_cannot_be_used_are_told_before_the_server_starts(
    tmp_path: Path, authority: trustme.CA
) -> None:
    one, other = authority.issue_cert("a.example"), authority.issue_cert("b.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    one.cert_chain_pems[0].write_to_path(str(cert))
    other.private_key_pem.write_to_path(str(key))
    with pytest.raises(SettingsError, match="no such file"):
        Tls(tmp_path / "none.pem").check()
    with pytest.raises(SettingsError, match="certificate and key cannot be used"):
        Tls(cert, key).check()
    with pytest.raises(SettingsError, match="certificate and key cannot be used"):
        Tls(cert).check()
    one.private_key_pem.write_to_path(str(key))
    Tls(cert, key).check()
    with pytest.raises(SettingsError, match="authorities cannot be used"):
        Tls(cert, key, ca=key).check()


def test_a_key_with_a_password_is_opened_with_it_and_not_shown(tmp_path: Path, authority: trustme.CA) -> None:
    from cryptography.hazmat.primitives import serialization

    leaf = authority.issue_cert("a.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(str(cert))
    loaded = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    how = serialization.BestAvailableEncryption(b"hunter2")
    key.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    good = Tls(cert, key, password="hunter2")
    good.check()
    assert "hunter2" not in repr(good)
    for password in ("", "wrong"):
        with pytest.raises(SettingsError, match="cannot be used"):
            Tls(cert, key, password=password).check()


def test_an_open_door_is_refused_and_a_lock_or_a_word_opens_it() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        refuse_open_door(host)
    for host in ("0.0.0.0", "::", "10.0.0.3", "scoring.example.com"):
        with pytest.raises(SettingsError, match="callers are not authenticated") as caught:
            refuse_open_door(host)
        assert "vigie keys create" in caught.value.remedy
        refuse_open_door(host, authenticated=True)
        refuse_open_door(host, allow_insecure=True)


def test_a_server_without_keys_does_not_start_on_every_address(bundle_folder: Path, tmp_path: Path) -> None:
    said = json.dumps({"bundle": str(bundle_folder), "folder": str(tmp_path), "host": "0.0.0.0"})
    run = subprocess.run([sys.executable, PROGRAM, said], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and "can be reached from other machines" in run.stderr


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_the_page_asks_for_a_key_and_works_with_it_under_its_policy(
    bundle_folder: Path, tmp_path: Path, keys: Administration
) -> None:
    from playwright.sync_api import sync_playwright

    _, key = keys.create("shop", Wanted(roles=["score", "explain"]))
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with running(bundle_folder, tmp_path) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=quiet)
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/docs")
        field = page.get_by_label("API key or token")
        field.wait_for()
        assert "/v1/score" not in page.content(), "nothing is described to a stranger"
        for text, expected in (("vgk_wrong", "This key is not valid."), (key, "/v1/scores/churn/score")):
            field.fill(text)
            field.press("Enter")
            page.get_by_text(expected).first.wait_for()
        page.get_by_role("button", name="Send").first.click()
        page.get_by_text(re.compile(r"^200 ")).first.wait_for()
        shown = page.content()
        browser.close()
    assert '"predictions"' in shown and "$VIGIE_KEY" in shown and key not in shown
    # A 401 is told to the console by the browser itself.
    assert [text for text in complaints if "401" not in text] == []

"""A scoring server left running in the background: started, asked, and stopped by the folder it belongs to."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from vigie.clock import stopwatch
from vigie.errors import SettingsError

PATIENCE = 60.0
"""Seconds that a server may take to be ready."""


@dataclass(frozen=True, slots=True)
class Background:
    """The server of one folder.

    Attributes:
        folder: State folder of the project; holds ``server.pid`` and ``server.log``.
    """

    folder: Path

    @property
    def _pid_file(self) -> Path:
        return self.folder / "server.pid"

    def free_port(self, wanted: int) -> int:
        """*wanted* if nothing listens there, else any free port."""
        for port in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise SettingsError("no port is free on this machine")

    def start(self, arguments: Sequence[str], port: int) -> str:
        """Start ``vigie serve`` and wait until it is ready.

        Args:
            arguments: Of ``vigie serve``, besides the port.
            port: To listen on.

        Returns:
            Its URL.

        Raises:
            SettingsError: It ended, or was not ready in time; its log says why.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "vigie.cli", "serve", *arguments, "--port", str(port)]
        log_path = self.folder / "server.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._pid_file.write_text(str(process.pid), "ascii")
        url, began = f"http://127.0.0.1:{port}", stopwatch()
        while stopwatch() - began < PATIENCE:
            if process.poll() is not None:
                break
            if _ready(port):
                return url
            time.sleep(0.1)
        self.stop()
        raise SettingsError(
            "the API did not come up", where=str(log_path), remedy="read that file; the last lines say why"
        )

    def stop(self) -> bool:
        """Ask the server to end, and wait until it has; false if none was running."""
        try:
            pid = int(self._pid_file.read_text("ascii"))
        except (OSError, ValueError):
            return False
        self._pid_file.unlink(missing_ok=True)
        if not _is_ours(pid):
            return False
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return False
        began = stopwatch()
        while stopwatch() - began < PATIENCE and _is_ours(pid):
            time.sleep(0.05)
        return True

    @staticmethod
    def curl(url: str, customer: str) -> str:
        """A command that asks for the score of *customer*."""
        return (
            f"curl -s {url}/v1/score -H 'content-type: application/json' -d '{json.dumps({'customer_id': customer})}'"
        )

    @staticmethod
    def ask(url: str, customer: str) -> str:
        """The answer to that command, as JSON text.

        Raises:
            SettingsError: The API refuses.
        """
        connection = http.client.HTTPConnection(urlparse(url).netloc, timeout=PATIENCE)
        try:
            body = json.dumps({"customer_id": customer})
            connection.request("POST", "/v1/score", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise SettingsError(f"the API answered {answer.status}: {text}", where=url)
        return text


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _is_ours(pid: int) -> bool:
    """Whether the process still runs and is a ``vigie serve``: its number may have been given to another since."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child that has ended is gone only when it was asked for
    told = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return b"vigie.cli\0serve" in told.read_bytes()
        except OSError:
            return False
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return "vigie.cli serve" in done.stdout

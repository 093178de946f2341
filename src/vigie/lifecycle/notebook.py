"""JupyterLab on this machine, quiet: a token, no news, no look for updates, no list of extensions fetched."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vigie.errors import MissingExtraError, SettingsError


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A JupyterLab to be.

    Attributes:
        folder: What it shows.
        host: Address to listen on.
        port: Port to listen on.
        token: Who brings it may come in; empty: everybody who reaches the port.
        browser: Whether a browser is opened.
    """

    folder: Path
    host: str
    port: int
    token: str
    browser: bool

    @property
    def url(self) -> str:
        """Where it will be, token included."""
        query = f"?token={self.token}" if self.token else ""
        return f"http://{self.host}:{self.port}/lab{query}"

    def settings(self) -> dict[str, Any]:
        """Jupyter's own settings. They go to a file that only the user can read: a command line can be read by all."""
        return {
            "ServerApp": {
                "root_dir": str(self.folder.resolve()),
                "ip": self.host,
                "port": self.port,
                "port_retries": 0,
                "open_browser": self.browser,
                "allow_root": True,
            },
            "IdentityProvider": {"token": self.token},
            "LabApp": {
                "news_url": None,
                "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
                "extension_manager": "readonly",
            },
        }

    def run(self, ready: Callable[[str], None]) -> int:
        """Runs until it is stopped, and returns its exit code.

        Args:
            ready: Called with the address just before it starts.
        """
        with tempfile.TemporaryDirectory(prefix="vigie-notebook-") as scratch:
            config = Path(scratch) / "jupyter_server_config.json"
            config.touch(mode=0o600)
            config.write_text(json.dumps(self.settings()), "utf-8")
            ready(self.url)
            command = [sys.executable, "-m", "jupyterlab", f"--config={config}"]
            process = subprocess.Popen(command)  # noqa: S603 - our own words
            try:
                return process.wait()
            except KeyboardInterrupt:
                return process.wait()  # it was interrupted too, and says what it does about it
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()


def laboratory(
    folder: Path, *, host: str = "127.0.0.1", port: int = 8888, token: bool = True, browser: bool = True
) -> Laboratory:
    """A JupyterLab on *folder*, on *port* or, where that is busy, on the next one that is free.

    Args:
        folder: What it shows.
        host: Address to listen on.
        port: Wanted port.
        token: Whether one is needed to come in. Without, whoever reaches the port runs code as the user.
        browser: Whether a browser is opened.

    Raises:
        MissingExtraError: JupyterLab is not installed.
        SettingsError: No port is free, or a port open to the network would need no token.
    """
    if find_spec("jupyterlab") is None:
        raise MissingExtraError("jupyterlab", extra="notebook")
    if not token and host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError(
            f"{host} can be reached from other machines, and without a token they could run anything here",
            where="--no-token",
            remedy="leave the token on, or listen on 127.0.0.1",
        )
    return Laboratory(folder, host, _free(host, port), secrets.token_hex(24) if token else "", browser)


def _free(host: str, port: int) -> int:
    for candidate in range(port, min(port + 20, 65_536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    raise SettingsError(f"no port from {port} on is free", where="--port", remedy="name another one")

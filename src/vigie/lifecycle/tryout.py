"""A page to try an API on, by Streamlit on this machine: nothing is fetched from elsewhere, nothing is sent elsewhere."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vigie.errors import MissingExtraError, SettingsError

PAGE = Path(__file__).with_name("tryout_page.py")
"""What Streamlit runs."""


@dataclass(frozen=True, slots=True)
class TryOut:
    """A page to be.

    Attributes:
        api: URL of the API.
        key: API key or token; empty for none.
        host: Address that the page listens on.
        port: Its port.
        browser: Whether a browser is opened.
    """

    api: str
    key: str
    host: str
    port: int
    browser: bool

    @property
    def url(self) -> str:
        """Where it will be."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def command(self, settings: Path) -> list[str]:
        """How Streamlit is started; *settings* is the file that tells the page which API to ask."""
        options = {
            "server.address": self.host,
            "server.port": str(self.port),
            "server.headless": str(not self.browser).lower(),
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
            "client.toolbarMode": "minimal",
            "global.developmentMode": "false",
        }
        told = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [sys.executable, "-m", "streamlit", "run", str(PAGE), *told, "--", str(settings)]

    def run(self, ready: Callable[[str], None]) -> int:
        """Runs until it is ended; returns Streamlit's exit code.

        Args:
            ready: Told the URL when the page is about to listen.
        """
        with tempfile.TemporaryDirectory(prefix="vigie-try-") as folder:
            # The key is in a file that only the user can read: a command line can be read by all.
            settings = Path(folder) / "settings.json"
            settings.touch(mode=0o600)
            settings.write_text(json.dumps({"api": self.api, "key": self.key}), "utf-8")
            ready(self.url)
            process = subprocess.Popen(self.command(settings), cwd=folder)  # noqa: S603 - our own words
            try:
                return process.wait()
            except KeyboardInterrupt:
                return process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()


def tryout(api: str, *, key: str = "", host: str = "127.0.0.1", port: int = 8501, browser: bool = True) -> TryOut:
    """A page that asks *api*.

    Args:
        api: URL of the API.
        key: API key or token; empty for none. It stays in the page's server.
        host: Address that the page listens on. Whoever reaches it may ask with the key.
        port: Its port.
        browser: Whether a browser is opened.

    Raises:
        MissingExtraError: Streamlit or httpx is not installed.
        SettingsError: *api* is no URL, the port is taken, or the page would lend a key to other machines.
    """
    for package in ("streamlit", "httpx"):
        if find_spec(package) is None:
            raise MissingExtraError(package, extra="tryout")
    if not api.startswith(("http://", "https://")):
        raise SettingsError(
            f"{api!r} is not the URL of an API", remedy="write http://HOST:PORT, as `vigie serve` prints it"
        )
    if key and host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError(
            f"{host} can be reached from other machines, and whoever comes would ask with your key",
            where="--host",
            remedy="listen on 127.0.0.1, behind a proxy that asks who comes",
        )
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {host} port {port}: {error.strerror}", where="--port", remedy="name another one"
            ) from error
    return TryOut(api.rstrip("/"), key, host, port, browser)

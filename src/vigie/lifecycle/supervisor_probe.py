"""Asks a service again and again whether it still answers: one that lives and does not is as good as dead."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from vigie.clock import stopwatch

STARTING = 600.0
"""Seconds that a service has for its first answer at least: it loads models then."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How services are asked.

    Attributes:
        every: Seconds between two questions; each waits for its answer as long.
        tries: How many in a row may stay without an answer; 0: nobody is asked.
    """

    every: float = 10.0
    tries: int = 6


class Probe:
    """Asks one service in a thread of its own, from now on until it is closed.

    An answer is any status: what answers 503 has its reasons, and is not hung.

    Args:
        url: What is asked for.
        probing: How.
        ring: Called once when the service is found to hang; from that thread.

    Attributes:
        hangs: For how many seconds it has not answered, once that is too long; else 0.
    """

    def __init__(self, url: str, probing: Probing, ring: Callable[[], None]) -> None:
        self.hangs = 0.0
        self._url, self._probing, self._ring = url, probing, ring
        self._closed = threading.Event()
        threading.Thread(target=self._run, name=f"probe of {url}", daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _run(self) -> None:
        every, left, since, patience = self._probing.every, self._probing.tries, stopwatch(), STARTING
        due = since + every
        while not self._closed.wait(max(0.0, due - stopwatch())):
            due = max(due, stopwatch()) + every
            if answers(self._url, every):
                left, since, patience = self._probing.tries, stopwatch(), 0.0
                continue
            left -= 1
            silent = stopwatch() - since
            if left <= 0 and silent >= patience and not self._closed.is_set():
                self.hangs = silent
                self._ring()
                return


def answers(url: str, seconds: float) -> bool:
    """Whether something at *url* answers within *seconds*, whatever it says.

    Args:
        url: ``http`` or ``https``. Certificates are not looked at: what is asked is whether it lives.
        seconds: To connect, and to answer.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path or "/")
        connection.getresponse()
    except TimeoutError:
        return False
    except ssl.SSLError:
        return True  # it wants to see our certificate, and so it lives
    except (OSError, http.client.HTTPException):
        return False
    finally:
        with contextlib.suppress(OSError):
            connection.close()
    return True

"""Asks a service again and again whether it still answers: one that lives and does not is as good as dead.

What listens nowhere says by itself that it lives: its main loop writes a byte in a pipe each time round.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from vigie.clock import stopwatch

STARTING = 600.0
"""Seconds that a service has for its first answer at least: it loads models then."""
BEAT = 1.0
"""Longest time between two beats of what has nothing to do, seconds."""
SLOWEST = 10.0
"""Seconds without a beat that are never too long, whatever the settings say: a database may be waited for."""


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


class Beat:
    """Hears a service that beats; looked at in the loop of whoever keeps it, without a thread.

    As with questions, silence is counted by looks that are *probing.every* apart: where the whole machine stood still, nobody hangs.

    Args:
        source: Where its bytes come out; reading waits for nothing.
        probing: How often is looked, and how many looks in a row may find nothing.

    Attributes:
        hangs: For how many seconds it has not been heard, once that is too long; else 0.
        due: When it is to be looked at again at the latest, by the stopwatch.
    """

    def __init__(self, source: int, probing: Probing) -> None:
        self.hangs = 0.0
        self._source, self._every = source, probing.every
        self._tries = max(probing.tries, math.ceil(SLOWEST / probing.every))
        self._left, self._since, self._patience = self._tries, stopwatch(), STARTING
        self.due = self._since + self._every

    def look(self) -> bool:
        """Take what has come; whether more can come: its end may be closed."""
        now, some = stopwatch(), None
        with contextlib.suppress(OSError):  # nothing has come
            some = os.read(self._source, 1 << 16)
        if some:
            self._left, self._since, self._patience = self._tries, now, 0.0
            self.due = now + self._every
        elif now >= self.due:
            self.due = now + self._every
            self._left -= 1
            if self._left <= 0 and now - self._since >= self._patience:
                self.hangs = now - self._since
        return some != b""

    def close(self) -> None:
        """Nothing to do: the pipe is the service's."""


def beating(descriptor: int) -> Callable[[], None]:
    """What writes a byte for a :class:`Beat`; to be called by the loop that must not hang, and by no thread beside it.

    Args:
        descriptor: Of the pipe's other end, which does not wait; below 0: nobody listens.
    """

    def beat() -> None:
        with contextlib.suppress(OSError):  # full: there is enough to hear; closed: nobody listens
            os.write(descriptor, b".")

    if descriptor < 0:
        return lambda: None
    with contextlib.suppress(OSError):
        os.set_inheritable(descriptor, False)
    return beat


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

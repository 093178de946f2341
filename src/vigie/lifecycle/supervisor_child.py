"""A program that runs beside us: its lines, its end, and its end when we end. Linux and macOS."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from vigie.clock import stopwatch
from vigie.settings import environment_with

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LONGEST_LINE = 1 << 16


class Child:
    """A Python program in a process group of its own, tied to this process (:mod:`vigie.lifecycle.supervisor_tether`).

    Args:
        name: What its lines are told under.
        module: Run as ``python -m``.
        arguments: Of the program.
        folder: It works in.
        more: Variables of its environment beside ours.
        grace: Seconds that it may take to end once asked.
        keep: Descriptors that it inherits.
        beats: Whether it says by itself that it lives: its last arguments are then ``--beat`` and the descriptor of a pipe in which
            it writes a byte now and then (:func:`vigie.lifecycle.supervisor_probe.beating`).

    Attributes:
        beat: The end of that pipe at which we hear it, which never waits; -1: it has none.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        *,
        more: Mapping[str, str] | None = None,
        grace: float = 30.0,
        keep: Sequence[int] = (),
        beats: bool = False,
    ) -> None:
        self.name, self.grace = name, grace
        self.began = stopwatch()
        self.said = ""
        self.silent = False  # it has closed its output
        self._over = False
        self._rest = b""
        self._asked: float | None = None
        command = [sys.executable, "-m", "vigie.lifecycle.supervisor_tether", f"{grace:g}", module, *arguments]
        self.beat, writes = os.pipe() if beats else (-1, -1)
        if beats:
            for end in (self.beat, writes):
                os.set_blocking(end, False)
            command, keep = [*command, "--beat", str(writes)], [*keep, writes]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                process_group=0, pass_fds=tuple(keep),
                env=environment_with({"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **(more or {})}),
            )  # fmt: skip
        except OSError:
            if beats:
                os.close(self.beat)
            raise
        finally:
            if beats:
                os.close(writes)
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self.out = self._process.stdout.fileno()
        os.set_blocking(self.out, False)

    def lines(self) -> list[str]:
        """What it has said since it was asked last, without colours; the last one of them is :attr:`said`."""
        while True:
            try:
                some = os.read(self.out, 1 << 16)
            except BlockingIOError:
                break
            except OSError:
                some = b""
            if not some:
                self.silent = True
                if self._rest:
                    self._rest += b"\n"
                break
            self._rest += some
        *whole, self._rest = self._rest.split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            whole, self._rest = [*whole, self._rest], b""
        told = [_COLOURS.sub("", line.decode("utf-8", "replace").rpartition("\r")[2]).rstrip() for line in whole]
        told = [line for line in told if line]
        if told:
            self.said = told[-1].strip()
        return told

    def ended(self) -> int | None:
        """Its exit code once it has ended, negative for a signal; ``None`` before. What is left of its group is killed then."""
        code = self._process.poll()
        if code is None and self._asked is not None and stopwatch() - self._asked > self.grace:
            self._signal(signal.SIGKILL)
        if code is not None and not self._over:
            self._over = True  # its number may be another's later
            self._signal(signal.SIGKILL)
        return code

    def stop(self) -> None:
        """Ask it to end; asked twice, it is killed."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM if self._asked is None else signal.SIGKILL)
            self._asked = stopwatch() if self._asked is None else self._asked

    def close(self) -> None:
        """Let go of its pipes; it has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self.beat >= 0:
            os.close(self.beat)
            self.beat = -1

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Doorbell:
    """Waits for lines of children and for signals, whichever comes first; for the main thread.

    Attributes:
        asked: How many of SIGINT and SIGTERM came.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._bytes, self._writes = socket.socketpair()
        self._bytes.setblocking(False)
        self._writes.setblocking(False)
        signal.set_wakeup_fd(self._writes.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a child that ends wakes us
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bytes, selectors.EVENT_READ)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1

    def ring(self) -> None:
        """Wake whoever waits; from any thread."""
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody waits
            self._writes.send(b"\0")

    def add(self, child: Child) -> None:
        """Wake for what *child* says, and for its beats."""
        self._selector.register(child.out, selectors.EVENT_READ)
        if child.beat >= 0:
            self._selector.register(child.beat, selectors.EVENT_READ)

    def remove(self, child: Child) -> None:
        """No longer."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.out)
        self.remove_beat(child)

    def remove_beat(self, child: Child) -> None:
        """No longer for its beats: it has closed its end."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.beat)

    def wait(self, seconds: float) -> None:
        """Until something happens, or so many seconds."""
        for key, _ in self._selector.select(max(0.0, seconds)):
            if key.fileobj is self._bytes:
                with contextlib.suppress(BlockingIOError):
                    self._bytes.recv(4096)

    def close(self) -> None:
        """Give signals back."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self._selector.close()
        self._bytes.close()
        self._writes.close()

"""One process that keeps services running: starts them again when they end, tells what they say, and ends them together.

It opens no database and loads nothing heavy, so that it outlives what it keeps. Killed in whatever way, its services end too
(:mod:`vigie.lifecycle.supervisor_tether`); the lock that they inherited is free once the last one has ended.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vigie.clock import Clock, iso, stopwatch
from vigie.errors import SettingsError
from vigie.lifecycle.supervisor_child import Child, Doorbell
from vigie.lifecycle.supervisor_probe import Beat, Probe, Probing

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a service that ended is started again: the first time, doubled each time, and at most."""
SETTLED = 60.0
"""Seconds after which a service that runs counts as started well: its pauses begin anew."""

Told = Callable[[str, str, str], None]
"""Told every line: level, service, words. What services say has the level ``""``."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program that should always run.

    Attributes:
        name: What its lines are told under.
        module: Run as ``python -m``.
        arguments: Of the program.
        more: Variables of its environment, which may be secrets: nobody sees them.
        url: Where it answers; empty where it does not.
        port: On which it listens; 0: none.
        host: The address that it listens on.
        probe: What of *url* is asked for to see whether it answers, as ``/healthz``; empty: nothing.
        beats: Whether it takes ``--beat`` and says by itself that it lives.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    more: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = ""
    port: int = 0
    host: str = "127.0.0.1"
    probe: str = ""
    beats: bool = False


@dataclass(slots=True)
class _Kept:
    """A service as it stands."""

    service: Service
    child: Child | None = None
    again: float = 0.0  # when it is started, by the stopwatch
    pause: float = FIRST_PAUSE
    restarts: int = 0
    probe: Probe | Beat | None = None


class Supervisor:
    """Keeps *services* running until it is told to stop.

    Args:
        services: In the order in which they are started.
        folder: They work in.
        told: Told every line.
        state: File that says which processes run, for whoever asks; JSON.
        grace: Seconds that services may take to end.
        lock: Descriptor that every service inherits; -1: none.
        probing: How services are asked whether they still answer.
    """

    def __init__(
        self,
        services: Sequence[Service],
        folder: Path,
        told: Told,
        state: Path,
        *,
        grace: float = 30.0,
        lock: int = -1,
        probing: Probing | None = None,
    ) -> None:
        self._kept = [_Kept(service) for service in services]
        self._folder, self._teller, self._state, self._grace = folder, told, state, grace
        self._unwritten = False  # the state file could not be written
        self._keep = (lock,) if lock >= 0 else ()
        self._probing = probing or Probing()

    def run(self) -> None:
        """Until SIGINT or SIGTERM; asked twice, at once. For the main thread."""
        bell = Doorbell()
        try:
            while not bell.asked:
                bell.wait(self._round(bell))
            self._told("info", "up", "stopping: services finish what was begun")
            self._end(bell)
            self._told("info", "up", "stopped")
        finally:
            for kept in self._kept:
                if kept.probe is not None:
                    kept.probe.close()
                if kept.child is not None:
                    kept.child.stop()
                    kept.child.stop()
            bell.close()
            with suppress(OSError):
                self._state.unlink(missing_ok=True)

    def _told(self, level: str, service: str, words: str) -> None:
        """A log that cannot be written, as on a disk that is full, ends nothing."""
        with suppress(OSError):
            self._teller(level, service, words)

    def _round(self, bell: Doorbell) -> float:
        """Hear what services say, start those that should run; seconds until the next one is to be started."""
        now, changed, wait = stopwatch(), False, LONGEST_PAUSE
        for kept in self._kept:
            child = kept.child
            if child is not None:
                self._hear(kept, bell)
                code = child.ended()
                if code is None:
                    if isinstance(kept.probe, Beat):
                        if not kept.probe.look():
                            bell.remove_beat(child)
                        wait = min(wait, max(kept.probe.due - now, 0.0))
                    self._kill_if_it_hangs(kept)
                    continue
                self._bury(kept, bell)
                lived = now - child.began
                kept.pause = FIRST_PAUSE if lived >= SETTLED else kept.pause
                why = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
                self._pause(kept, now, f"ended ({why}) after {lived:.0f} s")
                changed = True
            if kept.again <= now:
                try:
                    self._start(kept, bell)
                except OSError as error:  # no memory, no more processes: that passes
                    self._pause(kept, now, f"cannot be started: {error.strerror or error}")
                changed = True
            if kept.child is None:
                wait = min(wait, kept.again - now)
        if changed:
            self._note()
        return wait

    def _start(self, kept: _Kept, bell: Doorbell) -> None:
        service = kept.service
        kept.child = Child(
            service.name, service.module, service.arguments, self._folder,
            more=service.more, grace=self._grace, keep=self._keep, beats=service.beats,
        )  # fmt: skip
        bell.add(kept.child)
        if service.beats and self._probing.tries:
            kept.probe = Beat(kept.child.beat, self._probing)
        if service.probe and self._probing.tries:
            with suppress(RuntimeError):  # no further thread: it runs, and is not asked
                kept.probe = Probe(probe_url(service), self._probing, bell.ring)
        self._told("info", "up", f"{service.name} started, process {kept.child.pid}")

    def _pause(self, kept: _Kept, now: float, what: str) -> None:
        """Before it is started again: twice as long each time."""
        self._told("error", "up", f"{kept.service.name} {what}; started again in {kept.pause:g} s")
        kept.again = now + kept.pause
        kept.pause = min(2 * kept.pause, LONGEST_PAUSE)
        kept.restarts += 1

    def _kill_if_it_hangs(self, kept: _Kept) -> None:
        """It is killed at once: what does not answer finishes nothing. It is started again as after any other end."""
        probe, child = kept.probe, kept.child
        if probe is None or child is None or not probe.hangs:
            return
        kept.probe = None
        self._told("error", "up", f"{kept.service.name} has not answered for {probe.hangs:.0f} s: it is killed")
        child.stop()
        child.stop()

    def _end(self, bell: Doorbell) -> None:
        """Ask all of them to end, and wait until they have."""
        asked = bell.asked
        for kept in self._kept:
            if kept.probe is not None:  # what is ending need not answer
                kept.probe.close()
            if kept.child is not None:
                kept.child.stop()
        while any(kept.child is not None for kept in self._kept):
            bell.wait(0.5)
            for kept in self._kept:
                if kept.child is None:
                    continue
                if bell.asked > asked:
                    kept.child.stop()
                self._hear(kept, bell)
                if kept.child.ended() is not None:
                    self._bury(kept, bell)
            asked = bell.asked

    def _hear(self, kept: _Kept, bell: Doorbell) -> None:
        assert kept.child is not None
        for line in kept.child.lines():
            self._told("", kept.service.name, line)
        if kept.child.silent:
            bell.remove(kept.child)

    def _bury(self, kept: _Kept, bell: Doorbell) -> None:
        assert kept.child is not None
        self._hear(kept, bell)
        bell.remove(kept.child)
        kept.child.close()
        kept.child = None
        if kept.probe is not None:
            kept.probe.close()
            kept.probe = None

    def _note(self) -> None:
        """Say in the state file which processes run."""
        services = {
            kept.service.name: {
                "pid": kept.child.pid if kept.child is not None else None,
                "restarts": kept.restarts,
                "url": kept.service.url,
            }
            for kept in self._kept
        }
        half = self._state.with_suffix(".half")
        try:
            half.write_text(json.dumps({"pid": os.getpid(), "services": services}), "utf-8")
            half.replace(self._state)
            self._unwritten = False
        except OSError as error:  # services are worth more than a file about them
            if not self._unwritten:
                words = (
                    f"{self._state} cannot be written ({error.strerror}): `vigie up --status` does not know what runs"
                )
                self._told("warning", "up", words)
            self._unwritten = True


def probe_url(service: Service) -> str:
    """What is asked for to see whether *service* answers; one that listens everywhere is asked on the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(service.host, service.host)  # noqa: S104
    scheme = service.url.partition("://")[0]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{service.port}{service.probe}"


@contextmanager
def only_one(path: Path, command: str, wait: float, told: Callable[[int], None]) -> Iterator[int]:
    """The lock of a supervisor or scheduler, for as long as this lasts; a descriptor that what it starts inherits.

    Args:
        path: Of the lock file; it says who has it.
        command: Of ``vigie``, as ``up``: whoever has the lock must have been started with it.
        wait: Seconds for what one that was killed had started to end.
        told: Told the number of that process, once, where it is waited for.

    Raises:
        SettingsError: Another one runs.
    """
    import fcntl
    import time

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        began, waited = stopwatch(), False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pid = _pid_in(descriptor)
                if pid and _is_alive(pid, command):
                    raise SettingsError(
                        f"`vigie {command}` runs already, process {pid}",
                        where=str(path),
                        remedy=f"stop it first: kill {pid}",
                    ) from None
                if stopwatch() - began > wait:
                    raise SettingsError(
                        f"what a killed `vigie {command}` (process {pid}) had started still runs",
                        where=str(path),
                        remedy="end them: fuser shows who has that file open",
                    ) from None
                if not waited:
                    told(pid)
                waited = True
                time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def holder_of(path: Path) -> int | None:
    """Whether somebody has the lock of *path*: the process that took it last; ``None`` where it is free.

    That process may be gone: what it started holds the lock as long as it lives.
    """
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Shared: two that ask do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _pid_in(descriptor)
    finally:
        os.close(descriptor)


def _pid_in(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0)
    return int(text) if text.isdigit() else 0


def _is_alive(pid: int, command: str) -> bool:
    """Whether the process runs: its number may have been given to another since, which is not told apart but on Linux."""
    if not is_alive(pid):
        return False
    try:
        return command.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return True


def is_alive(pid: int) -> bool:
    """Whether a process has this number and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return True


def refuse_taken(services: Sequence[Service]) -> None:
    """Make sure that nobody else listens where *services* are to.

    Raises:
        SettingsError: Somebody does.
    """
    for service in services:
        if not service.port:
            continue
        family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((service.host, service.port))
            except OSError as error:
                raise SettingsError(
                    f"{service.name} cannot listen on {service.host}:{service.port}: {error.strerror}",
                    remedy="choose another port, with --port or --mlflow-port, or stop what listens there",
                ) from error


def line_of(level: str, service: str, words: str, clock: Clock, *, as_json: bool, width: int) -> str:
    """A line of the log.

    Args:
        level: ``info``, ``warning``, ``error``, or empty for what a service says.
        service: Who says it.
        words: What.
        clock: Says when.
        as_json: As a JSON object.
        width: Of the longest name.
    """
    if as_json and words.startswith('{"at": "'):
        return words  # a line of the scheduler's
    at = iso(clock.now() // 1_000_000 * 1_000_000)
    if as_json:
        said = {"at": at, "service": service, "level": level or "said", "message": words}
        its = {} if level else _object_in(words)
        if its:  # a line of the API's: its own time, level, message and whatever else it says
            said = {
                "at": its.pop("time", at),
                "service": service,
                "level": str(its.pop("level", "said")).lower(),
                **its,
            }
        return json.dumps(said, ensure_ascii=False)
    mark = f"{level.upper()} " if level in ("warning", "error") else ""
    return f"{at} {service:<{width}} │ {mark}{words}"


def _object_in(words: str) -> dict[str, Any]:
    """What a line says that is a JSON object itself; empty for any other line."""
    if not words.startswith("{"):
        return {}
    try:
        found = json.loads(words)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""``vigie ingest --watch``: look at the sources again and again, ingest what is new, then run what should follow.

One round: look at the sources; where something is new and files are no longer being written, ingest those sources; where
that added anything, run the commands. A source that cannot be looked at or ingested is tried again after a pause that
doubles each time. Nothing needs to be remembered between runs: the lake's own progress says what was taken in. Only that
commands are owed is noted, so that a process killed between ingesting and running them runs them when it comes back.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vigie.errors import SettingsError, VigieError
from vigie.lifecycle.ingest import ingest_sources, placed_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.sensor import Changes, changes, cursor_of, states_of

if TYPE_CHECKING:
    from vigie.data import IngestReport

SETTLE_SECONDS = 2.0
"""Between the two looks that must agree before files count as written to their end."""
LOOKS = 15
"""Looks after which files that never come to rest, such as logs that are always written to, are read all the same."""
LONGEST_SECONDS = 900.0
"""Longest pause before a source that failed is tried again."""
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10.0


class Pause(Protocol):
    """How a watch waits, and how it is told to stop. ``threading.Event`` is one."""

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds; true at once where the watch is to stop."""
        ...

    def is_set(self) -> bool:
        """Whether the watch is to stop."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did.

    Attributes:
        news: What was new, in a few words, by source.
        settling: Sources whose files were still being written; they are looked at again at once.
        reports: Of the sources that were ingested.
        failed: What went wrong, by source: it could not be looked at, or not be ingested.
        ran: Exit code of each command that ran, in order.
        pause: Seconds until the next look.
    """

    news: Mapping[str, str]
    settling: tuple[str, ...]
    reports: Sequence[IngestReport]
    failed: Mapping[str, str]
    ran: Sequence[tuple[str, int]]
    pause: float

    @property
    def quiet(self) -> bool:
        """Whether there was nothing to do and nothing to tell."""
        return not (self.news or self.settling or self.failed or self.ran)


@dataclass(slots=True)
class _Failing:
    """A source that failed: how often in a row, and when it is tried again, in seconds of waiting."""

    times: int
    until: float
    said: str


class _Stopped(Exception):  # noqa: N818 - no error
    pass


@dataclass
class Watch:
    """Watches the sources of a project.

    Args:
        project: Its clock gives ``_ingested_at``.
        pause: Waits between looks, and says when to stop.
        names: Only these sources; all when left out.
        commands: Run in the project's folder, in order, after a round that added anything. Each is split as a shell
            would split it; no shell is involved.
        every: Seconds between looks.
        progress: Told what an ingest is doing.

    Raises:
        SettingsError: A command is empty or has an open quote.
    """

    project: Project
    pause: Pause
    names: Sequence[str] = ()
    commands: Sequence[str] = ()
    every: float = 30.0
    progress: Callable[[str, float], None] | None = None
    _done: dict[str, Any] = field(default_factory=dict)  # state of each source that is in the lake
    _last: dict[str, Any] = field(default_factory=dict)  # state at the look before
    _looks: dict[str, int] = field(default_factory=dict)  # looks at files that were not at rest
    _failing: dict[str, _Failing] = field(default_factory=dict)
    _partly: set[str] = field(default_factory=set)  # failed after rows of it had been added
    _waited: float = 0.0

    def __post_init__(self) -> None:
        self._arguments = [arguments_of(command) for command in self.commands]
        # Only reading tells of these whether they have news: they are read at first, and whenever others have some.
        self._due = set(self.names or placed_sources(self.project))
        self._owed = self._note().is_file() and self._note().read_text("utf-8") == self._owing()

    def run(self, told: Callable[[Round], None], *, once: bool = False) -> None:
        """Go round until :attr:`pause` says to stop; with *once*, until one round was not put off by unfinished files.

        Args:
            told: Called after each round.
            once: Stop after one round.
        """
        try:
            while not self.pause.is_set():
                done = self.round()
                told(done)
                if (once and not done.settling) or self.pause.wait(done.pause):
                    return
                self._waited += done.pause
        except _Stopped:
            return

    def round(self) -> Round:
        """One round; see the module."""
        wanted = [name for name in self.names or placed_sources(self.project) if not self._resting(name)]
        found = changes(self.project, cursor_of(self._done), wanted) if wanted else Changes(cursor_of({}), {}, {})
        failed = dict(found.unreachable)
        for name, said in found.unreachable.items():
            self._fail(name, said)
        states = states_of(found.cursor)
        settling = tuple(name for name in found.new if not self._at_rest(name, states[name]))
        ready = [name for name in found.new if name not in settling]
        if ready:
            self._due |= set(found.untold)
        ready += [name for name in found.untold if name in self._due]
        reports, added = self._ingest(ready, states, failed)
        ran: list[tuple[str, int]] = []
        if self._owed or added:
            ran = self._run_commands()
        elif not self._partly:
            self._forget()
        news = {name: found.new[name].words() for name in found.new if name not in settling}
        failed |= {name: failing.said for name, failing in self._failing.items() if name not in failed}
        pause = min(self.every, SETTLE_SECONDS) if settling else self.every
        return Round(news, settling, reports, failed, ran, pause)

    # -- sources -------------------------------------------------------------------------------------------------------

    def _at_rest(self, name: str, state: Mapping[str, Any]) -> bool:
        """Whether two looks in a row saw the same files, of the same size and time of change."""
        same, self._last[name] = self._last.get(name) == state, state
        self._looks[name] = 0 if same or "files" not in state else self._looks.get(name, 0) + 1
        return same or "files" not in state or self._looks[name] > LOOKS

    def _ingest(
        self, names: Sequence[str], states: Mapping[str, Any], failed: dict[str, str]
    ) -> tuple[list[IngestReport], bool]:
        """Reports of those that could be ingested, and whether anything was added."""
        reports: list[IngestReport] = []
        added = False
        for name in names:
            before = self._version(name)
            self._remember()
            try:
                report = ingest_sources(self.project, [name], self._step)[0]
            except VigieError as error:
                failed[name] = self._fail(name, f"{error.where}: {error.what}" if error.where else error.what)
                if self._version(name) != before:
                    self._partly.add(name)
                continue
            reports.append(report)
            added = added or bool(report.versions) or name in self._partly
            for forgotten in (self._partly, self._due):
                forgotten.discard(name)
            self._failing.pop(name, None)
            self._looks.pop(name, None)
            self._done[name] = states[name]
        return reports, added

    def _version(self, name: str) -> int | None:
        return self.project.lake.version(name) if self.project.lake.has(name) else None

    def _step(self, doing: str, done: float) -> None:
        if self.pause.is_set():
            raise _Stopped
        if self.progress is not None:
            self.progress(doing, done)

    def _resting(self, name: str) -> bool:
        return name in self._failing and self._waited < self._failing[name].until

    def _fail(self, name: str, said: str) -> str:
        times = self._failing[name].times + 1 if name in self._failing else 1
        pause = min(self.every * 2.0 ** (times - 1), max(LONGEST_SECONDS, self.every))
        self._failing[name] = _Failing(times, self._waited + pause, said)
        return said

    # -- commands ------------------------------------------------------------------------------------------------------

    def _run_commands(self) -> list[tuple[str, int]]:
        ran = []
        for command, arguments in zip(self.commands, self._arguments, strict=True):
            ran.append((command, self._run(arguments)))
            if self.pause.is_set():
                raise _Stopped
        self._owed = False
        self._forget()
        return ran

    def _run(self, arguments: Sequence[str]) -> int:
        """The exit code; 127 where there is no such program. Its output is the caller's."""
        try:
            process = subprocess.Popen(arguments, cwd=self.project.settings.root)  # noqa: S603 - the user's own command
        except OSError:
            return 127
        while process.poll() is None:
            if self.pause.wait(_POLL_SECONDS):
                process.terminate()
                try:
                    return process.wait(_GRACE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    return process.wait()
        return int(process.returncode)

    def _note(self) -> Path:
        return self.project.settings.state / "watch-owed.json"

    def _owing(self) -> str:
        return json.dumps(list(self.commands))

    def _remember(self) -> None:
        if not self.commands:
            return
        self._note().parent.mkdir(parents=True, exist_ok=True)
        self._note().write_text(self._owing(), "utf-8")

    def _forget(self) -> None:
        if self.commands:
            self._note().unlink(missing_ok=True)


def arguments_of(command: str) -> list[str]:
    """A command split into words; ``vigie`` is this very installation.

    Raises:
        SettingsError: It is empty or has an open quote.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError(f"{command!r} cannot be split into words: {error}", where="--then") from error
    if not words:
        raise SettingsError("an empty command", where="--then", remedy='write --then "vigie train churn"')
    return [sys.executable, "-m", "vigie.cli", *words[1:]] if words[0] == "vigie" else words

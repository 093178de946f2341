"""The scheduler: runs the steps of a project when they are due, each in a process of its own.

Killed at any moment, with or without its steps, the next one goes on from the record of runs (:mod:`vigie.lifecycle.steps_runs`).
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vigie.clock import DAY, iso, rate_of, stopwatch
from vigie.errors import JournalError, SettingsError, VigieError
from vigie.lifecycle import steps_runs
from vigie.lifecycle.steps import Piece, pieces_of
from vigie.lifecycle.steps_follow import Followed
from vigie.lifecycle.steps_runs import RUNNING, SKIPPED, Run, Todo
from vigie.lifecycle.steps_schedule import (
    LATE,
    Schedule,
    due,
    following,
    length_words,
    parallel_of,
    schedules_of,
)
from vigie.settings import FILE

if TYPE_CHECKING:
    from vigie.clock import Clock
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

LEASE = 60_000_000
"""How long a run is somebody's after its scheduler was last heard of, µs."""
LOOK = 10.0
"""Longest time between two looks, seconds: leases are renewed then."""
TELL_LONGEST = 60.0
"""Time that telling people may take, seconds."""
TELL_PAUSE, TELL_LONGEST_PAUSE = 10.0, 600.0
"""Seconds before it is tried again where it failed: the first time, doubled each time, and at most."""

Told = Callable[[str, str, str], None]
"""Told what happens: level (``info``, ``warning`` or ``error``), which piece, in which words."""


class Step(Protocol):
    """A step that was begun."""

    said: str
    """Its last line."""

    def ended(self) -> int | None:
        """Its exit code; ``None`` while it runs."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...


@dataclass(slots=True)
class _Going:
    """A run that goes on here."""

    piece: Piece
    schedule: Schedule
    run: Run
    step: Step
    since: float
    late: str = ""  # that it took too long, once it was stopped for that


def name_of_holder(project: Project) -> str:
    """Under which name a scheduler of this machine holds leases.

    A state folder has one scheduler on a machine, by its lock; so one that comes back has its leases at once.
    """
    place = hashlib.sha256(str(project.settings.state.resolve()).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}:{place}"


class Scheduler:
    """Runs what is due.

    Args:
        project: Its settings say when.
        ledger: Of the project.
        begin: Begins a piece, with the arguments of ``vigie``.
        told: Told what happens.
        clock: What is due when; ``None``: the project's.
        lives: Called again and again while there is much to do: nothing hangs.

    Raises:
        SettingsError: ``[schedule]`` cannot be meant.
    """

    def __init__(
        self,
        project: Project,
        ledger: Ledger,
        begin: Callable[[Piece, list[str]], Step],
        told: Told,
        clock: Clock | None = None,
        lives: Callable[[], None] = lambda: None,
    ) -> None:
        self.schedules = schedules_of(project.settings.schedule)
        self._project, self._ledger, self._begin, self._told = project, ledger, begin, told
        self._followed = Followed(project)
        self._clock, self._lives = clock or project.clock, lives
        self._parallel = parallel_of(project.settings.schedule)
        self._holder = name_of_holder(project)
        # A clock that is not the machine's: steps are told its time, and pauses are shorter.
        self._rate = rate_of(self._clock)
        self._late = int(LATE * self._rate)
        self._going: dict[str, _Going] = {}
        self._runs: dict[str, list[Run]] = {}  # on record; read anew where another may have written
        self._seen: dict[str, int] = {}
        self._forgets: dict[str, int] = {}  # when runs of long ago are looked for next
        self._noticed: dict[str, int] = {}  # the last slot that was seen in time
        self._held: dict[str, int] = {}  # until when each lease is certainly ours
        self.failed: list[str] = []
        """Pieces whose last try here failed, in the order in which they did."""
        self._trouble = ""
        self._news = False  # a step was given up, or done after it was
        self._telling: Step | None = None
        self._tell_since = self._tell_again = 0.0  # by the stopwatch
        self._tell_pause = TELL_PAUSE
        self._tell_stopped = self._began = False

    @property
    def going(self) -> int:
        """How many runs go on."""
        return len(self._going)

    def tick(self) -> float:
        """Note what has ended, begin what is due; seconds until there may be more to do.

        A ledger that cannot be used now is told of, and asked again; what goes on goes on.
        """
        self._follow()
        now = self._clock.now()
        try:
            if not self._began:  # the one before may not have come to tell it
                known = [self._known(piece) for one in self.schedules for piece in pieces_of(self._project, one.step)]
                self._news |= any(steps_runs.given_up(runs) for runs in known)
                self._began = True
            self._reap(now)
            wanted = self._wanted(now)
            self._start(wanted, now)
            self._tell_people()
        except JournalError as error:
            if str(error) != self._trouble:
                self._told("error", "ledger", str(error))
            self._trouble = str(error)
            return LOOK / 2
        self._trouble = ""
        return self._pause(now)

    def idle(self) -> bool:
        """Whether nothing goes on and nothing can begin: what waits for a step that is tried again later is not waited for."""
        if self._telling is not None or (self._news and stopwatch() >= self._tell_again):
            return False
        now = self._clock.now()
        return not self._going and not self._begins(self._wanted(now), now)

    def stop(self) -> None:
        """Ask what goes on to end. It is on record as going on, and is gone on with by the next scheduler."""
        for going in self._going.values():
            going.step.stop()
        if self._telling is not None:
            self._telling.stop()

    def ended(self) -> bool:
        """Whether everything that was asked to has ended; leases are given back then."""
        for name, going in list(self._going.items()):
            code = going.step.ended()
            if code is not None:
                if code == 0:  # it was done all the same
                    now = self._clock.now()
                    run = steps_runs.ended(going.run, going.schedule, 0, "", now)
                    steps_runs.put(self._ledger, going.piece, [run], now)
                self._give_back(going.piece)
                del self._going[name]
        telling = self._telling is not None and self._telling.ended() is None
        return not self._going and not telling

    def _follow(self) -> None:
        """Go by what the project's files say now; where that cannot be meant, by what they said before."""
        try:
            project = self._followed.changed()
            if project is None:
                return
            old, new = self._project.settings, project.settings
            if (old.state, old.ledger) != (new.state, new.ledger):
                raise SettingsError(
                    "[project] state or ledger is another one",
                    where=FILE,
                    remedy="start `vigie up` or `vigie schedule run` again",
                )
            schedules, parallel = schedules_of(new.schedule), parallel_of(new.schedule)
        except VigieError as error:
            words = " ".join(str(error).split())
            self._told("error", "schedule", f"goes on as before, since what was changed cannot be used: {words}")
            return
        self._project, self.schedules, self._parallel = project, schedules, parallel
        words = ", ".join(f"{one.step} {one.words}" for one in schedules) or "nothing"
        self._told("info", "schedule", f"the project's files were changed; scheduled: {words}")

    # -- the three parts of a tick ---------------------------------------------------------------------------------

    def _reap(self, now: int) -> None:
        for name, going in list(self._going.items()):
            code = going.step.ended()
            if code is None:
                if not self._hold(going.piece, now):
                    self._told("error", name, "another scheduler has taken this run over; it is stopped here")
                    going.step.stop()
                elif not going.late and stopwatch() - going.since > going.schedule.at_most / 1e6:
                    # Seconds of the machine: what hangs does so by its clock. The step kills what does not end when asked.
                    going.late = f"took longer than {length_words(going.schedule.at_most)}"
                    self._told("error", name, f"run of {iso(going.run.slot)} {going.late}: it is stopped")
                    going.step.stop()
                continue
            if not steps_runs.on_record(self._ledger, going.piece, going.run):  # another has taken it over
                self._drop(name)
                continue
            said = going.step.said or ("" if going.late else f"exit code {code}")
            run = steps_runs.ended(going.run, going.schedule, code, ": ".join(filter(None, (going.late, said))), now)
            steps_runs.put(self._ledger, going.piece, [run], now)
            over = run.state == steps_runs.DONE and bool(steps_runs.given_up(self._known(going.piece)))
            self._news |= over or run.state == steps_runs.GIVEN_UP
            self._note_failed(name, run)
            self._drop(name)
            self._give_back(going.piece)
            self._tell(name, run, code)

    def _note_failed(self, name: str, run: Run) -> None:
        self.failed = [one for one in self.failed if one != name] + [name] * (run.state != steps_runs.DONE)

    def _drop(self, name: str) -> None:
        del self._going[name]
        self._runs.pop(name, None)

    def _wanted(self, now: int) -> list[list[Todo]]:
        """What is to be done, by piece."""
        found = []
        for schedule in self.schedules:
            for piece in pieces_of(self._project, schedule.step):
                self._lives()
                alive = frozenset([self._going[piece.name].run.slot] if piece.name in self._going else [])
                found.append(self._todo(piece, schedule, now, alive))
        # What has waited longest comes first; of what is due at once, the step that others wait for.
        return sorted((todos for todos in found if todos), key=lambda todos: todos[-1].run.first)

    def _todo(self, piece: Piece, schedule: Schedule, now: int, alive: frozenset[int]) -> list[Todo]:
        seen, runs = self._since(piece, now), self._known(piece)
        if schedule.catch_up == "none":
            in_time = due(schedule, max([seen, *(run.slot for run in runs)]), now, self._late)
            self._noticed[piece.name] = max([self._noticed.get(piece.name, 0), *in_time])
        noticed = self._noticed.get(piece.name, 0)
        return steps_runs.todo(piece, schedule, runs, seen, now, alive, noticed=noticed, late=self._late)

    def _start(self, wanted: list[list[Todo]], now: int) -> None:
        begins = [todos[-1].piece for todos in self._begins(wanted, now)]
        for todos in wanted:
            last = todos[-1]
            if last.run.state == RUNNING and (last.piece not in begins or len(self._going) >= self._parallel):
                continue
            self._lives()
            self._carry_out(last.piece, last.schedule, now)

    def _begins(self, wanted: list[list[Todo]], now: int) -> list[list[Todo]]:
        """Of what is *wanted*, the runs that wait for no step before them."""
        # Of each step the earliest slot that goes on, is to be tried again, or is about to begin.
        before: dict[str, int] = {}

        def note(step: str, slot: int) -> None:
            before[step] = min(slot, before.get(step, slot))

        for going in self._going.values():
            note(going.piece.step, going.run.first)
        for schedule in self.schedules:
            for piece in pieces_of(self._project, schedule.step):
                for run in self._known(piece):
                    if run.state == steps_runs.FAILED and run.next > now:
                        note(piece.step, run.first)
        found = []
        for todos in wanted:
            last = todos[-1]
            if last.run.state == RUNNING:
                if not steps_runs.held_back(last, before):
                    found.append(todos)
                note(last.piece.step, last.run.first)
        return found

    def _carry_out(self, piece: Piece, schedule: Schedule, now: int) -> None:
        """Do what is to be done with the runs of a piece, as the record stands once they are ours."""
        self._runs.pop(piece.name, None)
        if not self._hold(piece, now):
            return  # another runs it: what comes of that will be on record
        todos, runs = self._todo(piece, schedule, now, frozenset()), self._known(piece)
        steps_runs.put(self._ledger, piece, [todo.run for todo in todos], now)
        if now >= self._forgets.get(piece.name, now):
            steps_runs.forget(self._ledger, piece, runs, now)
            self._forgets[piece.name] = now + DAY
        self._runs.pop(piece.name, None)
        for todo in todos:
            run = todo.run
            if run.state != RUNNING:
                level = "warning" if run.state == SKIPPED else "error"
                self._news |= run.state == steps_runs.GIVEN_UP
                self._told(level, piece.name, f"run of {iso(run.slot)} {run.state}: {run.said}")
                continue
            again = f", try {run.tries} of {schedule.tries}" if run.tries > 1 else ""
            self._told("info", piece.name, f"run of {iso(run.slot)} begins{again}")
            try:
                step = self._begin(piece, piece.command(self._as_of(todo)))
            except OSError as error:  # no memory, no more processes: what goes on goes on
                why = f"cannot be started: {error.strerror or error}"
                failed = steps_runs.ended(run, schedule, 1, why, now)
                steps_runs.put(self._ledger, piece, [failed], now)
                self._news |= failed.state == steps_runs.GIVEN_UP
                self._note_failed(piece.name, failed)
                self._tell(piece.name, failed, 1)
                continue
            self._going[piece.name] = _Going(piece, schedule, run, step, stopwatch())
        if piece.name not in self._going:
            self._give_back(piece)

    def _tell_people(self) -> None:
        """Have the incident of a step that was given up opened, or ended, at once: the step may be the watch itself.

        It is begun again until it is done: a channel may be out of reach for a while.
        """
        telling = self._telling
        if telling is not None:
            code = telling.ended()
            if code is None:
                if stopwatch() - self._tell_since > TELL_LONGEST and not self._tell_stopped:
                    self._tell_stopped = True
                    telling.stop()
                return
            self._telling = None
            if code == 0:
                self._tell_pause = TELL_PAUSE
            else:
                late = f"took longer than {TELL_LONGEST:g} s"
                self._tell_later(late if self._tell_stopped else telling.said or f"exit code {code}")
        if self._news and stopwatch() >= self._tell_again:
            self._news, self._tell_since, self._tell_stopped = False, stopwatch(), False
            try:
                self._telling = self._begin(Piece("tell"), ["schedule", "tell"])
            except OSError as error:
                self._tell_later(f"cannot be started: {error.strerror or error}")

    def _tell_later(self, why: str) -> None:
        words = f"who is to be told of steps that were given up is not ({why}); again in {self._tell_pause:g} s"
        self._told("error", "tell", words)
        self._news, self._tell_again = True, stopwatch() + self._tell_pause
        self._tell_pause = min(2 * self._tell_pause, TELL_LONGEST_PAUSE)

    # -- small things ------------------------------------------------------------------------------------------------

    def _as_of(self, todo: Todo) -> int | None:
        """Scores are of one moment, however often the run is tried; the rest acts on what is there when it runs.

        By which clock that is, also a faster one, every command finds in the state folder.
        """
        if todo.piece.step == "score" or (todo.schedule.catch_up == "all" and todo.piece.step in ("watch", "retrain")):
            return todo.run.as_of
        return None

    def _known(self, piece: Piece) -> list[Run]:
        if piece.name not in self._runs:
            self._runs[piece.name] = steps_runs.recent_runs(self._ledger, piece, self._clock.now())
        return self._runs[piece.name]

    def _since(self, piece: Piece, now: int) -> int:
        if piece.name not in self._seen:
            self._seen[piece.name] = steps_runs.seen_since(self._ledger, piece, self._known(piece), now)
        return self._seen[piece.name]

    def _hold(self, piece: Piece, now: int) -> bool:
        """Whether the piece's lease is ours; it is asked for again once half of it has passed."""
        if now < self._held.get(piece.name, now) - LEASE // 2:
            return True
        self._held.pop(piece.name, None)
        held = self._ledger.lease(f"run {piece.name}", self._holder, now, now + LEASE)
        if held:
            self._held[piece.name] = now + LEASE
        return held

    def _give_back(self, piece: Piece) -> None:
        now = self._clock.now()
        self._held.pop(piece.name, None)
        self._ledger.lease(f"run {piece.name}", self._holder, now, now - 1)

    def _tell(self, name: str, run: Run, code: int) -> None:
        seconds = (run.ended - run.began) / 1e6
        if run.state == steps_runs.DONE:
            self._told("info", name, f"run of {iso(run.slot)} done in {seconds:.1f} s")
            return
        why = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        words = f"run of {iso(run.slot)} failed ({why}): {run.said}"
        if run.state == steps_runs.GIVEN_UP:
            words = f"run of {iso(run.slot)} given up after {run.tries} tries ({why}): {run.said}"
            self._told("error", name, words)
        else:
            self._told("warning", name, f"{words}; again at {iso(run.next)}")

    def _pause(self, now: int) -> float:
        """Until the next slot or try, a renewal of leases at the latest."""
        tells = self._news and self._telling is None
        look = min(LOOK, max(self._tell_again - stopwatch(), 0.0)) if tells else LOOK
        moments = [now + int(look * 1e6 * self._rate)]
        for schedule in self.schedules:
            moments.append(following(schedule, now))
            for piece in pieces_of(self._project, schedule.step):
                moments += [run.next for run in self._known(piece) if run.next > now]
        return max((min(moments) - now) / 1e6 / self._rate, 0.05)

"""Runs of steps on record, and what follows from the record: which are due, which are tried again, which are given up.

A run is a fact of the project's ledger: topic ``runs score churn``, key its slot. Whoever begins one holds the lease ``run score
churn``; so of two schedulers one runs a slot. What was being run when its scheduler died is found on record as running by nobody,
and tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from vigie.clock import DAY, iso, parse_moment
from vigie.lifecycle.steps import AFTER, Piece, pieces_of
from vigie.lifecycle.steps_schedule import LATE, Schedule, due, slots
from vigie.settings_keys import STEPS

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

RUNNING, DONE, FAILED, GIVEN_UP, SKIPPED = "running", "done", "failed", "given up", "skipped"
ENDED = (DONE, GIVEN_UP, SKIPPED)
KEEP = 90 * DAY
"""How long runs that have ended stay on record, µs; the last one stays."""
LONGEST = 3_600_000_000
"""Longest pause between two tries, µs."""
_SEEN = "schedule seen"


@dataclass(frozen=True, slots=True)
class Run:
    """A run of one piece for one slot.

    Attributes:
        slot: The moment it was due, µs UTC.
        state: ``running``, ``done``, ``failed`` (to be tried again), ``given up``, or ``skipped``: a later slot took its place.
        tries: How often it was begun.
        as_of: The moment that every try acts as of, µs UTC: that of the first, or the slot where all missed slots are made up for.
        began: When it was begun last, µs UTC.
        ended: When that try ended, µs UTC; 0: it has not.
        next: When it is tried again, µs UTC; 0: it is not.
        said: Why it failed; empty where it did not.
        since: The first of the slots that it is for, µs UTC, where several were missed; 0: there is one.
    """

    slot: int
    state: str
    tries: int = 0
    as_of: int = 0
    began: int = 0
    ended: int = 0
    next: int = 0
    said: str = ""
    since: int = 0

    @property
    def first(self) -> int:
        """The first slot that it is for, µs UTC: steps that are due then wait for it."""
        return self.since or self.slot


@dataclass(frozen=True, slots=True)
class Todo:
    """What is to be done with a run now.

    Attributes:
        piece: Of what.
        schedule: Of its step.
        run: As it is on record once this is done: ``running``, ``given up`` or ``skipped``.
    """

    piece: Piece
    schedule: Schedule
    run: Run


def topic_of(piece: Piece) -> str:
    """Of the facts that hold the runs of *piece*."""
    return f"runs {piece.name}"


def runs_of(ledger: Ledger, piece: Piece) -> list[Run]:
    """The runs on record, in the order of their slots."""
    return [Run(slot=parse_moment(key), **body) for key, body in ledger.facts(topic_of(piece)).items()]


def recent_runs(ledger: Ledger, piece: Piece, now: int) -> list[Run]:
    """Of the runs on record, in the order of their slots, at least the last that was done by *now* and all behind it.

    What stood before no longer matters to what is due, tried again or given up, and may be very much.

    Args:
        ledger: Of the project.
        piece: Whose runs.
        now: µs UTC. It is looked ever further back from here.
    """
    for back in (DAY, 10 * DAY):
        facts = ledger.facts(topic_of(piece), iso(max(now - back, 0)))
        if any(body["state"] == DONE and body["began"] <= now for body in facts.values()):
            return [Run(slot=parse_moment(key), **body) for key, body in facts.items()]
    return runs_of(ledger, piece)


def on_record(ledger: Ledger, piece: Piece, run: Run) -> bool:
    """Whether *run* stands on record as it is here."""
    key = iso(run.slot)
    return [Run(run.slot, **body) for body in ledger.facts(topic_of(piece), key, key + "\0").values()] == [run]


def put(ledger: Ledger, piece: Piece, runs: Sequence[Run], now: int) -> None:
    """Write *runs* over what stood on record for their slots: all of them or none."""
    bodies: dict[str, dict[str, Any]] = {}
    for run in runs:
        body = asdict(run)
        del body["slot"]
        bodies[iso(run.slot)] = body
    ledger.put_facts(topic_of(piece), now, bodies)


def forget(ledger: Ledger, piece: Piece, runs: Sequence[Run], now: int) -> int:
    """Take runs off the record that ended long ago; how many there were. The last one, and what has not ended, stay.

    Args:
        ledger: Of the project.
        piece: Whose runs.
        runs: The recent ones of it, in the order of their slots.
        now: µs UTC.
    """
    kept = [run.slot for run in runs if run.state not in ENDED]
    return ledger.drop_facts(topic_of(piece), iso(min([now - KEEP, runs[-1].slot, *kept]))) if runs else 0


def late(schedule: Schedule, runs: Sequence[Run], seen: int, now: int, rate: float = 1.0) -> str:
    """What is late with a piece, in words; empty where nothing is.

    Args:
        schedule: Of its step.
        runs: On record, in the order of their slots.
        seen: When the schedule was first seen, µs UTC; 0: never.
        now: µs UTC.
        rate: How many times as fast as the machine's the clock runs.
    """
    grace = int(LATE * rate)
    last = runs[-1] if runs else None
    if last is not None and last.state == RUNNING:
        return f"running since {iso(last.began)[:16]}" if now - last.began > schedule.at_most * rate + grace else ""
    if last is not None and last.state == FAILED:
        return f"next try due since {iso(last.next)[:16]}" if now - last.next > grace else ""
    begin = max([seen, *(run.slot for run in runs)])
    waits = next(slots(schedule, begin, now - grace), 0) if seen or runs else 0
    return f"due since {iso(waits)[:16]}" if waits else ""


def seen_before(ledger: Ledger, piece: Piece, runs: Sequence[Run]) -> int:
    """When a scheduler first saw that this piece is scheduled, µs UTC; 0: none did.

    Args:
        ledger: Of the project.
        piece: A score that was added later has a beginning of its own.
        runs: Of the piece. Where it has some and no beginning, the one of its step counts.
    """
    found = ledger.facts(_SEEN)
    known = found.get(piece.name) or (found.get(piece.step) if runs else None)
    return int(known["since"]) if known else 0


def seen_since(ledger: Ledger, piece: Piece, runs: Sequence[Run], now: int) -> int:
    """Likewise; where none did, it is seen now. Slots before are nobody's."""
    known = seen_before(ledger, piece, runs)
    if not known:
        ledger.put_facts(_SEEN, now, {piece.name: {"since": now}})
    return known or now


def last_on_record(project: Project, ledger: Ledger) -> int:
    """The last slot that has a run, or moment at which a schedule was first seen, µs UTC; 0 where no scheduler ever ran."""
    pieces = [piece for step in STEPS for piece in pieces_of(project, step)]
    seen, now = [int(body["since"]) for body in ledger.facts(_SEEN).values()], project.clock.now()
    return max([0, *seen, *(run.slot for piece in pieces for run in recent_runs(ledger, piece, now)[-1:])])


def todo(
    piece: Piece,
    schedule: Schedule,
    runs: Sequence[Run],
    seen: int,
    now: int,
    alive: frozenset[int],
    *,
    noticed: int = 0,
    late: int = LATE,
) -> list[Todo]:
    """What is to be done now with the runs of one piece: at most one is begun.

    Args:
        piece: Whose runs.
        schedule: Of its step.
        runs: On record, in the order of their slots.
        seen: When the schedule was first seen, µs UTC.
        now: µs UTC.
        alive: Slots of runs that are going on; any other that is on record as running was cut off.
        noticed: The last slot that was seen to be due in time, µs UTC: it may wait for other steps, also with ``catch_up = "none"``.
        late: How long after a slot that is, µs.
    """
    if any(run.slot in alive for run in runs):
        return []
    latest = max([seen, *(run.slot for run in runs)])
    none = schedule.catch_up == "none"
    missed = due(replace(schedule, catch_up="last") if none else schedule, latest, now)
    dropped = missed[-1] if none and missed and noticed < missed[-1] < now - late else 0
    missed = () if dropped else missed
    found: list[Todo] = []
    for run in runs:
        if run.state in ENDED:
            continue
        if run.tries >= schedule.tries:  # its last try was cut off
            said = run.said or "cut off each time it was tried"
            found.append(Todo(piece, schedule, replace(run, state=GIVEN_UP, ended=run.ended or now, next=0, said=said)))
            continue
        if run.next > now:
            return found  # what is due after it waits for it
        if missed and schedule.catch_up != "all":
            # The newest slot takes its place, and is its next try: what always fails is given up, however often it is due.
            said = run.said or "a later run took its place"
            found.append(Todo(piece, schedule, replace(run, state=SKIPPED, next=0, said=said)))
            found.append(
                Todo(
                    piece, schedule, Run(missed[-1], RUNNING, run.tries + 1, now, now, since=min(run.first, missed[-1]))
                )
            )
            return found
        again = replace(run, state=RUNNING, tries=run.tries + 1, began=now, ended=0, next=0)
        return [*found, Todo(piece, schedule, again)]
    if missed:
        slot = missed[0]
        first = next(slots(schedule, latest, now)) if schedule.catch_up == "last" else slot
        as_of = slot if schedule.catch_up == "all" else now
        found.append(Todo(piece, schedule, Run(slot, RUNNING, 1, as_of, now, since=first)))
    elif dropped and not found:
        said = "nobody noticed in time that it was due"
        found.append(Todo(piece, schedule, Run(dropped, SKIPPED, 0, 0, now, now, said=said)))
    return found


def ended(run: Run, schedule: Schedule, code: int, said: str, now: int) -> Run:
    """*run* after its try ended with exit code *code*; where it failed, *said* tells why."""
    if code == 0:
        return replace(run, state=DONE, ended=now, said="")
    if run.tries >= schedule.tries:
        return replace(run, state=GIVEN_UP, ended=now, said=said)
    pause = min(schedule.backoff << min(run.tries - 1, 20), LONGEST)
    return replace(run, state=FAILED, ended=now, next=now + pause, said=said)


def given_up(runs: Sequence[Run]) -> list[Run]:
    """Of *runs*, in the order of their slots, those that were given up since one was done."""
    found: list[Run] = []
    for run in runs:
        if run.state == DONE:
            found = []
        elif run.state == GIVEN_UP:
            found.append(run)
    return found


def held_back(wanted: Todo, begun: Mapping[str, int]) -> bool:
    """Whether *wanted* waits for a step before it.

    A step that is always under way, because it takes longer than from one slot to the next, holds nothing back for ever: what
    waits has a slot that those of that step soon leave behind. A run that makes up for several slots is waited for from the
    first of them on.

    Args:
        wanted: A run that would begin.
        begun: Earliest slot of each step that goes on, is to be tried again, or is about to begin.
    """
    return any(begun.get(step, wanted.run.first + 1) <= wanted.run.first for step in AFTER[wanted.piece.step])

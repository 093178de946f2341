"""Events that are sent instead of fetched: held against the contract, kept, put online at once, and into the lake in batches.

The order is what makes it safe. A row is enforced, then spooled (from here on a killed process loses nothing), then put
online, then acknowledged. The lake gets what is in the spool from :meth:`Intake.flush`, through the same ingest that reads
files; it remembers in the commit itself how far in the spool it got. So a row that is sent again, or read again from the
spool after a crash, changes nothing anywhere.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vigie.data.batch import Batch
from vigie.data.contract_file import add_columns, contract_path, read_contract
from vigie.data.dead_letters import DeadLetters
from vigie.data.enforce import Enforcer
from vigie.data.infer import infer_columns, nulls_of
from vigie.data.ingestion import IngestReport, ingest
from vigie.data.lake import Lake
from vigie.data.location import FileLocation, Location
from vigie.data.read_spool import PROGRESS, SpoolReader
from vigie.data.received import frame_of
from vigie.data.row_ids import content_ids, declared_ids
from vigie.data.spool import Spool
from vigie.definition import Events, Table
from vigie.errors import DataError, DefinitionError, StoreError, did_you_mean
from vigie.lifecycle.arriving import arrivals_of

if TYPE_CHECKING:
    from vigie.features.online.histories import OnlineHistories
    from vigie.lifecycle.project import Project

AHEAD = 60_000_000
"""µs that an event may be ahead of our clock before it is counted as such."""
_TRIES = 8
_AT_ONCE = 50_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that broke its contract.

    Attributes:
        index: Its place among those sent, from 0.
        rule: The rule it broke.
        column: The column; ``None`` where it is the row as a whole.
        reason: What was wrong, in words.
    """

    index: int
    rule: str
    column: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of rows that were sent.

    Attributes:
        accepted: How many keep their contract, repetitions included.
        quarantined: The others.
        online: Whether those accepted count in features from now on. ``False`` where no score that is served reads the
            source: then they are kept for the lake alone.
        ahead: Of those accepted, how many lie more than a minute ahead of our clock. They count from their time on.
        late: Of those accepted, how many are older than anything that is held online. They are in the lake.
        pending: Whether the source has no contract yet: all rows are kept as they are, and the first flush infers one.
    """

    accepted: int
    quarantined: tuple[Quarantined, ...] = ()
    online: bool = True
    ahead: int = 0
    late: int = 0
    pending: bool = False


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows held against their contract, and not kept yet.

    Attributes:
        source: Name of the source.
        rows: As they came.
        good: Those to put online, in the lake's types; ``None`` where there is no contract yet.
        receipt: What their sender is told once they are kept and online.
    """

    source: str
    rows: Sequence[Mapping[str, Any]]
    good: pl.DataFrame | None
    receipt: Receipt


@dataclass
class _Door:
    """How rows of one source come in."""

    source: Table | Events
    location: Location
    stamp: tuple[int, int, int] | None = None
    enforcer: Enforcer | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def spool_of(project: Project) -> Spool:
    """The spool of a project."""
    return Spool(project.settings.state / "spool", project.clock)


class Intake:
    """Takes in events and rows of tables. Safe to use from several threads, and by several processes of one machine.

    Args:
        project: Whose sources, contracts and lake.
        histories: The online store; ``None`` keeps rows for the lake alone.
    """

    def __init__(self, project: Project, histories: OnlineHistories | None) -> None:
        self._project, self._histories = project, histories
        self.spool = spool_of(project)
        self.lake = Lake(project.settings.state / "lake")
        self.dead_letters = DeadLetters(self.lake, self.spool)
        self._contracts: Path = project.settings.contracts
        self._doors = {name: _Door(*self._way(name)) for name in project.sources}
        self._behind: set[str] = set()

    @property
    def sources(self) -> list[str]:
        """Names of the sources that are received."""
        return list(self._doors)

    def _way(self, name: str) -> tuple[Table | Events, Location]:
        source = self._project.sources[name]
        if isinstance(source, Events):
            source = source.unfiltered
        if name in self._project.settings.sources:
            return source, self._project.location(name)
        # A source that is only ever received is declared nowhere.
        return source, FileLocation((str(self.spool.root / name),), format="jsonl")

    def attach(self, histories: OnlineHistories) -> None:
        """Put rows online from now on."""
        self._histories = histories

    # -- taking in ---------------------------------------------------------------------------------------------------

    def accept(self, source: str, rows: Sequence[Mapping[str, Any]], origin: str) -> Receipt:
        """Take in *rows*; when it returns they are kept for good, and count in features from now on.

        The same row may come any number of times. Of two events of one customer and id that say different things the
        first one stays.

        Args:
            source: Name of the source.
            rows: JSON objects, in order of arrival.
            origin: What brought them; stands in the lake as ``_origin``.

        Raises:
            DefinitionError: No score reads such a source.
            ContractError: The contract file is wrong.
            JournalError: They cannot be kept; send them again.
            StoreError: They are kept, and are in the lake at the next flush; the online store does not answer. Sending
                them again is safe.
        """
        prepared = self.prepare(source, rows)
        self.keep(prepared, origin)
        self.show(prepared)
        return prepared.receipt

    def prepare(self, source: str, rows: Sequence[Mapping[str, Any]]) -> Prepared:
        """Hold *rows* against the contract of *source*; nothing is kept.

        Raises:
            DefinitionError: No score reads such a source.
            ContractError: The contract file is wrong.
        """
        return self._prepare(self._door(source), rows, self._project.clock.now())

    def keep(self, prepared: Prepared, origin: str) -> None:
        """Spool the rows: a killed process loses none of them from here on.

        Raises:
            JournalError: They cannot be kept.
        """
        if prepared.rows:
            self.spool.append(prepared.source, prepared.rows, origin)

    def show(self, prepared: Prepared) -> None:
        """Put the good rows online.

        Raises:
            StoreError: The store does not answer. They are put at the next flush, or when this is called again.
        """
        if prepared.good is None or self._histories is None or not len(prepared.good):
            return
        holding = self._histories.holdings.get(prepared.source)
        if holding is None:
            return
        try:
            # One batch after the other, so that the order online is the order in the spool.
            with self._doors[prepared.source].lock:
                self._histories.put(prepared.source, arrivals_of(prepared.good, holding))
        except StoreError:
            self._behind.add(prepared.source)
            raise

    def _door(self, name: str) -> _Door:
        door = self._doors.get(name)
        if door is None:
            raise DefinitionError(f"no score reads a source '{name}'", remedy=did_you_mean(name, self._doors))
        path = contract_path(self._contracts, name)
        try:
            status = path.stat()
        except FileNotFoundError:
            door.stamp, door.enforcer = None, None
            return door
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if door.stamp != stamp:
            contract = read_contract(self._contracts, name)
            door.enforcer = None if contract is None else Enforcer(door.source, contract, door.location)
            door.stamp = stamp
        return door

    def _prepare(self, door: _Door, rows: Sequence[Mapping[str, Any]], now: int, *, taking: bool = False) -> Prepared:
        name, enforcer = door.source.name, door.enforcer
        if enforcer is None:
            return Prepared(name, rows, None, Receipt(len(rows), online=False, pending=True))
        frame = frame_of(rows, enforcer.contract, nulls_of(door.location))
        numbers = pl.Series(range(len(rows)), dtype=pl.Int64)
        batch = Batch(frame, numbers, name, False, {})
        new = [c for c in frame.columns if c not in enforcer.contract.names() and c not in enforcer.contract.ignore]
        if new:
            new = [column for column in new if frame[column].null_count() < frame.height]
            if new and not taking:
                enforcer = self._widened(door, batch, new)
            frame = frame.select([c for c in frame.columns if c in enforcer.contract.names()])
            batch = replace(batch, frame=frame)
        enforced = enforcer.enforce(batch)
        rejected = enforced.rejected.select("row", "rule", "column", "reason").rows()
        good = enforced.good
        source = door.source
        declared = isinstance(source, Events) and source.id_columns
        ids = declared_ids(good, source.id_columns) if declared else content_ids(good.drop("_row"))  # type: ignore[union-attr]
        good = good.with_columns(ids)
        holding = None if self._histories is None else self._histories.holdings.get(name)
        ahead = late = 0
        time = source.time if isinstance(source, Events) else source.known_at
        if time is not None and len(good):
            moments = good[time].cast(pl.Int64)
            ahead = int((moments > now + AHEAD).sum())
            if holding is not None and self._histories is not None and isinstance(source, Events):
                late = int((moments < self._histories.floor(name)).sum())
        quarantined = tuple(Quarantined(*row) for row in rejected)
        return Prepared(name, rows, good, Receipt(len(good), quarantined, holding is not None, ahead, late))

    def _widened(self, door: _Door, batch: Batch, new: Sequence[str]) -> Enforcer:
        """The enforcer after the contract got rules for columns that are new; an id of content covers them."""
        name = door.source.name
        with self.spool.taking(name):
            contract = read_contract(self._contracts, name)
            assert contract is not None, "there was one a moment ago"
            missing = [column for column in new if column not in contract.names()]
            if missing:
                rules, notes, _ = infer_columns(door.source, batch, door.location, missing)
                notes = {rule.name: f"new in what was received. {notes.get(rule.name, '')}" for rule in rules}
                add_columns(self._contracts, name, rules, notes)
                log.warning("%s: new columns in what was received: %s", name, ", ".join(missing))
        door = self._door(name)
        assert door.enforcer is not None
        return door.enforcer

    # -- to the lake ---------------------------------------------------------------------------------------------------

    def flush(self, source: str, *, wait: bool = True) -> IngestReport | None:
        """Take what was received of *source* to the lake; ``None`` where there is nothing, or another process is at it.

        Can be killed at any moment: the lake then has either all of a commit, with how far in the spool that got, or nothing.

        Args:
            source: Name of the source.
            wait: For another process that does the same.

        Raises:
            ContractError: The contract is wrong, or none can be inferred.
            DataError: The lake cannot be written; what was received goes on waiting.
        """
        door = self._door(source)
        self.spool.rotate(source)
        if not self._waits(source):
            return None
        self._catch_up(source)
        with self.spool.taking(source, wait=wait) as got:
            if not got:
                return None
            self._adopt(door)
            for attempt in range(_TRIES):
                contract = read_contract(self._contracts, source)
                until, nulls = self._project.clock.now(), nulls_of(door.location)
                reader = SpoolReader(self.spool, source, until, nulls, contract)
                try:
                    report = ingest(
                        door.source, door.location, self.lake, self._contracts, self._project.clock, reader=reader
                    )
                    break
                except DataError as error:
                    if not error.retryable or attempt == _TRIES - 1:
                        raise
                    threading.Event().wait(0.02 * 2**attempt)  # an ingest of files wrote at the same time
            self.spool.remove(source, reader.taken)
            self._remember(source, reader.taken)
            return report

    def flush_all(self, *, wait: bool = True) -> None:
        """Flush every source and the dead letters. What cannot be flushed is logged, and goes on waiting."""
        for source in self._doors:
            try:
                self.flush(source, wait=wait)
            except (DataError, StoreError) as error:
                log.error("events of '%s' wait in the spool: %s", source, error)
        try:
            self.dead_letters.flush(self._project.clock.now())
        except DataError as error:
            log.error("dead letters wait in the spool: %s", error)

    def recover(self, sources: Sequence[str] | None = None) -> int:
        """Put online what is in the spool and not in the lake: a process may have been killed in between.

        Returns:
            How many rows those were.

        Raises:
            StoreError: The store does not answer.
        """
        done = 0
        for name in sources if sources is not None else list(self._doors):
            if not self.spool.segments(name):
                continue
            door = self._door(name)
            with self.spool.taking(name):
                done += self._show_waiting(door, None)
        return done

    def _show_waiting(self, door: _Door, only: Sequence[str] | None) -> int:
        done, name = 0, door.source.name
        lines = self.spool.read(name, self._in_lake(name), self._project.clock.now(), only)
        while part := list(islice(lines, _AT_ONCE)):
            rows = [line.row for line in part if line.row is not None]
            self.show(self._prepare(door, rows, self._project.clock.now(), taking=True))
            done += len(rows)
        return done

    def lag(self, source: str) -> float:
        """Seconds since the oldest row that is not in the lake was received; 0 where there is none."""
        line = next(self.spool.read(source, self._remembered(source), 1 << 62), None)
        return 0.0 if line is None else max(0.0, (self._project.clock.now() - line.moment) / 1e6)

    def compact(self, customers: int) -> None:
        """Tidy the online store up to so many customers.

        Raises:
            StoreError: It does not answer.
        """
        if self._histories is not None:
            self._histories.compact(customers)

    def close(self) -> None:
        """Flush what can be, and end this process' segments."""
        self.flush_all()
        self.spool.close()

    def _catch_up(self, source: str) -> None:
        """Put online what the store did not take when it was received; if it still does not, the lake's sync will."""
        if source in self._behind:
            self._behind.discard(source)
            try:
                self.recover([source])
            except StoreError as error:
                log.warning("events of '%s' are not online yet: %s", source, error)

    def _adopt(self, door: _Door) -> None:
        """Put online what killed processes left in the spool, before it goes to the lake and out of sight."""
        orphans = self.spool.orphans(door.source.name)
        if orphans:
            log.warning("%s: a process was killed; taking over %s", door.source.name, ", ".join(orphans))
            try:
                self._show_waiting(door, orphans)
            except StoreError as error:
                log.warning("events of '%s' are not online yet: %s", door.source.name, error)

    def _in_lake(self, source: str) -> dict[str, int]:
        if not self.lake.has(source):
            return {}
        for version in reversed(self.lake.versions(source)):
            taken = version.metadata.get("progress", {}).get(PROGRESS)
            if taken is not None:
                return dict(taken)
        return {}

    def _waits(self, source: str) -> bool:
        taken = self._remembered(source)
        return any(path.stat().st_size > taken.get(path.name, 0) for path in self.spool.segments(source))

    # How far the last flush got, of whichever process. Only saves looking; what counts is in the lake's commits.

    def _remember(self, source: str, taken: Mapping[str, int]) -> None:
        path = self.spool.root / source / ".taken"
        draft = path.with_name(f".taken.{threading.get_native_id()}")
        draft.write_text(json.dumps(dict(taken)), "utf-8")
        draft.replace(path)

    def _remembered(self, source: str) -> dict[str, int]:
        try:
            taken: dict[str, int] = json.loads((self.spool.root / source / ".taken").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return taken

"""The journal of predictions: files of JSON lines that only grow.

A process writes its own files, called *segments* (:mod:`vigie.journal.segments`). One append is one ``write`` to a
descriptor opened with ``O_APPEND``: when it returns, the lines are with the operating system and outlive a killed
process. With ``durability="power"`` an answer waits for the disk as well, so that they outlive a lost machine. An append
that could not be made whole is undone.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from vigie.errors import JournalError, SettingsError, did_you_mean
from vigie.journal import segments
from vigie.journal.group_commit import GroupCommit
from vigie.journal.prediction import Prediction

Durability = Literal["process", "power"]
OnFull = Literal["refuse", "shed"]

_REMEDIES = {
    "refuse": "free or mount the disk; requests are refused until a prediction can be recorded",
    "shed": "free or mount the disk; requests are answered without a record until then",
}
_synced = getattr(os, "fdatasync", os.fsync)

log = logging.getLogger(__name__)


class PredictionJournal:
    """Where predictions are recorded, by any number of processes and threads in one directory.

    Args:
        directory: Made if it is not there.
        segment_bytes: A new segment is begun once the current one is at least this long.
        durability: What a record outlives when it is acknowledged: ``"process"`` a killed process, ``"power"`` a lost
            machine too. The second waits for the disk; those who wait at one moment share the wait.
        on_full: What happens while nothing can be recorded: ``"refuse"`` raises, so that nobody is answered for whom there
            is no record; ``"shed"`` goes on without, counts in :attr:`shed` and tells in :meth:`trouble`.

    Attributes:
        shed: Predictions of this process that are not on record, since ``on_full`` allows it.
        on_shed: Called with the number of predictions that were just shed.

    Raises:
        JournalError: The directory cannot be made.
        SettingsError: There is no such durability or policy.
    """

    def __init__(
        self,
        directory: Path | str,
        segment_bytes: int = 64 << 20,
        *,
        durability: Durability = "process",
        on_full: OnFull = "refuse",
    ) -> None:
        for key, value, known in (("durability", durability, Durability), ("on_full", on_full, OnFull)):
            if value not in get_args(known):
                raise SettingsError(
                    f"{key} is {value!r}", where="[serve]", remedy=did_you_mean(str(value), get_args(known))
                )
        self.directory = Path(directory)
        self.segment_bytes = segment_bytes
        self.power = durability == "power"
        self.on_full = on_full
        self.shed = 0
        self.on_shed: Callable[[int], None] = lambda _: None
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._encode = msgspec.json.Encoder().encode_lines
        self._descriptor = -1
        self._owner = 0
        self._size = 0
        self._begun = 0
        self._trouble = ""
        self._unsynced: list[int] = []
        self._group = GroupCommit(self._sync)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"the journal cannot be made: {error.strerror}", where=str(self.directory), remedy=_REMEDIES[on_full]
            ) from error

    def append(self, events: Sequence[Prediction], *, settle: bool = True) -> bool:
        """Records all of *events* or none.

        Args:
            events: What to record.
            settle: Wait here until they are as durable as promised. Otherwise await :meth:`settled` where :attr:`power`
                is set, before anybody is told that they are recorded.

        Returns:
            Whether they are on record; always true with ``on_full="refuse"``.

        Raises:
            JournalError: They could not be recorded: disk full, read-only, gone.
        """
        if not events:
            return True
        # msgspec (0.22) keeps a reference to whatever else than a list it encodes as lines.
        lines = self._encode(events if type(events) is list else list(events))
        try:
            with self._lock:
                self._write(lines, events[0].at)
            if settle and self.power:
                self._sync()
        except OSError as error:
            self._failed(error, len(events))
            return False
        if self._trouble and (settle or not self.power):
            self._recovered()
        return True

    async def settled(self, count: int = 1) -> bool:
        """Waits, without holding up the event loop, until everything appended so far is as durable as promised.

        Args:
            count: Predictions that wait for it, for the count of those shed.

        Returns:
            Whether it is; always true with ``on_full="refuse"``.

        Raises:
            JournalError: The disk failed; it is not known whether the records are there.
        """
        if self.power:
            try:
                await self._group.settled()
            except OSError as error:
                self._failed(error, count)
                return False
            if self._trouble:
                self._recovered()
        return True

    def check(self, now: int) -> None:
        """Returns if an append is expected to succeed. After a failure it writes an empty line to find out.

        Args:
            now: Moment for the name of the segment, should one have to be begun.

        Raises:
            JournalError: The directory is not writable, or is still full.
        """
        try:
            if self._trouble:
                with self._lock:
                    self._write(b"\n", now)
                if self.power:
                    self._sync()
                self._recovered()
            elif not os.access(self.directory, os.W_OK | os.X_OK):
                raise OSError(0, "no such directory, or no right to write there")
        except OSError as error:
            raise self._error(error) from error

    def rotate(self, now: int, age: int = 0) -> bool:
        """Ends the current segment if its first line is at least *age* µs old, so that it can be shipped.

        Returns:
            Whether it did.
        """
        with self._lock:
            due = self._owner == os.getpid() and self._descriptor >= 0 and now - self._begun >= age
            if due:
                self._end_segment()
        if due and self.power:
            try:
                self._sync()
            except OSError as error:  # whoever waited for these lines has waited already
                log.error("%s", self._error(error))
        return due

    def read(self) -> PredictionReader:
        """Everything recorded here, by any process; see :func:`read`."""
        return read(self.directory)

    def close(self) -> None:
        """Ends the current segment. A later append begins another."""
        with self._lock:
            self._end_segment()
        try:
            self._sync()
        except OSError as error:
            log.error("%s", self._error(error))
        self._group.close()

    # -- when nothing can be recorded ------------------------------------------------------------------------------

    def _failed(self, error: OSError, count: int) -> None:
        failure = self._error(error)
        first, self._trouble = not self._trouble, str(failure)
        if first:
            log.error("%s", failure)
        if self.on_full == "refuse":
            raise failure from error
        with self._lock:
            self.shed += count
            self.on_shed(count)

    def _recovered(self) -> None:
        self._trouble = ""
        shed = f"; {self.shed} were answered without a record so far" if self.shed else ""
        log.warning("%s: predictions are recorded again%s", self.directory, shed)

    def _error(self, error: OSError) -> JournalError:
        return JournalError(
            f"predictions cannot be recorded: {error.strerror or error}",
            where=str(self.directory),
            remedy=_REMEDIES[self.on_full],
        )

    # -- files -----------------------------------------------------------------------------------------------------

    def _write(self, lines: bytes, moment: int) -> None:
        # A forked child must not write to its parent's segment: the size kept here would be wrong.
        if self._owner != os.getpid() or self._size >= self.segment_bytes:
            self._end_segment()
        if self._descriptor < 0:
            self._begin_segment(moment)
        try:
            written = os.write(self._descriptor, lines)
            if written != len(lines):
                raise OSError(0, f"the disk took {written} of {len(lines)} bytes")
        except OSError:
            self._undo()
            raise
        self._size += written

    def _undo(self) -> None:
        """Removes what a failed write left. Where that fails too, the torn line stays the last of its segment."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._end_segment()

    def _begin_segment(self, moment: int) -> None:
        self._descriptor, _ = segments.begin(self.directory, moment)
        self._owner, self._size, self._begun = os.getpid(), 0, moment
        if self.power:  # the name of the file must outlive the machine too
            self._unsynced.append(os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY))

    def _end_segment(self) -> None:
        if self._descriptor >= 0:
            if self.power and self._owner == os.getpid():
                self._unsynced.append(self._descriptor)
            else:
                os.close(self._descriptor)
        self._descriptor = -1

    def _sync(self) -> None:
        """Waits until everything written so far is on the disk.

        Raises:
            OSError: It is not. The segment is ended: the disk forgets which of its pages it failed to write.
        """
        with self._sync_lock:
            with self._lock:
                files, self._unsynced = self._unsynced, []
                if self.power and self._descriptor >= 0:
                    files.append(os.dup(self._descriptor))
            try:
                for descriptor in files:
                    _synced(descriptor)
            except OSError:
                with self._lock:
                    self._end_segment()
                    files += self._unsynced
                    self._unsynced = []
                raise
            finally:
                for descriptor in files:
                    os.close(descriptor)


class PredictionReader:
    """Iterates over the predictions of a directory, segment by segment, in the order of the segments' beginnings.

    Segments that the lake has are among them, as long as they are kept here.

    Attributes:
        torn: Last lines, so far, that end before they are whole: their append never returned.
        segments: Segments read so far.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.torn = 0
        self.segments = 0
        self._events = self._iterate()

    def __iter__(self) -> Iterator[Prediction]:
        return self

    def __next__(self) -> Prediction:
        return next(self._events)

    def _iterate(self) -> Iterator[Prediction]:
        decode = msgspec.json.Decoder(Prediction).decode
        for seen in segments.everything(self.directory):
            path = segments.where_now(seen)
            if path is None:  # the lake has it, and the time to keep it here is over
                continue
            self.segments += 1
            with path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n"):
                        self.torn += 1
                    elif not line.isspace():  # as failed appends and erased customers leave it
                        try:
                            yield decode(line)
                        except ValueError as error:
                            raise JournalError(
                                f"not a prediction: {error}",
                                where=f"{path}:{number}",
                                remedy="the file was changed by something else; move it away and restore it",
                            ) from error


def read(directory: Path | str) -> PredictionReader:
    """Every prediction recorded in *directory*; a torn last line is skipped and counted in ``torn``.

    Raises:
        JournalError: While iterating: a whole line is not a prediction.
    """
    return PredictionReader(Path(directory))

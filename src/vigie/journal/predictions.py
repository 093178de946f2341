"""The journal of predictions: files of JSON lines that only grow.

A process writes its own files, called *segments*: ``<first moment>-<process id>-<sequence>.jsonl``. One append is one
``write`` to a descriptor opened with ``O_APPEND``: when it returns, the lines are with the operating system and outlive
a killed process. They outlive a lost machine with ``fsync=True`` alone. An append that could not be made whole is
undone and raises, so that nobody is answered for whom there is no record.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vigie.clock import iso
from vigie.errors import JournalError
from vigie.journal.prediction import Prediction

SUFFIX = ".jsonl"
_REMEDY = "free or mount the disk; requests are refused until a prediction can be recorded"


class PredictionJournal:
    """Where predictions are recorded, by any number of processes and threads in one directory.

    Args:
        directory: Made if it is not there.
        segment_bytes: A new segment is begun once the current one is at least this long.
        fsync: Also wait for the disk. Costs a disk round trip per append.

    Raises:
        JournalError: The directory cannot be made.
    """

    def __init__(self, directory: Path | str, segment_bytes: int = 64 << 20, *, fsync: bool = False) -> None:
        self.directory = Path(directory)
        self.segment_bytes = segment_bytes
        self.fsync = fsync
        self._lock = threading.Lock()
        self._encode = msgspec.json.Encoder().encode_lines
        self._descriptor = -1
        self._owner = 0
        self._size = 0
        self._failed = False
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"the journal cannot be made: {error.strerror}", where=str(self.directory), remedy=_REMEDY
            ) from error

    def append(self, events: Sequence[Prediction]) -> None:
        """Records all of *events* or none; when it returns they survive the death of this process.

        Raises:
            JournalError: They could not be recorded: disk full, read-only, gone.
        """
        if not events:
            return
        lines = self._encode(events)
        with self._lock:
            try:
                self._write(lines, events[0].at)
            except OSError as error:
                self._failed = True
                raise JournalError(
                    f"predictions cannot be recorded: {error.strerror}", where=str(self.directory), remedy=_REMEDY
                ) from error
            self._failed = False

    def check(self, now: int) -> None:
        """Returns if an append is expected to succeed. After a failure it writes an empty line to find out.

        Args:
            now: Moment for the name of the segment, should one have to be begun.

        Raises:
            JournalError: The directory is not writable, or is still full.
        """
        with self._lock:
            try:
                if self._failed:
                    self._write(b"\n", now)
                    self._failed = False
                elif not os.access(self.directory, os.W_OK | os.X_OK):
                    raise OSError(0, "no such directory, or no right to write there")
            except OSError as error:
                raise JournalError(
                    f"predictions cannot be recorded: {error.strerror}", where=str(self.directory), remedy=_REMEDY
                ) from error

    def read(self) -> PredictionReader:
        """Everything recorded here, by any process; see :func:`read`."""
        return read(self.directory)

    def close(self) -> None:
        """Ends the current segment. A later append begins another."""
        with self._lock:
            self._end_segment()

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
            if self.fsync:
                os.fsync(self._descriptor)
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
        stamp = iso(moment - moment % 1_000_000).replace("-", "").replace(":", "")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        sequence = 0
        while True:
            # O_EXCL: in containers every server is process 1, and two may share a volume.
            path = self.directory / f"{stamp}-{os.getpid()}-{sequence:04d}{SUFFIX}"
            try:
                self._descriptor = os.open(path, flags, 0o640)
            except FileExistsError:
                sequence += 1
                continue
            break
        self._owner, self._size = os.getpid(), 0
        if self.fsync:  # the name of the file must outlive the machine too
            directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _end_segment(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class PredictionReader:
    """Iterates over the predictions of a directory, segment by segment, in the order of the segments' beginnings.

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
        for path in sorted(self.directory.glob(f"*{SUFFIX}")):
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

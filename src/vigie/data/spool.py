"""The spool: events that were received and are not in the lake yet, as JSON lines in files that only grow.

A process appends to segments of its own, ``<state>/spool/<source>/<moment>-<process id>-<chance>.jsonl``. One append is
one ``write`` to a descriptor opened with ``O_APPEND``: when it returns, the rows are with the operating system and outlive
a killed process. A line is ``[moment of reception in µs, origin, row]``; moments never go down within a segment.

The writer holds a lock on its segment (``flock``), which ends with the process: that tells the segments of the living
from those of the dead. Whoever takes rows to the lake reads all segments, open ones too, up to one moment and remembers how far in
each it got; a segment that is closed and wholly taken is removed. So rows of several processes come to the lake in the order in
which they were received.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import logging
import os
import re
import secrets
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vigie.clock import Clock, iso
from vigie.data.file_lock import locked
from vigie.errors import JournalError

SUFFIX = ".jsonl"
_END = b"null\n"
"""Last line of a segment that its process has closed; a killed one leaves none."""
_READ = 4 << 20
_REMEDY = "free or mount the disk; events are refused until they can be kept"
_WHOLE = re.compile(r"(-?\d+)\.0+")
_Line = tuple[int, str, dict[str, Any]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A row in the spool.

    Attributes:
        moment: When it was received, µs since 1970-01-01 UTC.
        segment: Name of the file it is in.
        end: Bytes of that file up to and with this row.
        origin: What brought it.
        row: As it came; ``None`` where the line is none of ours.
        text: The line, where ``row`` is ``None``.
    """

    moment: int
    segment: str
    end: int
    origin: str
    row: dict[str, Any] | None
    text: str = ""


@dataclass(slots=True)
class _Open:
    """The segment that a process appends to."""

    descriptor: int
    path: Path
    size: int = 0
    torn: bool = False


class Spool:
    """Where received rows wait for the lake. Safe to use from several threads and processes of one machine.

    Args:
        root: Folder of the spool; made at the first append.
        clock: Gives rows the moment of their reception.
        segment_bytes: A new segment is begun once the current one is at least this long.
        fsync: Also wait for the disk, so that rows outlive a lost machine. Costs a disk round trip per append.
    """

    def __init__(self, root: Path | str, clock: Clock, segment_bytes: int = 64 << 20, *, fsync: bool = False) -> None:
        self.root = Path(root)
        self._clock, self._segment_bytes, self._fsync = clock, segment_bytes, fsync
        self._encode = msgspec.json.Encoder().encode_lines
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}
        self._owner = os.getpid()
        self._latest = 0

    def append(self, source: str, rows: Sequence[Mapping[str, Any]], origin: str) -> int:
        """Keep *rows*; when it returns they survive the death of this process.

        Args:
            source: Name of the source.
            rows: JSON objects.
            origin: What brought them: kept with the row in the lake.

        Returns:
            The moment of reception.

        Raises:
            JournalError: They could not be kept: disk full, read-only, gone. Some may have been; to send them again is safe.
        """
        with self._lock:
            moment = self._latest = max(self._latest, self._clock.now())
            lines = self._encode([(moment, origin, row) for row in rows])
            try:
                self._write(source, lines, moment)
            except OSError as error:
                raise JournalError(
                    f"events cannot be kept: {error.strerror or error}", where=str(self.root / source), remedy=_REMEDY
                ) from error
        return moment

    def rotate(self, source: str | None = None) -> None:
        """End the current segments of this process, of one source or of all; later appends begin others."""
        with self._lock:
            for name in [source] if source is not None else list(self._open):
                self._end(name)

    def close(self) -> None:
        """The same as :meth:`rotate`."""
        self.rotate()

    def sources(self) -> list[str]:
        """Sources of which something is or was in the spool, sorted."""
        return sorted(path.name for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []

    def segments(self, source: str) -> list[Path]:
        """The segments of a source, in the order of their beginnings."""
        return sorted((self.root / source).glob(f"*{SUFFIX}"))

    def size(self, source: str | None = None) -> int:
        """Bytes in the spool, of one source or of all. What was taken to the lake counts until its segment is removed."""
        total = 0
        for name in [source] if source is not None else self.sources():
            for path in self.segments(name):
                with contextlib.suppress(FileNotFoundError):
                    total += path.stat().st_size
        return total

    def read(
        self, source: str, taken: Mapping[str, int], until: int, only: Collection[str] | None = None
    ) -> Iterator[Received]:
        """The rows received up to the moment *until*, in order of reception, over all segments.

        Args:
            source: Name of the source.
            taken: Bytes of each segment to pass over.
            until: µs since 1970-01-01 UTC. Read the clock first, then call this.
            only: Names of the segments to read; ``None``: all.
        """
        parts = []
        for path in self.segments(source):
            if only is None or path.name in only:
                with contextlib.suppress(FileNotFoundError):
                    parts.append(_lines(path, taken.get(path.name, 0), path.stat().st_size, until))
        yield from heapq.merge(*parts, key=lambda line: (line.moment, line.segment, line.end))

    def remove(self, source: str, taken: Mapping[str, int]) -> list[str]:
        """Remove the segments that nobody appends to any more and that were taken to their last whole row.

        Args:
            source: Name of the source.
            taken: Bytes taken of each segment.

        Returns:
            The segments that ended in the middle of a row: their process was killed while it wrote, and the append never
            returned.
        """
        torn = []
        for path in self.segments(source):
            with locked(path, wait=False) as held:
                if held is None or not _nothing_after(held, taken.get(path.name, 0)):
                    continue
                if os.fstat(held).st_size > _whole(held):
                    torn.append(path.name)
                    log.warning("%s ended in the middle of a row: its writer was killed before it had answered", path)
                path.unlink(missing_ok=True)
        return torn

    def orphans(self, source: str) -> list[str]:
        """Segments whose process was killed: what is in them may never have been put online."""
        found = []
        for path in self.segments(source):
            with locked(path, wait=False) as held:
                size = 0 if held is None else os.fstat(held).st_size
                if held is not None and size and os.pread(held, len(_END), max(0, size - len(_END))) != _END:
                    found.append(path.name)
        return found

    @contextlib.contextmanager
    def taking(self, source: str, *, wait: bool = True) -> Iterator[bool]:
        """The right to take rows of *source* to the lake, or to erase some: one holder at a time on this machine.

        Yields:
            Whether it was got; always true with *wait*.
        """
        folder = self.root / source
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".taking", wait=wait, create=True) as held:
            yield held is not None

    def erase(self, keys: Mapping[str, str], customers: Collection[str]) -> int:
        """Blank every row of *customers*, so that nothing of them can be read from the files; how many rows those were.

        Events of them that are received afterwards are kept as any other.

        Args:
            keys: For each source the column that names the customer.
            customers: Keys as text.
        """
        wanted, erased = set(customers), 0
        for source in self.sources():
            if source not in keys:
                continue
            with self.taking(source):
                for path in self.segments(source):
                    with contextlib.suppress(FileNotFoundError):
                        erased += _blank(path, keys[source], wanted)
        return erased

    def _write(self, source: str, lines: bytes, moment: int) -> None:
        # A forked child must not write to its parent's segments.
        if self._owner != os.getpid():
            for name in list(self._open):
                self._end(name)
            self._owner, self._open = os.getpid(), {}
        current = self._open.get(source)
        if current is not None and current.size >= self._segment_bytes:
            self._end(source)
            current = None
        if current is None:
            current = self._open[source] = self._begin(source, moment)
        try:
            written = os.write(current.descriptor, lines)
            if written != len(lines):
                raise OSError(0, f"the disk took {written} of {len(lines)} bytes")
            if self._fsync:
                os.fsync(current.descriptor)
        except OSError:
            # Somebody may have read whole lines of it already, so nothing is undone: the torn line stays the last.
            current.torn = True
            self._end(source)
            raise
        current.size += written

    def _begin(self, source: str, moment: int) -> _Open:
        folder = self.root / source
        folder.mkdir(parents=True, exist_ok=True)
        stamp = iso(moment - moment % 1_000_000).replace("-", "").replace(":", "")
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        while True:
            # No name may ever come again, not in another container's process 1 either: how much of a segment was taken
            # is remembered by its name, even after it was removed.
            path = folder / f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
            try:
                descriptor = os.open(path, flags, 0o640)
            except FileExistsError:
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Between the two calls somebody may have taken it for a dead process' empty segment, and removed it.
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        if self._fsync:  # the name of the file must outlive the machine too
            directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        return _Open(descriptor, path)

    def _end(self, source: str) -> None:
        current = self._open.pop(source, None)
        if current is not None:
            if self._owner == os.getpid() and not current.torn:
                with contextlib.suppress(OSError):
                    os.write(current.descriptor, _END)
            os.close(current.descriptor)


def key_text(value: object) -> str:
    """A customer's key as the lake writes it: ``17``, ``17.0`` and ``" 17 "`` are one customer."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole.group(1) if whole else text


def _lines(path: Path, begin: int, size: int, until: int) -> Iterator[Received]:
    """The whole lines of a segment after *begin*, up to the first one after the moment *until*."""
    decode = msgspec.json.Decoder(_Line).decode
    moment = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(begin)
        end = begin
        for line in _whole_lines(file, size - begin):
            end += len(line)
            if line.isspace() or line == _END:
                continue
            try:
                moment, origin, row = decode(line)
            except ValueError:
                yield Received(
                    moment, path.name, end, path.name, None, line.decode("utf-8", "backslashreplace").strip()
                )
                continue
            if moment > until:
                return
            yield Received(moment, path.name, end, origin, row)


def _whole_lines(file: Any, left: int) -> Iterator[bytes]:
    rest = b""
    while left > 0 and (part := file.read(min(_READ, left))):
        left -= len(part)
        lines = (rest + part).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line + b"\n"


def _nothing_after(descriptor: int, begin: int) -> bool:
    """Whether no whole row follows in a segment: at most blanks, its end, and a row that is torn."""
    end = _whole(descriptor)
    if begin >= end:
        return True
    part = os.pread(descriptor, min(end - begin, _READ), begin)
    rest = part.replace(_END, b"").strip()
    return not rest and (begin + len(part) >= end or _nothing_after(descriptor, begin + len(part)))


def _whole(descriptor: int) -> int:
    """Bytes of a file up to its last line break."""
    end = os.fstat(descriptor).st_size
    while end:
        begin = max(0, end - 65_536)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _blank(path: Path, key: str, customers: set[str]) -> int:
    """Overwrite lines in place with spaces: lengths stay, and with them what others remember of the file."""
    decode, erased = msgspec.json.Decoder(_Line).decode, 0
    with path.open("r+b", buffering=0) as file:
        end = 0
        with path.open("rb") as lines:
            for line in _whole_lines(lines, path.stat().st_size):
                end += len(line)
                try:
                    row = decode(line)[2]
                except ValueError:
                    continue
                if row.get(key) is not None and key_text(row[key]) in customers:
                    os.pwrite(file.fileno(), b" " * (len(line) - 1), end - len(line))
                    erased += 1
        if erased:
            os.fsync(file.fileno())
    return erased

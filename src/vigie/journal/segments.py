"""The files of a journal: which there are, which nobody writes any more, which are in the lake already.

A folder has segments ``*.jsonl`` that the lake has not got yet, and a folder ``shipped/`` with those that it has. A
segment's writer holds a lock on it (``flock``), which ends with the process: that tells the segments of the living from
those of the dead. Names never come again, so that a segment is known by its name wherever it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from vigie.clock import iso
from vigie.data.file_lock import locked

SUFFIX = ".jsonl"
SHIPPED = "shipped"
"""Folder of the segments that the lake has."""
_LOCK = ".shipping"
_READ = 1 << 16
_numbers = itertools.count()


class _When(msgspec.Struct):
    at: int


_at_of = msgspec.json.Decoder(_When).decode


def begin(directory: Path, moment: int) -> tuple[int, Path]:
    """A new segment, locked by this process: a descriptor to append to, and its path.

    Args:
        directory: Of the journal.
        moment: Of its first line, µs; the name begins with it.

    Raises:
        OSError: It cannot be made.
    """
    sequence = next(_numbers)
    stamp = iso(moment - moment % 1_000_000).replace("-", "").replace(":", "")
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        # Chance, since in containers every server is process 1, and two may share a volume or a lake.
        path = directory / f"{stamp}-{os.getpid()}-{sequence:04d}-{secrets.token_hex(4)}{SUFFIX}"
        try:
            descriptor = os.open(path, flags, 0o640)
        except FileExistsError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two calls somebody may have taken it for a dead process' empty segment, and removed it.
        if os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)


def waiting(directory: Path) -> list[Path]:
    """Segments that the lake has not got, in the order of their beginnings."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def shipped(directory: Path) -> list[Path]:
    """Segments that the lake has and that are still here, in the order of their beginnings."""
    return sorted((directory / SHIPPED).glob(f"*{SUFFIX}"))


def everything(directory: Path) -> list[Path]:
    """All segments, in the order of their beginnings."""
    return sorted([*waiting(directory), *shipped(directory)], key=lambda path: path.name)


def where_now(path: Path) -> Path | None:
    """Where a segment is that was seen at *path*: it may have been shipped since, or be gone for good."""
    moved = path.parent / SHIPPED / path.name
    return next((place for place in (path, moved) if place.exists()), None)


@contextlib.contextmanager
def shipping(directory: Path, *, wait: bool) -> Iterator[bool]:
    """The right to move or to change segments: one holder at a time on this machine.

    Yields:
        Whether it was got; always true with *wait*, and where there is no such directory.
    """
    if not directory.is_dir():
        yield True
        return
    with locked(directory / _LOCK, wait=wait, create=True) as held:
        yield held is not None


def closed(directory: Path) -> list[Path]:
    """Waiting segments that no living process appends to and that hold something. Those that hold nothing are removed."""
    found = []
    for path in waiting(directory):
        with locked(path, wait=False) as held:
            if held is None:
                continue
            if os.fstat(held).st_size == 0:
                path.unlink(missing_ok=True)
            else:
                found.append(path)
    return found


def put_by(path: Path) -> None:
    """Move a segment to those that the lake has."""
    folder = path.parent / SHIPPED
    folder.mkdir(exist_ok=True)
    path.rename(folder / path.name)


def first_moment(path: Path) -> int | None:
    """Moment of the first prediction of a segment, µs; ``None`` where it has none."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n") and not line.isspace():
                with contextlib.suppress(ValueError):
                    return _at_of(line).at
    return None


def last_moment(path: Path) -> int | None:
    """Moment of the last whole prediction of a segment, µs; ``None`` where it has none."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        while end:
            begin_ = max(0, end - _READ)
            file.seek(begin_)
            rest = file.read(end - begin_) + rest
            lines = rest.split(b"\n")
            for line in reversed(lines[1 if begin_ else 0 : -1]):
                if line.strip():
                    with contextlib.suppress(ValueError):
                        return _at_of(line).at
            # What stands before the first line break may go on further to the left.
            rest, end = lines[0] + b"\n" if len(lines) > 1 else rest, begin_
    return None

"""The journal of administration: who changed what may be done, and who was turned away. JSON lines that only grow.

One file a month, ``<year>-<month>.jsonl``, for all processes that are given the same folder. One append is one ``write``
to a descriptor opened with ``O_APPEND``, and waits for the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from vigie.clock import iso
from vigie.errors import JournalError

_SUFFIX = ".jsonl"


class AdminEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an administrator should be able to find again.

    Attributes:
        id: Identifies the event; sorts by time (see :func:`vigie.journal.identifiers`).
        at: Moment, microseconds UTC.
        action: What was done: ``key created``, ``key rotated``, ``key revoked``, ``keys exported``, ``caller refused``,
            ``old key used``.
        actor: Who did it: a user of this machine, or an address.
        subject: What it was done to: name of a key; empty where that is not known.
        reason: Why; of a refusal, what was wrong: ``missing``, ``expired``, ``role`` …
        path: Of the request that was refused.
        count: How many of the same kind this stands for.
        details: What else is known. Never a secret.
    """

    id: str
    at: int
    action: str
    actor: str
    subject: str = ""
    reason: str = ""
    path: str = ""
    count: int = 1
    details: dict[str, Any] = {}


class AdminJournal:
    """Where events of administration are recorded, by any number of processes and threads.

    Args:
        directory: Made with the first event.
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)

    def append(self, event: AdminEvent, *, wait: bool = True) -> None:
        """Records *event*.

        Args:
            event: What happened.
            wait: Until the disk has it; otherwise until the operating system has it.

        Raises:
            JournalError: It could not be recorded.
        """
        line = msgspec.json.encode(event) + b"\n"
        path = self.directory / f"{iso(event.at)[:7]}{_SUFFIX}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                written = os.write(descriptor, line)
                if written != len(line):
                    os.write(descriptor, b"\n")  # others write to the same file: what is torn is ended, not taken back
                    raise OSError(0, f"the disk took {written} of {len(line)} bytes")
                if wait:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise JournalError(
                f"an event of administration cannot be recorded: {error.strerror}",
                where=str(path),
                remedy="free or mount the disk; nothing is changed that cannot be recorded",
            ) from error


class AdminReader:
    """Iterates over the events of a directory, the oldest first.

    Args:
        directory: It may not be there.

    Attributes:
        torn: Lines, so far, that are no event: their append failed.
    """

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)
        self.torn = 0

    def __iter__(self) -> Iterator[AdminEvent]:
        decode = msgspec.json.Decoder(AdminEvent).decode
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            with path.open("rb") as lines:
                for line in lines:
                    try:
                        event = decode(line)
                    except ValueError:
                        self.torn += 1
                        continue
                    yield event

"""Locks between processes, on files; they end with the process that holds them. And folders that go with their process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".lock"


@contextlib.contextmanager
def locked(path: Path, *, wait: bool, create: bool = False) -> Iterator[int | None]:
    """A descriptor of *path* with the lock on it; ``None`` where another has it or the file is gone.

    Args:
        path: The file.
        wait: Wait for another to let go.
        create: Make the file if it is not there.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o640)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder for what is not whole yet; it goes afterwards. Those that killed processes left go before.

    Args:
        parent: Where it is made, so that what is in it can be renamed to its place.
        prefix: Of its name; nothing else there may be called so.
    """
    for left in parent.glob(f"{prefix}*"):
        with locked(left / _LOCK, wait=False) as lock:
            if lock is not None:
                shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as made,
        locked(Path(made) / _LOCK, wait=True, create=True),
    ):
        yield Path(made)

"""Locks between processes, on files; they end with the process that holds them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


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

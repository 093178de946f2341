"""Who was counted in a rollout already, shared by all processes of a machine.

Customers are drawn between models, not requests: one who asks a hundred times is one customer, and counting him a hundred
times would take luck for evidence. A byte for each of four million places says in which step the customer at that place was
counted last. Two customers of one place are taken for one, which loses a little evidence and bends none: who shares a place
has nothing to do with who gets which model.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_BITS = 22
_MASK = (1 << _BITS) - 1


class Seen:
    """A file that all processes of a machine map; sparse, so that it takes as much of the disk as was counted.

    Args:
        path: The file; its folder is made where it is missing. ``None``: for this process alone.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path | None = None) -> None:
        # One half for the shadow, where everybody is scored by both, and one for those who were drawn.
        size = 2 << _BITS
        if path is None:
            self._bytes = mmap.mmap(-1, size)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.ftruncate(descriptor, size)
            self._bytes = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    def shadowed(self, number: int) -> bool:
        """Whether the customer at *number* was counted in the shadow; from now on, yes."""
        at = number & _MASK
        before = self._bytes[at]
        self._bytes[at] = 1
        return before != 0

    def last(self, number: int) -> int:
        """Step in which the customer at *number* was counted last; −1 for none."""
        return self._bytes[(1 << _BITS) + (number & _MASK)] - 1

    def count(self, number: int, step: int) -> None:
        """The customer at *number* is counted in *step*, 0 … 254."""
        self._bytes[(1 << _BITS) + (number & _MASK)] = step + 1

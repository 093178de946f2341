"""Counters that the workers of one server keep together without talking to each other.

Every worker owns one file of float64 cells, mapped into memory; a count is an addition in place. Reading sums the files
of the directory, those of workers that have died included, so that a total never goes back.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path


class Counters:
    """A fixed number of cells, each a total since the server started.

    Args:
        size: Number of cells; the same in all workers.
        directory: Where the workers' files are; ``None`` keeps the cells of a single worker in memory.
    """

    def __init__(self, size: int, directory: Path | None = None) -> None:
        self._directory = directory
        self._bytes = size * 8
        if directory is None:
            self._map = mmap.mmap(-1, max(self._bytes, 8))
        else:
            directory.mkdir(parents=True, exist_ok=True)
            # The number of cells is in the name: workers of another layout are not added up.
            path = directory / f"{os.getpid()}.{size}.cells"
            with path.open("w+b") as file:
                file.truncate(max(self._bytes, 8))
                self._map = mmap.mmap(file.fileno(), max(self._bytes, 8))
        self.cells: memoryview[float] = memoryview(self._map).cast("d")
        self._suffix = f".{size}.cells"

    def totals(self) -> list[float]:
        """The sum over all workers, cell by cell."""
        if self._directory is None:
            return list(self.cells)
        sums = [0.0] * len(self.cells)
        for path in sorted(self._directory.glob(f"*{self._suffix}")):
            for i, value in enumerate(memoryview(path.read_bytes()).cast("d")):
                sums[i] += value
        return sums

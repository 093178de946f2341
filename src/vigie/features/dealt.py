"""Records dealt out to partitions, in memory or in a temporary file.

Each batch is put in order of partition and kept as it is, in memory or written at once; of a partition the records lie in
one run in each batch.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import IO

import numpy as np

from vigie.errors import FeatureError
from vigie.features.records import Form, Layout, Records
from vigie.features.values import Array


@dataclass(frozen=True, eq=False, slots=True)
class _Batch:
    """Records in order of partition.

    Attributes:
        layout: Of the records.
        ends: Shape (partitions + 1,): where the records of each begin and end.
        rows: The bytes of the records, or where they begin in the file.
        texts: For each column of form TEXT: its bytes, or where they begin in the file; and where those of each
            partition begin and end.
    """

    layout: Layout
    ends: Array
    rows: Array | int
    texts: dict[str, tuple[Array | int, Array]]


class Dealt:
    """Records of one source, by partition.

    Args:
        count: Number of partitions.
        file: Where to put them; ``None``: they stay in memory.
    """

    def __init__(self, count: int, file: IO[bytes] | None) -> None:
        self._count, self._file = count, file
        self._batches: list[_Batch] = []

    def add(self, records: Records, part: Array) -> None:
        """Deal *records* out; *part*, shape (n,), says to which partition each goes.

        Raises:
            FeatureError: The temporary file cannot be written.
        """
        rows, texts = _bytes(records.rows), dict(records.texts)
        sizes = {name: np.maximum(records.rows[name], 0) for name in texts}
        if self._count > 1:
            order = np.argsort(part, kind="stable")
            rows = rows.take(order)
            for name, data in texts.items():
                starts = np.cumsum(sizes[name], dtype=np.int64) - sizes[name]
                sizes[name] = sizes[name][order]
                begins = np.cumsum(sizes[name], dtype=np.int64) - sizes[name]
                place = np.repeat(starts[order] - begins, sizes[name]) + np.arange(len(data), dtype=np.int64)
                texts[name] = data[place]
        ends = np.zeros(self._count + 1, dtype=np.int64)
        np.cumsum(np.bincount(part, minlength=self._count), out=ends[1:])
        kept: dict[str, tuple[Array | int, Array]] = {}
        for name, data in texts.items():
            total = np.concatenate([[0], np.cumsum(sizes[name], dtype=np.int64)])
            kept[name] = (self._put(data), total[ends])
        last = self._batches[-1].layout if self._batches else records.layout
        layout = last if last == records.layout else records.layout
        self._batches.append(_Batch(layout, ends, self._put(rows), kept))

    def take(self, i: int) -> list[Records]:
        """The records of partition *i*, of each layout in one piece; at least one piece, of no rows maybe.

        Raises:
            FeatureError: The temporary file cannot be read.
        """
        there = [batch for batch in self._batches if batch.ends[i + 1] > batch.ends[i]] or self._batches[:1]
        runs: list[list[_Batch]] = []
        for batch in there:
            if runs and runs[-1][0].layout is batch.layout:
                runs[-1].append(batch)
            else:
                runs.append([batch])
        return [self._piece(run, i) for run in runs]

    def _piece(self, run: list[_Batch], i: int) -> Records:
        layout = run[0].layout
        size = layout.dtype.itemsize
        rows = self._get([(batch.rows, int(batch.ends[i]) * size, int(batch.ends[i + 1]) * size) for batch in run])
        texts = {}
        for name in run[0].texts:
            found = [batch.texts[name] for batch in run]
            texts[name] = self._get([(data, int(ends[i]), int(ends[i + 1])) for data, ends in found])
        return Records(layout, rows.view(layout.dtype), texts)

    def _put(self, data: Array) -> Array | int:
        if self._file is None:
            return data.view(np.uint8)
        try:
            begin = self._file.tell()
            left = memoryview(data.view(np.uint8))  # type: ignore[arg-type]
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _unable(error) from error
        return begin

    def _get(self, parts: list[tuple[Array | int, int, int]]) -> Array:
        """Bytes of stretches of data, one after the other."""
        found = np.empty(sum(end - begin for _, begin, end in parts), dtype=np.uint8)
        done = 0
        for data, begin, end in parts:
            into = found[done : done + end - begin]
            if isinstance(data, int):
                self._read(into, data + begin)
            else:
                into[:] = data[begin:end]
            done += end - begin
        return found

    def _read(self, into: Array, position: int) -> None:
        assert self._file is not None
        left = memoryview(into)  # type: ignore[arg-type]
        try:
            while left:
                # Reads of several threads at once do not move a common position.
                read = os.preadv(self._file.fileno(), [left], position)
                if not read:
                    raise OSError("the file is shorter than what was written")
                left, position = left[read:], position + read
        except OSError as error:
            raise _unable(error) from error


def temporary_file() -> IO[bytes]:
    """A file that is gone once it is closed, or the process is."""
    return tempfile.TemporaryFile(prefix="vigie-features-", buffering=0)


def row_bytes(layout: Layout) -> int:
    """Bytes of a row, about; texts are taken to have 64."""
    return layout.dtype.itemsize + 64 * sum(form is Form.TEXT for form in layout.forms.values())


def _bytes(rows: Array) -> Array:
    """Records as values without fields: NumPy moves them about faster."""
    return rows.view(f"V{rows.dtype.itemsize}")


def _unable(error: OSError) -> FeatureError:
    return FeatureError(
        f"histories that do not fit into memory cannot be put aside: {error}",
        where=tempfile.gettempdir(),
        remedy="free some space there, name another folder in TMPDIR, or allow more memory",
    )

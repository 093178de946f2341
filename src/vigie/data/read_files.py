"""Reads files once: what was read before, and where in it reading stopped, is in the progress kept with the rows."""

from __future__ import annotations

import glob
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl
import pyarrow as pa

from vigie.data.batch import Batch, ColumnNames, Progress
from vigie.data.codes import finding
from vigie.data.location import FileLocation, Format
from vigie.data.read_csv import Rows, read_csv
from vigie.data.read_jsonl import read_jsonl
from vigie.data.read_parquet import read_parquet
from vigie.errors import SourceError
from vigie.findings import Finding

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    origin: str
    format: Format
    compression: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What is kept of a file: its state when read, and how far reading got."""

    size: int
    mtime: int
    hash: str
    ended: bool  # with a line break, so that what follows is a new row
    rows: int
    done: bool

    def data(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class FileReader:
    """Reads the files of a location, each once, by name.

    A file is known by its name below the globs' common folder and by its content. One of the same content under another
    name is passed over. One that grew at its end, as logs do, is read on from the row where reading stopped. One whose
    beginning changed is read again as a whole; the ingest then drops the rows that the lake has.

    Args:
        location: The files.
        source: Name of the source, for messages.
    """

    def __init__(self, location: FileLocation, source: str) -> None:
        self.location, self.source = location, source
        self.findings: list[Finding] = []
        self._names = ColumnNames()
        self._part = 0.0  # of the file being read

    def sample(self, rows: int) -> Batch | None:
        """Rows from the beginning of the first, the middle and the last file."""
        files = self.files()
        chosen = [files[i] for i in sorted({0, len(files) // 2, len(files) - 1})]
        frames: list[pl.DataFrame] = []
        numbers: list[pl.Series] = []
        for file in chosen:
            wanted = -(-rows // len(chosen))
            for part in self._rows(file, 0, file.path.stat().st_size):
                if part.frame.width:
                    frames.append(part.frame.head(wanted))
                    numbers.append(pl.Series(part.rows[:wanted], dtype=pl.Int64))
                    wanted -= len(part.frame)
                if wanted <= 0:
                    break
        if not frames:
            return None
        frame, number = pl.concat(frames, how="diagonal_relaxed"), pl.concat(numbers)
        textual = any(file.format == "csv" for file in chosen)
        return Batch(frame, number, files[0].origin, textual, {})

    def read(self, progress: Progress) -> Iterator[Batch]:
        """The rows that are not done, file by file in the order of their names."""
        kept = {origin: _Read(**read) for origin, read in progress.get("files", {}).items()}
        contents = {read.hash: origin for origin, read in kept.items() if read.done and read.size}
        files = self.files()
        for number, file in enumerate(files):
            self._part = 0.0
            for batch in self._unread(file, kept.get(file.origin), contents):
                yield replace(batch, share=(number + self._part) / len(files))
        if self._names.renamed:
            said = ", ".join(f"{old} → {new}" for old, new in self._names.renamed.items())
            self.findings.append(finding("VGD014", self.source, f"names empty, repeated or reserved: {said}"))

    def files(self) -> list[_File]:
        """The files there are, by name.

        Raises:
            SourceError: No file matches, or a suffix says no format.
        """
        base = os.path.commonpath([_fixed_part(pattern) for pattern in self.location.paths])
        found: dict[str, _File] = {}
        for pattern in self.location.paths:
            for name in glob.glob(pattern, recursive=True):  # noqa: PTH207 - patterns may be absolute
                path = Path(name)
                if path.is_file():
                    origin = Path(os.path.relpath(path.absolute(), base)).as_posix()
                    found[origin] = self._file(path, origin)
        if not found:
            raise SourceError(
                "no file matches",
                where=f"source '{self.source}': {self.location.place()}",
                remedy=f"check the path; relative ones start at {Path.cwd()}",
            )
        return [found[origin] for origin in sorted(found)]

    def listing(self) -> dict[str, list[int]]:
        """Size in bytes and time of change in ns of every file there is, by name; nothing is read.

        Raises:
            SourceError: No file matches.
        """
        found: dict[str, list[int]] = {}
        for file in self.files():
            try:
                status = file.path.stat()
            except FileNotFoundError:  # removed since it was listed
                continue
            except OSError as error:
                raise _unreadable(error, f"source '{self.source}': {file.origin}") from error
            found[file.origin] = [status.st_size, status.st_mtime_ns]
        return found

    def _file(self, path: Path, origin: str) -> _File:
        suffixes = [suffix.lower() for suffix in path.suffixes]
        compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
        rest = suffixes[:-1] if compression else suffixes
        chosen = self.location.format or (_SUFFIXES.get(rest[-1]) if rest else None)
        if chosen is None:
            raise SourceError(
                f"the suffix of '{path.name}' says no format",
                where=f"source '{self.source}'",
                remedy='declare format = "csv", "parquet" or "jsonl"',
            )
        return _File(path, origin, chosen, None if chosen == "parquet" else compression)

    def _unread(self, file: _File, before: _Read | None, contents: dict[str, str]) -> Iterator[Batch]:
        where = f"source '{self.source}': {file.origin}"
        try:
            status = file.path.stat()
            size, mtime = status.st_size, status.st_mtime_ns
            if before and before.done and (size, mtime) == (before.size, before.mtime):
                return
            digest, ended = _digest(file.path, size)
            skip = 0
            if before and digest == before.hash:
                if before.done:
                    return
                skip = before.rows
            elif before and self._grew(file, before, size):
                skip = before.rows
                if before.done and not before.ended and not _breaks_line(file.path, before.size):
                    skip = max(0, skip - 1)
                    self.findings.append(finding("VGD016", where, f"it went on after row {before.rows:,}"))
            elif before:
                said = f"{before.rows:,} rows of it had been read; its beginning has changed since"
                self.findings.append(finding("VGD009", where, said))
            elif digest in contents:
                self.findings.append(finding("VGD015", where, f"same content as {contents[digest]}"))
                return
            yield from self._batches(file, _Read(size, mtime, digest, ended, skip, False), where)
            contents[digest] = file.origin
        except OSError as error:
            raise _unreadable(error, where) from error

    def _grew(self, file: _File, before: _Read, size: int) -> bool:
        appendable = file.format != "parquet" and file.compression is None
        return appendable and size > before.size and _digest(file.path, before.size)[0] == before.hash

    def _batches(self, file: _File, state: _Read, where: str) -> Iterator[Batch]:
        """Batches of one file; the last says that it is done, once it is certain that the file held still."""
        held: Rows | None = None
        for rows in self._rows(file, state.rows, state.size):
            if held is not None:
                yield self._batch(file, held, state, done=False)
            held = rows
        now = file.path.stat()
        if (now.st_size, now.st_mtime_ns) != (state.size, state.mtime) and (
            now.st_size < state.size or _digest(file.path, state.size)[0] != state.hash
        ):
            error = SourceError("the file changed while it was read", where=where, remedy="run the ingest again")
            error.retryable = True
            raise error
        nothing = Rows(pl.DataFrame(), pl.Series([], dtype=pl.Int64).to_numpy(), state.rows)
        yield self._batch(file, held or nothing, state, done=True)

    def _batch(self, file: _File, rows: Rows, state: _Read, *, done: bool) -> Batch:
        read = _Read(state.size, state.mtime, state.hash, state.ended, rows.consumed, done)
        progress = {"files": {file.origin: read.data()}}
        number = pl.Series(rows.rows, dtype=pl.Int64)
        return Batch(rows.frame, number, file.origin, file.format == "csv", progress, rows.broken)

    def _rows(self, file: _File, skip: int, size: int) -> Iterator[Rows]:
        where = f"source '{self.source}': {file.origin}"
        try:
            if file.format == "parquet":
                for rows in read_parquet(file.path, self._names, where, skip):
                    self._part = rows.consumed / max(1, rows.total or 0)
                    yield rows
                return
            with file.path.open("rb") as raw:
                # A log may grow while it is read: only what was there when its hash was taken counts.
                head = _Head(raw, size)
                stream: BinaryIO = io.BufferedReader(head)
                if file.compression:
                    unpacked = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), file.compression)
                    stream = io.BufferedReader(cast("Any", unpacked))
                read = read_csv if file.format == "csv" else read_jsonl
                for rows in read(stream, self.location, self._names, where, skip):
                    self._part = head.share()
                    yield rows
        except OSError as error:
            raise _unreadable(error, where) from error


class _Head(io.RawIOBase):
    """The first bytes of a file."""

    def __init__(self, raw: BinaryIO, size: int) -> None:
        self._raw, self._size, self._left = raw, size, size

    def share(self) -> float:
        return 1 - self._left / max(1, self._size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._raw.read(min(len(buffer), self._left))
        self._left -= len(part)
        buffer[: len(part)] = part
        return len(part)


def merged(progress: Progress, more: Progress) -> dict[str, Any]:
    """Both, *more* over *progress*: files one by one, anything else as a whole."""
    result = {**progress, **more}
    if "files" in progress and "files" in more:
        files: Mapping[str, Any] = {**progress["files"], **more["files"]}
        result["files"] = files
    return result


def _fixed_part(pattern: str) -> str:
    parts = Path(pattern).absolute().parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return str(Path(*parts[:fixed]))


def _digest(path: Path, size: int) -> tuple[str, bool]:
    """BLAKE2b of the first *size* bytes, 128 bits in hexadecimal, and whether they end with a line break."""
    digest, left, last = hashlib.blake2b(digest_size=16), size, b""
    with path.open("rb") as file:
        while left and (part := file.read(min(left, 4 << 20))):
            digest.update(part)
            left, last = left - len(part), part
    return digest.hexdigest(), last.endswith((b"\n", b"\r"))


def _breaks_line(path: Path, position: int) -> bool:
    with path.open("rb") as file:
        file.seek(position)
        return file.read(1) in (b"\n", b"\r")


def _unreadable(error: OSError, where: str) -> SourceError:
    said = error.strerror or str(error)
    return SourceError(
        f"the file cannot be read: {said}", where=where, remedy="check that it is there, whole and yours"
    )

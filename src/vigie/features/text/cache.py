"""Embeddings that were computed before, by the hash of their text: one SQLite file, safe for several processes."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from vigie.errors import StoreError
from vigie.features.values import Array

LIMIT = 500_000
"""Embeddings kept; of 384 numbers that is 0.8 GB."""
_AT_ONCE = 500
_SLICE = 256


class Embeds(Protocol):
    """What is asked of a transformer."""

    @property
    def name(self) -> str:
        """What the model calls itself."""
        ...

    @property
    def weights(self) -> str:
        """Hash of the model."""
        ...

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        ...

    def embed(self, texts: Sequence[str]) -> Array:
        """Float32 of shape (texts, size)."""
        ...


class TextCache:
    """Keeps embeddings. The text itself is not kept, only its SHA-256.

    Args:
        path: Of the file; it is made where it is missing.
        limit: Embeddings kept; the oldest go first.

    Raises:
        StoreError: The file cannot be opened.
    """

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path, self._limit, self._lock = path, limit, threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            # In autocommit mode: what is written at once is one statement, or in a transaction of its own.
            self._database = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("PRAGMA secure_delete = ON")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS embeddings (number INTEGER PRIMARY KEY AUTOINCREMENT, text BLOB NOT NULL,"
                " model BLOB NOT NULL, vector BLOB NOT NULL, UNIQUE (text, model))"
            )

    def get(self, model: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """The embeddings that are there: hash of the text → float32 numbers, little endian.

        Raises:
            StoreError: The file cannot be read.
        """
        found: dict[bytes, bytes] = {}
        with self._errors(), self._lock:
            for first in range(0, len(hashes), _AT_ONCE):
                some = hashes[first : first + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT text, vector FROM embeddings WHERE model = ? AND text IN ({marks})"  # noqa: S608
                found.update(self._database.execute(query, (bytes.fromhex(model), *some)))
        return found

    def put(self, model: str, vectors: dict[bytes, bytes]) -> None:
        """Keep embeddings; those that are there stay. Beyond the limit the oldest go.

        Raises:
            StoreError: The file cannot be written.
        """
        key = bytes.fromhex(model)
        with self._errors(), self._lock, self._transaction():
            self._database.executemany(
                "INSERT OR IGNORE INTO embeddings (text, model, vector) VALUES (?, ?, ?)",
                [(text, key, vector) for text, vector in vectors.items()],
            )
            # Numbers only grow, so the span of them is at least the number of rows: no counting while it is small.
            low, high = self._database.execute("SELECT min(number), max(number) FROM embeddings").fetchone()
            if high is not None and high - low >= self._limit:
                self._database.execute(
                    "DELETE FROM embeddings WHERE number <= "
                    "(SELECT number FROM embeddings ORDER BY number DESC LIMIT 1 OFFSET ?)",
                    (self._limit,),
                )

    def forget(self, texts: Sequence[str]) -> int:
        """Remove what is kept of *texts*, whatever the model; how many embeddings that were. Nothing stays in the file.

        Raises:
            StoreError: The file cannot be written.
        """
        hashes = [text_hash(text) for text in dict.fromkeys(texts)]
        gone = 0
        with self._errors(), self._lock:
            with self._transaction():
                for first in range(0, len(hashes), _AT_ONCE):
                    some = hashes[first : first + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    gone += self._database.execute(f"DELETE FROM embeddings WHERE text IN ({marks})", some).rowcount  # noqa: S608
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def holds(self, texts: Sequence[str]) -> int:
        """How many embeddings :meth:`forget` would remove.

        Raises:
            StoreError: The file cannot be read.
        """
        hashes = [text_hash(text) for text in dict.fromkeys(texts)]
        there = 0
        with self._errors(), self._lock:
            for first in range(0, len(hashes), _AT_ONCE):
                some = hashes[first : first + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT count(*) FROM embeddings WHERE text IN ({marks})"  # noqa: S608
                there += int(self._database.execute(query, some).fetchone()[0])
        return there

    def __len__(self) -> int:
        with self._errors(), self._lock:
            return int(self._database.execute("SELECT count(*) FROM embeddings").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"the embeddings kept cannot be used: {error}",
                where=str(self._path),
                remedy="the file may be deleted: it is filled again",
            ) from error


class Embedder:
    """A transformer with its cache.

    Args:
        transformer: Computes what is not kept.
        cache: Where it is kept; ``None``: nowhere.
        progress: Told how many texts are done, and of how many, while some are computed.
    """

    def __init__(
        self, transformer: Embeds, cache: TextCache | None = None, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.transformer, self._cache, self._progress = transformer, cache, progress

    def __call__(self, texts: Sequence[str]) -> Array:
        """Embeddings of *texts*, float32 of shape (texts, size); each different text is computed once.

        Raises:
            StoreError: The cache cannot be used.
        """
        size, model = self.transformer.size, self.transformer.weights
        hashes = [text_hash(text) for text in texts]
        distinct = dict(zip(hashes, texts, strict=True))
        known = self._cache.get(model, list(distinct)) if self._cache is not None else {}
        missing = [key for key in distinct if key not in known]
        for first in range(0, len(missing), _SLICE):
            some = missing[first : first + _SLICE]
            vectors = self.transformer.embed([distinct[key] for key in some]).astype("<f4")
            new = {key: vector.tobytes() for key, vector in zip(some, vectors, strict=True)}
            known |= new
            if self._cache is not None:
                self._cache.put(model, new)
            if self._progress is not None:
                self._progress(first + len(some), len(missing))
        found = np.empty((len(texts), size), dtype=np.float32)
        for row, key in enumerate(hashes):
            found[row] = np.frombuffer(known[key], dtype="<f4")
        return found


def text_hash(text: str) -> bytes:
    """SHA-256 of a text; a lone surrogate, which no UTF-8 has, is kept as it is."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

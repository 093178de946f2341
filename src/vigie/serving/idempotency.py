"""A request that is sent again with the same ``Idempotency-Key`` gets the first answer, and nothing is scored or recorded anew.

The workers of one server share what they remember in a small SQLite file, so that the repetition may reach another of
them. It holds for ten minutes, within one server. A worker that is killed between record and answer leaves a record and no
answer: the repetition is then scored, and both records carry the same request id.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from vigie.clock import stopwatch
from vigie.serving.refusal import refused

HEADER = b"idempotency-key"
KEEP_SECONDS = 600.0
"""How long an answer is remembered."""
WAIT_SECONDS = 5.0
"""How long a repetition waits for the first request to be answered."""
MOST_BYTES = 128 << 20
"""Answers that are remembered at most; beyond, the older half goes."""

_POLL = 0.02
_TIDY = 1_000
_TIDY_BYTES = MOST_BYTES // 4
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL, worker INTEGER NOT NULL, request_id TEXT, answer BLOB
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer to an earlier request.

    Attributes:
        request_id: Of that request.
        answer: Its body.
    """

    request_id: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is the first of its key."""

    key: bytes


def key_of(headers: dict[bytes, bytes]) -> str | None:
    """The caller's key; ``None`` for none.

    Raises:
        RequestError: It is empty, longer than 255 characters, or not printable ASCII.
    """
    sent = headers.get(HEADER)
    if sent is None:
        return None
    text = sent.decode("latin-1").strip('"')
    if not _KEY.fullmatch(text):
        raise refused(422, HEADER.decode(), "1 to 255 printable characters without spaces are allowed")
    return text


class Idempotency:
    """Answers by key.

    Args:
        directory: Where the workers of a server meet; ``None``: there is one worker.
    """

    def __init__(self, directory: Path | None = None) -> None:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._place = ":memory:" if directory is None else str(directory / "answers.db")
        self._opened: sqlite3.Connection | None = None
        self._claims = self._bytes = 0

    @property
    def _store(self) -> sqlite3.Connection:
        # Opened when it is first needed, in the process and thread that use it.
        if self._opened is None:
            self._opened = sqlite3.connect(self._place, isolation_level=None, timeout=1.0, check_same_thread=False)
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = OFF")  # it need not outlive the server
            self._opened.execute(_TABLE)
        return self._opened

    async def begin(self, key: str, caller: str, route: str, body: bytes) -> Claim | Remembered:
        """The answer that was given to the first request with *key*, or the right to be it.

        Args:
            key: As sent.
            caller: Who asks; keys of different callers are different.
            route: What is asked for, likewise.
            body: Of the request.

        Raises:
            RequestError: 422: the key was used for another body. 503: the first request is not answered yet, or what is
                remembered cannot be read.
        """
        name = hashlib.sha256(f"{caller}\0{route}\0{key}".encode()).digest()
        content = hashlib.sha256(body).digest()
        waited = stopwatch()
        while True:
            try:
                found = self._claim(name, content)
            except sqlite3.Error as error:
                what = f"what was answered before cannot be looked up, so nothing was scored: {error}"
                raise refused(503, "server", what, "try again", "protocol") from error
            if found is not None:
                return found
            if stopwatch() - waited > WAIT_SECONDS:
                what = "the first request with this key is still being answered"
                raise refused(503, HEADER.decode(), what, "try again", "protocol")
            await asyncio.sleep(_POLL)

    def _claim(self, name: bytes, content: bytes) -> Claim | Remembered | None:
        # The stopwatch is the machine's: workers read the same.
        store, now, me = self._store, stopwatch(), os.getpid()
        insert = "INSERT OR IGNORE INTO answers (key, body, at, worker) VALUES (?, ?, ?, ?)"
        if store.execute(insert, (name, content, now, me)).rowcount:
            self._claims += 1
            if self._claims > _TIDY or self._bytes > _TIDY_BYTES:
                self._tidy(now)
            return Claim(name)
        row = store.execute(
            "SELECT body, at, worker, request_id, answer FROM answers WHERE key = ?", (name,)
        ).fetchone()
        if row is None:
            return None  # given up meanwhile: try again
        body, at, worker, request_id, answer = row
        if now - at > KEEP_SECONDS or (answer is None and not _alive(worker)):
            store.execute("DELETE FROM answers WHERE key = ? AND at = ?", (name, at))
            return None
        if body != content:
            what = "the key was used for another request"
            raise refused(
                422, HEADER.decode(), what, "choose a new key for each request, and the same for its repetition"
            )
        return None if answer is None else Remembered(request_id, answer)

    def end(self, claim: Claim, request_id: str, answer: bytes) -> None:
        """The request was answered."""
        self._bytes += len(answer)
        try:
            self._store.execute(
                "UPDATE answers SET request_id = ?, answer = ? WHERE key = ?", (request_id, answer, claim.key)
            )
        except sqlite3.Error:
            self.give_up(claim)

    def give_up(self, claim: Claim) -> None:
        """The request was refused, and its repetition is a new try."""
        # What cannot be deleted keeps its repetition waiting, and then refused: nothing is scored twice.
        with contextlib.suppress(sqlite3.Error):
            self._store.execute("DELETE FROM answers WHERE key = ?", (claim.key,))

    def _tidy(self, now: float) -> None:
        self._store.execute("DELETE FROM answers WHERE at < ?", (now - KEEP_SECONDS,))
        while True:
            size, count = self._store.execute("SELECT total(length(answer)), count(*) FROM answers").fetchone()
            if size <= MOST_BYTES or count < 2:
                break
            self._store.execute(
                "DELETE FROM answers WHERE at <= (SELECT at FROM answers ORDER BY at LIMIT 1 OFFSET ?)",
                (count // 2 - 1,),
            )
        self._claims = self._bytes = 0


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

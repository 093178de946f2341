"""The ledger of releases: lines that are only added, one behind the other for each score.

A line is written behind the line that its writer has seen, or not at all, so that of many processes and machines that decide
at the same time one succeeds. Each line holds a hash over itself and the one before: a line that was changed or taken out
later is found (:func:`broken_at`).

Beside the lines stand what workers have counted in a rollout, and a lease for whoever decides. Those are no history: a worker
writes its sums over its earlier ones. And facts: what was worked out of records and can be worked out again, such as the
profile of a day.
"""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from vigie.errors import JournalError

_TABLES = (
    "CREATE TABLE IF NOT EXISTS vigie_ledger (stream TEXT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, "
    "kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (stream, number))",
    "CREATE TABLE IF NOT EXISTS vigie_counts (rollout TEXT NOT NULL, worker TEXT NOT NULL, at BIGINT NOT NULL, "
    "counts TEXT NOT NULL, PRIMARY KEY (rollout, worker))",
    "CREATE TABLE IF NOT EXISTS vigie_leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS vigie_facts (topic TEXT NOT NULL, key TEXT{order} NOT NULL, at BIGINT NOT NULL, "
    "body TEXT NOT NULL, PRIMARY KEY (topic, key))",
)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line as it was written.

    Attributes:
        stream: Which lines it follows: the name of a score.
        number: Counted from 1 in its stream.
        at: Microseconds UTC.
        kind: What happened.
        body: With which figures; what JSON can hold.
        hash: SHA-256 of the hash before and everything above, 64 hex digits.
    """

    stream: str
    number: int
    at: int
    kind: str
    body: Mapping[str, Any]
    hash: str


class Ledger(ABC):
    """A ledger in a database. One object may be used by several threads.

    Its tables are made when it is opened, where they are missing.

    Raises:
        JournalError: The database cannot be reached, read or written now. The same can be tried again.
    """

    _holder = "?"
    """How a statement names a value."""
    _order = ""
    """What makes a column of texts sort by code points."""
    _held = ""
    """What makes a statement hold the rows that it reads until it is done, and read them as they are then."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._lock = threading.RLock()
        self._wrote = False
        for statement in _TABLES:
            statement = statement.replace("{order}", self._order)
            try:
                self._ask(statement)
            except JournalError:  # PostgreSQL says so where two make the same table at the same moment
                self._ask(statement)

    # -- what a database has to do -------------------------------------------------------------------------------

    @abstractmethod
    def _execute(self, statement: str, values: Sequence[object]) -> tuple[list[tuple[Any, ...]], int]:
        """Rows, and how many were changed; in a transaction of its own. Called by one thread at a time."""

    @abstractmethod
    def changed(self) -> bool:
        """Whether there may be something new since this was asked last; true the first time."""

    @abstractmethod
    def close(self) -> None:
        """Give back the connection. It cannot be used afterwards."""

    def failed(self, error: Exception) -> JournalError:
        """The error of a database that cannot be used, without anything secret."""
        return JournalError(
            f"the ledger cannot be used: {' '.join(str(error).split())}",
            where=self.where,
            remedy="see that the database runs and [project] ledger is right; servers go on as they are until then",
        )

    def _ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._execute(statement.replace("?", self._holder), values)[0]

    def _change(self, statement: str, *values: object) -> int:
        with self._lock:
            return self._execute(statement.replace("?", self._holder), values)[1]

    # -- lines ---------------------------------------------------------------------------------------------------

    def lines(self, stream: str, after: int = 0) -> list[LedgerLine]:
        """Lines of *stream* behind number *after*, in order."""
        rows = self._ask(
            "SELECT number, at, kind, body, hash FROM vigie_ledger WHERE stream = ? AND number > ? ORDER BY number",
            stream,
            after,
        )
        return [
            LedgerLine(stream, int(number), int(at), kind, msgspec.json.decode(body), hashed)
            for number, at, kind, body, hashed in rows
        ]

    def append(self, stream: str, after: int, at: int, kind: str, body: Mapping[str, Any]) -> LedgerLine | None:
        """Write a line behind number *after* of *stream*; ``None`` where another one stands there already.

        Args:
            stream: Name of the score.
            after: Number of the last line that the writer has read; 0 for none.
            at: Microseconds UTC.
            kind: What happened.
            body: With which figures; what JSON can hold.
        """
        before = self._ask("SELECT hash FROM vigie_ledger WHERE stream = ? AND number = ?", stream, after)
        if bool(before) != (after > 0):
            raise JournalError(
                f"there is no line {after}",
                where=self.where,
                remedy="the ledger was changed by something else; restore it",
            )
        text = msgspec.json.encode(body, order="sorted").decode()
        hashed = _hash(before[0][0] if before else "", stream, after + 1, at, kind, text)
        written = self._change(
            "INSERT INTO vigie_ledger (stream, number, at, kind, body, hash) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            stream,
            after + 1,
            at,
            kind,
            text,
            hashed,
        )
        if not written:
            return None
        self._wrote = True
        return LedgerLine(stream, after + 1, at, kind, msgspec.json.decode(text), hashed)

    # -- counts --------------------------------------------------------------------------------------------------

    def put_counts(self, rollout: str, worker: str, at: int, counts: Mapping[str, Sequence[float]]) -> None:
        """What *worker* has counted in *rollout* since it began: sums, over those that it wrote before."""
        self._change(
            "INSERT INTO vigie_counts (rollout, worker, at, counts) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (rollout, worker) DO UPDATE SET at = excluded.at, counts = excluded.counts",
            rollout,
            worker,
            at,
            msgspec.json.encode(counts).decode(),
        )

    def counts(self, rollout: str) -> dict[str, dict[str, list[float]]]:
        """What every worker has counted in *rollout*, by worker."""
        rows = self._ask("SELECT worker, counts FROM vigie_counts WHERE rollout = ?", rollout)
        return {worker: msgspec.json.decode(counts, type=dict[str, list[float]]) for worker, counts in rows}

    # -- facts ---------------------------------------------------------------------------------------------------

    def put_facts(self, topic: str, at: int, facts: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what was worked out, all of it or nothing, over what stood under the same keys.

        Args:
            topic: What the facts are about, e.g. ``"profile churn"``.
            at: When they were worked out, microseconds UTC.
            facts: By key; keys sort as text, e.g. ``"2026-11-21"``. Bodies are what JSON can hold.
        """
        if not facts:
            return
        rows = [value for key, body in facts.items() for value in (topic, key, at, msgspec.json.encode(body).decode())]
        self._change(
            f"INSERT INTO vigie_facts (topic, key, at, body) VALUES {', '.join(['(?, ?, ?, ?)'] * len(facts))} "  # noqa: S608
            "ON CONFLICT (topic, key) DO UPDATE SET at = excluded.at, body = excluded.body",
            *rows,
        )

    def put_facts_over(
        self,
        topic: str,
        key: str,
        seen: Mapping[str, Any],
        at: int,
        facts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    ) -> bool:
        """Write facts of several topics, all of them or nothing, if *key* of *topic* still says what was *seen* there; whether it did.

        Of several processes that work out the same at the same time one succeeds, as long as each writes something else under *key*.

        Args:
            topic: Of the fact that was read before.
            key: Of that fact.
            seen: What it said, as :meth:`facts` gave it; nothing where it was not there.
            at: When the others were worked out, microseconds UTC.
            facts: By topic and key; that of *topic* and *key* is among them.
        """
        if not seen:
            self._change(
                "INSERT INTO vigie_facts (topic, key, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", topic, key, at, "{}"
            )  # fmt: skip
        rows = [
            (one, name, at, msgspec.json.encode(body).decode())
            for one, by in facts.items()
            for name, body in by.items()
        ]
        written = self._change(
            # INSERT stands in front of WITH, as SQLite counts rows of nothing else.
            "INSERT INTO vigie_facts (topic, key, at, body) "  # noqa: S608
            f"WITH seen AS (SELECT body FROM vigie_facts WHERE topic = ? AND key = ? AND body = ?{self._held}), "
            f"made (topic, key, at, body) AS (VALUES {', '.join(['(?, ?, ?, ?)'] * len(rows))}) "
            "SELECT made.topic, made.key, made.at, made.body FROM made, seen WHERE true "
            "ON CONFLICT (topic, key) DO UPDATE SET at = excluded.at, body = excluded.body",
            topic,
            key,
            msgspec.json.encode(seen).decode(),
            *(value for row in rows for value in row),
        )
        return written > 0

    def facts(self, topic: str, since: str = "", until: str | None = None) -> dict[str, dict[str, Any]]:
        """What is known of *topic*, by key, in the order of keys: those from *since* up to and without *until*."""
        below = "" if until is None else " AND key < ?"
        rows = self._ask(
            f"SELECT key, body FROM vigie_facts WHERE topic = ? AND key >= ?{below} ORDER BY key",  # noqa: S608
            topic,
            since,
            *([] if until is None else [until]),
        )
        return {key: msgspec.json.decode(body) for key, body in rows}

    def drop_facts(self, topic: str, until: str) -> int:
        """Forget what stands under keys of *topic* before *until*; how many there were."""
        return self._change("DELETE FROM vigie_facts WHERE topic = ? AND key < ?", topic, until)

    # -- who decides ---------------------------------------------------------------------------------------------

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        """Whether *holder* has the lease called *name* from now on: it was free, ran out, or was its own.

        Args:
            name: Of what is decided.
            holder: Who asks.
            now: Microseconds UTC.
            until: When it runs out unless it is asked for again, microseconds UTC.
        """
        taken = self._change(
            "INSERT INTO vigie_leases (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET holder = excluded.holder, until = excluded.until "
            "WHERE vigie_leases.holder = excluded.holder OR vigie_leases.until < ?",
            name,
            holder,
            until,
            now,
        )
        return bool(taken)


def broken_at(lines: Iterable[LedgerLine]) -> int | None:
    """Number of the first line that is not as it was written, or does not follow the one before; ``None`` for none.

    Args:
        lines: A whole stream.
    """
    before, expected = "", 1
    for line in lines:
        text = msgspec.json.encode(line.body, order="sorted").decode()
        if line.number != expected or line.hash != _hash(before, line.stream, line.number, line.at, line.kind, text):
            return line.number
        before, expected = line.hash, expected + 1
    return None


def _hash(before: str, stream: str, number: int, at: int, kind: str, body: str) -> str:
    return hashlib.sha256(msgspec.json.encode([before, stream, number, at, kind, body])).hexdigest()

"""A clock that can be moved, and a store of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.clock import parse_moment
from vigie.journal.admin import AdminJournal
from vigie.serving.security.administration import Administration
from vigie.serving.security.key_store import SqliteKeys

NOW = parse_moment("2026-11-21T12:00:00Z")


class MovingClock:
    """Stands still until it is moved."""

    def __init__(self, moment: int = NOW) -> None:
        self.moment = moment

    def now(self) -> int:
        return self.moment

    def pass_by(self, seconds: float) -> None:
        self.moment += round(seconds * 1e6)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def store(tmp_path: Path) -> SqliteKeys:
    return SqliteKeys(tmp_path / "state" / "keys.db")


@pytest.fixture
def admin_journal(tmp_path: Path) -> AdminJournal:
    return AdminJournal(tmp_path / "admin")


@pytest.fixture
def administration(store: SqliteKeys, admin_journal: AdminJournal, clock: MovingClock) -> Administration:
    return Administration(store, admin_journal, clock, "ana")

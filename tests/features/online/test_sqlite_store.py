from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vigie.features.online.conformance import Make, RunStoreConformance
from vigie.features.online.sqlite_store import SqliteStore


class TestSqliteStore(RunStoreConformance):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: SqliteStore(tmp_path / "state" / "online.db")

    @pytest.fixture
    def files(self, tmp_path: Path) -> Callable[[], Sequence[Path]]:
        return lambda: list(tmp_path.rglob("*"))

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("vigie.features.online.conformance")

from vigie.features.online.conformance import Make, RunStoreConformance  # noqa: E402
from vigie.features.online.memory_store import MemoryStore  # noqa: E402


class TestMemoryStore(RunStoreConformance):
    survives = False

    @pytest.fixture
    def make(self) -> Make:
        return MemoryStore

"""The store of the how-to page passes the suite that the page tells of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vigie.features.online.conformance import Make, RunStoreConformance

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "write-an-online-store.md"


class TestDocumentedStore(RunStoreConformance):
    survives = False

    @pytest.fixture
    def documented(self) -> Any:
        code = re.search(r"```python title=\"src/mine/store.py\"\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        assert code is not None
        names: dict[str, Any] = {}
        exec(code.group(1), names)
        return names["DictStore"]

    @pytest.fixture
    def make(self, documented: Any) -> Make:
        store: Make = documented
        return store

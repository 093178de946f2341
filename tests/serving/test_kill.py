"""Workers killed under load: whoever was answered is on record, once. The long run is ``benchmarks/serving/kill.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "serving"))
import kill


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
def test_workers_killed_under_load_lose_and_repeat_no_record(
    bundle_folder: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    found = kill.run(bundle_folder, values, tmp_path / "journal", kills=4, callers=4)

    assert found.answered > 100 and found.lost > 0, "workers were killed under load"
    assert (found.missing, found.twice, found.refused) == (0, 0, 0)
    assert found.unanswered <= found.lost

"""The chaos run of benchmarks/stream, some seconds of it."""

from __future__ import annotations

from pathlib import Path

import chaos


def test_consumers_that_are_killed_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    found = chaos.run(8, 2.0, 11, "sqlite", tmp_path)
    assert found["killed"] >= 1
    assert found["rows"]["orders"] > 2_000 and found["dead letters"] > 0 and found["quarantined"] > 0

"""A history larger than the memory allowed is built within it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pytest

BUILD = textwrap.dedent(
    """
    import re, sys
    from pathlib import Path
    import polars as pl
    from vigie.definition import Campaign, Events, Kind, Score, days, every
    from vigie.features.training_set import build_training_set

    def peak():
        # Not ru_maxrss, which remembers the process that started this one.
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

    class Lake:
        def version(self, name): return 0
        def scan(self, name, *, version=None): return pl.scan_parquet(sys.argv[1])

    kinds = {"who": Kind.CATEGORY, "at": Kind.TIME, "x": Kind.NUMBER, "y": Kind.NUMBER, "z": Kind.NUMBER}
    events = Events("events", key="who", time="at")
    score = Score("s", moments=every("year"), outcome=events.count(next=days(30)) == 0,
        features=[events[c].sum(days(90)) for c in "xyz"],
        decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=9)).bound({"events": kinds})
    before = peak()
    found = build_training_set(score, Lake(), {"events": kinds}, as_of=4 * 365 * 86_400_000_000, memory=int(sys.argv[2]))
    after = peak()
    print(len(found), round(sum(v.data[~(v.data != v.data)].sum() for v in found.features.values())), (after - before) // 1024)
    """
)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_large_histories_stay_within_the_memory_allowed(tmp_path):
    """80 MB of events; the allowance is 32 MB, and reading Parquet takes some of its own."""
    n = 2_000_000
    generator = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "who": generator.integers(0, 20_000, n) * 1_000_003,
            "at": pl.Series(generator.integers(0, 3 * 365 * 86_400, n) * 1_000_000).cast(pl.Datetime("us", "UTC")),
            **{name: generator.random(n) for name in "xyz"},
        }
    )
    frame.write_parquet(tmp_path / "events.parquet", row_group_size=250_000)
    script = tmp_path / "build.py"
    script.write_text(BUILD, "utf-8")

    def build(memory):
        command = [sys.executable, str(script), str(tmp_path / "events.parquet"), str(memory)]
        return [int(x) for x in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]

    rows, total, freely = build(2 << 30)
    same_rows, same_total, bounded = build(32 << 20)
    print(freely, bounded)
    assert (rows, total) == (same_rows, same_total)
    assert freely > 80  # MB: the events lie in memory
    assert bounded < freely - 40

"""A worker of test_bucket.py: other processes load it by its name."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

from vigie.serving.security.bucket import Rate
from vigie.serving.security.limiter import Buckets


def hammer(path: str, seconds: float, passed: multiprocessing.Queue[int]) -> None:
    """Take from one bucket without a pause, and say how often something was there."""
    buckets, count, until = Buckets(Path(path)), 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        count += not buckets.taken("shop", Rate(200, 50))
    passed.put(count)

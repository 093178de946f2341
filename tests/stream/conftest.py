"""Lets the tests of this folder import what they share with each other and with the chaos run."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in (Path(__file__).parent, ROOT / "benchmarks" / "stream"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

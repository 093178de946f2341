"""Estimated against realised, day by day: how often the intervals of 95 % hold what comes.

    python benchmarks/estimates/run.py [--retail FILE] [--seeds 11 12 …] [--customers 2000]

A model is trained by the public pipeline on what was known at the start, scores everybody each day, and an estimator that learns cohorts as they
mature says what their figures will be. Online Retail is replayed where its file is at hand (default ``../shared/data``). Writes
``results.json`` and ``results.md``; docs/explanation/estimates.md tells what they say.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from replay import RETAIL, Day, Replay, replay, retail_project, shop_project

from vigie.bundle.logistic import log_odds
from vigie.clock import stopwatch
from vigie.watch.estimate import FIGURES, Check, Estimate, Estimator
from vigie.watch.realised import figures_of, tally

HERE = Path(__file__).resolve().parent


def checked(one: Replay) -> tuple[list[Check], float]:
    """Every estimate beside what came, and seconds of an estimate."""
    test = [day for day in one.days if day.version < 0]
    live = [day for day in one.days if day.version > 0]
    share = float(np.mean(np.concatenate([day.y for day in test])))
    known = Estimator(one.horizon, float(log_odds(np.array(share))))
    for day in test:  # rows that the model has not learned from, mature before it answers
        known.learn(day.moment, tally(day.y, day.p, day.act, day.payoff, day.customers % 64, count=64))
    waiting: deque[tuple[Day, Estimate]] = deque()
    found: list[Check] = []
    seconds = 0.0

    def mature(day: Day, made: Estimate) -> None:
        truth = tally(day.y, day.p, day.act, day.payoff, day.customers % 64, count=64)
        found.extend(known.learn(day.moment, truth, figures_of(truth), made))

    for day in live:
        while waiting and waiting[0][0].moment + one.horizon <= day.moment:
            mature(*waiting.popleft())
        started = stopwatch()
        made = known.estimate(day.p, day.act, day.payoff, moment=day.moment)
        seconds += stopwatch() - started
        waiting.append((day, made))
    while waiting:
        mature(*waiting.popleft())
    return found, seconds / len(live)


def summary(found: list[Check], name: str) -> dict[str, float]:
    """Coverage, errors and widths of one figure."""
    some = [one for one in found if one.figure == name]
    return {
        "checks": len(some),
        "coverage": float(np.mean([one.held for one in some])),
        "error": float(np.mean([one.realised - one.estimated.value for one in some])),
        "distance": float(np.mean([abs(one.realised - one.estimated.value) for one in some])),
        "half_width": float(np.mean([one.estimated.high - one.estimated.low for one in some]) / 2),
    }


def main() -> None:
    """Replay, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--retail", type=Path, default=RETAIL)
    parser.add_argument("--seeds", type=int, nargs="*", default=[21, 22, 23, 24])
    parser.add_argument("--customers", type=int, default=2000)
    asked = parser.parse_args()
    results: dict[str, Any] = {"replays": {}}
    by_data: dict[str, list[Check]] = {"shop": [], "online_retail": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in asked.seeds:
            project, score = shop_project(Path(folder) / f"shop{seed}", seed, asked.customers)
            one = replay(
                f"shop {seed}", project, score, first="2024-04-01", start="2024-09-02", end="2025-07-31", renew=None
            )
            _add(results, by_data["shop"], one)
        if asked.retail.is_file():
            project, score = retail_project(Path(folder) / "retail", asked.retail)
            one = replay(
                "online_retail", project, score, first="2011-01-10", start="2011-04-04", end="2011-11-08", renew=None
            )
            _add(results, by_data["online_retail"], one)
    pooled = {name: {f: summary(found, f) for f in FIGURES} for name, found in by_data.items() if found}
    results["pooled"] = pooled
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = ["| | figure | checks | held | mean error | mean distance | half width |", "|---|---|---|---|---|---|---|"]
    for data, figures in pooled.items():
        for name, told in figures.items():
            lines.append(
                f"| {data} | {name} | {told['checks']:,} | {told['coverage']:.1%} | {told['error']:+.4f} | {told['distance']:.4f} | "
                f"{told['half_width']:.4f} |"
            )
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _add(results: dict[str, Any], pool: list[Check], one: Replay) -> None:
    found, seconds = checked(one)
    pool.extend(found)
    figures = {name: summary(found, name) for name in FIGURES}
    results["replays"][one.name] = {"estimate_seconds": seconds, **figures}
    held = " ".join(f"{name} {told['coverage']:.1%}" for name, told in figures.items())
    print(f"{one.name}: {held}; {seconds * 1e3:.1f} ms an estimate", flush=True)


if __name__ == "__main__":
    main()

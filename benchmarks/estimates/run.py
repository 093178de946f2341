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
from vigie.report.condense import wilson
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


def horizons(one: Replay) -> float:
    """How many horizons there are in a replay, one behind the other: days within one look at the same outcomes."""
    live = [day.moment for day in one.days if day.version > 0]
    return 1.0 + (live[-1] - live[0]) / one.horizon


def summary(found: list[Check], name: str, independent: float) -> dict[str, Any]:
    """Coverage with the interval (Wilson's, of 95 %) that as many independent checks leave, errors and widths of one figure."""
    some = [one for one in found if one.figure == name]
    held = float(np.mean([one.held for one in some]))
    return {
        "checks": len(some),
        "coverage": held,
        "coverage_interval": wilson(held * independent, independent, 1.959964),
        "error": float(np.mean([one.realised - one.estimated.value for one in some])),
        "distance": float(np.mean([abs(one.realised - one.estimated.value) for one in some])),
        "half_width": float(np.mean([one.estimated.high - one.estimated.low for one in some]) / 2),
    }


TITLES = {"shop": "shop", "online_retail": "Online Retail"}


def write(done: list[tuple[str, Replay]]) -> None:
    """Estimate and check each replay, then the table of each kind of data and of all."""
    results: dict[str, Any] = {"replays": {}, "pooled": {}}
    pools: dict[str, list[Check]] = {name: [] for name in TITLES}
    lengths = dict.fromkeys(TITLES, 0.0)
    for data, one in done:
        found, seconds = checked(one)
        pools[data].extend(found)
        lengths[data] += horizons(one)
        figures = {name: summary(found, name, horizons(one)) for name in FIGURES}
        results["replays"][one.name] = {"estimate_seconds": seconds, "horizons": horizons(one), **figures}
        held = " ".join(f"{name} {told['coverage']:.1%}" for name, told in figures.items())
        print(f"{one.name}: {held}; {seconds * 1e3:.1f} ms an estimate", flush=True)
    lines = [
        "| | figure | days checked | horizons | held | known to be within | mean error | mean distance | half width |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups = {name: [name] for name in TITLES if pools[name]}
    for title, names in {**groups, "both": list(groups)}.items():
        length = sum(lengths[name] for name in names)
        found = [one for name in names for one in pools[name]]
        results["pooled"][title] = {name: summary(found, name, length) for name in FIGURES} | {"horizons": length}
        for name in FIGURES if title != "both" else ("auc", "value") if len(names) > 1 else ():
            told = results["pooled"][title][name]
            low, high = told["coverage_interval"]
            errors = (
                f"{told['error']:+.4f} | {told['distance']:.4f} | {told['half_width']:.4f}"
                if title != "both"
                else "| | "
            )
            lines.append(
                f"| {TITLES.get(title, title)} | {name} | {told['checks']:,} | {length:.0f} | {told['coverage']:.1%} | {low:.0%} to {high:.0%} | {errors} |"
            )
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main() -> None:
    """Replay, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--retail", type=Path, default=RETAIL)
    parser.add_argument("--seeds", type=int, nargs="*", default=[21, 22, 23, 24])
    parser.add_argument("--customers", type=int, default=2000)
    asked = parser.parse_args()
    done: list[tuple[str, Replay]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in asked.seeds:
            project, score = shop_project(Path(folder) / f"shop{seed}", seed, asked.customers)
            one = replay(
                f"shop {seed}", project, score, first="2024-04-01", start="2024-09-02", end="2025-07-31", renew=None
            )
            done.append(("shop", one))
        if asked.retail.is_file():
            project, score = retail_project(Path(folder) / "retail", asked.retail)
            one = replay(
                "online_retail", project, score, first="2011-01-10", start="2011-04-04", end="2011-11-08", renew=None
            )
            done.append(("online_retail", one))
    write(done)


if __name__ == "__main__":
    main()

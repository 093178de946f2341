"""How often drift is told where there is none, and how soon where there is.

    python benchmarks/drift/alarms.py [--replays 200] [--faults 20] [--seconds 3600] [--data FOLDER] [--out FOLDER]

Drift-free replays: a month each, after three weeks that nobody judges. *Alarms* are days that ring after one that did not. Worlds are two that are
generated here, customers of the generated shop (five shops) and, with ``--data``, of Telco and bank; bank marketing in the order of its dates has a
real break. Outcomes are known at the end of the day: with a horizon, everybody who needs them tells a horizon later.
Writes ``alarms.json`` and ``alarms.md``, anew after each round.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rules import Evidently, EvidentlyQuality, Model, NannyML, NannyMLQuality, Vigie, VigiePerformance
from worlds import Fault, Generated, Resampled, Rows, bank, shop, telco

from vigie.watch.drift_policy import DriftPolicy

HERE = Path(__file__).resolve().parent
WARM, MONTH = 21, 30
PEERS = 8
"""Replays of each world that the peers get."""
FAULTS = {
    "one of 40 features + 0.5 σ": (Fault(shift=0.5), {"VGW101 n0"}, "n0"),
    "a new category in 5 % of the rows": (Fault(new=0.05), {"VGW103 c0"}, "c0"),
    "nulls of one feature × 10 (2 % → 20 %)": (Fault(nulls=10), {"VGW102 n0"}, "n0"),
    "outcomes: 23 % → 38 %": (Fault(outcome=0.2), {"VGW106 "}, "outcome"),
    "concept: one quarter turns out the other way round": (Fault(flip=True), {"VGW106 "}, "outcome"),
}
"""What is planted, which of Vigie's signals of drift tell it, and in which column peers could see it."""
RULES = (
    "vigie",
    "evidently any, 1 day",
    "evidently any, 7 days",
    "evidently half, 1 day",
    "nannyml any, 1 day",
    "nannyml any, 7 days",
)
PERFORMANCE = (
    "vigie performance",
    "evidently classification, 1 day",
    "evidently classification, 7 days",
    "nannyml AUC, 1 day",
    "nannyml AUC, 7 days",
    "nannyml estimated AUC, 7 days",
)
"""Rules that need outcomes, but for the last."""
WITH_OUTCOMES = tuple(FAULTS)[3:]
"""Faults that show in outcomes."""


def replay(world: Any, peers: bool) -> tuple[dict[str, list[set[str]]], list[int]]:
    """What rang at the end of each day behind the warm-up, by rule, and how many rows each day had."""
    reference = world.reference()
    model = Model(reference)
    ours = Vigie(reference, DriftPolicy(), model)
    quality = VigiePerformance(reference, ours.profile, model, ours.cut)
    rules: dict[str, Any] = {}
    if peers:
        for w, name in ((1, "1 day"), (7, "7 days")):
            rules[f"evidently any, {name}"] = Evidently(reference, w)
            rules[f"nannyml any, {name}"] = NannyML(reference, w, world.a_day * w, world.seed)
            rules[f"evidently classification, {name}"] = EvidentlyQuality(reference, w, model, ours.cut)
            rules[f"nannyml AUC, {name}"] = NannyMLQuality(reference, w, world.a_day * w, world.seed, model)
    every = (*RULES, *PERFORMANCE) if peers else ("vigie", "vigie performance")
    found: dict[str, list[set[str]]] = {rule: [] for rule in every}
    rows = []
    for day in range(WARM + MONTH):
        today = world.day(day)
        for one in (ours, quality, *rules.values()):
            one.add(day, today)
        if day < WARM:
            continue
        rows.append(len(today))
        found["vigie"].append(ours.rings(day + 1))
        found["vigie performance"].append(quality.rings(day + 1))
        for name, one in rules.items():
            found[name].append(one.drifted(day + 1))
        if peers:
            count = len(reference.numbers) + len(reference.categories) + 1
            drifted = found["evidently any, 1 day"][-1]
            found["evidently half, 1 day"].append(drifted if len(drifted) / count >= 0.5 else set())
            found["nannyml estimated AUC, 7 days"].append(rules["nannyml AUC, 7 days"].drifted(day + 1, realised=False))
    return found, rows


def alarms(days: list[set[str]]) -> int:
    """Days that ring after one that did not."""
    return sum(bool(now) and not before for before, now in zip([set(), *days], days, strict=False))


Found = dict[str, list[set[str]]]
Delays = dict[str, list[tuple[int, int] | None]]


def quiet(seen: dict[str, list[Found]]) -> dict[str, Any]:
    """What rang in the replays of each world, by rule."""
    told: dict[str, Any] = {}
    for name, several in seen.items():
        told[name] = {
            rule: {
                "months": len(some := [one[rule] for one in several if rule in one]),
                "alarms": sum(map(alarms, some)),
                "days": sum(bool(day) for one in some for day in one),
                "what": sorted({key for one in some for day in one for key in day})[:8] if "vigie" in rule else [],
            }
            for rule in (*RULES, *PERFORMANCE)
        }
    return told


def planted(name: str, seed: int, a_day: int) -> dict[str, tuple[int, int] | None]:
    """For each rule the days and rows until a fault was told, the day of the fault being 1."""
    fault, expected, column = FAULTS[name]
    begins = replace(fault, day=WARM + 3 + seed % 7)
    found, rows = replay(Generated(10_000 + seed, a_day=a_day, fault=begins), peers=True)
    first = begins.day - WARM
    told: dict[str, tuple[int, int] | None] = {}
    for rule in rules_of(name):
        # Of performance any figure and any group will do.
        wanted = None if rule in PERFORMANCE else expected if rule == "vigie" else {column}
        at = next((i for i in range(first, MONTH) if (found[rule][i] & wanted if wanted else found[rule][i])), None)
        told[rule] = None if at is None else (at - first + 1, sum(rows[first : at + 1]))
    return told


def rules_of(fault: str) -> tuple[str, ...]:
    """Rules that could tell a fault."""
    return (*RULES, *PERFORMANCE) if fault in WITH_OUTCOMES else RULES


def summary(delays: list[tuple[int, int] | None]) -> str:
    """Days and rows in words."""
    seen = [one for one in delays if one is not None]
    if not seen:
        return "never"
    days = sorted(one[0] for one in seen)
    text = f"{np.median(days):.0f} ({days[0]}–{days[-1]}); {np.median([one[1] for one in seen]):,.0f} rows"
    return text if len(seen) == len(delays) else f"{text}; {len(seen)} of {len(delays)}"


def broken(rows: Rows) -> dict[str, Any]:
    """Bank marketing in order: learned from the first fifth, then 300 calls a day."""
    first = len(rows) // 5
    learned = rows.take(np.arange(first))
    ours, told = Vigie(learned, DriftPolicy(), Model(learned)), {}
    at = first
    for day in range((len(rows) - first) // 300):
        ours.add(day, rows.take(np.arange(at, at + 300)))
        at += 300
        for key in ours.rings(day + 1):
            told.setdefault(key, (day, at - first))
    order = sorted(told.items(), key=lambda one: one[1])
    return {"first": order[:6], "outcomes": told.get("VGW106 "), "score": told.get("VGW104 ")}


def write(told: dict[str, Any], folder: Path) -> None:
    """The figures, and tables of them."""
    (folder / "alarms.json").write_text(json.dumps(told, indent=1) + "\n")
    names = list(told["quiet"])
    lines = ["| alarms a month where nothing changed | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for rule in (*RULES, *PERFORMANCE):
        cells = []
        for name in names:
            one = told["quiet"][name][rule]
            cells.append(
                f"{one['alarms'] / one['months']:.2f} ({one['days'] / one['months'] / MONTH:.0%} of the days)"
                if one["months"]
                else "–"
            )
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    counts = ", ".join(f"{name} {told['quiet'][name]['vigie']['months']}" for name in names)
    lines += ["", f"Months: {counts} for Vigie, at most {PEERS} of each for the others.", ""]
    for title, rules, faults in (
        ("days and rows until it is told, median (least–most)", RULES, tuple(told["planted"])),
        ("the same by performance, from the day on whose outcomes are known", PERFORMANCE, WITH_OUTCOMES),
    ):
        lines += [f"| {title} | " + " | ".join(rules) + " |", "|---" * (len(rules) + 1) + "|"]
        for fault in faults:
            found = told["planted"][fault]
            cells = [summary([tuple(d) if d else None for d in found[rule]]) for rule in rules]
            lines.append(f"| {fault} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += [f"Replays of each fault: {min(len(found['vigie']) for found in told['planted'].values())}."]
    (folder / "alarms.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Ask, run, write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--replays", type=int, default=200)
    asked.add_argument("--faults", type=int, default=20)
    asked.add_argument("--seconds", type=float, default=3_600.0, help="after which no further replay is begun")
    asked.add_argument("--data", type=Path)
    asked.add_argument("--out", type=Path, default=HERE)
    given = asked.parse_args()
    part = given.replays // (5 if given.data else 3)
    shops = [shop(seed) for seed in range(51, 56)]
    worlds: dict[str, list[Any]] = {
        "40 features, 400 requests a day": [Generated(seed) for seed in range(part)],
        "40 features, 60 requests a day": [Generated(1_000 + seed, base=3_000, a_day=60) for seed in range(part)],
        "shop, 34 features, 250 a day": [Resampled(shops[seed % 5], 2_000 + seed, 250) for seed in range(part)],
    }
    told: dict[str, Any] = {}
    if given.data:
        worlds["Telco, 19 features, 200 a day"] = [Resampled(telco(given.data), seed) for seed in range(part)]
        rows = bank(given.data)
        worlds["bank, 19 features, 300 a day"] = [Resampled(rows, seed, 300) for seed in range(part)]
        told["broken"] = broken(rows)
        print(told["broken"], flush=True)
    delays: dict[str, Delays] = {name: {rule: [] for rule in rules_of(name)} for name in FAULTS}
    seen: dict[str, list[Found]] = {name: [] for name in worlds}
    deadline = time.perf_counter() + given.seconds
    # A round is a replay of each fault and of each world, so that there is a table whenever it is stopped.
    for i in range(max(given.faults, part)):
        if time.perf_counter() > deadline:
            break
        if i < given.faults:
            for name, found in delays.items():
                for rule, delay in planted(name, i, 400).items():
                    found[rule].append(delay)
        for name, several in worlds.items():
            if i < len(several):
                seen[name].append(replay(several[i], peers=i < PEERS)[0])
        write({**told, "planted": delays, "quiet": quiet(seen)}, given.out)
        print(i, {name: sum(alarms(one["vigie"]) for one in some) for name, some in seen.items()}, flush=True)


if __name__ == "__main__":
    main()

"""Drift of N × 20 against N × 20, beside Evidently; and a day's profile from batches.

    python benchmarks/drift/speed.py [--rows 100000,1000000] [--evidently PATH/TO/python] [--rounds 2]

Ten numbers and ten categories, as in ``c_drift.py`` of the peers' measurements. Both read two Parquet files; each method is a process
of its own, so that peak memory is its own; rounds alternate. Vigie makes the reference profile column by column, profiles the other rows in
batches and measures every column; Evidently runs ``DataDriftPreset``. What both say of PSI on the same bins is compared in ``check_peers.py``.

Evidently needs pandas below 3 and so an environment of its own:
``uv venv ev && uv pip install --python ev/bin/python evidently==0.7.23 pandas==2.3.3 pyarrow``.

Writes ``speed.json`` and ``speed.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NUMBERS, CATEGORIES = [f"n{i}" for i in range(10)], [f"c{i}" for i in range(10)]


def generate(folder: Path, rows: int) -> None:
    """Both tables, as in the peers' measurements."""
    import numpy as np
    import polars as pl

    for name, seed, shift in (("reference", 1, 0.0), ("current", 2, 0.3)):
        r = np.random.default_rng(seed)
        columns: dict[str, Any] = {}
        for i, column in enumerate(NUMBERS):
            x = r.normal(shift * (i % 3 == 0), 1 + i / 10, rows)
            x[r.random(rows) < 0.02 * (1 + (shift > 0) * (i % 5 == 0))] = np.nan
            columns[column] = x
        for i, column in enumerate(CATEGORIES):
            w = np.ones(3 + i)
            w[0] += 3 * shift * (i % 3 == 0)
            columns[column] = np.array([f"v{j}" for j in range(3 + i)])[r.choice(3 + i, rows, p=w / w.sum())]
        pl.DataFrame(columns).write_parquet(folder / f"{name}_{rows}.parquet")


def ours(folder: Path, rows: int) -> dict[str, float]:
    """Seconds of each step."""
    import numpy as np
    import pyarrow.parquet as pq
    import scipy.special  # noqa: F401 - imports are not what is measured, here and there

    from vigie.bundle import profile_of
    from vigie.definition import Kind
    from vigie.features.values import Values
    from vigie.watch.drift_measures import measures
    from vigie.watch.drift_policy import DriftPolicy
    from vigie.watch.profile import Layout, merged, reference_of

    def values(column: Any) -> Values:
        if column.type == "double":
            return Values(Kind.NUMBER, column.to_numpy(zero_copy_only=False))
        coded = column.dictionary_encode() if not hasattr(column, "dictionary") else column
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        return Values(Kind.CATEGORY, codes, tuple(coded.dictionary.to_pylist()))

    reference, features, spent, nothing = 0.0, {}, 0.0, np.zeros(rows)
    begun = time.perf_counter()
    for one in (*NUMBERS, *CATEGORIES):
        column = values(pq.read_table(folder / f"reference_{rows}.parquet", columns=[one])[one].combine_chunks())
        started = time.perf_counter()
        told = profile_of({one: column}, nothing)
        features |= told["features"]
        reference += time.perf_counter() - started
    told["features"] = features
    layout = Layout.of(told)
    live = layout.empty()
    with pq.ParquetFile(folder / f"current_{rows}.parquet") as file:
        for place, batch in enumerate(file.iter_batches(batch_size=100_000, columns=[*NUMBERS, *CATEGORIES])):
            columns = {name: values(batch.column(name)) for name in batch.schema.names}
            who = np.arange(place * 100_000, place * 100_000 + batch.num_rows, dtype=np.uint64) * np.uint64(
                0x9E3779B97F4A7C15
            )
            started = time.perf_counter()
            live = merged([live, layout.count(columns, who)])
            spent += time.perf_counter() - started
    ended = time.perf_counter()
    found = measures(layout, live, reference_of(layout, told), DriftPolicy(), {})
    done = time.perf_counter()
    drifted = sum(one.code == "VGW101" and one.size >= 0.1 for one in found.values())
    return {
        "run": reference + spent + done - ended, "reference": reference, "profile": spent, "verdict": done - ended,
        "read": ended - begun - reference - spent, "drifted": drifted,
    }  # fmt: skip


def evidently(folder: Path, rows: int) -> dict[str, float]:
    """Seconds of the report, without drawing it."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    reference, current = (pd.read_parquet(folder / f"{name}_{rows}.parquet") for name in ("reference", "current"))
    begun = time.perf_counter()
    columns = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)
    data = [Dataset.from_pandas(one, data_definition=columns) for one in (current, reference)]
    report = Report([DataDriftPreset()]).run(*data)
    told = report.dict()["metrics"][0]["value"]
    return {"run": time.perf_counter() - begun, "drifted": told["count"]}


def one(method: str, folder: Path, rows: int) -> None:
    """Measure a method in this process."""
    begun = time.perf_counter()
    told = {"ours": ours, "evidently": evidently}[method](folder, rows)
    told["total"] = time.perf_counter() - begun
    told["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT " + json.dumps(told))


def main() -> None:
    """Ask, run, write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", default="100000,1000000")
    asked.add_argument("--rounds", type=int, default=2)
    asked.add_argument("--evidently", default="")
    asked.add_argument("--one", nargs=3)
    given = asked.parse_args()
    if given.one:
        one(given.one[0], Path(given.one[1]), int(given.one[2]))
        return
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in map(int, given.rows.split(",")):
            generate(folder, rows)
            methods = {"ours": sys.executable, **({"evidently": given.evidently} if given.evidently else {})}
            runs: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
            for _ in range(given.rounds):
                for method, python in methods.items():
                    done = subprocess.run(
                        [python, str(Path(__file__).resolve()), "--one", method, name, str(rows)],
                        capture_output=True, text=True, check=False, env={**os.environ, "DO_NOT_TRACK": "1"},
                    )  # fmt: skip
                    line = next((one for one in done.stdout.splitlines() if one.startswith("RESULT ")), None)
                    if line is None:
                        raise SystemExit(f"{method} failed:\n{done.stderr[-2000:]}")
                    runs[method].append(json.loads(line[7:]))
                    print(rows, method, line, flush=True)
            told[str(rows)] = runs
    (HERE / "speed.json").write_text(json.dumps(told, indent=1) + "\n")
    lines = [
        "| rows × 20, each side | method | drift s | with imports and reading s | peak MB | columns drifted |",
        "|---|---|---|---|---|---|",
    ]
    for rows, runs in told.items():
        for method, several in runs.items():
            best = min(several, key=lambda run: run["run"])
            title = {"ours": "Vigie", "evidently": "Evidently 0.7.23"}[method]
            lines.append(
                f"| {int(rows):,} | {title} | {best['run']:.2f} | {best['total']:.2f} | {min(run['megabytes'] for run in several):,.0f} "
                f"| {best['drifted']:.0f} |"
            )
        if len(runs) == 2:
            a, b = (min(run["run"] for run in runs[method]) for method in ("evidently", "ours"))
            c, d = (min(run["megabytes"] for run in runs[method]) for method in ("ours", "evidently"))
            lines.append(f"| {int(rows):,} | *ratio* | {a / b:.0f} × | | {c / d:.2f} | |")
    (HERE / "speed.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Training sets on 5 M events: Vigie against DuckDB, Polars and pandas. One command: ``python benchmarks/features/run.py``.

It makes the data, an environment with the peers (DuckDB is no dependency of Vigie), runs every method in a process of its
own, alternating, compares all values, and writes ``results.md`` and ``results.json`` beside this file.

    a  2 cut-offs a customer, at labels          b  24 monthly snapshots a customer
    c  as b, and 1 % of the customers have half of the events

Times are from reading the events to having the result in memory, sort included, imports not; the best of all rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import polars as pl

import data

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "out" / "features"
PEERS = ("duckdb_join", "duckdb_asof", "duckdb_window", "polars_join", "polars_asof", "pandas_merge")
CASES = {"a": ("at", "even", "two"), "b": ("every", "even", "snapshots"), "c": ("every", "skewed", "snapshots")}
LIMIT = 300
"""Seconds after which a method is given up."""


def peer_python() -> Path:
    """The interpreter of an environment that holds the peers; made at the first call."""
    python = OUT / "venv" / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        found = str(uv) if uv.exists() else "uv"
        subprocess.run([found, "venv", "-q", "--python", sys.executable, OUT / "venv"], check=True)
        packages = ["duckdb==2.0.0", f"polars=={pl.__version__}", "pandas", "pyarrow", "numpy"]
        subprocess.run([found, "pip", "install", "-q", "--python", python, *packages], check=True)
    return python


def run(command: list[str]) -> dict[str, float | str]:
    """What a method says of itself, or why it did not."""
    environment = {**os.environ, "POLARS_MAX_THREADS": str(os.cpu_count())}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"over {LIMIT} s"}
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"ended {done.returncode}"}
    return dict(json.loads(done.stdout))


def differences(ours: Path, theirs: Path, labels: Path) -> int:
    """Values that differ between two results: counts and sums exactly, means and days by more than 1e-6."""
    columns = [f"{what}{w}" for w in (7, 30, 90, 365) for what in "nsmd"]
    keys = pl.read_parquet(labels).select("label_id", "customer_id", "cutoff")
    left, right = pl.read_parquet(ours), pl.read_parquet(theirs)
    on = ["label_id"] if "label_id" in left.columns else ["customer_id", "cutoff"]
    left = left.with_columns(pl.col("label_id").cast(pl.Int64)) if on == ["label_id"] else left
    right = right.join(keys, on="label_id")
    joined = left.join(right.select(*on, *columns), on=on, suffix="_peer")
    wrong = keys.height - joined.height
    for column in columns:
        a, b = pl.col(column).cast(pl.Float64), pl.col(f"{column}_peer").cast(pl.Float64)
        far = (a.is_null() != b.is_null()) | ((a - b).abs() > (0 if column[0] in "ns" else 1e-6)).fill_null(value=False)
        wrong += int(joined.select(far.sum()).item())
    return wrong


def main() -> None:
    """Run the cases and write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--cases", default="abc")
    arguments.add_argument("--methods", default=",".join(PEERS), help="peers to run")
    options = arguments.parse_args()
    peers = [method for method in options.methods.split(",") if method]
    data.write(OUT)
    python = peer_python()
    results: dict[str, dict[str, dict[str, float | str]]] = {}
    for case in options.cases:
        how, events, labels = CASES[case]
        files = [str(OUT / f"{name}.parquet") for name in (events, labels)]
        best = results.setdefault(case, {})
        for _ in range(options.rounds):
            for method in ("vigie", *peers):
                script = [sys.executable, str(HERE / "ours.py"), how]
                if method != "vigie":
                    script = [str(python), str(HERE / "peers.py"), method]
                result = OUT / f"{case}-{method}.parquet"
                found = run([*script, *files, str(result)])
                if "failed" in best.get(method, {}):
                    continue
                if method not in best or "failed" in found:
                    best[method] = found
                else:
                    for key in ("seconds", "cpu_seconds", "peak_mb"):
                        best[method][key] = min(best[method][key], found[key])
                print(case, found, flush=True)
        for method in peers:
            if "failed" not in best[method]:
                paths = OUT / f"{case}-vigie.parquet", OUT / f"{case}-{method}.parquet"
                best[method]["differences"] = differences(*paths, OUT / f"{labels}.parquet")
    page = markdown(results, options.rounds)
    (HERE / "results.md").write_text(page, "utf-8")
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    print(page)


def markdown(results: dict[str, dict[str, dict[str, float | str]]], rounds: int) -> str:
    """The results as tables."""
    titles = {
        "a": "a: 2 cut-offs a customer (200 k rows)",
        "b": "b: 24 snapshots a customer (2.4 M rows)",
        "c": "c: as b, 1 % of the customers have half of the events",
    }
    lines = [f"5 M events of 100,000 customers; best of {rounds}; {os.cpu_count()} cores, {platform.machine()}."]
    for case, methods in results.items():
        lines += [
            "",
            f"### {titles[case]}",
            "",
            "| method | s | CPU s | peak MB | time against Vigie | differing values |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        ours = methods["vigie"]
        if "failed" in ours:
            lines.append(f"| vigie | {ours['failed']} | | | | |")
            continue
        for method, found in methods.items():
            if "failed" in found:
                lines.append(f"| {method} | {found['failed']} | | | | |")
                continue
            ratio = float(found["seconds"]) / float(ours["seconds"])
            lines.append(
                f"| {method} | {found['seconds']:.2f} | {found['cpu_seconds']:.2f} | {found['peak_mb']} "
                f"| {ratio:.2f}× | {found.get('differences', '')} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""A day's profile from the record of predictions: rows a second, and whether a long history makes it slower.

    python benchmarks/drift/days.py [--rows 100000] [--days 5,50,300]

A score of 20 numbers; days of 2,000 predictions each are on record and profiled, then a day of ``--rows`` comes in ten segments.
Writes ``days.json`` and ``days.md``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from vigie.bundle import profile_of
from vigie.clock import DAY
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle import watch_profiles
from vigie.watch.profile import Layout

HERE = Path(__file__).resolve().parent
FEATURES = 20
START = 20_000 * DAY


class Decision:
    """What a bundle says of acting."""

    act = "act"


class Model:
    """As much of a bundle as is read here."""

    decision = Decision


class Place:
    """As much of a project as is read here: a lake, and no journal."""

    def __init__(self, folder: Path) -> None:
        from vigie.data import Lake

        self.lake = Lake(folder / "lake")
        self.sources: dict[str, Any] = {}


class One:
    """The only version."""

    def __init__(self, watched: watch_profiles.Watched) -> None:
        self._watched = watched

    def of(self, version: str) -> watch_profiles.Watched:  # noqa: ARG002
        """Whatever it is called."""
        return self._watched


def predictions(day: int, rows: int, segments: int, chance: np.random.Generator) -> Any:
    """Rows of the lake's table."""
    import polars as pl

    from vigie.lifecycle.ship import schema

    names = [f"f{i}" for i in range(FEATURES)]
    values = np.round(chance.normal(size=(rows, FEATURES)), 6).tolist()
    at = START + day * DAY + np.arange(rows) * (DAY // rows)
    frame = pl.DataFrame({
        "id": [f"{day}-{i}" for i in range(rows)], "score": "s", "customer": [str(i % 50_000) for i in range(rows)], "model": "1",
        "arm": "champion", "values": [json.dumps(dict(zip(names, one, strict=True))) for one in values],
        "probability": chance.random(rows), "decision": "act", "journal": [f"segment-{day}-{i * segments // rows}" for i in range(rows)],
    }).with_columns(at=pl.Series(at).cast(pl.Datetime("us", "UTC")), as_of=pl.Series(at).cast(pl.Datetime("us", "UTC")))  # fmt: skip
    frame = frame.with_columns(day=pl.col("at").dt.date())
    missing = {name: pl.lit(None, dtype=kind) for name, kind in schema().items() if name not in frame.columns}
    return frame.with_columns(**missing).select(*schema())


def main() -> None:
    """Ask, run, write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--days", default="5,50,300")
    given = asked.parse_args()
    watch_profiles.DAYS_BACK = 10**4
    told = []
    for days in map(int, given.days.split(",")):
        chance = np.random.default_rng(0)
        columns = {f"f{i}": Values(Kind.NUMBER, chance.normal(size=5_000)) for i in range(FEATURES)}
        layout = Layout.of(profile_of(columns, chance.random(5_000)))
        versions = One(watch_profiles.Watched("1", Model, layout))  # type: ignore[arg-type]
        with tempfile.TemporaryDirectory() as name:
            project, ledger = Place(Path(name)), SqliteLedger(Path(name) / "ledger.db")
            import polars as pl

            frames = pl.concat([predictions(day, 2_000, 1, chance) for day in range(days)])
            project.lake.append(
                "_predictions", frames, transaction=("a", 1), metadata={}, moment=START, partition_by=["day"]
            )
            watch_profiles.update_profiles(project, ledger, "s", START + days * DAY, versions)  # type: ignore[arg-type]
            again = time.perf_counter()
            watch_profiles.update_profiles(project, ledger, "s", START + days * DAY, versions)  # type: ignore[arg-type]
            again = time.perf_counter() - again
            new = predictions(days, given.rows, 10, chance)
            project.lake.append(
                "_predictions", new, transaction=("b", 1), metadata={}, moment=START, partition_by=["day"]
            )
            begun = time.perf_counter()
            rows = watch_profiles.update_profiles(project, ledger, "s", START + (days + 1) * DAY, versions)  # type: ignore[arg-type]
            seconds = time.perf_counter() - begun
            assert rows == given.rows, rows
        told.append({"days": days, "rows": given.rows, "seconds": seconds, "nothing new": again})
        print(told[-1], flush=True)
    (HERE / "days.json").write_text(json.dumps(told, indent=1) + "\n")
    lines = ["| days on record | new rows | s | rows a second | s where nothing is new |", "|---|---|---|---|---|"]
    lines += [
        f"| {one['days']} | {one['rows']:,} | {one['seconds']:.2f} | {one['rows'] / one['seconds']:,.0f} | {one['nothing new']:.3f} |"
        for one in told
    ]
    (HERE / "days.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

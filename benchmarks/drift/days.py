"""A day's profile from the record of predictions: rows a second, and whether a long day or a long history makes it slower.

    python benchmarks/drift/days.py [--rows 10000000] [--batch 1000000] [--days 5,300]

A score of 20 numbers, whose values are on record as JSON. Days of 2,000 predictions each are on record and profiled, then a day of ``--rows`` comes:
``--batch`` at a time, in ten segments of the journal, and after each batch the profile of the day is brought up to date. 10 million take two minutes
for each length of history, and 4 GB on the disk. Writes ``days.json`` and ``days.md``.
"""

from __future__ import annotations

import argparse
import json
import resource
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


def predictions(day: int, rows: int, segments: range, chance: np.random.Generator) -> Any:
    """Rows of the lake's table, in so many segments of the journal."""
    import polars as pl

    from vigie.lifecycle.ship import schema

    values = pl.DataFrame(np.round(chance.normal(size=(rows, FEATURES)), 6), [f"f{i}" for i in range(FEATURES)])
    at = START + day * DAY + np.arange(rows) * (DAY // rows)
    first = segments.start * rows
    parts = [rows // len(segments)] * (len(segments) - 1)
    sizes = [*parts, rows - sum(parts)]
    journal = [
        pl.repeat(f"segment-{day}-{one}", size, dtype=pl.String, eager=True)
        for one, size in zip(segments, sizes, strict=True)
    ]
    frame = pl.DataFrame({
        "id": f"{day}-" + pl.int_range(first, first + rows, eager=True).cast(pl.String),
        "customer": pl.Series(chance.integers(0, 500_000, rows)).cast(pl.String),
        "values": values.select(pl.struct(pl.all()).struct.json_encode()).to_series(),
        "probability": chance.random(rows), "journal": pl.concat(journal), "at": at, "as_of": at,
    }).with_columns(
        pl.col("at", "as_of").cast(pl.Datetime("us", "UTC")), score=pl.lit("s"), model=pl.lit("1"), arm=pl.lit("champion"),
        decision=pl.lit("act"),
    )  # fmt: skip
    frame = frame.with_columns(day=pl.col("at").dt.date())
    missing = {name: pl.lit(None, dtype=kind) for name, kind in schema().items() if name not in frame.columns}
    return frame.with_columns(**missing).select(*schema())


def measured(days: int, rows: int, batch: int) -> dict[str, Any]:
    """Seconds of each update of the day, and of one more with nothing new, behind so many days of history."""
    import polars as pl

    chance = np.random.default_rng(0)
    columns = {f"f{i}": Values(Kind.NUMBER, chance.normal(size=5_000)) for i in range(FEATURES)}
    layout = Layout.of(profile_of(columns, chance.random(5_000)))
    versions: Any = One(watch_profiles.Watched("1", Model, layout))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as name:
        project: Any = Place(Path(name))
        ledger = SqliteLedger(Path(name) / "ledger.db")

        def update() -> tuple[int, float]:
            begun = time.perf_counter()
            counted = watch_profiles.update_profiles(project, ledger, "s", START + (days + 1) * DAY, versions)
            return counted, time.perf_counter() - begun

        def append(frame: Any, commit: int) -> None:
            project.lake.append(
                "_predictions", frame, transaction=("a", commit), metadata={}, moment=START, partition_by=["day"]
            )

        append(pl.concat([predictions(day, 2_000, range(1), chance) for day in range(days)]), 1)
        update()
        seconds = []
        for i in range(rows // batch):
            append(predictions(days, batch, range(10 * i, 10 * i + 10), chance), i + 2)
            counted, spent = update()
            assert counted == batch, counted
            seconds.append(spent)
            print(days, i, round(spent, 2), flush=True)
        counted, again = update()
        assert counted == 0, counted
        fact = ledger.facts(watch_profiles.topic_of("s"), watch_profiles.name_of(START // DAY + days))
        assert next(iter(fact.values()))["profiles"]["1 champion"]["rows"] == rows // batch * batch
    return {"days": days, "rows": rows // batch * batch, "batch": batch, "seconds": seconds, "nothing new": again}


def main() -> None:
    """Ask, run, write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=10_000_000)
    asked.add_argument("--batch", type=int, default=1_000_000)
    asked.add_argument("--days", default="5,300")
    given = asked.parse_args()
    watch_profiles.DAYS_BACK = 10**4
    told = [measured(days, given.rows, given.batch) for days in map(int, given.days.split(","))]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (HERE / "days.json").write_text(json.dumps({"runs": told, "megabytes": memory}, indent=1) + "\n")
    lines = [
        "| days on record | rows of the day | s in all | rows a second | first update of a batch, s | last one, s | s where nothing is new |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in told:
        spent = one["seconds"]
        lines.append(
            f"| {one['days']} | {one['rows']:,} | {sum(spent):.0f} | {one['rows'] / sum(spent):,.0f} | {spent[0]:.1f} | {spent[-1]:.1f} "
            f"| {one['nothing new']:.3f} |"
        )
    (HERE / "days.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines), f"\n{memory:,.0f} MB at most, with the rows being made")


if __name__ == "__main__":
    main()

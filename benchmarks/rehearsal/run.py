"""Retraining policies rehearsed on real histories: which one would have paid, and how long a rehearsal takes.

    python benchmarks/rehearsal/run.py [--data .../online_retail.parquet] [--only retail|cdnow|shop] [--workers 2]

Online Retail is read from a path; CDNOW is inside the ``lifetimes`` wheel of the ``demo`` extra; the shop is generated, with a
price shock on a day that is known. Nine months of daily steps, four policies. Written to ``benchmarks/out/rehearsal.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vigie import clock
from vigie.clock import FixedClock, iso, parse_moment
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rehearse import Rehearsal, rehearse
from vigie.lifecycle.rehearse_models import rehearsal_options
from vigie.lifecycle.rehearse_policy import period_moment

HERE = Path(__file__).resolve().parents[1]
RETAIL = HERE.parents[1] / "shared" / "data" / "online_retail.parquet"
FEATURES = """        bought.count(days(30, 60, 90)).each(Feature.log1p),
        bought.days_since_last(),
        bought.days_since_first(),
        bought.mean_gap(days(90)),
"""
RETAIL_FILE = f"""
from vigie import Campaign, Events, Feature, Score, days, every

lines = Events("lines", key="CustomerID", time="InvoiceDate")
bought = lines.where(lines["Quantity"] > 0).named("bought")
returned = lines.where(lines["Quantity"] < 0).named("returned")
spent = bought["Quantity"] * bought["UnitPrice"]

churn = Score(
    "churn",
    moments=every("week"),
    population=bought.count(days(90)) > 0,
    outcome=bought.count(next=days(30)) == 0,
    features=[
{FEATURES}        bought["InvoiceNo"].distinct(days(30, 90)),
        bought["StockCode"].distinct(days(90)),
        spent.sum(days(30, 90)).each(Feature.log1p),
        returned.count(days(90)),
    ],
    decision=Campaign(contact_cost=0.5, offer_cost=5, accepted=0.15, customer_value=35, currency="GBP"),
)
"""
CDNOW_FILE = f"""
from vigie import Campaign, Events, Feature, Score, days, every

bought = Events("purchases", key="customer_id", time="date", id="purchase_id")

churn = Score(
    "churn",
    moments=every("month", start="1997-04-01"),
    population=bought.count(days(90)) > 0,
    outcome=bought.count(next=days(60)) == 0,
    features=[
{FEATURES}        bought.count(),
        bought["dollars"].sum(days(90)),
        bought["dollars"].mean(),
    ],
    decision=Campaign(contact_cost=0.5, offer_cost=5, accepted=0.15, customer_value=22, currency="USD"),
)
"""


@dataclass(frozen=True)
class Case:
    """A history, and the nine months of it that are rehearsed."""

    title: str
    begin: str
    end: str
    today: str
    change: str = ""


CASES = {
    "retail": Case("Online Retail, 30-day churn, scored weekly", "2011-03", "2011-12", "2011-12-09"),
    "cdnow": Case("CDNOW, 60-day churn, scored monthly", "1997-09", "1998-06", "1998-07-01"),
    "shop": Case("Generated shop, price shock on 2025-03-01", "2024-11", "2025-08", "2025-09-01", "2025-03-01"),
}


def laid_out(name: str, folder: Path, retail: Path) -> tuple[Project, str]:
    """The project of a case, ingested, and the name of its score."""
    folder.mkdir(parents=True, exist_ok=True)
    if name == "shop":
        score = _shop(folder)
    else:
        if name == "cdnow":
            from vigie_demos.churn.prepare import write_data

            write_data(folder, seed=0)
        file, source, path = (
            (RETAIL_FILE, "lines", str(retail)) if name == "retail" else (CDNOW_FILE, "purchases", "purchases.csv")
        )
        (folder / "score.py").write_text(file)
        (folder / "vigie.toml").write_text(
            f'[project]\nfiles = ["score.py"]\n[sources.{source}]\npath = {json.dumps(path)}\n'
        )
        score = "churn"
    project = Project.open(folder, "", FixedClock(parse_moment(CASES[name].today)))
    ingest_sources(project)
    return project, score


def _shop(folder: Path) -> str:
    import polars as pl

    import vigie_demos.shop.project as declared
    from vigie_demos.shop.prepare import SETTINGS
    from vigie_demos.shop.world import generate

    world = generate(7, 2_500, date(2024, 1, 1), date(2025, 9, 1), price_shock=date.fromisoformat(CASES["shop"].change))
    (folder / "data").mkdir(parents=True, exist_ok=True)
    world.tables["customers"].write_csv(folder / "data" / "customers.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    for name in ("orders", "visits", "emails"):
        world.tables[name].write_parquet(folder / "data" / f"{name}.parquet")
    opened_at = pl.col("opened_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    world.tables["tickets"].with_columns(opened_at).write_ndjson(folder / "data" / "tickets.jsonl")
    (folder / "shop.py").write_text(Path(declared.__file__).read_text())
    (folder / "vigie.toml").write_text(SETTINGS)
    return str(declared.churn.name)


def table(found: Rehearsal) -> str:
    """The table of policies in Markdown."""
    lines = [
        f"| policy | value, {found.currency} | more than never (95 %) | trained | released | alarms (confirmed) |",
        "|---|---|---|---|---|---|",
    ]
    for one in found.outcomes:
        sure = sum(alarm.confirmed is True for alarm in one.alarms)
        more = "" if one.name == "never" else f"{one.more.value:+,.0f} ({one.more.low:+,.0f} … {one.more.high:+,.0f})"
        lines.append(
            f"| {one.name} | {one.value:,.0f} | {more} | {one.trainings} | {one.released} | {len(one.alarms)} ({sure}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Rehearse every case and print its table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=RETAIL, help="online_retail.parquet")
    arguments.add_argument("--only", choices=CASES, action="append")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--policy", default="never,monthly,on-drift,on-loss")
    given = arguments.parse_args()
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    kept = out / "rehearsal.json"
    told = json.loads(kept.read_text()) if kept.is_file() else {}
    for name in given.only or CASES:
        case = CASES[name]
        with tempfile.TemporaryDirectory() as scratch:
            project, score = laid_out(name, Path(scratch) / name, given.data)
            began = clock.stopwatch()
            found = rehearse(
                project, project.score(score), begin=period_moment(case.begin, "--from"), end=period_moment(case.end, "--to"),
                policies=given.policy.split(","), options=rehearsal_options(), workers=given.workers,
                changes=[parse_moment(case.change)] if case.change else (),
            )  # fmt: skip
            seconds = clock.stopwatch() - began
        told[name] = {"seconds": round(seconds, 1), "workers": given.workers, **found.to_data()}
        kept.write_text(json.dumps(told, indent=1) + "\n")
        print(
            f"\n{case.title}, {iso(found.begin)[:10]} to {iso(found.end)[:10]}, {found.decisions:,} decisions: {seconds:.0f} s"
        )
        print(table(found))


if __name__ == "__main__":
    main()

"""Retraining policies rehearsed on real histories: which one would have paid, and how long a rehearsal takes.

    python benchmarks/rehearsal/run.py [--data .../online_retail.parquet] [--only retail ...] [--workers 2]

Online Retail is read from a path; CDNOW is inside the ``lifetimes`` wheel of the ``demo`` extra; the shop is generated, with a
price shock on a day that is known. Nine months of daily steps, four policies. Sums of money are assumptions, so each real history is
rehearsed under two of them. Written to ``results.json`` and, for the docs, to a table for each case and one of the time
that all of them took.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from vigie import clock
from vigie.clock import FixedClock, parse_moment
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rehearse import Rehearsal, rehearse
from vigie.lifecycle.rehearse_models import rehearsal_options
from vigie.lifecycle.rehearse_policy import period_moment

HERE = Path(__file__).resolve().parent
RETAIL = HERE.parents[2] / "shared" / "data" / "online_retail.parquet"
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
    decision=Campaign(contact_cost=0.5, offer_cost=5, accepted=0.15, customer_value={{value:g}}, currency="GBP"),
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
    decision=Campaign(contact_cost=0.5, offer_cost=5, accepted=0.15, customer_value={{value:g}}, currency="USD"),
)
"""


@dataclass(frozen=True)
class Case:
    """A history, and the nine months of it that are rehearsed.

    Attributes:
        title: What it is.
        begin: First day, or month.
        end: Last.
        today: What is known.
        value: What a customer who stays is worth, in the cost matrix; 0: as the project says.
        change: Day on which something is known to have changed; empty: none is known.
        shock: How the generated shop changes on that day; ``None``: as it does by default.
    """

    title: str
    begin: str
    end: str
    today: str
    value: float = 0.0
    change: str = ""
    shock: dict[str, float] | None = None


def _retail(value: float) -> Case:
    title = f"Online Retail, 30-day churn, scored weekly; a customer who stays is worth £{value:g}"
    return Case(title, "2011-03", "2011-12", "2011-12-09", value)


def _cdnow(value: float) -> Case:
    title = f"CDNOW, 60-day churn, scored monthly; a customer who stays is worth ${value:g}"
    return Case(title, "1997-09", "1998-06", "1998-07-01", value)


def _shop(title: str, shock: dict[str, float] | None = None) -> Case:
    title = f"Generated shop, {title} on 2025-03-01"
    return Case(title, "2024-11", "2025-08", "2025-09-01", change="2025-03-01", shock=shock)


CASES = {
    "retail": _retail(35),
    "retail-120": _retail(120),
    "cdnow": _cdnow(22),
    "cdnow-60": _cdnow(60),
    "shop": _shop("prices +12 %"),
    "shop-60": _shop("prices +60 %", {"prices": 1.6, "flight": 3.0, "thrift": 0.62}),
}


def laid_out(name: str, folder: Path, retail: Path) -> tuple[Project, str]:
    """The project of a case, ingested, and the name of its score."""
    folder.mkdir(parents=True, exist_ok=True)
    case = CASES[name]
    if case.change:
        score = _lay_out_shop(folder, case)
    else:
        text, source, path = (RETAIL_FILE, "lines", str(retail))
        if name.startswith("cdnow"):
            from vigie_demos.churn.prepare import write_data

            write_data(folder, seed=0)
            text, source, path = (CDNOW_FILE, "purchases", "purchases.csv")
        (folder / "score.py").write_text(text.format(value=case.value))
        (folder / "vigie.toml").write_text(
            f'[project]\nfiles = ["score.py"]\n[sources.{source}]\npath = {json.dumps(path)}\n'
        )
        score = "churn"
    project = Project.open(folder, "", FixedClock(parse_moment(case.today)))
    ingest_sources(project)
    return project, score


def _lay_out_shop(folder: Path, case: Case) -> str:
    import polars as pl

    import vigie_demos.shop.project as declared
    from vigie_demos.shop.prepare import SETTINGS
    from vigie_demos.shop.world import PriceShock, generate

    day = date.fromisoformat(case.change)
    shock = day if case.shock is None else PriceShock(day, **case.shock)
    world = generate(7, 2_500, date(2024, 1, 1), date(2025, 9, 1), price_shock=shock)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    world.tables["customers"].write_csv(folder / "data" / "customers.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    for name in ("orders", "visits", "emails"):
        world.tables[name].write_parquet(folder / "data" / f"{name}.parquet")
    opened_at = pl.col("opened_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    world.tables["tickets"].with_columns(opened_at).write_ndjson(folder / "data" / "tickets.jsonl")
    (folder / "shop.py").write_text(Path(declared.__file__).read_text())
    # No month is like those before it, and the shop is young: inputs that drift by construction are left out of watching.
    (folder / "vigie.toml").write_text(
        f"{SETTINGS}\n[watch.drift.features]\ncalendar_month = inf\ntenure = inf\nemails_opened_days_since_last = inf\n"
    )
    return str(declared.churn.name)


def table(found: dict[str, Any]) -> str:
    """The table of policies in Markdown, of the plain data of a rehearsal."""
    known = bool(found["changes"])
    head = f"| policy | value, {found['currency']} | more than never (95 %) | trained | released | alarms (confirmed) |"
    lines = [
        head + (" true | rang already | too early | false | found after, days (by chance) |" if known else ""),
        "|---" * (11 if known else 6) + "|",
    ]
    for one in found["policies"]:
        more, alarms = one["more_than_never"], one["alarms"]
        said = f"{more['value']:+,.0f} ({more['low']:+,.0f} … {more['high']:+,.0f})" if one["policy"] != "never" else ""
        sure = sum(alarm["confirmed"] is True for alarm in alarms)
        name = f"**{one['policy']}**" if one["policy"] == found["best"] else one["policy"]
        line = f"| {name} | {one['value']:,.0f} | {said} | {one['trainings']} | {one['released']} | {len(alarms)} ({sure}) |"
        if known:
            by, days, chance = one["alarms_by_verdict"], one["detection_days"][0], one["found_as_soon_by_chance"][0]
            beside = f"{chance['share']:.0%} of {chance['days']} days" if chance["days"] else "no room to say"
            told = "not found" if days is None else f"{days:g} ({beside})"
            line += f" {by['true']} | {by['already']} | {by['early']} | {by['false']} | {told} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def times(told: dict[str, dict[str, Any]]) -> str:
    """How long each case took, in Markdown."""
    lines = [
        "| history | decisions | models | workers | seconds | processor seconds | load at the end |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in (one for one in CASES if one in told):
        one = told[name]
        lines.append(
            f"| {CASES[name].title} | {one['decisions']:,} | {one['models_trained']} | {one['workers']} | {one['seconds']:.0f} | "
            f"{one['processor_seconds']:.0f} | {one['load']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def processor() -> float:
    """Seconds of processor time of this process and of those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def rehearsed(name: str, folder: Path, retail: Path, policies: list[str], workers: int) -> dict[str, Any]:
    """A case from nothing: its figures, and what it took without laying out and ingesting the data."""
    case = CASES[name]
    project, score = laid_out(name, folder, retail)
    began, used = clock.stopwatch(), processor()
    found: Rehearsal = rehearse(
        project, project.score(score), begin=period_moment(case.begin, "--from"), end=period_moment(case.end, "--to"),
        policies=policies, options=rehearsal_options(), workers=workers,
        changes=[parse_moment(case.change)] if case.change else (),
    )  # fmt: skip
    data = found.to_data()
    kept = project.settings.state / "rehearsals" / score
    return {
        **data,
        "title": case.title,
        "workers": workers,
        "models_trained": sum(one.is_dir() for one in kept.iterdir()),
        "seconds": round(clock.stopwatch() - began, 1),
        "processor_seconds": round(processor() - used, 1),
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Rehearse every case, print its table and write it down."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=RETAIL, help="online_retail.parquet")
    arguments.add_argument("--only", choices=CASES, action="append")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--policy", default="never,monthly,on-drift,on-loss")
    given = arguments.parse_args()
    kept = HERE / "results.json"
    for name in given.only or CASES:
        with tempfile.TemporaryDirectory() as scratch:
            found = rehearsed(name, Path(scratch) / name, given.data, given.policy.split(","), given.workers)
        told = json.loads(kept.read_text()) if kept.is_file() else {}
        told[name] = _short(found)
        kept.write_text(json.dumps({one: told[one] for one in CASES if one in told}, indent=1) + "\n")
        (HERE / f"{name}.md").write_text(table(found))
        (HERE / "times.md").write_text(times(told))
        print(f"\n{found['title']}, {found['from'][:10]} to {found['to'][:10]}, {found['decisions']:,} decisions:")
        print(
            f"{found['seconds']:.0f} s, {found['processor_seconds']:.0f} s of processor time\n{table(found)}",
            flush=True,
        )


def _short(found: dict[str, Any]) -> dict[str, Any]:
    """Without what a page does not tell: the words of a calendar whose alarms are there already, and things that rang."""
    policies = []
    for one in found["policies"]:
        calendar = [event for event in one["calendar"] if event["kind"] not in ("alarm", "over")]
        kept = {} if found["changes"] else {"things": None}  # where a change is known, they say what found it
        policies.append({**one, "calendar": calendar, "alarms": [{**alarm, **kept} for alarm in one["alarms"]]})
    return {**found, "policies": policies}


if __name__ == "__main__":
    main()

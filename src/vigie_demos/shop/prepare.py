"""The generated shop of the demo: 5,000 customers, 2024 and 2025, two campaigns, to ``data/`` and ``truth/``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from vigie_demos.shop.world import Promotion, generate

AS_OF = "2026-01-01"
NOTES = (
    "A generated shop: 5,000 customers in 2024 and 2025, their orders, visits, e-mails and tickets, and two campaigns "
    "with control groups. Some orders are recorded days late, some twice, some values are missing.",
    "Who has left is hidden from the tables, as in life. truth/ holds it: the chance of each customer to order again and "
    "the effect of each campaign.",
)
SETTINGS = """\
[project]
files = ["shop.py"]
state = ".vigie"

[sources.customers]
path = "data/customers.csv"

[sources.orders]
path = "data/orders.parquet"

[sources.visits]
path = "data/visits.parquet"

[sources.emails]
path = "data/emails.parquet"

[sources.tickets]
path = "data/tickets.jsonl"

[serve]
host = "127.0.0.1"
port = 8000
"""
CAMPAIGNS = (Promotion("autumn", date(2024, 10, 8)), Promotion("spring", date(2025, 4, 8)))


def write_data(directory: Path, *, seed: int) -> None:
    """Write one file for each table, and beside *directory* the truth.

    Args:
        directory: Folder of the data.
        seed: Seed of the world.
    """
    world = generate(seed, campaigns=CAMPAIGNS)
    world.tables["customers"].write_csv(directory / "customers.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    for name in ("orders", "visits", "emails", "contacts"):
        world.tables[name].write_parquet(directory / f"{name}.parquet")
    opened_at = pl.col("opened_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    world.tables["tickets"].with_columns(opened_at).write_ndjson(directory / "tickets.jsonl")
    truth = directory.parent / "truth"
    truth.mkdir(exist_ok=True)
    world.truth.customers.write_parquet(truth / "customers.parquet")
    world.truth.snapshots.write_parquet(truth / "snapshots.parquet")
    world.truth.promotions.write_parquet(truth / "promotions.parquet")

"""A project whose source is delivered day by day: months of ordinary days, then what a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vigie.clock import DAY, FixedClock, parse_moment
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.watching import watch_once

BEGIN = parse_moment("2026-03-02")  # a Monday
FILE = """
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="id")
orders = Events("orders", key="customer", time="at")
churn = Score("churn", outcome=orders.count(next=days(30)) == 0,
              features=[orders.count(days(30)), orders["amount"].sum(days(30)), customers["age"]],
              moments=every("month"),
              decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=100))
"""
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "customers.csv"
[sources.orders]
path = "orders/*.csv"
"""


class Shop:
    """Delivers a file a day at 04:00 of the next; fewer orders at the weekend."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder, self.day = folder, 0
        self.chance = np.random.default_rng(11)
        (folder / "churn.py").write_text(FILE)
        (folder / "vigie.toml").write_text(TOML + more)
        (folder / "orders").mkdir()
        people = [f"{i},2026-01-01,{self.chance.integers(18, 80)}" for i in range(200)]
        (folder / "customers.csv").write_text("\n".join(["id,joined,age", *people]) + "\n")

    @property
    def now(self) -> int:
        """When the last delivery was taken in."""
        return BEGIN + self.day * DAY + DAY // 6

    def opened(self, now: int | None = None) -> Project:
        return Project.open(self.folder, "", FixedClock(self.now if now is None else now))

    def deliver(self, days: int = 1, volume: float = 1.0, nulls: float = 0.05, broken: float = 0.0) -> None:
        """So many days, each with *volume* times the usual orders, shares of them without an amount or unreadable."""
        for _ in range(days):
            base = 60 if self.day % 7 >= 5 else 120
            lines = ["customer,at,amount"]
            moment = BEGIN + self.day * DAY
            for _ in range(self.chance.poisson(base * volume)):
                at = moment + int(self.chance.integers(DAY // 1_000_000)) * 1_000_000
                amount = f"{self.chance.gamma(2, 20):.2f}"
                if self.chance.random() < nulls:
                    amount = ""
                elif self.chance.random() < broken:
                    amount = "n/a!"
                lines.append(f"{self.chance.integers(200)},{_iso(at)},{amount}")
            (self.folder / "orders" / f"{self.day:04}.csv").write_text("\n".join(lines) + "\n")
            self.day += 1
            ingest_sources(self.opened())


def _iso(moment: int) -> str:
    from vigie.clock import iso

    return iso(moment)


def watch_process(folder: str, now: int, barrier: Any) -> None:
    """A watcher in a process of its own, which loads this module by its name."""
    project = Project.open(Path(folder), "", FixedClock(now))
    ledger = ledger_of(project)
    barrier.wait(300)
    watch_once(project, ledger, "churn", now)

"""A project whose lake and online store can be compared; also run as a process of its own, to be killed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vigie.clock import DAY, Clock, FixedClock, SystemClock
from vigie.definition import Events, Kind, Table
from vigie.features.history import Histories
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding
from vigie.features.partitions import Partitions
from vigie.features.reading import Need
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.online import histories_for
from vigie.lifecycle.project import Project

FILE = """
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer_id")
plans = Table("plans", key="customer_id", known_at="changed_at")
orders = Events("orders", key="customer_id", time="at", id="order_id")
visits = Events("visits", key="customer_id", time="at", known_at="seen")

churn = Score(
    name="churn",
    moments=every("month"),
    population=orders.count(days(90)) > 0,
    outcome=orders.count(next=days(30)) == 0,
    features=[
        customers["country"], plans["plan"], orders["amount"].sum(days(30, 90)), orders["channel"].mode(days(90)),
        orders.days_since_last(), visits.count(days(7)), visits["page"].mode(days(30)),
    ],
    decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
)
"""
NOW = 20_000 * DAY
CUSTOMERS, PLANS = Table("customers", key="customer_id"), Table("plans", key="customer_id", known_at="changed_at")
ORDERS = Events("orders", key="customer_id", time="at", id="order_id")
VISITS = Events("visits", key="customer_id", time="at", known_at="seen")
WANTED: Mapping[str, Holding] = {
    "customers": Holding(CUSTOMERS, {"country": Kind.CATEGORY}, 0),
    "plans": Holding(PLANS, {"plan": Kind.CATEGORY}, None),
    "orders": Holding(ORDERS, {"amount": Kind.NUMBER, "channel": Kind.CATEGORY}, None),
    "visits": Holding(VISITS, {"page": Kind.CATEGORY}, None),
}


class Shop:
    """Files of a small shop that grow, and the project over them."""

    def __init__(self, root: Path, clock: Clock | None = None, online: str = "") -> None:
        self.root, self.clock = root, clock or FixedClock(NOW)
        (root / "data").mkdir(parents=True, exist_ok=True)
        (root / "shop.py").write_text(FILE)
        sources = "".join(f'[sources.{name}]\npath = "data/{name}-*.parquet"\n' for name in WANTED)
        (root / "vigie.toml").write_text(f'[project]\nfiles = ["shop.py"]\n{sources}[online]\n{online}\n')
        self.files = len(list((root / "data").glob("*")))

    @property
    def project(self) -> Project:
        """Opened anew, as another process would."""
        return Project.open(self.root, None, self.clock)

    def deliver(self, name: str, rows: Mapping[str, Sequence[Any]]) -> None:
        self.files += 1
        pl.DataFrame(rows).write_parquet(self.root / "data" / f"{name}-{self.files:04d}.parquet")

    def trade(self, seed: int, events: int = 400, customers: int = 40) -> None:
        """A delivery of every source."""
        chance = np.random.default_rng(seed)

        def moments(n: int) -> pl.Series:
            past = NOW - chance.integers(0, 400 * DAY, n)
            return pl.Series(past).cast(pl.Datetime("us", "UTC"))

        who = [f"c{i:04d}" for i in chance.integers(0, customers, events)]
        self.deliver("orders", {
            "customer_id": who, "at": moments(events), "order_id": [f"{seed}-{i}" for i in range(events)],
            "amount": chance.normal(50, 20, events), "channel": chance.choice(["web", "shop", "app"], events),
        })  # fmt: skip
        at = moments(events)
        self.deliver("visits", {
            "customer_id": who, "at": at, "seen": at + pl.duration(hours=1) if False else at,
            "page": chance.choice(["home", "cart"], events),
        })  # fmt: skip
        some = sorted(set(who))
        self.deliver("customers", {"customer_id": some, "country": chance.choice(["FR", "DE", "ES"], len(some))})
        self.deliver("plans", {
            "customer_id": some, "changed_at": moments(len(some)), "plan": chance.choice(["s", "m", "l"], len(some)),
        })  # fmt: skip

    def ingest(self, *names: str) -> None:
        ingest_sources(self.project, names)

    def histories(self, wanted: Mapping[str, Holding] | None = None) -> OnlineHistories:
        return histories_for(self.project, wanted or WANTED)


def batch(project: Project, wanted: Mapping[str, Holding] | None = None) -> Histories:
    """Everything, as training and batch scoring read it."""
    needs = {name: Need(holding.source, holding.columns) for name, holding in (wanted or WANTED).items()}
    versions = {name: project.lake.version(name) for name in needs}
    forever = int(np.iinfo(np.int64).max)
    with Partitions(needs, project.lake, versions, forever, forever) as partitions:
        assert partitions.count == 1
        return partitions.load(0)


def plain(found: Histories, wanted: Mapping[str, Holding] | None = None) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """The rows of each customer of each source, as Python values."""
    result: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for name, holding in (wanted or WANTED).items():
        block = found.blocks[name]
        known = block.known_at.tolist() if block.known_at is not None else [None] * len(block)
        columns = [block.columns[column].to_list() for column in holding.columns]
        rows = list(zip(block.times.tolist(), known, *columns, strict=True))
        own = {c: rows[block.offsets[i] : block.offsets[i + 1]] for i, c in enumerate(found.customers)}
        if isinstance(holding.source, Table):
            # Of one moment only the row that arrived last is ever looked at.
            own = {c: list({row[0]: row for row in held}.values()) for c, held in own.items()}
        result[name] = own
    return result


def assert_equal(shop: Shop, histories: OnlineHistories) -> None:
    """What is online is what the batch reads, for every customer and source."""
    truth = batch(shop.project, histories.holdings)
    online = histories.blocks(list(truth.customers), list(histories.holdings))
    assert plain(online, histories.holdings) == plain(truth, histories.holdings)


if __name__ == "__main__":
    from vigie.lifecycle import online, online_rows

    online_rows.ROWS = int(sys.argv[2])
    shop = Shop(Path(sys.argv[1]), SystemClock())
    print("ready", flush=True)
    online.sync(shop.project, shop.histories(), progress=lambda doing, _: print(doing, flush=True))
    print("done", flush=True)

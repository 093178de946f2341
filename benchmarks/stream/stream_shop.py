"""A small project that receives events, and what its features must be: computed from the lake, and from what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from vigie.clock import Clock
from vigie.data import Lake
from vigie.definition import Events, Kind, Table, days
from vigie.features.history import Block, Histories
from vigie.features.kernel import evaluate
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding
from vigie.features.online.run_store import RunStore
from vigie.features.partitions import Partitions
from vigie.features.reading import Need
from vigie.features.values import Values
from vigie.features.windows import Rows
from vigie.lifecycle.project import Project

DEFINITION = """
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer", known_at="changed")
orders = Events("orders", key="customer", time="at", id="order")
visits = Events("visits", key="customer", time="at")

churn = Score(
    "churn",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30)), orders["amount"].sum(days(30)), visits.count(days(30)),
              orders["channel"].last(days(30)), orders.days_since_last(days(30)), orders.count(days(1)),
              orders["amount"].mean(days(7)), visits.days_since_last(days(7))],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=100),
)
"""
CONTRACTS = {
    "customers": {"customer": "category", "changed": "time", "country": "category"},
    "orders": {"customer": "category", "at": "time", "order": "category", "amount": "number", "channel": "category"},
    "visits": {"customer": "category", "at": "time", "page": "category"},
}
ORDERS = Events("orders", key="customer", time="at", id="order")
VISITS = Events("visits", key="customer", time="at")
CUSTOMERS = Table("customers", key="customer", known_at="changed")
WINDOW = 30 * 86_400_000_000
KEEP = 7 * 86_400_000_000
HOLDINGS = {
    "orders": Holding(ORDERS, {"amount": Kind.NUMBER, "channel": Kind.CATEGORY}, WINDOW),
    "visits": Holding(VISITS, {"page": Kind.CATEGORY}, WINDOW),
    "customers": Holding(CUSTOMERS, {"country": Kind.CATEGORY}, None),
}
FEATURES = [
    CUSTOMERS["country"],
    ORDERS.count(days(1)),
    ORDERS.count(days(30)),
    ORDERS["amount"].sum(days(30)),
    ORDERS["amount"].last(days(7)),
    ORDERS["channel"].last(days(30)),
    ORDERS.days_since_last(days(30)),
    VISITS.count(days(30)),
    VISITS["page"].mode(days(30)),
]


def make_project(folder: Path, clock: Clock, settings: str = "", *, contracts: bool = True) -> Project:
    """The project, with its contracts written as its user would."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "churn.py").write_text(DEFINITION)
    (folder / "vigie.toml").write_text(f'[project]\nfiles = ["churn.py"]\n{settings}')
    (folder / "contracts").mkdir(exist_ok=True)
    for name, columns in CONTRACTS.items() if contracts else ():
        lines = [f'[columns.{column}]\nkind = "{kind}"' for column, kind in columns.items()]
        (folder / "contracts" / f"{name}.toml").write_text("\n".join([f'source = "{name}"', *lines]) + "\n")
    return Project.open(folder, None, clock)


def histories_on(store: RunStore, clock: Clock) -> OnlineHistories:
    """Online histories of the three sources, as the tests hold them."""
    return OnlineHistories(store, HOLDINGS, keep=KEEP, clock=clock)


def _values(found: Histories, moment: int) -> dict[str, list[Any]]:
    n = len(found.customers)
    rows = Rows(np.arange(n, dtype=np.int64), np.full(n, moment, dtype=np.int64))
    columns = [values.to_list() for values in evaluate(FEATURES, found.blocks, rows)]
    return {key: list(row) for key, row in zip(found.customers.tolist(), zip(*columns, strict=True), strict=True)}


def online(histories: OnlineHistories, customers: Iterable[str], moment: int) -> dict[str, list[Any]]:
    """Features of *customers* from the online store."""
    return _values(histories.blocks(sorted(customers), list(HOLDINGS)), moment)


def batch(project: Project, moment: int) -> dict[str, list[Any]]:
    """Features of every customer from the lake."""
    lake = Lake(project.settings.state / "lake")
    needs = {name: Need(holding.source, dict(holding.columns)) for name, holding in HOLDINGS.items() if lake.has(name)}
    versions = {name: lake.version(name) for name in needs}
    found: dict[str, list[Any]] = {}
    forever = int(np.iinfo(np.int64).max)
    with Partitions(needs, lake, versions, forever, 1 << 30) as partitions:
        for part in range(partitions.count):
            loaded = partitions.load(part)
            absent = {
                name: _empty(holding, len(loaded.customers)) for name, holding in HOLDINGS.items() if name not in needs
            }
            found.update(_values(Histories(loaded.customers, {**loaded.blocks, **absent}), moment))
    return found


def _empty(holding: Holding, customers: int) -> Block:
    nothing = np.zeros(0, dtype=np.int64)
    return Block.build(customers, nothing, nothing, {n: Values.missing(kind, 0) for n, kind in holding.columns.items()})

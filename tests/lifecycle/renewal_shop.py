"""A project whose customers visit now and then: small enough to be trained in a second, with a year of history."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vigie.clock import DAY, FixedClock, iso, parse_moment
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.training import TrainOptions

FILE = '''"""Who will not come again?"""

from vigie import Campaign, Events, Score, days, every

visits = Events("visits", key="id", time="at", id="number")
churn = Score("churn", moments=every(days(15)), population=visits.count(days(60)) > 0, outcome=visits.count(next=days(30)) == 0,
              features=[visits.count(days(7, 30, 60)), visits.days_since_last()],
              decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=20))
'''
TOML = """
[project]
files = ["churn.py"]
[sources.visits]
path = "visits-*.csv"
[train]
threads = 1
workers = 1
"""
START = parse_moment("2024-01-01")
NOW = START + 330 * DAY


def quick(*models: str, **more: object) -> TrainOptions:
    """Options of a training that takes a moment."""
    given = {"models": models or ("logistic_regression",), "trials": 0, "stack": False, "select": False, "threads": 1}
    return TrainOptions(**{**given, **more})  # type: ignore[arg-type]


def visits(folder: Path, name: str, first: int, last: int, *, customers: int = 250, seed: int = 4) -> None:
    """Writes what happened from day *first* to *last*; who comes often keeps coming until he leaves for good."""
    r = np.random.default_rng(seed)
    often, leaves = r.uniform(0.02, 0.2, customers), r.exponential(400, customers)
    lines = ["id,at,number"]
    for customer in range(customers):
        came = r.random(1_000) < often[customer]
        days = [first + day for day in np.flatnonzero(came[first:last]).tolist()]
        stays = [day for day in days if day < leaves[customer] or often[customer] < 0.05]
        lines += [f"{customer},{iso(START + day * DAY)},{customer}-{day}" for day in stays]
    (folder / f"visits-{name}.csv").write_text("\n".join(lines) + "\n")


def make_project(folder: Path, more: str = "", *, days: int = 330) -> Project:
    """The project with *days* days of history ingested, at the moment when they are over."""
    (folder / "churn.py").write_text(FILE)
    (folder / "vigie.toml").write_text(TOML + more)
    visits(folder, "1", 0, days)
    made = opened(folder, START + days * DAY)
    ingest_sources(made)
    return made


def opened(folder: Path, now: int = NOW) -> Project:
    return Project.open(folder, "", FixedClock(now))

"""A project whose customers visited until just now, for tests in which real time passes: trained in a few seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from renewal_shop import FILE, quick

from vigie.clock import DAY, FixedClock, SystemClock, iso
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.train import train_score

DAYS = 330
TOML = """
[project]
files = ["churn.py"]
[sources.visits]
path = "visits-*.csv"
[train]
threads = 1
workers = 1
"""
EVERYTHING = """
[schedule]
backoff = "2s"
parallel = 2
[schedule.ingest]
every = "4s"
[schedule.ship]
every = "5s"
[schedule.score]
every = "6s"
[schedule.watch]
every = "7s"
[schedule.retrain]
every = "9s"
"""


def make_project(folder: Path, more: str = "", *, trained: bool = True) -> Project:
    """A project with its data ingested and, where wanted, a champion."""
    folder.mkdir(parents=True, exist_ok=True)
    now = SystemClock().now()
    (folder / "churn.py").write_text(FILE)
    (folder / "vigie.toml").write_text(TOML + more)
    visits(folder, "1", now - DAYS * DAY, DAYS)
    project = Project.open(folder, "", FixedClock(now))
    if trained:
        ingest_sources(project)
        train_score(project, project.score(), quick())
    return project


def visits(folder: Path, name: str, start: int, days: int, *, customers: int = 250, seed: int = 4) -> None:
    """Writes *days* days of visits from *start*; who comes often keeps coming until he leaves for good."""
    chance = np.random.default_rng(seed)
    often, leaves = chance.uniform(0.02, 0.2, customers), chance.exponential(400, customers)
    lines = ["id,at,number"]
    for customer in range(customers):
        came = np.flatnonzero(chance.random(days) < often[customer]).tolist()
        stays = [day for day in came if day < leaves[customer] or often[customer] < 0.05]
        lines += [f"{customer},{iso(start + day * DAY)},{name}-{customer}-{day}" for day in stays]
    (folder / f"visits-{name}.csv").write_text("\n".join(lines) + "\n")

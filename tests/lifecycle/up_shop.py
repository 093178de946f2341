"""A project whose customers visited until just now, for tests in which real time passes: trained in a few seconds."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from renewal_shop import FILE, quick

from vigie.clock import DAY, FixedClock, SystemClock, iso
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.steps import pieces_of
from vigie.lifecycle.steps_runs import seen_since
from vigie.lifecycle.steps_schedule import schedules_of
from vigie.lifecycle.train import train_score
from vigie.settings_keys import STEPS

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
EVERYTHING = "[schedule]\nbackoff = '1s'\n" + "".join(f"[schedule.{step}]\nevery = '1h'\n" for step in STEPS)


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


def due(project: Project) -> None:
    """Let every step be due once, now: as though a scheduler had seen it two hours ago."""
    with closing(SqliteLedger(project.settings.state / "ledger.db")) as ledger:
        for schedule in schedules_of(project.settings.schedule):
            for piece in pieces_of(project, schedule.step):
                seen_since(ledger, piece, [], project.clock.now() - 2 * DAY // 24)


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

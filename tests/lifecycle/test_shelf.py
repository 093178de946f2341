"""A project whose models are read when they are asked for answers as one that holds them all."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from vigie.clock import FixedClock, parse_moment
from vigie.errors import SettingsError
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.serve import make_app, plan_project
from vigie.lifecycle.shelf import memory_of
from vigie.lifecycle.train import train_score
from vigie.serving import ServingSettings
from vigie.training import TrainOptions

PROJECT = """
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="id", time="at")
for name, width in (("soon", 28), ("later", 56)):
    globals()[name] = Score(
        name, moments=every("month"), population=orders.count(days(60)) > 0,
        outcome=orders.count(next=days(width)) == 0,
        features=[orders.count(days(30, 90)), orders.days_since_last()],
        decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=200),
    )
"""
TOML = '[project]\nfiles = ["scores.py"]\n[sources.orders]\npath = "orders.csv"\n'
NOW = parse_moment("2024-12-15")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("project"), random.Random(3)
    orders = ["id,at"]
    for customer in range(150):
        loyal = chance.random() < 0.5
        orders += [
            f"{customer},2024-{month:02d}-{chance.randint(1, 14 if month == 12 else 27):02d}"
            for month in range(1, 13)
            if customer == 3 or chance.random() < (0.97 if loyal else 0.35)
        ]
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    (folder / "scores.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    project = opened(folder)
    ingest_sources(project)
    for name in ("soon", "later"):
        train_score(project, project.score(name), TrainOptions(models=("logistic_regression",), threads=1, trials=0))
    return folder.rename(folder.with_name("moved"))


def opened(folder: Path) -> Project:
    return Project.open(folder, "", FixedClock(NOW))


def answers(project: Project) -> list[float]:
    plan = plan_project(project)
    with TestClient(make_app(plan, ServingSettings())) as client:
        return [
            client.post(f"/v1/scores/{name}/score", json={"customer_id": "3"}).json()["predictions"][0]["score"]
            for name in ("soon", "later", "soon")
        ]


def test_customers_are_looked_up_for_models_that_are_read_later(made: Path, tmp_path: Path) -> None:
    expected = answers(opened(made))
    assert expected[0] == expected[2] != expected[1]
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    (folder / "vigie.toml").write_text(TOML + '[serve]\nmemory = "1kB"\npreload = ["later"]\n')
    project = opened(folder)
    plan = plan_project(project)
    assert [one.name for one in plan.models] == ["later"] and [one.name for one in plan.shelf] == ["soon"]
    assert plan.memory == 1_000 and plan.shelf[0].by_id
    assert answers(project) == expected


def test_preloading_needs_a_budget_and_names_that_exist(made: Path) -> None:
    with pytest.raises(SettingsError, match="--preload without a budget"):
        plan_project(opened(made), preload=["soon"])
    with pytest.raises(SettingsError, match="no score is called 'never'"):
        plan_project(opened(made), memory="1GB", preload=["never"])
    assert [one.name for one in plan_project(opened(made), memory="1GB").shelf] == ["soon", "later"]


@pytest.mark.parametrize(
    ("text", "expected"), [("2GB", 2 * 10**9), ("1.5 MiB", 3 << 19), (4096, 4096), ("10kb", 10_000), ("7B", 7)]
)
def test_amounts_of_memory(text: object, expected: int) -> None:
    assert memory_of(text, "") == expected


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1 TB", "1,5GB", True, "1e9"])
def test_what_is_no_amount_of_memory(text: object) -> None:
    with pytest.raises(SettingsError, match="is not an amount of memory"):
        memory_of(text, "[serve] memory")

"""A project with a few versions of one score, made without training: versions differ in what they answer and ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from vigie import Campaign, Score, Table
from vigie.bundle import (
    Bundle,
    DecisionRule,
    LinearModel,
    fit_encoder,
    inputs_of,
    portable_features,
    portable_payoff,
    profile_of,
    segment_edges,
    with_golden,
)
from vigie.bundle.scorer import Scorer
from vigie.clock import Clock, SystemClock
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.lifecycle.project import Project
from vigie.registry import ModelVersion
from vigie.registry.record import TrainingRun

FILE = """
from vigie import Campaign, Score, Table

people = Table("people", key="id")
churn = Score("churn", outcome=people["left"] == True, features=[people["age"], people["income"]],
              decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=people["worth"]))
"""
TOML = """
[project]
files = ["churn.py"]
[sources.people]
path = "people.csv"
[rollout]
shadow = false
shares = [0.5]
min_requests = 20
step_seconds = 0
bake_seconds = 0
"""
VALUES = {"people_age": 41, "people_income": 2_000.0, "people_worth": 250.0}
N = 300


def bundle_of(bias: float, worth: str = "worth", weight: float = 0.8) -> Bundle:
    """A logistic model of age and income.

    Args:
        bias: Of its log-odds.
        worth: Column of the cost matrix; with another name it asks for what callers do not send.
        weight: Of both features.
    """
    people = Table("people", key="id")
    schema = {
        "people": dict.fromkeys(("age", "income", worth), Kind.NUMBER) | {"id": Kind.CATEGORY, "left": Kind.BOOLEAN}
    }
    score = Score(
        "churn",
        outcome=people["left"] == True,
        features=[people["age"], people["income"]],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=people[worth]),
        description="Who leaves?",
    ).bound(schema)
    r = np.random.default_rng(7)
    columns = {
        "people_age": Values(Kind.NUMBER, r.integers(18, 90, N).astype(float)),
        "people_income": Values(Kind.NUMBER, r.integers(500, 5_000, N).astype(float)),
        f"people_{worth}": Values(Kind.NUMBER, r.integers(50, 900, N).astype(float)),
    }
    features = {f.name: columns[f.name] for f in score.bound_features}
    encoder = fit_encoder(features, style="linear")
    bundle = Bundle(
        score_name="churn",
        title="Who leaves?",
        inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema),
        payoff=portable_payoff(score.decision.payoff()),
        encoder=encoder,
        model=LinearModel(tuple(weight for _ in range(encoder.width)), bias),
        decision=DecisionRule(act="contact", leave="leave", positive="leaves"),
    )
    p = Scorer(bundle).probability(columns, N)
    return with_golden(replace(bundle, segments=segment_edges(p), profile=profile_of(features, p)), columns)


def make_project(folder: Path, more: str = "") -> None:
    """The files of the project; its source is never read."""
    (folder / "churn.py").write_text(FILE)
    (folder / "vigie.toml").write_text(TOML + more)


def opened(folder: Path, clock: Clock | None = None) -> Project:
    return Project.open(folder, "", clock or SystemClock())


def register(project: Project, bundle: Bundle, alias: str | None = None) -> ModelVersion:
    """*bundle* as the next version."""
    return project.registry.log(TrainingRun(bundle, {}, {}, {}, {}), alias=alias)

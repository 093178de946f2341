"""A shop whose customers order as often as their scores say, until some of them do not: for tests of performance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from vigie import Campaign, Events, Score, Table, days, every
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
from vigie.clock import DAY, FixedClock, parse_moment
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.journal import Prediction, PredictionJournal
from vigie.journal.ledger import Ledger
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.watch_cohorts import estimates_topic, state_topic, topic_of
from vigie.registry.record import TrainingRun
from vigie.watch.signal import Signal

START = parse_moment("2026-01-05")
DAYS, HORIZON = 40, 7
N = 240
CHANGE = 16
"""Day from which customers of the country XX order as the others of their score do not."""
FILE = """
from vigie import Campaign, Events, Score, Table, days, every

people = Table("people", key="id")
orders = Events("orders", key="id", time="at")
churn = Score("churn", moments=every("day"), outcome=orders.count(next=days(7)) == 0,
              features=[people["country"], orders.count(days(30))],
              decision=Campaign(contact_cost=1, offer_cost=2, accepted=0.5, customer_value=20))
"""
TOML = (
    '[project]\nfiles = ["churn.py"]\n[sources.people]\npath = "people.csv"\n[sources.orders]\npath = "orders*.csv"\n'
)


def bundle() -> Bundle:
    """A model whose parts are not used here but for its decision, profile and importances."""
    people, orders = Table("people", key="id"), Events("orders", key="id", time="at")
    schema = {
        "people": {"id": Kind.CATEGORY, "country": Kind.CATEGORY},
        "orders": {"id": Kind.CATEGORY, "at": Kind.TIME},
    }
    score = Score(
        "churn", moments=every("day"), outcome=orders.count(next=days(7)) == 0,
        features=[people["country"], orders.count(days(30))],
        decision=Campaign(contact_cost=1, offer_cost=2, accepted=0.5, customer_value=20),
    ).bound(schema)  # fmt: skip
    r = np.random.default_rng(1)
    columns = {
        "people_country": Values.of(Kind.CATEGORY, r.choice(["FR", "DE", "XX"], 300).tolist()),
        "orders_count_30d": Values(Kind.NUMBER, r.poisson(4, 300).astype(float)),
    }
    features = {one.name: columns[one.name] for one in score.bound_features}
    encoder = fit_encoder(features, style="linear")
    made = Bundle(
        score_name="churn", title="Who leaves?", inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema), payoff=portable_payoff(score.decision.payoff()), encoder=encoder,
        model=LinearModel(tuple(0.1 for _ in range(encoder.width)), 0.0),
        decision=DecisionRule(act="contact", leave="leave", positive="leaves"),
        metrics={
            "test": {"n": 2000, "positives": 900, "auc": 0.80, "f1": 0.7, "log_loss": 0.53, "value": 2.0, "acted": 0.6},
            "importance": {"people_country": {"drop": 0.1, "spread": 0.0}},
        },
    )  # fmt: skip
    p = Scorer(made).probability(columns, 300)
    return with_golden(replace(made, segments=segment_edges(p), profile=profile_of(features, p)), columns)


def chances(r: np.random.Generator) -> np.ndarray:
    """Chance of no order in a week, of each customer."""
    return np.asarray(1 / (1 + np.exp(-r.normal(-0.2, 1.3, N))))


def country(i: int) -> str:
    return ("FR", "DE", "XX")[i % 3]


def project_in(
    folder: Path, *, flip: bool = False, holdout: float = 0.0, effect: float = 1.0, until: int = DAYS
) -> Project:
    """A project with orders up to and predictions on each day.

    Args:
        folder: Empty.
        flip: From :data:`CHANGE` on those of XX who were likely to order are those who do not, and the other way round.
        holdout: Share of customers who are never acted on.
        effect: Factor on how often those order who were acted on.
        until: Days with predictions.
    """
    r = np.random.default_rng(5)
    p = chances(r)
    folder.mkdir(exist_ok=True)
    (folder / "churn.py").write_text(FILE)
    (folder / "vigie.toml").write_text(TOML + (f"[rollout]\nholdout = {holdout}\n" if holdout else ""))
    (folder / "people.csv").write_text("id,country\n" + "".join(f"c{i},{country(i)}\n" for i in range(N)))
    lines = [f"c{i},2025-12-01T00:00:00" for i in range(N)]
    from vigie.release import HoldOut

    held = HoldOut("churn", holdout)
    for day in range(DAYS + HORIZON):
        moved = np.where([flip and day >= CHANGE and country(i) == "XX" for i in range(N)], 1 - p, p)
        rate = -np.log(moved) / HORIZON
        rate = rate * np.where([p[i] > 0.25 and not held.holds(f"c{i}") for i in range(N)], effect, 1.0)
        for i in np.flatnonzero(r.random(N) < 1 - np.exp(-rate)).tolist():
            second = int(r.integers(1, 86_400))
            lines.append(
                f"c{i},{np.datetime64('2026-01-05') + day}T{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}"
            )
    (folder / "orders.csv").write_text("id,at\n" + "\n".join(lines) + "\n")
    project = Project.open(folder, "", FixedClock(START + (DAYS + HORIZON) * DAY))
    ingest_sources(project)
    project.registry.log(TrainingRun(bundle(), {}, {}, {}, {}), alias="champion")
    journal = PredictionJournal(project.journal_folder)
    for day in range(until):
        moment = START + day * DAY
        journal.append([said(i, float(p[i]), moment, held.holds(f"c{i}"), holdout) for i in range(N)])
    journal.close()
    return project


def said(i: int, p: float, moment: int, held: bool = False, holdout: float = 0.0) -> Prediction:
    act = p > 0.25
    return Prediction(
        id=f"{moment}-{i}", request_id="r", score="churn", customer=f"c{i}", as_of=moment, at=moment + 1, model="1", bundle="b",
        values={"people_country": country(i), "orders_count_30d": 3.0}, probability=p, decision="contact" if act and not held else "leave",
        gain=20 * (p - 0.25), expected_value=0.0, segment="high" if p > 0.5 else "low", threshold=0.0,
        arm="holdout" if held else "champion", assignment_probability=(holdout if held else 1 - holdout) or 1.0,
    )  # fmt: skip


def by_subject(signals: list[Signal], code: str) -> dict[str, Signal]:
    return {one.subject: one for one in signals if one.code == code}


def everything(ledger: Ledger) -> dict[str, object]:
    return {topic: ledger.facts(topic) for topic in (topic_of("churn"), estimates_topic("churn"), state_topic("churn"))}


def ledger_at(path: Path) -> Ledger:
    from vigie.journal.ledger_open import open_ledger

    return open_ledger("", default=path, root=path.parent)

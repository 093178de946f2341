"""Training sets with a known mechanism, and ways to spoil them: what the checks are tried on.

Two worlds. *Clients* are a table of one row each, scored once. *Shoppers* order or do not, month after month; what they
are described by is computed from their orders as the kernel would, so that a month later it knows what had been predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from vigie import Campaign, Events, Lead, Score, Table, at, days, every
from vigie.definition import Decision, Feature, Kind
from vigie.features.rowwise import leaves
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.findings import Finding
from vigie.training import TrainOptions
from vigie.training.candidates import FitOptions, chosen_candidates
from vigie.training.checks.after import check_result
from vigie.training.checks.before import check_rows
from vigie.training.choose import choose_winner
from vigie.training.cross_validate import cross_validate
from vigie.training.evidence import Evidence
from vigie.training.measured import as_tested
from vigie.training.split import Split
from vigie.training.strategies import compare_strategies
from vigie.training.task import Task
from vigie.training.tried import Tried

QUICK = TrainOptions(models=("logistic_regression",), folds=2, threads=1, trials=0, stack=False, select=False)
DAY = 86_400_000_000
MONTH = 30 * DAY
START = 18_000 * DAY
CAMPAIGN = Campaign(contact_cost=1, offer_cost=20, accepted=0.3, customer_value=120)
"""Worth it from a probability of 0.42 on: to ask everybody does not pay."""


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def numbers(data: np.ndarray) -> Values:
    return Values(Kind.NUMBER, np.asarray(data, float))


def levels(data: np.ndarray) -> Values:
    return Values.of(Kind.CATEGORY, [None if text is None else str(text) for text in data])


def training_set(
    score: Score,
    schema: dict[str, dict[str, Kind]],
    features: Mapping[str, Values],
    extras: Mapping[str, Values],
    labels: np.ndarray,
    keys: np.ndarray,
    moments: np.ndarray,
) -> TrainingSet:
    return TrainingSet(
        customers=keys,
        moments=np.asarray(moments, np.int64),
        features=dict(features),
        extras=dict(extras),
        labels=labels.astype(np.int8),
        score=score,
        schema=schema,
        as_of=int(moments.max()) + 400 * DAY,
        versions=dict.fromkeys(schema, 1),
        immature=0,
        unknown=0,
    )


# -- clients -------------------------------------------------------------------------------------------------------------


@dataclass
class Clients:
    """Columns of a table, the outcome and the keys; change them, then call :meth:`made`."""

    columns: dict[str, Values]
    labels: np.ndarray
    keys: np.ndarray
    decision: Decision = CAMPAIGN

    def take(self, index: np.ndarray) -> Clients:
        return Clients(
            {name: v.take(index) for name, v in self.columns.items()},
            self.labels[index],
            self.keys[index],
            self.decision,
        )

    def made(self) -> TrainingSet:
        table = Table("clients", key="id")
        schema = {"clients": {name: v.kind for name, v in self.columns.items()} | {"left": Kind.BOOLEAN}}
        wanted = [e for e in self.decision.payoff().expressions() if isinstance(e, Feature)]
        extras = {name: self.columns[leaf.column] for name, leaf in leaves(wanted).items()}
        used = [name for name in self.columns if not name.startswith("_")]
        score = Score(
            "churn", outcome=table["left"] == True, features=[table[name] for name in used], decision=self.decision
        ).bound(schema)
        named = [feature.name for feature in score.bound_features]
        return training_set(
            score,
            schema,
            {feature: self.columns[name] for feature, name in zip(named, used, strict=True)},
            extras,
            self.labels,
            self.keys,
            np.full(len(self.labels), START),
        )


def clients(
    n: int = 2000,
    seed: int = 0,
    *,
    offset: float = -1.2,
    strength: float = 1.0,
    noise: int = 3,
    missing: float = 0.0,
    cities: int = 0,
) -> Clients:
    """Honest clients: seven causes, *noise* columns that say nothing, gaps at random, perhaps many cities."""
    rng = np.random.default_rng(seed)
    spend, visits, age = rng.lognormal(3, 0.7, n), rng.poisson(4, n), rng.normal(45, 13, n)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2])
    region = rng.choice(["north", "south", "east", "west"], n)
    calls, tenure = rng.poisson(1, n), rng.gamma(2, 15, n)
    z = 0.8 * (plan == "basic") - 0.25 * (visits - 4) + 0.02 * (age - 45) + 0.5 * (calls - 1) - 0.02 * (tenure - 30)
    z += 0.5 * np.log(spend / 20) + 0.3 * (region == "north")
    y = (rng.random(n) < logistic(offset + strength * z)).astype(np.int8)
    columns: dict[str, Values] = {
        "spend": numbers(spend.round(2)),
        "visits": numbers(visits),
        "age": numbers(age.round(1)),
        "plan": levels(plan),
        "region": levels(region),
        "calls": numbers(calls),
        "tenure": numbers(tenure.round(2)),
    }
    for i in range(noise):
        columns[f"n{i}"] = numbers(rng.normal(size=n).round(3))
    if cities:
        columns["city"] = levels(np.array([f"c{i}" for i in rng.zipf(1.6, n) % cities], object))
    if missing:
        for values in columns.values():
            gaps = rng.random(n) < missing
            values.data[gaps] = -1 if values.kind is Kind.CATEGORY else np.nan
    return Clients(columns, y, np.array([f"k{i:05d}" for i in rng.permutation(n)], object))


# -- shoppers ------------------------------------------------------------------------------------------------------------


@dataclass
class Shoppers:
    """Rows of shoppers at the beginnings of months, in order of (customer, month).

    Attributes:
        orders: Orders of every shopper in every month, shape (shoppers, months).
        person: Of each row, shape (n,).
        month: Of each row.
        columns: Features by name: those of :data:`HISTORY`, and columns of the undated table ``clients``.
        labels: No order in the month that begins.
    """

    orders: np.ndarray
    person: np.ndarray
    month: np.ndarray
    columns: dict[str, Values]
    labels: np.ndarray

    def made(self, undated: tuple[str, ...] = ()) -> TrainingSet:
        orders = Events("orders", key="client", time="at", id="order")
        people = Table("people", key="client", known_at="since")
        undated_table = Table("clients", key="client")
        history = [
            orders.count(days(30)).named("count_30"),
            orders.count(days(90)).named("count_90"),
            orders["amount"].sum(days(90)).named("amount_90"),
            orders.days_since_last().named("days_since"),
            people["country"].named("country"),
        ]
        schema = {
            "orders": {"amount": Kind.NUMBER, "at": Kind.TIME, "client": Kind.CATEGORY},
            "people": {"country": Kind.CATEGORY, "since": Kind.TIME, "client": Kind.CATEGORY},
            "clients": {name: self.columns[name].kind for name in undated} | {"client": Kind.CATEGORY},
        }
        score = Score(
            "churn",
            moments=every(days(30)),
            outcome=orders.count(next=days(30)) == 0,
            features=[*history, *(undated_table[name].named(name) for name in undated)],
            decision=CAMPAIGN,
        ).bound(schema)
        names = [feature.name for feature in score.bound_features]
        keys = np.array([f"c{i:05d}" for i in self.person], object)
        moments = START + self.month.astype(np.int64) * MONTH
        return training_set(score, schema, {n: self.columns[n] for n in names}, {}, self.labels, keys, moments)


def shoppers(
    people: int = 500, months: int = 14, seed: int = 0, *, season: float = 0.0, leave: float = 0.04
) -> Shoppers:
    """Shoppers who order at a rate of their own until they leave for good, more at some times of the year than others."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.5, 0.9, people)
    gone = rng.geometric(leave, people)
    total = months + 4
    month = np.arange(total)
    alive = month[None, :] < gone[:, None]
    level = rate[:, None] * (1 + season * np.sin(2 * np.pi * month / 12))[None, :]
    return described(rng.poisson(level * alive), rng)


def dozers(people: int = 500, months: int = 15, seed: int = 0) -> Shoppers:
    """Shoppers who doze off and wake up again: what they do tells of the next months and little of the next year."""
    rng = np.random.default_rng(seed)
    awake = np.empty((people, months + 4), bool)
    awake[:, 0] = rng.random(people) < 0.6
    for month in range(1, months + 4):
        awake[:, month] = np.where(rng.random(people) < 0.85, awake[:, month - 1], rng.random(people) < 0.6)
    return described(rng.poisson(1.6 * awake), rng)


def described(orders: np.ndarray, rng: np.random.Generator) -> Shoppers:
    """Rows for everybody who ordered in the three months before, with what their orders up to then say."""
    people, total = orders.shape
    amounts = np.where(orders > 0, orders * rng.gamma(4, 8, orders.shape), 0.0).round(2)
    country = rng.integers(0, 3, people)
    rows = [(i, m) for i in range(people) for m in range(3, total - 1) if orders[i, m - 3 : m].sum()]
    person, at_month = (np.array(column) for column in zip(*rows, strict=True))
    window = [orders[person, at_month - k] for k in (1, 2, 3)]
    spent = sum(amounts[person, at_month - k] for k in (1, 2, 3))
    last = np.select([window[0] > 0, window[1] > 0], [0, 1], 2) * 30 + rng.uniform(0, 30, len(person))
    columns = {
        "count_30": numbers(window[0]),
        "count_90": numbers(sum(window)),
        "amount_90": numbers(spent),
        "days_since": numbers(last),
        "country": Values(Kind.CATEGORY, country[person].astype(np.int32), ("DE", "FR", "IT")),
    }
    labels = (orders[person, at_month] == 0).astype(np.int8)
    return Shoppers(orders, person, at_month, columns, labels)


# -- leads ---------------------------------------------------------------------------------------------------------------


def leads(n: int = 2500, seed: int = 0, *, capacity: int | None = None, base: float = -2.0) -> TrainingSet:
    """Leads scored one by one as they come in; the outcome is known ten days later."""
    rng = np.random.default_rng(seed)
    source = Events("leads", key="lead", time="submitted_at", id="lead")
    deals = Events("deals", key="lead", time="won_at", id="lead")
    kinds = {"budget": Kind.NUMBER, "staff": Kind.NUMBER, "channel": Kind.CATEGORY, "hour": Kind.NUMBER}
    budget, staff = rng.gamma(2, 100, n).round(), rng.lognormal(3, 1, n).round() + 1
    channel, hour = rng.choice(["ad", "fair", "web", "partner"], n), rng.integers(0, 24, n)
    z = base + 0.006 * (budget - 200) + 1.2 * (channel == "partner") + 0.4 * np.log(staff / 20)
    score = Score(
        "lead",
        moments=at(source),
        outcome=deals.count(next=days(10)) > 0,
        features=[source[name].at_moment() for name in kinds],
        decision=Lead(contact_cost=12, deal_value=50, capacity=capacity),
    ).bound({"leads": {**kinds, "submitted_at": Kind.TIME}, "deals": {"won_at": Kind.TIME}})
    columns = (numbers(budget), numbers(staff), levels(channel), numbers(hour))
    features = dict(zip((f.name for f in score.bound_features), columns, strict=True))
    return training_set(
        score,
        {"leads": {**kinds, "submitted_at": Kind.TIME}, "deals": {"won_at": Kind.TIME}},
        features,
        {},
        rng.random(n) < logistic(z),
        np.array([f"l{i:05d}" for i in range(n)], object),
        np.sort(START + rng.integers(0, 400 * DAY, n)),
    )


def with_labels(data: TrainingSet, labels: np.ndarray) -> TrainingSet:
    return replace(data, labels=labels.astype(np.int8))


# -- what the checks say -------------------------------------------------------------------------------------------------


def findings_of(data: TrainingSet, split: Split | None = None, options: TrainOptions = QUICK) -> list[Finding]:
    """All that the checks say of *data*: of its rows, and of a logistic regression beside the dummy.

    What a training does besides (search, explanations, bundle) has no part in it and is left out.
    """
    with threadpool_limits(1):  # hundreds of small fits: threads would only wait for each other
        return _findings_of(data, split, options)


def _findings_of(data: TrainingSet, split: Split | None, options: TrainOptions) -> list[Finding]:
    task = Task.of(data, options, split)
    found = check_rows(data, task.rows, task.payoff, task.split)
    part, fit = task.train, FitOptions(options.seed, 1, options.row_budget)
    tried = []
    for candidate in chosen_candidates(options.models, has_rule=False):
        cv = cross_validate(candidate, part.rows, part.payoff, task.folds, part.capacity, fit)
        tried.append(Tried(candidate, cv, candidate.fit(part.rows, fit), 0.0))
    winner, _ = choose_winner(
        {one.candidate.name: one.candidate for one in tried},
        {one.candidate.name: one.cv for one in tried},
        part.customers,
    )
    results = [as_tested(one, task) for one in tried]
    best = next(result for result in results if result.name == winner)
    test = task.test
    strategies = compare_strategies(
        best.probability_test,
        test.act(best.probability_test, best.min_gain),
        test.rows.labels,
        test.payoff,
        test.capacity,
        rule=None,
        rule_probability=None,
        seed=options.seed,
    )
    kind = type(data.score.decision).__name__.lower()
    return found + check_result(results, best, strategies, Evidence(), kind=kind, payoff=test.payoff, before=found)

"""Ten clean training sets, on which no check cries, and twenty spoilt ones, on which the right check does and no other.

Notes are worth knowing and no alarm: they are not counted, but where a problem calls for one it is asked for.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vigie import Campaign, Lead, Loan
from vigie.errors import TrainingError
from vigie.features.training_set import TrainingSet
from vigie.features.values import Kind, Values
from vigie.findings import Finding, Severity
from vigie.training.checks.before import check_rows
from vigie.training.split import Split
from vigie.training.task import Task

# The worlds lie beside this file, in a folder that is no package.
_spec = importlib.util.spec_from_file_location("planted", Path(__file__).with_name("planted.py"))
assert _spec is not None and _spec.loader is not None
world = sys.modules["planted"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(world)

SEEDS = (0, 1, 2)


def alarms(found: list[Finding]) -> set[str]:
    return {f.code for f in found if f.severity > Severity.NOTE}


# -- clean ---------------------------------------------------------------------------------------------------------------

CLEAN: dict[str, tuple[Callable[[int], TrainingSet], set[str]]] = {
    "clients": (lambda seed: world.clients(seed=seed).made(), set()),
    "few rows": (lambda seed: world.clients(600, seed, noise=0, offset=-0.5).made(), set()),
    "many features": (lambda seed: world.clients(2500, seed, noise=30).made(), set()),
    "rare outcome": (lambda seed: world.clients(6000, seed, offset=-3.6).made(), set()),
    "gaps": (lambda seed: world.clients(seed=seed, missing=0.15).made(), set()),
    "many levels": (lambda seed: world.clients(seed=seed, cities=400).made(), set()),
    "strong and honest": (lambda seed: world.clients(seed=seed, strength=2.6, offset=-2.0).made(), set()),
    "monthly": (lambda seed: world.shoppers(seed=seed).made(), set()),
    "seasons": (lambda seed: world.shoppers(seed=seed, season=0.15, months=20).made(), set()),
    "leads": (lambda seed: world.leads(seed=seed), set()),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_said_against_clean_data(name: str, seed: int) -> None:
    make, allowed = CLEAN[name]
    found = world.findings_of(make(seed))
    assert [f for f in found if f.severity is Severity.ERROR] == []
    assert alarms(found) <= allowed, found


# -- spoilt: a table -------------------------------------------------------------------------------------------------------


def with_column(name: str, values: Callable[[world.Clients, np.random.Generator], Values]):
    def make(seed: int) -> TrainingSet:
        data = world.clients(seed=seed)
        data.columns[name] = values(data, np.random.default_rng(seed + 100))
        return data.made()

    return make


def flipped(y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(y)) < share, 1 - y, y)


def leak(data: world.Clients, rng: np.random.Generator) -> Values:
    return world.numbers((rng.normal(size=len(data.labels)) + 2.05 * data.labels).round(3))


def near_copy(data: world.Clients, rng: np.random.Generator) -> Values:
    return world.numbers(5 + flipped(data.labels, 0.03, rng) * 20 + rng.uniform(0, 8, len(data.labels)))


def written_afterwards(data: world.Clients, rng: np.random.Generator) -> Values:
    y = data.labels
    told = (y == 1) & (rng.random(len(y)) < 0.35)
    return world.levels(np.where(told, "said goodbye", rng.choice(["mail", "phone", "shop"], len(y))))


def filled_in_when_they_left(data: world.Clients, rng: np.random.Generator) -> Values:
    there = rng.random(len(data.labels)) < np.where(data.labels == 1, 0.75, 0.35)
    return world.numbers(np.where(there, rng.integers(1, 6, len(there)), np.nan))


def account_number(data: world.Clients, rng: np.random.Generator) -> Values:
    return world.numbers(700_000 + rng.permutation(len(data.labels)))


def next_month(data: world.Clients, rng: np.random.Generator) -> Values:
    """The state of the account, with a name that says when it is of."""
    return world.levels(np.where(rng.random(len(data.labels)) < 0.25 + 0.5 * data.labels, "dormant", "open"))


def two_that_decide(seed: int) -> TrainingSet:
    """Delivered to the address on file or to another: only both columns together say it."""
    data = world.clients(seed=seed)
    rng = np.random.default_rng(seed + 100)
    billing = rng.integers(0, 50, len(data.labels))
    other = (billing + rng.integers(1, 50, len(billing))) % 50
    moved = flipped(data.labels, 0.01, rng) == 1
    data.columns["billing"] = world.levels(np.array([f"z{z}" for z in billing]))
    data.columns["delivery"] = world.levels(np.array([f"z{z}" for z in np.where(moved, other, billing)]))
    return data.made()


def running_number(seed: int) -> TrainingSet:
    """Numbers were given out in order of arrival, and those who came later leave more."""
    data = world.clients(seed=seed)
    order = np.argsort(data.labels + np.random.default_rng(seed + 100).normal(0, 1.2, len(data.labels)), kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    data.columns["lead_no"] = world.numbers(660_000 + rank)
    return data.made()


def shuffled(seed: int) -> TrainingSet:
    data = world.clients(seed=seed).made()
    return world.with_labels(data, np.random.default_rng(seed + 100).permutation(data.labels))


def under_two_keys(seed: int) -> TrainingSet:
    """One in five clients is there again under another key, and visited once more by then."""
    data = world.clients(1700, seed)
    rng = np.random.default_rng(seed + 100)
    again = data.take(rng.choice(1700, 340, replace=False))
    again.columns["visits"] = world.numbers(again.columns["visits"].data + 1)
    return joined(data, again)


def contradicting(seed: int) -> TrainingSet:
    """One in ten clients is there twice, once as having left and once not."""
    data = world.clients(1800, seed)
    again = data.take(np.random.default_rng(seed + 100).choice(1800, 180, replace=False))
    again.labels = 1 - again.labels
    return joined(data, again)


def joined(data: world.Clients, again: world.Clients) -> TrainingSet:
    return world.Clients(
        {name: Values.concat([values, again.columns[name]]) for name, values in data.columns.items()},
        np.concatenate([data.labels, again.labels]),
        np.concatenate([data.keys, np.array([f"x{i}" for i in range(len(again.keys))], object)]),
    ).made()


def decided_by(decision: object, **columns: Callable[[np.random.Generator, int], np.ndarray]):
    def make(seed: int) -> TrainingSet:
        data = world.clients(seed=seed)
        rng = np.random.default_rng(seed + 100)
        for name, draw in columns.items():
            data.columns[f"_{name}"] = world.numbers(draw(rng, len(data.labels)))
        table = world.Table("clients", key="id")
        data.decision = decision(table) if callable(decision) else decision  # type: ignore[assignment]
        return data.made()

    return make


def amounts(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.gamma(4, 30, n).round(2)


# -- spoilt: history ---------------------------------------------------------------------------------------------------------


def future_window(seed: int) -> TrainingSet:
    """Orders summed up by month and stamped with its middle: half of what was to be predicted is in the count."""
    data = world.shoppers(seed=seed)
    now, before = (data.orders[data.person, data.month - k] for k in (0, 1))
    rng = np.random.default_rng(seed + 100)
    half = rng.binomial(now, 0.75)
    data.columns["count_30"] = world.numbers(half + rng.binomial(before, 0.25))
    return data.made()


def of_the_export(seed: int) -> TrainingSet:
    """Mails opened in the month before the export, in a table that says nothing about time."""
    data = world.dozers(700, seed=seed)
    rng = np.random.default_rng(seed + 100)
    final = data.orders[:, -2:].sum(axis=1)
    data.columns["mails"] = world.numbers(rng.poisson(1 + 8 * (final > 0))[data.person])
    return data.made(undated=("mails",))


def dates_to_come(seed: int) -> TrainingSet:
    """The day an account was closed, read at months before it."""
    data = world.shoppers(seed=seed)
    rng = np.random.default_rng(seed + 100)
    idle = (data.orders > 0)[:, ::-1].argmax(axis=1)
    last = data.orders.shape[1] - idle
    closed = world.START + (last + 3) * world.MONTH + rng.integers(0, world.MONTH, len(idle))
    closes = (data.orders.sum(axis=1) > 0) & (idle > 4)
    data.columns["ended"] = Values(
        Kind.TIME, np.where(closes, closed, np.iinfo(np.int64).min).astype(np.int64)[data.person]
    )
    return data.made(undated=("ended",))


def broken_later(seed: int) -> TrainingSet:
    """From the first month of the test on, counts come from another system and mean nothing."""
    data = world.shoppers(seed=seed, people=700)
    late = data.month >= np.quantile(data.month, 0.79)
    rng = np.random.default_rng(seed + 100)
    for name in ("count_30", "count_90", "amount_90", "days_since"):
        values = data.columns[name].data
        values[late] = rng.permutation(values[late])
    return data.made()


def turned(seed: int) -> TrainingSet:
    """A column whose coding was reversed half way: 1 was a complaint, later 1 is none."""
    data = world.shoppers(seed=seed, people=1000)
    rng = np.random.default_rng(seed + 100)
    says = (rng.random(len(data.labels)) < 0.35 + 0.25 * data.labels).astype(float)
    middle = np.quantile(data.month, 0.4)
    data.columns["country"] = Values(
        Kind.CATEGORY, np.where(data.month < middle, says, 1 - says).astype(np.int32), ("DE", "FR")
    )
    return data.made()


def silent(seed: int) -> TrainingSet:
    """Deals were recorded from the second month on only."""
    data = world.leads(3000, seed)
    return world.with_labels(data, data.labels * (data.moments > np.quantile(data.moments, 0.12)))


def renamed(seed: int) -> TrainingSet:
    """Two channels have other names since shortly after the test began."""
    data = world.leads(seed=seed)
    name = next(name for name in data.features if "channel" in name)
    values = data.features[name]
    late = data.moments >= np.quantile(data.moments, 0.82)
    text = values.strings().astype(str)
    text = np.where(late & (text == "web"), "www", np.where(late & (text == "fair"), "exhibition", text))
    return replace(data, features={**data.features, name: world.levels(text)})


PLANTED: dict[str, tuple[Callable[[int], TrainingSet], set[str]]] = {
    "leaky column": (with_column("called", leak), {"VGL001"}),
    "near-duplicate of the target under noise": (with_column("balance", near_copy), {"VGL007"}),
    "a remark written afterwards": (with_column("remark", written_afterwards), {"VGL002"}),
    "a survey for those who left": (with_column("survey", filled_in_when_they_left), {"VGL003"}),
    "a status of a later day": (with_column("status", next_month), {"VGL004"}),
    "two columns that decide together": (two_that_decide, {"VGL008"}),
    "an account number": (with_column("account_no", account_number), {"VGT004"}),
    "a running number": (running_number, {"VGL009"}),
    "shuffled labels": (shuffled, {"VGT021"}),
    "clients under two keys": (under_two_keys, {"VGT014"}),
    "copies that contradict each other": (contradicting, {"VGT016"}),
    "a window of the future": (future_window, {"VGL011"}),
    "values of the day of the export": (of_the_export, {"VGL012"}),
    "dates to come": (dates_to_come, {"VGL010"}),
    "a source that broke": (broken_later, {"VGT022"}),
    "a coding that was turned": (turned, {"VGT020"}),
    "an outcome not recorded at first": (silent, {"VGT018"}),
    "renamed levels": (renamed, {"VGT013"}),
    "an action that never pays": (
        decided_by(Campaign(contact_cost=50, offer_cost=10, accepted=0.1, customer_value=60)),
        {"VGE004"},
    ),
    "losses entered as gains": (
        decided_by(lambda t: Loan(amount=t["_amount"], interest=0.1), amount=lambda rng, n: -amounts(rng, n)),
        {"VGE005"},
    ),
    "cents beside thousands": (decided_by(Lead(contact_cost=0.001, deal_value=90_000)), {"VGE006"}),
    "clients of unknown worth": (
        decided_by(
            lambda t: Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=t["_worth"]),
            worth=lambda rng, n: np.where(rng.random(n) < 0.05, np.nan, amounts(rng, n)),
        ),
        {"VGE003"},
    ),
}


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize("name", PLANTED)
def test_the_right_code_is_said_and_no_other(name: str, seed: int) -> None:
    make, expected = PLANTED[name]
    assert alarms(world.findings_of(make(seed))) == expected


# -- what cannot be trained ----------------------------------------------------------------------------------------------


def test_a_constant_target_is_refused() -> None:
    data = world.clients().made()
    with pytest.raises(TrainingError, match="the outcome is true on all 2,000 rows"):
        world.findings_of(world.with_labels(data, np.ones(2000)))


@pytest.mark.parametrize("seed", SEEDS)
def test_twelve_positives(seed: int) -> None:
    data = world.clients(seed=seed).made()
    rng = np.random.default_rng(seed)
    positives = rng.choice(2000, 12, replace=False)
    with pytest.raises(TrainingError, match="3 rows with the outcome true"):
        world.findings_of(world.with_labels(data, np.isin(np.arange(2000), positives)))
    # Where both parts can have some: an error that keeps the model from becoming champion.
    task = Task.of(world.with_labels(data, np.isin(np.arange(2000), positives)), replace(world.QUICK, split=0.5))
    found = check_rows(data, task.rows, task.payoff, task.split)
    assert alarms(found) == {"VGT002"}
    assert max(f.severity for f in found) is Severity.ERROR


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_customers_on_both_sides_are_found_and_shown_to_be_known_again(seed: int) -> None:
    """Four rows of each client, dealt to both parts row by row."""
    data = world.clients(500, seed)
    four = data.take(np.repeat(np.arange(500), 4))
    rng = np.random.default_rng(seed)
    four.columns["n0"] = world.numbers(rng.normal(size=2000))
    made = four.made()
    test = rng.random(2000) < 0.25
    good = Task.of(made, world.QUICK)
    split = Split(np.flatnonzero(~test), np.flatnonzero(test), good.split.description)
    wrong = check_rows(made, good.rows, good.payoff, split)
    assert alarms(wrong) == {"VGT015", "VGT019"}
    assert alarms(check_rows(made, good.rows, good.payoff, good.split)) == set()

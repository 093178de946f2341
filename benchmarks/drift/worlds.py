"""Worlds in which nothing changes, and the faults that are planted in them.

A world gives rows of a day: customers, columns, outcome. Customers come back: some every day, most now and then.
"""

from __future__ import annotations

import csv
import gzip
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
NUMBERS, CATEGORIES = 30, 10
FACTORS = 5
SEGMENT = 1
"""Category of ``c0`` whose customers, a quarter, have the outcome more often than others."""


@dataclass(frozen=True)
class Fault:
    """What changes, and from which day on.

    Attributes:
        day: First day.
        shift: Added to a number, in standard deviations.
        new: Share of the rows that get a category that was never there.
        nulls: How many times as many values of a number are missing.
        outcome: Share of the outcomes 0 that become 1.
        flip: Whether those with the category 1 of ``c0`` turn out the other way round: who had more than the usual chance has less by as much. Nothing
            else changes; in :class:`Generated` alone.
    """

    day: int = 10**9
    shift: float = 0.0
    new: float = 0.0
    nulls: float = 1.0
    outcome: float = 0.0
    flip: bool = False


@dataclass
class Rows:
    """Rows of a day: numbers as float64 (NaN is null), categories as int codes (−1 is null), outcomes 0 and 1."""

    customers: Array
    numbers: dict[str, Array]
    categories: dict[str, Array]
    outcome: Array

    def take(self, index: Array) -> Rows:
        """Those at *index*."""
        return Rows(
            self.customers[index],
            {name: one[index] for name, one in self.numbers.items()},
            {name: one[index] for name, one in self.categories.items()},
            self.outcome[index],
        )

    def __len__(self) -> int:
        return len(self.customers)


def together(parts: list[Rows]) -> Rows:
    """One behind the other."""
    return Rows(
        np.concatenate([one.customers for one in parts]),
        {name: np.concatenate([one.numbers[name] for one in parts]) for name in parts[0].numbers},
        {name: np.concatenate([one.categories[name] for one in parts]) for name in parts[0].categories},
        np.concatenate([one.outcome for one in parts]),
    )


def faulty(rows: Rows, fault: Fault, scale: dict[str, float], chance: np.random.Generator) -> Rows:
    """*rows* with a fault in the first number and the first category."""
    numbers, categories, outcome = dict(rows.numbers), dict(rows.categories), rows.outcome.copy()
    first, category = next(iter(numbers)), next(iter(categories))
    if fault.shift:
        numbers[first] = numbers[first] + fault.shift * scale[first]
    if fault.nulls > 1:
        share = np.isnan(numbers[first]).mean() or 0.02
        extra = (fault.nulls - 1) * share / (1 - share)
        numbers[first] = np.where(chance.random(len(rows)) < extra, np.nan, numbers[first])
    if fault.new:
        categories[category] = np.where(chance.random(len(rows)) < fault.new, 10_000, categories[category])
    if fault.outcome:
        outcome = np.where((outcome == 0) & (chance.random(len(rows)) < fault.outcome), 1, outcome)
    return Rows(rows.customers, numbers, categories, outcome)


@dataclass
class Generated:
    """40 features that go together by five factors, with a week: on Saturdays and Sundays ten of them lie 0.4 σ higher, and others ask.

    Attributes:
        seed: Of everything.
        base: Customers.
        a_day: Requests on a working day; half as many at weekends.
    """

    seed: int
    base: int = 10_000
    a_day: int = 400
    fault: Fault = field(default_factory=Fault)

    def __post_init__(self) -> None:
        chance = np.random.default_rng([self.seed, 0])
        self._loads = chance.normal(0, 0.6, (FACTORS, NUMBERS))
        self._latent = chance.normal(size=(self.base, FACTORS)) @ self._loads + 0.8 * chance.normal(
            size=(self.base, NUMBERS)
        )
        weights = chance.lognormal(0, 0.8, self.base)
        other = chance.lognormal(0, 0.8, self.base)
        self._who = [one / one.sum() for one in (weights, 0.5 * weights + 0.5 * other)]
        self._kinds = [
            chance.choice(k, self.base, p=(w := 1 / np.arange(1, k + 1) ** 1.1) / w.sum())
            for k in range(3, 3 + 3 * CATEGORIES, 3)
        ]
        self._chance = np.random.default_rng([self.seed, 1])

    def day(self, day: int) -> Rows:
        """Rows of the day."""
        weekend = day % 7 >= 5
        rows = self.a_day // 2 if weekend else self.a_day
        return self._rows(self._chance.poisson(rows), day)

    def _rows(self, rows: int, day: int) -> Rows:
        chance, weekend = self._chance, day % 7 >= 5
        who = chance.choice(self.base, rows, p=self._who[int(weekend)])
        z = self._latent[who] + 0.3 * chance.normal(size=(rows, NUMBERS))
        z[:, :10] += 0.4 * weekend
        numbers = {}
        for i in range(NUMBERS):
            x = z[:, i]
            if i % 3 == 1:
                x = np.exp(x)
            elif i % 3 == 2:
                x = np.floor(np.exp(0.7 * x) * 3)
            numbers[f"n{i}"] = np.where(chance.random(rows) < 0.02, np.nan, x) if i % 2 == 0 else x
        categories = {f"c{i}": one[who].copy() for i, one in enumerate(self._kinds)}
        more = 0.5 * z[:, 3] - 0.4 * z[:, 4] + 0.7 * (categories["c0"] == SEGMENT)
        if day >= self.fault.day and self.fault.flip:
            more = np.where(categories["c0"] == SEGMENT, -more, more)
        p = 1 / (1 + np.exp(1.75 - more))
        found = Rows(who, numbers, categories, (chance.random(rows) < p).astype(int))
        if day >= self.fault.day:
            scale = {"n0": float(z[:, 0].std())}
            return faulty(found, self.fault, scale, chance)
        return found

    def reference(self) -> Rows:
        """20,000 rows of the half year before."""
        per_day = 20_000 // 180
        return together([self._rows(per_day, day) for day in range(-182, -2)])


@dataclass
class Resampled:
    """Rows of a table: those of one half of its customers are the reference, of the other half rows are drawn for every day.

    Attributes:
        rows: All of them.
        seed: Of the halves and the draws.
        a_day: Requests.
    """

    rows: Rows
    seed: int
    a_day: int = 200
    fault: Fault = field(default_factory=Fault)

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng([self.seed, 2])
        customers = np.unique(self.rows.customers)
        old = np.isin(self.rows.customers, self._chance.permutation(customers)[: len(customers) // 2])
        self._old, self._new = np.flatnonzero(old), np.flatnonzero(~old)

    def day(self, day: int) -> Rows:
        """Rows of the day."""
        found = self.rows.take(self._chance.choice(self._new, self._chance.poisson(self.a_day)))
        if day >= self.fault.day:
            scale = {name: float(np.nanstd(one)) for name, one in self.rows.numbers.items()}
            return faulty(found, self.fault, scale, self._chance)
        return found

    def reference(self) -> Rows:
        """The other half."""
        return self.rows.take(self._old)


def telco(folder: Path) -> Rows:
    """IBM's customers of a telephone company, 7,043."""
    with (folder / "telco_churn.csv").open(encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    return _table(told, ["tenure", "MonthlyCharges", "TotalCharges"], ["customerID"], "Churn", "Yes")


def bank(folder: Path) -> Rows:
    """Calls of a bank, 41,188, in order of date."""
    with gzip.open(folder / "bank_additional_full.csv.gz", "rt", encoding="utf-8") as file:
        told = list(csv.DictReader(file, delimiter=";"))
    numbers = [
        "age",
        "campaign",
        "pdays",
        "previous",
        "emp.var.rate",
        "cons.price.idx",
        "cons.conf.idx",
        "euribor3m",
        "nr.employed",
    ]
    return _table(told, numbers, ["duration"], "y", "yes")


def shop(seed: int, customers: int = 4_000) -> Rows:
    """Customers of the generated shop with the features of its churn score, on the first of four months behind a year of history.

    Where rows are drawn from all of them whatever the day, the shop's season and the ageing of its base are no drift.
    """
    from vigie import every
    from vigie.definition import Kind
    from vigie.definition.score import replace_score
    from vigie.features.training_set import build_training_set

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "estimates"))
    from replay import shop_project

    with tempfile.TemporaryDirectory() as name:
        project, declared = shop_project(Path(name) / "shop", seed, customers)
        schema = project.schema(declared)
        monthly = replace_score(declared, moments=every("month", start="2025-02-01", end="2025-05-01")).bound(schema)
        found = build_training_set(monthly, project.lake, schema, as_of=project.clock.now())
    kinds = {name: one.kind for name, one in found.features.items()}
    return Rows(
        np.unique(found.customers, return_inverse=True)[1],
        {
            name: np.asarray(one.data, np.float64)
            for name, one in found.features.items()
            if kinds[name] in (Kind.NUMBER, Kind.BOOLEAN)
        },
        {name: np.asarray(one.data) for name, one in found.features.items() if kinds[name] is Kind.CATEGORY},
        found.labels.astype(int),
    )


def _table(told: list[dict[str, str]], numbers: list[str], without: list[str], outcome: str, yes: str) -> Rows:
    def number(text: str) -> float:
        return float(text) if text.strip() else float("nan")

    categories = [name for name in told[0] if name not in (*numbers, *without, outcome)]
    return Rows(
        np.arange(len(told)),
        {name: np.array([number(one[name]) for one in told]) for name in numbers},
        {name: np.unique([one[name] for one in told], return_inverse=True)[1] for name in categories},
        np.array([one[outcome] == yes for one in told]).astype(int),
    )

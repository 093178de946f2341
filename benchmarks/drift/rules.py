"""Rules that are given a reference and the rows of each day, and say what rings: Vigie's, and the peers' defaults.

The peers' rules are written here from their source, so that hundreds of replays take minutes; ``check_peers.py`` holds them to the
packages themselves.

- Evidently 0.7.23, ``DataDriftPreset`` with a reference above 1,000 rows: a number with more than five values has drifted if
  Wasserstein's distance / std of the reference ≥ 0.1, another column if Jensen and Shannon's distance (base e) ≥ 0.1. The data set has
  drifted if half of the columns have. Nulls are left out.
- NannyML 0.13.1, ``UnivariateDriftCalculator``: Jensen and Shannon's distance (base 2), numbers in Doane's bins of the reference; rings
  above mean + 3 standard deviations of the distances of ten chunks of the reference. Its chunks here have as many rows as the
  window that is looked at: larger ones would make it ring more often.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon
from worlds import Rows, together

from vigie.bundle import profile_of
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.watch.drift import Memo, drift
from vigie.watch.drift_policy import DriftPolicy
from vigie.watch.profile import Layout, Profile, reference_of

Array = np.ndarray[Any, np.dtype[Any]]


def columns_of(rows: Rows) -> dict[str, Values]:
    """What Vigie reads."""
    found = {name: Values(Kind.NUMBER, one) for name, one in rows.numbers.items()}
    for name, codes in rows.categories.items():
        texts, inner = np.unique(codes, return_inverse=True)
        found[name] = Values(Kind.CATEGORY, inner.astype(np.int32), tuple(f"v{one}" for one in texts.tolist()))
    return found


def score_of(rows: Rows, weights: dict[str, tuple[float, float]]) -> Array:
    """A score of the first five numbers: what a model would make of them."""
    z = sum(np.nan_to_num((rows.numbers[name] - mean) / std) for name, (mean, std) in weights.items())
    return np.asarray(1 / (1 + np.exp(1.5 - 0.4 * z)))


class Vigie:
    """The product: profiles of days, and its verdict each day."""

    def __init__(self, reference: Rows, policy: DriftPolicy) -> None:
        first = list(reference.numbers)[:5]
        self.weights = {
            n: (float(np.nanmean(reference.numbers[n])), float(np.nanstd(reference.numbers[n])) or 1.0) for n in first
        }
        p = score_of(reference, self.weights)
        self.cut = float(np.quantile(p, 0.8))
        told = profile_of(
            columns_of(reference), p, customers=reference.customers.astype(str), acted=p >= self.cut,
            outcome=reference.outcome > 0,
        )  # fmt: skip
        self.layout, self.policy = Layout.of(told), policy
        self.basis = reference_of(self.layout, told)
        self.days: dict[int, Profile] = {}
        self.outcomes: dict[int, Profile] = {}
        self.memo: Memo = {}

    def add(self, day: int, rows: Rows) -> None:
        p = score_of(rows, self.weights)
        names = rows.customers.astype(str).tolist()
        self.days[day] = self.layout.count(columns_of(rows), names, p, (p >= self.cut).astype(float))
        self.outcomes[day] = self.layout.count({}, names, outcome=rows.outcome.astype(float))

    def rings(self, today: int) -> set[str]:
        kept, outcomes = (
            {day: one for day, one in days.items() if day >= today - 42} for days in (self.days, self.outcomes)
        )
        said = drift(
            self.layout,
            self.basis,
            kept,
            today,
            score="s",
            model="1",
            policy=self.policy,
            outcomes=outcomes,
            memo=self.memo,
        )
        return {f"{one.code} {one.subject}" for one in said if one.rings}


class Evidently:
    """Its default, over the rows of the last *window* days."""

    def __init__(self, reference: Rows, window: int) -> None:
        self.window, self.rows = window, dict[int, Rows]()
        self.numbers = {name: np.sort(one[~np.isnan(one)]) for name, one in reference.numbers.items()}
        self.categories = {**reference.categories, "outcome": reference.outcome}

    def add(self, day: int, rows: Rows) -> None:
        self.rows[day] = rows

    def drifted(self, today: int) -> set[str]:
        rows = together([self.rows[day] for day in range(today - self.window, today) if day in self.rows])
        found = set()
        for name, reference in self.numbers.items():
            live = np.sort(rows.numbers[name][~np.isnan(rows.numbers[name])])
            if not len(live):
                continue
            if len(np.unique(np.concatenate([reference[:: max(len(reference) // 500, 1)], live]))) <= 5:
                distance = jensen(reference, live, None)
            else:
                distance = wasserstein_sorted(reference, live) / max(float(reference.std()), 0.001)
            if distance >= 0.1:
                found.add(name)
        for name, reference in self.categories.items():
            live = rows.outcome if name == "outcome" else rows.categories[name]
            if jensen(reference, live, None) >= 0.1:
                found.add(name)
        return found

    def share(self, today: int) -> float:
        return len(self.drifted(today)) / (len(self.numbers) + len(self.categories))


class NannyML:
    """Its default, over the rows of the last *window* days."""

    def __init__(self, reference: Rows, window: int, rows: int, seed: int) -> None:
        self.window, self.rows = window, dict[int, Rows]()
        chance = np.random.default_rng([seed, 9])
        self.columns: dict[str, tuple[Array, Array, float]] = {}
        chunks = [chance.choice(len(reference), min(rows, len(reference) // 3), replace=False) for _ in range(10)]
        every = {**reference.numbers, **reference.categories, "outcome": reference.outcome}
        for name, values in every.items():
            known = values[~np.isnan(values)] if name in reference.numbers else values
            if name in reference.numbers:
                bins = np.histogram_bin_edges(known, bins="doane")
                bins = bins if len(bins) <= 51 else np.histogram_bin_edges(known, bins=50)
            else:
                bins = np.unique(known)
            shares = self._shares(known, bins, name in reference.numbers)
            told = [
                jensenshannon(shares, self._shares(values[one], bins, name in reference.numbers), base=2)
                for one in chunks
            ]
            self.columns[name] = bins, shares, float(np.mean(told) + 3 * np.std(told))
        self.numbers = set(reference.numbers)

    @staticmethod
    def _shares(values: Array, bins: Array, number: bool) -> Array:
        if number:
            values = values[~np.isnan(values)]
            counts = np.histogram(values, bins=bins)[0]
        else:
            counts = np.bincount(np.searchsorted(bins, values[np.isin(values, bins)]), minlength=len(bins))
        # What lies outside is a cell of its own.
        return np.append(counts, len(values) - counts.sum()) / max(len(values), 1)

    def add(self, day: int, rows: Rows) -> None:
        self.rows[day] = rows

    def drifted(self, today: int) -> set[str]:
        rows = together([self.rows[day] for day in range(today - self.window, today) if day in self.rows])
        every = {**rows.numbers, **rows.categories, "outcome": rows.outcome}
        return {
            name
            for name, (bins, shares, limit) in self.columns.items()
            if jensenshannon(shares, self._shares(every[name], bins, name in self.numbers), base=2) > limit
        }


def jensen(reference: Array, live: Array, base: float | None) -> float:
    """Of two columns of codes."""
    values = np.unique(np.concatenate([reference, live]))
    counts = [np.bincount(np.searchsorted(values, one), minlength=len(values)) / len(one) for one in (reference, live)]
    return float(np.nan_to_num(jensenshannon(*counts, base)))


def wasserstein_sorted(a: Array, b: Array) -> float:
    """Of two increasing arrays; SciPy's, without sorting the reference every day."""
    values = np.sort(np.concatenate([a, b]), kind="stable")
    apart = np.searchsorted(a, values[:-1], "right") / len(a) - np.searchsorted(b, values[:-1], "right") / len(b)
    return float((np.abs(apart) * np.diff(values)).sum())

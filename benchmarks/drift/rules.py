"""Rules that are given a reference and the rows of each day, and say what rings: Vigie's, and the peers' defaults.

The peers' rules are written here from their source, so that hundreds of replays take minutes; ``check_peers.py`` holds them to the
packages themselves.

- Evidently 0.7.23, ``DataDriftPreset`` with a reference above 1,000 rows: a number with more than five values has drifted if
  Wasserstein's distance / std of the reference ≥ 0.1, another column if Jensen and Shannon's distance (base e) ≥ 0.1. The data set has
  drifted if half of the columns have. Nulls are left out.
- NannyML 0.13.1, ``UnivariateDriftCalculator``: Jensen and Shannon's distance (base 2), numbers in Doane's bins of the reference; rings
  above mean + 3 standard deviations of the distances of ten chunks of the reference. Its chunks here have as many rows as the
  window that is looked at: larger ones would make it ring more often.
- With outcomes: Evidently's ``ClassificationPreset`` with its tests, and NannyML's realised and estimated ROC AUC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import ndtri
from scipy.stats import rankdata
from worlds import Rows, together

from vigie.bundle import profile_of
from vigie.clock import DAY
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.watch.concept import ALL, Bet, Seen, bet, group_features, groups_of, seen, verdicts
from vigie.watch.drift import Memo, drift
from vigie.watch.drift_policy import DriftPolicy
from vigie.watch.estimate import expected_of
from vigie.watch.profile import Layout, Profile, reference_of
from vigie.watch.realised import GROUPS, figures_of, realised, tally
from vigie.watch.realised_signals import Performance, signals_of

Array = np.ndarray[Any, np.dtype[Any]]


def columns_of(rows: Rows) -> dict[str, Values]:
    """What Vigie reads."""
    found = {name: Values(Kind.NUMBER, one) for name, one in rows.numbers.items()}
    for name, codes in rows.categories.items():
        texts, inner = np.unique(codes, return_inverse=True)
        found[name] = Values(Kind.CATEGORY, inner.astype(np.int32), tuple(f"v{one}" for one in texts.tolist()))
    return found


class Model:
    """A model that is calibrated on the reference: a logistic regression of its first five numbers and its first category.

    Numbers are taken by their rank in the reference, as normal scores, so that their shape does not matter, with a level of its own for each quarter and for what is
    missing: so it is calibrated on all groups that are watched, and what rings of these where nothing changes is a false alarm.

    Args:
        reference: Rows with their outcomes.
    """

    def __init__(self, reference: Rows) -> None:
        from sklearn.linear_model import LogisticRegression

        self.category = next(iter(reference.categories))
        self.kinds = np.unique(reference.categories[self.category])
        ranks = np.linspace(0.001, 0.999, 999)
        self.normal = ndtri(ranks)
        self.cells = {name: np.nanquantile(reference.numbers[name], ranks) for name in list(reference.numbers)[:5]}
        x = self._inputs(reference)
        self.fitted = LogisticRegression(C=100.0, max_iter=1000).fit(x, reference.outcome)
        weights = np.abs(self.fitted.coef_[0]) * x.std(axis=0)
        self.importance = {name: float(weights[5 * i : 5 * i + 5].max()) for i, name in enumerate(self.cells)}
        self.importance[self.category] = float(weights[5 * len(self.cells) :].max(initial=0.0))

    def _inputs(self, rows: Rows) -> Array:
        columns = []
        for name, cells in self.cells.items():
            # Where many rows have one value its middle rank counts.
            low, high = (np.searchsorted(cells, rows.numbers[name], side=side) for side in ("left", "right"))
            middle = self.normal[np.clip((low + high) // 2, 0, len(self.normal) - 1)]
            there = ~np.isnan(rows.numbers[name])
            columns.append(np.where(there, middle, 0.0))
            columns += [there & (middle >= border) for border in ndtri([0.25, 0.5, 0.75])]
            columns.append(~there)
        codes = rows.categories[self.category]
        return np.column_stack([*columns, *(codes == one for one in self.kinds[1:])])

    def score(self, rows: Rows) -> Array:
        """Probabilities, shape (n,)."""
        return np.asarray(self.fitted.predict_proba(self._inputs(rows))[:, 1])


class Vigie:
    """The product's drift: profiles of days, and its verdict each day."""

    def __init__(self, reference: Rows, policy: DriftPolicy, model: Model) -> None:
        self.model = model
        p = model.score(reference)
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
        self.profile = told

    def add(self, day: int, rows: Rows) -> None:
        p = self.model.score(rows)
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


class VigiePerformance:
    """The product's signals of performance, as outcomes become known: what fell, and who turns out otherwise than the score says.

    Args:
        reference: Rows with their outcomes.
        profile: The bundle's.
        model: That answers.
        cut: Score from which it acts.
    """

    WINDOW = 28

    def __init__(self, reference: Rows, profile: dict[str, Any], model: Model, cut: float) -> None:
        self.model, self.cut, self.profile = model, cut, profile
        told = {name: {"drop": one} for name, one in model.importance.items()}
        self.by = group_features(told, profile)
        p = model.score(reference)
        figures = realised(reference.outcome.astype(float), p, p >= cut)
        self.test = {name: one.value for name, one in figures.figures.items()} | {
            "n": float(len(p)),
            "positives": float(reference.outcome.sum()),
        }
        self.bets: dict[str, Bet] = {}
        self.days: dict[int, tuple[Any, dict[str, Seen], dict[str, float], int]] = {}

    def add(self, day: int, rows: Rows) -> None:
        p, y = self.model.score(rows), rows.outcome.astype(float)
        act = p >= self.cut
        columns = columns_of(rows)
        groups = {
            ALL: np.ones(len(p), bool),
            **groups_of({name: columns[name] for name in self.by}, self.profile),
        }
        window = {}
        for name, mask in groups.items():
            self.bets[name] = bet(self.bets.get(name, Bet()), y[mask], p[mask], day * DAY)
            window[name] = seen(y[mask], p[mask])
        self.days[day] = (
            tally(y, p, act, None, rows.customers % GROUPS, count=GROUPS), window, expected_of(p, act), len(p),
        )  # fmt: skip

    def rings(self, today: int) -> set[str]:
        some = [self.days[day] for day in range(today - self.WINDOW, today) if day in self.days]
        whole, rows = some[0][0], sum(one[3] for one in some)
        for one in some[1:]:
            whole = whole + one[0]
        cohorts = [((today - len(some) + i) * DAY, one[1]) for i, one in enumerate(some)]
        said = {name: sum(one[2][name] * one[3] for one in some) / rows for name in some[0][2]}
        told = signals_of(
            Performance(
                score="s", model="1", now=today * DAY, begin=(today - len(some)) * DAY, end=today * DAY, realised=figures_of(whole),
                said=said, test=self.test, customers=rows / len(some), currency="EUR", unbiased=True, concept=verdicts(self.bets, cohorts),
            )
        )  # fmt: skip
        return {f"{one.code} {one.subject}" for one in told if one.rings}


class Evidently:
    """Its default, over the rows of the last *window* days."""

    def __init__(self, reference: Rows, window: int) -> None:
        self.window, self.rows = window, dict[int, Rows]()
        self.numbers = {name: Sorted(one[~np.isnan(one)]) for name, one in reference.numbers.items()}
        every = {**reference.categories, "outcome": reference.outcome}
        self.categories = {name: np.unique(one, return_counts=True) for name, one in every.items()}

    def add(self, day: int, rows: Rows) -> None:
        self.rows[day] = rows

    def drifted(self, today: int) -> set[str]:
        rows = together([self.rows[day] for day in range(today - self.window, today) if day in self.rows])
        found = set()
        for name, reference in self.numbers.items():
            live = np.sort(rows.numbers[name][~np.isnan(rows.numbers[name])])
            if not len(live):
                continue
            if len(np.union1d(reference.some, live)) <= 5:
                distance = jensen(np.unique(reference.values, return_counts=True), live, None)
            else:
                distance = reference.wasserstein(live) / max(reference.std, 0.001)
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


def jensen(reference: tuple[Array, Array], live: Array, base: float | None) -> float:
    """Of a column of codes from the reference's codes and how often each occurs."""
    told = np.unique(live, return_counts=True)
    values = np.union1d(reference[0], told[0])
    shares = np.zeros((2, len(values)))
    for i, (codes, counts) in enumerate((reference, told)):
        shares[i, np.searchsorted(values, codes)] = counts / counts.sum()
    return float(np.nan_to_num(jensenshannon(*shares, base)))


class Sorted:
    """A reference column, sorted once, so that a distance costs as much as the live rows alone.

    Args:
        values: Without nulls.
    """

    def __init__(self, values: Array) -> None:
        self.values = np.sort(values)
        self.sums = np.concatenate([[0.0], np.cumsum(self.values)])
        self.some = np.unique(self.values[:: max(len(values) // 500, 1)])
        self.std = float(values.std())

    def _area(self, x: Array) -> Array:
        """Under the distribution function, up to *x*."""
        below = np.searchsorted(self.values, x, side="right")
        return np.asarray((below * x - self.sums[below]) / len(self.values))

    def wasserstein(self, live: Array) -> float:
        """SciPy's distance to increasing *live* values: between two of them their distribution function is level, and ours crosses it once."""
        n, m = len(self.values), len(live)
        level = np.arange(1, m) / m
        crossed = self.values[np.clip(np.ceil(level * n - 1e-9).astype(int) - 1, 0, n - 1)]
        low, high = live[:-1], live[1:]
        middle = np.clip(crossed, low, high)
        a, b, c = self._area(low), self._area(middle), self._area(high)
        inner = level * (middle - low) - (b - a) + (c - b) - level * (high - middle)
        end = np.array([max(live[-1], self.values[-1])])
        right = float((end - live[-1] - (self._area(end) - self._area(live[-1:])))[0])
        return float(inner.sum()) + float(self._area(live[:1])[0]) + right


def quality_of(y: Array, p: Array, cut: float) -> dict[str, float]:
    """What peers call the quality of a classification; NaN where it is not defined."""
    act, nan = p >= cut, float("nan")
    positives, acted = float(y.sum()), float(act.sum())
    hits, n = float(y[act].sum()), float(len(y))
    precision = hits / acted if acted else nan
    recall = hits / positives if positives else nan
    specificity = (n - positives - acted + hits) / (n - positives) if n > positives else nan
    kept = np.clip(p, 1e-15, 1 - 1e-15)
    ranks = rankdata(p)
    pairs = positives * (n - positives)
    return {
        "accuracy": (n - acted - positives + 2 * hits) / n,
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (acted + positives) if acted + positives else nan,
        "roc_auc": (float(ranks[y == 1].sum()) - positives * (positives + 1) / 2) / pairs if pairs else nan,
        "log_loss": float(-(y * np.log(kept) + (1 - y) * np.log1p(-kept)).mean()),
        "tpr": recall,
        "tnr": specificity,
        "fpr": 1 - specificity,
        "fnr": 1 - recall,
    }


class EvidentlyQuality:
    """Its ``ClassificationPreset`` with tests against a reference: a figure fails that is a fifth of the reference's away from it, either way.

    Its ``probas_threshold`` is *cut*; at its own 0.5 hardly anybody would be positive.
    """

    def __init__(self, reference: Rows, window: int, model: Model, cut: float) -> None:
        self.window, self.model, self.cut, self.rows = window, model, cut, dict[int, tuple[Array, Array]]()
        self.reference = quality_of(reference.outcome, model.score(reference), cut)

    def add(self, day: int, rows: Rows) -> None:
        self.rows[day] = rows.outcome, self.model.score(rows)

    def drifted(self, today: int) -> set[str]:
        some = [self.rows[day] for day in range(today - self.window, today) if day in self.rows]
        now = quality_of(*(np.concatenate(one) for one in zip(*some, strict=True)), self.cut)
        return {name for name, told in self.reference.items() if abs(now[name] - told) > 0.2 * told}


class NannyMLQuality:
    """Its ``PerformanceCalculator`` (realised) and ``CBPE`` (estimated) of the ROC AUC.

    It rings outside mean ± 3 standard deviations of ten chunks of the reference. CBPE calibrates again only where that helps in every fold, which it does not
    with scores that are calibrated.
    """

    def __init__(self, reference: Rows, window: int, rows: int, seed: int, model: Model) -> None:
        self.window, self.model, self.rows = window, model, dict[int, tuple[Array, Array]]()
        chance = np.random.default_rng([seed, 10])
        p = model.score(reference)
        chunks = [chance.choice(len(p), min(rows, len(p) // 3), replace=False) for _ in range(10)]
        aucs = np.array([quality_of(reference.outcome[one], p[one], 0.5)["roc_auc"] for one in chunks])
        self.low, self.high = float(aucs.mean() - 3 * aucs.std()), float(aucs.mean() + 3 * aucs.std())

    def add(self, day: int, rows: Rows) -> None:
        self.rows[day] = rows.outcome, self.model.score(rows)

    def drifted(self, today: int, realised: bool = True) -> set[str]:
        some = [self.rows[day] for day in range(today - self.window, today) if day in self.rows]
        y, p = (np.concatenate(one) for one in zip(*some, strict=True))
        auc = quality_of(y, p, 0.5)["roc_auc"] if realised else expected_of(p, p > 1)["auc"]
        return {"roc_auc"} if auc < self.low or auc > self.high else set()

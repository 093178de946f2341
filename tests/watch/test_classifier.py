"""A classifier tells samples apart where they differ, and rarely where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vigie.definition import Kind
from vigie.features.values import Values
from vigie.watch.classifier import FEWEST, _mann_whitney, two_sample


def sample(rows: int, chance: np.random.Generator, *, together: float = 0.0, plan: float = 0.3):
    z = chance.normal(size=rows)
    other = together * z + (1 - together**2) ** 0.5 * chance.normal(size=rows)
    columns = {
        "a": Values(Kind.NUMBER, np.where(chance.random(rows) < 0.05, np.nan, z)),
        "b": Values(Kind.NUMBER, other),
        "plan": Values.of(Kind.CATEGORY, np.where(chance.random(rows) < plan, "x", "y").tolist()),
        "text": Values.of(Kind.TEXT, ["t"] * rows),
    }
    return columns, chance.random(rows) < 0.5


def test_columns_that_begin_to_go_together_are_found():
    chance = np.random.default_rng(1)
    (live, halves), (others, halves_others) = sample(2_500, chance, together=0.8), sample(2_500, chance)
    found = two_sample(live, others, halves, halves_others)
    assert found is not None and found.auc > 0.62 and found.p < 1e-6
    assert {name for name, _ in found.columns[:2]} == {"a", "b"}
    assert (found.live, found.others) == (int((~halves).sum()), int((~halves_others).sum()))


def test_a_category_alone_is_enough():
    chance = np.random.default_rng(2)
    (live, halves), (others, halves_others) = sample(2_000, chance, plan=0.6), sample(2_000, chance)
    found = two_sample(live, others, halves, halves_others)
    assert found is not None and found.p < 1e-6 and found.columns[0][0] == "plan"


def test_equal_samples_are_told_apart_as_rarely_as_said():
    chance = np.random.default_rng(3)
    found = []
    for _ in range(120):
        (live, halves), (others, halves_others) = sample(500, chance), sample(500, chance)
        one = two_sample(live, others, halves, halves_others)
        assert one is not None and one.auc < 0.6
        found.append(one.p)
    assert np.mean(np.array(found) <= 0.1) < 0.2  # 12 expected, 24 in one of two thousand such tests
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_the_area_and_its_evidence_are_scipys():
    chance = np.random.default_rng(4)
    live, others = np.round(chance.normal(0.2, 1, 300), 1), np.round(chance.normal(size=200), 1)
    auc, p = _mann_whitney(live, others)
    theirs = stats.mannwhitneyu(live, others, alternative="greater", use_continuity=False, method="asymptotic")
    assert auc == pytest.approx(theirs.statistic / 60_000, abs=1e-9) and p == pytest.approx(theirs.pvalue, abs=1e-9)
    assert _mann_whitney(np.ones(5), np.ones(4)) == (0.5, 1.0)


def test_too_few_are_not_judged():
    chance = np.random.default_rng(5)
    (live, halves), (others, halves_others) = sample(FEWEST, chance), sample(1_000, chance)
    assert two_sample(live, others, halves, halves_others) is None

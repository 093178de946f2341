"""Telling candidates apart: equal ones are said to be the same, a clearly better one is not, at the level that is promised."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vigie.training.compare import compare, holm, sign_flip


def tried(name: str, money: np.ndarray, loss: np.ndarray, rows: np.ndarray | None = None) -> SimpleNamespace:
    rows = np.arange(len(money)) if rows is None else rows
    return SimpleNamespace(
        candidate=SimpleNamespace(name=name, title=name.title()), cv=SimpleNamespace(rows=rows, money=money, loss=loss)
    )


def campaign(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.choice([56.0, -11.0, 0.0], n, p=[0.2, 0.3, 0.5]), rng.random(n), rng


def test_identical_candidates_are_the_same() -> None:
    money, loss, _ = campaign()
    found = compare([tried(name, money, loss) for name in ("a", "b", "c")], "b", np.arange(2000), currency="EUR")
    assert found.same == ("b", "a", "c")
    assert [(pair.p_value, pair.value.value, pair.same) for pair in found.pairs] == [(1.0, 0.0, True)] * 2
    assert found.words.startswith("These 3 are the same: B, A, C.") and "0.00 EUR" in found.words


def test_a_clearly_better_one_is_told_apart() -> None:
    money, loss, rng = campaign()
    worse = np.where(rng.random(2000) < 0.2, np.minimum(money, 0.0), money)
    found = compare([tried("good", money, loss), tried("bad", worse, loss + 0.1)], "good", np.arange(2000))
    (pair,) = found.pairs
    assert not pair.same and pair.p_value < 0.001 and found.same == ("good",)
    assert 0 < pair.value.low < pair.value.value < pair.value.high
    assert pair.value.value == pytest.approx((money - worse).mean())
    assert pair.log_loss.value == pytest.approx(0.1) and "worth more than every other" in found.words


def test_equal_money_with_better_probabilities_is_said() -> None:
    money, loss, _ = campaign()
    found = compare([tried("sharp", money, loss), tried("blunt", money, loss + 0.05)], "sharp", np.arange(2000))
    assert found.same == ("sharp", "blunt")
    assert found.words.endswith("Its probabilities are better than those of Blunt.")


def test_rows_of_one_customer_do_not_make_evidence() -> None:
    """One customer in a hundred snapshots is one customer."""
    rng = np.random.default_rng(5)
    difference = np.repeat(rng.normal(0.3, 1, 12), 100)
    by_customer = sign_flip(difference, np.repeat(np.arange(12), 100), 0)
    by_row = sign_flip(difference, np.arange(1200), 0)
    assert by_row < 0.001 < by_customer


def test_only_rows_that_both_were_validated_on_are_compared() -> None:
    money, loss, _ = campaign(100)
    one = tried("one", money, loss)
    other = tried("other", money[50:] - 1.0, loss[50:], np.arange(50, 100))
    (pair,) = compare([one, other], "one", np.arange(100)).pairs
    assert pair.value.value == pytest.approx(1.0)


def test_a_single_candidate_has_nothing_to_be_compared_with() -> None:
    money, loss, _ = campaign(10)
    found = compare([tried("only", money, loss)], "only", np.arange(10))
    assert found.pairs == () and found.same == ("only",) and "nothing to compare" in found.words


def test_the_level_is_kept_and_few_customers_that_differ_are_no_evidence() -> None:
    rng = np.random.default_rng(6)
    rejected = 0
    for run in range(400):
        # Few customers differ, and by sums that are skewed but 0 on average.
        difference = np.where(rng.random(300) < 0.15, rng.choice([56.0, -11.0], 300, p=[11 / 67, 56 / 67]), 0.0)
        rejected += sign_flip(difference, np.arange(300), run, flips=399) <= 0.05
    assert rejected / 400 < 0.085
    assert sign_flip(np.r_[np.full(5, 11.0), np.zeros(995)], np.arange(1000), 0) == 2 / 2**5


def test_with_many_customers_it_is_the_paired_t_test() -> None:
    difference = np.random.default_rng(7).normal(0.05, 1, 1500)
    wanted = stats.ttest_1samp(difference, 0).pvalue
    assert sign_flip(difference, np.arange(1500), 0, flips=9_999) == pytest.approx(wanted, abs=0.012)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers(p_values):
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert max(corrected) <= 1 and min(corrected) == pytest.approx(min(1.0, min(p_values) * len(p_values)))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_two_that_differ_can_become_the_same_among_many() -> None:
    money, loss, rng = campaign(400, seed=8)
    names = [f"c{i}" for i in range(8)]
    noise = [rng.choice([1, 0, -0.6], 400, p=[0.14, 0.8, 0.06]) for _ in names]
    many = [tried("best", money, loss), *(tried(n, money - 0.9 * x, loss) for n, x in zip(names, noise, strict=True))]
    alone = compare(many[:2], "best", np.arange(400)).pairs[0]
    among = compare(many, "best", np.arange(400)).pairs[0]
    assert among.p_value == alone.p_value == alone.adjusted <= among.adjusted

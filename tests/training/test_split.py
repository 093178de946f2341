from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.errors import TrainingError
from vigie.training.folds import make_folds
from vigie.training.options import TrainOptions
from vigie.training.split import split_rows

DAY = 86_400_000_000


def monthly(months: int, customers: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    moments = np.repeat(np.arange(months) * 30 * DAY, customers)
    keys = np.tile(np.array([f"c{i}" for i in range(customers)], object), months)
    order = rng.permutation(len(moments))
    return (rng.random(len(moments)) < 0.3).astype(np.int8), moments[order], keys[order]


@given(
    months=st.integers(3, 14),
    customers=st.integers(200, 240),
    horizon_days=st.sampled_from([0, 1, 30, 45, 90]),
    share=st.sampled_from([None, 0.1, 0.3, 0.5]),
    seed=st.integers(0, 50),
)
def test_what_trains_is_known_when_the_test_begins(
    months: int, customers: int, horizon_days: int, share: float | None, seed: int
) -> None:
    labels, moments, keys = monthly(months, customers, seed)
    horizon = horizon_days * DAY
    split = split_rows(labels, moments, keys, has_time=True, horizon=horizon, share=share, seed=seed)
    described = split.description
    assert not set(split.train) & set(split.test)
    assert len(split.train) == described.train_rows and len(split.test) == described.test_rows
    if described.kind == "out_of_time":
        assert moments[split.train].max() + horizon <= described.test_from
        assert moments[split.train].max() < described.test_from == moments[split.test].min()
        assert described.train_rows + described.test_rows + described.dropped_rows == len(labels)
        folds = make_folds(
            labels[split.train],
            moments[split.train],
            keys[split.train],
            in_time=True,
            horizon=horizon,
            folds=5,
            seed=seed,
        )
        assert len(folds) >= 2
        t = moments[split.train]
        for fold in folds:
            assert not set(fold.train) & set(fold.valid)
            in_time = t[fold.train].max() + horizon <= t[fold.valid].min() and t[fold.train].max() < t[fold.valid].min()
            dealt = not set(keys[split.train][fold.train]) & set(keys[split.train][fold.valid])
            assert in_time or dealt
    else:
        assert [f.code for f in split.findings] == ["VGT001"]
        assert not set(keys[split.train]) & set(keys[split.test])


def test_the_test_is_about_the_share_asked_for() -> None:
    labels, moments, keys = monthly(20, 50)
    for share in (0.1, 0.2, 0.5):
        split = split_rows(labels, moments, keys, has_time=True, horizon=30 * DAY, share=share, seed=0)
        assert split.description.kind == "out_of_time"
        assert abs(len(split.test) / len(labels) - share) <= 0.051


def test_without_time_the_draw_is_stratified_and_repeatable() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(2000) < 0.1).astype(np.int8)
    moments = np.zeros(2000, np.int64)
    keys = np.array([f"k{i}" for i in range(2000)], object)
    first = split_rows(labels, moments, keys, has_time=False, horizon=0, share=None, seed=3)
    again = split_rows(labels, moments, keys, has_time=False, horizon=0, share=None, seed=3)
    other = split_rows(labels, moments, keys, has_time=False, horizon=0, share=None, seed=4)
    assert (first.test == again.test).all() and not np.array_equal(first.test, other.test)
    assert len(first.test) == 500 and abs(labels[first.test].mean() - labels.mean()) < 0.002
    assert first.findings == () and first.description.test_from is None


def test_a_customer_is_never_on_both_sides_of_a_random_fold() -> None:
    rng = np.random.default_rng(2)
    keys = np.array([f"k{i}" for i in rng.integers(0, 80, 600)], object)
    labels = (rng.random(600) < 0.2).astype(np.int8)
    folds = make_folds(labels, np.zeros(600, np.int64), keys, in_time=False, horizon=0, folds=5, seed=0)
    assert len(folds) == 5
    assert sorted(np.concatenate([f.valid for f in folds])) == list(range(600))
    for fold in folds:
        assert not set(keys[fold.train]) & set(keys[fold.valid])


def test_one_class_is_refused() -> None:
    with pytest.raises(TrainingError, match="outcome true"):
        split_rows(
            np.zeros(100, np.int8),
            np.zeros(100, np.int64),
            np.arange(100).astype(object),
            has_time=False,
            horizon=0,
            share=None,
            seed=0,
        )


@pytest.mark.parametrize(
    "wrong", [{"split": 0.0}, {"split": 1.2}, {"folds": 1}, {"threads": 0}, {"models": ()}, {"row_budget": 3}]
)
def test_options_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(TrainingError):
        TrainOptions(**wrong)  # type: ignore[arg-type]

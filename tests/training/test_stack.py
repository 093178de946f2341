"""The stack: honest in cross-validation, exact in the bundle, and silent where there is nothing to combine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import StackModel
from vigie.bundle.logistic import log_odds, logistic
from vigie.training import TrainOptions
from vigie.training.candidates import CANDIDATES, FitOptions, Rows
from vigie.training.choose import choose_winner
from vigie.training.cross_validate import cross_validate
from vigie.training.importance import permutation_importance
from vigie.training.make_bundle import TOLERANCE, exact_model
from vigie.training.metrics import log_loss
from vigie.training.stack import LEAST_WEIGHT, MOST_MEMBERS, limited_log_odds, stack, weigh
from vigie.training.task import Task
from vigie.training.tried import Tried

GIVEN = {
    "dummy": {},
    "logistic_regression": {},
    "ebm": {"outer_bags": 2, "max_rounds": 60, "interactions": 1},
    "random_forest": {"n_estimators": 40},
    "lightgbm": {"rounds": 60},
    "xgboost": {"rounds": 60},
}
OPTIONS = TrainOptions(folds=3, threads=1)


def tried_all(task: Task, names: tuple[str, ...]) -> list[Tried]:
    part, found = task.train, []
    for candidate in CANDIDATES:
        if candidate.name in names:
            fit = FitOptions(0, 1, 10_000, params=GIVEN[candidate.name])
            cv = cross_validate(candidate, part.rows, part.payoff, task.folds, part.capacity, fit)
            found.append(Tried(candidate, cv, candidate.fit(part.rows, fit), 1.0, given=GIVEN[candidate.name]))
    return found


@pytest.fixture(scope="module")
def task(once_set) -> Task:
    return Task.of(once_set(900), OPTIONS)


@pytest.fixture(scope="module")
def tried(task) -> list[Tried]:
    return tried_all(task, tuple(GIVEN))


def stacked(tried: list[Tried], task: Task, options: TrainOptions = OPTIONS) -> Tried | None:
    part = task.train
    return stack(tried, part.rows, part.payoff, task.folds, part.capacity, options)


def test_the_best_of_different_families_are_combined(tried, task):
    found = stacked(tried, task)
    assert found is not None
    names = [candidate.name for candidate, _ in found.candidate.members]
    assert 2 <= len(names) <= MOST_MEMBERS and "dummy" not in names
    assert not {"lightgbm", "xgboost"} <= set(names)  # one of a family
    assert min(found.candidate.weights) >= LEAST_WEIGHT
    assert list(found.candidate.weights) == sorted(found.candidate.weights, reverse=True)
    assert found.candidate.complexity > max(candidate.complexity for candidate in CANDIDATES)
    assert found.fitted.params["members"] == ", ".join(names)
    assert found.fitted.params[f"{names[0]}.weight"] == found.candidate.weights[0]
    assert found.seconds == len(names)


def test_its_cross_validation_is_a_whole_one_and_takes_part(tried, task):
    found = stacked(tried, task)
    other = tried[1].cv
    assert np.array_equal(found.cv.rows, other.rows)
    for name in ("raw", "money", "loss", "probability", "gain"):
        values = getattr(found.cv, name)
        assert values.shape == other.raw.shape and np.isfinite(values).all()
    assert len(found.cv.metrics) == len(task.folds)
    every = [*tried, found]
    winner, why = choose_winner(
        {one.candidate.name: one.candidate for one in every},
        {one.candidate.name: one.cv for one in every},
        task.train.customers,
    )
    assert winner in {one.candidate.name for one in every} and why


def test_the_labels_of_a_fold_do_not_touch_its_own_predictions(tried, task):
    before = stacked(tried, task)
    fold = task.folds[1].valid
    labels = task.train.rows.labels.copy()
    labels[fold] = np.random.default_rng(0).permutation(1 - labels[fold])
    part = task.train
    rows = Rows(part.rows.columns, labels, part.rows.rule)
    after = stack(tried, rows, part.payoff, task.folds, part.capacity, OPTIONS)
    own = np.isin(before.cv.rows, fold)
    assert np.array_equal(after.cv.raw[own], before.cv.raw[own])
    # The other folds learn from these labels, so theirs do move: the test could have failed.
    assert not np.array_equal(after.cv.raw[~own], before.cv.raw[~own])


def test_the_bundles_model_is_the_training_pipelines(tried, task):
    found = stacked(tried, task)
    rows = task.rows
    model = exact_model(found.fitted, rows)
    assert isinstance(model, StackModel)
    X = found.fitted.matrix(rows)
    assert np.abs(model.probability(X) - found.fitted.predict(X)).max() <= TOLERANCE
    row = model.row()
    assert [row(values) for values in X.tolist()] == model.probability(X).tolist()
    model.check(found.fitted.encoder.width)
    assert StackModel.from_files(model.to_files()).to_files() == model.to_files()
    assert np.abs(model.contributions(X[:50]).sum(axis=1) - log_odds(model.probability(X[:50]))).max() <= 1e-6


def test_an_input_that_is_read_twice_is_shuffled_once(tried, task):
    found = stacked(tried, task)
    encoder = found.fitted.encoder
    assert len(encoder.input_names) > len(set(encoder.input_names))
    importance = permutation_importance(found.fitted, task.test.rows, seed=0)
    assert sorted(name for name, _, _ in importance) == sorted(task.rows.columns)
    assert importance[0][0] == "clients_visits"


def test_fitted_again_it_keeps_its_weights(tried, task):
    found = stacked(tried, task)
    fit = FitOptions(0, 1, 10_000, params={"n_estimators": 3, "nobody": "reads this"})
    again = found.candidate.fit(task.train.rows, fit)
    assert np.abs(again.probability(task.rows) - found.fitted.probability(task.rows)).max() <= 1e-12
    assert again.params == found.fitted.params


def test_a_sampled_member_is_told_of(tried, task):
    found = stacked(tried, task)
    members = [(one, {"n_estimators": 5} if one.name == "random_forest" else {}) for one, _ in found.candidate.members]
    candidate = replace(found.candidate, members=tuple(members))
    slow = [one.title for one, _ in members if one.slow]
    note = candidate.fit(task.train.rows, FitOptions(0, 1, 300)).note
    assert slow and all(f"{title}: fitted on a sample of 300" in note for title in slow)


def test_there_is_none_where_there_is_nothing_to_combine(tried, task):
    assert stacked(tried, task, replace(OPTIONS, stack=False)) is None
    assert stacked([], task) is None
    assert stacked(tried[:2], task) is None  # the dummy does not learn
    assert stacked([one for one in tried if one.candidate.name in ("lightgbm", "xgboost")], task) is None
    # Somebody validated on other rows is left out; here that leaves one.
    linear, forest = (
        next(one for one in tried if one.candidate.name == n) for n in ("logistic_regression", "lightgbm")
    )
    short = replace(forest, cv=replace(forest.cv, rows=forest.cv.rows[:-1], raw=forest.cv.raw[:-1]))
    assert stacked([linear, short], task) is None
    assert stacked([linear, forest], task) is not None


def test_a_member_without_an_opinion_of_its_own_is_left_out():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=4000)
    labels = (rng.random(4000) < logistic(truth)).astype(np.int8)
    Z = np.column_stack([truth, rng.normal(size=4000) * 2])
    found = weigh(Z, labels, np.arange(4000) % 5, ("a", "b"))
    assert found.members == (0,)
    assert found.weights[0] == pytest.approx(1.0, abs=0.1) and found.offset == pytest.approx(0.0, abs=0.1)


def test_two_halves_of_the_truth_are_put_together():
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(6000, 2))
    labels = (rng.random(6000) < logistic(parts.sum(axis=1) - 1)).astype(np.int8)
    groups = np.arange(6000) % 5
    found = weigh(parts, labels, groups, ("a", "b"))
    assert np.allclose(sorted(found.weights), [1, 1], atol=0.1) and found.offset == pytest.approx(-1, abs=0.1)
    together = log_loss(labels, logistic(found.log_odds(parts)))
    assert together < min(log_loss(labels, logistic(column - 1)) for column in parts.T) - 0.02


def test_folds_whose_share_of_positives_moves_do_not_look_like_skill():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(5), 1000)
    level = np.linspace(-2, 2, 5)[groups]
    within = rng.normal(size=5000)
    labels = (rng.random(5000) < logistic(level + within)).astype(np.int8)
    # The second follows the level only, which within a fold says nothing.
    Z = np.column_stack([within, level + rng.normal(size=5000)])
    found = weigh(Z, labels, groups, ("a", "b"))
    assert found.members[0] == 0
    assert dict(zip(found.members, found.weights, strict=True)).get(1, 0.0) < 0.12


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 300), st.integers(1, 6), st.integers(1, 4))
def test_weights_are_positive_finite_and_repeatable(seed, n, candidates, folds):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, n - 2)].astype(np.int8)
    raw = np.clip(
        rng.choice([0.0, 0.3, 0.9, 1.0], (n, candidates)) + labels[:, None] * rng.normal(size=candidates), 0, 1
    )
    Z, groups = limited_log_odds(raw), rng.integers(0, folds, n)
    families = [f"f{i % 4}" for i in range(candidates)]
    found = weigh(Z, labels, groups, families)
    assert 1 <= len(found.members) <= MOST_MEMBERS and len(set(found.members)) == len(found.members)
    assert all(np.isfinite(found.weights)) and min(found.weights) >= LEAST_WEIGHT and np.isfinite(found.offset)
    assert found == weigh(Z, labels, groups, families)

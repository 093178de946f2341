"""Feature selection: honest, stable, and used only where nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vigie.definition import Kind
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.training import TrainOptions
from vigie.training.candidates import CANDIDATES, FitOptions
from vigie.training.cross_validate import cross_validate
from vigie.training.select_features import only, rank_features, select_features
from vigie.training.task import Task
from vigie.training.tried import Tried

OPTIONS = TrainOptions(folds=3, threads=1, trials=0)
FIT = FitOptions(0, 1, 20_000)


def with_noise(data: TrainingSet, columns: int) -> TrainingSet:
    """The same rows with *columns* more that say nothing."""
    rng = np.random.default_rng(5)
    noise = {f"noise_{i}": Values(Kind.NUMBER, rng.normal(size=len(data.labels))) for i in range(columns)}
    return replace(data, features={**data.features, **noise})


def tried(task: Task, name: str) -> Tried:
    candidate = next(one for one in CANDIDATES if one.name == name)
    train = task.train
    cv = cross_validate(candidate, train.rows, train.payoff, task.folds, train.capacity, FIT)
    return Tried(candidate, cv, candidate.fit(train.rows, FIT), 0.0)


@pytest.mark.parametrize("name", ["logistic_regression", "lightgbm"])
def test_noise_is_left_out_and_the_signal_kept(once_set, name: str) -> None:
    data = with_noise(once_set(2500), 30)
    task = Task.of(data, OPTIONS)
    found = select_features(tried(task, name), task, FIT, FIT)
    assert found is not None
    selection, smaller = found
    assert selection.used and "clients_visits" in selection.kept
    assert len(selection.kept) <= 18 and set(selection.kept) | set(selection.dropped) == set(data.features)
    assert sum(name.startswith("noise") for name in selection.dropped) >= 20
    assert set(smaller.fitted.encoder.input_names) <= set(selection.kept)
    assert f"reads {len(selection.kept)} of {len(data.features)} features" in smaller.fitted.note
    assert selection.log_loss.value >= 0 and selection.test_value.low <= selection.test_value.value


def test_nothing_is_dropped_where_everything_counts(once_set) -> None:
    data = once_set(1500)
    n = len(data.labels)
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(8, n))
    labels = (rng.random(n) < 1 / (1 + np.exp(-parts.sum(axis=0)))).astype(np.int8)
    data = replace(data, labels=labels, features={f"x{i}": Values(Kind.NUMBER, parts[i]) for i in range(8)})
    task = Task.of(data, OPTIONS)
    found = select_features(tried(task, "logistic_regression"), task, FIT, FIT)
    assert found is not None and not found[0].used and "keeps all" in found[0].words


def test_validation_rows_do_not_choose(once_set) -> None:
    """Where no feature says anything, the best looking few must not look good."""
    data = with_noise(once_set(900), 60)
    rng = np.random.default_rng(3)
    noise = {name: values for name, values in data.features.items() if name.startswith("noise")}
    data = replace(data, features=noise, labels=rng.permutation(data.labels))
    task = Task.of(data, OPTIONS)
    found = select_features(tried(task, "logistic_regression"), task, FIT, FIT)
    assert found is not None
    assert abs(np.mean([fold.auc for fold in found[1].cv.metrics]) - 0.5) < 0.06


def test_nothing_to_select(once_set) -> None:
    data = once_set(600)
    task = Task.of(data, OPTIONS)
    assert select_features(tried(task, "dummy"), task, FIT, FIT) is None
    assert select_features(tried(task, "rule"), task, FIT, FIT) is None
    few = replace(data, features=dict(list(data.features.items())[:3]))
    task = Task.of(few, OPTIONS)
    assert select_features(tried(task, "logistic_regression"), task, FIT, FIT) is None


def test_ranking_adds_up_the_columns_of_one_feature(once_set) -> None:
    data = once_set(1200)
    task = Task.of(data, OPTIONS)
    fitted = tried(task, "logistic_regression").fitted
    order = rank_features(fitted, task.train.rows, 0)
    assert sorted(order) == sorted(data.features) and order[0] == "clients_visits"
    assert list(only(task.train.rows, {"clients_age"}).columns) == ["clients_age"]

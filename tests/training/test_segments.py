"""Segments: a model of its own where it is truly better, the common one everywhere else, and never because of luck."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie import Campaign, Score, Table
from vigie.bundle import Scorer, by_input, load_bundle, write_bundle
from vigie.definition import Kind
from vigie.errors import DefinitionError, TrainingError
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.training import TrainOptions, segment_fit, segments
from vigie.training.candidates import CANDIDATES, FitOptions
from vigie.training.cross_validate import cross_validate
from vigie.training.folds import make_folds
from vigie.training.processes import Lost, each
from vigie.training.segment_fit import shrunk_calibration
from vigie.training.segment_guard import FALSE_SHARE, accepted, difference, evidence
from vigie.training.segments import Segments, fit_segments, segment_test_values
from vigie.training.task import Task
from vigie.training.tried import Tried

LINE = ("logistic_regression",)


def made(sizes: list[int], own: set[int], *, seed: int = 0, capacity: int | None = None) -> TrainingSet:
    """Customers of segments ``s00``, ``s01`` … of these sizes; in those of *own* the mechanism is turned around."""
    rng = np.random.default_rng(seed)
    code = rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int32)
    n = len(code)
    x = rng.normal(size=(n, 4))
    sign = np.where(np.isin(code, sorted(own)), -1.0, 1.0)
    labels = (rng.random(n) < 1 / (1 + np.exp(1.2 - sign * (1.4 * x[:, 0] - 0.8 * x[:, 1])))).astype(np.int8)
    table = Table("c", key="id")
    kinds = {**dict.fromkeys(("x0", "x1", "x2", "x3"), Kind.NUMBER), "seg": Kind.CATEGORY, "left": Kind.BOOLEAN}
    score = Score(
        "churn",
        outcome=table["left"] == True,
        features=[table["x0", "x1", "x2", "x3"], table["seg"]],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200, capacity=capacity),
        by=table["seg"],
    ).bound({"c": kinds})
    names = [feature.name for feature in score.bound_features]
    segment = Values(Kind.CATEGORY, code, tuple(f"s{i:02}" for i in range(len(sizes))))
    columns = [*(Values(Kind.NUMBER, x[:, i]) for i in range(4)), segment]
    features = dict(zip(names, columns, strict=True))
    return TrainingSet(
        customers=np.array([f"k{i}" for i in range(n)], object),
        moments=np.zeros(n, np.int64),
        features=features,
        extras={by_input(score): segment},
        labels=labels,
        score=score,
        schema={"c": kinds},
        as_of=1,
        versions={"c": 0},
        immature=0,
        unknown=0,
    )


def common_of(task: Task, options: TrainOptions, name: str = "logistic_regression") -> Tried:
    candidate = next(one for one in CANDIDATES if one.name == name)
    fit = FitOptions(options.seed, 1, options.row_budget)
    train = task.train
    cv = cross_validate(candidate, train.rows, train.payoff, task.folds, train.capacity, fit)
    return Tried(candidate, cv, candidate.fit(train.rows, fit), 0.0)


def fitted(data: TrainingSet, options: TrainOptions | None = None, common: Tried | None = None) -> Segments:
    options = options or TrainOptions(models=LINE, folds=3)
    task = Task.of(data, options)
    train = task.train
    return fit_segments(
        data,
        train.rows,
        train.payoff,
        train.capacity,
        task.folds,
        common or common_of(task, options),
        task.split,
        options,
    )


def by_name(found: Segments) -> dict[str, str]:
    return {one.segment: one.model for one in found.outcomes}


# -- honesty -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_segments_that_do_not_differ_keep_the_common_model(seed) -> None:
    found = fitted(made([350] * 40, set(), seed=seed))
    assert found.parts == ()
    assert set(by_name(found).values()) == {"common"}
    # Each was tried, and it is not for want of looking better by chance: some do.
    values = [one.value for one in found.outcomes if one.value is not None]
    assert len(values) == 40 and any(value.value > 0 for value in values)


def test_segments_with_another_mechanism_get_their_own_and_no_other_does() -> None:
    own = {3, 17}
    found = fitted(made([400] * 30, own))
    assert {part.value for part in found.parts} == {f"s{i:02}" for i in own}
    for one in found.outcomes:
        assert one.model == ("own" if int(one.segment[1:]) in own else "common")
        if one.model == "own":
            assert one.candidate == "logistic_regression" and one.value is not None and one.value.low > 0
            assert "its own" in one.words.lower() and "30" in one.words


def test_the_test_rows_take_no_part() -> None:
    data = made([2500, 400, 300, 400], {2})
    options = TrainOptions(models=LINE, folds=3)
    split = Task.of(data, options).split
    labels = data.labels.copy()
    labels[split.test] = 1 - labels[split.test]
    other = replace(data, labels=labels)
    task = Task.of(data, options, split)
    common = common_of(task, options)
    train = task.train
    one, two = (
        fit_segments(d, train.rows, train.payoff, train.capacity, task.folds, common, split, options)
        for d in (data, other)
    )
    assert [p.sha256 for p in one.parts] == [p.sha256 for p in two.parts]  # type: ignore[attr-defined]
    assert [(o.segment, o.model, o.words) for o in one.outcomes] == [
        (o.segment, o.model, o.words) for o in two.outcomes
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_more_is_accepted_only_for_more_evidence(p_values) -> None:
    taken = accepted(p_values)
    kept = [p for p, yes in zip(p_values, taken, strict=True) if yes]
    left = [p for p, yes in zip(p_values, taken, strict=True) if not yes]
    assert not kept or not left or max(kept) < min(left)
    # Every p-value below Bonferroni's line is accepted, none above the share.
    assert all(yes for p, yes in zip(p_values, taken, strict=True) if p <= FALSE_SHARE / len(p_values))
    assert all(p <= FALSE_SHARE for p in kept)


def test_rows_of_one_customer_do_not_count_as_many() -> None:
    rng = np.random.default_rng(0)
    once = rng.normal(0.1, 1, 200)
    alone = difference(once, np.zeros(200), np.arange(200))
    repeated = difference(np.repeat(once, 10), np.zeros(2000), np.repeat(np.arange(200), 10))
    assert repeated.mean == pytest.approx(alone.mean) and repeated.error == pytest.approx(alone.error)
    assert alone.error == pytest.approx(once.std(ddof=1) / math.sqrt(200))


def test_what_loses_money_is_not_evidence_and_no_difference_is_none() -> None:
    better, worse = segments_difference(0.5), segments_difference(-0.5)
    assert evidence(worse, better) == 1.0
    assert evidence(better, worse) < 1e-4 and evidence(segments_difference(0.0), better) < 1e-4
    same = difference(np.ones(50), np.ones(50), np.arange(50))
    assert same.z == 0 and same.p_value == 0.5 and evidence(same, same) == 1.0


def segments_difference(mean: float):
    spread = np.random.default_rng(1).normal(0, 1, 400)
    return difference(spread - spread.mean() + mean, np.zeros(400), np.arange(400))


# -- what is made ------------------------------------------------------------------------------------------------------


def test_small_one_sided_and_missing_segments_use_the_common_model() -> None:
    data = made([2800, 320, 150, 400], {1})
    segment = data.features[by_input(data.score)]
    codes = segment.data.copy()
    codes[np.flatnonzero(codes == 0)[:100]] = -1
    one_sided = codes == 3
    given = Values(Kind.CATEGORY, codes, segment.categories)
    name = by_input(data.score)
    data = replace(
        data,
        features={**data.features, name: given},
        extras={name: given},
        labels=np.where(one_sided, 0, data.labels).astype(np.int8),
    )
    found = fitted(data)
    assert by_name(found) == {"s00": "common", "s01": "own", "s02": "common", "s03": "common"}
    small = {one.segment: one for one in found.outcomes}
    for name in ("s02", "s03"):
        assert small[name].value is None and "too few" in small[name].words
    # Nobody without a segment is in an outcome.
    assert sum(one.rows + one.test_rows for one in found.outcomes) == int((codes >= 0).sum())


def test_a_segment_that_fails_says_why_and_stops_no_other(monkeypatch) -> None:
    real = segment_fit._compared

    def failing(work):
        if work.value == "s01":
            raise TrainingError("the moon was full")
        if work.value == "s02":
            raise ZeroDivisionError("by zero")
        return real(work)

    monkeypatch.setattr(segment_fit, "_compared", failing)
    found = fitted(made([2800, 320, 320, 320], {1, 3}))
    assert {name: by_name(found)[name] for name in ("s01", "s02", "s03")} == {
        "s01": "failed",
        "s02": "failed",
        "s03": "own",
    }
    words = {one.segment: one.words for one in found.outcomes}
    assert "the moon was full" in words["s01"] and "ZeroDivisionError: by zero" in words["s02"]


def test_a_doubtful_segment_is_fitted_once_all_are_known(monkeypatch) -> None:
    data = made([2800, 320, 320, 320], {1, 2})
    sure = fitted(data)
    monkeypatch.setattr(segment_fit, "certain", lambda *_: False)
    late = fitted(data)
    assert {"s01", "s02"} <= {part.value for part in sure.parts}
    assert [p.sha256 for p in late.parts] == [p.sha256 for p in sure.parts]  # type: ignore[attr-defined]


def test_neither_workers_nor_threads_change_anything() -> None:
    data = made([260] * 9, {0, 4})
    options = TrainOptions(models=("logistic_regression", "lightgbm"), folds=2)
    common = common_of(Task.of(data, options), options)
    one = fitted(data, replace(options, workers=1, threads=2), common)
    two = fitted(data, replace(options, workers=2, threads=1), common)
    assert one.parts
    assert [p.sha256 for p in one.parts] == [p.sha256 for p in two.parts]  # type: ignore[attr-defined]
    assert repr(one.outcomes) == repr(two.outcomes)
    assert np.array_equal(one.probability, two.probability)


def test_the_bundle_of_a_training_answers_each_segment_by_its_own_model(tmp_path) -> None:
    from vigie.training.train import train

    data = made([2000, 400, 400], {1})
    result = train(data, TrainOptions(models=LINE, folds=2, trials=0, stack=False, select=False))
    write_bundle(result.bundle, tmp_path / "bundle")
    bundle, columns = load_bundle(tmp_path / "bundle"), {**data.extras, **data.features}
    part = next(part for part in bundle.parts if part.value == "s01")
    # What makes it a segment is constant in it and no input of its model.
    assert bundle.by == by_input(data.score) and bundle.by not in part.encoder.input_names
    p = Scorer(bundle).probability(columns, len(data))
    codes = data.features[bundle.by].data
    x = next(iter(data.features.values())).data
    assert np.corrcoef(p[codes == 1], x[codes == 1])[0, 1] < -0.5
    assert np.corrcoef(p[codes == 0], x[codes == 0])[0, 1] > 0.5
    own = part.calibration.apply(part.model.probability(part.encoder.transform(columns, len(data))))
    assert np.array_equal(p[codes == 1], own[codes == 1])
    # What the report says of the test rows was said by the same models.
    assert np.abs(p[result.test_index] - result.best.probability_test).max() < 1e-9
    outcomes = {one.segment: one for one in result.evidence.segments}
    assert outcomes["s01"].model == "own" and not math.isnan(outcomes["s01"].test_value)


def test_probabilities_out_of_fold_are_those_of_the_models_that_answer() -> None:
    data = made([2800, 320, 320], {1})
    options = TrainOptions(models=LINE, folds=3)
    task = Task.of(data, options)
    found, seen = fitted(data, options), common_of(task, options).cv
    served = {int(part.value[1:]) for part in found.parts}
    codes = data.features[by_input(data.score)].data[task.split.train][seen.rows]
    changed = found.probability != seen.probability
    assert 1 in served and set(codes[changed]) == served


def test_capacity_is_shared_out() -> None:
    data = made([2000, 400, 400, 400], {2}, capacity=400)
    options = TrainOptions(models=LINE, folds=3)
    task = Task.of(data, options)
    train = task.train
    found = fit_segments(
        data, train.rows, train.payoff, train.capacity, task.folds, common_of(task, options), task.split, options
    )
    assert "s02" in {part.value for part in found.parts}
    assert sum(one.test_rows for one in found.outcomes) == len(task.split.test)


def test_values_on_the_test_rows() -> None:
    found = fitted(made([400, 300], set()))
    by = Values(Kind.CATEGORY, np.array([0, 0, -1, 2], np.int32), ("s00", "s01", "s09"))
    told = {
        one.segment: one.test_value for one in segment_test_values(found.outcomes, by, np.array([1.0, 3.0, 9.0, 9.0]))
    }
    assert told["s00"] == 2.0 and math.isnan(told["s01"])


def test_what_cannot_divide_is_refused(monkeypatch) -> None:
    data = made([300, 300], set())
    computed = replace(data, score=replace_by(data.score))
    with pytest.raises(DefinitionError, match="computed from other values"):
        fitted(computed, None, common_of(Task.of(data, TrainOptions(folds=2)), TrainOptions(folds=2)))
    with pytest.raises(TrainingError, match="none of the models"):
        fitted(data, TrainOptions(models=("dummy",), folds=2))
    monkeypatch.setattr(segments, "MOST_SEGMENTS", 1)
    with pytest.raises(TrainingError, match="are the most"):
        fitted(data)


def replace_by(score: Score) -> Score:
    from vigie.definition.score import replace_score

    assert score.by is not None
    return replace_score(score, by=score.by.if_null("none"))


def test_a_calibration_is_trusted_as_far_as_rows_go() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 20_000)
    y = (rng.random(len(p)) < 1 / (1 + np.exp(-0.5 * np.log(p / (1 - p))))).astype(np.int8)
    slopes = [shrunk_calibration(p[:n], y[:n], np.zeros(n)).a for n in (60, 600, 20_000)]
    assert 1 > slopes[0] > slopes[1] > slopes[2] > 0.48
    assert shrunk_calibration(p[:50], np.zeros(50), np.zeros(50)).kind == "identity"


# -- processes ---------------------------------------------------------------------------------------------------------


def test_a_process_that_dies_loses_one_piece() -> None:
    # eval, for what a process does must be found by its name there.
    pieces = ["0 * 0", "1 * 1", "__import__('os')._exit(9)", "3 * 3", "4 * 4"]
    found = dict(each(eval, pieces, workers=2))
    assert found == {"0 * 0": 0, "1 * 1": 1, pieces[2]: Lost(), "3 * 3": 9, "4 * 4": 16}


def test_pieces_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def pieces():
        for i in range(5):
            taken.append(i)
            yield i

    for piece, answer in each(partial(pow, 2), pieces(), workers=1):
        assert answer == 2**piece and taken[-1] == piece


def test_folds_can_validate_more_rows_where_segments_need_them() -> None:
    labels = np.tile([0, 1], 1000).astype(np.int8)
    customers = np.arange(2000).astype(str).astype(object)
    asked = {"in_time": False, "horizon": 0, "folds": 4, "seed": 0}
    few = make_folds(labels, np.zeros(2000, np.int64), customers, **asked, validated=500)
    assert sum(len(fold.valid) for fold in few) == 500
    assert all(not set(fold.valid) & set(fold.train) for fold in few)

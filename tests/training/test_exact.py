from __future__ import annotations

import numpy as np
import pytest

from vigie.bundle import Scorer, load_bundle, write_bundle
from vigie.features.rowwise import evaluate
from vigie.features.values import Kind, Values
from vigie.training import TrainOptions
from vigie.training.candidates import CANDIDATES, Candidate, FitOptions, Rows
from vigie.training.make_bundle import TOLERANCE, make_bundle
from vigie.training.measured import as_tested
from vigie.training.search import search
from vigie.training.task import Task


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_the_scorer_equals_the_training_pipeline_on_every_row(candidate: Candidate, once_set, tmp_path) -> None:
    data = once_set(700)
    options = TrainOptions(folds=2, threads=1, trials=0)
    task = Task.of(data, options)
    part = task.train
    (tried,), _ = search((candidate,), part.rows, part.payoff, task.folds, part.capacity, options)
    bundle = make_bundle(data, tried, as_tested(tried, task), task, options)
    expected = tried.cv.calibration.apply(tried.fitted.probability(task.rows))
    write_bundle(bundle, tmp_path / "bundle")
    columns = {**data.extras, **data.features}
    scores = Scorer(load_bundle(tmp_path / "bundle")).score(columns, len(data.labels))
    assert np.abs(scores.probability - expected).max() <= TOLERANCE
    assert np.isfinite(scores.probability).all()


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_threads_do_not_change_a_model_and_the_seed_is_all_that_may(candidate: Candidate, once_set) -> None:
    data = once_set(500)
    rule = evaluate(data.score.rule, {**data.extras, **data.features}, 500)
    rows = Rows(data.features, data.labels, rule)
    one = candidate.fit(rows, FitOptions(seed=1, threads=1, row_limit=10_000)).build().to_files()
    two = candidate.fit(rows, FitOptions(seed=1, threads=2, row_limit=10_000)).build().to_files()
    assert one == two


@pytest.mark.parametrize("name", [c.name for c in CANDIDATES if c.slow])
def test_a_slow_candidate_says_that_it_saw_a_sample(name: str, once_set) -> None:
    candidate = next(c for c in CANDIDATES if c.name == name)
    data = once_set(1200)
    fitted = candidate.fit(Rows(data.features, data.labels), FitOptions(seed=0, threads=1, row_limit=400))
    assert fitted.note == "fitted on a sample of 400 of 1,200 rows"


@pytest.mark.parametrize("candidate", [c for c in CANDIDATES if c.learns], ids=lambda candidate: candidate.name)
def test_odd_columns_do_not_stop_a_candidate(candidate: Candidate) -> None:
    rng = np.random.default_rng(0)
    n = 200
    columns = {
        "empty": Values(Kind.NUMBER, np.full(n, np.nan)),
        "constant": Values(Kind.NUMBER, np.ones(n)),
        "huge": Values(Kind.NUMBER, rng.normal(size=n) * 1e30),
        "never": Values(Kind.CATEGORY, np.full(n, -1, np.int32), ("a",)),
        "unique": Values.of(Kind.CATEGORY, [f"u{i}" for i in range(n)]),
        "x": Values(Kind.NUMBER, rng.normal(size=n)),
    }
    labels = (rng.random(n) < 0.5).astype(np.int8)
    rows = Rows(columns, labels)
    fitted = candidate.fit(rows, FitOptions(seed=0, threads=1, row_limit=10_000))
    X = fitted.matrix(rows)
    assert np.abs(fitted.build().probability(X) - fitted.predict(X)).max() <= TOLERANCE

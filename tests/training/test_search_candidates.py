"""What a search hands to candidates: parameters of their spaces, and what is done about a rare class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.features.training_set import TrainingSet
from vigie.training.candidates import CANDIDATES, Candidate, FitOptions, Rows
from vigie.training.candidates.resample import balanced, learned_from
from vigie.training.candidates.space import OneOf, Real, Whole
from vigie.training.make_bundle import TOLERANCE
from vigie.training.search.ask import GRID_POINTS, ask, contains, grid, narrowed

SEARCHED = [candidate for candidate in CANDIDATES if candidate.space]
SPACE = {"a": Real(0.001, 10.0, log=True), "b": Whole(1, 7), "c": OneOf(("x", 2, True)), "d": Real(-1.0, 1.0)}


@pytest.fixture(scope="module")
def rows(once_set: Callable[..., TrainingSet]) -> Rows:
    data = once_set(300)
    return Rows(data.features, data.labels)


@pytest.mark.parametrize("candidate", SEARCHED, ids=lambda candidate: candidate.name)
def test_a_candidate_takes_what_its_space_offers_and_stays_exact(candidate: Candidate, rows: Rows) -> None:
    default = candidate.fit(rows, FitOptions(0, 1, 10_000))
    for name, within in candidate.space.items():
        if name in default.params:
            assert contains(within, default.params[name]), name
    for number in range(2):
        params = ask("random", candidate.space, [], seed=3, number=number, maximise=False) | dict(candidate.sketch)
        fitted = candidate.fit(rows, FitOptions(0, 1, 10_000, params))
        X = fitted.matrix(rows)
        assert np.abs(fitted.build().probability(X) - fitted.predict(X)).max() <= TOLERANCE
        assert {name: fitted.params[name] for name in candidate.sketch} == dict(candidate.sketch)
        assert not np.array_equal(fitted.predict(X), default.predict(default.matrix(rows)))


@pytest.mark.parametrize("imbalance", ["weights", "undersample", "oversample"])
@pytest.mark.parametrize("candidate", SEARCHED, ids=lambda candidate: candidate.name)
def test_a_rare_class_counts_as_much_and_the_model_stays_exact(candidate: Candidate, imbalance: Any, once_set) -> None:
    data = once_set(400)
    rare = np.sort(np.concatenate([np.flatnonzero(data.labels == 0), np.flatnonzero(data.labels == 1)[:50]]))
    rows = Rows(data.features, data.labels).take(rare)
    fitted = candidate.fit(rows, FitOptions(0, 1, 10_000, dict(candidate.sketch), imbalance))
    plain = candidate.fit(rows, FitOptions(0, 1, 10_000, dict(candidate.sketch)))

    X = fitted.matrix(rows)
    assert np.abs(fitted.build().probability(X) - fitted.predict(X)).max() <= TOLERANCE
    # Nearer to a world in which half of all rows are positive.
    assert plain.predict(X).mean() + 0.05 < fitted.predict(X).mean()


@given(
    st.lists(st.integers(0, 1), min_size=2, max_size=60).filter(lambda y: 0 < sum(y) < len(y)),
    st.sampled_from(["weights", "undersample", "oversample"]),
    st.integers(0, 5),
)
def test_both_classes_weigh_the_same(y: list[int], imbalance: Any, seed: int) -> None:
    labels = np.array(y, np.int8)
    options = FitOptions(seed, 1, 1_000, {}, imbalance)
    X, taken, weights = learned_from(np.arange(len(y), dtype=float)[:, None], labels, options)

    heavy = weights if weights is not None else np.ones(len(taken))
    assert np.isclose(heavy[taken == 1].sum(), heavy[taken == 0].sum())
    assert np.array_equal(labels[X[:, 0].astype(int)], taken)  # rows keep their labels
    counts = np.bincount(labels)
    if imbalance == "weights":
        assert weights is not None and np.isclose(weights.mean(), 1.0) and len(taken) == len(y)
    elif imbalance == "undersample":
        assert len(np.unique(X)) == len(X) == 2 * counts.min()
    else:
        assert set(range(len(y))) == set(X[:, 0].astype(int)) and len(X) == 2 * counts.max()
    again, _ = balanced(labels, options)
    assert again is None or np.array_equal(labels[again], taken)
    assert balanced(labels, FitOptions(seed, 1, 1_000)) == (None, None)


@given(st.integers(1, 300), st.integers(0, 3))
def test_a_grid_is_spread_without_repetition(trials: int, seed: int) -> None:
    sets = grid(SPACE, trials, seed)
    whole = max((GRID_POINTS[i] ** 3 * 3 for i in range(4) if GRID_POINTS[i] ** 3 * 3 <= trials), default=24)
    assert len(sets) == min(trials, whole)
    assert len({repr(one) for one in sets}) == len(sets)
    assert all(contains(within, one[name]) for one in sets for name, within in SPACE.items())
    assert sets == grid(SPACE, trials, seed)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=4))
def test_a_narrow_space_lies_within_the_wide_one_around_the_best(numbers: list[int]) -> None:
    best = [ask("random", SPACE, [], seed=0, number=number, maximise=False) for number in numbers]
    near = narrowed(SPACE, best)
    for name, within in near.items():
        assert all(contains(within, one[name]) for one in best), name
        wide = SPACE[name]
        ends = within.values if isinstance(within, OneOf) else (within.low, within.high)
        assert all(contains(wide, end) for end in ends)
    drawn = ask("random", near, [], seed=1, number=0, maximise=False)
    assert all(contains(within, drawn[name]) for name, within in near.items())

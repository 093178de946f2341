"""XGBoost, CatBoost and the network: exact, repeatable, quiet, and left out where their library is."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.errors import MissingExtraError
from vigie.features.values import Kind, Values
from vigie.training.candidates import CANDIDATES, Candidate, FitOptions, Rows, chosen_candidates, installed
from vigie.training.candidates.space import OneOf
from vigie.training.make_bundle import TOLERANCE, exact_model
from vigie.training.metrics import auc

NEW = tuple(c for c in CANDIDATES if c.name in ("neural_network", "xgboost", "catboost"))
QUICK = {"neural_network": {"epochs": 3}, "xgboost": {"rounds": 25}, "catboost": {"rounds": 25}}
each = pytest.mark.parametrize("candidate", NEW, ids=lambda candidate: candidate.name)


def quick(candidate: Candidate, *, threads: int = 1, seed: int = 0, imbalance: str = "none") -> FitOptions:
    return FitOptions(seed, threads, 10_000, QUICK[candidate.name], imbalance)  # type: ignore[arg-type]


def made(n: int, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    age, visits = rng.normal(45, 12, n).round(), rng.poisson(4, n).astype(float)
    plan = rng.choice(["basic", "plus", "pro", "old"], n, p=[0.5, 0.3, 0.18, 0.02])
    z = 1.0 - 0.5 * visits + (plan == "basic") + 0.8 * ((age > 40) & (visits > 3))
    labels = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.int8)
    age[rng.random(n) < 0.1] = np.nan
    plans = [None if rng.random() < 0.05 else str(text) for text in plan]
    columns = {"age": Values(Kind.NUMBER, age), "visits": Values(Kind.NUMBER, visits)}
    return Rows({**columns, "plan": Values.of(Kind.CATEGORY, plans)}, labels)


@each
def test_it_learns_and_its_portable_model_answers_alike_on_rows_it_has_not_seen(candidate):
    learned, later = made(1500), made(1500, seed=1)
    found = candidate.fit(learned, FitOptions(0, 1, 10_000, candidate.sketch))
    model = found.build()
    for rows in (learned, later):
        X = found.matrix(rows)
        p = model.probability(X)
        assert np.abs(p - found.predict(X)).max() <= TOLERANCE
        row = model.row()
        assert [row(values) for values in X[:200].tolist()] == p[:200].tolist()
    assert auc(later.labels, found.probability(later)) > 0.7
    assert abs(found.probability(later).mean() - later.labels.mean()) < 0.05


NUMBER = st.one_of(st.just(float("nan")), st.integers(-3, 3).map(float), st.floats(allow_nan=False))
TEXT = st.one_of(st.none(), st.sampled_from("abcdefgh"))


@each
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_whatever_the_columns(candidate, data):
    """Missing, infinite and huge numbers, categories, constant columns."""
    n = data.draw(st.integers(20, 60))
    numbers = np.array(data.draw(st.lists(NUMBER, min_size=n, max_size=n)))
    texts = data.draw(st.lists(TEXT, min_size=n, max_size=n))
    columns = {"x": Values(Kind.NUMBER, numbers), "t": Values.of(Kind.CATEGORY, texts)}
    columns["one"] = Values(Kind.NUMBER, np.full(n, data.draw(NUMBER)))
    labels = np.array([0, 1, *data.draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))], np.int8)
    rows = Rows(columns, labels)
    found = candidate.fit(rows, quick(candidate))
    model = exact_model(found, rows)
    strange = Rows({**columns, "x": Values(Kind.NUMBER, np.resize([np.inf, -np.inf, np.nan, 1e300, 0.0], n))}, labels)
    X = found.matrix(strange)
    p, row = model.probability(X), model.row()
    assert np.abs(p - found.predict(X)).max() <= TOLERANCE
    assert np.isfinite(p).all() and [row(values) for values in X.tolist()] == p.tolist()


@each
def test_columns_that_say_nothing_give_the_share_of_positives(candidate):
    n = 200
    columns = {"empty": Values(Kind.NUMBER, np.full(n, np.nan)), "one": Values(Kind.NUMBER, np.ones(n))}
    columns["never"] = Values(Kind.CATEGORY, np.full(n, -1, np.int32), ("a",))
    rows = Rows(columns, (np.arange(n) % 4 == 0).astype(np.int8))
    found = candidate.fit(rows, FitOptions(0, 1, 10_000))
    model = exact_model(found, rows)
    assert np.allclose(model.probability(found.matrix(rows)), 0.25, atol=0.02)
    model.check(found.encoder.width)


@each
@pytest.mark.parametrize("imbalance", ["none", "weights"])
def test_the_same_seed_gives_the_same_model_on_any_number_of_threads(candidate, imbalance):
    rows = made(700)
    files = [
        candidate.fit(rows, quick(candidate, threads=threads, seed=seed, imbalance=imbalance)).build().to_files()
        for threads, seed in ((1, 5), (2, 5), (1, 6))
    ]
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("name", ["xgboost", "catboost"])
def test_with_rows_enough_for_threads_too(name):
    candidate = next(c for c in NEW if c.name == name)
    rows = made(100_500)
    params = {"rounds": 8}
    one, two = (candidate.fit(rows, FitOptions(0, threads, 10_000, params)) for threads in (1, 2))
    assert one.build().to_files() == two.build().to_files()
    assert np.array_equal(one.probability(rows), two.probability(rows))


@each
def test_a_rare_class_may_be_weighed_or_resampled(candidate):
    rows = made(1200)
    rare = rows.take(np.r_[np.flatnonzero(rows.labels == 0), np.flatnonzero(rows.labels == 1)[:60]])
    plain = candidate.fit(rare, quick(candidate)).probability(rare).mean()
    for imbalance in ("weights", "undersample", "oversample"):
        found = candidate.fit(rare, quick(candidate, imbalance=imbalance))
        exact_model(found, rare)
        assert found.probability(rare).mean() > plain + 0.1


@each
def test_defaults_lie_in_the_space_and_every_corner_of_it_can_be_fitted(candidate):
    rows = made(250)
    params = candidate.fit(rows, quick(candidate)).params
    for name, place in candidate.space.items():
        corners = place.values if isinstance(place, OneOf) else (place.low, place.high)
        default = {
            **params,
            **candidate.fit(rows, FitOptions(0, 1, 10_000, {"rounds": 5} | QUICK[candidate.name])).params,
        }
        if name not in QUICK[candidate.name]:
            assert default[name] in corners if isinstance(place, OneOf) else corners[0] <= default[name] <= corners[1]
            for corner in (corners[0], corners[-1]):
                few = FitOptions(0, 1, 10_000, {**QUICK[candidate.name], name: corner})
                found = candidate.fit(rows, few)
                exact_model(found, rows)
                assert found.params[name] == corner


@each
def test_nothing_is_printed_and_nothing_is_left_behind(candidate, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    candidate.fit(made(300), quick(candidate)).build()
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_network_learns_from_a_sample_and_says_so():
    network = next(c for c in NEW if c.name == "neural_network")
    assert network.slow
    found = network.fit(made(1200), FitOptions(0, 1, 400, {"epochs": 2}))
    assert found.note == "fitted on a sample of 400 of 1,200 rows"


@pytest.mark.parametrize(("name", "package"), [("xgboost", "xgboost-cpu"), ("catboost", "catboost")])
def test_without_its_library_it_is_left_out_unless_it_is_asked_for(name, package, monkeypatch):
    candidate = next(c for c in NEW if c.name == name)
    assert installed(candidate) and candidate in chosen_candidates(None, has_rule=False)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == name else real(module))
    assert not installed(candidate)
    assert candidate not in chosen_candidates(None, has_rule=False)
    with pytest.raises(MissingExtraError, match=rf"(?s){package} is not installed.*vigie\[boost\]"):
        chosen_candidates([name], has_rule=False)
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingExtraError) as error:
        candidate.fit(made(60), FitOptions(0, 1, 10_000))
    assert error.value.extra == candidate.extra == "boost" and error.value.package == package

"""Learning and validation curves of candidates whose behaviour is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

from vigie.bundle import ConstantModel, fit_encoder
from vigie.features.values import Kind, Values
from vigie.training import TrainOptions
from vigie.training.candidates import FitOptions, Fitted, Rows
from vigie.training.candidates.dummy import Dummy
from vigie.training.candidates.logistic_regression import LogisticRegression
from vigie.training.candidates.space import OneOf, Real, Space, Whole
from vigie.training.curves import (
    learning_curve,
    lost_by_choice,
    more_rows_help,
    most_important,
    validation_curve,
)
from vigie.training.evidence import Curve, Trial
from vigie.training.folds import make_folds
from vigie.wording import Said

OPTIONS = TrainOptions(threads=1)


class Shrunk:
    """Rates of ten groups, drawn towards one half with a weight of *pull* rows; *power* makes them too sure."""

    name, title, complexity, learns, slow, extra = "shrunk", "Shrunk rates", 1, True, False, "train"
    space: ClassVar[Space] = {"pull": Real(0.1, 1000.0, log=True), "power": Whole(1, 9), "kind": OneOf(("a", "b"))}

    cost = 1
    sketch: ClassVar[Mapping[str, object]] = {}

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        pull, power = float(options.params.get("pull", 1.0)), float(options.params.get("power", 1))
        (name,) = rows.columns
        encoder = fit_encoder(rows.columns, style="tree")
        group = rows.columns[name].data.astype(int)
        hits = np.bincount(group, weights=rows.labels, minlength=10)
        rate = (hits + pull / 2) / (np.bincount(group, minlength=10) + pull)
        rate = rate**power / (rate**power + (1 - rate) ** power)
        return Fitted(encoder, lambda X: rate[X[:, 0].astype(int)], lambda: ConstantModel(0.5), options.params)


def grouped(n: int, seed: int = 0, groups: int = 10) -> Rows:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    labels = (rng.random(n) < 0.1 + 0.8 * group / 10).astype(np.int8)
    return Rows({"g": Values(Kind.NUMBER, group.astype(float))}, labels)


def folds_of(rows: Rows, folds: int = 3):
    n = len(rows)
    keys = np.array([str(i) for i in range(n)], object)
    return make_folds(rows.labels, np.zeros(n, np.int64), keys, in_time=False, horizon=0, folds=folds, seed=0)


def wide(n: int, width: int = 60) -> Rows:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, width))
    labels = (rng.random(n) < 1 / (1 + np.exp(-X[:, :5].sum(axis=1)))).astype(np.int8)
    return Rows({f"x{i}": Values(Kind.NUMBER, X[:, i]) for i in range(width)}, labels)


def test_more_rows_help_where_columns_are_many_and_not_where_they_are_few() -> None:
    few = wide(700)
    curve = learning_curve(LogisticRegression(), {}, few, folds_of(few), OPTIONS)
    assert curve is not None and curve.over == "rows" and more_rows_help(curve)
    assert curve.words.startswith("More rows would help: with")
    assert (np.diff(curve.valid) < 0).all() and (curve.train < curve.valid).all()
    many = grouped(6000)
    flat = learning_curve(Shrunk(), {}, many, folds_of(many), OPTIONS)
    assert flat is not None and not more_rows_help(flat)
    assert flat.points == (500.0, 1000.0, 2000.0, 4000.0)
    assert isinstance(flat.words, Said) and "better features would" in flat.words


def test_what_learns_nothing_or_from_next_to_nothing_has_no_learning_curve() -> None:
    rows = grouped(300)
    assert learning_curve(Dummy(), {}, rows, folds_of(rows), OPTIONS) is None
    assert learning_curve(Shrunk(), {}, grouped(60), folds_of(grouped(60)), OPTIONS) is None


def test_the_same_seed_draws_the_same_curve() -> None:
    rows = grouped(2000)
    one, two = (learning_curve(Shrunk(), {}, rows, folds_of(rows), OPTIONS) for _ in range(2))
    assert one is not None and two is not None
    assert (one.valid == two.valid).all() and (one.train == two.train).all()


@pytest.mark.parametrize(
    ("chosen", "says"),
    [({"pull": 1.0}, "is well chosen"), ({"pull": 1000.0}, "Under-fitted at “pull” = 1000")],
)
def test_a_validation_curve_goes_through_the_chosen_value(chosen: Mapping[str, object], says: str) -> None:
    rows = grouped(1500)
    trials = [trial(i, pull) for i, pull in enumerate(np.geomspace(0.1, 1000, 12))]
    curve = validation_curve(Shrunk(), chosen, rows, folds_of(rows), OPTIONS, trials)
    assert curve is not None and curve.over == "pull" and chosen["pull"] in curve.points
    assert list(curve.points) == sorted(curve.points) and curve.points[0] >= 0.1 and curve.points[-1] <= 1000.0
    assert says in curve.words
    assert (lost_by_choice(curve, chosen["pull"]) is not None) == ("fitted" in says)


def test_over_fitted_is_what_fits_its_own_rows_better_than_the_better_one() -> None:
    rows = grouped(72)
    trials = [trial(i, pull) for i, pull in enumerate(np.geomspace(0.1, 1000, 12))]
    curve = validation_curve(Shrunk(), {"pull": 0.1}, rows, folds_of(rows), OPTIONS, trials)
    assert curve is not None and curve.words.startswith("Over-fitted at “pull” = 0.1")


def trial(number: int, pull: float, power: int = 1, state: str = "done") -> Trial:
    loss = 0.4 + 0.02 * np.log(pull) ** 2
    return Trial(number, "shrunk", {"pull": pull, "power": power}, state, loss, 1.0, loss, 0.1, "wide")  # type: ignore[arg-type]


def test_trials_say_which_parameter_matters() -> None:
    rng = np.random.default_rng(3)
    trials = [trial(i, float(p), int(k)) for i, (p, k) in enumerate(zip(10 ** rng.uniform(-1, 3, 30), rng.integers(1, 10, 30), strict=True))]  # fmt: skip
    assert most_important(Shrunk(), {}, trials) == "pull"
    # Too few trials, or those of another candidate: the first number of the space.
    assert most_important(Shrunk(), {}, trials[:3]) == "pull"
    assert most_important(Dummy(), {}, trials) is None
    turned = [Trial(t.number, t.candidate, {"pull": t.params["power"], "power": t.number % 9 + 1}, t.state, t.objective,
                    t.value, 0.3 + 0.01 * (t.number % 9), t.seconds, t.stage) for t in trials]  # fmt: skip
    assert most_important(Shrunk(), {}, turned) == "power"


def test_a_choice_costs_nothing_within_what_the_folds_differ_by() -> None:
    valid, spread = np.array([0.50, 0.49, 0.52]), np.array([0.04, 0.04, 0.04])
    curve = Curve("pull", (1.0, 2.0, 3.0), valid - 0.1, valid, spread, "")
    assert lost_by_choice(curve, 3.0) is None and lost_by_choice(curve, "auto") is None
    assert lost_by_choice(Curve("pull", curve.points, curve.train, valid, spread / 10, ""), 3.0) == pytest.approx(
        0.03 / 0.49
    )

"""A stack weighs its members' log-odds, is explained by theirs, and needs no learning library to be served."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.bundle import (
    Bundle,
    ConstantModel,
    Encoder,
    LinearModel,
    NeuralModel,
    Scorer,
    StackMember,
    StackModel,
    TreeArrays,
    TreesModel,
    load_bundle,
    with_golden,
    write_bundle,
)
from vigie.bundle.logistic import log_odds, logistic
from vigie.bundle.stack_model import LIMIT
from vigie.errors import BundleError
from vigie.training.candidates import CANDIDATES, FitOptions, Rows

MEMBERS = ("forest", "linear", "additive", "boosting")
WEIGHTS = (0.45, 0.3, 0.2, 0.15)
OFFSET = -0.125


def with_model(bundle: Bundle, encoder: Encoder, model: Any, columns: Any) -> Bundle:
    return with_golden(replace(bundle, encoder=encoder, model=model, golden=(), hash=""), columns)


@pytest.fixture(scope="module")
def stacked(fitted) -> tuple[Encoder, StackModel]:
    """Forest and boosting are encoded alike and read the same columns; the others have their own."""
    starts, encoders, members = {}, [], []
    for name, weight in zip(MEMBERS, WEIGHTS, strict=True):
        encoder, model, _ = fitted[name]
        if encoder.columns not in starts:
            starts[encoder.columns] = sum(other.width for other in encoders)
            encoders.append(encoder)
        members.append(StackMember(model, weight, starts[encoder.columns], encoder.width))
    assert len(encoders) == 3
    return Encoder(tuple(c for e in encoders for c in e.columns)), StackModel(tuple(members), OFFSET)


@pytest.fixture(scope="module")
def stack_bundle(stacked, bundles, shop) -> Bundle:
    return with_model(bundles["linear"], *stacked, shop.columns)


def test_its_log_odds_are_the_weighed_sum(stacked, shop, fitted):
    encoder, model = stacked
    X = encoder.transform(shop.features)
    expected = OFFSET + sum(
        weight * np.clip(log_odds(fitted[name][2]), -LIMIT, LIMIT)
        for name, weight in zip(MEMBERS, WEIGHTS, strict=True)
    )
    found = model.probability(X)
    assert np.abs(found - logistic(expected)).max() <= 1e-9
    row = model.row()
    assert [row(values) for values in X.tolist()] == found.tolist()
    model.check(encoder.width)
    assert model.width == encoder.width


def test_its_contributions_are_those_of_its_members_and_add_up(stacked, shop, fitted):
    encoder, model = stacked
    X = encoder.transform(shop.features)[::10]
    found, z = model.contributions(X), log_odds(model.probability(X))
    assert np.abs(found.sum(axis=1) - z).max() <= 1e-9
    assert np.unique(found[:, -1]).size == 1
    row = model.contribution_row()
    assert np.allclose([row(values) for values in X[:20].tolist()], found[:20], rtol=0, atol=1e-9)
    # The linear and the additive member add up log-odds themselves: theirs are only weighed.
    for name, weight in (("linear", 0.3), ("additive", 0.2)):
        member = model.members[MEMBERS.index(name)]
        own = fitted[name][1].contributions(X[:, member.start : member.start + member.width])
        assert np.allclose(found[:, member.start : member.start + member.width], own[:, :-1] * weight, atol=1e-9)
    # The forest's are stretched by one factor a row: within it nothing shifts.
    forest, lone = fitted["forest"][1], StackModel((model.members[0], model.members[0]), 0.0)
    part = X[:, : forest.contributions(X[:1, : model.members[0].width]).shape[1] - 1]
    own, carried = forest.contributions(part)[:, :-1], lone.contributions(part)[:, :-1]
    largest = np.abs(own).argmax(axis=1)
    rows = np.arange(len(X))
    factor = carried[rows, largest] / own[rows, largest]
    assert (factor > 0).all() and np.allclose(carried, own * factor[:, None], atol=1e-9)


def leaf_pair(low: float, high: float, rows: tuple[int, int] = (50, 50)) -> TreesModel:
    """A forest of one tree: *low* where its one column is at most 0, else *high*."""
    share = (low * rows[0] + high * rows[1]) / sum(rows)
    tree = TreeArrays(
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        feature=np.array([0, -2, -2]),
        threshold=np.zeros(3),
        nan_left=np.array([1, 0, 0]),
        value=np.array([share, low, high]),
        samples=np.array([sum(rows), *rows]),
    )
    return TreesModel.of_forest([tree], 1)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.3), (1e-9, 2e-9), (0.3, 0.3 + 1e-10), (0.2, 0.9)])
def test_members_that_are_certain_or_say_nothing(low, high):
    model = StackModel(
        (StackMember(leaf_pair(low, high), 0.6, 0, 1), StackMember(LinearModel((50.0,), 0.0), 0.5, 0, 1)), 0.1
    )
    X = np.array([[-1.0], [0.0], [1.0], [1e3], [-1e3]])
    p, found = model.probability(X), model.contributions(X)
    z = 0.1 + 0.6 * np.clip(log_odds(np.where(X[:, 0] <= 0, low, high)), -LIMIT, LIMIT)
    z += 0.5 * np.clip(50 * X[:, 0], -LIMIT, LIMIT)
    assert np.abs(log_odds(p) - z).max() <= 1e-9
    assert np.abs(found.sum(axis=1) - z).max() <= 1e-6
    row, explain = model.row(), model.contribution_row()
    assert [row(values) for values in X.tolist()] == p.tolist()
    assert np.allclose([explain(values) for values in X.tolist()], found, atol=1e-9)


NUMBER = st.floats(-5, 5)


@given(st.data())
def test_one_row_is_answered_as_many_are(data):
    width = data.draw(st.integers(1, 3))
    line = st.lists(NUMBER, min_size=width, max_size=width)
    network = NeuralModel(
        np.array([data.draw(line) for _ in range(width)]), np.array(data.draw(line)), np.array(data.draw(line)), 0.2,
        np.array(data.draw(line)),
    )  # fmt: skip
    members = (
        StackMember(network, data.draw(st.floats(0.01, 2)), 0, width),
        StackMember(LinearModel(tuple(data.draw(line)), data.draw(NUMBER)), data.draw(st.floats(0.01, 2)), 0, width),
        StackMember(leaf_pair(0.1, 0.7), data.draw(st.floats(0.01, 2)), width - 1, 1),
    )
    model = StackModel(members, data.draw(NUMBER))
    model.check(width)
    X = np.array(data.draw(st.lists(line, min_size=1, max_size=6)))
    row, found = model.row(), model.probability(X)
    assert [row(values) for values in X.tolist()] == found.tolist()
    z = log_odds(found)
    plain = np.abs(z) < 25  # beyond, a probability has too few digits to tell log-odds from
    assert np.abs(model.contributions(X).sum(axis=1) - z)[plain].max(initial=0.0) <= 1e-4


def test_a_bundle_with_a_stack_is_written_read_and_scored_alike(stack_bundle, shop, tmp_path):
    digest = write_bundle(stack_bundle, tmp_path / "stack")
    loaded = load_bundle(tmp_path / "stack", expected=digest)
    names = {file.name for file in (tmp_path / "stack").iterdir()}
    assert {"model.json", "member0.json", "member0.txt", "member1.json", "member2.json", "member3.txt"} <= names
    assert write_bundle(loaded, tmp_path / "again") == digest
    # An input is named once for each way in which it is encoded.
    assert len(loaded.encoder.input_names) == 3 * len(shop.features)
    scorer, rows = Scorer(loaded), shop.rows()
    many = scorer.score(shop.columns, shop.n)
    assert np.array_equal(many.probability, Scorer(stack_bundle).score(shop.columns, shop.n).probability)
    for attribute in ("probability", "gain", "act", "expected_value", "segment"):
        assert [getattr(scorer.score_one(row), attribute) for row in rows] == getattr(many, attribute).tolist()


def test_damages_are_named(stacked):
    encoder, model = stacked
    files = model.to_files()
    with pytest.raises(BundleError, match="member 2 of the stack is missing"):
        StackModel.from_files({name: content for name, content in files.items() if name != "member2.json"})
    with pytest.raises(BundleError, match="cannot hold a 'stack'"):
        StackModel.from_files({**files, "model.json": files["model.json"].replace(b'"linear"', b'"stack"')})
    with pytest.raises(BundleError, match="cannot be read"):
        StackModel.from_files({**files, "member1.json": files["member0.json"]})
    text = files["member0.txt"].replace(b"left_child=1", b"left_child=0", 1)
    with pytest.raises(BundleError, match="do not make a tree|damaged"):
        StackModel.from_files({**files, "member0.txt": text})
    data = msgspec.json.decode(files["model.json"])
    for change, said in (
        ({"weight": -1.0}, "weighs -1.0"),
        ({"weight": 0.0}, "weighs 0.0"),
        ({"start": -1}, "columns that there are not"),
        ({"start": 10_000}, "the stack reads"),
        ({"width": 2}, "columns"),
    ):
        members = [{**data["members"][0], **change}, *data["members"][1:]]
        broken = {**files, "model.json": msgspec.json.encode({**data, "members": members})}
        with pytest.raises(BundleError, match=said):
            StackModel.from_files(broken).check(encoder.width)
    with pytest.raises(BundleError, match="a stack of 1 models"):
        StackModel(model.members[:1], 0.0).check(model.members[0].width)
    with pytest.raises(BundleError, match="'constant' in a stack"):
        StackModel((StackMember(ConstantModel(0.5), 1.0, 0, 1),) * 2, 0.0).check(1)
    with pytest.raises(BundleError, match="not a finite number"):
        StackModel(model.members, float("nan")).check(encoder.width)


# LightGBM's compiled library is what reads trees; its Python package is looked up, never imported.
BLOCKED = ("sklearn", "scipy", "xgboost", "catboost", "lightgbm", "interpret", "pandas", "polars", "threadpoolctl")

SERVE = f"""
import sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in set({BLOCKED!r}) - {{"lightgbm"}}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
from vigie.bundle import Scorer, load_bundle
for name in sys.argv[2:]:
    bundle = load_bundle(Path(sys.argv[1]) / name)
    scorer = Scorer(bundle)
    rows = [dict(golden.values) for golden in bundle.golden]
    print(name, bundle.model.kind, *[repr(scorer.score_one(row).probability) for row in rows])
assert not [name for name in sys.modules if name.partition(".")[0] in {BLOCKED!r}]
"""


def test_new_kinds_are_served_without_any_learning_library(bundles, stack_bundle, shop, tmp_path):
    rows = Rows(shop.features, shop.labels)
    kept = {"stack": stack_bundle}
    few = {"neural_network": {"epochs": 3}, "xgboost": {"rounds": 30}, "catboost": {"rounds": 30}}
    for candidate in CANDIDATES:
        if candidate.name in few:
            options = FitOptions(seed=0, threads=1, row_limit=10_000, params=few[candidate.name])
            found = candidate.fit(rows, options)
            kept[candidate.name] = with_model(bundles["linear"], found.encoder, found.build(), shop.columns)
    for name, bundle in kept.items():
        write_bundle(bundle, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVE), str(tmp_path), *kept],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        name, kind, *answers = line.split()
        scorer = Scorer(kept[name])
        golden = [scorer.score_one(dict(one.values)).probability for one in kept[name].golden]
        assert kind == kept[name].model.kind
        assert [float(answer) for answer in answers] == golden
    assert len(done.stdout.splitlines()) == 4

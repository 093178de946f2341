"""The reference profile counts every row once and is plain data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.bundle import profile_of, segment_edges
from vigie.bundle.profile import MOST_CATEGORIES
from vigie.bundle.segment import SEGMENT_NAMES, segments_of
from vigie.definition import Kind
from vigie.features.values import Values


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False), st.integers(0, 3).map(float)), min_size=1, max_size=80)
)
def test_every_number_is_counted_once(data):
    values = Values.of(Kind.NUMBER, data)
    profile = profile_of({"x": values}, np.linspace(0, 1, len(data)))
    feature = profile["features"]["x"]
    known = [v for v in data if v is not None]
    assert sum(feature["counts"]) == len(known) and len(feature["counts"]) == len(feature["edges"]) + 1
    assert feature["edges"] == sorted(set(feature["edges"]))
    assert feature["missing"] == pytest.approx(1 - len(known) / len(data))
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile
    assert sum(profile["score"]["counts"]) == profile["rows"] == len(data)


def test_a_number_in_even_bins():
    rng = np.random.default_rng(0)
    data = rng.normal(size=10_000)
    feature = profile_of({"x": Values(Kind.NUMBER, data)}, np.zeros(10_000))["features"]["x"]
    assert len(feature["counts"]) == 20 and max(feature["counts"]) - min(feature["counts"]) <= 2
    assert feature["mean"] == pytest.approx(data.mean()) and feature["std"] == pytest.approx(data.std())
    assert feature["quantiles"][5] == pytest.approx(np.median(data))


def test_a_frequent_value_has_a_bin_of_its_own():
    data = np.concatenate([np.zeros(900), np.arange(1, 101)])
    feature = profile_of({"x": Values(Kind.NUMBER, data)}, np.zeros(1000))["features"]["x"]
    assert feature["counts"][feature["edges"].index(0.0) + 1] >= 900


@pytest.mark.parametrize("others", [0, 1, 12])
def test_a_value_that_is_nearly_always_there_is_told_from_all_others(others):
    data = np.concatenate([np.zeros(1_000 - others), np.full(others, 3.0)])
    feature = profile_of({"x": Values(Kind.NUMBER, data)}, np.zeros(1000))["features"]["x"]
    cell = {v: int(np.searchsorted(feature["edges"], v, side="right")) for v in (-1.0, 0.0, 3.0)}
    assert len(set(cell.values())) == 3
    assert feature["counts"][cell[0.0]] == 1_000 - others and feature["counts"][cell[3.0]] == others


def test_categories_booleans_times_and_texts():
    columns = {
        "c": Values.of(Kind.CATEGORY, ["b", "a", "b", None]),
        "f": Values.of(Kind.BOOLEAN, [True, False, None, True]),
        "t": Values.of(Kind.TIME, [5, 7, None, 9]),
        "n": Values.of(Kind.TEXT, ["hello", None, "hello", "you"]),
        "many": Values.of(Kind.CATEGORY, [f"c{i}" for i in range(4)]),
    }
    features = profile_of(columns, np.full(4, 0.5))["features"]
    assert features["c"] == {
        "kind": "category",
        "missing": 0.25,
        "distinct": 2,
        "categories": {"b": 2, "a": 1},
        "other": 0,
    }
    assert features["f"]["counts"] == [1, 2] and features["f"]["edges"] == [0.5]
    assert sum(features["t"]["counts"]) == 3 and features["t"]["kind"] == "time"
    assert features["n"]["distinct"] == 2
    wide = Values.of(Kind.CATEGORY, [f"c{i}" for i in range(150)])
    feature = profile_of({"c": wide}, np.zeros(150))["features"]["c"]
    assert len(feature["categories"]) == MOST_CATEGORIES and feature["other"] == 50 and feature["distinct"] == 150


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_segments_are_in_order_of_probability(p):
    p = np.array(p)
    edges = segment_edges(p)
    segments = segments_of(p, edges)
    assert len(edges) == len(SEGMENT_NAMES) - 1 and list(edges) == sorted(edges)
    assert (np.diff(segments[np.argsort(p)]) >= 0).all() and segments.max() < len(SEGMENT_NAMES)


def test_segments_hold_their_shares():
    p = np.random.default_rng(0).random(10_000)
    shares = np.bincount(segments_of(p, segment_edges(p))) / 10_000
    assert shares == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=1e-3)

"""Encoding: what becomes of nulls, rare and unseen categories, extremes; and that one row equals many to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.bundle import CategoryColumn, Encoder, NumberColumn, fit_encoder
from vigie.clock import DAY
from vigie.definition import Kind
from vigie.errors import BundleError, FeatureError
from vigie.features.values import Values

numbers = st.one_of(
    st.none(),
    st.floats(allow_nan=False),
    st.integers(-1000, 1000).map(float),
    st.sampled_from([0.0, -0.0, 1e-36, 1e-34]),
)
categories = st.one_of(st.none(), st.sampled_from(["a", "b", "ç", "", "other", "missing", "never"]))
moments = st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 40_000).map(lambda d: d * DAY))
booleans = st.one_of(st.none(), st.booleans())
KINDS = {
    "n": (Kind.NUMBER, numbers),
    "c": (Kind.CATEGORY, categories),
    "t": (Kind.TIME, moments),
    "b": (Kind.BOOLEAN, booleans),
}


@st.composite
def rows(draw, least=1):
    size = draw(st.integers(least, 12))
    return [{name: draw(values) for name, (_, values) in KINDS.items()} for _ in range(size)]


def columns(given_rows):
    return {name: Values.of(kind, [row[name] for row in given_rows]) for name, (kind, _) in KINDS.items()}


@given(
    rows(), rows(), st.sampled_from(["tree", "linear", "additive"]), st.sampled_from([0.0, 0.03, 0.3]), st.booleans()
)
def test_one_row_is_encoded_as_many_are(training, later, style, rare, labelled):
    labels = np.arange(len(training)) % 2 if labelled else None
    encoder = fit_encoder(columns(training), labels, style=style, rare=rare)
    for some in (training, later):
        X = encoder.transform(columns(some))
        assert X.shape == (len(some), encoder.width) and X.dtype == np.float64 and X.flags.c_contiguous
        assert not np.isinf(X).any()
        for line, row in zip(X, some, strict=True):
            found = np.array(encoder.row(row))
            assert np.array_equal(found, line, equal_nan=True)
            assert np.array_equal(np.signbit(found), np.signbit(line)) or np.isnan(found).any()
        # However rows are grouped, each is encoded alike.
        assert np.array_equal(encoder.transform(columns(some[:1]))[0], X[0], equal_nan=True)
    assert Encoder.from_data(encoder.to_data()) == encoder


@given(rows(), st.sampled_from(["tree", "linear", "additive"]))
def test_the_same_training_gives_the_same_encoder(training, style):
    assert fit_encoder(columns(training), style=style) == fit_encoder(columns(training), style=style)


def category(values, **how):
    fitted = fit_encoder({"c": Values.of(Kind.CATEGORY, values)}, **how)
    return fitted, lambda value: fitted.row({"c": value})


def test_categories_under_three_percent_are_grouped():
    values = ["a"] * 60 + ["b"] * 35 + ["c"] * 3 + ["d"] * 2
    encoder, code = category(values, style="additive")
    column = encoder.columns[0]
    assert column.kept == ("a", "b", "c")
    assert code("d") == code("never seen") == [3.0]
    assert column.level_names() == ["a", "b", "c", "other"]
    # Without nulls in training a null is as unseen as a new category.
    assert code(None) == code("d")


def test_without_a_group_the_unseen_count_as_the_most_frequent():
    _, code = category(["b"] * 6 + ["a"] * 4, style="additive")
    assert code("new") == code("b") == code(None)


def test_missing_is_a_category_of_its_own():
    encoder, code = category(["a", "b", None] * 5, style="linear")
    assert encoder.feature_names() == ["c=a", "c=b", "c=missing"]
    assert code(None) == [0.0, 0.0, 1.0]
    assert code("new") == code("a") == [1.0, 0.0, 0.0]
    assert encoder.categorical() == []


def test_only_nulls_and_only_rare_ones():
    _, code = category([None, None], style="tree")
    assert code("a") == code(None) == [0.0]
    encoder, code = category([f"c{i}" for i in range(100)], style="linear")
    assert encoder.feature_names() == ["c=other"] and code("c1") == code(None) == [1.0]


def test_levels_of_a_tree_are_in_order_of_their_share_of_positives():
    values = ["a"] * 10 + ["b"] * 10 + ["c"] * 10 + [None] * 10
    labels = np.array([1] * 9 + [0] + [0] * 10 + [1] * 5 + [0] * 5 + [1] * 2 + [0] * 8)
    encoder = fit_encoder({"c": Values.of(Kind.CATEGORY, values)}, labels, style="tree")
    assert [encoder.row({"c": v})[0] for v in ("b", None, "c", "a")] == [0.0, 1.0, 2.0, 3.0]
    assert encoder.categorical() == [0]


def test_numbers_of_a_linear_model_are_filled_clipped_and_standardised():
    rng = np.random.default_rng(0)
    data = rng.normal(50, 10, 1000)
    data[0], data[1:101] = 1e12, np.nan
    encoder = fit_encoder({"x": Values(Kind.NUMBER, data)}, style="linear")
    X = encoder.transform({"x": Values(Kind.NUMBER, data)})
    assert encoder.feature_names() == ["x", "x_missing"]
    assert abs(X[:, 0].mean()) < 1e-9 and abs(X[:, 0].std() - 1) < 1e-9
    assert X[0, 0] < 4 and X[:, 1].sum() == 100
    median = np.median(np.clip(data[101:], None, np.quantile(data[~np.isnan(data)], 0.995)))
    column = encoder.columns[0]
    assert math.isclose(column.impute, median, rel_tol=0.01)


def test_a_value_that_is_rarely_not_zero_is_not_clipped_away():
    data = np.zeros(1000)
    data[:4] = 5.0
    encoder = fit_encoder({"x": Values(Kind.NUMBER, data)}, style="linear")
    assert encoder.row({"x": 5.0})[0] > 10


@pytest.mark.parametrize(
    "data", [np.full(5, 3.0), np.full(5, np.nan), np.array([1e300, -1e300]), np.array([np.inf, 1])]
)
def test_constant_missing_and_huge_numbers_stay_finite(data):
    for style in ("linear", "tree", "additive"):
        encoder = fit_encoder({"x": Values(Kind.NUMBER, data)}, style=style)
        X = encoder.transform({"x": Values(Kind.NUMBER, data)})
        assert not np.isinf(X).any() and (style != "linear" or not np.isnan(X).any())


def test_a_time_is_days_since_1970():
    encoder = fit_encoder({"t": Values.of(Kind.TIME, [0, DAY])}, style="tree")
    assert encoder.row({"t": 3 * DAY // 2}) == [1.5]
    assert math.isnan(encoder.row({"t": None})[0])


def test_names_of_columns_and_the_inputs_they_come_from():
    given = {
        "x": Values(Kind.NUMBER, np.array([1.0, np.nan])),
        "c": Values.of(Kind.CATEGORY, ["a", "b"]),
    }
    encoder = fit_encoder(given, style="linear")
    assert encoder.feature_names() == ["x", "x_missing", "c=a", "c=b"]
    assert encoder.feature_inputs() == ["x", "x", "c", "c"]
    assert encoder.input_names == ("x", "c") and encoder.width == 4


def test_what_does_not_fit_is_refused():
    text = {"note": Values.of(Kind.TEXT, ["hello"])}
    with pytest.raises(FeatureError, match="free text"):
        fit_encoder(text, style="tree")
    encoder = fit_encoder({"x": Values(Kind.NUMBER, np.zeros(2))}, style="tree")
    with pytest.raises(FeatureError, match="no values for 'x'"):
        encoder.transform({}, 2)
    with pytest.raises(FeatureError, match="is a category and was a number"):
        encoder.transform({"x": Values.of(Kind.CATEGORY, ["a"])})
    with pytest.raises(BundleError, match="do not fit together"):
        CategoryColumn("c", ("a",), (4,), 0, 0, 2)
    with pytest.raises(BundleError, match="not a stored encoder"):
        Encoder.from_data([{"type": "number", "name": 1}])
    assert isinstance(encoder.columns[0], NumberColumn)


def test_no_columns_for_a_model_that_reads_nothing():
    assert Encoder().transform({}, 3).shape == (3, 0)
    assert Encoder().row({"x": 1.0}) == []

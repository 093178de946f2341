"""Exploring: every number equals another way to compute it, and nothing undefined breaks it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vigie.bundle.encoder_fit import CLIP, RARE, fit_encoder
from vigie.definition import Kind
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.training.explore import View, explore, view_of
from vigie.training.explore.association import Associations, alike, associate, clustered, cramers_v
from vigie.training.explore.column import look
from vigie.training.explore.drift import periods_of, stability_index
from vigie.training.explore.extremes import extremes_of
from vigie.training.explore.gaps import gaps_of
from vigie.training.explore.grouping import grouping_of
from vigie.training.explore.groups import group_values
from vigie.training.explore.repeats import repeats_of
from vigie.training.options import TrainOptions
from vigie.training.task import split_of

DAY = 86_400_000_000


def numbers(values: np.ndarray) -> Values:
    return Values(Kind.NUMBER, np.asarray(values, dtype=np.float64))


def texts(values: list[str | None]) -> Values:
    return Values.of(Kind.CATEGORY, values)


# -- which rows ----------------------------------------------------------------------------------------------------------


def test_only_rows_that_training_learns_from_are_looked_at(monthly_set: Callable[..., TrainingSet]) -> None:
    rows = monthly_set()
    options = TrainOptions(seed=3)
    view = view_of(rows, options)
    train = split_of(rows, options).train
    assert np.array_equal(view.moments, rows.moments[train]) and np.array_equal(view.labels, rows.labels[train])
    assert len(view) < len(rows.labels) and "peeking" in view.how[0]
    everything = view_of(rows, options, all_rows=True)
    assert len(everything) == len(rows.labels) and "those of the test too" in everything.how[0]


def test_where_no_test_can_be_set_aside_all_rows_are_looked_at_and_it_is_said(
    once_set: Callable[..., TrainingSet],
) -> None:
    rows = once_set(60)
    one_class = TrainingSet(**{**_fields(rows), "labels": np.zeros(60, np.int8)})
    view = view_of(one_class)
    assert len(view) == 60 and "no test can be set aside" in view.how[0]
    found = explore(view)
    assert found.findings == () and all(column.auc != column.auc for column in found.columns)


def _fields(rows: TrainingSet) -> dict[str, object]:
    return {name: getattr(rows, name) for name in rows.__dataclass_fields__}


def test_many_rows_are_drawn_the_same_each_time_and_it_is_said() -> None:
    view = View("x", {"a": numbers(np.arange(500))}, np.arange(500) % 2)
    one, again = view.sampled(100, seed=1), view.sampled(100, seed=1)
    assert len(one) == 100 and np.array_equal(one.columns["a"].data, again.columns["a"].data)
    assert np.all(np.diff(one.columns["a"].data) > 0) and "drawn at random" in one.how[-1]
    assert view.sampled(500) is view


# -- columns -------------------------------------------------------------------------------------------------------------


def test_rates_of_bins_equal_plain_counting() -> None:
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 10, 2000).round(1)
    x[:50] = np.nan
    y = (rng.random(2000) < 0.3).astype(np.int8)
    grouped = group_values(numbers(x))
    groups = grouped.rates(y)
    assert sum(group.count for group in groups) == 2000 and len(groups) == 11
    for code, group in enumerate(groups):
        rows = grouped.codes == code
        assert group.count == rows.sum() and group.rate == pytest.approx(y[rows].mean())
        low, high = stats.binomtest(int(y[rows].sum()), int(rows.sum())).proportion_ci(method="wilson")
        assert (group.low, group.high) == pytest.approx((low, high))
    assert np.isnan(x[grouped.codes == 10]).all()
    inner = [x[grouped.codes == code] for code in range(10)]
    assert all(a.max() < b.min() for a, b in pairwise(inner))


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=60))
def test_every_row_is_in_one_group_and_equal_values_are_in_the_same(given_values: list[float | None]) -> None:
    values = Values.of(Kind.NUMBER, given_values)
    grouped = group_values(values)
    assert grouped.codes.min() >= 0 and grouped.codes.max() < len(grouped.labels)
    missing = len(grouped.labels) - 1
    assert [code == missing for code in grouped.codes] == [value is None for value in given_values]
    order = sorted((v, c) for v, c in zip(given_values, grouped.codes, strict=True) if v is not None)
    assert all(a[1] <= b[1] and (a[0] != b[0] or a[1] == b[1]) for a, b in pairwise(order))


@given(
    st.lists(st.sampled_from([None, *"abcdefg", "other", "missing"]), min_size=1, max_size=200),
)
def test_pies_show_the_grouping_that_the_encoder_does(given_values: list[str | None]) -> None:
    values = texts(given_values)
    grouping = grouping_of("c", values)
    n = len(given_values)
    assert dict(grouping.before) == {v: given_values.count(v) for v in set(given_values) if v is not None}
    encoder = fit_encoder({"c": values}, style="linear")
    sums = encoder.transform({"c": values}).sum(axis=0).astype(int).tolist()
    assert sorted(rows for _, rows in grouping.after) == sorted(rows for rows in sums if rows)
    assert sum(rows for _, rows in grouping.after) == n
    rare = [v for v, rows in grouping.before if rows < RARE * n]
    assert grouping.rare == len(rare) and grouping.rare_rows == sum(given_values.count(v) for v in rare)
    assert grouping.missing == given_values.count(None)


def test_extremes_are_what_the_encoder_clips() -> None:
    rng = np.random.default_rng(1)
    x = rng.lognormal(3, 1.5, 4000)
    y = (rng.random(4000) < 0.2).astype(np.int8)
    found = extremes_of("x", numbers(x), y)
    assert found is not None and found.limits is not None
    low, high = np.quantile(x, CLIP)
    assert found.limits == pytest.approx((low, high))
    assert (found.below, found.above) == ((x < low).sum(), (x > high).sum())
    q1, q3 = np.quantile(x, [0.25, 0.75])
    assert found.far == ((x > q3 + 3 * (q3 - q1)) | (x < q1 - 3 * (q3 - q1))).sum()
    outside = (x < low) | (x > high)
    assert found.rate == pytest.approx(y[outside].mean()) and found.rest_rate == pytest.approx(y[~outside].mean())
    encoder = fit_encoder({"x": numbers(x)}, style="linear")
    assert len(np.unique(encoder.transform({"x": numbers(x)}))) == len(np.unique(np.clip(x, low, high)))
    assert found.powers == pytest.approx(np.log10(x.max() / np.median(x)))
    assert max(found.whole.outside) == x.max() and min(found.whole.outside) == x.min()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (Values.missing(Kind.NUMBER, 300), {"empty", "constant"}),
        (Values.missing(Kind.CATEGORY, 300), {"empty", "constant"}),
        (Values.missing(Kind.TIME, 300), {"empty", "constant"}),
        (numbers(np.full(300, 4.0)), {"constant"}),
        (numbers(np.r_[np.full(299, 4.0), np.nan]), set()),
        (numbers(np.r_[np.full(298, 4.0), np.inf, -np.inf]), set()),
        (texts(["a"] * 300), {"constant"}),
        (texts([f"k{i}" for i in range(300)]), {"identifier"}),
        (numbers(np.arange(300)), {"identifier"}),
        (numbers(np.random.default_rng(0).normal(size=300)), set()),
        (Values(Kind.TIME, np.arange(300) * DAY), set()),
        (Values(Kind.BOOLEAN, np.arange(300) % 2.0), set()),
    ],
)
def test_a_column_of_any_shape_is_looked_at(values: Values, words: set[str]) -> None:
    labels = (np.arange(300) % 3 == 0).astype(np.int8)
    periods = periods_of(np.arange(300) // 50 * DAY)
    column = look("x", values, labels, periods=periods)
    assert {word for word in ("empty", "constant", "identifier") if getattr(column, word)} == words
    assert sum(group.count for group in column.groups) == (0 if column.empty else 300)


def test_the_auc_of_one_column_finds_what_is_there_and_nothing_in_noise() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(3000) < 0.3).astype(np.int8)
    view = View("v", {"noise": numbers(rng.normal(size=3000)), "good": numbers(y + rng.normal(size=3000))}, y)
    found = explore(view)
    assert [column.name for column in found.columns] == ["good", "noise"]
    assert found["good"].auc == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert found["noise"].auc < 0.54


# -- pairs ---------------------------------------------------------------------------------------------------------------


def test_associations_equal_scipys() -> None:
    rng = np.random.default_rng(3)
    n = 1500
    a, b = rng.normal(size=(2, n))
    b = np.round(b + a, 1)
    a[rng.random(n) < 0.1] = np.nan
    b[rng.random(n) < 0.2] = np.nan
    c = rng.integers(0, 4, n)
    d = np.where(rng.random(n) < 0.6, c, rng.integers(0, 3, n))
    columns = {
        "a": numbers(a),
        "b": numbers(b),
        "c": texts([f"c{i}" for i in c]),
        "d": texts([f"d{i}" if r > 0.1 else None for i, r in zip(d, rng.random(n), strict=True)]),
        "e": numbers(c + rng.normal(size=n)),
    }
    groupings = {name: grouping_of(name, columns[name]) for name in "cd"}
    found = associate(columns, groupings)
    matrix = {(x, y): found.matrix[i, j] for i, x in enumerate(found.names) for j, y in enumerate(found.names)}
    both = np.isfinite(a) & np.isfinite(b)
    # Ranks are taken once for a column, not anew for each pair: next to the same with few gaps.
    assert matrix["a", "b"] == pytest.approx(stats.spearmanr(a[both], b[both]).statistic, abs=0.01)
    assert matrix["b", "e"] == pytest.approx(
        stats.spearmanr(b, columns["e"].data, nan_policy="omit").statistic, abs=0.01
    )
    known = columns["d"].data >= 0
    table = stats.contingency.crosstab(c[known], d[known]).count
    assert matrix["c", "d"] == pytest.approx(_bergsma(table)) and matrix["c", "d"] == matrix["d", "c"]
    assert matrix["e", "c"] == pytest.approx(_epsilon(stats.rankdata(columns["e"].data), c))
    assert np.allclose(np.diag(found.matrix), 1)


def test_spearman_without_gaps_is_exact() -> None:
    rng = np.random.default_rng(4)
    table = np.round(rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)), 1)
    found = associate({f"x{i}": numbers(table[:, i]) for i in range(5)}, {})
    assert np.allclose(found.matrix, stats.spearmanr(table).statistic, atol=1e-12)


def _bergsma(table: np.ndarray) -> float:
    n, (r, c) = table.sum(), table.shape
    phi2 = stats.chi2_contingency(table, correction=False).statistic / n
    phi2 = max(0, phi2 - (r - 1) * (c - 1) / (n - 1))
    return float(np.sqrt(phi2 / min(r - (r - 1) ** 2 / (n - 1) - 1, c - (c - 1) ** 2 / (n - 1) - 1)))


def _epsilon(x: np.ndarray, groups: np.ndarray) -> float:
    parts = [x[groups == g] for g in np.unique(groups)]
    f = stats.f_oneway(*parts).statistic
    n, k = len(x), len(parts)
    eta2 = f * (k - 1) / (f * (k - 1) + n - k)
    return float(np.sqrt(max(0, 1 - (1 - eta2) * (n - 1) / (n - k))))


def test_independent_categories_of_many_levels_do_not_seem_to_go_together() -> None:
    rng = np.random.default_rng(5)
    found = [cramers_v(stats.contingency.crosstab(*rng.integers(0, 20, (2, 600))).count) for _ in range(20)]
    assert np.mean(found) < 0.06


def test_what_cannot_be_measured_is_nan_and_breaks_nothing() -> None:
    columns = {
        "constant": numbers(np.ones(50)),
        "empty": Values.missing(Kind.NUMBER, 50),
        "few": numbers(np.r_[np.arange(5), np.full(45, np.nan)]),
        "x": numbers(np.arange(50)),
        "one": texts(["a"] * 50),
        "none": Values.missing(Kind.CATEGORY, 50),
    }
    groupings = {name: grouping_of(name, columns[name]) for name in ("one", "none")}
    found = associate(columns, groupings)
    off = found.matrix[~np.eye(6, dtype=bool)]
    assert np.isnan(off).all() and found.strongest(5) == []
    assert len(clustered(found, 4)) == 4 and alike(found, {}) == []
    nothing = associate({}, {})
    assert nothing.names == () and clustered(nothing, 3) == []


def test_alike_columns_are_put_to_the_most_telling_but_a_finer_one_is_never_put_to_a_coarser() -> None:
    names = ("a", "b", "c", "fine", "coarse")
    matrix = np.eye(5)
    for i, j, r in ((0, 1, -0.95), (0, 2, 0.5), (1, 2, 0.93), (3, 4, 0.99)):
        matrix[i, j] = matrix[j, i] = r
    found = Associations(names, matrix, (0, 0, 0, 9, 2), 100)
    telling = {"a": 0.7, "b": 0.9, "c": 0.6, "coarse": 0.8, "fine": 0.65}
    assert alike(found, telling) == [("b", ["a", "c"]), ("fine", ["coarse"])]
    assert alike(found, {**telling, "a": 0.95}) == [("a", ["b"]), ("fine", ["coarse"])]


def test_blocks_stand_side_by_side() -> None:
    rng = np.random.default_rng(6)
    base = rng.normal(size=(3, 500))
    columns = {f"x{i}": numbers(base[i % 3] + 0.3 * rng.normal(size=500)) for i in range(12)}
    found = associate(columns, {})
    blocks = [i % 3 for i in clustered(found, 12)]
    assert sum(a != b for a, b in pairwise(blocks)) == 2


# -- gaps, repeats, time -------------------------------------------------------------------------------------------------


def test_gaps_and_their_patterns_equal_plain_counting() -> None:
    rng = np.random.default_rng(7)
    n = 1000
    gap = rng.random(n) < 0.3
    other = rng.random(n) < 0.1
    y = (rng.random(n) < 0.5).astype(np.int8)
    columns = {
        "a": numbers(np.where(gap, np.nan, 1.0)),
        "b": texts([None if g else "x" for g in gap]),
        "c": numbers(np.where(other, np.nan, 1.0)),
        "full": numbers(np.ones(n)),
        "void": Values.missing(Kind.NUMBER, n),
    }
    found = gaps_of(columns, y)
    assert (found.columns, found.complete, found.together) == (4, 0, (("a", "b"),))
    told = {p.names: (p.rows, p.positives) for p in found.patterns}
    assert told[("a", "b", "void")] == ((gap & ~other).sum(), y[gap & ~other].sum())
    assert sum(rows for rows, _ in told.values()) == n and found.combinations == 4
    assert gaps_of({"full": columns["full"]}, y).complete == n


def test_repeats_are_found_and_contradictions_bound_what_any_model_can_do() -> None:
    x = np.array([1, 1, 1, 2, 3, 3, np.nan, np.nan])
    y = np.array([0, 0, 1, 0, 1, 1, 0, 1], np.int8)
    keys = np.array(list("aabcdefg"), object)
    view = View("v", {"x": numbers(x), "c": texts(["k"] * 8), "id": texts(list("stuvwxyz"))}, y, customers=keys)
    found = repeats_of(view, but=["id"])
    assert (found.customers, found.most, found.equal, found.contradicting) == (7, 2, 2, 5)
    assert found.ceiling == pytest.approx(6 / 8)
    assert repeats_of(view).equal == 0


def test_drift_is_the_sum_of_its_definition_and_finds_what_moved() -> None:
    rng = np.random.default_rng(8)
    n = 6000
    moments = np.repeat(np.arange(12), n // 12) * 30 * DAY
    late = np.arange(n) >= n // 2
    periods = periods_of(moments)
    assert periods is not None and np.array_equal(periods.late, late) and len(periods.moments) == 12
    codes = rng.integers(0, 5, n)
    p, q = (np.bincount(codes[rows], minlength=5) + 0.5 for rows in (~late, late))
    p, q = p / p.sum(), q / q.sum()
    assert stability_index(codes, late) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p))
    y = (rng.random(n) < 0.3).astype(np.int8)
    columns = {"still": numbers(rng.normal(size=n)), "moving": numbers(rng.normal(size=n) + late)}
    found = explore(View("v", columns, y, moments=moments))
    assert found["still"].drift < 0.02 and found["moving"].drift > 0.25
    median = found["moving"].lines[1].heights
    assert median[0] == pytest.approx(np.median(columns["moving"].data[: n // 12]))
    assert periods_of(np.zeros(5, np.int64)) is None
    many = periods_of(rng.integers(0, 1000 * DAY, 5000))
    assert many is not None and len(many.moments) <= 24


def test_the_same_rows_give_the_same_exploration(once_set: Callable[..., TrainingSet]) -> None:
    one, again = (explore(view_of(once_set(400))) for _ in range(2))
    assert [c.name for c in one.columns] == [c.name for c in again.columns]
    assert [c.auc for c in one.columns] == [c.auc for c in again.columns]
    assert np.array_equal(one.associations.matrix, again.associations.matrix, equal_nan=True)

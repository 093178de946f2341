"""What a Spark cluster computes is what one machine computes, to the last bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from vigie.errors import FeatureError
from vigie.features.kernel import evaluate
from vigie.features.partitions import Partitions
from vigie.features.relations import load_relations
from vigie.features.spark.driver import build_feature_set_spark, build_training_set_spark, features_on_spark
from vigie.features.training_set import build_feature_set, build_training_set, needs_of, related_needs_of
from vigie.features.windows import Rows

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning")


def same(a, b):
    """Whether two columns are equal, nulls and bits included."""
    if a.kind is not b.kind or a.categories != b.categories or a.data.dtype != b.data.dtype:
        return False
    if a.data.dtype == object:
        return a.data.tolist() == b.data.tolist()
    return a.data.tobytes() == b.data.tobytes()


def assert_equal(ours, theirs):
    assert theirs.customers.tolist() == ours.customers.tolist()
    assert theirs.moments.tobytes() == ours.moments.tobytes()
    for role in ("features", "extras"):
        mine, other = getattr(ours, role), getattr(theirs, role)
        assert list(mine) == list(other)
        assert [name for name in mine if not same(mine[name], other[name])] == []


@pytest.mark.parametrize(
    ("seed", "name"), [(1, "snapshots"), (1, "at events"), (1, "at rows"), (1, "once"), (2, "snapshots")]
)
def test_training_set(spark, make_shop, seed, name):
    shop = make_shop(seed, whole=seed == 2)
    asked = shop.score(name)
    ours = build_training_set(asked, shop.lake, shop.schema, as_of=shop.now, memory=1 << (20 * seed))
    theirs = build_training_set_spark(asked, shop.lake, shop.schema, as_of=shop.now, spark=spark, buckets=5)
    assert len(ours) > 20 and len(np.unique(ours.labels)) == 2
    assert_equal(ours, theirs)
    assert theirs.labels.tobytes() == ours.labels.tobytes() and theirs.labels.dtype == ours.labels.dtype
    assert (theirs.immature, theirs.unknown) == (ours.immature, ours.unknown)
    assert (theirs.versions, theirs.as_of, theirs.score) == (ours.versions, ours.as_of, ours.score)


def gathered(sets):
    """All rows of feature sets by customer."""
    rows = {}
    for one in sets:
        columns = {**one.features, **{f"extra {n}": v for n, v in one.extras.items()}}
        values = {name: column.to_list() for name, column in columns.items()}
        for i, customer in enumerate(one.customers):
            assert customer not in rows
            rows[customer] = (int(one.moments[i]), {name: repr(column[i]) for name, column in values.items()})
    return rows


@pytest.mark.parametrize("name", ["snapshots", "at events"])
def test_feature_set(spark, make_shop, name):
    shop = make_shop(3)
    asked = shop.score(name)
    ours = gathered(build_feature_set(asked, shop.lake, shop.schema, as_of=shop.now))
    theirs = gathered(build_feature_set_spark(asked, shop.lake, shop.schema, as_of=shop.now, spark=spark, buckets=4))
    assert len(ours) > 50 and theirs == ours
    chosen = [*list(ours)[:7], "nobody"]
    few = build_feature_set_spark(asked, shop.lake, shop.schema, as_of=shop.now, spark=spark, customers=chosen)
    assert gathered(few) == {customer: ours[customer] for customer in chosen[:-1]}


def test_features_at_given_rows_of_given_versions(spark, make_shop):
    shop = make_shop(4, 40)
    asked = shop.score("snapshots")
    features, needs, related = asked.bound_features, needs_of(asked, shop.schema), related_needs_of(asked, shop.schema)
    before = {name: shop.lake.version(name) for name in shop.schema}
    shop.ingest(500)
    generator = np.random.default_rng(0)
    rows = [(f"c{c}", shop.now - int(t)) for c, t in generator.integers(0, [[60], [200 * 86_400_000_000]], (2, 300)).T]
    rows += rows[:5]
    for versions in (before, None):
        chosen = versions or {name: shop.lake.version(name) for name in shop.schema}
        relations = load_relations(related, shop.lake, chosen, as_of=shop.now)
        with Partitions(needs, shop.lake, chosen, shop.now, 1 << 30) as partitions:
            histories = partitions.load(0)
        code = {key: i for i, key in enumerate(histories.customers.tolist())}
        known = [i for i, (key, _) in enumerate(rows) if key in code]
        order = sorted(known, key=lambda i: (code[rows[i][0]], rows[i][1]))
        at = Rows(np.array([code[rows[i][0]] for i in order]), np.array([rows[i][1] for i in order]))
        ours = evaluate(features, histories.blocks, at, relations)
        theirs = features_on_spark(
            features, needs, shop.lake, rows, as_of=shop.now, spark=spark, related=related, versions=versions, buckets=3
        )
        for mine, other in zip(ours, theirs, strict=True):
            assert [other.to_list()[i] for i in order] == mine.to_list()
            assert list(other.categories) == sorted({text for text in other.to_list() if isinstance(text, str)})
        counts = theirs[0].to_list()
        assert [counts[i] for i in range(len(rows)) if i not in known] == [0] * (len(rows) - len(known))
        assert 0 < len(known) < len(rows)
    nothing = features_on_spark(features, needs, shop.lake, [], as_of=shop.now, spark=spark, related=related)
    assert [values.to_list() for values in nothing] == [[]] * len(features)


def test_a_table_that_does_not_say_when_rows_came_is_read_in_the_order_of_its_files(spark, make_shop):
    shop = make_shop(5, 60, whole=True)
    for name in shop.schema:
        bare = shop.lake.scan(name).drop("_batch", "_row").collect()
        for i in range(3):
            shop.lake.append(f"bare_{name}", bare.slice(i * len(bare) // 3, len(bare) // 3), moment=1)
    renamed = Renamed(shop.lake)
    asked = shop.score("snapshots")
    ours = build_training_set(asked, renamed, shop.schema, as_of=shop.now)
    theirs = build_training_set_spark(asked, renamed, shop.schema, as_of=shop.now, spark=spark, buckets=3)
    assert_equal(ours, theirs)


class Renamed:
    """The tables ``bare_…`` of a lake."""

    def __init__(self, lake):
        self.lake = lake

    def version(self, name):
        return self.lake.version(f"bare_{name}")

    def scan(self, name, *, version=None):
        return self.lake.scan(f"bare_{name}", version=version)

    def table(self, name, version=None):
        return self.lake.table(f"bare_{name}", version)


def test_empty_sources(spark, make_shop):
    shop = make_shop(6, 30)
    asked = shop.score("snapshots")
    for name in shop.schema:
        frame = shop.lake.scan(name).clear().collect()
        shop.lake.replace(name, frame, moment=2)
    theirs = build_training_set_spark(asked, shop.lake, shop.schema, as_of=shop.now, spark=spark)
    assert_equal(build_training_set(asked, shop.lake, shop.schema, as_of=shop.now), theirs)
    assert len(theirs) == 0


def test_an_unknown_column_is_told_before_any_work(spark, make_shop):
    shop = make_shop(7, 30)
    asked = shop.score("snapshots")
    lake = Renamed(shop.lake)
    for name in shop.schema:
        frame = shop.lake.scan(name).collect()
        shop.lake.append(f"bare_{name}", frame.drop("page") if name == "clicks" else frame, moment=1)
    with pytest.raises(FeatureError, match="'clicks' has no column 'page'"):
        build_training_set_spark(asked, lake, shop.schema, as_of=shop.now, spark=spark)


def test_hash_of_keys_is_the_same_for_ever():
    """Workers of one cluster may run on different machines and must agree where a customer belongs."""
    from vigie.features.keys import stable_hash

    texts = pl.Series(["", "a", "b", "ab", "12345678", "123456789", "é" * 9])
    assert stable_hash(texts).tolist() == HASHES
    assert stable_hash(pl.Series([0, 1, -7])).tolist() == WHOLE
    assert len(set(stable_hash(pl.Series([f"c{i}" for i in range(10_000)])).tolist())) == 10_000


HASHES = [
    16294208416658607535, 6774081908283191102, 3918140811610257722, 1160739144276709854, 9501447833425779875,
    9003943604911055402, 2529414652808115522,
]  # fmt: skip
WHOLE = [16294208416658607535, 10451216379200822465, 7790691224305936752]

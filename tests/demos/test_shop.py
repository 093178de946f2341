"""The generated shop: what is true of it can be recovered from its tables."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from vigie.clock import stopwatch
from vigie.errors import SettingsError
from vigie_demos.shop import world as shop
from vigie_demos.shop.world import Blemishes, Promotion, chunks, generate

CLEAN = Blemishes(late=0.0, duplicates=0.0, nulls=0.0, silent=0.0)
PROMOTION = Promotion("spring", date(2025, 3, 4))


@pytest.fixture(scope="module")
def world():
    return generate(11, 12_000, campaigns=(PROMOTION,))


def _silent(orders: pl.DataFrame, since, days: int) -> pl.DataFrame:
    """Customers who ordered in the days from *since*."""
    at = pl.lit(since).cast(pl.Datetime("us", "UTC"))
    ahead = orders.filter((pl.col("ordered_at") >= at) & (pl.col("ordered_at") < at + pl.duration(days=days)))
    return ahead.select("customer_id").unique().with_columns(ordered=pl.lit(1))


def _with_outcome(truth: pl.DataFrame, orders: pl.DataFrame, since, days: int) -> pl.DataFrame:
    joined = truth.join(_silent(orders, since, days), on="customer_id", how="left", maintain_order="left")
    return joined.with_columns(silent=pl.col("ordered").is_null().cast(pl.Int8))


@pytest.mark.parametrize("horizon", [30, 90])
@pytest.mark.parametrize("when", [date(2024, 6, 1), date(2025, 9, 1)])
def test_truth_is_calibrated_and_ranks(world, horizon, when):
    snapshot = world.truth.snapshots.filter(pl.col("moment").dt.date() == when)
    seen = _with_outcome(snapshot, world.tables["orders"], when, horizon)
    chance, silent = seen[f"no_order_{horizon}"], seen["silent"]

    assert abs(chance.mean() - silent.mean()) < 0.02
    buckets = (
        seen.with_columns(bucket=(chance * 5).floor())
        .group_by("bucket")
        .agg(pl.col("silent").mean(), pl.col(f"no_order_{horizon}").mean(), pl.len())
    )
    large = buckets.filter(pl.col("len") > 300)
    assert (large["silent"] - large[f"no_order_{horizon}"]).abs().max() < 0.06
    assert roc_auc_score(silent, chance) > 0.85


def test_nobody_who_left_orders_again(world):
    left = world.truth.customers.drop_nulls("left_on").select("customer_id", "left_on")
    for table, time in (("orders", "ordered_at"), ("visits", "seen_at")):
        after = world.tables[table].join(left, on="customer_id").filter(pl.col(time).dt.date() >= pl.col("left_on"))
        assert after.height == 0


def test_the_oracle_beats_what_the_tables_show(world):
    when = date(2025, 9, 1)
    at = pl.lit(when).cast(pl.Datetime("us", "UTC"))
    last = (
        world.tables["orders"]
        .filter(pl.col("ordered_at") < at)
        .group_by("customer_id")
        .agg(recency=(at - pl.col("ordered_at").max()).dt.total_days(), count=pl.len())
    )
    snapshot = (
        world.truth.snapshots.filter(pl.col("moment") == at).join(last, on="customer_id").filter(pl.col("recency") < 90)
    )
    seen = _with_outcome(snapshot, world.tables["orders"], when, 30)

    by_recency = roc_auc_score(seen["silent"], seen["recency"])
    by_truth = roc_auc_score(seen["silent"], seen["no_order_30"])
    assert 0.55 < by_recency < by_truth - 0.05
    assert by_truth < 0.9, "chance remains"


def test_uplift_is_recovered_by_the_difference_of_means(world):
    promotions = world.truth.promotions
    seen = _with_outcome(promotions, world.tables["orders"], PROMOTION.day, 30)
    true = (seen["no_order_control"] - seen["no_order_treated"]).mean()
    control = seen.filter(~pl.col("treated"))["silent"].to_numpy()
    treated = seen.filter("treated")["silent"].to_numpy()
    difference = control.mean() - treated.mean()
    error = np.sqrt(control.var(ddof=1) / len(control) + treated.var(ddof=1) / len(treated))

    assert true > 0.05
    assert abs(difference - true) < 3.3 * error
    assert abs(len(treated) / len(seen) - 0.5) < 0.03
    contacts = world.tables["contacts"]
    assert contacts.height == seen.height and contacts["treated"].sum() == len(treated)
    offers = world.tables["emails"].filter((pl.col("kind") == "offer") & (pl.col("event") == "sent"))
    assert set(offers["customer_id"]) == set(contacts.filter("treated")["customer_id"])


def test_same_seed_same_world():
    one = generate(5, 400, end=date(2024, 7, 1), campaigns=(Promotion("p", date(2024, 3, 5)),))
    two = generate(5, 400, end=date(2024, 7, 1), campaigns=(Promotion("p", date(2024, 3, 5)),))
    other = generate(6, 400, end=date(2024, 7, 1), campaigns=(Promotion("p", date(2024, 3, 5)),))

    assert one.digest() == two.digest() != other.digest()


def test_blemishes_change_the_tables_and_not_the_lives():
    clean = generate(5, 500, end=date(2024, 7, 1), blemishes=CLEAN)
    dirty = generate(5, 500, end=date(2024, 7, 1), blemishes=Blemishes(0.2, 0.1, 0.2, 0.5))

    assert clean.truth.snapshots.equals(dirty.truth.snapshots)
    assert clean.tables["orders"]["order_id"].is_unique().all()
    delays = (dirty.tables["orders"]["recorded_at"] - dirty.tables["orders"]["ordered_at"]).dt.total_minutes()
    assert 0.15 < (delays > 60).mean() < 0.25
    assert dirty.tables["orders"].unique().height < dirty.tables["orders"].height
    assert 0.15 < dirty.tables["orders"]["category"].is_null().mean() < 0.25
    assert 0.4 < dirty.tables["tickets"]["satisfaction"].is_null().mean() < 0.6
    assert clean.tables["tickets"]["satisfaction"].null_count() == 0


def test_price_shock_drives_customers_away():
    calm = generate(5, 4_000, end=date(2025, 1, 1), blemishes=CLEAN)
    shocked = generate(5, 4_000, end=date(2025, 1, 1), price_shock=date(2024, 7, 1), blemishes=CLEAN)

    def gone(world, segment):
        after = pl.col("left_on") >= date(2024, 7, 1)
        return (
            world.truth.customers.filter(pl.col("segment") == segment).select(after.fill_null(value=False).sum()).item()
        )

    def spending(world):
        return world.tables["orders"].filter(pl.col("ordered_at").dt.month() > 6)["amount"].mean()

    assert gone(shocked, "bargain") > 1.5 * gone(calm, "bargain")
    assert gone(shocked, "loyal") < 1.8 * gone(calm, "loyal")
    assert spending(shocked) > 1.05 * spending(calm)
    before = pl.col("moment").dt.date() < date(2024, 4, 1)
    assert calm.truth.snapshots.filter(before)["hazard"].equals(shocked.truth.snapshots.filter(before)["hazard"])


def test_seasons_and_bad_tickets_show(world):
    orders = world.tables["orders"].with_columns(month=pl.col("ordered_at").dt.strftime("%Y-%m"))
    months = dict(orders.group_by("month").len().iter_rows())
    assert months["2024-12"] > 1.3 * months["2024-08"]

    bad = world.tables["tickets"].filter(pl.col("satisfaction") <= 2).select("customer_id", "opened_at")
    good = world.tables["tickets"].filter(pl.col("satisfaction") >= 3).select("customer_id", "opened_at")

    def leave(tickets):
        joined = tickets.join(world.truth.customers, on="customer_id")
        days = (pl.col("left_on") - pl.col("opened_at").dt.date()).dt.total_days()
        return joined.select((days.fill_null(10_000) <= 30).mean()).item()

    assert leave(bad) > 1.4 * leave(good)


def test_tickets_speak_of_an_order_of_their_customer(world):
    tickets = world.tables["tickets"].join(
        world.tables["orders"].unique("order_id").select("order_id", "ordered_at", buyer="customer_id"), on="order_id"
    )
    assert tickets.height > 0.98 * world.tables["tickets"].height, "all but orders recorded too late"
    assert (tickets["buyer"] == tickets["customer_id"]).all()
    waited = (tickets["opened_at"].dt.date() - tickets["ordered_at"].dt.date()).dt.total_days()
    assert waited.min() >= 1 and waited.max() <= 7
    assert tickets["text"].n_unique() > 0.9 * tickets.height


def test_profiles_have_versions(world):
    customers = world.tables["customers"]
    assert customers.select("customer_id", "updated_at").is_unique().all()
    versions = customers.sort("customer_id", "updated_at")
    assert 0.05 < (versions["customer_id"].is_duplicated()).mean() < 0.6
    back = versions.with_columns(before=pl.col("newsletter").shift(1).over("customer_id"))
    assert back.filter(pl.col("newsletter") & ~pl.col("before")).height == 0, "who unsubscribed stays unsubscribed"


def test_chunks_are_the_whole(monkeypatch):
    monkeypatch.setattr(shop, "CHUNK", 300)
    parts = list(chunks(5, 700, end=date(2024, 4, 1)))
    whole = generate(5, 700, end=date(2024, 4, 1))

    assert [p.truth.customers.height for p in parts] == [300, 300, 100]
    ids = whole.truth.customers["customer_id"]
    assert ids.n_unique() == 700 and whole.tables["orders"]["order_id"].n_unique() <= whole.tables["orders"].height
    assert whole.tables["visits"]["visit_id"].is_unique().all()
    assert pl.concat([p.tables["visits"] for p in parts]).equals(whole.tables["visits"])


def test_five_thousand_customers_for_two_years_take_seconds():
    begin = stopwatch()
    generate(1)
    assert stopwatch() - begin < 5.0


def test_an_impossible_shop_is_refused():
    with pytest.raises(SettingsError, match="end after the start"):
        generate(1, 10, date(2024, 1, 1), date(2024, 1, 1))
    twins = (Promotion("a", date(2024, 2, 2)), Promotion("b", date(2024, 2, 2)))
    with pytest.raises(SettingsError, match="share a day"):
        generate(1, 10, campaigns=twins)


def test_a_single_customer_on_a_single_day():
    world = generate(1, 1, date(2024, 1, 5), date(2024, 1, 6))
    assert world.truth.snapshots.height == 0 and world.tables["contacts"].height == 0

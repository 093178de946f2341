"""A shop's lake with everything that makes features hard: late events, repetitions, ties, nulls, columns that came later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vigie.clock import DAY, parse_moment
from vigie.data.lake import Lake
from vigie.definition import Campaign, Events, Kind, Score, Table, at, days, every, moment, once

START = parse_moment("2024-01-01")
NOW = START + 200 * DAY
ORDERS = Events("orders", key="who", time="at", id="id", known_at="known")
CLICKS = Events("clicks", key="visitor", time="when")
PROFILE = Table("profile", key="who")
STATES = Table("states", key="who", known_at="since")
TOWNS = Table("towns", key="town")
FAIRS = Events("fairs", key="kind", time="at")
SCHEMA = {
    "orders": {
        "who": Kind.CATEGORY, "at": Kind.TIME, "known": Kind.TIME, "id": Kind.CATEGORY, "amount": Kind.NUMBER,
        "kind": Kind.CATEGORY, "gift": Kind.BOOLEAN, "note": Kind.TEXT, "due": Kind.TIME,
    },
    "clicks": {"visitor": Kind.CATEGORY, "when": Kind.TIME, "page": Kind.CATEGORY},
    "profile": {"who": Kind.CATEGORY, "town": Kind.CATEGORY, "value": Kind.NUMBER},
    "towns": {"town": Kind.CATEGORY, "region": Kind.CATEGORY, "size": Kind.NUMBER},
    "fairs": {"kind": Kind.CATEGORY, "at": Kind.TIME, "visitors": Kind.NUMBER},
    "states": {"who": Kind.CATEGORY, "since": Kind.TIME, "plan": Kind.CATEGORY, "left": Kind.BOOLEAN},
}  # fmt: skip
FEATURES = [
    ORDERS.count(days(7, 90)),
    ORDERS["amount"].sum(days(30)),
    ORDERS["amount"].mean(),
    ORDERS["kind"].mode(days(90)),
    ORDERS["kind"].last(),
    ORDERS["due"].min(),
    ORDERS["note"].distinct(days(60)),
    ORDERS.where(gift=True)["amount"].std(),
    CLICKS.days_since_last(),
    CLICKS["page"].distinct(days(30)),
    PROFILE["town"],
    STATES["plan"],
    PROFILE["town"].of(TOWNS)["region"],
    ORDERS["kind"].last().of(FAIRS)["visitors"].sum(days(60)),
    ORDERS["amount"].sum(days(90)) / PROFILE["value"],
]
SHARED = {
    "features": FEATURES,
    "decision": Campaign(contact_cost=1, offer_cost=2, accepted=0.3, customer_value=PROFILE["value"], capacity=40),
}
SCORES = {
    "snapshots": Score(
        "snapshots", moments=every(days(30)), outcome=ORDERS.count(next=days(30)) == 0, rule=CLICKS.days_since_last(), **SHARED
    ),
    "at events": Score(
        "events", moments=at(CLICKS), outcome=ORDERS.count(next=days(10)) > 0, population=ORDERS.count(days(90)) > 0,
        **{**SHARED, "features": [*FEATURES, CLICKS["page"].at_moment(), moment.weekday()]},
    ),
    "at rows": Score("rows", moments=at(STATES), outcome=STATES["left"] == True, **{**SHARED, "features": FEATURES[:-2]}),
    "once": Score("once", moments=once("2024-06-01"), outcome=STATES["left"] == True, **{**SHARED, "features": FEATURES[:-2]}),
}  # fmt: skip


class Shop:
    """A lake with its definitions."""

    now, schema = NOW, SCHEMA

    def __init__(self, folder: Path, seed: int, customers: int, *, whole: bool) -> None:
        self.lake = Lake(folder)
        self._random = np.random.default_rng(seed)
        self._customers, self._whole = customers, whole
        self._batch = 0
        for events in (20, 5):  # the second ingest brings more columns
            self.ingest(events * customers)

    def score(self, name: str) -> Score:
        return SCORES[name].bound(SCHEMA)

    def ingest(self, events: int) -> None:
        """Another ingest of orders, and of a tenth as many of the rest."""
        later = self._batch > 0
        orders = {
            "who": self._keys(events), "at": self._times(events), "id": self._ids(events),
            "amount": self._floats(events), "kind": self._texts(events, ["a", "ü", "", "b"]),
        }  # fmt: skip
        lag = np.where(self._random.random(events) < 0.2, self._random.integers(0, 40 * DAY, events), 0)
        orders["known"] = (orders["at"].cast(pl.Int64) + lag).cast(pl.Datetime("us", "UTC"))
        if later:
            orders["gift"] = pl.Series([None, True, False, True]).sample(
                events, with_replacement=True, seed=self._batch
            )
            orders["note"] = self._texts(events, ["n", "m"])
            old = pl.Series(np.full(events, -300 * 365 * DAY)).cast(
                pl.Datetime("us", "UTC")
            )  # the calendar was another
            orders["due"] = pl.select(pl.when(orders["amount"] > 1).then(old).otherwise(orders["at"])).to_series()
        few = max(events // 10, 1)
        self._append("orders", orders)
        clicks = {
            "visitor": self._keys(few),
            "when": self._times(few),
            "page": self._texts(few, [f"p{i}" for i in range(30)]),
        }
        self._append("clicks", clicks | {"id": self._ids(few)})
        self._append(
            "profile", {"who": self._keys(few), "town": self._texts(few, ["Łódź", "Rom"]), "value": self._floats(few)}
        )
        size = pl.Series([9.0, None, 3.0])
        self._append(
            "towns",
            {"town": pl.Series(["Łódź", "Rom", "Rom"]), "region": pl.Series(["Łódzkie", None, "x"]), "size": size},
        )
        fairs = {
            "kind": self._texts(few, ["a", "ü", "z"]),
            "at": self._times(few),
            "visitors": self._floats(few),
            "id": self._ids(few),
        }
        self._append("fairs", fairs)
        left = pl.Series([None, True, False]).sample(few, with_replacement=True, seed=self._batch)
        states = {"who": self._keys(few), "since": self._times(few), "plan": self._texts(few, ["p", "q"]), "left": left}
        self._append("states", states)
        self._batch += 1

    def _append(self, name: str, columns: dict[str, pl.Series]) -> None:
        rows = len(next(iter(columns.values())))
        frame = pl.DataFrame(columns).with_columns(
            _batch=pl.lit(f"{self._batch:08d}"), _row=pl.int_range(rows, dtype=pl.Int64), _ingested_at=pl.lit(NOW)
        )
        if name in ("orders", "clicks", "fairs"):
            frame = frame.with_columns(_id=pl.col("id"))
        if name in ("clicks", "fairs"):
            frame = frame.drop("id")
        self.lake.append(name, frame, moment=1)

    def _keys(self, n: int) -> pl.Series:
        keys = pl.Series(self._random.integers(0, self._customers, n))
        keys = keys if self._whole else "c" + keys.cast(pl.String)
        return pl.select(pl.when(pl.Series(self._random.random(n) < 0.98)).then(keys)).to_series()

    def _times(self, n: int) -> pl.Series:
        # Few moments, so that many events are of the same one; some in the future.
        moments = START + self._random.integers(0, 210 * 4, n) * (DAY // 4)
        return pl.Series(moments).cast(pl.Datetime("us", "UTC"))

    def _ids(self, n: int) -> pl.Series:
        return pl.Series(self._random.integers(0, max(n // 2, 1), n)).cast(pl.String)

    def _floats(self, n: int) -> pl.Series:
        values = self._random.choice([0.1, 0.7, 3.0, 1e13, -2.5], n)
        return pl.select(pl.when(pl.Series(self._random.random(n) < 0.9)).then(pl.Series(values))).to_series()

    def _texts(self, n: int, of: list[str]) -> pl.Series:
        return pl.Series([*of, None]).sample(n, with_replacement=True, seed=int(self._random.integers(1 << 30)))


@pytest.fixture(scope="session")
def make_shop(tmp_path_factory):
    """Makes a shop's lake: ``make_shop(seed, customers, whole=…)``; *whole*: keys are numbers."""

    def make(seed: int, customers: int = 120, *, whole: bool = False) -> Shop:
        return Shop(tmp_path_factory.mktemp("shop") / "lake", seed, customers, whole=whole)

    return make

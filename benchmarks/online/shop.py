"""10,000 customers with 200 events each in a store of Vigie's, and the 20 window features that are asked for.

python benchmarks/online/shop.py load URL FOLDER         fills the store, writes the features' values to FOLDER/values.parquet
python benchmarks/online/shop.py time URL CALLS          times look-ups in this process, prints JSON
python benchmarks/online/shop.py serve URL PORT          the feature server over the store
"""

from __future__ import annotations

import gc
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vigie import Campaign, Events, Score, days, every
from vigie.clock import DAY, SystemClock
from vigie.definition import Kind
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.lookup import Lookup
from vigie.features.online.needs import holdings_of
from vigie.features.online.open_store import open_store
from vigie.features.values import Values

CUSTOMERS, EVENTS = 10_000, 200
NAMES = [f"f{i}" for i in range(20)]
SCHEMA = {"orders": {"amount": Kind.NUMBER}}

orders = Events("orders", key="customer_id", time="at", id="order_id")
features = [
    feature
    for window in (days(7), days(30), days(90), days(365))
    for feature in (
        orders.count(window),
        orders["amount"].sum(window),
        orders["amount"].mean(window),
        orders["amount"].max(window),
        orders.days_since_last(window),
    )
]
score = Score(
    "bench",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[feature.named(name) for feature, name in zip(features, NAMES, strict=True)],
    decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
).bound(SCHEMA)


def lookup(url: str) -> Lookup:
    """Features by customer id over the store that *url* names."""
    store = open_store(url, "bench", default=Path("online.db"))
    histories = OnlineHistories(store, holdings_of(score, SCHEMA), keep=7 * DAY, clock=SystemClock())
    return Lookup(score, SCHEMA, histories)


def load(url: str, folder: Path) -> None:
    """Fill the store, and write each customer's values at this moment."""
    import polars as pl

    found = lookup(url)
    now = SystemClock().now()
    r = np.random.default_rng(0)
    for first in range(0, CUSTOMERS, 1000):
        keys = np.tile(np.arange(first, first + 1000), EVENTS)
        n = len(keys)
        amounts = Values(Kind.NUMBER, np.round(r.gamma(2.0, 20.0, n), 2))
        ids = [str(i) for i in range(first * EVENTS, first * EVENTS + n)]
        arrived = Arrivals([str(k) for k in keys], now - r.integers(1, 370 * DAY, n), {"amount": amounts}, ids)
        found._histories.put("orders", arrived)
    keys = [str(i) for i in range(CUSTOMERS)]
    rows = [values for _, _, values in found.find(keys, now, found.values)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(NAMES, pl.Float64), orient="row")
    at = pl.Series("event_timestamp", [now] * CUSTOMERS).cast(pl.Datetime("us", "UTC"))
    frame.insert_column(0, pl.Series("customer_id", range(CUSTOMERS))).insert_column(1, at).write_parquet(
        folder / "values.parquet"
    )


def timed(url: str, calls: int) -> dict[str, Any]:
    """Milliseconds of look-ups of one customer and of a hundred, and what ten customers' values were."""
    found = lookup(url)
    r = np.random.default_rng(1)
    now = SystemClock().now()
    one = [[str(i)] for i in r.integers(0, CUSTOMERS, calls)]
    many = [[str(i) for i in r.choice(CUSTOMERS, 100, replace=False)] for _ in range(max(calls // 30, 5))]
    result: dict[str, Any] = {}
    gc.collect()
    gc.freeze()
    for name, asked in (("1", one), ("100", many)):
        for customers in asked[:30]:
            found.find(customers, now, found.values)
        took = []
        for customers in asked:
            begun = time.perf_counter()
            found.find(customers, SystemClock().now(), found.values)
            took.append(time.perf_counter() - begun)
        result[name] = {"p50_ms": float(np.median(took) * 1e3), "p99_ms": float(np.percentile(took, 99) * 1e3)}
    result["values"] = [values for _, _, values in found.find([str(i) for i in range(10)], now, found.values)]
    return result


def app(url: str, settings: Any) -> Any:
    """The feature server."""
    import tempfile

    from vigie.journal import PredictionJournal
    from vigie.serving import create_app
    from vigie.serving.features_route import ServedFeatures

    found = lookup(url)
    served = ServedFeatures({"bench": found}, url.startswith("sqlite"), found._histories.store.close)
    return create_app({}, PredictionJournal(tempfile.mkdtemp()), SystemClock(), settings, features=served)


if __name__ == "__main__":
    command, url, third = sys.argv[1:]
    if command == "load":
        load(url, Path(third))
    elif command == "time":
        print(json.dumps(timed(url, int(third))))
    else:
        from vigie.serving import serve

        serve(partial(app, url), port=int(third))

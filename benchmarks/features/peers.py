"""The same training set by DuckDB, Polars and pandas: how a data scientist would write it with each.

For every label (customer, cut-off): count, sum and mean of ``amount`` and days since the last event, over the 7, 30, 90
and 365 days before the cut-off. Run in its own environment, one method a process:

    python peers.py METHOD EVENTS.parquet LABELS.parquet RESULT.parquet

Prints one line of JSON: seconds from reading the events to having the result in memory, and peak memory. The result is
written after the clock has stopped, for the comparison of values.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

WINDOWS = (7, 30, 90, 365)
DAY = 86_400_000_000
METHOD, EVENTS, LABELS, RESULT = sys.argv[1:]
COLUMNS = [f"{what}{w}" for w in WINDOWS for what in "nsmd"]


def duckdb_connection():
    """Two threads, and no order that was not asked for."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set threads=2; set preserve_insertion_order=false")
    return connection


def duckdb_join(connection):
    """A range join, aggregates filtered by window."""
    aggregates = ",".join(
        f"""count(e.ts) filter (where e.ts >= l.cutoff - interval {w} day) n{w},
            sum(e.amount) filter (where e.ts >= l.cutoff - interval {w} day) s{w},
            avg(e.amount) filter (where e.ts >= l.cutoff - interval {w} day) m{w},
            date_diff('microsecond', max(e.ts) filter (where e.ts >= l.cutoff - interval {w} day), l.cutoff)/{DAY}.0 d{w}"""
        for w in WINDOWS
    )
    return connection.execute(f"""select l.label_id, {aggregates} from '{LABELS}' l left join '{EVENTS}' e
        on e.customer_id = l.customer_id and e.ts < l.cutoff and e.ts >= l.cutoff - interval 365 day
        group by l.label_id, l.cutoff""").to_arrow_table()


def duckdb_asof(connection):
    """Running totals, looked up by an ASOF join for every end of a window."""
    connection.execute(f"""create temp table cum as select customer_id, ts, max(cn) cn, max(cs) cs from (
        select customer_id, ts, row_number() over w cn,
            sum(amount) over (partition by customer_id order by ts, amount rows unbounded preceding) cs
        from '{EVENTS}' window w as (partition by customer_id order by ts, amount)) group by customer_id, ts""")
    joins = "".join(
        f" asof left join cum c{w} on c{w}.customer_id=l.customer_id and c{w}.ts < l.cutoff - interval {w} day"
        for w in WINDOWS
    )
    select = ",".join(
        f"""coalesce(c.cn,0)-coalesce(c{w}.cn,0) n{w}, nullif(coalesce(c.cs,0)-coalesce(c{w}.cs,0), 0) s{w},
            (coalesce(c.cs,0)-coalesce(c{w}.cs,0))/nullif(coalesce(c.cn,0)-coalesce(c{w}.cn,0),0) m{w},
            case when c.ts >= l.cutoff - interval {w} day then date_diff('microsecond', c.ts, l.cutoff)/{DAY}.0 end d{w}"""
        for w in WINDOWS
    )
    return connection.execute(f"""select l.label_id, {select} from '{LABELS}' l
        asof left join cum c on c.customer_id=l.customer_id and c.ts < l.cutoff {joins}""").to_arrow_table()


def duckdb_window(connection):
    """RANGE windows over events and labels together."""
    windows = ",".join(
        f"""w{w} as (partition by customer_id order by t
            range between interval {w} day preceding and interval 1 microsecond preceding)"""
        for w in WINDOWS
    )
    select = ",".join(
        f"""count(amount) over w{w} n{w}, sum(amount) over w{w} s{w}, avg(amount) over w{w} m{w},
            date_diff('microsecond', max(ets) over w{w}, t)/{DAY}.0 d{w}"""
        for w in WINDOWS
    )
    return connection.execute(f"""with u as (
        select customer_id, ts t, amount, ts ets, null::bigint label_id from '{EVENTS}'
        union all select customer_id, cutoff, null, null, label_id from '{LABELS}')
        select label_id, {",".join(COLUMNS)} from (select label_id, {select} from u window {windows})
        where label_id is not null""").to_arrow_table()


def polars_join(pl):
    """A join, aggregates filtered by window."""
    events, labels = pl.scan_parquet(EVENTS), pl.scan_parquet(LABELS)
    joined = labels.join(events, on="customer_id").filter(
        (pl.col("ts") < pl.col("cutoff")) & (pl.col("ts") >= pl.col("cutoff") - pl.duration(days=365))
    )
    aggregates = []
    for w in WINDOWS:
        inside = pl.col("ts") >= pl.col("cutoff") - pl.duration(days=w)
        amount = pl.col("amount").filter(inside)
        since = (pl.col("cutoff").first() - pl.col("ts").filter(inside).max()).dt.total_microseconds() / DAY
        aggregates += [amount.len().alias(f"n{w}"), amount.sum().alias(f"s{w}"), amount.mean().alias(f"m{w}")]
        aggregates += [since.alias(f"d{w}")]
    result = labels.select("label_id").join(joined.group_by("label_id").agg(aggregates), on="label_id", how="left")
    result = result.with_columns([pl.col(f"n{w}").fill_null(0) for w in WINDOWS])
    result = result.with_columns([pl.when(pl.col(f"n{w}") > 0).then(pl.col(f"s{w}")).alias(f"s{w}") for w in WINDOWS])
    return result.collect(engine="streaming")


def polars_asof(pl):
    """Running totals, looked up by join_asof for every end of a window."""
    cumulated = (
        pl.scan_parquet(EVENTS)
        .sort("customer_id", "ts")
        .with_columns(
            cn=pl.int_range(pl.len()).over("customer_id") + 1, cs=pl.col("amount").cum_sum().over("customer_id")
        )
        .group_by("customer_id", "ts", maintain_order=True)
        .agg(pl.col("cn").last(), pl.col("cs").last())
        .collect()
        .sort("ts")
    )
    labels = pl.scan_parquet(LABELS).collect()

    def asof(moment, suffix):
        left = labels.select("label_id", "customer_id", moment.alias("t")).sort("t")
        found = left.join_asof(
            cumulated.with_columns(ets=pl.col("ts")),
            left_on="t",
            right_on="ts",
            by="customer_id",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        return found.select(
            "label_id",
            pl.col("cn").fill_null(0).alias("cn" + suffix),
            pl.col("cs").fill_null(0).alias("cs" + suffix),
            pl.col("ets").alias("ets" + suffix),
        )

    wide = labels.join(asof(pl.col("cutoff"), ""), on="label_id")
    for w in WINDOWS:
        wide = wide.join(asof(pl.col("cutoff") - pl.duration(days=w), str(w)), on="label_id")
    columns = []
    for w in WINDOWS:
        count, total = pl.col("cn") - pl.col(f"cn{w}"), pl.col("cs") - pl.col(f"cs{w}")
        since = (pl.col("cutoff") - pl.col("ets")).dt.total_microseconds() / DAY
        columns += [count.alias(f"n{w}"), pl.when(count > 0).then(total).alias(f"s{w}")]
        columns += [pl.when(count > 0).then(total / count).alias(f"m{w}")]
        columns += [pl.when(count > 0).then(since).alias(f"d{w}")]
    return wide.select("label_id", *columns)


def pandas_merge(pd):
    """A merge and a group-by for each window."""
    events, labels = pd.read_parquet(EVENTS), pd.read_parquet(LABELS)
    joined = labels.merge(events, on="customer_id")
    joined = joined[(joined.ts < joined.cutoff) & (joined.ts >= joined.cutoff - pd.Timedelta(days=365))]
    result = labels[["label_id"]]
    for w in WINDOWS:
        grouped = joined[joined.ts >= joined.cutoff - pd.Timedelta(days=w)].groupby("label_id")
        inside = grouped.agg(
            **{f"n{w}": ("amount", "size"), f"s{w}": ("amount", "sum"), f"m{w}": ("amount", "mean")},
            last=("ts", "max"),
            cutoff=("cutoff", "first"),
        )
        inside[f"d{w}"] = (inside.cutoff - inside["last"]) / pd.Timedelta(days=1)
        result = result.merge(inside.drop(columns=["last", "cutoff"]), on="label_id", how="left")
        result[f"n{w}"] = result[f"n{w}"].fillna(0).astype("int64")
    return result


def peak_memory() -> float:
    """Peak memory of this process in MB; ``ru_maxrss`` would remember the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def main() -> None:
    """Run the method, tell, write."""
    if METHOD.startswith("duckdb"):
        library = duckdb_connection()
    elif METHOD.startswith("polars"):
        import polars as library
    else:
        import pandas as library
    start, cpu = time.perf_counter(), time.process_time()
    result = globals()[METHOD](library)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = peak_memory()
    told = {"method": METHOD, "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3), "peak_mb": round(peak)}
    print(json.dumps(told), flush=True)
    if METHOD.startswith("duckdb"):
        import pyarrow.parquet as pq

        pq.write_table(result, RESULT)
    elif METHOD.startswith("polars"):
        result.write_parquet(RESULT)
    else:
        result.to_parquet(RESULT)


if __name__ == "__main__":
    main()

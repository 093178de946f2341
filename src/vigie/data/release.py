"""Tries quarantined rows again under a contract that has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import polars as pl

from vigie.data.batch import Batch, series_of
from vigie.data.enforce import Enforcer
from vigie.data.quarantine import SCHEMA


@dataclass(frozen=True, eq=False)
class Released:
    """What became of the rows in quarantine.

    Attributes:
        good: Those that the contract admits now, in the lake's types, with their first ``_batch``, ``_row`` and
            ``_ingested_at``, so that a row that came after one of them stays the later one.
        held: All others, with the reason that holds now.
    """

    good: pl.DataFrame
    held: pl.DataFrame


def try_again(held: pl.DataFrame, enforcer: Enforcer, ids: Callable[[pl.DataFrame], pl.Series]) -> Released | None:
    """Hold quarantined rows against a contract that is not the one that refused them; ``None`` where none is such.

    Args:
        held: All rows in quarantine.
        enforcer: Of the contract as it is now.
        ids: Gives good rows their ``_id``.
    """
    fingerprint = enforcer.contract.fingerprint()
    again = held.filter(pl.col("contract") != fingerprint)
    if again.is_empty():
        return None
    kept, good = [held.filter(pl.col("contract") == fingerprint)], []
    for (origin,), rows in again.group_by("_origin", maintain_order=True):
        objects = [msgspec.json.decode(text) for text in rows["text"]]
        whole = pl.Series([isinstance(row, dict) for row in objects], dtype=pl.Boolean)
        fields = [row for row in objects if isinstance(row, dict)]
        names = [name for name in enforcer.contract.names() if any(name in row for row in fields)]
        frame = pl.DataFrame([series_of(name, [row.get(name) for row in fields]) for name in names])
        # By position, so that each row finds its first arrival again.
        place = pl.Series(range(len(fields)), dtype=pl.Int64)
        result = enforcer.enforce(Batch(frame, place, str(origin), False, {}))
        split, said = rows.filter(whole), result.rejected
        arrival = split[result.good["_row"].to_list()].select("_row", "_batch", "_origin", "_ingested_at")
        accepted = result.good.drop("_row")
        good.append(accepted.with_columns(ids(accepted), *arrival.get_columns()))
        refused = split[said["row"].to_list()].with_columns(said["rule"], said["column"], said["reason"])
        kept.append(pl.concat([rows.filter(~whole), refused]).with_columns(pl.lit(fingerprint).alias("contract")))
    return Released(pl.concat(good, how="diagonal"), pl.concat(kept).select(*SCHEMA))

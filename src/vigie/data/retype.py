"""Brings the rows of the lake to the kinds of an edited contract."""

from __future__ import annotations

import polars as pl

from vigie.data.cast import TYPES, cast
from vigie.data.contract import ColumnRule, Contract
from vigie.data.infer import Roles, nulls_of
from vigie.data.lake import Lake
from vigie.data.location import Location
from vigie.data.row_ids import content_ids
from vigie.definition import Events, Table


def retyped_columns(source: str, contract: Contract, lake: Lake) -> list[ColumnRule]:
    """Columns that the lake keeps in another type than the contract asks for."""
    if not lake.has(source):
        return []
    types = lake.scan(source).collect_schema()
    return [rule for rule in contract.columns if rule.name in types and types[rule.name] != TYPES[rule.kind]]


def retyped_rows(
    source: Table | Events, contract: Contract, location: Location, lake: Lake, columns: list[ColumnRule]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """All rows of the lake with *columns* read anew.

    A value that cannot be read as the new kind becomes null; the version before keeps it. Ids that are a hash of the
    content are those of the new content, so that a later delivery of the same rows is still known.

    Returns:
        The rows, and for each column how many values were lost.
    """
    rows = lake.scan(source.name).collect()
    lost: dict[str, int] = {}
    named = Roles.of(source).names
    for rule in columns:
        before = rows[rule.name]
        after = cast(before, rule, location.zone, nulls_of(location), identifier=rule.name in named)
        lost[rule.name] = after.null_count() - before.null_count()
        rows = rows.with_columns(after.alias(rule.name))
    if not (isinstance(source, Events) and source.id_columns):
        there = [name for name in contract.names() if name in rows.columns]
        rows = rows.with_columns(content_ids(rows.select(there)))
    return rows, lost

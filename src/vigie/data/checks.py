"""The rules of a contract as Pandera checks on Polars frames."""

from __future__ import annotations

import polars as pl

from vigie.data.cast import TYPES
from vigie.data.contract import ColumnRule, Contract
from vigie.definition import Kind
from vigie.settings import spark_left_alone

with spark_left_alone():
    import pandera.polars as pa
    from pandera.errors import SchemaErrors


def pandera_schema(contract: Contract) -> pa.DataFrameSchema:
    """The contract for frames with the lake's types: for a user's own tests and notebooks, too.

    >>> from vigie.data.contract import ColumnRule, Contract
    >>> schema = pandera_schema(Contract("t", (ColumnRule("age", Kind.NUMBER, minimum=0.0),)))
    >>> schema.validate(pl.DataFrame({"age": [1.0, None]})).height
    2
    """
    return pa.DataFrameSchema({rule.name: _column(rule) for rule in contract.columns}, name=contract.source)


class Checks:
    """The checks of one contract, built once and run on every batch.

    Args:
        contract: The rules.
        certain: Columns whose nulls were dealt with before: key, time, id.
    """

    def __init__(self, contract: Contract, certain: tuple[str, ...]) -> None:
        self._columns = [
            rule.name
            for rule in contract.columns
            if (not rule.nullable and rule.name not in certain)
            or rule.minimum is not None
            or rule.maximum is not None
            or rule.categories
        ]
        self._schema = pa.DataFrameSchema({name: _column(contract[name]) for name in self._columns})

    def breaches(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows that break a rule: columns ``row``, ``column``, ``rule``, ``value``, in the contract's order."""
        nothing = pl.DataFrame(schema={"row": pl.Int64, "column": pl.String, "rule": pl.String, "value": pl.String})
        if not self._columns or frame.is_empty():
            return nothing
        try:
            self._schema.validate(frame.select(self._columns), lazy=True)
        except SchemaErrors as error:
            cases: pl.DataFrame = error.failure_cases
            return cases.select(
                pl.col("index").cast(pl.Int64).alias("row"),
                pl.col("column"),
                pl.col("check").replace({"not_nullable": "null"}).alias("rule"),
                pl.col("failure_case").cast(pl.String).alias("value"),
            )
        return nothing


def _column(rule: ColumnRule) -> pa.Column:
    checks: list[pa.Check] = []
    if rule.kind is Kind.NUMBER and (rule.minimum is not None or rule.maximum is not None):
        low = float("-inf") if rule.minimum is None else rule.minimum
        high = float("inf") if rule.maximum is None else rule.maximum
        checks.append(pa.Check.in_range(low, high, name="range", error="range"))
    if rule.categories:
        checks.append(pa.Check.isin(list(rule.categories), name="category", error="category"))
    return pa.Column(TYPES[rule.kind], checks, nullable=rule.nullable, required=False)

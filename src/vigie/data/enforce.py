"""Holds rows against their contract: each is either good, and then of the lake's types, or rejected with the rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import msgspec
import polars as pl

from vigie.data.batch import Batch
from vigie.data.cast import TYPES, absent, as_text, cast, plain
from vigie.data.checks import Checks
from vigie.data.contract import AMBIGUOUS, ColumnRule, Contract, Level
from vigie.data.infer import Roles, nulls_of
from vigie.data.location import Location
from vigie.definition import Events, Kind, Table
from vigie.errors import ContractError

REJECTED = {"row": pl.Int64, "rule": pl.String, "column": pl.String, "reason": pl.String, "text": pl.String}
"""Columns of rejected rows: position in the source, rule, column, reason in words, and the row as it came, as JSON."""


@dataclass(frozen=True, eq=False)
class Enforced:
    """What became of a batch.

    Attributes:
        good: The contract's columns in the lake's types, and ``_row``.
        rejected: Rows with the columns of :data:`REJECTED`.
        warned: Rows that broke a rule of level ``warn``: (column, rule) → rows, and an example.
        unreadable: column → (values that cannot be read as its kind, values there are).
    """

    good: pl.DataFrame
    rejected: pl.DataFrame
    warned: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    unreadable: dict[str, tuple[int, int]] = field(default_factory=dict)


class Enforcer:
    """Enforces one contract on the batches of one source.

    The first rule that a row breaks is the one it is quarantined for: ``key``, ``time`` and ``id`` (missing or
    unreadable), then ``type``, then ``null``, ``range`` and ``category`` in the order of the columns.

    Args:
        source: Key, id and time columns.
        contract: The rules.
        location: Time zone and spellings of null.

    Raises:
        ContractError: A time column's dates are declared as ambiguous, or a column of the definition is not there.
    """

    def __init__(self, source: Table | Events, contract: Contract, location: Location) -> None:
        self.contract, self._location = contract, location
        self._roles = Roles.of(source)
        self._key = source.key
        self._nulls = nulls_of(location)
        kinds = contract.kinds()
        for column in (*self._roles.identifiers, *self._roles.times):
            where = f"contract of '{source.name}', column '{column}'"
            wanted = Kind.TIME if column in self._roles.times else Kind.CATEGORY
            if kinds.get(column) is not wanted:
                said = f"it is {kinds[column]}" if column in kinds else "it is not there"
                raise ContractError(f"{said}, and must be {wanted}", where=where, remedy=f'write kind = "{wanted}"')
        for rule in contract.columns:
            if rule.format == AMBIGUOUS and rule.kind is Kind.TIME:
                raise ContractError(
                    "its dates can be read day first and month first",
                    where=f"contract of '{source.name}', column '{rule.name}'",
                    remedy='declare the order there, e.g. format = "%d/%m/%Y" or format = "%m/%d/%Y"',
                )
        self._checks = Checks(contract, (*self._roles.identifiers, *self._roles.times))

    def enforce(self, batch: Batch) -> Enforced:
        """Split a batch into good and rejected rows; each of its rows is in exactly one of them."""
        height = len(batch.rows)
        if not batch.frame.width:  # rows of JSON that are all empty: a frame without columns has no height
            batch = replace(batch, frame=pl.DataFrame({self._key: [None] * height}))
        typed: dict[str, pl.Series] = {}
        reject = _Rejections(height)
        unreadable: dict[str, tuple[int, int]] = {}
        failures: dict[str, pl.Series] = {}
        for rule in self.contract.columns:
            if rule.name not in batch.frame.columns:
                typed[rule.name] = pl.Series(rule.name, [None] * height, dtype=TYPES[rule.kind])
                continue
            column = batch.frame[rule.name]
            named = rule.name in self._roles.names
            typed[rule.name] = cast(column, rule, self._location.zone, self._nulls, identifier=named).alias(rule.name)
            missing = absent(column, rule, self._nulls)
            failed = typed[rule.name].is_null() & ~missing
            if count := int(failed.sum()):
                unreadable[rule.name] = (count, height - int(missing.sum()))
                failures[rule.name] = failed
        for name in (*self._roles.identifiers, *self._roles.times):
            role = "time" if name in self._roles.times else "key" if name == self._key else "id"
            reject.rows(typed[name].is_null(), role, name, f"is no {self.contract[name].kind}")
        for name, failed in failures.items():
            reject.rows(failed, "type", name, f"is no {self.contract[name].kind}")
        frame = pl.DataFrame(list(typed.values()))
        warned: Counter[tuple[str, str]] = Counter()
        examples: dict[tuple[str, str], str] = {}
        breaches = self._checks.breaches(frame)
        warnings: list[tuple[str, str, pl.DataFrame]] = []
        for name, check in breaches.select("column", "rule").unique(maintain_order=True).rows():
            rows = breaches.filter((pl.col("column") == name) & (pl.col("rule") == check))
            if self.contract[name].level is Level.QUARANTINE:
                reject.rows(_at(rows["row"], height), check, name, _broken(self.contract[name], check))
            else:
                warnings.append((name, check, rows))
        for name, check, rows in warnings:
            # A row in quarantine is told there, and nowhere else.
            kept = rows.filter(~reject.mask().gather(rows["row"]))
            if len(kept):
                warned[name, check] += len(kept)
                examples[name, check] = "nothing" if kept["value"][0] is None else str(kept["value"][0])
        bad = reject.mask()
        good = frame.with_columns(batch.rows.cast(pl.Int64).alias("_row")).filter(~bad)
        rejected = reject.frame(batch.rows, batch.frame)
        if batch.broken:
            data = [(b.row, b.rule, None, b.reason, msgspec.json.encode(b.text).decode()) for b in batch.broken]
            rejected = pl.concat([rejected, pl.DataFrame(data, schema=REJECTED, orient="row")])
        return Enforced(good, rejected, warned, examples, unreadable)


class _Rejections:
    """The first rule that each row broke."""

    def __init__(self, height: int) -> None:
        self._rule = pl.Series([0], dtype=pl.Int32).new_from_index(0, height)
        self._said: list[tuple[str, str, str]] = []

    def rows(self, mask: pl.Series, rule: str, column: str, reason: str) -> None:
        if mask.any():
            self._said.append((rule, column, reason))
            self._rule = self._rule.set(mask & (self._rule == 0), len(self._said))

    def mask(self) -> pl.Series:
        return self._rule > 0

    def frame(self, positions: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
        broke = self._rule.alias("broke")
        parts = [pl.DataFrame(schema=REJECTED)]
        for number in broke.filter(broke > 0).unique().sort():
            rule, column, reason = self._said[number - 1]
            chosen = broke == number
            bad = rows.filter(chosen)
            nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(bad))
            value = as_text(plain(bad[column])).str.strip_chars() if column in bad.columns else nothing
            parts.append(
                pl.DataFrame({"row": positions.filter(chosen), "value": value, "text": as_json(bad)}).select(
                    pl.col("row").cast(pl.Int64),
                    pl.lit(rule).alias("rule"),
                    pl.lit(column).alias("column"),
                    pl.when(pl.col("value").fill_null("") == "")
                    .then(pl.lit("there is no value"))
                    .otherwise(pl.format("'{}' {}", pl.col("value").str.head(200), pl.lit(reason)))
                    .alias("reason"),
                    pl.col("text"),
                )
            )
        return pl.concat(parts).sort("row", maintain_order=True)


def _at(rows: pl.Series, height: int) -> pl.Series:
    return pl.Series([False]).new_from_index(0, height).scatter(rows, True)


def _broken(rule: ColumnRule, check: str) -> str:
    if check == "range":
        low = "" if rule.minimum is None else f"{rule.minimum:g} ≤ "
        high = "" if rule.maximum is None else f" ≤ {rule.maximum:g}"
        return f"is not in {low}x{high}"
    return "is not among the categories" if check == "category" else "is null"


def as_json(rows: pl.DataFrame) -> pl.Series:
    """Each row as a JSON object of its values as they came."""
    columns = [plain(rows[name]).alias(name) for name in rows.columns]
    return pl.DataFrame(columns).select(pl.struct(pl.all()).struct.json_encode()).to_series()

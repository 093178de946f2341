"""The first contract of a source, from its first rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from vigie.clock import DAY
from vigie.data.batch import Batch
from vigie.data.cast import absent, cast, commas_are_decimal, digits_that_are_names, plain, trimmed
from vigie.data.codes import finding
from vigie.data.contract import AMBIGUOUS, ColumnRule, Contract, Level
from vigie.data.location import FileLocation, Location
from vigie.data.times import epoch_format, time_format
from vigie.definition import Events, Kind, Table
from vigie.errors import ContractError, did_you_mean
from vigie.findings import Finding

_FEW = 20
"""Distinct values up to which a category's values are listed."""
_ENOUGH = 50
"""Values from which that list, a range, or the absence of nulls is worth writing."""


@dataclass(frozen=True)
class Inference:
    """A contract, a comment for some of its columns, and what was noticed."""

    contract: Contract
    notes: dict[str, str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns that the definition of a source gives a meaning.

    Attributes:
        identifiers: The key and the id columns.
        times: The time and ``known_at``.
        references: Columns that name what the customer belongs to, none of the above.
    """

    identifiers: tuple[str, ...]
    times: tuple[str, ...]
    references: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that name something: ``17850.0`` is the same as ``17850``."""
        return (*self.identifiers, *self.references)

    @classmethod
    def of(cls, source: Table | Events) -> Roles:
        """Those of *source*."""
        known = (source.known_at,) if source.known_at else ()
        if isinstance(source, Events):
            ids = tuple(column for column in source.id_columns if column not in (source.time, *known))
            own, times = tuple(dict.fromkeys((source.key, *ids))), (source.time, *known)
        else:
            own, times = (source.key,), known
        return cls(own, times, tuple(column for column in source.references if column not in (*own, *times)))


def infer_contract(source: Table | Events, batch: Batch, location: Location, *, now: int) -> Inference:
    """The contract of a source at first contact.

    Ranges and categories only warn, since the first rows seldom hold the extremes.

    Args:
        source: Its definition: key, id and time columns have their kinds from it.
        batch: A sample of rows.
        location: Time zone and spellings of null.
        now: µs since 1970-01-01 UTC, to tell a live source from a historical one.

    Raises:
        ContractError: The sample lacks a column of the definition, or a time column holds no moments.
    """
    roles = Roles.of(source)
    for column in (*roles.identifiers, *roles.times):
        if column not in batch.frame.columns:
            raise ContractError(
                f"there is no column '{column}'",
                where=f"source '{source.name}'",
                remedy=did_you_mean(column, batch.frame.columns),
            )
    rules, notes, findings = infer_columns(source, batch, location, batch.frame.columns)
    contract = Contract(source.name, rules)
    # Where every fourth row has no customer, as on a till's roll, that is what this source is like.
    key = batch.frame[source.key]
    unnamed = float(absent(key, contract[source.key], nulls_of(location)).mean() or 0.0)  # type: ignore[arg-type]
    contract = replace(contract, max_quarantined=min(1.0, max(0.05, round(1.5 * unnamed, 2))))
    newest = max((_newest(batch.frame[c], contract[c], location) for c in roles.times[:1]), default=None)
    if newest is not None and 0 <= now - newest <= 2 * DAY:
        contract = replace(contract, max_age_days=7.0)
    first = f"{len(rules)} columns from {len(batch.frame):,} rows: " + ", ".join(
        f"{sum(rule.kind is kind for rule in rules)} {kind}" for kind in Kind if any(r.kind is kind for r in rules)
    )
    return Inference(contract, notes, (finding("VGD001", source.name, first), *findings))


def infer_columns(
    source: Table | Events, batch: Batch, location: Location, columns: list[str]
) -> tuple[tuple[ColumnRule, ...], dict[str, str], list[Finding]]:
    """Rules for *columns*, comments for some, and what was noticed. For columns that appear later, too."""
    nulls = nulls_of(location)
    rules: list[ColumnRule] = []
    notes: dict[str, str] = {}
    findings: list[Finding] = []
    extremes: list[str] = []
    for name in columns:
        column = plain(batch.frame[name])
        rule, note = _rule(source, column, batch, location)
        if rule.format == AMBIGUOUS:
            where = f"{source.name}.{name}"
            findings.append(finding("VGD010", where, f"{note}; e.g. {_example(column, nulls)}"))
        if batch.textual and rule.kind is Kind.CATEGORY and name not in Roles.of(source).names:
            findings += _nearly_numbers(f"{source.name}.{name}", column, nulls)
        missing = int(absent(column, rule, nulls).sum())
        if missing and rule.kind is not Kind.TEXT:
            note = f"{note}; {missing:,} of {len(column):,} empty".removeprefix("; ")
        outside = (
            _outliers(cast(column, rule, location.zone, nulls, identifier=False)) if rule.kind is Kind.NUMBER else ""
        )
        if outside:
            extremes.append(f"{name}: {outside}")
        rules.append(rule)
        notes[name] = note
    if extremes:
        more = f"; and {len(extremes) - 8} more columns" if len(extremes) > 8 else ""
        findings.append(finding("VGD012", source.name, "; ".join(extremes[:8]) + more))
    return tuple(rules), {name: note for name, note in notes.items() if note}, findings


def nulls_of(location: Location) -> tuple[str, ...]:
    """Spellings of null: of a database only the empty text, and that not in free text."""
    return location.nulls if isinstance(location, FileLocation) else ("",)


def _rule(source: Table | Events, column: pl.Series, batch: Batch, location: Location) -> tuple[ColumnRule, str]:
    roles, name, nulls = Roles.of(source), column.name, nulls_of(location)
    if name in roles.identifiers:
        once = isinstance(source, Table) and source.known_at is None
        role = "the customer" if name == source.key else "identifies the event"
        return ColumnRule(name, Kind.CATEGORY, nullable=False, unique=once), role
    if name in roles.times:
        written = _declared_time(source, column, nulls)
        note = "read day first and month first alike: write the right one" if written == AMBIGUOUS else ""
        return ColumnRule(name, Kind.TIME, nullable=False, format=written), note
    if name in roles.references:
        return ColumnRule(name, Kind.CATEGORY, level=Level.WARN), "names what the customer belongs to"
    kind, written, decimal, note = _kind(source, column, batch.textual, nulls)
    rule = ColumnRule(name, kind, format=written, decimal=decimal, level=Level.WARN)
    values = cast(column, rule, location.zone, nulls, identifier=False) if written != AMBIGUOUS else column
    if len(values) - values.null_count() < _ENOUGH:
        return rule, note
    rule = replace(rule, nullable=bool(values.null_count()))
    if kind is Kind.NUMBER:
        low, high = _range(values)
        return replace(rule, minimum=low, maximum=high), note
    if kind is Kind.CATEGORY and written != AMBIGUOUS:
        distinct = values.drop_nulls().unique()
        if len(distinct) <= _FEW:
            return replace(rule, categories=tuple(distinct.sort().to_list())), note
    return rule, note


def _declared_time(source: Table | Events, column: pl.Series, nulls: tuple[str, ...]) -> str:
    if isinstance(column.dtype, pl.Datetime) or column.dtype == pl.Null:
        return "iso"
    text = trimmed(column, nulls) if column.dtype == pl.String else None
    written = time_format(text, declared=True) if text is not None else epoch_format(column.cast(pl.Float64))
    if written is None:
        raise ContractError(
            f"column '{column.name}' holds no moments that can be told, e.g. {_example(column, nulls)}",
            where=f"source '{source.name}'",
            remedy="name another column as time or known_at, or write ISO 8601 dates there",
        )
    return written


def _kind(
    source: Table | Events, column: pl.Series, textual: bool, nulls: tuple[str, ...]
) -> tuple[Kind, str, str, str]:
    """Kind, format of times, decimal mark, and a comment."""
    if column.dtype == pl.Boolean:
        return Kind.BOOLEAN, "iso", ".", ""
    if isinstance(column.dtype, pl.Datetime):
        return Kind.TIME, "iso", ".", ""
    if column.dtype.is_numeric():
        largest = float(column.cast(pl.Float64).abs().max() or 0.0)  # type: ignore[arg-type]
        if column.dtype.is_integer() and largest > 2.0**53:
            return Kind.CATEGORY, "iso", ".", "integers that a number would round: taken as codes"
        return Kind.NUMBER, "iso", ".", ""
    if column.dtype == pl.Null:
        return Kind.CATEGORY, "iso", ".", "without any value so far"
    text = trimmed(column, nulls).drop_nulls()
    if not len(text):
        return Kind.CATEGORY, "iso", ".", "without any value so far"
    if textual:
        if text.str.to_lowercase().is_in(["true", "false"]).all():
            return Kind.BOOLEAN, "iso", ".", ""
        decimal = "," if commas_are_decimal(text) else "."
        rule = ColumnRule(column.name, Kind.NUMBER, decimal=decimal)
        if cast(text, rule, "UTC", nulls, identifier=False).null_count() == absent(text, rule, nulls).sum():
            if digits_that_are_names(text):
                return Kind.CATEGORY, "iso", ".", "digits with leading zeros, or too many for a number: codes"
            return Kind.NUMBER, "iso", decimal, ""
    written = time_format(text, declared=False)
    if written == AMBIGUOUS:
        return Kind.CATEGORY, AMBIGUOUS, ".", 'dates in an unknown order: write kind = "time" and the format'
    if written is not None:
        return Kind.TIME, written, ".", ""
    different = text.n_unique() / len(text)
    spaced = float(text.str.contains(r"\s").mean() or 0.0)  # type: ignore[arg-type]
    longest = float(text.str.len_chars().mean() or 0.0)  # type: ignore[arg-type]
    if different > 0.5 and spaced > 0.5 and longest > 20 and text.n_unique() > _FEW:
        return Kind.TEXT, "iso", ".", "free text"
    if isinstance(source, Table) and different > 0.9 and len(text) >= 2 * _ENOUGH:
        return Kind.TEXT, "iso", ".", "nearly every value is different: an identifier or free text, no feature"
    return Kind.CATEGORY, "iso", ".", ""


def _nearly_numbers(where: str, column: pl.Series, nulls: tuple[str, ...]) -> list[Finding]:
    """A finding where few values keep a column from being a number: a stray text, or codes such as C536379."""
    text = trimmed(column, nulls).drop_nulls()
    numbers = text.cast(pl.Float64, strict=False)
    others = int(numbers.null_count())
    if not 0 < others <= 0.05 * len(text):
        return []
    said = f"{others:,} of {len(text):,} values are no numbers, e.g. {text.filter(numbers.is_null())[0]!r}"
    return [finding("VGD018", where, f"{said}; taken as a category")]


def _range(values: pl.Series) -> tuple[float, float]:
    """What was seen and as much again on each side; never below zero where nothing was."""
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    span = (high - low) or abs(high) or 1.0
    if {low, high} <= {0.0, 1.0} and values.n_unique() <= 3:
        return 0.0, 1.0
    return (0.0 if low >= 0 else float(f"{low - span:.3g}")), float(f"{high + span:.3g}")


def _outliers(values: pl.Series) -> str:
    """Values further than ten interquartile ranges from the quartiles, where they are few."""
    values = values.drop_nulls()
    if len(values) < 100:
        return ""
    first, third = (float(values.quantile(share) or 0.0) for share in (0.25, 0.75))
    reach = 10 * (third - first)
    outside = values.filter((values < first - reach) | (values > third + reach))
    if not reach or not 0 < len(outside) <= 0.01 * len(values):
        return ""
    low, high = float(outside.min()), float(outside.max())  # type: ignore[arg-type]
    return f"{len(outside):,} far from the rest ({low:g} … {high:g}; half of the values in {first:g} … {third:g})"


def _newest(column: pl.Series, rule: ColumnRule, location: Location) -> int:
    if rule.format == AMBIGUOUS:
        return -1
    moments = cast(column, rule, location.zone, nulls_of(location), identifier=False).cast(pl.Int64)
    newest = moments.max()
    return int(newest) if isinstance(newest, int) else -1


def _example(column: pl.Series, nulls: tuple[str, ...]) -> str:
    text = trimmed(column.cast(pl.String), nulls).drop_nulls()
    return repr(text[0]) if len(text) else "nothing"

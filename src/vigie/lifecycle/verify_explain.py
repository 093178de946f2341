"""Which rows make production and batch differ? One customer's rows, left out or put back until the values agree.

One row that arrived after the prediction or was changed since is tried first, then all of those, then any one other row of
the customer. The first that gives the served value is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from vigie.clock import iso
from vigie.definition import Events, Feature, Table
from vigie.definition.related import own_sources, related_sources
from vigie.errors import DataError
from vigie.features.spine import pair_features

if TYPE_CHECKING:
    from vigie.data import Lake
    from vigie.lifecycle.verify import Definition, Difference

MOST_ROWS = 20_000
"""Rows of a customer above which nothing is tried."""
MOST_TRIED = 400
"""Single rows tried, those nearest to the moment first."""
_MOST_COPIED = 2_000_000
_ARRIVAL = ("_batch", "_row", "_origin", "_ingested_at")


@dataclass(frozen=True, slots=True)
class Culprit:
    """A row that makes a difference.

    Attributes:
        source: Where it is.
        id: Of an event; of a table's row its place of arrival.
        time: When it happened or became known, ISO 8601; empty for a table that does not say.
        received: When the lake received it, ISO 8601.
        how: ``"received after the answer"``, ``"received just before the answer"``, ``"changed since"``,
            ``"removed since"``, ``"put in since"`` (its moment of arrival lies before the answer, and it was not there)
            or ``"counted by the batch alone"``.
        row: Its columns as they are now, or for a row that was removed as they were.
        before: For a changed row the columns that were different, as they were.
    """

    source: str
    id: str
    time: str
    received: str
    how: str
    row: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)

    def words(self) -> str:
        """What happened, in a line."""
        when = f" of {self.time}" if self.time else ""
        if self.before:
            changes = ", ".join(
                f"{name} was {was!r} and is {self.row.get(name)!r}" for name, was in self.before.items()
            )
            return f"{self.source} {self.id}{when}: {changes}"
        received = f" on {self.received}" if self.how.startswith("received") else ""
        return f"{self.source} {self.id}{when}: {self.how}{received}"


@dataclass(frozen=True, eq=False)
class _Variant:
    """Rows of the customer by source as they may have been, and what is different from now."""

    rows: Mapping[str, pl.DataFrame]
    culprits: tuple[Culprit, ...]


class _Variants:
    """A lake in which every variant is a customer of its own; all other sources are as they are."""

    def __init__(self, lake: Lake, versions: Mapping[str, int], frames: Mapping[str, pl.DataFrame]) -> None:
        self._lake, self._versions, self._frames = lake, versions, frames

    def version(self, name: str) -> int:
        return self._versions[name]

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:
        return self._frames[name].lazy() if name in self._frames else self._lake.scan(name, version=version)


@dataclass(eq=False)
class Explainer:
    """Looks for rows that explain differences.

    Attributes:
        lake: Where the rows are.
        versions: Version of each source that the batch read.
        grace: µs before an answer in which a row may not have reached the server.
    """

    lake: Lake
    versions: Mapping[str, int]
    grace: int
    _rows: dict[tuple[str, int | None, str], pl.DataFrame | None] = field(default_factory=dict)

    def culprits(self, feature: Feature, definition: Definition, difference: Difference) -> tuple[Culprit, ...]:
        """The rows that make *difference*; none where they are not found."""
        sources, at = own_sources([feature]), definition.at
        if isinstance(at, Events):
            sources.setdefault(at.name, at.unfiltered)
        now: dict[str, pl.DataFrame] = {}
        for name, source in sources.items():
            rows = self._of(source, self.versions[name], difference.customer)
            now[name] = rows if rows is not None else pl.DataFrame()
        total = sum(map(len, now.values()))
        if not total and not any(self._then(source, difference) is not None for source in sources.values()):
            return ()
        if total > MOST_ROWS or sources.keys() & related_sources([feature]).keys():
            return ()  # a customer's copies would not be found where others look him up
        variants = self._variants(sources, now, difference)[: max(_MOST_COPIED // max(total, 1), 20)]
        return self._first_that_agrees(feature, definition, sources, variants, difference)

    def _then(self, source: Table | Events, difference: Difference) -> pl.DataFrame | None:
        """The customer's rows in the version of the lake that was there at the answer."""
        version = self.lake.version_at(source.name, difference.at)
        if version is None or version == self.versions[source.name]:
            return None
        return self._of(source, version, difference.customer)

    def _of(self, source: Table | Events, version: int, customer: str) -> pl.DataFrame | None:
        key = (source.name, version, customer)
        if key not in self._rows:
            try:
                rows = self.lake.scan(source.name, version=version)
                self._rows[key] = rows.filter(key_column(rows, source.key) == customer).collect()
            except (DataError, OSError, pl.exceptions.PolarsError):
                self._rows[key] = None  # the files of an old version may be gone
        return self._rows[key]

    # -- what may have been different ----------------------------------------------------------------------------

    def _variants(
        self, sources: Mapping[str, Table | Events], now: Mapping[str, pl.DataFrame], difference: Difference
    ) -> list[_Variant]:
        singles: list[_Variant] = []
        others: list[_Variant] = []
        together: dict[str, tuple[pl.DataFrame, list[Culprit]]] = {}
        for name, source in sources.items():
            changed = self._changes(source, now[name], difference)
            singles += [_Variant({**now, name: rows}, (culprit,)) for rows, culprit in changed]
            culprits = [culprit for _, culprit in changed]
            whole = self._as_it_was(source, now[name], difference)
            if whole is not None and culprits:
                together[name] = (whole, culprits)
            told = {culprit.id for culprit in culprits}
            others += [
                _Variant({**now, name: rows}, (culprit,))
                for rows, culprit in self._without_each(source, now[name], difference, told)
            ]
        groups = [_Variant({**now, name: rows}, tuple(culprits)) for name, (rows, culprits) in together.items()]
        if len(together) > 1:
            everything = {name: rows for name, (rows, _) in together.items()}
            groups.append(_Variant({**now, **everything}, tuple(c for _, cs in together.values() for c in cs)))
        # Late arrivals come in groups; where nothing arrived late, one row is likelier than many.
        return [*singles, *groups, *others] if difference.late else [*singles, *others, *groups]

    def _changes(
        self, source: Table | Events, now: pl.DataFrame, difference: Difference
    ) -> list[tuple[pl.DataFrame, Culprit]]:
        """The rows with one change since the answer undone, for each change."""
        found: list[tuple[pl.DataFrame, Culprit]] = []
        if "_ingested_at" in now.columns:
            received = now["_ingested_at"].dt.timestamp("us")
            for identity in _identities(source, now.filter(received > difference.at - self.grace)):
                mine = _is(source, now, identity)
                arrived = now.filter(mine)["_ingested_at"].dt.timestamp("us").max()
                how = f"received {'after' if arrived > difference.at else 'just before'} the answer"  # type: ignore[operator]
                found.append((now.filter(~mine), _culprit(source, now.filter(mine), identity, how)))
        then = self._then(source, difference)
        if then is None or not set(now.columns) <= {*then.columns, *_ARRIVAL, "_id"}:
            return found
        before = set(_identities(source, then))
        there = set(_identities(source, now))
        for identity in sorted(before - there):
            was = then.filter(_is(source, then, identity))
            rows = pl.concat([now, was], how="diagonal_relaxed")
            found.append((rows, _culprit(source, was, identity, "removed since")))
        told = {culprit.id for _, culprit in found}
        for identity in sorted(there - before - told):
            mine = _is(source, now, identity)
            found.append((now.filter(~mine), _culprit(source, now.filter(mine), identity, "put in since")))
        for identity in sorted(before & there):
            was, is_now = then.filter(_is(source, then, identity)), now.filter(_is(source, now, identity))
            columns = [c for c in is_now.columns if c in was.columns and c not in _ARRIVAL]
            old, new = was.row(0, named=True), is_now.row(0, named=True)
            differs = {c: _plain(old[c]) for c in columns if old[c] != new[c]}
            if differs:
                rows = pl.concat([now.filter(~_is(source, now, identity)), was], how="diagonal_relaxed")
                found.append((rows, _culprit(source, is_now, identity, "changed since", differs)))
        return found

    def _as_it_was(self, source: Table | Events, now: pl.DataFrame, difference: Difference) -> pl.DataFrame | None:
        then = self._then(source, difference)
        if "_ingested_at" not in now.columns:
            return then
        kept = now.filter(now["_ingested_at"].dt.timestamp("us") <= difference.at - self.grace)
        return kept if then is None else then

    def _without_each(
        self, source: Table | Events, now: pl.DataFrame, difference: Difference, told: set[str]
    ) -> list[tuple[pl.DataFrame, Culprit]]:
        """The rows without one of them, for each that can matter at the moment."""
        if now.is_empty():
            return []
        time = source.time if isinstance(source, Events) else source.known_at
        near = now
        if time is not None:
            near = now.filter(pl.col(time).dt.timestamp("us") <= difference.as_of).sort(time, descending=True)
        found = []
        for identity in [i for i in _identities(source, near) if i not in told][:MOST_TRIED]:
            mine = _is(source, now, identity)
            culprit = _culprit(source, now.filter(mine), identity, "counted by the batch alone")
            found.append((now.filter(~mine), culprit))
        return found

    # -- trying --------------------------------------------------------------------------------------------------

    def _first_that_agrees(
        self,
        feature: Feature,
        definition: Definition,
        sources: Mapping[str, Table | Events],
        variants: list[_Variant],
        difference: Difference,
    ) -> tuple[Culprit, ...]:
        from vigie.lifecycle.verify import _same

        if not variants:
            return ()
        frames = {}
        for name, source in sources.items():
            parts = [
                variant.rows[name].with_columns(pl.lit(str(number)).alias(source.key))
                for number, variant in enumerate(variants)
                if not variant.rows[name].is_empty()
            ]
            if parts:
                frames[name] = pl.concat(parts, how="diagonal_relaxed")
            else:
                empty = self.lake.scan(name, version=self.versions[name]).clear().collect()
                frames[name] = empty.with_columns(pl.col(source.key).cast(pl.String))
        found = pair_features(
            [feature],
            _Variants(self.lake, self.versions, frames),
            definition.schema,
            customers=[str(number) for number in range(len(variants))],
            moments=[difference.as_of] * len(variants),
            at=definition.at,
            versions=self.versions,
            texts=definition.texts,
        )
        values = found.columns[feature.name].to_list()
        for variant, value in zip(variants, values, strict=True):
            if _same(difference.served, value):
                return variant.culprits
        return ()


def _identities(source: Table | Events, rows: pl.DataFrame) -> list[str]:
    """What tells rows apart, each once, in their order: the id of events, the place of arrival of a table's rows."""
    if rows.is_empty():
        return []
    return rows.select(_identity(source, rows)).to_series().unique(maintain_order=True).to_list()


def _identity(source: Table | Events, rows: pl.DataFrame) -> pl.Expr:
    if isinstance(source, Events) and "_id" in rows.columns:
        return pl.col("_id").cast(pl.String)
    return pl.concat_str([pl.col("_batch").cast(pl.String), pl.col("_row").cast(pl.String)], separator="/")


def _is(source: Table | Events, rows: pl.DataFrame, identity: str) -> pl.Series:
    return rows.select(_identity(source, rows) == identity).to_series()


def _culprit(
    source: Table | Events, rows: pl.DataFrame, identity: str, how: str, before: dict[str, Any] | None = None
) -> Culprit:
    row = {name: _plain(value) for name, value in rows.row(0, named=True).items()}
    time = source.time if isinstance(source, Events) else source.known_at
    return Culprit(
        source=source.name,
        id=identity,
        time=str(row.get(time) or "") if time is not None else "",
        received=str(row.get("_ingested_at") or ""),
        how=how,
        row={name: value for name, value in row.items() if not name.startswith("_")},
        before=before or {},
    )


def _plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    from datetime import date, datetime

    from vigie.clock import moment_of

    if isinstance(value, datetime):
        return iso(moment_of(value)) if value.tzinfo is not None else value.isoformat()
    return value.isoformat() if isinstance(value, date) else value


def key_column(rows: pl.LazyFrame, key: str) -> pl.Expr:
    """Keys as text, a whole number without a point."""
    column = pl.col(key)
    if rows.collect_schema()[key].is_float():
        whole = column.cast(pl.Int64, strict=False)
        column = pl.when(whole == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    return column.cast(pl.String)

"""What an ingest saw, counted over all its batches, and the findings that follow."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from vigie.clock import DAY, iso
from vigie.data.batch import Batch
from vigie.data.codes import finding
from vigie.data.contract import Contract
from vigie.data.enforce import Enforced
from vigie.data.infer import Roles
from vigie.data.lake import Version
from vigie.definition import Events, Table
from vigie.findings import Finding, Severity


@dataclass
class Tally:
    """Counts of one ingest.

    Attributes:
        source: What is taken in.
        moment: When the ingest began, µs since 1970-01-01 UTC.
        read: Rows read, broken ones included.
        added: Rows added to the lake.
        quarantined: Rows added to quarantine.
        duplicates: Rows left out because the lake has them.
        released: Rows taken in from quarantine.
    """

    source: Table | Events
    moment: int
    read: int = 0
    added: int = 0
    quarantined: int = 0
    duplicates: int = 0
    released: int = 0
    _rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    _warned: Counter[tuple[str, str]] = field(default_factory=Counter)
    _examples: dict[tuple[str, str], str] = field(default_factory=dict)
    _unreadable: dict[str, tuple[int, int]] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)
    _unique: dict[tuple[str, str], list[pl.Series]] = field(default_factory=dict)

    def columns(self, batch: Batch) -> None:
        """Note which columns a file or query has."""
        if batch.frame.width:
            self._seen.setdefault(batch.origin, set()).update(batch.frame.columns)

    def batch(self, enforced: Enforced, batch: Batch, contract: Contract) -> None:
        """Count what became of a batch."""
        self._warned.update(enforced.warned)
        self._examples = {**enforced.examples, **self._examples}
        for column, (failed, there) in enforced.unreadable.items():
            before = self._unreadable.get(column, (0, 0))
            self._unreadable[column] = (before[0] + failed, before[1] + there)
        for rule in contract.columns:
            if rule.unique and len(enforced.good):
                values = enforced.good[rule.name].drop_nulls().hash(seed=0)
                self._unique.setdefault((batch.origin, rule.name), []).append(values)

    def rejected(self, rows: pl.DataFrame) -> None:
        """Count rejected rows by rule and column."""
        self._rules.update((rule, column or "") for rule, column in rows.select("rule", "column").rows())

    def findings(self, contract: Contract, versions: Sequence[Version], made: Sequence[int]) -> list[Finding]:
        """What is worth knowing at the end.

        Args:
            contract: As it is at the end.
            versions: All versions of the lake table.
            made: Those that this ingest made.
        """
        return [
            *self._about_columns(contract),
            *self._about_quarantine(contract),
            *(self._about_volume(contract, versions, made) if made and self.read else ()),
            *self._about_times(contract, versions, made),
        ]

    def _about_columns(self, contract: Contract) -> list[Finding]:
        name, found = self.source.name, []
        roles = Roles.of(self.source)
        for origin, columns in self._seen.items():
            missing = [column for column in contract.names() if column not in columns]
            if missing:
                essential = {*roles.identifiers, *roles.times} & set(missing)
                severity = Severity.ERROR if essential else Severity.WARNING
                found.append(finding("VGD004", f"{name}: {origin}", ", ".join(missing), severity=severity))
        for column, (failed, there) in self._unreadable.items():
            if failed >= max(3, 0.5 * there):
                said = f"{failed:,} of {there:,} values are no {contract[column].kind}; their rows are in quarantine"
                found.append(finding("VGD005", f"{name}.{column}", said))
        for (column, rule), rows in self._warned.items():
            told = f"{rows:,} rows break {rule}, e.g. {self._examples[column, rule]}"
            found.append(finding("VGD006", f"{name}.{column}", told))
        for (origin, column), hashes in self._unique.items():
            values = pl.concat(hashes)
            if repeats := len(values) - values.n_unique():
                found.append(finding("VGD011", f"{name}.{column}", f"{repeats:,} repeats in {origin}"))
        return found

    def _about_quarantine(self, contract: Contract) -> list[Finding]:
        if not self.quarantined:
            return []
        share = self.quarantined / max(1, self.read)
        said = ", ".join(
            f"{rows:,} × {rule}{f' of {column}' if column else ''}"
            for (rule, column), rows in self._rules.most_common(8)
        )
        severity = Severity.ERROR if share > contract.max_quarantined else Severity.WARNING
        told = f"{self.quarantined:,} of {self.read:,} rows ({share:.1%}): {said}"
        return [finding("VGD002", self.source.name, told, severity=severity)]

    def _about_volume(self, contract: Contract, versions: Sequence[Version], made: Sequence[int]) -> list[Finding]:
        volume, before = contract.volume, Counter[int]()
        for version in versions:
            if version.version not in made and "ingest" in version.metadata:
                before[int(version.metadata["ingest"])] += int(version.metadata.get("read", 0))
        usual = [rows for _, rows in sorted(before.items()) if rows][-10:]
        if self.read < volume.min_rows:
            said = f"{self.read:,} rows; at least {volume.min_rows:,} are expected"
            return [finding("VGD007", self.source.name, said)]
        if len(usual) >= 3:
            median = statistics.median(usual)
            if not volume.least * median <= self.read <= volume.most * median:
                said = f"{self.read:,} rows; the median of the last {len(usual)} ingests is {median:,.0f}"
                return [finding("VGD007", self.source.name, said)]
        return []

    def _about_times(self, contract: Contract, versions: Sequence[Version], made: Sequence[int]) -> list[Finding]:
        known = [int(v.metadata["newest"]) for v in versions if v.metadata.get("newest") is not None]
        if not known:
            return []
        newest = max(known)
        age = (self.moment - newest) / DAY
        if contract.max_age_days is not None and age > contract.max_age_days:
            said = f"the newest row is of {iso(newest)}, {age:.1f} days old; {contract.max_age_days:g} are allowed"
            return [finding("VGD008", self.source.name, said)]
        if age < 0 and made:
            said = f"the newest is of {iso(newest)}; this ingest began at {iso(self.moment)}"
            return [finding("VGD013", self.source.name, said)]
        return []

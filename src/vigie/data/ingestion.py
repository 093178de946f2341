"""Takes a source into the lake: read, hold against the contract, keep what is new, once.

Rows and progress (files done, row reached in a file, watermark) ride in one Delta commit, so a process killed anywhere
leaves the lake either before or after a commit, and the next ingest goes on from there. Quarantined rows are written
just before that commit and known by what they are, so that writing them again changes nothing.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from vigie.clock import DAY, Clock, iso
from vigie.data.batch import Batch, Reader
from vigie.data.cast import TYPES
from vigie.data.codes import finding
from vigie.data.contract import Contract
from vigie.data.contract_file import add_columns, contract_path, read_contract, write_contract
from vigie.data.enforce import Enforced, Enforcer
from vigie.data.infer import Roles, infer_columns, infer_contract
from vigie.data.lake import Lake
from vigie.data.location import FileLocation, Location
from vigie.data.novelty import new_rows
from vigie.data.quarantine import SCHEMA, Quarantine
from vigie.data.read_files import FileReader, merged
from vigie.data.row_ids import content_ids, declared_ids
from vigie.definition import Events, Kind, Table
from vigie.errors import SourceError
from vigie.findings import Finding, Severity

WRITER = "vigie-ingest"
SAMPLE_ROWS = 100_000
COMMIT_ROWS = 1_000_000
COMMIT_BYTES = 256 << 20


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        source: Name of the source.
        rows: Rows added to the lake.
        quarantined: Rows added to quarantine.
        duplicates: Rows left out because the lake has them.
        released: Rows taken in from quarantine because the contract changed.
        versions: Versions of the lake table that were made; none where nothing was new.
        findings: What is worth knowing.
    """

    source: str
    rows: int
    quarantined: int
    duplicates: int
    released: int
    versions: tuple[int, ...]
    findings: tuple[Finding, ...]


def ingest(
    source: Table | Events,
    location: Location,
    lake: Lake,
    contracts_dir: Path | str,
    clock: Clock,
    progress: Callable[[str, float], None] | None = None,
    *,
    commit_rows: int = COMMIT_ROWS,
) -> IngestReport:
    """Bring the lake up to date with a source. Running it again adds what came since, and nothing twice.

    At first contact the contract is inferred and written; from then on the file is enforced. A ``Table`` without
    ``known_at`` keeps the rows of every delivery that differ from the latest of their key; readers take
    :func:`~vigie.data.lake.latest_rows`.

    Args:
        source: What the project file declares.
        location: Where it is.
        lake: Where it goes.
        contracts_dir: Folder of the contract files.
        clock: Read once: ``_ingested_at`` of all rows of this ingest.
        progress: Called after each batch with what is being read and the share that is done, in [0, 1].
        commit_rows: Rows held in memory and written by one commit.

    Raises:
        SourceError: The source cannot be read, or has no rows to infer a contract from.
        ContractError: The contract file is wrong, or does not fit the definition.
        DataError: The lake cannot be written.
        MissingExtraError: The database's driver is not installed.
    """
    if isinstance(source, Events):
        source = source.unfiltered
    return _Ingest(source, location, lake, Path(contracts_dir), clock.now(), progress, commit_rows).run()


def open_reader(source: str, location: Location, batch_rows: int = COMMIT_ROWS) -> Reader:
    """The reader of a location; a query is read in batches of at most *batch_rows*."""
    if isinstance(location, FileLocation):
        return FileReader(location, source)
    # SQLAlchemy is not loaded for files.
    from vigie.data.read_sql import SqlReader

    return SqlReader(location, source, batch_rows)


@dataclass
class _Pending:
    """Rows read and not committed yet."""

    good: list[pl.DataFrame] = field(default_factory=list)
    rejected: list[pl.DataFrame] = field(default_factory=list)
    progress: dict[str, Any] = field(default_factory=dict)
    read: int = 0
    size: int = 0
    parts: int = 0


class _Ingest:
    def __init__(
        self,
        source: Table | Events,
        location: Location,
        lake: Lake,
        contracts: Path,
        moment: int,
        progress: Callable[[str, float], None] | None,
        commit_rows: int,
    ) -> None:
        self.source, self.location, self.lake, self.contracts = source, location, lake, contracts
        self.moment, self.progress, self.commit_rows = moment, progress, commit_rows
        self.reader = open_reader(source.name, location, commit_rows)
        self.quarantine = Quarantine(lake, source.name)
        self.findings: list[Finding] = []
        self.versions: list[int] = []
        self.rows = self.read = self.quarantined = self.duplicates = self.released = 0
        self.warned: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        self.unreadable: dict[str, tuple[int, int]] = {}
        self.seen: dict[str, set[str]] = {}
        self.unique: dict[tuple[str, str], list[pl.Series]] = {}
        self.rules: Counter[tuple[str, str]] = Counter()
        self.number = lake.transaction(source.name, WRITER)
        self.past = lake.versions(source.name) if lake.has(source.name) else []

    def run(self) -> IngestReport:
        contract = read_contract(self.contracts, self.source.name) or self._first_contact()
        self.enforcer = Enforcer(self.source, contract, self.location)
        self._release()
        pending = _Pending()
        for batch in self.reader.read(self._progress()):
            self._take(self._known_columns(batch), pending)
            if sum(map(len, pending.good)) >= self.commit_rows or pending.size >= COMMIT_BYTES:
                self._commit(pending)
                pending = _Pending()
            if self.progress:
                self.progress(f"{batch.origin}, {self.read + pending.read:,} rows", batch.share)
        if pending.progress or pending.read:
            self._commit(pending)
        self._conclude()
        return IngestReport(
            self.source.name,
            self.rows,
            self.quarantined,
            self.duplicates,
            self.released,
            tuple(self.versions),
            tuple(sorted(self.findings, key=lambda found: -found.severity)),
        )

    def _first_contact(self) -> Contract:
        sample = self.reader.sample(SAMPLE_ROWS)
        if sample is None or not len(sample.rows):
            raise SourceError(
                "there are no rows yet to infer a contract from",
                where=f"source '{self.source.name}': {self.location.place()}",
                remedy=f"ingest again when there are, or write {contract_path(self.contracts, self.source.name)}",
            )
        inferred = infer_contract(self.source, sample, self.location, now=self.moment)
        write_contract(self.contracts, inferred.contract, inferred.notes)
        self.findings.extend(inferred.findings)
        return inferred.contract

    def _progress(self) -> dict[str, Any]:
        done: dict[str, Any] = {}
        for version in self.past:
            done = merged(done, version.metadata.get("progress", {}))
        return done

    def _known_columns(self, batch: Batch) -> Batch:
        """The batch without ignored columns, after the contract was widened by those that are new."""
        contract = self.enforcer.contract
        new = [name for name in batch.frame.columns if name not in (*contract.names(), *contract.ignore)]
        if new:
            rules, notes, findings = infer_columns(self.source, batch, self.location, new)
            notes = {rule.name: f"new in {batch.origin}. {notes.get(rule.name, '')}" for rule in rules}
            path = add_columns(self.contracts, self.source.name, rules, notes)
            said = ", ".join(f"{rule.name} ({rule.kind})" for rule in rules)
            self.findings += [
                finding("VGD003", f"{self.source.name}: {batch.origin}", f"{said}; see {path}"),
                *findings,
            ]
            self.enforcer = Enforcer(self.source, contract.extended(rules), self.location)
        if batch.frame.width:
            self.seen.setdefault(batch.origin, set()).update(batch.frame.columns)
        kept = [name for name in batch.frame.columns if name not in contract.ignore]
        return batch if len(kept) == batch.frame.width else replace(batch, frame=batch.frame.select(kept))

    def _take(self, batch: Batch, pending: _Pending) -> None:
        enforced = self.enforcer.enforce(batch)
        self._count(enforced, batch)
        pending.read += len(batch.rows) + len(batch.broken)
        pending.progress = merged(pending.progress, batch.progress)
        arrival = self._arrival(batch.origin, f"{self.number + 1:08d}-{pending.parts:04d}")
        if len(enforced.good):
            good = enforced.good.with_columns(**arrival).with_columns(self._ids(enforced.good))
            pending.good.append(good)
            pending.size += int(good.estimated_size())
            pending.parts += 1
        if len(enforced.rejected):
            fingerprint = pl.lit(self.enforcer.contract.fingerprint()).alias("contract")
            pending.rejected.append(enforced.rejected.rename({"row": "_row"}).with_columns(fingerprint, **arrival))

    def _arrival(self, origin: str, batch: str) -> dict[str, pl.Expr]:
        return {
            "_ingested_at": pl.lit(self.moment).cast(TYPES[Kind.TIME]),
            "_batch": pl.lit(batch),
            "_origin": pl.lit(origin),
        }

    def _ids(self, good: pl.DataFrame) -> pl.Series:
        if isinstance(self.source, Events) and self.source.id_columns:
            return declared_ids(good, self.source.id_columns)
        return content_ids(good.drop("_row"))

    def _commit(self, pending: _Pending) -> None:
        quarantined = 0
        if pending.rejected:
            bad = pl.concat(pending.rejected)
            files = isinstance(self.location, FileLocation)
            quarantined = self.quarantine.add(bad, numbered=files, moment=self.moment)
            self.rules.update((rule, column or "") for rule, column in bad.select("rule", "column").rows())
        rows = pl.concat(pending.good, how="diagonal") if pending.good else self._nothing()
        good = len(rows)
        rows = new_rows(self.source, rows, self.lake)
        self.quarantined += quarantined
        self.duplicates += good - len(rows)
        self.rows += len(rows)
        self.read += pending.read
        if not len(rows) and self._holds(pending.progress):
            return
        self._append(
            rows,
            {
                "ingest": self.moment,
                "read": pending.read,
                "quarantined": quarantined,
                "duplicates": good - len(rows),
                "progress": pending.progress,
            },
        )

    def _holds(self, progress: dict[str, Any]) -> bool:
        """Whether the lake's own progress says so already: then a commit without rows would say nothing."""
        done = self._progress()
        return bool(self.past) and merged(done, progress) == done

    def _append(self, rows: pl.DataFrame, metadata: dict[str, Any]) -> None:
        time = _time(self.source)
        newest = rows[time].cast(pl.Int64).max() if time and len(rows) else None
        contract = self.enforcer.contract.fingerprint()
        self.number += 1
        version = self.lake.append(
            self.source.name,
            rows,
            transaction=(WRITER, self.number),
            metadata={**metadata, "newest": newest, "contract": contract},
            moment=self.moment,
        )
        self.versions.append(version)
        self.past = self.lake.versions(self.source.name)

    def _nothing(self) -> pl.DataFrame:
        schema: dict[str, Any] = {rule.name: TYPES[rule.kind] for rule in self.enforcer.contract.columns}
        arrival = {"_ingested_at": TYPES[Kind.TIME], "_batch": pl.String, "_origin": pl.String, "_id": pl.String}
        return pl.DataFrame(schema={**schema, "_row": pl.Int64, **arrival})

    def _release(self) -> None:
        """Try the quarantined rows again where the contract has changed since."""
        contract = self.enforcer.contract
        held = self.quarantine.rows()
        again = held.filter(pl.col("contract") != contract.fingerprint())
        if again.is_empty():
            return
        kept, good = [held.filter(pl.col("contract") == contract.fingerprint())], []
        for (origin, batch, moment), rows in again.group_by("_origin", "_batch", "_ingested_at", maintain_order=True):
            accepted, refused = self._retry(rows, str(origin))
            # With their first arrival they take their first place among the versions of a row.
            arrived = self._arrival(str(origin), str(batch))
            arrived["_ingested_at"] = pl.lit(moment).cast(TYPES[Kind.TIME])
            good.append(accepted.with_columns(self._ids(accepted), **arrived))
            kept.append(refused)
        rows = pl.concat(good, how="diagonal")
        if len(rows):
            rows = self._unreleased(rows)
            self.released = len(rows)
            self._append(rows, {"ingest": self.moment, "read": 0, "released": len(rows), "progress": {}})
            self.findings.append(finding("VGD017", self.source.name, f"{len(rows):,} rows"))
        self.quarantine.replace(pl.concat(kept, how="diagonal").select(*SCHEMA), moment=self.moment)

    def _retry(self, rows: pl.DataFrame, origin: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        from vigie.data.batch import series_of

        fingerprint = self.enforcer.contract.fingerprint()
        objects = [msgspec.json.decode(text) for text in rows["text"]]
        whole = pl.Series([isinstance(row, dict) for row in objects])
        fields = [row for row in objects if isinstance(row, dict)]
        names = [name for name in self.enforcer.contract.names() if any(name in row for row in fields)]
        frame = pl.DataFrame([series_of(name, [row.get(name) for row in fields]) for name in names])
        # Held by position, so that what is refused again keeps its id and its first arrival.
        place = pl.Series(range(len(fields)), dtype=pl.Int64)
        enforced = self.enforcer.enforce(Batch(frame, place, origin, False, {}))
        split, lines = rows.filter(whole), rows.filter(whole)["_row"]
        accepted = enforced.good.with_columns(lines.gather(enforced.good["_row"]).alias("_row"))
        said = enforced.rejected
        refused = split[said["row"].to_list()].with_columns(said["rule"], said["column"], said["reason"])
        stamped = pl.concat([rows.filter(~whole), refused]).with_columns(pl.lit(fingerprint).alias("contract"))
        return accepted, stamped

    def _unreleased(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Without those that an ingest killed between releasing and tidying had released."""
        if not self.lake.has(self.source.name):
            return rows
        place = ["_origin", "_batch", "_row"]
        there = self.lake.scan(self.source.name).filter(pl.col("_batch").is_in(rows["_batch"].unique().to_list()))
        rows = rows.join(there.select(place).collect(), on=place, how="anti", maintain_order="left")
        return new_rows(self.source, rows, self.lake) if isinstance(self.source, Events) else rows

    def _count(self, enforced: Enforced, batch: Batch) -> None:
        self.warned.update(enforced.warned)
        self.examples = {**enforced.examples, **self.examples}
        for column, (failed, there) in enforced.unreadable.items():
            before = self.unreadable.get(column, (0, 0))
            self.unreadable[column] = (before[0] + failed, before[1] + there)
        for rule in self.enforcer.contract.columns:
            if rule.unique and len(enforced.good):
                values = enforced.good[rule.name].drop_nulls().hash(seed=0)
                self.unique.setdefault((batch.origin, rule.name), []).append(values)

    def _conclude(self) -> None:
        name, contract = self.source.name, self.enforcer.contract
        self.findings += [
            found
            for found in self.reader.findings
            # A table that is delivered by overwriting its file is as usual as can be.
            if not (found.code == "VGD009" and isinstance(self.source, Table))
        ]
        self._conclude_columns(contract)
        if self.quarantined:
            share = self.quarantined / max(1, self.read)
            said = ", ".join(
                f"{rows:,} × {rule}{f' of {column}' if column else ''}"
                for (rule, column), rows in self.rules.most_common(8)
            )
            severity = Severity.ERROR if share > contract.max_quarantined else Severity.WARNING
            told = f"{self.quarantined:,} of {self.read:,} rows ({share:.1%}): {said}"
            self.findings.append(finding("VGD002", name, told, severity=severity))
        self._conclude_volume(contract)
        self._conclude_times(contract)

    def _conclude_columns(self, contract: Contract) -> None:
        name = self.source.name
        for origin, columns in self.seen.items():
            missing = [column for column in contract.names() if column not in columns]
            essential = {*Roles.of(self.source).identifiers, *Roles.of(self.source).times} & set(missing)
            if missing:
                severity = Severity.ERROR if essential else Severity.WARNING
                self.findings.append(finding("VGD004", f"{name}: {origin}", ", ".join(missing), severity=severity))
        for column, (failed, there) in self.unreadable.items():
            if failed >= max(3, 0.5 * there):
                said = f"{failed:,} of {there:,} values are no {contract[column].kind}; their rows are in quarantine"
                self.findings.append(finding("VGD005", f"{name}.{column}", said))
        for (column, rule), rows in self.warned.items():
            told = f"{rows:,} rows break {rule}, e.g. {self.examples[column, rule]}"
            self.findings.append(finding("VGD006", f"{name}.{column}", told))
        for (origin, column), hashes in self.unique.items():
            values = pl.concat(hashes)
            if repeats := len(values) - values.n_unique():
                self.findings.append(finding("VGD011", f"{name}.{column}", f"{repeats:,} repeats in {origin}"))

    def _conclude_volume(self, contract: Contract) -> None:
        if not self.versions or not self.read:
            return
        volume, before = contract.volume, Counter[int]()
        for version in self.past:
            if version.version not in self.versions and "ingest" in version.metadata:
                before[int(version.metadata["ingest"])] += int(version.metadata.get("read", 0))
        usual = [rows for _, rows in sorted(before.items()) if rows][-10:]
        said = ""
        if self.read < volume.min_rows:
            said = f"{self.read:,} rows; at least {volume.min_rows:,} are expected"
        elif len(usual) >= 3:
            median = statistics.median(usual)
            if not volume.least * median <= self.read <= volume.most * median:
                said = f"{self.read:,} rows; the median of the last {len(usual)} ingests is {median:,.0f}"
        if said:
            self.findings.append(finding("VGD007", self.source.name, said))

    def _conclude_times(self, contract: Contract) -> None:
        known = [int(v.metadata["newest"]) for v in self.past if v.metadata.get("newest") is not None]
        if not known:
            return
        newest, age = max(known), (self.moment - max(known)) / DAY
        if contract.max_age_days is not None and age > contract.max_age_days:
            said = f"the newest row is of {iso(newest)}, {age:.1f} days old; {contract.max_age_days:g} are allowed"
            self.findings.append(finding("VGD008", self.source.name, said))
        if age < 0 and self.versions:
            said = f"the newest is of {iso(newest)}; this ingest began at {iso(self.moment)}"
            self.findings.append(finding("VGD013", self.source.name, said))


def _time(source: Table | Events) -> str | None:
    return source.time if isinstance(source, Events) else source.known_at

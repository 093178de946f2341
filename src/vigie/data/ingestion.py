"""Takes a source into the lake: read, hold against the contract, keep what is new, once.

Rows and progress (files done, row reached in a file, watermark) ride in one Delta commit, so a process killed anywhere
leaves the lake either before or after a commit, and the next ingest goes on from there. Quarantined rows are written
just before that commit and known by what they are, so that writing them again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from vigie.clock import Clock
from vigie.data.batch import Batch, Reader
from vigie.data.cast import TYPES
from vigie.data.codes import finding
from vigie.data.contract import Contract
from vigie.data.contract_file import add_columns, contract_path, read_contract, write_contract
from vigie.data.enforce import Enforcer
from vigie.data.infer import infer_columns, infer_contract
from vigie.data.lake import Lake
from vigie.data.location import DeltaLocation, FileLocation, Location
from vigie.data.novelty import Novelty
from vigie.data.quarantine import Quarantine
from vigie.data.read_files import FileReader, merged
from vigie.data.release import try_again
from vigie.data.retype import retyped_columns, retyped_rows
from vigie.data.row_ids import content_ids, declared_ids
from vigie.data.tally import Tally
from vigie.definition import Events, Kind, Table
from vigie.errors import SourceError
from vigie.findings import Finding

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
    reader: Reader | None = None,
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
        reader: Hands over rows that were received one by one, instead of what is at *location*.

    Raises:
        SourceError: The source cannot be read, or has no rows to infer a contract from.
        ContractError: The contract file is wrong, or does not fit the definition.
        DataError: The lake cannot be written.
        MissingExtraError: The database's driver is not installed.
    """
    if isinstance(source, Events):
        source = source.unfiltered
    return _Ingest(source, location, lake, Path(contracts_dir), clock.now(), progress, commit_rows, reader).run()


def open_reader(source: str, location: Location, batch_rows: int = COMMIT_ROWS) -> Reader:
    """The reader of a location; a query is read in batches of at most *batch_rows*."""
    if isinstance(location, FileLocation):
        return FileReader(location, source)
    if isinstance(location, DeltaLocation):
        from vigie.data.read_delta import DeltaReader

        return DeltaReader(location, source)
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
        reader: Reader | None,
    ) -> None:
        self.source, self.location, self.lake, self.contracts = source, location, lake, contracts
        self.moment, self.progress, self.commit_rows = moment, progress, commit_rows
        self.received = reader is not None
        self.reader = reader or open_reader(source.name, location, commit_rows)
        self.quarantine = Quarantine(lake, source.name)
        self.findings: list[Finding] = []
        self.versions: list[int] = []
        self.tally = Tally(source, moment)
        self.number = lake.transaction(source.name, WRITER)
        self.past = lake.versions(source.name) if lake.has(source.name) else []

    def run(self) -> IngestReport:
        contract = read_contract(self.contracts, self.source.name) or self._first_contact()
        self.enforcer = Enforcer(self.source, contract, self.location)
        self._retype()
        self.novelty = Novelty(self.source, self.lake)
        self._release()
        pending = _Pending()
        for batch in self.reader.read(self._progress()):
            self._take(self._known_columns(batch), pending)
            if sum(map(len, pending.good)) >= self.commit_rows or pending.size >= COMMIT_BYTES:
                self._commit(pending)
                pending = _Pending()
            if self.progress:
                self.progress(f"{batch.origin}, {self.tally.read + pending.read:,} rows", batch.share)
        if pending.progress or pending.read:
            self._commit(pending)
        tally = self.tally
        self.findings += [
            found
            for found in self.reader.findings
            # A table that is delivered by overwriting its file or its rows is as usual as can be.
            if not (found.code in ("VGD009", "VGD020") and isinstance(self.source, Table))
        ]
        self.findings += tally.findings(self.enforcer.contract, self.past, self.versions)
        return IngestReport(
            self.source.name,
            tally.added,
            tally.quarantined,
            tally.duplicates,
            tally.released,
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
        self.tally.columns(batch)
        kept = [name for name in batch.frame.columns if name not in contract.ignore]
        return batch if len(kept) == batch.frame.width else replace(batch, frame=batch.frame.select(kept))

    def _take(self, batch: Batch, pending: _Pending) -> None:
        enforced = self.enforcer.enforce(batch)
        self.tally.batch(enforced, batch, self.enforcer.contract)
        pending.read += len(batch.rows) + len(batch.broken)
        pending.progress = merged(pending.progress, batch.progress)
        number = f"{self.number + 1:08d}-{pending.parts:04d}"
        if len(enforced.good):
            arrival = self._arrival(batch, number, enforced.good["_row"])
            good = enforced.good.with_columns(**arrival).with_columns(self._ids(enforced.good))
            pending.good.append(good)
            pending.size += int(good.estimated_size())
            pending.parts += 1
        if len(enforced.rejected):
            rejected = enforced.rejected.rename({"row": "_row"})
            if batch.told is not None:
                rejected = rejected.with_columns(batch.told.text(rejected["_row"]))
            arrival = self._arrival(batch, number, rejected["_row"])
            fingerprint = pl.lit(self.enforcer.contract.fingerprint()).alias("contract")
            pending.rejected.append(rejected.with_columns(fingerprint, **arrival))

    def _arrival(self, batch: Batch, number: str, rows: pl.Series) -> dict[str, pl.Expr | pl.Series]:
        told = batch.told
        moment, origin = pl.lit(self.moment).cast(TYPES[Kind.TIME]), pl.lit(batch.origin)
        arrival: Mapping[str, pl.Expr | pl.Series]
        arrival = {"_ingested_at": moment, "_origin": origin} if told is None else told.arrivals(rows)
        return {"_ingested_at": arrival["_ingested_at"], "_batch": pl.lit(number), "_origin": arrival["_origin"]}

    def _ids(self, good: pl.DataFrame) -> pl.Series:
        if isinstance(self.source, Events) and self.source.id_columns:
            return declared_ids(good, self.source.id_columns)
        return content_ids(good.drop("_row", strict=False))

    def _commit(self, pending: _Pending) -> None:
        tally, quarantined = self.tally, 0
        if pending.rejected:
            bad = pl.concat(pending.rejected)
            files = isinstance(self.location, FileLocation)
            quarantined = self.quarantine.add(bad, numbered=files and not self.received, moment=self.moment)
            tally.rejected(bad)
        rows = pl.concat(pending.good, how="diagonal") if pending.good else self._nothing()
        good = len(rows)
        rows = self.novelty.of(rows)
        counts = {"read": pending.read, "quarantined": quarantined, "duplicates": good - len(rows)}
        tally.read += pending.read
        tally.added += len(rows)
        tally.quarantined += quarantined
        tally.duplicates += good - len(rows)
        if len(rows) or not self._holds(pending.progress):
            # What arrives by the second says nothing about how much a delivery brings.
            kind = "received" if self.received else "ingest"
            self._write(rows, {kind: self.moment, **counts, "progress": pending.progress})

    def _holds(self, progress: dict[str, Any]) -> bool:
        """Whether the lake's own progress says so already: then a commit without rows would say nothing."""
        done = self._progress()
        return bool(self.past) and merged(done, progress) == done

    def _write(self, rows: pl.DataFrame, metadata: dict[str, Any], *, replace: bool = False) -> None:
        time = self.source.time if isinstance(self.source, Events) else self.source.known_at
        newest = rows[time].cast(pl.Int64).max() if time and len(rows) else None
        contract = self.enforcer.contract.fingerprint()
        self.number += 1
        write = self.lake.replace if replace else self.lake.append
        version = write(
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

    def _retype(self) -> None:
        """Rewrite the table where the user changed the kind of a column."""
        contract = self.enforcer.contract
        columns = retyped_columns(self.source.name, contract, self.lake)
        if not columns:
            return
        rows, lost = retyped_rows(self.source, contract, self.location, self.lake, columns)
        self._write(rows, {"retyped": sorted(lost)}, replace=True)
        for rule in columns:
            gone = f"; {lost[rule.name]:,} values could not be read so and are null" if lost[rule.name] else ""
            self.findings.append(finding("VGD019", f"{self.source.name}.{rule.name}", f"now {rule.kind}{gone}"))

    def _release(self) -> None:
        """Try the quarantined rows again where the contract has changed since."""
        released = try_again(self.quarantine.rows(), self.enforcer, self._ids)
        if released is None:
            return
        rows = self._unreleased(released.good)
        if len(rows):
            self.tally.released = len(rows)
            self._write(rows, {"ingest": self.moment, "released": len(rows)})
            self.findings.append(finding("VGD017", self.source.name, f"{len(rows):,} rows"))
        self.quarantine.replace(released.held, moment=self.moment)

    def _unreleased(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Without those that an ingest killed between releasing and tidying had released."""
        if rows.is_empty() or not self.lake.has(self.source.name):
            return rows
        place = ["_origin", "_batch", "_row"]
        there = self.lake.scan(self.source.name).filter(pl.col("_batch").is_in(rows["_batch"].unique().to_list()))
        rows = rows.join(there.select(place).collect(), on=place, how="anti", maintain_order="left")
        # The rows of a table take their old place in the order of arrival; there is no latest one to compare with.
        versioned = isinstance(self.source, Events) or self.source.known_at is not None
        return self.novelty.of(rows) if versioned else rows

"""The findings of this room: one code each, with the title and remedy that go with it."""

from __future__ import annotations

from collections.abc import Mapping

from vigie.findings import Finding, Severity

CODES: Mapping[str, tuple[Severity, str, str]] = {
    "VGD001": (
        Severity.NOTE,
        "Contract inferred",
        "read the contract file once: what was guessed from the first rows is enforced from now on",
    ),
    "VGD002": (Severity.WARNING, "Rows in quarantine", "see the quarantine table; mend the source or the contract"),
    "VGD003": (
        Severity.WARNING,
        "New column",
        "a rule was added at the end of the contract file; check it, or name the column under ignore",
    ),
    "VGD004": (
        Severity.WARNING,
        "Missing column",
        "its values are null in these rows; ask the owner of the source, or take it out of the contract",
    ),
    "VGD005": (
        Severity.ERROR,
        "Retyped column",
        "change kind or format in the contract; the quarantined rows are then taken in by the next ingest",
    ),
    "VGD006": (
        Severity.WARNING,
        "Values outside their contract",
        'if they are right, widen the rule; if they are not, set level = "quarantine"',
    ),
    "VGD007": (Severity.WARNING, "Unexpected volume", "look for a partial or a repeated delivery"),
    "VGD008": (Severity.WARNING, "Stale data", "look why nothing newer arrives, or raise max_age_days"),
    "VGD009": (
        Severity.WARNING,
        "Rewritten file",
        "rows already in the lake stay; deliver changes in new files, or correct events under a new id",
    ),
    "VGD010": (
        Severity.WARNING,
        "Ambiguous dates",
        'declare the order in the contract: format = "%d/%m/%Y" or "%m/%d/%Y"',
    ),
    "VGD011": (Severity.WARNING, "Repeated values", "a column declared unique repeats; look for a duplicated delivery"),
    "VGD012": (Severity.NOTE, "Outliers", "check the unit and the entry of these values; nothing was removed"),
    "VGD013": (Severity.WARNING, "Rows in the future", "check the time zone of the source and the clock"),
    "VGD014": (Severity.NOTE, "Columns renamed", "use the new names in the project file"),
    "VGD015": (
        Severity.NOTE,
        "File already taken in",
        "its content came under another name before; remove the copy or ignore this",
    ),
    "VGD016": (
        Severity.WARNING,
        "Unfinished last line",
        "the file had been read while its last line was being written; that line was read again",
    ),
    "VGD019": (
        Severity.NOTE,
        "Kind changed in the lake",
        "nothing to do: the table was rewritten as the contract says, and its earlier versions are as they were",
    ),
    "VGD018": (
        Severity.WARNING,
        "Nearly a number",
        'if it is a number, write kind = "number" in the contract before the first rows are kept: the others then go to '
        "quarantine",
    ),
    "VGD017": (Severity.NOTE, "Rows released from quarantine", "nothing to do: the contract now admits them"),
    "VGD020": (
        Severity.WARNING,
        "Rows deleted or changed in a Delta table",
        "rows already in the lake stay; correct events under a new id, and use `vigie erase` where a person must be forgotten",
    ),
    "VGD021": (
        Severity.WARNING,
        "Delta table read anew",
        "nothing was taken in twice; keep the table's log longer than the time between two ingests",
    ),
}
"""code → (severity, title, remedy)."""


def finding(code: str, where: str, explanation: str, *, severity: Severity | None = None) -> Finding:
    """A finding of this room.

    Args:
        code: A key of :data:`CODES`.
        where: Source, file or column.
        explanation: What was seen, with the numbers.
        severity: Instead of the usual one.
    """
    usual, title, remedy = CODES[code]
    return Finding(code, usual if severity is None else severity, title, where, explanation, remedy)

"""Recorded predictions go from the journal to the lake, each exactly once.

What is shipped is a closed segment, whole: one that no living process appends to. Its rows and a transaction of Delta
named after it are one commit, so that the lake itself knows which segments it has. Killed before the commit, nothing is
there; killed after it, the next run finds the transaction and only puts the file by. Several machines may ship to one
lake: their segments have different names, and appends do not get in each other's way.

The lake's table ``_predictions`` has the fields of :class:`~vigie.journal.Prediction`, ``values`` as the JSON text that was recorded, and is
divided by ``day`` (of ``at``, UTC).
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from vigie.clock import DAY, iso
from vigie.definition.window import Window
from vigie.errors import DataError, DefinitionError, JournalError, SettingsError
from vigie.journal import Prediction, segments

if TYPE_CHECKING:
    import polars as pl

    from vigie.data import Lake
    from vigie.lifecycle.project import Project

TABLE = "_predictions"
"""Name of the table in the lake."""
KEEP = "30d"
"""How long segments stay here once the lake has them, if ``[journal] keep`` says nothing."""
SHIP_SECONDS = 300.0
"""Longest time that a prediction waits, if ``[journal] ship_seconds`` says nothing."""
TOGETHER = 64 << 20
"""Bytes of segments in one commit, about: several small ones go together."""
MOST_FILES = 8
"""Files of a day that is over; where there are more they are put together."""
_ROWS = 50_000
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")
_TRIES = 8

log = logging.getLogger(__name__)

_Line = msgspec.defstruct(
    "_Line",
    [
        (f.name, msgspec.Raw if f.name == "values" else f.type, *([] if f.required else [f.default]))
        for f in msgspec.structs.fields(Prediction)
    ],
    kw_only=True,
    gc=False,
)
_decode = msgspec.json.Decoder(_Line).decode
_NAMES = [f.name for f in msgspec.structs.fields(Prediction)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the lake has not got.

    Attributes:
        closed: Segments that would be shipped now.
        open: Segments that a living process appends to: they are shipped once it ends them.
        size: Bytes of both together.
        since: Moment of the oldest prediction among them, µs; ``None``: there is none.
        kept: Segments that the lake has and that stay here for a while.
        expired: Of those, how many would be removed now.
    """

    closed: tuple[Path, ...]
    open: tuple[Path, ...]
    size: int
    since: int | None
    kept: int
    expired: int


@dataclass(slots=True)
class Shipment:
    """What was done.

    Attributes:
        segments: Segments that the lake has now.
        rows: Predictions in them.
        torn: Last lines that were left out since their append never returned: nobody was answered for them.
        found: Segments that the lake had already: an earlier run was killed before it could put them by.
        expired: Segments removed here, since the time to keep them is over.
        damaged: Segments that stay where they are, and why: a line of them is no prediction.
        busy: Whether another process was at it, so that nothing was done.
    """

    segments: int = 0
    rows: int = 0
    torn: int = 0
    found: int = 0
    expired: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    busy: bool = False


def keep_of(settings: Mapping[str, Any]) -> int:
    """How long segments stay once the lake has them, µs.

    Args:
        settings: Keys of ``[journal]``.

    Raises:
        SettingsError: ``keep`` is not a length of time.
    """
    said = settings.get("keep", KEEP)
    try:
        return Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"keep is {said!r}", where="[journal]", remedy="write 30d, 36h or 90m") from error


def seconds_of(settings: Mapping[str, Any]) -> float:
    """Longest time that a prediction waits for the lake, seconds.

    Raises:
        SettingsError: ``ship_seconds`` is no number above 0.
    """
    said = settings.get("ship_seconds", SHIP_SECONDS)
    if isinstance(said, bool) or not isinstance(said, int | float) or said <= 0:
        raise SettingsError(
            f"ship_seconds is {said!r}", where="[journal]", remedy="write a number above 0, such as 300"
        )
    return float(said)


def waiting(directory: Path, now: int, keep: int) -> Waiting:
    """What is in a journal and not in the lake, and what would be done about it; nothing is changed.

    Args:
        directory: Of the journal; it may not be there.
        now: µs since 1970-01-01 UTC.
        keep: How long segments stay once the lake has them, µs.
    """
    closed = segments.closed(directory)
    others = [path for path in segments.waiting(directory) if path not in closed]
    size = sum(path.stat().st_size for path in (*closed, *others) if path.exists())
    moments = (segments.first_moment(path) for path in (*closed, *others))
    since = min((moment for moment in moments if moment is not None), default=None)
    kept = segments.shipped(directory)
    return Waiting(
        tuple(closed), tuple(others), size, since, len(kept), sum(_expired(path, now - keep) for path in kept)
    )


def ship(
    project: Project,
    directory: Path | None = None,
    *,
    wait: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Shipment:
    """Take every closed segment to the lake, and remove those whose time here is over.

    Can be killed at any moment and run again: each prediction is in the lake once.

    Args:
        project: Whose lake, and how long segments are kept.
        directory: Of the journal; ``None``: that of the project.
        wait: For another process of this machine that does the same.
        progress: Told about the work.

    Raises:
        DataError: The lake cannot be written; what was recorded goes on waiting.
        SettingsError: ``[journal] keep`` is not a length of time.
    """
    folder, keep = directory or project.journal_folder, keep_of(project.settings.journal)
    done, now = Shipment(), project.clock.now()
    with segments.shipping(folder, wait=wait) as got:
        if not got:
            done.busy = True
            return done
        paths = segments.closed(folder)
        total = sum(path.stat().st_size for path in paths) or 1
        behind = 0
        for together in _together(paths):
            _take(project.lake, together, now, done)
            behind += sum(size for _, size in together)
            if progress is not None:
                progress("ship predictions", behind / total)
        over = [path for path in segments.shipped(folder) if _expired(path, now - keep)]
        known = has_segments(project.lake, [path.name for path in over]) if over else set()
        for path in over:
            if path.name in known:
                path.unlink(missing_ok=True)
                done.expired += 1
            else:
                log.warning("%s is not in the lake any more: it goes there again", path)
                path.rename(folder / path.name)
        if done.segments:
            _compact(project.lake, now)
    return done


def _compact(lake: Lake, now: int) -> None:
    """Put the files of each day that is over together. No rows change; where somebody else writes, another time."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    table = lake.table(TABLE)
    days = Counter(_DAY.findall(uri)[-1] for uri in table.file_uris())
    today = iso(now)[:10]
    for day, files in sorted(days.items()):
        if files > MOST_FILES and day < today:
            try:
                table.optimize.compact(partition_filters=[("day", "=", day)])
            except CommitFailedError:
                log.info("%s of %s is compacted another time: others write to it", day, TABLE)
            except (DeltaError, OSError) as error:
                log.warning("%s of %s cannot be compacted: %s", day, TABLE, error)


def _together(paths: Sequence[Path]) -> Iterator[list[tuple[Path, int]]]:
    part: list[tuple[Path, int]] = []
    for path in paths:
        size = path.stat().st_size
        if part and sum(known for _, known in part) + size > TOGETHER:
            yield part
            part = []
        part.append((path, size))
    if part:
        yield part


def _take(lake: Lake, paths: Sequence[tuple[Path, int]], now: int, done: Shipment) -> None:
    """One commit, with those of *paths* that the lake has not got and that are whole."""
    import polars as pl

    known = has_segments(lake, [path.name for path, _ in paths])
    frames: list[pl.DataFrame] = []
    taken: dict[Path, int] = {}
    for path, size in paths:
        if path.name in known:
            segments.put_by(path)
            done.found += 1
            continue
        try:
            parts, torn = _rows_of(path)
        except JournalError as error:
            log.error("%s", error)
            done.damaged[str(path)] = str(error)
            continue
        done.torn += torn
        frames += parts
        taken[path] = size
    if not taken:
        return
    rows = pl.concat([*frames, _frame([], "")])
    metadata = {"segments": [path.name for path in taken]}
    transactions = [(writer_of(path.name), size) for path, size in taken.items()]
    for attempt in range(_TRIES):
        try:
            lake.append(TABLE, rows, transaction=transactions, metadata=metadata, moment=now, partition_by=["day"])
            break
        except DataError as error:
            if not error.retryable or attempt == _TRIES - 1:
                raise
            time.sleep(0.02 * 2**attempt)  # rows are being erased, or another machine made the table
    for path in taken:
        segments.put_by(path)
    done.segments += len(taken)
    done.rows += len(rows)


def writer_of(segment: str) -> str:
    """Name of the transaction that carries a segment."""
    return f"predictions/{segment}"


def has_segments(lake: Lake, names: Sequence[str]) -> set[str]:
    """Which segments the lake has got."""
    if not lake.has(TABLE):
        return set()
    table = lake.table(TABLE)
    return {name for name in names if table.transaction_version(writer_of(name)) is not None}


def _rows_of(path: Path) -> tuple[list[pl.DataFrame], bool]:
    """The predictions of a segment, and whether its last line is torn.

    Raises:
        JournalError: A whole line is no prediction.
    """
    frames, lines, torn = [], [], False
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                torn = True
            elif not line.isspace():
                try:
                    lines.append(_decode(line))
                except ValueError as error:
                    raise JournalError(
                        f"not a prediction: {error}",
                        where=f"{path}:{number}",
                        remedy="the file was changed by something else; move it away and restore it",
                    ) from error
            if len(lines) == _ROWS:
                frames.append(_frame(lines, path.name))
                lines = []
    return [*frames, _frame(lines, path.name)], torn


def schema() -> dict[str, Any]:
    """Columns of the table and their types."""
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    return {
        "id": pl.String, "request_id": pl.String, "score": pl.String, "customer": pl.String, "as_of": moment, "at": moment,
        "model": pl.String, "bundle": pl.String, "values": pl.String, "probability": pl.Float64, "decision": pl.String,
        "gain": pl.Float64, "expected_value": pl.Float64, "segment": pl.String, "threshold": pl.Float64, "arm": pl.String,
        "assignment_probability": pl.Float64, "rollout": pl.String, "definition": pl.String, "looked_up": pl.Boolean,
        "latency_us": pl.Int64, "source": pl.String, "caller": pl.String, "journal": pl.String, "day": pl.Date,
    }  # fmt: skip


def _frame(lines: Sequence[Any], segment: str) -> pl.DataFrame:
    import polars as pl

    types, columns = schema(), {}
    for name in _NAMES:
        values: list[Any] = [getattr(line, name) for line in lines]
        if name == "values":
            values = [bytes(value).decode() for value in values]
        stored = types[name]
        moment = isinstance(stored, pl.Datetime)
        column = pl.Series(name, values, dtype=pl.Int64 if moment else stored)
        columns[name] = column.cast(stored) if moment else column
    columns["journal"] = pl.Series("journal", [segment] * len(lines), dtype=pl.String)
    columns["day"] = pl.Series("day", [line.at // DAY for line in lines], dtype=pl.Int32).cast(pl.Date)
    return pl.DataFrame(columns).select(*types)


def _expired(path: Path, before: int) -> bool:
    last = segments.last_moment(path)
    return last is None or last < before

"""Score a file of values with a bundle: no project, no registry, no lake. Out of core, on all processors.

The file has a column for each input of the bundle, as a request to ``/v1/score`` has fields. What is scored is kept beside
the output until all is done, so that a run that was interrupted goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.bundle.lightgbm_library import one_thread_each
from vigie.definition.kind import Kind
from vigie.errors import BundleError, DataError, InputError, SettingsError, did_you_mean
from vigie.features.values import NULL_TIME, Columns, Values
from vigie.lifecycle.decided import Tally, chosen, decided
from vigie.lifecycle.outputs import FORMATS, FileTarget, Target, target_of, write
from vigie.lifecycle.parts import Parts, run_key
from vigie.lifecycle.score import MOST_REASONS, cores, scorer_segments
from vigie.lifecycle.scored_rows import reason_columns, scored_rows

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from vigie.bundle import Bundle, Scorer

ROWS = 16_384
"""Rows scored together, by one processor. With fewer the work is spread more evenly, with more it has less overhead."""
TOGETHER = 16
"""Batches kept in one part."""
AHEAD = 2
"""Batches that wait for each processor."""


@dataclass(frozen=True, eq=False)
class ScoredFile:
    """A file that was scored.

    Attributes:
        name: Of the score.
        bundle: Hash of the bundle.
        rows: Rows scored.
        acted: Of them, those to act on.
        expected_value: Of all decisions together, in ``currency``.
        segments: Rows in each risk segment, from the lowest.
        undecided: Rows whose cost matrix is not known; their decision is null.
        output: Where the result is.
        currency: ISO 4217 code.
        act: The word for acting.
        run: Identity of the run: beside its rows in a database.
        continued: Parts of some 260,000 rows that an earlier, interrupted run had scored; 0 for none.
    """

    name: str
    bundle: str
    rows: int
    acted: int
    expected_value: float
    segments: dict[str, int]
    undecided: int
    output: Target
    currency: str
    act: str
    run: str
    continued: int = 0


def score_file(
    bundle: Path | Bundle,
    source: Path,
    output: Path | str,
    *,
    key: str | None = None,
    table: str | None = None,
    replace: bool = False,
    reasons: int = 0,
    resume: bool = True,
    root: Path = Path(),
    progress: Callable[[str, float], None] | None = None,
) -> ScoredFile:
    """Score every row of *source*; the result has the rows in their order.

    Capacity holds over the whole file, as over a base: those with the highest expected gain are acted on. The result has
    the columns of :func:`~vigie.lifecycle.score.score_base`, without ``moment``.

    Args:
        bundle: Its folder, or what was loaded from it.
        source: CSV or Parquet file. An input that it has no column for is null; other columns are passed over.
        output: CSV or Parquet file, or the URL of a database.
        key: Column of *source* that goes into the result as ``customer``.
        table: Of the database.
        replace: Take earlier runs out of the database's table; otherwise only this very run is replaced.
        reasons: How many reasons to add for each row.
        resume: Continue an interrupted run of the same file and bundle.
        root: Folder that a relative SQLite file starts from.
        progress: Told about the work.

    Raises:
        BundleError: The bundle is damaged.
        DataError: The file cannot be read, or the result not written.
        InputError: A column is not of its input's kind, or one that must be there is not.
        SettingsError: The arguments do not fit together.
    """
    from vigie.bundle import Scorer, load_bundle

    if not 0 <= reasons <= MOST_REASONS:
        raise SettingsError(f"{reasons} reasons for each row", remedy=f"ask for 0 to {MOST_REASONS}")
    target = target_of(output, table, replace=replace, root=root)
    assert target is not None
    loaded = load_bundle(bundle) if isinstance(bundle, Path) else bundle
    scorer, rule = Scorer(loaded), loaded.decision
    reader = _reader(source, loaded, key)
    status = source.stat()
    run = {
        "bundle": loaded.hash, "file": str(source.resolve()), "size": status.st_size, "changed": status.st_mtime_ns,
        "key": key, "reasons": reasons, "rows": ROWS * TOGETHER,
    }  # fmt: skip
    folder = (target.path.parent if isinstance(target, FileTarget) else root) / f".vigie-batch-{run_key(run)[:16]}"
    with Parts(folder, run) as parts:
        if not resume:
            parts.clear()
        count = -(-reader.rows // (ROWS * TOGETHER))
        if not count:
            parts.remove()
            raise DataError("the file has no rows", where=str(source))
        there = parts.begun(count)
        for number, rows in _together(_scored(reader, scorer, there, key, reasons)):
            parts.put(number, rows)
            if progress is not None:
                progress("score", 0.9 * (number + 1) / count)
        if parts.rows() != reader.rows:
            read = parts.rows()
            parts.clear()
            raise DataError(
                f"{reader.rows:,} rows were counted and {read:,} read: the file was changed meanwhile",
                where=str(source),
                remedy="run it again once nobody writes to it",
            )
        act = chosen(rule, parts)
        tally = Tally()
        for frame, taken in decided(parts, act, rule):
            tally.add(frame, taken)

        def result() -> Iterator[pl.DataFrame]:
            for frame, _ in decided(parts, act, rule):
                yield _as_table(frame, loaded, key, reason_columns(reasons))

        if progress is not None:
            progress("write", 0.9)
        write(target, result, run_key(run))
        parts.remove()
    return ScoredFile(
        loaded.score_name, loaded.hash, tally.rows, tally.acted, tally.expected_value,
        {name: tally.segments.get(name, 0) for name in scorer_segments()}, tally.undecided, target, rule.currency, rule.act,
        run_key(run), len(there),
    )  # fmt: skip


def _as_table(rows: pl.DataFrame, bundle: Bundle, key: str | None, reasons: tuple[str, ...]) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(bundle=pl.lit(bundle.hash)).select(
        *(["customer"] if key is not None else []), "probability", "decision", "segment", "expected_value", "gain", "bundle",
        *reasons,
    )  # fmt: skip


def _scored(
    reader: _Reader, scorer: Scorer, there: set[int], key: str | None, reasons: int
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Part and rows of each batch that is not there yet, in order: one thread reads, as many as processors score."""

    def work(begin: int, batch: pa.RecordBatch) -> pl.DataFrame:
        columns = {name: _values(batch, name, given.kind, begin) for name, given in scorer.inputs.items()}
        with one_thread_each():
            return _rows_of(scorer, columns, batch, key, reasons)

    pending: deque[tuple[int, Any]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        try:
            for number, batch in enumerate(reader.batches()):
                if number // TOGETHER in there:
                    continue
                pending.append((number // TOGETHER, pool.submit(work, number * ROWS, batch)))
                if len(pending) > cores() * AHEAD:
                    done, result = pending.popleft()
                    yield done, result.result()
            while pending:
                done, result = pending.popleft()
                yield done, result.result()
        finally:
            for _, result in pending:
                result.cancel()


def _together(scored: Iterator[tuple[int, pl.DataFrame]]) -> Iterator[tuple[int, pl.DataFrame]]:
    import polars as pl

    for number, batches in groupby(scored, key=lambda one: one[0]):
        yield number, pl.concat([rows for _, rows in batches])


def _rows_of(scorer: Scorer, columns: Columns, batch: pa.RecordBatch, key: str | None, reasons: int) -> pl.DataFrame:
    import polars as pl

    from vigie.features.training_set import FeatureSet

    count = batch.num_rows
    nobody = np.broadcast_to(np.array("", dtype=object), (count,)) if key is None else np.empty(0)
    keys = nobody if key is None else pl.Series(pl.from_arrow(batch.column(key))).cast(pl.String).to_numpy()
    rows = scored_rows(scorer, FeatureSet(keys, np.zeros(count, dtype=np.int64), columns, {}), reasons)
    return rows.drop("moment", *(["customer"] if key is None else []))


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reader:
    """A file in batches of :data:`ROWS` rows, the last one shorter.

    Attributes:
        rows: In the file.
        batches: Reads it from its beginning.
    """

    rows: int
    batches: Callable[[], Iterator[pa.RecordBatch]]


def _reader(source: Path, bundle: Bundle, key: str | None) -> _Reader:
    """Reads those columns of *source* that the bundle has inputs for, and the key.

    Raises:
        DataError: It cannot be read.
        InputError: A column that must be there is not.
        SettingsError: The file is neither CSV nor Parquet, or has no column *key*.
    """
    import pyarrow as pa

    if source.suffix not in FORMATS:
        raise SettingsError(f"cannot read {source.name}", remedy=f"give a file that ends in {' or '.join(FORMATS)}")
    try:
        make = _parquet if source.suffix == ".parquet" else _csv
        return make(source, bundle, key)
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=str(source), remedy="check the path") from error
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot be read: {error}", where=str(source)) from error


def _chosen(there: Sequence[str], bundle: Bundle, key: str | None, source: Path) -> list[str]:
    missing = [given.name for given in bundle.inputs if given.required and given.name not in there]
    if missing:
        raise InputError(
            "there is no such column, and the decision's money cannot be computed without it",
            field=missing[0],
            remedy=did_you_mean(missing[0], there),
        )
    if key is not None and key not in there:
        raise SettingsError(f"no column '{key}'", where=str(source), remedy=did_you_mean(key, there))
    found = [given.name for given in bundle.inputs if given.name in there]
    if not found and bundle.inputs:
        raise BundleError(
            "the file has no column for any input of the bundle",
            where=str(source),
            remedy=f"name them as the inputs are: {', '.join(given.name for given in bundle.inputs[:5])} …",
        )
    return [*found, *([key] if key is not None and key not in found else [])]


def _parquet(source: Path, bundle: Bundle, key: str | None) -> _Reader:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file:
        names = _chosen(file.schema_arrow.names, bundle, key, source)
        total = file.metadata.num_rows
    categories = [given.name for given in bundle.inputs if given.kind is Kind.CATEGORY and given.name in names]

    def batches() -> Iterator[pa.RecordBatch]:
        # Categories are kept as the codes that the file holds: nobody looks at the texts row by row.
        with pq.ParquetFile(source, read_dictionary=[name for name in categories if name != key]) as file:
            yield from _even(file.iter_batches(ROWS * TOGETHER, columns=names))

    return _Reader(total, batches)


def _csv(source: Path, bundle: Bundle, key: str | None) -> _Reader:
    import polars as pl
    import pyarrow as pa
    import pyarrow.csv as pc

    there = pl.scan_csv(source, infer_schema=False).collect_schema().names()
    names = _chosen(there, bundle, key, source)
    total = int(pl.scan_csv(source, infer_schema=False).select(pl.len()).collect().item())
    options = pc.ConvertOptions(
        include_columns=names,
        # Texts are read as what they say they are by the input's kind, as for a request: see _values.
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )

    def batches() -> Iterator[pa.RecordBatch]:
        with pc.open_csv(source, convert_options=options, read_options=pc.ReadOptions(block_size=16 << 20)) as file:
            yield from _even(file)

    return _Reader(total, batches)


def _even(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of :data:`ROWS`: files are divided as they are, and a part is known by its number."""
    import pyarrow as pa

    rest: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        rest.append(batch)
        held += batch.num_rows
        if held >= ROWS:
            whole = pa.Table.from_batches(rest).unify_dictionaries().combine_chunks()
            for begin in range(0, held - held % ROWS, ROWS):
                yield _one(whole.slice(begin, ROWS))
            rest = whole.slice(held - held % ROWS).to_batches()
            held %= ROWS
    if held:
        yield _one(pa.Table.from_batches(rest).unify_dictionaries())


def _one(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


def _values(batch: pa.RecordBatch, name: str, kind: Kind, begin: int) -> Values:
    """A column as an input of *kind*; nulls where there is no such column.

    Raises:
        InputError: A value is not of the kind.
    """
    import polars as pl
    import pyarrow as pa

    if name not in batch.schema.names:
        return Values.missing(kind, batch.num_rows)
    column = batch.column(name)
    coded = pa.types.is_dictionary(column.type) and column.type.value_type in (pa.string(), pa.large_string())
    if kind is Kind.CATEGORY and coded:
        # By Polars: Arrow's own functions with a scalar load pandas, which takes longer than scoring 100,000 rows.
        codes = pl.Series(pl.from_arrow(column.indices)).cast(pl.Int32).fill_null(-1).to_numpy()
        return Values(kind, codes, tuple(pl.Series(pl.from_arrow(column.dictionary)).to_list()))
    series = pl.Series(pl.from_arrow(column))
    try:
        return _of_series(series, kind)
    except (pl.exceptions.PolarsError, ValueError, OverflowError) as error:
        raise InputError(
            f"a value is not a {kind}: {' '.join(str(error).split())[:200]}",
            field=f"{name}, rows {begin + 1:,} to {begin + batch.num_rows:,}",
            remedy="give numbers as 1.5, dates as 2026-01-31, true or false; nothing where it is not known",
        ) from error


def _of_series(series: pl.Series, kind: Kind) -> Values:
    import polars as pl

    if kind in (Kind.CATEGORY, Kind.TEXT):
        if not (series.dtype in (pl.String, pl.Categorical) or series.dtype.is_integer() or series.dtype == pl.Null):
            raise ValueError(f"a column of {series.dtype}")
        texts = series.cast(pl.String)
        if kind is Kind.TEXT:
            return Values(kind, texts.to_numpy().astype(object))
        unique = texts.unique().drop_nulls().sort()
        codes = texts.replace_strict(unique, pl.Series(range(len(unique)), dtype=pl.Int32), default=None)
        return Values(kind, codes.fill_null(-1).cast(pl.Int32).to_numpy(), tuple(unique.to_list()))
    if kind is Kind.NUMBER:
        if series.dtype == pl.Boolean or series.dtype.is_temporal():
            raise ValueError(f"a column of {series.dtype}")
        numbers = series.cast(pl.Float64)
        wrong = numbers.is_infinite().any()
        if wrong:
            raise ValueError("an infinite number")
        return Values(kind, numbers.fill_null(np.nan).to_numpy())
    if kind is Kind.BOOLEAN:
        if series.dtype == pl.String:
            words = {"true": 1.0, "false": 0.0, "True": 1.0, "False": 0.0}
            return Values(kind, series.replace_strict(words, return_dtype=pl.Float64).fill_null(np.nan).to_numpy())
        if series.dtype not in (pl.Boolean, pl.Null):
            raise ValueError(f"a column of {series.dtype}")
        return Values(kind, series.cast(pl.Float64).fill_null(np.nan).to_numpy())
    return Values(kind, _moments(series).fill_null(NULL_TIME).to_numpy())


def _moments(series: pl.Series) -> pl.Series:
    """µs UTC of dates, times and ISO 8601 texts; whole numbers are µs."""
    import polars as pl

    from vigie.clock import parse_moment

    if series.dtype == pl.String:
        unique = series.unique().drop_nulls()
        known = pl.Series([parse_moment(text) for text in unique.to_list()], dtype=pl.Int64)
        return series.replace_strict(unique, known, default=None, return_dtype=pl.Int64)
    if series.dtype.is_integer() or series.dtype == pl.Null:
        return series.cast(pl.Int64)
    if not series.dtype.is_temporal():
        raise ValueError(f"a column of {series.dtype}")
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return series.cast(pl.Datetime("us")).cast(pl.Int64)

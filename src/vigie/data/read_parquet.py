"""Rows of a Parquet file, in the file's own types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vigie.data.batch import ColumnNames
from vigie.data.read_csv import Rows
from vigie.errors import SourceError

_ROWS = 250_000


def read_parquet(path: Path, names: ColumnNames, where: str, skip: int) -> Iterator[Rows]:
    """The rows after the first *skip*; their numbers start at 1.

    Args:
        path: The file.
        names: Mends the names of the columns.
        where: The file, for messages.
        skip: Rows done before. Row groups that lie wholly in them are not read.

    Raises:
        SourceError: The file is damaged or is no Parquet.
    """
    try:
        with pq.ParquetFile(path) as file:
            columns = names.of(file.schema_arrow.names)
            groups, done = list(range(file.num_row_groups)), 0
            while groups and done + file.metadata.row_group(groups[0]).num_rows <= skip:
                done += file.metadata.row_group(groups.pop(0)).num_rows
            for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups, use_threads=False):
                start, done = done, done + batch.num_rows
                if done <= skip:
                    continue
                kept = batch.slice(max(0, skip - start))
                frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([kept]).rename_columns(columns)))
                number = np.arange(max(start, skip) + 1, done + 1, dtype=np.int64)
                yield Rows(frame, number, done, total=file.metadata.num_rows)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise SourceError(
            f"the Parquet file cannot be read: {error}", where=where, remedy="check that it was written to its end"
        ) from error

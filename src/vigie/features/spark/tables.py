"""A version of a lake's table as a Spark data frame: the very files that belong to it, read as Parquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import polars as pl

from vigie.features.reading import SourceLake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILE, ROW = "_file", "_row"


class FileLake(SourceLake, Protocol):
    """A lake whose tables are Delta tables, such as :class:`vigie.data.lake.Lake`."""

    def table(self, name: str, version: int | None = None) -> Any:
        """The ``DeltaTable``."""
        ...


class LakeTable:
    """One version of a table.

    Args:
        lake: Where it is.
        name: The table.
        version: Of the table.
    """

    def __init__(self, lake: FileLake, name: str, version: int) -> None:
        table = lake.table(name, version)
        self.files = [unquote(uri) for uri in table.file_uris()]
        self.empty: pl.DataFrame = lake.scan(name, version=version).clear().collect()
        self._schema: str = table.schema().to_json()

    @property
    def arrival_told(self) -> bool:
        """Whether rows say when they came, as those of an ingest do."""
        return {"_batch", "_row"} <= set(self.empty.columns)

    @property
    def file_order(self) -> dict[str, str]:
        """For a table whose rows do not: a text for each file's name, in the order in which files are read."""
        return {} if self.arrival_told else {PurePosixPath(f).name: f"{i:09d}" for i, f in enumerate(self.files)}

    def frame(self, spark: SparkSession, columns: Sequence[str]) -> DataFrame:
        """Some columns of all rows; where rows do not say when they came, their file and row in it as well.

        The types are those of the table's log, whatever a file has: a column that came later is null in older files.
        """
        from pyspark.sql import functions
        from pyspark.sql.types import StructType

        # The schema of a Delta log is written as Spark writes its own.
        whole = StructType.fromJson(json.loads(self._schema))
        schema = StructType([field for field in whole.fields if field.name in columns])
        place = [] if self.arrival_told else [FILE, ROW]
        if not self.files:
            extended = schema if self.arrival_told else schema.add(FILE, "string").add(ROW, "long")
            return spark.createDataFrame([], extended)
        reader = spark.read.schema(schema).option("datetimeRebaseMode", "CORRECTED")
        # Names of files are names, whatever signs are in them.
        found = reader.option("__globPaths__", "false").parquet(*self.files)
        hidden = {FILE: "_metadata.file_name", ROW: "_metadata.row_index"}
        return found.select(*schema.fieldNames(), *(functions.col(hidden[name]).alias(name) for name in place))

"""Training sets and batch scores on a Spark cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from vigie.definition import Schema, Score
from vigie.features.spark.driver import build_training_set_spark, scored_pieces
from vigie.features.spark.grouping import Piece, ScoredRows, travelling
from vigie.features.spark.packing import packed, unpacked
from vigie.features.spark.session import session_of
from vigie.lifecycle.scored_rows import scored_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from vigie.bundle import Scorer
    from vigie.data import Lake
    from vigie.features.training_set import FeatureSet, Progress, TrainingSet
    from vigie.lifecycle.model_in_use import ModelInUse

_SCORERS: dict[str, Scorer] = {}
"""In a worker's process: the bundle in use, loaded once."""


@dataclass(frozen=True, eq=False)
class BundleScoring:
    """Scores customers with a bundle that travels to the workers.

    Attributes:
        files: Of the bundle, by name.
        hash: Of the bundle.
        reasons: How many to add for each customer.
    """

    files: Mapping[str, bytes]
    hash: str
    reasons: int = 0

    @classmethod
    def of(cls, folder: Path, hash: str, reasons: int = 0) -> BundleScoring:
        """The bundle in *folder*, with this hash."""
        return cls({entry.name: entry.read_bytes() for entry in sorted(folder.iterdir())}, hash, reasons)

    def __call__(self, features: FeatureSet) -> Iterator[Piece]:
        """The scores of *features*, packed."""
        if len(features):
            yield "", packed(scored_rows(self._scorer(), features, self.reasons))

    def _scorer(self) -> Scorer:
        from vigie.bundle import Scorer, load_bundle

        if self.hash not in _SCORERS:
            with tempfile.TemporaryDirectory(prefix="vigie-bundle-") as folder:
                for name, content in self.files.items():
                    (Path(folder) / name).write_bytes(content)
                bundle = load_bundle(Path(folder), self.hash)
            _SCORERS.clear()
            _SCORERS[self.hash] = Scorer(bundle)
        return _SCORERS[self.hash]


def training_set_on(
    spark: SparkSession | str, score: Score, lake: Lake, schema: Schema, *, as_of: int, progress: Progress | None = None
) -> TrainingSet:
    """The training set of *score*, bound, computed on a session or on the cluster of a master's URL.

    Raises:
        MissingExtraError: PySpark is not installed.
        FeatureError: The cluster cannot be reached or cannot do it.
    """
    with session_of(spark) as session:
        return build_training_set_spark(score, lake, schema, as_of=as_of, spark=session, progress=progress)


def scores_on(
    spark: SparkSession | str,
    score: Score,
    lake: Lake,
    schema: Schema,
    model: ModelInUse,
    *,
    as_of: int,
    reasons: int = 0,
    progress: Progress | None = None,
) -> list[pl.DataFrame]:
    """What *model* says of the population at *as_of*: frames of ``scored_rows``, in any order.

    Raises:
        MissingExtraError: PySpark is not installed.
        FeatureError: The cluster cannot be reached or cannot do it.
    """
    work = ScoredRows(travelling(score), as_of, BundleScoring.of(model.folder, model.bundle.hash, reasons))
    with session_of(spark) as session:
        pieces = scored_pieces(score, lake, schema, work, spark=session, progress=progress)
        return [unpacked(data) for _, data in pieces]

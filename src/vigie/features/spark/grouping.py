"""What is done with the customers of one bucket, on a Spark worker: the very functions of a local partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from vigie import __version__
from vigie.definition.decision import Decision, Payoff
from vigie.definition.expression import Feature
from vigie.definition.score import Score, replace_score
from vigie.features.entities import Relations
from vigie.features.history import Histories
from vigie.features.kernel import evaluate
from vigie.features.loading import histories_of
from vigie.features.reading import Need
from vigie.features.spark.dealing import joined, same_program
from vigie.features.spark.packing import pack_rows, pack_values, unpacked
from vigie.features.spark.related import ShippedRelations
from vigie.features.training_set import FeatureSet, labelled_rows, scored_rows
from vigie.features.windows import Rows

FOUND = "header string, data binary"
Piece = tuple[str, bytes]
Frames = Mapping[str, pl.DataFrame]
MOMENTS = "_moments"
"""Name under which the rows of :class:`FeaturesAt` are dealt out beside the sources."""


class Work(Protocol):
    """What is computed of the customers of a bucket."""

    def __call__(self, histories: Histories, frames: Frames, relations: Relations) -> Iterator[Piece]:
        """Results, packed, of *histories*; *frames* holds what else was dealt out, *relations* what customers belong to."""
        ...


@dataclass(frozen=True, kw_only=True)
class StatedDecision(Decision):
    """The cost matrix of a decision whose own class may be one that only the project file knows."""

    stated: Payoff

    def payoff(self) -> Payoff:
        """The cost matrix."""
        return self.stated


def travelling(score: Score) -> Score:
    """*score* without anything that the workers cannot import."""
    decision = StatedDecision(
        capacity=score.decision.capacity, currency=score.decision.currency, stated=score.decision.payoff()
    )
    return replace_score(score, decision=decision)


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """The rows of a training set."""

    score: Score
    earliest: int | None
    as_of: int

    def __call__(self, histories: Histories, frames: Frames, relations: Relations) -> Iterator[Piece]:  # noqa: ARG002
        return pack_rows(labelled_rows(self.score, histories, self.earliest, self.as_of, relations))


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The rows of a feature set, or what *then* makes of them."""

    score: Score
    as_of: int
    then: Callable[[FeatureSet], Iterator[Piece]] | None = None

    def __call__(self, histories: Histories, frames: Frames, relations: Relations) -> Iterator[Piece]:  # noqa: ARG002
        rows = scored_rows(self.score, histories, self.as_of, relations)
        if self.then is None:
            return pack_rows(rows)
        return self.then(FeatureSet(rows.customers[rows.codes], rows.moments, rows.features, rows.extras))


@dataclass(frozen=True, eq=False)
class FeaturesAt:
    """Features at customers and moments that were given."""

    features: Sequence[Feature]

    def __call__(self, histories: Histories, frames: Frames, relations: Relations) -> Iterator[Piece]:
        asked = frames[MOMENTS]
        keys = asked["_key"].cast(pl.String).to_list()
        code = {key: i for i, key in enumerate(histories.customers.tolist())}
        codes = np.array([code[key] for key in keys], dtype=np.int64)
        moments = asked["_time"].to_numpy()
        order = np.lexsort((moments, codes))
        values = evaluate(self.features, histories.blocks, Rows(codes[order], moments[order]), relations)
        yield pack_values(values, asked["_place"].to_numpy()[order])


@dataclass(frozen=True, eq=False)
class Grouping:
    """Loads the histories of a bucket and does the work; for ``applyInArrow``.

    Attributes:
        needs: What was read of each source, by name, in the order of the sources' numbers.
        empty: For each source, and whatever else is dealt out, a packed frame of no rows.
        work: What is done.
        related: What customers belong to.
    """

    needs: Mapping[str, Need]
    empty: Mapping[str, bytes]
    work: Work
    related: ShippedRelations = field(default_factory=ShippedRelations)
    program: str = field(default=__version__)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The results of one bucket; a record batch each."""
        same_program(self.program)
        for header, data in self.results(batches):
            yield pa.RecordBatch.from_arrays([pa.array([header]), pa.array([data], pa.binary())], ["header", "data"])

    def results(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Piece]:
        """The results of one bucket; of no batches: of nobody."""
        pieces: list[list[bytes]] = [[] for _ in self.empty]
        for batch in batches:
            for source, data in zip(batch["source"].to_pylist(), batch["data"].to_pylist(), strict=True):
                pieces[source].append(data)
        frames: dict[str, pl.DataFrame] = {}
        for i, name in enumerate(self.empty):
            if name in self.needs:
                frames[name] = joined(self.needs[name], self.empty[name], pieces[i])
            else:
                frames[name] = pl.concat([unpacked(data) for data in [self.empty[name], *pieces[i]]])
            pieces[i] = []
        return self.work(histories_of(self.needs, frames), frames, self.related.histories())


def for_spark(grouping: Grouping) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """*grouping* as a function: Spark looks at the hints of its types, and does so at functions only."""

    def one_bucket(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from grouping(batches)

    return one_bucket

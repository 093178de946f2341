"""Training sets of many scores that read the same sources: the sources are read once.

What each score needs of a source is put together, read and brought into order once, and kept where it fits into memory.
A training set made from it equals the one that :func:`vigie.features.training_set.build_training_set` makes, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from vigie.definition.expression import Feature
from vigie.definition.kind import Schema
from vigie.definition.score import Score
from vigie.definition.text import texts_of
from vigie.errors import FeatureError
from vigie.features.history import Histories
from vigie.features.partitions import Partitions
from vigie.features.reading import Need, SourceLake
from vigie.features.relations import bytes_of, load_relations
from vigie.features.rowset import Gathering
from vigie.features.training_set import MEMORY, TrainingSet, labelled_rows, needs_of, related_needs_of

_KEPT = 2
"""One in so many bytes of the memory may hold histories from one score to the next."""


def reading_key(score: Score) -> tuple[str, ...]:
    """Equal for scores that can be read together; empty where a score has to be read alone, because it embeds texts."""
    if texts_of([feature for feature in score.features if isinstance(feature, Feature)]):
        return ()
    own = [f"own {name} {source.meaning()}" for name, source in sorted(score.own_sources.items())]
    related = [f"related {name} {source.meaning()}" for name, source in sorted(score.related_sources.items())]
    return (*own, *related)


@dataclass(eq=False)
class SharedReading:
    """The sources of scores with the same :func:`reading_key`, read once. A context manager: leaving it removes its files.

    Args:
        scores: Bound; those whose training sets will be asked for.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        as_of: µs. Events from this moment on and rows known after it do not exist.
        memory: Bytes that may be used, about, besides a training set.
    """

    scores: Sequence[Score]
    lake: SourceLake
    schema: Schema
    as_of: int
    memory: int = MEMORY
    versions: dict[str, int] = field(default_factory=dict)
    _partitions: Partitions | None = None
    _relations: dict[str, Histories] = field(default_factory=dict)
    _kept: dict[int, Histories] = field(default_factory=dict)
    _bytes: int = 0

    def __enter__(self) -> Self:
        first = self.scores[0]
        if any(reading_key(score) != reading_key(first) or not reading_key(score) for score in self.scores):
            raise FeatureError("these scores do not read the same sources", where=f"score '{first.name}'")
        self.versions = {name: self.lake.version(name) for name in sorted(first.sources)}
        needs = _together([needs_of(score, self.schema) for score in self.scores])
        related = _together([related_needs_of(score, self.schema) for score in self.scores])
        self._relations = load_relations(
            related, self.lake, self.versions, as_of=self.as_of, memory=max(self.memory // 8, 1)
        )
        partitions = Partitions(needs, self.lake, self.versions, self.as_of, self.memory)
        self._partitions = partitions.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.clear()
        if self._partitions is not None:
            self._partitions.__exit__(kind, error, trace)
            self._partitions = None

    def training_set(self, score: Score) -> TrainingSet:
        """The training set of one of the scores."""
        partitions = self._partitions
        assert partitions is not None
        gathering = Gathering(partitions.count)
        for i in range(partitions.count):
            gathering.add(
                labelled_rows(score, self._histories(partitions, i), partitions.earliest, self.as_of, self._relations)
            )
        found = gathering.joined()
        return TrainingSet(
            customers=found.customers,
            moments=found.moments,
            features=found.features,
            extras=found.extras,
            labels=found.labels,
            score=score,
            schema=self.schema,
            as_of=self.as_of,
            versions=self.versions,
            immature=found.immature,
            unknown=found.unknown,
        )

    def _histories(self, partitions: Partitions, i: int) -> Histories:
        found = self._kept.get(i)
        if found is None:
            found = partitions.load(i)
            size = sum(bytes_of(block) for block in found.blocks.values())
            if self._bytes + size <= self.memory // _KEPT:
                self._kept[i], self._bytes = found, self._bytes + size
        return found


def _together(needs: Sequence[Mapping[str, Need]]) -> dict[str, Need]:
    """Each source with the columns that any of *needs* has of it."""
    found: dict[str, Need] = {}
    for one in needs:
        for name, need in one.items():
            before = found.get(name)
            columns = {**before.columns, **need.columns} if before is not None else dict(need.columns)
            found[name] = Need(before.source if before is not None else need.source, columns)
    return found

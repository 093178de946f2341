"""Feature tables of past moments: what is missing or stale, as a plan; made partition by partition; read as one frame."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.clock import iso
from vigie.data.file_lock import locked
from vigie.definition import Events, Feature, Schema, Score, Table, naming
from vigie.definition.moments import At, Every, Once, every
from vigie.definition.related import own_sources, related_sources
from vigie.definition.score import replace_score
from vigie.definition.text import texts_of
from vigie.errors import DefinitionError, FeatureError, did_you_mean
from vigie.features import tables
from vigie.features.table_rows import feature_columns, population_rows, schedule_name
from vigie.features.tables import Mark, Spine, Stored
from vigie.features.training_set import MEMORY
from vigie.lifecycle.arrivals import EVER, Arrived
from vigie.lifecycle.train import part, tell

if TYPE_CHECKING:
    import polars as pl

    from vigie.lifecycle.project import Project

AT_ONCE = 12
"""Partitions made in one reading of the lake."""
_ROW = 400
"""Bytes that a row takes on its way, about, besides its features."""


class Status(enum.StrEnum):
    """How a part of a feature table stands."""

    DONE = "done"
    MISSING = "missing"
    STALE = "stale"
    """Rows came to the lake since it was made that belong before its moment."""


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """A moment, or a month of moments at events, and what there is of it.

    Attributes:
        name: Of the partition.
        begin: First moment, µs.
        end: Last moment, µs.
        folder: Where it is.
        spine: Who is looked at. Where it is made again and turns out the same, features that are done stay.
        features: Of each feature by name.
    """

    name: str
    begin: int
    end: int
    folder: Path
    spine: Status
    features: Mapping[str, Status]

    @property
    def done(self) -> bool:
        """Whether nothing is to be made."""
        return self.spine is Status.DONE and all(status is Status.DONE for status in self.features.values())

    def count(self, status: Status) -> int:
        """Features that stand so."""
        return sum(found is status for found in self.features.values())


@dataclass(frozen=True, eq=False)
class BackfillPlan:
    """What a backfill would do.

    Attributes:
        score: Bound.
        schema: Kinds of the columns of its sources.
        folder: Of all partitions.
        versions: Version of each source that will be read.
        as_of: The moment up to which there are partitions, µs.
        partitions: By time.
        left_out: Features that embed texts: what their values are is learned anew by every training.
    """

    score: Score
    schema: Schema
    folder: Path
    versions: Mapping[str, int]
    as_of: int
    partitions: tuple[PartitionPlan, ...]
    left_out: tuple[str, ...] = ()

    @property
    def todo(self) -> tuple[PartitionPlan, ...]:
        """The partitions in which something is missing or stale."""
        return tuple(partition for partition in self.partitions if not partition.done)


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did.

    Attributes:
        partitions: In which something was made.
        spines: Of them, those whose population was made.
        features: Features made, in all partitions together.
        rows: Customers at moments in those partitions.
    """

    partitions: int
    spines: int
    features: int
    rows: int


def tables_folder(project: Project) -> Path:
    """Folder of all feature tables; :func:`vigie.features.tables.erase` takes it."""
    return project.settings.state / "features"


def plan_backfill(
    project: Project, score: Score, *, start: int | None = None, end: int | None = None, period: str | None = None
) -> BackfillPlan:
    """What is there and what is to be made.

    Args:
        project: Where the lake is.
        score: As the project file declares it.
        start: No partition before the one of this moment, µs; ``None``: from the first row of the lake on.
        end: No moment after it, µs; ``None``: now.
        period: Snapshots of this calendar period instead of the score's own moments.

    Raises:
        ContractError: A source was not ingested yet.
        DefinitionError: The period does not exist, or the score has neither moments nor a period.
    """
    schema = project.schema(score)
    bound, left_out = _kept(_with_moments(score.bound(schema), period))
    folder = tables_folder(project) / score.name / schedule_name(bound.moments)
    versions = {name: project.lake.version(name) for name in sorted(bound.sources)}
    as_of = min(project.clock.now(), end) if end is not None else project.clock.now()
    arrived = Arrived(project.lake, versions)
    first = start if start is not None else arrived.earliest(list(bound.own_sources.values()))
    spans = [] if first is None else _spans(bound, first, as_of)
    partitions = []
    for begin, last in spans:
        name = iso(begin)[:7] if isinstance(bound.moments, At) else tables.partition_name(begin)
        there = tables.stored(folder / name)
        features = {f.name: _feature_status(f, bound, there, arrived, last) for f in bound.bound_features}
        spine = _spine_status(bound, there.spine, arrived, last, as_of)
        partitions.append(PartitionPlan(name, begin, last, folder / name, spine, features))
    return BackfillPlan(bound, schema, folder, versions, as_of, tuple(partitions), left_out)


def _kept(score: Score) -> tuple[Score, tuple[str, ...]]:
    """The score without the features that embed texts, and their names."""
    texts = {feature.name for feature in score.bound_features if texts_of([feature])}
    if not texts:
        return score, ()
    kept = [feature for feature in score.bound_features if feature.name not in texts]
    if not kept:
        raise FeatureError(
            "every feature embeds a text, and what their values are is learned anew by every training",
            where=f"score '{score.name}'",
        )
    return replace_score(score, features=kept), tuple(sorted(texts))


def _with_moments(score: Score, period: str | None) -> Score:
    if period is not None:
        return replace_score(score, moments=every(period))
    if isinstance(score.moments, Once) and score.moments.moment is None:
        raise DefinitionError(
            f"score '{score.name}' looks at everybody once, now: it has no past moments",
            remedy="say which to make: --every month",
        )
    return score


def _spans(score: Score, first: int, last: int) -> list[tuple[int, int]]:
    from vigie.features.moments import schedule

    match score.moments:
        case Every():
            return [(moment, moment) for moment in schedule(score.moments, first, last).tolist()]
        case At():
            month = 31 * 86_400_000_000
            begins = schedule(Every("month"), first - month, last + month).tolist()
            months = [(begin, following - 1) for begin, following in pairwise(begins)]
            return [(begin, end) for begin, end in months if end >= first and begin <= last]
        case Once():
            moment = score.moments.moment
            return [(moment, moment)] if moment is not None and moment <= last else []


def _sources(score: Score, feature: Feature) -> dict[str, Table | Events]:
    found = {**own_sources([feature]), **related_sources([feature])}
    if isinstance(score.moments, At):
        found[score.moments.source.name] = score.sources[score.moments.source.name]
    return found


def _population_sources(score: Score) -> dict[str, Table | Events]:
    return {**score.own_sources, **related_sources([score.population] if score.population is not None else [])}


def _spine_definition(score: Score, last: int, as_of: int) -> str:
    """Changes exactly when other customers could be looked at; from when to when is not part of it.

    A month of moments at events that is not over yet is another one every time.
    """
    cut = as_of if last > as_of else None
    period = score.moments.meaning()[:2] if isinstance(score.moments, Every) else score.moments.meaning()
    population = score.population.meaning() if score.population is not None else None
    return naming.fingerprint([period, population, [s.meaning() for _, s in sorted(score.own_sources.items())], cut])


def _spine_status(score: Score, spine: Spine | None, arrived: Arrived, last: int, as_of: int) -> Status:
    if spine is None:
        return Status.MISSING
    if spine.definition != _spine_definition(score, last, as_of):
        return Status.STALE
    return _freshness(_population_sources(score), spine.made, arrived, last)


def _feature_status(feature: Feature, score: Score, there: Stored, arrived: Arrived, last: int) -> Status:
    held = there.holder(feature.fingerprint)
    return Status.MISSING if held is None else _freshness(_sources(score, feature), held[0].made, arrived, last)


def _freshness(sources: Mapping[str, Table | Events], made: Mapping[str, Mark], arrived: Arrived, last: int) -> Status:
    for name, source in sources.items():
        since = arrived.since(source, made[name]) if name in made else EVER
        if since is not None and since <= last:
            return Status.STALE
    return Status.DONE


# -- making ----------------------------------------------------------------------------------------------------------


def backfill(
    project: Project,
    plan: BackfillPlan,
    *,
    at_once: int = AT_ONCE,
    memory: int = MEMORY,
    progress: Callable[[str, float], None] | None = None,
) -> Backfilled:
    """Make what *plan* says is missing or stale. Killed, it leaves whole partitions, and the next plan has the rest.

    Args:
        project: Where the lake is.
        plan: Just made.
        at_once: Partitions made in one reading of the lake, at most.
        memory: Bytes that may be used, about.
        progress: Told about the work.

    Raises:
        FeatureError: Another backfill of the same table is running, or the disk refuses.
    """
    if not plan.todo:
        return Backfilled(0, 0, 0, 0)
    with _alone(plan.folder):
        tables.tidy(plan.folder)
        return _Making(project, plan, max(at_once, 1), memory, progress).run()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock", wait=False, create=True) as held:
        if held is None:
            raise FeatureError(
                "another backfill of this table is running", where=str(folder), remedy="wait for it, or stop it"
            )
        yield


@dataclass(eq=False)
class _Making:
    project: Project
    plan: BackfillPlan
    at_once: int
    memory: int
    progress: Callable[[str, float], None] | None
    made: int = 0
    _marks: dict[str, Mark] = field(default_factory=dict)

    def run(self) -> Backfilled:
        todo = self.plan.todo
        spines = [partition for partition in todo if partition.spine is not Status.DONE]
        for begin in range(0, len(spines), self.at_once):
            share = 0.3 / len(spines)
            batch = spines[begin : begin + self.at_once]
            self._spines(batch, part(self.progress, begin * share, (begin + len(batch)) * share))
        wanted: dict[tuple[str, ...], list[PartitionPlan]] = {}
        for partition in todo:
            there = tables.stored(partition.folder)
            names = [
                f.name
                for f in self.plan.score.bound_features
                if partition.features[f.name] is not Status.DONE or there.holder(f.fingerprint) is None
            ]
            if names:
                wanted.setdefault(tuple(names), []).append(partition)
        steps = [(chosen, batch) for chosen, found in wanted.items() for batch in self._batches(found, len(chosen))]
        done, total = 0, sum(len(batch) for _, batch in steps)
        for chosen, batch in steps:
            reached = 0.3 + 0.7 * (done + len(batch)) / total
            self._features(chosen, batch, part(self.progress, 0.3 + 0.7 * done / total, reached))
            done += len(batch)
        tell(self.progress, "done", 1.0)
        rows = sum(spine.rows for p in todo if (spine := tables.stored(p.folder).spine) is not None)
        return Backfilled(len(todo), len(spines), self.made, rows)

    def _mark(self, sources: Mapping[str, Table | Events]) -> dict[str, Mark]:
        arrived = Arrived(self.project.lake, self.plan.versions)
        for name in sources:
            if name not in self._marks:
                self._marks[name] = arrived.mark(name)
        return {name: self._marks[name] for name in sources}

    def _spines(self, batch: Sequence[PartitionPlan], progress: Callable[[str, float], None]) -> None:
        plan = self.plan
        found = population_rows(
            plan.score, self.project.lake, plan.schema, [(p.begin, p.end) for p in batch],
            versions=plan.versions, as_of=plan.as_of, memory=self.memory, progress=progress,
        )  # fmt: skip
        made = self._mark(_population_sources(plan.score))
        for partition, rows in zip(batch, found, strict=True):
            moments = rows["moment"].to_numpy()
            definition = _spine_definition(plan.score, partition.end, plan.as_of)
            tables.write_spine(partition.folder, rows["customer"].to_list(), moments, definition=definition, made=made)

    def _batches(self, partitions: Sequence[PartitionPlan], features: int) -> Iterator[list[PartitionPlan]]:
        """Partitions that are made together: as many as asked for, fewer where their rows would not fit."""
        batch: list[PartitionPlan] = []
        size = 0
        for partition in partitions:
            spine = tables.stored(partition.folder).spine
            own = (spine.rows if spine is not None else 0) * (_ROW + 8 * features)
            if batch and (len(batch) == self.at_once or size + own > self.memory):
                yield batch
                batch, size = [], 0
            batch.append(partition)
            size += own
        if batch:
            yield batch

    def _features(
        self, names: Sequence[str], batch: Sequence[PartitionPlan], progress: Callable[[str, float], None]
    ) -> None:
        import polars as pl

        plan = self.plan
        by_name = {f.name: f for f in plan.score.bound_features}
        features = [by_name[name] for name in names]
        sources: dict[str, Table | Events] = {}
        for feature in features:
            sources |= _sources(plan.score, feature)
        made = self._mark(sources)
        moments = plan.score.moments
        found = feature_columns(
            features, self.project.lake, plan.schema,
            [tables.read_spine(p.folder).with_columns(pl.col("moment").dt.timestamp("us")) for p in batch],
            at=moments.source if isinstance(moments, At) else None,
            versions=plan.versions, memory=self.memory, progress=progress,
        )  # fmt: skip
        for partition, columns in zip(batch, found, strict=True):
            spine = tables.stored(partition.folder).spine
            assert spine is not None
            fingerprints = {feature.name: feature.fingerprint for feature in features}
            tables.write_group(partition.folder, columns, fingerprints, spine=spine, made=made)
            self.made += len(features)


# -- reading ---------------------------------------------------------------------------------------------------------


def read_features(
    project: Project,
    score: str | None = None,
    *,
    features: Sequence[str] | None = None,
    customers: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
    period: str | None = None,
) -> pl.DataFrame:
    """The feature table of a score, as it was last backfilled.

    Args:
        project: Where it is.
        score: Name of the score; may be left out where there is only one.
        features: Names of the only features wanted.
        customers: Keys of the only customers wanted.
        start: No partition before this moment, µs.
        end: No partition after this moment, µs.
        period: The ``--every`` it was backfilled with, if any.

    Returns:
        ``customer``, ``moment`` and the features; rows by moment of the partition, then customer.

    Raises:
        FeatureError: Nothing is there, or a feature is missing in a partition.
    """
    import polars as pl

    found = each_partition(project, score, features=features, customers=customers, start=start, end=end, period=period)
    return pl.concat(list(found))


def each_partition(
    project: Project,
    score: str | None = None,
    *,
    features: Sequence[str] | None = None,
    customers: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
    period: str | None = None,
) -> Iterator[pl.DataFrame]:
    """The same as :func:`read_features` partition by partition, for tables that need not fit into memory."""
    import polars as pl

    declared = project.score(score)
    bound, _ = _kept(_with_moments(declared.bound(project.schema(declared)), period))
    by_name = {feature.name: feature for feature in bound.bound_features}
    for name in features or ():
        if name not in by_name:
            raise FeatureError(f"no feature '{name}'", where=bound.name, remedy=did_you_mean(name, by_name))
    wanted = [by_name[name] for name in (by_name if features is None else features)]
    folder = tables_folder(project) / bound.name / schedule_name(bound.moments)
    partitions = list(tables.partitions_in(folder))
    if not partitions:
        raise FeatureError(
            f"there is no feature table of '{bound.name}'", where=str(folder), remedy="run `vigie features backfill`"
        )
    for partition in partitions:
        frame = _partition(partition, wanted)
        moments = pl.col("moment").dt.timestamp("us")
        if customers is not None:
            frame = frame.filter(pl.col("customer").is_in(list(customers)))
        if start is not None:
            frame = frame.filter(moments >= start)
        if end is not None:
            frame = frame.filter(moments <= end)
        yield frame


def _partition(folder: Path, wanted: Sequence[Feature]) -> pl.DataFrame:
    import polars as pl

    there = tables.stored(folder)
    by_group: dict[Path, tuple[tables.Group, dict[str, str]]] = {}
    for feature in wanted:
        held = there.holder(feature.fingerprint)
        if held is None:
            raise FeatureError(
                f"feature '{feature.name}' is missing on {folder.name}",
                where=str(folder),
                remedy="run `vigie features backfill`",
            )
        by_group.setdefault(held[0].path, (held[0], {}))[1][feature.name] = held[1]
    columns = tables.read_spine(folder)
    for group, names in by_group.values():
        held_columns = tables.read_group(group, list(dict.fromkeys(names.values())))
        columns = columns.hstack([held_columns[stored].alias(name) for name, stored in names.items()])
    return columns.select("customer", "moment", *(pl.col(feature.name) for feature in wanted))

"""Point-in-time training sets and feature sets, from the lake.

A row is a customer at a moment. Its features are what was known at the moment, its label what is known now of the time
after it. Rows are in order of (customer, moment) and the same to the last bit however much memory there is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from vigie.definition.expression import Expression, Feature
from vigie.definition.kind import Schema
from vigie.definition.moments import At
from vigie.definition.related import own_columns, related_columns
from vigie.definition.score import Score
from vigie.definition.source import Column, Events
from vigie.definition.text import texts_of
from vigie.errors import FeatureError
from vigie.features import rowwise
from vigie.features.entities import Relations
from vigie.features.history import Histories
from vigie.features.kernel import NONE, evaluate, leaf_values
from vigie.features.partitions import Partitions
from vigie.features.population import scoring_rows, training_rows
from vigie.features.reading import Need, SourceLake
from vigie.features.relations import load_relations, memory_left, needs_in
from vigie.features.rowset import Gathering, RowSet
from vigie.features.rowwise import leaf_name, leaves_of
from vigie.features.text.columns import TextColumns
from vigie.features.text.reduction import Reduction
from vigie.features.untouched import Untouched
from vigie.features.values import Array, Columns
from vigie.features.windows import Rows

T = TypeVar("T")
Progress = Callable[[str, float], None]
"""Called with what is being done and the share, 0 … 1, of the work that is behind."""

MEMORY = 2 << 30
"""Bytes that building may use, about, besides its result."""
_FOR_RELATIONS = 8
"""One in so many of them is for reading what customers belong to."""


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of customers at moments; *n* rows.

    Attributes:
        customers: Keys: object array of ``str``, shape (n,).
        moments: int64 µs, shape (n,).
        features: The score's features by name.
        extras: What rule, payoff, segments and fairness groups are computed from, by leaf name; may overlap with
            *features*. "moment" is among them only if it is used.
    """

    customers: Array
    moments: Array
    features: Columns
    extras: Columns

    def __len__(self) -> int:
        return len(self.moments)


@dataclass(frozen=True, eq=False)
class TrainingSet(FeatureSet):
    """Features with the outcome that followed; only rows whose outcome is known.

    Attributes:
        labels: int8, 1 where the outcome is true.
        score: What is predicted; bound to the schema.
        schema: Kinds of the columns of every source.
        as_of: Moment whose knowledge this is, µs.
        versions: Version of every source in the lake.
        immature: Rows of the population left out because their outcome lies after *as_of*.
        unknown: Rows of the population left out because their outcome is null.
        texts: What was learned of the texts that features embed.
        untouched: What was left out because somebody was acted on, and what stands for it; ``None``: nothing was.
        copy: Number of the copy that a row is, from 0, where rows stand for several customers (:mod:`vigie.features.untouched`);
            ``None``: each row is there once.
    """

    labels: Array
    score: Score
    schema: Schema
    as_of: int
    versions: Mapping[str, int]
    immature: int
    unknown: int
    texts: tuple[Reduction, ...] = ()
    untouched: Untouched | None = None
    copy: Array | None = None


def build_training_set(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    *,
    as_of: int,
    memory: int = MEMORY,
    progress: Progress | None = None,
    texts: TextColumns | None = None,
    customers: Sequence[str] | None = None,
    open_too: bool = False,
) -> TrainingSet:
    """The training set of *score* with what was known at *as_of*.

    Args:
        score: Bound: ``score.bound(schema)``.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        as_of: µs. Events from this moment on and rows known after it do not exist.
        memory: Bytes that may be used, about, besides the result. Larger histories are dealt out to temporary files.
        progress: Told about the work.
        texts: Gives the components of texts that features embed.
        customers: Keys of the only customers wanted; ``None``: all. Where moments are regular and have no first one, they
            begin with the history of these customers.
        open_too: Whether rows whose outcome is not known stay, with the label -1: to be scored, not to be learned from.

    Raises:
        FeatureError: The lake has not a source or column that is needed.
    """
    versions = versions_of(score, lake)
    relations = relations_of(score, lake, schema, versions, as_of=as_of, memory=memory)
    left = memory_left(memory, relations)
    with partitions_of(score, lake, schema, versions, as_of, left, customers, progress) as partitions:

        def one(histories: Histories) -> RowSet:
            told = with_texts(score, histories, texts)
            return labelled_rows(score, told, partitions.earliest, as_of, relations, open_too=open_too)

        gathering = Gathering(partitions.count)
        for part in each_of(partitions, one, progress):
            gathering.add(part)
    found = gathering.joined()
    return TrainingSet(
        customers=found.customers,
        moments=found.moments,
        features=found.features,
        extras=found.extras,
        labels=found.labels,
        score=score,
        schema=schema,
        as_of=as_of,
        versions=versions,
        immature=found.immature,
        unknown=found.unknown,
        texts=texts.reductions if texts is not None else (),
    )


def build_feature_set(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    *,
    as_of: int,
    customers: Sequence[str] | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
    texts: TextColumns | None = None,
) -> Iterator[FeatureSet]:
    """The population of *score* at the moment *as_of*, in partitions of customers.

    With ``moments=at(source)`` each customer is seen at its own latest moment.

    Args:
        score: Bound: ``score.bound(schema)``.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        as_of: µs. Events from this moment on and rows known after it do not exist.
        customers: Keys of the only customers wanted; ``None``: all. Those outside the population are left out.
        memory: Bytes that may be used, about.
        progress: Told about the work.
        texts: Gives the components of texts that features embed.

    Yields:
        Rows in order of customer; the customers of two partitions are in no order.

    Raises:
        FeatureError: The lake has not a source or column that is needed.
    """
    parts = worked_feature_set(
        score, lake, schema, lambda features: features, as_of=as_of, customers=customers, memory=memory,
        progress=progress, texts=texts,
    )  # fmt: skip
    for _, features in parts:
        if len(features):
            yield features


def worked_feature_set(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    work: Callable[[FeatureSet], T],
    *,
    as_of: int,
    done: Callable[[int], Collection[int]] = lambda _: (),
    customers: Sequence[str] | None = None,
    memory: int = MEMORY,
    at_once: int = 2,
    progress: Progress | None = None,
    texts: TextColumns | None = None,
) -> Iterator[tuple[int, T]]:
    """What *work* makes of every partition of :func:`build_feature_set`, computed in several threads.

    Partitions are the same whenever data, moment, memory and number of threads are, so that work that was interrupted
    can leave out what is done.

    Args:
        score: As for :func:`build_feature_set`, like all that is not named here.
        lake: Likewise.
        schema: Likewise.
        work: Called with the features of a partition, which may be empty; by several threads at once.
        as_of: µs.
        done: Given the number of partitions, says which of them are not wanted.
        customers: Keys of the only customers wanted; ``None``: all.
        memory: Bytes that may be used, about.
        at_once: Threads.
        progress: Told about the work.
        texts: Gives the components of texts that features embed.

    Yields:
        Number of the partition, from 0, and the result, in order.

    Raises:
        FeatureError: The lake has not a source or column that is needed.
    """
    versions = versions_of(score, lake)
    relations = relations_of(score, lake, schema, versions, as_of=as_of, memory=memory)
    # Partitions are cut for two at once.
    left = memory_left(memory, relations) * 2 // max(at_once, 2)
    with partitions_of(score, lake, schema, versions, as_of, left, customers, progress) as partitions:

        def one(histories: Histories) -> T:
            part = scored_rows(score, with_texts(score, histories, texts), as_of, relations)
            return work(FeatureSet(part.customers[part.codes], part.moments, part.features, part.extras))

        left_out = done(partitions.count)
        wanted = [i for i in range(partitions.count) if i not in left_out]
        yield from zip(wanted, each_of(partitions, one, progress, wanted, at_once), strict=True)


def with_texts(score: Score, histories: Histories, texts: TextColumns | None) -> Histories:
    """*histories* with the components of the texts that the features of *score* embed.

    Raises:
        FeatureError: There are such texts, and nothing gives their components.
    """
    if texts is not None:
        return texts.of(histories)
    for source, column in texts_of(score.bound_features):
        raise FeatureError(
            f"'{column}' is embedded, and what was learned of its texts is not given",
            where=source,
            remedy="pass texts=, which training makes and a bundle holds",
        )
    return histories


# -- one partition ---------------------------------------------------------------------------------------------------


def labelled_rows(
    score: Score,
    histories: Histories,
    earliest: int | None,
    as_of: int,
    relations: Relations = NONE,
    *,
    open_too: bool = False,
) -> RowSet:
    """The rows of a training set that belong to the customers of *histories*, with features and labels.

    Args:
        score: Bound.
        histories: Of some customers, all sources that are read by the customer's key.
        earliest: First moment of the histories of all customers, µs; ``None``: there is none.
        as_of: Moment whose knowledge this is, µs.
        relations: What customers belong to, as :func:`vigie.features.kernel.evaluate` takes it.
        open_too: Whether rows whose outcome is not known stay, with the label -1.
    """
    rows = training_rows(score.moments, score.own_sources, histories, earliest=earliest, as_of=as_of)
    rows = _in_population(score, histories, rows, relations)
    horizon = score.horizon.microseconds if score.horizon else 0
    mature = rows.moments <= as_of - horizon
    immature = int(np.count_nonzero(~mature))
    if immature and not open_too:
        rows, mature = rows.take(mature), mature[mature]
    outcome = np.where(mature, outcome_of(score, histories, rows, as_of), np.nan)
    known = ~np.isnan(outcome)
    unknown = int(np.count_nonzero(mature & ~known))
    if open_too:
        outcome = np.where(known, outcome, -1.0)
    elif unknown:
        rows, outcome = rows.take(known), outcome[known]
    found = _featured(score, histories, rows, relations)
    found.labels, found.immature, found.unknown = outcome.astype(np.int8), immature, unknown
    return found


def scored_rows(score: Score, histories: Histories, as_of: int, relations: Relations = NONE) -> RowSet:
    """The customers of *histories* that are in the population at *as_of*, with features; arguments as above."""
    rows = scoring_rows(score.moments, score.own_sources, histories, as_of=as_of)
    return _featured(score, histories, _in_population(score, histories, rows, relations), relations)


def outcomes_at(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    customers: Sequence[str],
    moments: Array,
    *,
    as_of: int,
    memory: int = MEMORY,
) -> Array:
    """What became of customers after moments, whether they were in the population then or not.

    Args:
        score: Bound; its moments are not those of an event or a row.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        customers: Keys as text, possibly repeated.
        moments: µs, one for each.
        as_of: Moment whose knowledge this is, µs.
        memory: Bytes that may be used, about.

    Returns:
        1 where the outcome is true, 0 where it is not, and NaN where it is not known: too early, or no such customer.

    Raises:
        FeatureError: The moments are those of an event or a row, or the lake has not a source or column.
    """
    if isinstance(score.moments, At):
        raise FeatureError(
            "an outcome at the moment of an event belongs to that event, which a customer and a moment do not name",
            where=f"score '{score.name}'",
            remedy="look outcomes up for scores with moments=every(...) or without moments",
        )
    keys, moments = np.asarray(customers, dtype=object), np.asarray(moments, dtype=np.int64)
    found = np.full(len(keys), np.nan)
    horizon = score.horizon.microseconds if score.horizon else 0
    mature = np.flatnonzero(moments <= as_of - horizon)
    if not len(mature):
        return found
    wanted = sorted(set(keys[mature].tolist()))
    with partitions_of(score, lake, schema, versions_of(score, lake), as_of, memory, wanted, None) as partitions:
        for histories in each_of(partitions, lambda one: one, None):
            code = {key: i for i, key in enumerate(histories.customers.tolist())}
            here = np.array([i for i in mature.tolist() if keys[i] in code], dtype=np.int64)
            codes = np.array([code[key] for key in keys[here]], dtype=np.int64)
            order = np.lexsort((moments[here], codes))
            rows = Rows(codes[order], moments[here][order])
            found[here[order]] = outcome_of(score, histories, rows, as_of)
    return found


def _in_population(score: Score, histories: Histories, rows: Rows, relations: Relations) -> Rows:
    if score.population is None:
        return rows
    inside = evaluate([score.population], histories.blocks, rows, relations)[0].data == 1
    return rows.take(inside)


def outcome_of(score: Score, histories: Histories, rows: Rows, as_of: int) -> Array:
    """The outcome with everything known at *as_of*: float64, 0, 1 or NaN.

    A column of the outcome has its latest value; with ``moments=at(table)``, a column of that table has the value of
    the very row that the moment is taken at.
    """
    leaves = list(leaves_of(score.outcome))
    own = score.moments.source if isinstance(score.moments, At) else None
    later = [leaf for leaf in leaves if isinstance(leaf, Column) and leaf.source != own]
    others = [leaf for leaf in leaves if not (isinstance(leaf, Column) and leaf.source != own)]
    found = leaf_values(others, histories.blocks, rows)
    now = Rows(rows.codes, np.full(len(rows), as_of, dtype=np.int64))
    found |= leaf_values(later, histories.blocks, now)
    by_name = {leaf_name(leaf): found[leaf.fingerprint] for leaf in leaves}
    return rowwise.evaluate(score.outcome, by_name, len(rows)).data


def _featured(score: Score, histories: Histories, rows: Rows, relations: Relations) -> RowSet:
    features, extras = score.bound_features, _extras(score)
    values = evaluate([*features, *extras.values()], histories.blocks, rows, relations)
    return RowSet(
        customers=histories.customers,
        codes=rows.codes,
        moments=rows.moments,
        features={f.name: v for f, v in zip(features, values, strict=False)},
        extras=dict(zip(extras, values[len(features) :], strict=True)),
        labels=np.zeros(len(rows), dtype=np.int8),
    )


def _extras(score: Score) -> dict[str, Feature]:
    rule = [score.rule] if score.rule is not None else []
    by = [score.by] if score.by is not None else []
    groups = score.fairness.groups if score.fairness is not None else ()
    return rowwise.leaves([*rule, *score.decision.payoff().expressions(), *by, *groups])


# -- all partitions --------------------------------------------------------------------------------------------------


def each_of(
    partitions: Partitions,
    one: Callable[[Histories], T],
    progress: Progress | None,
    wanted: Sequence[int] | None = None,
    at_once: int = 2,
) -> Iterator[T]:
    """*one* of every partition, in their order, two at a time: NumPy computes without holding the interpreter."""
    numbers = range(partitions.count) if wanted is None else wanted

    def work(i: int) -> T:
        return one(partitions.load(i))

    with ThreadPoolExecutor(at_once) as pool:
        pending = [pool.submit(work, i) for i in numbers[:at_once]]
        try:
            for place in range(len(numbers)):
                result = pending.pop(0).result()
                if place + at_once < len(numbers):
                    pending.append(pool.submit(work, numbers[place + at_once]))
                if progress is not None:
                    progress("features", 0.5 + 0.5 * (place + 1) / len(numbers))
                yield result
        finally:
            for one_more in pending:  # where one failed, or nobody wants the rest
                one_more.cancel()


def versions_of(score: Score, lake: SourceLake) -> dict[str, int]:
    """The newest version of every source of a score."""
    return {name: lake.version(name) for name in sorted(score.sources)}


def partitions_of(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    versions: Mapping[str, int],
    as_of: int,
    memory: int,
    customers: Sequence[str] | None,
    progress: Progress | None,
) -> Partitions:
    """What a score reads, of some customers at a time."""
    reading = None if progress is None else (lambda share: progress("read", share / 2))
    return Partitions(needs_of(score, schema), lake, versions, as_of, memory, customers, reading)


def needs_of(score: Score, schema: Schema) -> dict[str, Need]:
    """What is read of every source by the customer's key.

    Raises:
        FeatureError: A source has not a column.
    """
    columns = own_columns(_everything(score))
    at = score.moments.source if isinstance(score.moments, At) else None
    if isinstance(at, Events) and at.condition is not None:
        for name, more in own_columns([at.condition]).items():
            columns[name] = tuple(dict.fromkeys((*columns.get(name, ()), *more)))
    return needs_in(score.own_sources, columns, schema)


def related_needs_of(score: Score, schema: Schema) -> dict[str, Need]:
    """What is read of every source by the key of what a customer belongs to; as :func:`needs_of`."""
    return needs_in(score.related_sources, related_columns(_everything(score)), schema)


def _everything(score: Score) -> list[Expression]:
    rule = [score.rule] if score.rule is not None else []
    population = [score.population] if score.population is not None else []
    by = [score.by] if score.by is not None else []
    groups = score.fairness.groups if score.fairness is not None else ()
    money = score.decision.payoff().expressions()
    return [*score.bound_features, *rule, *population, score.outcome, *money, *by, *groups]


def relations_of(
    score: Score, lake: SourceLake, schema: Schema, versions: Mapping[str, int], *, as_of: int, memory: int = MEMORY
) -> dict[str, Histories]:
    """The histories of what the customers of *score* belong to, whole, by source name."""
    needs = related_needs_of(score, schema)
    return load_relations(needs, lake, versions, as_of=as_of, memory=memory // _FOR_RELATIONS)

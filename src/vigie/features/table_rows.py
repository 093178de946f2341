"""The rows of feature tables: who is in the population at past moments, and the features of those rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from vigie.definition.expression import Feature
from vigie.definition.kind import Kind, Schema
from vigie.definition.moments import At, Every, Once
from vigie.definition.related import own_columns, related_columns, related_sources
from vigie.definition.score import Score
from vigie.definition.source import Events, Table
from vigie.features.kernel import evaluate
from vigie.features.partitions import Partitions
from vigie.features.population import training_rows
from vigie.features.reading import Need, SourceLake
from vigie.features.relations import load_relations, memory_left, needs_in
from vigie.features.spine import FOREVER, coded, each_part
from vigie.features.training_set import MEMORY, Progress
from vigie.features.values import Array, Columns, Values

Span = tuple[int, int]
"""First and last moment of a partition, µs, both included; equal for a snapshot."""


def population_rows(
    score: Score,
    lake: SourceLake,
    schema: Schema,
    spans: Sequence[Span],
    *,
    versions: Mapping[str, int],
    as_of: int,
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> list[pl.DataFrame]:
    """Who is looked at in each of *spans*: ``customer`` and ``moment`` (µs, Int64), in order.

    Args:
        score: Bound; its moments say when, its population whom.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        spans: Increasing; for snapshots, moments of the score's schedule.
        versions: Version of each source.
        as_of: No moment after it, µs.
        memory: Bytes that may be used, about, besides the result.
        progress: Told about the work.
    """
    needs, related = population_needs(score, schema)
    relations = load_relations(related, lake, versions, as_of=FOREVER)
    first, last = spans[0][0], min(spans[-1][1], as_of)
    reading = None if progress is None else (lambda share: progress("population", share / 2))
    begins = np.array([begin for begin, _ in spans], dtype=np.int64)
    ends = np.array([end for _, end in spans], dtype=np.int64)
    found: list[list[pl.DataFrame]] = [[] for _ in spans]
    left = memory_left(memory, relations)
    with Partitions(needs, lake, versions, FOREVER, left, None, reading) as partitions:
        for i in range(partitions.count):
            histories = partitions.load(i)
            rows = training_rows(score.moments, score.own_sources, histories, earliest=first, as_of=last)
            place = np.searchsorted(begins, rows.moments, side="right") - 1
            inside = (place >= 0) & (rows.moments <= ends[place]) & (rows.moments <= last)
            rows, place = rows.take(inside), place[inside]
            if score.population is not None:
                chosen = evaluate([score.population], histories.blocks, rows, relations)[0].data == 1
                rows, place = rows.take(chosen), place[chosen]
            keys = histories.customers[rows.codes]
            for span in np.unique(place).tolist():
                mine = place == span
                frame = {"customer": pl.Series(keys[mine], dtype=pl.String), "moment": rows.moments[mine]}
                found[span].append(pl.DataFrame(frame, schema={"customer": pl.String, "moment": pl.Int64}))
            if progress is not None:
                progress("population", 0.5 + 0.5 * (i + 1) / partitions.count)
    empty = pl.DataFrame(schema={"customer": pl.String, "moment": pl.Int64})
    return [pl.concat([empty, *parts]).sort("customer", "moment", maintain_order=True) for parts in found]


def population_needs(score: Score, schema: Schema) -> tuple[dict[str, Need], dict[str, Need]]:
    """What is read to know who is in the population: by the customer's key, and by the key of what he belongs to."""
    population = [score.population] if score.population is not None else []
    columns = own_columns(population)
    at = score.moments.source if isinstance(score.moments, At) else None
    if isinstance(at, Events) and at.condition is not None:
        for name, more in own_columns([at.condition]).items():
            columns[name] = tuple(dict.fromkeys((*columns.get(name, ()), *more)))
    related = needs_in(related_sources(population), related_columns(population), schema)
    return needs_in(score.own_sources, columns, schema), related


def feature_columns(
    features: Sequence[Feature],
    lake: SourceLake,
    schema: Schema,
    spines: Sequence[pl.DataFrame],
    *,
    at: Table | Events | None,
    versions: Mapping[str, int],
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> Iterator[Columns]:
    """Features of the rows of several spines, from one reading of the lake.

    Columns lie in temporary files while they are filled, so that memory does not bound how many there are.

    Args:
        features: To compute.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        spines: ``customer`` and ``moment`` (µs, Int64) of each.
        at: Source that the moments are taken at.
        versions: Version of each source.
        memory: Bytes that may be used, about.
        progress: Told about the work.

    Yields:
        The columns of each spine, good until the next is asked for.
    """
    sizes = [len(spine) for spine in spines]
    rows = pl.concat(list(spines))
    kinds = {feature.name: feature.kind(schema) for feature in features}
    texts: dict[str, dict[str, int]] = {name: {} for name in kinds}
    with tempfile.TemporaryDirectory(prefix="vigie-tables-") as folder:
        data = {f.name: _buffer(Path(folder) / str(i), kinds[f.name], len(rows)) for i, f in enumerate(features)}
        for part in each_part(
            features, lake, schema,
            customers=rows["customer"], moments=rows["moment"].to_numpy(), at=at, versions=versions, memory=memory,
            progress=progress,
        ):  # fmt: skip
            for name, values in part.columns.items():
                data[name][part.places] = coded(values, texts[name])
        begin = 0
        for size in sizes:
            part_of = slice(begin, begin + size)
            yield {name: Values(kinds[name], data[name][part_of], tuple(texts[name])) for name in kinds}
            begin += size


def _buffer(path: Path, kind: Kind, size: int) -> Array:
    dtype = Values.missing(kind, 0).data.dtype
    return np.memmap(path, dtype=dtype, mode="w+", shape=(size,)) if size else np.empty(0, dtype=dtype)


def schedule_name(moments: Every | At | Once) -> str:
    """What the folder of a schedule is called: ``month``, ``14d``, ``once``, ``at_leads``."""
    match moments:
        case Every():
            return moments.period if isinstance(moments.period, str) else moments.period.label
        case At():
            return f"at_{moments.source.slug() if isinstance(moments.source, Events) else moments.source.name}"
        case Once():
            return "once"

"""Learns the directions of texts from what the training rows could see, and from nothing later.

A text counts if it was known at the moment of some training row of its customer: an event before it, a version of a row
at it. Each different text counts once, however often it was written. Of more than :data:`MOST_TEXTS` those with the
smallest SHA-256 are taken: a choice that depends on the texts alone, so that later texts, or another order, change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vigie.definition.kind import Kind
from vigie.definition.score import Score
from vigie.definition.source import Events, Table
from vigie.definition.text import texts_of
from vigie.errors import DefinitionError
from vigie.features.history import Block, Histories
from vigie.features.partitions import Partitions
from vigie.features.reading import Need, SourceLake
from vigie.features.text.cache import Embedder, text_hash
from vigie.features.text.columns import has_text
from vigie.features.text.reduction import Reduction, fit_reduction
from vigie.features.values import Array

MOST_TEXTS = 10_000
"""Different texts that directions are learned from, at most: enough for a covariance of a few hundred numbers."""


@dataclass(frozen=True, eq=False)
class SeenRows:
    """The moments of the rows that learn.

    Attributes:
        customers: Keys, an object array of ``str``, shape (n,), each once and sorted.
        moments: The last moment of each, int64 µs, shape (n,).
    """

    customers: Array
    moments: Array

    @classmethod
    def of(cls, customers: Array, moments: Array) -> SeenRows:
        """From rows in any order; a customer may have several."""
        last: dict[str, int] = {}
        for key, moment in zip(customers.tolist(), moments.tolist(), strict=True):
            last[key] = max(moment, last.get(key, moment))
        keys = np.empty(len(last), dtype=object)
        keys[:] = sorted(last)
        return cls(keys, np.array([last[key] for key in keys], dtype=np.int64))

    def last(self, customers: Array) -> Array:
        """Last moment of each of *customers*; the least int64 for one without a row."""
        moments = dict(zip(self.customers.tolist(), self.moments.tolist(), strict=True))
        never = int(np.iinfo(np.int64).min)
        return np.fromiter((moments.get(key, never) for key in customers), dtype=np.int64, count=len(customers))


def fit_texts(
    score: Score,
    lake: SourceLake,
    seen: SeenRows,
    embedder: Embedder,
    *,
    versions: Mapping[str, int],
    as_of: int,
    memory: int,
) -> tuple[Reduction, ...]:
    """One reduction for each column of texts that the features of *score* embed, in reading order.

    Args:
        score: Bound.
        lake: Where the sources are.
        seen: Customers and moments of the training rows.
        embedder: Embeds texts; its transformer is noted.
        versions: Version of each source.
        as_of: Rows that were not known at this moment do not exist, µs.
        memory: Bytes that reading may use, about.

    Raises:
        DefinitionError: A text is embedded elsewhere than in a feature of the customer's own.
        FeatureError: A column has no text before the moments of the training rows.
    """
    wanted = wanted_texts(score)
    needs: dict[str, Need] = {}
    for source, column in wanted:
        columns = {**(needs[source].columns if source in needs else {}), column: Kind.TEXT}
        needs[source] = Need(score.own_sources[source], columns)
    samples = {place: _Sample() for place in wanted}
    with Partitions(needs, lake, versions, as_of, memory) as partitions:
        for i in range(partitions.count):
            histories = partitions.load(i)
            for (source, column), sample in samples.items():
                sample.add(_visible(needs[source].source, column, histories, seen))
    return tuple(
        fit_reduction(
            source,
            column,
            wanted[source, column],
            embedder(sample.texts()),
            model=embedder.transformer.name,
            weights=embedder.transformer.weights,
        )
        for (source, column), sample in samples.items()
    )


def wanted_texts(score: Score) -> dict[tuple[str, str], int]:
    """The texts that the features of a bound score embed: (source, column) → the highest component.

    Raises:
        DefinitionError: One is embedded in the population, the outcome, the rule, the decision, or of what a customer
            belongs to.
    """
    others = [score.outcome, *score.decision.payoff().expressions()]
    others += [part for part in (score.population, score.rule) if part is not None]
    for source, column in texts_of(others):
        raise DefinitionError(
            f"'{column}' of {source} is embedded outside features=",
            where=f"score '{score.name}'",
            remedy="population, outcome, rule and decision are fixed before anything is learned of texts",
        )
    wanted = texts_of(score.bound_features)
    for source, column in wanted:
        if source not in score.own_sources:
            raise DefinitionError(
                f"'{column}' of {source} is a text of what a customer belongs to",
                where=f"score '{score.name}'",
                remedy="embed texts of the customer itself",
            )
    return wanted


@dataclass
class _Sample:
    """Different texts, of many those with the smallest hashes."""

    _found: dict[bytes, str] = field(default_factory=dict)

    def add(self, texts: list[str]) -> None:
        for text in texts:
            self._found.setdefault(text_hash(text), text)
        if len(self._found) > 2 * MOST_TEXTS:
            self._found = self._smallest()

    def texts(self) -> list[str]:
        return list(self._smallest().values())

    def _smallest(self) -> dict[bytes, str]:
        return {key: self._found[key] for key in sorted(self._found)[:MOST_TEXTS]}


def _visible(source: Table | Events, column: str, histories: Histories, seen: SeenRows) -> list[str]:
    """The different texts of a source that were known at a training row of their customer."""
    block = histories.blocks[source.name]
    last = seen.last(histories.customers)
    texts = block.columns[column].strings()[_known(source, block, last)]
    return [text for text in dict.fromkeys(texts.tolist()) if has_text(text)]


def _known(source: Table | Events, block: Block, last: Array) -> Array:
    """Mask of the rows of a block that were known at their customer's last moment."""
    until = last[block.codes]
    if isinstance(source, Events):
        known = block.times < until
        return known & (block.known_at <= until) if block.known_at is not None else known
    if source.known_at is not None:
        return np.asarray(block.times <= until)
    # Without known_at one row is true always: the one that arrived last, of customers that have a row at all.
    newest = np.zeros(len(block), dtype=bool)
    newest[block.offsets[1:][np.diff(block.offsets) > 0] - 1] = True
    return newest & (until > np.iinfo(np.int64).min)

"""Features of customers by id, from online histories: who is known, at what moment, and what is computed there.

Who is looked at when is what batch scoring says (:func:`vigie.features.population.scoring_rows`): everybody at the moment
asked for, or with ``moments=at(...)`` each customer at its own latest moment. A few customers are computed by the plan for
one (:mod:`vigie.features.one`), many, and long histories, by the kernel; the values are the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from vigie.definition import naming
from vigie.definition.expression import Feature
from vigie.definition.kind import Kind, Schema
from vigie.definition.moments import At, Once
from vigie.definition.related import own_sources, related_sources
from vigie.definition.score import Score
from vigie.definition.source import Events, Table
from vigie.definition.text import texts_of
from vigie.features.history import Block, Histories
from vigie.features.kernel import leaf_values
from vigie.features.one import Plan, event_items
from vigie.features.online.codec import NEVER, Settled, view
from vigie.features.online.histories import OnlineHistories, Part
from vigie.features.online.needs import extras_of
from vigie.features.online.settling import Whole
from vigie.features.rowwise import evaluate as rowwise
from vigie.features.rowwise import leaf_name, leaves_of
from vigie.features.values import Array, Columns, Values, picked
from vigie.features.windows import Rows

FEW = 24
"""Up to so many customers, one after the other is faster than together."""
_REMEMBERED = 64

Blocks = Callable[[Mapping[str, Block]], Mapping[str, Block]]
"""Adds columns that are computed from others, such as the components of texts."""

Found = tuple[bool, int, list[Any] | None]
"""Whether the customer is known, the moment looked at, and the values; ``None`` for a customer who is not known."""


class _Long(Exception):  # noqa: N818 - never seen outside
    """A history is too long for the plan."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """Features that are asked for together, compiled.

    Attributes:
        features: In the order of the answer.
        sources: Those that are read by the customer's key.
        plan: For one customer; ``None`` where only the kernel can.
        leaves: What the features are made of, each once.
        staged: Whether some are of what the customer belongs to, so that one read of the store is not enough.
    """

    features: Sequence[Feature]
    sources: tuple[str, ...]
    plan: Plan | None
    leaves: Sequence[Feature]
    staged: bool


@dataclass(frozen=True, eq=False, slots=True)
class FoundColumns:
    """Inputs of a model for some customers; see :class:`vigie.serving.provider.CustomerFeatures`."""

    features: Columns
    extras: Columns
    known: Array


class Lookup:
    """The features of one score by customer id. Called from several threads.

    Args:
        score: Bound.
        schema: Kinds of the columns.
        histories: What is held; at least what :func:`~vigie.features.online.needs.holdings_of` says.
        computed: Adds the components of texts, where features embed some.

    Attributes:
        name: Of the score.
        kinds: What each of its features is, by name, in order.
        fingerprint: 16 hex digits that change exactly when what is computed does.
        values: All of its features.
    """

    def __init__(
        self, score: Score, schema: Schema, histories: OnlineHistories, computed: Blocks | None = None
    ) -> None:
        self._score, self._histories, self._computed = score, histories, computed
        self._at = score.moments.source if isinstance(score.moments, At) else None
        self._holds = None
        if isinstance(self._at, Events) and self._at.condition is not None:
            self._holds = event_items(self._at.condition, histories.holdings)
        self._telling = self._telling_sources()
        self._features = {feature.name: feature for feature in score.bound_features}
        self._extras = extras_of(score)
        self._named: dict[tuple[str, ...], Asked] = {}
        self.name = score.name
        self.kinds: dict[str, Kind] = {name: feature.kind(schema) for name, feature in self._features.items()}
        meanings = [[name, feature.meaning()] for name, feature in self._features.items()]
        self.fingerprint = naming.fingerprint(["features", score.moments.meaning(), meanings])
        self.values = self.named(tuple(self._features))
        self._inputs = self._asked([*self._features.values(), *self._extras.values()])
        self._input_kinds = [f.kind(schema) for f in self._inputs.features]
        self._input_names = (*self._features, *self._extras)

    def _telling_sources(self) -> tuple[str, ...]:
        """The sources that say whether a customer is known: with ``once()``, the tables where there are any."""
        own = self._score.own_sources
        tables = tuple(name for name, source in own.items() if isinstance(source, Table))
        return tables if isinstance(self._score.moments, Once) and tables else tuple(own)

    def named(self, names: tuple[str, ...]) -> Asked:
        """The features of these names, compiled once.

        Raises:
            KeyError: There is none of a name.
        """
        found = self._named.get(names)
        if found is None:
            found = self._asked([self._features[name] for name in names])
            if len(self._named) >= _REMEMBERED:
                self._named.clear()
            self._named[names] = found
        return found

    def _asked(self, features: Sequence[Feature]) -> Asked:
        sources = {**dict.fromkeys(self._telling), **dict.fromkeys(own_sources(features))}
        if self._at is not None:
            sources[self._at.name] = None
        plan = None if texts_of(features) else Plan(features, self._histories.holdings)
        leaves = {leaf.fingerprint: leaf for feature in features for leaf in leaves_of(feature)}
        return Asked(features, tuple(sources), plan, list(leaves.values()), bool(related_sources(features)))

    def features(self, customers: Sequence[str], as_of: int) -> FoundColumns:
        """Inputs of the score's model for *customers*, from what was known at *as_of*.

        Raises:
            FeatureError: What is needed of that time is held no more.
            StoreError: The store cannot be read.
        """
        distinct = sorted(set(customers))
        if len(distinct) > FEW or self._inputs.plan is None:
            self._histories.check(as_of, self._inputs.sources)
            parts = self._histories.parts(distinct, self._inputs.sources)
            rows, values = self._evaluated(self._inputs, distinct, as_of, parts)
            place = np.full(len(distinct), -1, dtype=np.int64)
            place[rows.codes] = np.arange(len(rows), dtype=np.int64)
            position = {customer: i for i, customer in enumerate(distinct)}
            chosen = place[[position[customer] for customer in customers]]
            known = chosen >= 0
            columns = [picked(column, chosen, ~known) for column in values]
        else:
            found = self.find(customers, as_of, self._inputs)
            known = np.array([there for there, _, _ in found], dtype=bool)
            nothing = [None] * len(self._inputs.features)
            lists = zip(*(nothing if row is None else row for _, _, row in found), strict=True)
            columns = [Values.of(kind, items) for kind, items in zip(self._input_kinds, lists, strict=True)]
        return FoundColumns(
            dict(zip(self._features, columns, strict=False)),
            dict(zip(self._extras, columns[len(self._features) :], strict=True)),
            known,
        )

    def find(self, customers: Sequence[str], as_of: int, asked: Asked) -> list[Found]:
        """Features of *customers*, in their order, from what was known at *as_of*.

        Raises:
            FeatureError: What is needed of that time is held no more.
            StoreError: The store cannot be read.
        """
        self._histories.check(as_of, asked.sources)
        distinct = _distinct(customers)
        parts = self._histories.parts(distinct, asked.sources)
        long = not all(type(part) is not Whole for part in chain.from_iterable(parts.values()))
        if asked.plan is not None and not long and len(distinct) <= FEW:
            try:
                return self._one_by_one(asked, asked.plan, distinct, customers, as_of, parts)
            except _Long:
                pass
        return _in_order(customers, distinct, self._together(asked, distinct, as_of, parts))

    def at_hand(self, customers: Sequence[str], as_of: int) -> list[dict[str, Any] | None] | None:
        """Inputs of the score's model by name, for each customer; ``None`` for one who is not known.

        ``None`` instead of all where the store is not of this machine, or getting them may take long.

        Raises:
            FeatureError: What is needed of that time is held no more.
            StoreError: The store cannot be read.
        """
        found = self.glance(customers, as_of, self._inputs) if self._histories.local else None
        if found is None:
            return None
        names = self._input_names
        return [None if values is None else dict(zip(names, values, strict=True)) for _, _, values in found]

    def places(self, customers: Sequence[str], as_of: int, asked: Asked) -> list[tuple[str, str]] | None:
        """All that :meth:`glance` reads of the store; ``None`` where more reads may follow, or nothing comes of it.

        Raises:
            FeatureError: What is needed of that time is held no more.
        """
        if asked.plan is None or asked.staged or len(customers) > FEW:
            return None
        self._histories.check(as_of, asked.sources)
        return self._histories.places(_distinct(customers), asked.sources)

    def read(self, places: Sequence[tuple[str, str]]) -> list[list[bytes]]:
        """What the store has at *places*.

        Raises:
            StoreError: It cannot be read.
        """
        return self._histories.store.read(places)

    def glance(
        self, customers: Sequence[str], as_of: int, asked: Asked, lists: Sequence[Sequence[bytes]] | None = None
    ) -> list[Found] | None:
        """As :meth:`find`; ``None`` where that may take long: then ask it where nobody waits.

        Args:
            customers: Their keys.
            as_of: The moment, µs.
            asked: What is computed.
            lists: What the store has at :meth:`places`, where that was read already.
        """
        if asked.plan is None or len(customers) > FEW:
            return None
        self._histories.check(as_of, asked.sources)
        distinct = _distinct(customers)
        parts, more = self._histories.glance(distinct, asked.sources, lists)
        if more or not all(type(part) is not Whole for part in chain.from_iterable(parts.values())):
            return None
        try:
            return self._one_by_one(asked, asked.plan, distinct, customers, as_of, parts)
        except _Long:
            return None

    def _one_by_one(
        self,
        asked: Asked,
        plan: Plan,
        distinct: Sequence[str],
        customers: Sequence[str],
        as_of: int,
        parts: Mapping[str, Sequence[Part]],
    ) -> list[Found]:
        found = [
            self._one(plan, {source: parts[source][i] for source in asked.sources}, as_of)  # type: ignore[misc]
            for i in range(len(distinct))
        ]
        return _in_order(customers, distinct, found)

    # -- one after the other -------------------------------------------------------------------------------------
    def _one(self, plan: Plan, parts: Mapping[str, Settled | None], as_of: int) -> Found:
        moment, event = as_of, -1
        if self._at is not None:
            part = parts[self._at.name]
            event = -1 if part is None else self._latest(part, as_of)
            if part is None or event < 0:
                return False, as_of, None
            moment = view(part.times, "q")[event]
        elif min(NEVER if (part := parts[name]) is None else part.since for name in self._telling) > as_of:
            return False, as_of, None
        return True, moment, plan.evaluate(parts, moment, self._fetch, event)

    def _latest(self, part: Settled, as_of: int) -> int:
        """Position of the customer's latest event, or version of its row, at which it is scored at *as_of*; −1: none."""
        times: Sequence[int] = view(part.times, "q")
        if isinstance(self._at, Table):
            return bisect_right(times, as_of) - 1
        known = None if part.known is None else view(part.known, "q")
        holds = self._holds
        for place in range(bisect_left(times, as_of) - 1, -1, -1):
            if (known is None or known[place] <= as_of) and (holds is None or holds(part, place, place + 1)[0] is True):
                return place
        return -1

    def _fetch(self, wanted: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], Settled | None]:
        found: dict[tuple[str, str], Settled | None] = {}
        for source, keys in wanted.items():
            parts, more = self._histories.glance(keys, [source])
            for key, part in zip(keys, parts[source], strict=True):
                if more or not isinstance(part, Settled | None):
                    raise _Long
                found[source, key] = part
        return found

    # -- together ------------------------------------------------------------------------------------------------

    def _together(
        self, asked: Asked, customers: Sequence[str], as_of: int, parts: Mapping[str, Sequence[Part]]
    ) -> list[Found]:
        rows, values = self._evaluated(asked, customers, as_of, parts)
        lists = zip(*(one.to_list() for one in values), strict=True) if values else iter([()] * len(rows))
        found: list[Found] = [(False, as_of, None)] * len(customers)
        for code, moment, row in zip(rows.codes.tolist(), rows.moments.tolist(), lists, strict=True):
            found[code] = (True, moment, list(row))
        return found

    def _evaluated(
        self, asked: Asked, customers: Sequence[str], as_of: int, parts: Mapping[str, Sequence[Part]]
    ) -> tuple[Rows, list[Values]]:
        """The customers that are known, each at its moment, and their values."""
        histories = self._histories.joined(customers, parts)
        blocks = histories.blocks if self._computed is None else self._computed(histories.blocks)
        if self._at is not None:
            rows = self._latest_rows(blocks[self._at.name], as_of)
        else:
            since = np.minimum.reduce([histories.since[name] for name in self._telling])
            codes = np.flatnonzero(since <= as_of)
            rows = Rows(codes, np.full(len(codes), as_of, dtype=np.int64))
        found = leaf_values(asked.leaves, blocks, rows, self._relations)
        return rows, [_value(feature, found, len(rows)) for feature in asked.features]

    def _latest_rows(self, block: Block, as_of: int) -> Rows:
        there = block.times <= as_of if isinstance(self._at, Table) else block.times < as_of
        if block.known_at is not None:
            there &= block.known_at <= as_of
        if isinstance(self._at, Events) and self._at.condition is not None:
            there &= rowwise(self._at.condition, block.columns, len(block)).data == 1
        place = np.flatnonzero(there)
        codes = block.codes[place]
        last = np.append(codes[1:] != codes[:-1], True)[: len(codes)]
        return Rows(codes[last], block.times[place[last]], place[last])

    def _relations(self, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Histories]:
        found: dict[str, Histories] = {}
        for source, keys in wanted.items():
            histories: Histories = self._histories.blocks(keys, [source])
            if self._computed is not None:
                histories = Histories(histories.customers, self._computed(histories.blocks))
            found[source] = histories
        return found


def _value(feature: Feature, leaves: Mapping[str, Values], n: int) -> Values:
    direct = leaves.get(feature.fingerprint)
    if direct is not None:
        return direct
    return rowwise(feature, {leaf_name(leaf): leaves[leaf.fingerprint] for leaf in leaves_of(feature)}, n)


def _distinct(customers: Sequence[str]) -> Sequence[str]:
    return customers if len(customers) == 1 else sorted(set(customers))


def _in_order(customers: Sequence[str], distinct: Sequence[str], found: list[Found]) -> list[Found]:
    if customers is distinct:
        return found
    by_key = dict(zip(distinct, found, strict=True))
    return [by_key[customer] for customer in customers]

"""Features of one customer at a moment, compiled: what the kernel computes, without its cost for a single row.

The kernel's time for one customer is that of some hundred NumPy calls, whatever they work on. A :class:`Plan` knows
beforehand which events, columns and windows are needed, and computes on the arrays of a settled run as they lie. It
gives what the kernel gives, to the last bit; which of the two is asked is a matter of speed alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from vigie.definition.aggregate import Aggregate, AtMoment, EventColumn
from vigie.definition.expression import Expression, Feature, Literal, Moment, column_kind
from vigie.definition.kind import Kind
from vigie.definition.operation import Operation
from vigie.definition.related import Related
from vigie.definition.source import Column, Events, Table
from vigie.errors import FeatureError
from vigie.features.entities import stages_of
from vigie.features.one_aggregates import NEED_SUM, OF_NOTHING, OF_TIMES, OfTimes, OfValues, of_values, on_grid, total
from vigie.features.online.codec import HAS_NULLS, OFF_GRID, Settled, items_of, view
from vigie.features.online.holding import Holding
from vigie.features.rowwise import leaves_of
from vigie.features.scalar import scalar
from vigie.features.values import NULL_TIME

Parts = Mapping[str, Settled | None]
"""By source, what is held of one customer; ``None`` where nothing is."""

Fetch = Callable[[Mapping[str, Sequence[str]]], Mapping[tuple[str, str], Settled | None]]
"""Given the keys that are wanted of each source: what is held of each (source, key)."""

Items = Callable[[Settled, int, int], list[Any]]
"""Values of the events at ``lo:hi``, ``None`` for null."""


class Plan:
    """Features compiled for customers whose histories are held in a certain way.

    Args:
        features: What to compute. A feature of the future (``next=``) is not for one customer at a moment.
        holdings: How each source is held.

    Raises:
        DefinitionError: A source or column is not held.
        FeatureError: A feature looks into the future.
    """

    def __init__(self, features: Sequence[Feature], holdings: Mapping[str, Holding]) -> None:
        leaves = {leaf.fingerprint: leaf for feature in features for leaf in leaves_of(feature)}
        stages = stages_of(list(leaves.values()))
        keys = {related.key.fingerprint: related.key for stage in stages for related in stage}
        leaves |= {leaf.fingerprint: leaf for key in keys.values() for leaf in leaves_of(key)}
        self._slots = {fingerprint: i for i, fingerprint in enumerate(leaves)}
        self._compiler = _Compiler(holdings)
        self._own = self._compiler.group(
            [(self._slots[f], leaf) for f, leaf in leaves.items() if not isinstance(leaf, Related)]
        )
        self._empty: list[Any] = [_without_events(leaf) for leaf in leaves.values()]
        self._stages = [self._stage(stage) for stage in stages]
        self._features = [self._feature(feature) for feature in features]
        self._direct = [self._slots.get(feature.fingerprint, -1) for feature in features]
        self._all_direct = -1 not in self._direct

    def evaluate(self, parts: Parts, t: int, fetch: Fetch | None = None, event: int = -1) -> list[Any]:
        """The values of the features, as :meth:`Values.to_list <vigie.features.values.Values.to_list>` gives them.

        Args:
            parts: What is held of the customer, of every source that is read by his key.
            t: The moment, µs.
            fetch: Gets what is held of what the customer belongs to, one call a stage; may be left out where no feature
                is of another.
            event: Position of the event that the moment is taken at, for ``at_moment()``.
        """
        out = self._empty.copy()
        for source, groups in self._own:
            part = parts[source] if source else None
            if part is not None or not source:
                for group in groups:
                    group(part, t, out, event)
        for stage in self._stages:
            assert fetch is not None, "features of what a customer belongs to need a way to get it"
            stage.run(out, t, fetch)
        if self._all_direct:
            return [out[slot] for slot in self._direct]
        return [compute(out) for compute in self._features]

    def _feature(self, expression: Expression) -> Callable[[list[Any]], Any]:
        slot = self._slots.get(expression.fingerprint)
        if slot is not None:
            return lambda out: out[slot]
        if isinstance(expression, Literal):
            constant = _plain(expression)
            return lambda _: constant
        assert isinstance(expression, Operation)
        function = self._compiler.scalar(expression)
        operands = [self._feature(operand) for operand in expression.operands]
        if len(operands) == 1:
            (only,) = operands
            return lambda out: function(only(out))
        left, right = operands
        return lambda out: function(left(out), right(out))

    def _stage(self, stage: Sequence[Related]) -> _Stage:
        by_key: dict[tuple[str, str], tuple[Feature, list[tuple[int, Feature]]]] = {}
        for related in stage:
            _, leaves = by_key.setdefault((related.key.fingerprint, related.source.name), (related.key, []))
            leaves.append((self._slots[related.fingerprint], related.inner))
        return _Stage(
            [
                (source, self._feature(key), self._compiler.group(leaves)[0][1], [slot for slot, _ in leaves])
                for (_, source), (key, leaves) in by_key.items()
            ]
        )


def event_items(expression: Expression, holdings: Mapping[str, Holding]) -> Items:
    """A value of events compiled: for a run and ``lo:hi``, the values of those events, ``None`` for null.

    Raises:
        DefinitionError: A column is not held.
    """
    return _Compiler(holdings).items(expression)


Run = Callable[[Any, int, list[Any], int], None]
"""From what is held of a source, the moment, and the event it is taken at, to values put into their slots."""


@dataclass(frozen=True, eq=False, slots=True)
class _Stage:
    """Features of what a customer belongs to, whose keys are known."""

    of_entities: Sequence[tuple[str, Callable[[list[Any]], Any], Sequence[Run], Sequence[int]]]

    def run(self, out: list[Any], t: int, fetch: Fetch) -> None:
        named = [key(out) for _, key, _, _ in self.of_entities]
        wanted: dict[str, list[str]] = {}
        for (source, *_), name in zip(self.of_entities, named, strict=True):
            if name is not None and name not in wanted.setdefault(source, []):
                wanted[source].append(name)
        found = fetch({source: names for source, names in wanted.items() if names})
        for (source, _, groups, slots), name in zip(self.of_entities, named, strict=True):
            if name is None:
                for slot in slots:
                    out[slot] = None  # nobody is named: a count is null too
                continue
            part = found.get((source, name))
            if part is not None:
                for group in groups:
                    group(part, t, out, -1)


@dataclass(eq=False)
class _Compiler:
    holdings: Mapping[str, Holding]
    schema: dict[str, Mapping[str, Kind]] = field(init=False)

    def __post_init__(self) -> None:
        self.schema = {name: holding.columns for name, holding in self.holdings.items()}

    def scalar(self, operation: Operation) -> Callable[..., Any]:
        kinds = [operand.kind(self.schema) for operand in operation.operands]
        return scalar(operation.operation, operation.parameters, kinds)

    def group(self, leaves: Sequence[tuple[int, Feature]]) -> list[tuple[str, list[Run]]]:
        """What is to be run for each source; the empty name stands for what needs none."""
        found: dict[str, list[Run]] = {}
        of_events: dict[Events, list[tuple[int, Aggregate]]] = {}
        of_tables: dict[Table, list[tuple[int, Column]]] = {}
        for slot, leaf in leaves:
            match leaf:
                case Aggregate():
                    of_events.setdefault(leaf.events, []).append((slot, leaf))
                case Column():
                    of_tables.setdefault(leaf.source, []).append((slot, leaf))
                case AtMoment():
                    run = self._at_moment(slot, leaf)
                    found.setdefault(leaf.value.events.name, []).append(run)
                case Moment():
                    found.setdefault("", []).append(_moment(slot))
                case _:  # pragma: no cover
                    raise AssertionError(type(leaf))
        for table, columns in of_tables.items():
            found.setdefault(table.name, []).append(self._latest_row(table, columns))
        for events, aggregates in of_events.items():
            found.setdefault(events.name, []).append(self._events(events, aggregates))
        return list(found.items())

    # -- values of events ----------------------------------------------------------------------------------------

    def _column(self, source: str, column: str) -> tuple[int, Kind]:
        kind = column_kind(self.schema, source, column)
        return list(self.holdings[source].columns).index(column), kind

    def items(self, expression: Expression) -> Items:
        """How the values of an expression of events are got."""
        match expression:
            case EventColumn():
                return _column_items(*self._column(expression.source.name, expression.column))
            case Literal():
                constant = _plain(expression)
                return lambda _, lo, hi: [constant] * (hi - lo)
            case Operation():
                function = self.scalar(expression)
                operands: list[Any] = [
                    _plain(o) if isinstance(o, Literal) else self.items(o) for o in expression.operands
                ]
                return _mapped(function, operands, [isinstance(o, Literal) for o in expression.operands])
        raise AssertionError(type(expression))  # pragma: no cover

    def _at_moment(self, slot: int, leaf: AtMoment) -> Run:
        items = self.items(leaf.value)

        def run(part: Settled, _: int, out: list[Any], event: int) -> None:
            assert event >= 0, f"'{leaf.name}' needs the event that the moment is taken at"
            out[slot] = items(part, event, event + 1)[0]

        return run

    def _latest_row(self, table: Table, columns: Sequence[tuple[int, Column]]) -> Run:
        picks = [(slot, _column_items(*self._column(table.name, c.column))) for slot, c in columns]
        versioned = table.known_at is not None

        def run(part: Settled, t: int, out: list[Any], _: int) -> None:
            behind = bisect_right(view(part.times, "q"), t) if versioned else len(part)
            if behind:
                for slot, items in picks:
                    out[slot] = items(part, behind - 1, behind)[0]

        return run

    # -- aggregates ----------------------------------------------------------------------------------------------

    def _events(self, events: Events, aggregates: Sequence[tuple[int, Aggregate]]) -> Run:
        for _, aggregate in aggregates:
            if aggregate.future:
                raise FeatureError(f"'{aggregate.name}' looks into the future", where=aggregate.name)
        # From the shortest window to all of history: each one holds those before it.
        spans = sorted({_span(a) for _, a in aggregates}, key=lambda span: (span is None, span))
        of_times: list[tuple[int, OfTimes, int]] = []
        of_items: dict[str, _Values] = {}
        for slot, aggregate in aggregates:
            at = spans.index(_span(aggregate))
            if aggregate.value is None:
                of_times.append((slot, OF_TIMES[aggregate.function], at))
                continue
            kind = aggregate.value.kind(self.schema)
            values = of_items.get(aggregate.value.fingerprint)
            if values is None:
                index = None
                if isinstance(aggregate.value, EventColumn):
                    index = self._column(events.name, aggregate.value.column)[0]
                values = _Values(self.items(aggregate.value), kind, index, [[] for _ in spans], [False] * len(spans))
                of_items[aggregate.value.fingerprint] = values
            values.windows[at].append((slot, of_values(aggregate, kind)))
            values.summed[at] = values.summed[at] or aggregate.function in NEED_SUM
        condition = None if events.condition is None else self.items(events.condition)
        return _events_run(spans, condition, of_times, list(of_items.values()))


@dataclass(eq=False, slots=True)
class _Values:
    """One value of events and what is computed of it in each window."""

    items: Items
    kind: Kind
    index: int | None
    windows: list[list[tuple[int, OfValues]]]
    summed: list[bool]

    def run(self, part: Settled, lo: int, hi: int, chosen: list[int] | None, starts: list[int], out: list[Any]) -> None:
        items = self.items(part, lo, hi)
        flags = part.columns[self.index].flags if self.index is not None else HAS_NULLS | OFF_GRID
        if chosen is not None:
            items = [items[i] for i in chosen]
        if flags & HAS_NULLS:
            there = [i for i, item in enumerate(items) if item is not None]
            if len(there) < len(items):
                items = [items[i] for i in there]
                starts = [bisect_left(there, start) for start in starts]
        n = len(items)
        rounded = items
        if flags & OFF_GRID and self.kind is Kind.NUMBER and True in self.summed:
            rounded = on_grid(items)
        for start, functions, summed in zip(starts, self.windows, self.summed, strict=True):
            if start < n and functions:
                values = items[start:] if start else items
                amount = total(rounded[start:]) if summed else 0.0
                for slot, function in functions:
                    out[slot] = function(values, amount)


def _events_run(
    spans: Sequence[int | None],
    condition: Items | None,
    of_times: Sequence[tuple[int, OfTimes, int]],
    of_items: Sequence[_Values],
) -> Run:
    def run(part: Settled, t: int, out: list[Any], _: int) -> None:
        times: Sequence[int] = view(part.times, "q")
        hi = bisect_left(times, t)
        los = [0 if span is None else bisect_left(times, t - span, 0, hi) for span in spans]
        lo, end = los[-1], hi
        if lo == end:
            return
        chosen: list[int] | None = None
        if part.known is not None:
            known = view(part.known, "q")[lo:hi].tolist()
            if max(known) > t:
                chosen = [i for i, at in enumerate(known) if at <= t]
        if condition is not None:
            true = condition(part, lo, hi)
            among = range(hi - lo) if chosen is None else chosen
            chosen = [i for i in among if true[i] is True]
        if chosen is None:
            starts = [one - lo for one in los] if lo else los
        else:
            if not chosen:
                return
            starts = [bisect_left(chosen, one - lo) for one in los]
            times, los, hi = [times[lo + i] for i in chosen], starts, len(chosen)
        for slot, function, at in of_times:
            if los[at] < hi:
                out[slot] = function(times, los[at], hi, t)
        for values in of_items:
            values.run(part, lo, end, chosen, starts, out)

    return run


def _span(aggregate: Aggregate) -> int | None:
    return None if aggregate.window is None else aggregate.window.microseconds


def _without_events(leaf: Feature) -> Any:
    """What a leaf is where nothing is held."""
    inner = leaf.inner if isinstance(leaf, Related) else leaf
    return OF_NOTHING.get(inner.function) if isinstance(inner, Aggregate) else None


def _moment(slot: int) -> Run:
    def run(_: Any, t: int, out: list[Any], __: int) -> None:
        out[slot] = t

    return run


def _plain(literal: Literal) -> Any:
    return literal.value if isinstance(literal.value, bool | str) else float(literal.value)


def _mapped(function: Callable[..., Any], operands: Sequence[Any], constant: Sequence[bool]) -> Items:
    if len(operands) == 1:
        items = operands[0]
        return lambda run, lo, hi: [function(item) for item in items(run, lo, hi)]
    left, right = operands
    if constant[1]:
        return lambda run, lo, hi: [function(item, right) for item in left(run, lo, hi)]
    if constant[0]:
        return lambda run, lo, hi: list(map(function, repeat(left), right(run, lo, hi)))
    return lambda run, lo, hi: list(map(function, left(run, lo, hi), right(run, lo, hi)))


def _column_items(index: int, kind: Kind) -> Items:
    """How the values of a column are got."""
    match kind:
        case Kind.NUMBER:

            def numbers(run: Settled, lo: int, hi: int) -> list[Any]:
                column = run.columns[index]
                found: list[Any] = view(column.data, "d")[lo:hi].tolist()
                return [None if x != x else x for x in found] if column.flags & HAS_NULLS else found

            return numbers
        case Kind.TIME:

            def moments(run: Settled, lo: int, hi: int) -> list[Any]:
                column = run.columns[index]
                found: list[Any] = view(column.data, "q")[lo:hi].tolist()
                return [None if x == NULL_TIME else x for x in found] if column.flags & HAS_NULLS else found

            return moments
        case Kind.BOOLEAN:
            truth = (False, True, None)
            return lambda run, lo, hi: [truth[code] for code in view(run.columns[index].data, "b")[lo:hi]]
        case Kind.CATEGORY:

            def categories(run: Settled, lo: int, hi: int) -> list[Any]:
                column = run.columns[index]
                texts: list[str | None] = [*column.words, None]
                return [texts[code] for code in view(column.data, "h")[lo:hi]]

            return categories
        case Kind.TEXT:
            return lambda run, lo, hi: items_of(kind, run.columns[index])[lo:hi]

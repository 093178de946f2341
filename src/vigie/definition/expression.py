"""Expressions: what features, populations, outcomes, filters and rules are made of.

An expression is a frozen tree. Two levels exist, told apart by class so that mistakes are caught when written:

* :class:`Feature`: one value for a customer at a moment (``orders.count(days(30))``),
* :class:`EventValue`: one value for each event (``orders["amount"]``); an aggregation turns it into a feature.

Nulls: an operation on a null is null, except ``is_null``, ``if_null`` and the three-valued ``&`` and ``|``. Division
by zero and the logarithm of what is not positive are null.

``==`` builds a comparison. Its truth value, asked for by ``dict`` and ``set``, is whether both sides mean the same.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

from vigie.clock import iso, parse_moment
from vigie.definition import naming
from vigie.definition.kind import Kind, Schema
from vigie.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from vigie.definition.aggregate import EventValue
    from vigie.definition.related import RelatedEvents, RelatedTable, RelatedValue
    from vigie.definition.source import Events, Table

Constant = bool | int | float | str

ARITHMETIC = frozenset({"add", "sub", "mul", "div", "neg", "abs", "log", "log1p"})
COMPARISON = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
LOGIC = frozenset({"and", "or", "not"})
CALENDAR = frozenset({"year", "month", "weekday", "hour"})
OPERATIONS = ARITHMETIC | COMPARISON | LOGIC | CALENDAR | {"in", "is_null", "if_null", "bucket", "days_between"}
"""Names of all operations; the kernel and the reference implement each.

``weekday`` is 0 for Monday … 6, in UTC. ``bucket`` counts the edges at or below the value: 0 … number of edges.
``days_between(a, b)`` is ``b − a`` in days of 86,400 s. ``sub`` of two moments is the same: days.
"""


def constant(value: object) -> Constant:
    """*value* as a constant of the language; dates become ISO text that time columns are compared with."""
    if isinstance(value, datetime):
        return iso(parse_moment(value.isoformat()))
    if isinstance(value, date):
        return iso(parse_moment(value.isoformat()))
    if value is None:
        raise DefinitionError("None is not a value", remedy="use .is_null() to ask for missing values")
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise DefinitionError(f"{value!r} is not a value", remedy="use .is_null() to ask for missing values")
        return value
    raise DefinitionError(
        f"{value!r} ({type(value).__name__}) cannot stand in an expression",
        remedy="use a number, a string, True/False, a date, or another expression",
    )


@dataclass(frozen=True, eq=False, repr=False)
class Expression(ABC):
    """Base of every node. Not made directly."""

    level: ClassVar[str] = "any"
    combined: ClassVar[Callable[..., Expression]]
    """Makes the operation of this level; set below each level's operation class."""

    # -- identity ------------------------------------------------------------------------------------------------

    @property
    def children(self) -> tuple[Expression, ...]:
        """The expressions this one is made of."""
        return ()

    @property
    def where(self) -> str:
        """What an error message calls it."""
        return self.slug()

    @abstractmethod
    def meaning(self) -> list[Any]:
        """Plain data (lists, strings, numbers) that is equal for two expressions exactly when they mean the same."""

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that change exactly when the meaning does; names, descriptions and owners are not meaning."""
        return naming.fingerprint(self.meaning())

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @abstractmethod
    def slug(self) -> str:
        """Readable identifier made from the structure."""

    @abstractmethod
    def words(self) -> str:
        """The meaning in English, without a full stop."""

    @abstractmethod
    def kind(self, schema: Schema) -> Kind:
        """What the value is, given the kinds of the columns.

        Raises:
            DefinitionError: A column is not in *schema*, or an operation does not take its kind.
        """

    def walk(self) -> Iterator[Expression]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.slug()}>"

    # -- building ------------------------------------------------------------------------------------------------

    def _operation(self, name: str, *others: object, parameters: tuple[Constant, ...] = ()) -> Self:
        operands: tuple[Expression, ...] = (self, *map(_lift, others))
        return combine(name, operands, parameters)  # type: ignore[return-value]

    def __add__(self, other: object) -> Self:
        return self._operation("add", other)

    def __radd__(self, other: object) -> Self:
        return _lift(other)._operation("add", self)  # type: ignore[return-value]

    def __sub__(self, other: object) -> Self:
        return self._operation("sub", other)

    def __rsub__(self, other: object) -> Self:
        return _lift(other)._operation("sub", self)  # type: ignore[return-value]

    def __mul__(self, other: object) -> Self:
        return self._operation("mul", other)

    def __rmul__(self, other: object) -> Self:
        return _lift(other)._operation("mul", self)  # type: ignore[return-value]

    def __truediv__(self, other: object) -> Self:
        return self._operation("div", other)

    def __rtruediv__(self, other: object) -> Self:
        return _lift(other)._operation("div", self)  # type: ignore[return-value]

    def __neg__(self) -> Self:
        return self._operation("neg")

    def __abs__(self) -> Self:
        return self._operation("abs")

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._operation("eq", other)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._operation("ne", other)

    def __lt__(self, other: object) -> Self:
        return self._operation("lt", other)

    def __le__(self, other: object) -> Self:
        return self._operation("le", other)

    def __gt__(self, other: object) -> Self:
        return self._operation("gt", other)

    def __ge__(self, other: object) -> Self:
        return self._operation("ge", other)

    def __and__(self, other: object) -> Self:
        return self._operation("and", other)

    def __or__(self, other: object) -> Self:
        return self._operation("or", other)

    def __invert__(self) -> Self:
        return self._operation("not")

    def __bool__(self) -> bool:
        raise DefinitionError(
            f"'{self.slug()}' has no truth value while it is being defined",
            remedy="combine conditions with & | ~ and parentheses, not with 'and', 'or', 'not', 'if' or a chained a < b < c",
        )

    def log(self) -> Self:
        """Natural logarithm; null where the value is not positive."""
        return self._operation("log")

    def log1p(self) -> Self:
        """Natural logarithm of one plus the value; null at −1 and below. For counts and amounts that may be 0."""
        return self._operation("log1p")

    def is_null(self) -> Self:
        """True where there is no value."""
        return self._operation("is_null")

    def if_null(self, value: object) -> Self:
        """The value, or *value* where there is none."""
        return self._operation("if_null", value)

    def is_in(self, values: Iterable[object]) -> Self:
        """True where the value is one of *values*; null where there is none."""
        chosen = tuple(sorted({constant(value) for value in values}, key=lambda c: (str(type(c)), c)))
        if not chosen:
            raise DefinitionError("is_in() of nothing is never true", remedy="name at least one value")
        return self._operation("in", parameters=chosen)

    def bucket(self, *edges: float) -> Self:
        """Number of the interval the value falls in: ``bucket(18, 65)`` is 0 below 18, 1 from 18, 2 from 65.

        Raises:
            DefinitionError: The edges are not increasing.
        """
        if not edges or any(b <= a for a, b in pairwise(edges)):
            raise DefinitionError(f"bucket{edges} needs increasing edges", remedy="for example bucket(18, 30, 65)")
        return self._operation("bucket", parameters=tuple(float(constant(edge)) for edge in edges))

    def days_since(self, earlier: Expression) -> Self:
        """Days of 86,400 s from *earlier* to this moment; both are dates or times."""
        if not isinstance(earlier, Expression):
            raise DefinitionError(
                "days_since() takes another date expression",
                remedy="for example leads['submitted_at'].days_since(policies['effective_start_date'])",
            )
        return combine("days_between", (earlier, self), ())  # type: ignore[return-value]

    def year(self) -> Self:
        """Calendar year, UTC."""
        return self._operation("year")

    def month(self) -> Self:
        """Month of the year, 1 … 12, UTC."""
        return self._operation("month")

    def weekday(self) -> Self:
        """Day of the week, 0 for Monday … 6 for Sunday, UTC."""
        return self._operation("weekday")

    def hour(self) -> Self:
        """Hour of the day, 0 … 23, UTC."""
        return self._operation("hour")


@dataclass(frozen=True, eq=False, repr=False)
class Literal(Expression):
    """A constant."""

    value: Constant

    def __eq__(self, other: object) -> Any:
        return self.meaning() == other.meaning() if isinstance(other, Literal) else Expression.__eq__(self, other)

    __hash__ = Expression.__hash__

    def meaning(self) -> list[Any]:
        return [
            "literal",
            type(self.value).__name__ if isinstance(self.value, bool | str) else "number",
            self.value if isinstance(self.value, bool | str) else float(self.value),
        ]

    def slug(self) -> str:
        return naming.slug(self.value)

    def words(self) -> str:
        return f"“{self.value}”" if isinstance(self.value, str) else str(self.value)

    def kind(self, schema: Schema) -> Kind:  # noqa: ARG002
        if isinstance(self.value, bool):
            return Kind.BOOLEAN
        return Kind.CATEGORY if isinstance(self.value, str) else Kind.NUMBER


@dataclass(frozen=True, eq=False, repr=False)
class Feature(Expression):
    """One value for a customer at a moment. Use :meth:`named`, :meth:`described` and :meth:`owned_by` to annotate it."""

    level: ClassVar[str] = "customer"
    given_name: str = field(default="", kw_only=True)
    given_description: str = field(default="", kw_only=True)
    given_owner: str = field(default="", kw_only=True)

    @property
    def name(self) -> str:
        """Stable name: the one given, or one made from the structure, of at most 63 characters."""
        return self.given_name or naming.limited(self.slug(), self.fingerprint)

    @property
    def description(self) -> str:
        """What it means, in a sentence."""
        return self.given_description or naming.sentence(self.words())

    @property
    def owner(self) -> str:
        """Who answers for it; empty where nobody was named."""
        return self.given_owner

    def named(self, name: str) -> Self:
        """The same feature under another name; its fingerprint stays.

        Raises:
            DefinitionError: *name* is not an identifier of lower-case letters, digits and ``_``.
        """
        return self._replace(given_name=naming.identifier(name, "feature"))

    def described(self, description: str) -> Self:
        """The same feature with a description in the user's words."""
        return self._replace(given_description=description.strip())

    def owned_by(self, owner: str) -> Self:
        """The same feature with a person or team who answers for it."""
        return self._replace(given_owner=owner.strip())

    def _replace(self, **changes: str) -> Self:
        return replace(self, **changes)

    @overload
    def of(self, source: Table) -> RelatedTable: ...
    @overload
    def of(self, source: Events) -> RelatedEvents: ...
    @overload
    def of(self, source: EventValue) -> RelatedValue: ...
    def of(self, source: Table | Events | EventValue) -> RelatedTable | RelatedEvents | RelatedValue:
        """What *source* says of the entity that this feature names: ``leads["company_id"].of(companies)["sector"]``.

        Args:
            source: A table or events of the entities, or a value of their events. Its key is compared with this value.

        Raises:
            DefinitionError: It is none of these.
        """
        from vigie.definition.related import relation  # made of features, so it cannot be imported above

        return relation(self, source)

    def age(self) -> Self:
        """Years of 365.25 days from this date to the moment of scoring; negative for a date in the future."""
        return self.days_ago() / 365.25

    def days_ago(self) -> Self:
        """Days from this date to the moment of scoring; negative for a date in the future."""
        return combine("days_between", (self, Moment()), ())  # type: ignore[return-value]


@dataclass(frozen=True, eq=False, repr=False)
class Moment(Feature):
    """The moment of scoring itself, e.g. ``moment.month()``."""

    def meaning(self) -> list[Any]:
        return ["moment"]

    def slug(self) -> str:
        return "moment"

    def words(self) -> str:
        return "the moment of scoring"

    def kind(self, schema: Schema) -> Kind:  # noqa: ARG002
        return Kind.TIME


def name_of(expression: Expression) -> str:
    """What an expression is called: a feature by its name, anything else by its structure."""
    return expression.name if isinstance(expression, Feature) else expression.slug()


def _lift(value: object) -> Expression:
    return value if isinstance(value, Expression) else Literal(constant(value))


def combine(operation: str, operands: tuple[Expression, ...], parameters: tuple[Constant, ...]) -> Expression:
    """An operation of the level of its operands.

    Raises:
        DefinitionError: It mixes a value of an event with a value of a customer.
    """
    assert operation in OPERATIONS, operation
    levels = {o.level: o for o in operands if o.level != "any"}
    if len(levels) > 1:
        event, customer = levels["event"], levels["customer"]
        raise DefinitionError(
            f"'{event.slug()}' has a value for each event and '{name_of(customer)}' one for each customer: they do not combine",
            remedy=f"aggregate the events first, for example .sum(days(30)) or .mean(days(30)) of '{event.slug()}'",
        )
    owner = next(iter(levels.values()), operands[0])
    return type(owner).combined(operation, operands, parameters)


def column_kind(schema: Schema, source: str, column: str) -> Kind:
    """Kind of a column.

    Raises:
        DefinitionError: The source or column is not in *schema*.
    """
    if source not in schema:
        raise DefinitionError(f"no source '{source}'", remedy=did_you_mean(source, schema))
    if column not in schema[source]:
        raise DefinitionError(
            f"source '{source}' has no column '{column}'", remedy=did_you_mean(column, schema[source])
        )
    return schema[source][column]

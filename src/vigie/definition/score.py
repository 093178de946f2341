"""A score: who is scored when, for what outcome, from which features, to take which decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vigie.definition import naming
from vigie.definition.aggregate import Aggregate, AtMoment, FeatureGroup
from vigie.definition.decision import Decision
from vigie.definition.expression import Expression, Feature
from vigie.definition.fairness import Fairness
from vigie.definition.kind import Kind, Schema
from vigie.definition.moments import At, Every, Moments, Once
from vigie.definition.related import Related, own_sources, references_of, related_sources
from vigie.definition.source import AllColumns, Column, Events, Table, sources_of
from vigie.definition.window import Window
from vigie.errors import DefinitionError

FeatureLike = Feature | FeatureGroup | AllColumns | Table


@dataclass(frozen=True, init=False, eq=False)
class Score:
    """A question about customers, and what is done with the answer.

    Args:
        name: Identifier; also the name of the model in the registry and in URLs.
        outcome: Condition that is predicted. ``next=`` in it gives the horizon: it is known at moment + horizon.
        features: What the prediction is made from. A whole table stands for all of its columns.
        decision: What is done with the score, and its cost matrix.
        moments: When customers are scored; left out: once, now.
        population: Condition for being scored at a moment; left out: everybody who was known by then.
        rule: The rule in use today or the obvious one, true or high for those it would act on: a benchmark to beat.
        horizon: When the outcome of a moment is known, for outcomes that stand in a table, such as "defaulted within
            two years". Outcomes over ``next=`` carry it themselves.
        description: The business question; left out, the docstring of the project file.
        owner: Who answers for it.
        by: A category that divides customers into segments, e.g. ``customers["country"]``: a segment gets a model of its
            own where that honestly beats the common one.
        fairness: Groups to be treated alike, and the limits of a policy.

    Raises:
        DefinitionError: The parts do not fit together; the message says which and what to do.
    """

    name: str
    outcome: Feature
    features: tuple[Feature | AllColumns, ...]
    decision: Decision
    moments: Moments
    population: Feature | None
    rule: Feature | None
    given_horizon: Window | None
    description: str
    owner: str
    by: Feature | None
    fairness: Fairness | None
    _witnesses: tuple[Table | Events, ...]

    def __init__(
        self,
        name: str,
        *,
        outcome: Feature,
        features: Iterable[FeatureLike] | FeatureLike,
        decision: Decision,
        moments: Moments | None = None,
        population: Feature | None = None,
        rule: Feature | None = None,
        horizon: Window | None = None,
        description: str = "",
        owner: str = "",
        by: Feature | None = None,
        fairness: Fairness | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "name", naming.identifier(name, "score"))
        put(self, "outcome", outcome)
        put(self, "features", _flatten(features))
        put(self, "decision", decision)
        put(self, "moments", moments or Once())
        put(self, "population", population)
        put(self, "rule", rule)
        put(self, "given_horizon", horizon)
        put(self, "description", description.strip())
        put(self, "owner", owner.strip())
        put(self, "by", by)
        put(self, "fairness", fairness)
        put(self, "_witnesses", ())
        self._check(moments_given=moments is not None)

    def _check(self, *, moments_given: bool) -> None:
        where = f"score '{self.name}'"
        for role, expression in (
            ("outcome", self.outcome), ("population", self.population), ("rule", self.rule), ("by", self.by),
        ):  # fmt: skip
            if expression is not None and not isinstance(expression, Feature):
                raise DefinitionError(
                    f"{role} is {expression!r}, which is not a value of a customer",
                    where=where,
                    remedy="write a condition such as orders.count(next=days(30)) == 0",
                )
        if self.fairness is not None and not isinstance(self.fairness, Fairness):
            raise DefinitionError(
                f"fairness is {self.fairness!r}", where=where, remedy="write fairness=Fairness([customers['gender']])"
            )
        if not isinstance(self.decision, Decision):
            raise DefinitionError(
                "decision= says nothing that is done", where=where, remedy="use Campaign(...), Lead(...) or Loan(...)"
            )
        for role, expressions in self._inputs():
            for expression in expressions:
                if any(isinstance(node, Aggregate) and node.future for node in expression.walk()):
                    raise DefinitionError(
                        f"{role} '{expression.name}' looks into the future with next=",
                        where=where,
                        remedy="next= is for the outcome only; look back with a window",
                    )
        related = [node for node in self.outcome.walk() if isinstance(node, Related)]
        if related:
            raise DefinitionError(
                f"the outcome is of another than the customer: '{related[0].name}'",
                where=where,
                remedy="predict what the customer does: all who belong to one entity would share its outcome, and the "
                "model would be tried on answers it had seen",
            )
        labels = self.outcome_columns
        for role, expressions in self._inputs():
            for expression in expressions:
                for node in expression.walk():
                    if isinstance(node, Column) and (node.source.name, node.column) in labels:
                        raise DefinitionError(
                            f"{role} '{expression.name}' reads {node.words()}, which is the outcome",
                            where=where,
                            remedy="take it out: it is not known when the customer is scored",
                        )
        self._check_names(where)
        self._check_time(where, moments_given)
        sources_of([self.outcome, *(e for _, expressions in self._inputs() for e in expressions)])

    def _inputs(self) -> list[tuple[str, list[Feature]]]:
        payoff = [e for e in self.decision.payoff().expressions() if isinstance(e, Feature)]
        return [
            ("feature", [f for f in self.features if isinstance(f, Feature)]),
            ("population", [self.population] if self.population is not None else []),
            ("rule", [self.rule] if self.rule is not None else []),
            ("decision", payoff),
            ("by", [self.by] if self.by is not None else []),
            ("fairness group", list(self.fairness.groups) if self.fairness is not None else []),
        ]

    def _check_names(self, where: str) -> None:
        if not self.features:
            raise DefinitionError(
                "no features", where=where, remedy="name some, or features=customers for all columns of a table"
            )
        seen: dict[str, Feature] = {}
        for feature in self.features:
            if isinstance(feature, AllColumns):
                continue
            other = seen.setdefault(feature.name, feature)
            if other is not feature:
                same = other.fingerprint == feature.fingerprint
                raise DefinitionError(
                    f"feature '{feature.name}' is {'given twice' if same else 'the name of two different features'}",
                    where=where,
                    remedy="leave one out" if same else "rename one with .named('...')",
                )

    def _check_time(self, where: str, moments_given: bool) -> None:
        futures = {n.window for n in self.outcome.walk() if isinstance(n, Aggregate) and n.future}
        past = [n for n in self.outcome.walk() if isinstance(n, Aggregate) and not n.future]
        if past:
            raise DefinitionError(
                f"the outcome looks back: '{past[0].name}'",
                where=where,
                remedy="write next= for what has not happened yet at the moment",
            )
        if not futures and not self.outcome_columns:
            raise DefinitionError(
                "the outcome depends on nothing that happens",
                where=where,
                remedy="use next=days(30) over events, or a column of a table",
            )
        if futures and not moments_given:
            raise DefinitionError(
                "the outcome lies in the future of a moment, and no moments are given",
                where=where,
                remedy="add moments=every('month'), or moments=at(leads)",
            )
        if futures and self.given_horizon is not None:
            raise DefinitionError("horizon= is given twice", where=where, remedy="next= in the outcome says it already")
        at_moment = [n for _, es in self._inputs() for e in es for n in e.walk() if isinstance(n, AtMoment)]
        for node in at_moment:
            if not (isinstance(self.moments, At) and self.moments.source.unfiltered == node.value.events.unfiltered):
                raise DefinitionError(
                    f"'{node.name}' is the value of the event at the moment, and moments are not at those events",
                    where=where,
                    remedy=f"add moments=at({node.value.events.name})",
                )

    # -- what follows from the definition ------------------------------------------------------------------------

    @property
    def outcome_columns(self) -> frozenset[tuple[str, str]]:
        """``(table, column)`` of every column the outcome reads."""
        return frozenset((n.source.name, n.column) for n in self.outcome.walk() if isinstance(n, Column))

    @property
    def horizon(self) -> Window | None:
        """The outcome of moment *t* is known at *t* + horizon; ``None`` where it is known at once."""
        futures = [n.window for n in self.outcome.walk() if isinstance(n, Aggregate) and n.future and n.window]
        return max(futures) if futures else self.given_horizon

    @property
    def sources(self) -> dict[str, Table | Events]:
        """Every source that is read, by name."""
        found = sources_of([self.outcome, *(e for _, expressions in self._inputs() for e in expressions)])
        tables = [f.source for f in self.features if isinstance(f, AllColumns)]
        more: list[Table | Events] = [
            *tables,
            *([self.moments.source.unfiltered] if isinstance(self.moments, At) else []),
        ]
        for source in more:
            if found.setdefault(source.name, source) != source:
                raise DefinitionError(f"two different sources are called '{source.name}'", where=f"score '{self.name}'")
        for source in self._witnesses:
            found.setdefault(source.name, source)
        return found

    @property
    def own_sources(self) -> dict[str, Table | Events]:
        """The sources that are read by the customer's key, by name: they say who there is, and since when."""
        own = own_sources([self.outcome, *(e for _, expressions in self._inputs() for e in expressions)])
        own |= {f.source.name: f.source for f in self.features if isinstance(f, AllColumns)}
        if isinstance(self.moments, At):
            own[self.moments.source.name] = self.moments.source.unfiltered
        own |= {source.name: source for source in self._witnesses}
        return {name: source for name, source in self.sources.items() if name in own}

    @property
    def related_sources(self) -> dict[str, Table | Events]:
        """The sources that are read by the key of what a customer belongs to, by name; may overlap with the own."""
        return related_sources(e for _, expressions in self._inputs() for e in expressions)

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        """The columns of each source that name what a customer belongs to."""
        return references_of(e for _, expressions in self._inputs() for e in expressions)

    @property
    def has_time(self) -> bool:
        """Whether customers are scored at more than one moment, so that a model can be tried on later ones."""
        return isinstance(self.moments, Every | At)

    def bound(self, schema: Schema) -> Score:
        """The same score with whole tables replaced by their columns and every kind checked.

        Args:
            schema: Kinds of the columns, from the contracts.

        Raises:
            DefinitionError: A column does not exist, or an operation does not take its kind.
        """
        taken = [column for _, column in self.outcome_columns]
        features: list[Feature] = []
        for feature in self.features:
            features.extend(feature.expand(schema, taken) if isinstance(feature, AllColumns) else [feature])
        used = {f.fingerprint for f in self.features if isinstance(f, Feature)}
        kept = {id(f) for f in self.features}
        expanded = tuple(f for f in features if id(f) in kept or f.fingerprint not in used)
        score = replace_score(self, features=expanded)
        for feature in expanded:
            if feature.kind(schema) is Kind.TEXT:
                raise DefinitionError(
                    f"feature '{feature.name}' is free text",
                    where=f"score '{self.name}'",
                    remedy="make it a category in the contract file if it has few values, or leave it out",
                )
        for role, expression in (("outcome", self.outcome), ("population", self.population)):
            if expression is not None and expression.kind(schema) is not Kind.BOOLEAN:
                raise DefinitionError(
                    f"{role} is a {expression.kind(schema)}, not a condition",
                    where=f"score '{self.name}'",
                    remedy="compare it with something, e.g. > 0 or == 'yes'",
                )
        for role, expressions in (
            ("rule", [self.rule] if self.rule is not None else []),
            ("decision", [e for e in self.decision.payoff().expressions() if isinstance(e, Feature)]),
        ):
            for expression in expressions:
                if expression.kind(schema) not in (Kind.NUMBER, Kind.BOOLEAN):
                    raise DefinitionError(
                        f"{role} '{expression.name}' is a {expression.kind(schema)}, not a number",
                        where=f"score '{self.name}'",
                    )
        if self.by is not None and self.by.kind(schema) is not Kind.CATEGORY:
            raise DefinitionError(
                f"by= '{self.by.name}' is a {self.by.kind(schema)}, not a category",
                where=f"score '{self.name}'",
                remedy="divide customers by a category, e.g. customers['country']",
            )
        for group in self.fairness.groups if self.fairness is not None else ():
            if group.kind(schema) in (Kind.TEXT, Kind.TIME):
                raise DefinitionError(
                    f"fairness group '{group.name}' is a {group.kind(schema)}",
                    where=f"score '{self.name}'",
                    remedy="use a category, a boolean or a number, e.g. customers['birth_date'].age()",
                )
        return score

    @property
    def bound_features(self) -> tuple[Feature, ...]:
        """The features of a score that was bound.

        Raises:
            DefinitionError: It was not: a whole table is still among them.
        """
        if any(isinstance(f, AllColumns) for f in self.features):
            raise DefinitionError(
                "features of a whole table are known only with its contract",
                where=f"score '{self.name}'",
                remedy="call .bound(schema) first",
            )
        return tuple(f for f in self.features if isinstance(f, Feature))

    def meaning(self) -> list[Any]:
        """Plain data equal for scores that mean the same."""
        features = [
            ["all", f.source.meaning(), list(f.but)] if isinstance(f, AllColumns) else [f.name, f.meaning()]
            for f in self.features
        ]
        return [
            "score",
            self.name,
            self.moments.meaning(),
            self.population.meaning() if self.population is not None else None,
            self.outcome.meaning(),
            self.horizon.microseconds if self.horizon else None,
            features,
            self.rule.meaning() if self.rule is not None else None,
            self.decision.meaning(),
            # Only where given, so that scores of before mean what they meant.
            *([["by", self.by.meaning()]] if self.by is not None else []),
            *([self.fairness.meaning()] if self.fairness is not None else []),
        ]

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change exactly when the meaning does."""
        return naming.fingerprint(self.meaning())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Score) and self.meaning() == other.meaning()

    def __hash__(self) -> int:
        return hash(self.fingerprint)


def replace_score(score: Score, **changes: Any) -> Score:
    """The same score with some arguments changed; everything is checked again.

    Who is a customer stays the same: the sources that said so are kept even where none of the new features reads them.
    """
    arguments = {
        "outcome": score.outcome,
        "features": score.features,
        "decision": score.decision,
        "moments": score.moments,
        "population": score.population,
        "rule": score.rule,
        "horizon": score.given_horizon,
        "description": score.description,
        "owner": score.owner,
        "by": score.by,
        "fairness": score.fairness,
    }
    new = Score(changes.pop("name", score.name), **{**arguments, **changes})
    object.__setattr__(new, "_witnesses", tuple(score.own_sources.values()))
    return new


def _flatten(features: Iterable[object] | FeatureLike) -> tuple[Feature | AllColumns, ...]:
    given = (features,) if isinstance(features, Feature | FeatureGroup | AllColumns | Table) else features
    flat: list[Feature | AllColumns] = []
    for feature in given:
        if isinstance(feature, FeatureGroup):
            flat.extend(feature)
        elif isinstance(feature, Table):
            flat.append(feature.all())
        elif isinstance(feature, Feature | AllColumns):
            flat.append(feature)
        elif isinstance(feature, Events | Expression):
            raise DefinitionError(
                f"{feature.slug()!r} is not a value of a customer",
                remedy="aggregate the events, e.g. .count(days(30)) or .sum(days(30))",
            )
        else:
            raise DefinitionError(f"{feature!r} in features= is not a feature")
    return tuple(flat)

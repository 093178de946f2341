"""What a bundle takes: its inputs, and how a definition becomes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vigie.definition.decision import Payoff
from vigie.definition.expression import Expression, Feature
from vigie.definition.kind import Kind, Schema
from vigie.definition.portable import from_data, to_data
from vigie.definition.score import Score
from vigie.errors import BundleError, DefinitionError
from vigie.features.rowwise import leaf_name, leaves
from vigie.features.values import Columns

PAYOFF_NAMES = ("act_positive", "act_negative", "pass_positive", "pass_negative")

MOST_CATEGORIES = 200
"""Categories listed in a signature; more are not a choice that a form could offer."""


@dataclass(frozen=True, slots=True)
class Input:
    """One value that a request gives for a customer.

    Attributes:
        name: A feature's name, or for an extra the name of the leaf that the rule or the cost matrix needs.
        kind: What the value is.
        role: ``"feature"`` feeds the model (and the rule or the cost matrix, where they use the same name);
            ``"extra"`` feeds only the rule or the cost matrix.
        description: What it means, in a sentence.
        categories: Values seen in training, for a CATEGORY; others are allowed and grouped as *other*.
        required: Whether it must be given and may not be null.
    """

    name: str
    kind: Kind
    role: Literal["feature", "extra"] = "feature"
    description: str = ""
    categories: tuple[str, ...] = ()
    required: bool = False


def inputs_of(score: Score, schema: Schema, columns: Columns | None = None) -> tuple[Input, ...]:
    """The inputs of a bound score: its features in order, then the extras that the rule and the cost matrix need.

    A feature is never required: a model has an answer for a missing value. An extra of the cost matrix is, for a gain
    cannot be computed without it; an extra of the rule alone is not.

    Args:
        score: Bound: ``score.bound(schema)``.
        schema: Kinds of the columns.
        columns: Features and extras of the training set by name; gives the categories seen.

    Raises:
        DefinitionError: A feature and an extra have one name and different meanings.
    """
    features = {feature.name: feature for feature in score.bound_features}
    money = leaves(score.decision.payoff().expressions())
    others = [expression for expression in (score.rule, score.by) if expression is not None]
    extras = {**money, **leaves(others)}
    found: list[Input] = []
    for name, feature in features.items():
        if name in extras and extras[name].fingerprint != feature.fingerprint:
            raise DefinitionError(
                f"'{name}' is the name of a feature and of something else that the decision or the rule needs",
                where=f"score '{score.name}'",
                remedy="rename the feature with .named('...')",
            )
        found.append(_input(name, feature, schema, "feature", columns, required=name in money))
    found.extend(
        _input(name, leaf, schema, "extra", columns, required=name in money)
        for name, leaf in extras.items()
        if name not in features
    )
    return tuple(found)


def _input(
    name: str,
    feature: Feature,
    schema: Schema,
    role: Literal["feature", "extra"],
    columns: Columns | None,
    *,
    required: bool,
) -> Input:
    kind = feature.kind(schema)
    categories: tuple[str, ...] = ()
    if kind is Kind.CATEGORY and columns is not None and name in columns:
        values = columns[name]
        seen = sorted(set(values.data[values.data >= 0].tolist()))
        categories = tuple(sorted(values.categories[code] for code in seen)) if len(seen) <= MOST_CATEGORIES else ()
    return Input(name, kind, role, feature.description, categories, required)


def portable_features(score: Score, schema: Schema) -> tuple[dict[str, Any], ...]:
    """The features of a bound score as plain data: name, kind, fingerprint and expression of each, in order."""
    return tuple(
        {"name": f.name, "kind": str(f.kind(schema)), "fingerprint": f.fingerprint, "expression": to_data(f)}
        for f in score.bound_features
    )


def portable_payoff(payoff: Payoff) -> dict[str, Any]:
    """The cost matrix as plain data: fingerprint and expression of each of its four sums, by name."""
    return {name: _portable(e) for name, e in zip(PAYOFF_NAMES, payoff.expressions(), strict=True)}


def portable_rule(score: Score) -> dict[str, Any] | None:
    """The declared rule as plain data, or ``None``."""
    return _portable(score.rule) if score.rule is not None else None


def portable_by(score: Score) -> dict[str, Any] | None:
    """What divides customers into segments as plain data, or ``None``."""
    return _portable(score.by) if score.by is not None else None


def by_input(score: Score) -> str:
    """Name of the input whose value is a customer's segment; empty where the score has no segments.

    Raises:
        DefinitionError: ``by`` is computed from inputs rather than being one.
    """
    if score.by is None:
        return ""
    if set(leaves([score.by])) != {leaf_name(score.by)}:
        raise DefinitionError(
            f"by= '{score.by.name}' is computed from other values",
            where=f"score '{score.name}'",
            remedy="divide customers by a value itself, e.g. customers['country']; where it is missing the common model "
            "answers",
        )
    return leaf_name(score.by)


def _portable(expression: Expression) -> dict[str, Any]:
    return {"fingerprint": expression.fingerprint, "expression": to_data(expression)}


def restored(data: Mapping[str, Any], where: str) -> Expression:
    """The expression that was stored, if it still means what it meant.

    Raises:
        BundleError: It cannot be read, or its fingerprint is another one.
    """
    try:
        expression = from_data(data["expression"])
    except (KeyError, DefinitionError) as error:
        raise BundleError(
            f"the stored definition cannot be read: {error}", where=where, remedy="train again with this version"
        ) from error
    if expression.fingerprint != data.get("fingerprint"):
        raise BundleError(
            f"the definition means something else here: fingerprint {expression.fingerprint}, stored"
            f" {data.get('fingerprint')}",
            where=where,
            remedy="the bundle was changed, or written by a version with another language: train again",
        )
    return expression


def leaf_names(expressions: tuple[Expression, ...]) -> tuple[str, ...]:
    """Names of the distinct leaves of *expressions*, in reading order."""
    return tuple(leaves(expressions))


__all__ = [
    "MOST_CATEGORIES",
    "PAYOFF_NAMES",
    "Input",
    "by_input",
    "inputs_of",
    "leaf_name",
    "leaf_names",
    "portable_by",
    "portable_features",
    "portable_payoff",
    "portable_rule",
    "restored",
]

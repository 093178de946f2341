"""What a caller may know about a model in service: its signature, its words and an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vigie.bundle import SEGMENT_NAMES, Bundle, Cover, Input
from vigie.definition.kind import Kind
from vigie.serving.served import Served

_EXAMPLES: dict[Kind, object] = {
    Kind.NUMBER: 1.0,
    Kind.BOOLEAN: True,
    Kind.TEXT: "some text",
    Kind.TIME: "2026-01-31T00:00:00Z",
}


class InputCard(msgspec.Struct, frozen=True):
    """One input of a model.

    Attributes:
        name: Its name in ``values``.
        kind: number, category, boolean, time or text.
        role: ``feature`` feeds the model, ``extra`` the decision.
        required: Whether it must be given; any other may be left out or null.
        description: What it means.
        categories: Values seen in training, for a category; others are allowed.
    """

    name: str
    kind: str
    role: str
    required: bool
    description: str
    categories: list[str]


class ModelCard(msgspec.Struct, frozen=True):
    """A model in service.

    Attributes:
        name: Of the score.
        version: In the registry.
        bundle: Hash of the bundle.
        title: The question that the score answers.
        model: Kind of model.
        decisions: The two words of its decision, acting first.
        currency: ISO 4217 code of every sum.
        segments: Names of the risk segments, lowest first.
        segment_edges: Scores at which the next segment begins.
        threshold: Lowest expected gain, in currency, at which a single customer is acted on; null if none is high enough.
        by_customer_id: Whether customers can be asked for by id.
        inputs: The signature.
        example: Values as they can be sent.
    """

    name: str
    version: str
    bundle: str
    title: str
    model: str
    decisions: list[str]
    currency: str
    segments: list[str]
    segment_edges: list[float]
    threshold: float | None
    by_customer_id: bool
    inputs: list[InputCard]
    example: dict[str, Any]


def card_of(served: Served) -> ModelCard:
    """The card of *served*."""
    bundle = served.bundle
    return _card(served.name, served.version, bundle, bundle.model.kind, by_id=served.provider is not None)


def card_of_cover(name: str, version: str, cover: Cover, *, by_id: bool) -> ModelCard:
    """The card of a model that need not be in memory.

    Args:
        name: Of the score.
        version: In the registry.
        cover: Of its bundle.
        by_id: Whether customers can be asked for by id.
    """
    return _card(name, version, cover, cover.model_kind, by_id=by_id)


def _card(name: str, version: str, told: Bundle | Cover, kind: str, *, by_id: bool) -> ModelCard:
    rule = told.decision
    return ModelCard(
        name,
        version,
        told.hash,
        told.title,
        kind,
        [rule.act, rule.leave],
        rule.currency,
        list(SEGMENT_NAMES),
        list(told.segments),
        rule.request_cut,
        by_id,
        [
            InputCard(one.name, str(one.kind), one.role, one.required, one.description, list(one.categories))
            for one in told.inputs
        ],
        example_values(told),
    )


def example_values(told: Bundle | Cover) -> dict[str, object]:
    """Typical values: the median of a number, the most frequent category. No customer's own values are in a page."""
    profiles: Mapping[str, Any] = told.profile.get("features", {})
    return {one.name: _typical(one, profiles.get(one.name, {})) for one in told.inputs}


def _typical(given: Input, profile: Mapping[str, Any]) -> object:
    quantiles = profile.get("quantiles")
    if given.kind is Kind.NUMBER and quantiles:
        return float(f"{quantiles[len(quantiles) // 2]:.6g}")
    if given.kind is Kind.CATEGORY:
        seen = [*profile.get("categories", ()), *given.categories]
        return seen[0] if seen else "a"
    return _EXAMPLES[given.kind]

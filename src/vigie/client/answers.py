"""What the API answers, as types. A field that a newer server adds is ignored, one that an older one lacks has a default."""

from __future__ import annotations

from typing import Any

import msgspec


class ModelRef(msgspec.Struct, frozen=True):
    """Which model answered.

    Attributes:
        name: Of the score.
        version: In the registry.
        bundle: Hash of the bundle.
    """

    name: str
    version: str
    bundle: str


class Reason(msgspec.Struct, frozen=True):
    """What one input adds to a customer's score.

    Attributes:
        feature: Name of the input.
        value: The customer's value; ``None`` where it is missing.
        contribution: What it adds, on the prediction's ``reasons_scale``; above 0 it raises the score.
        words: The input with its value.
        effect: What it does, in plain words.
    """

    feature: str
    value: bool | float | str | None
    contribution: float
    words: str
    effect: str


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's score and what to do.

    Attributes:
        customer_id: As asked; ``None`` where none was given.
        score: Probability of the outcome, 0 … 1.
        decision: What to do, in the words of the project.
        segment: Risk segment.
        expected_value: Expected result of the decision in the project's currency; ``None`` where a sum is not known.
        as_of: The moment the values describe, ISO 8601.
        reasons: Where they were asked for, the greatest first.
        reasons_base: Score of the average customer on ``reasons_scale``.
        reasons_scale: What base and contributions are on.
        version: Of the model, where it is not the one of ``model``.
        request_id: To find the request again.
        model: Which model answered.
    """

    customer_id: str | None
    score: float
    decision: str
    segment: str
    expected_value: float | None
    as_of: str
    reasons: tuple[Reason, ...] = ()
    reasons_base: float | None = None
    reasons_scale: str | None = None
    version: str | None = None
    request_id: str = ""
    model: ModelRef | None = None


class ScoreAnswer(msgspec.Struct, frozen=True):
    """The body of an answer of ``/v1/score``."""

    request_id: str
    model: ModelRef
    predictions: list[Prediction]

    def flat(self) -> list[Prediction]:
        """The predictions, each with request and model."""
        return [msgspec.structs.replace(one, request_id=self.request_id, model=self.model) for one in self.predictions]


class FeaturesRow(msgspec.Struct, frozen=True):
    """The features of one customer.

    Attributes:
        customer: As asked.
        known: Whether anything was known of the customer at the moment asked for.
        moment: The moment the values are computed at, ISO 8601.
        values: By name; a time as ISO 8601, ``None`` where there is no value; ``None`` as a whole for a customer who is
            not known.
    """

    customer: str
    known: bool
    moment: str | None
    values: dict[str, Any] | None


class Features(msgspec.Struct, frozen=True):
    """Features of customers.

    Attributes:
        request_id: To find the request again.
        score: Name of the score.
        definition: Fingerprint of what is computed.
        as_of: The moment asked for, ISO 8601.
        names: Names of the features, in order.
        rows: One for each customer.
    """

    request_id: str
    score: str
    definition: str
    as_of: str
    names: list[str]
    rows: list[FeaturesRow]


class Quarantined(msgspec.Struct, frozen=True):
    """An event that broke its contract.

    Attributes:
        source: Name of the source.
        index: Its place in the list that was sent, from 0.
        rule: The rule it broke.
        column: The column; ``None`` where it is the event as a whole.
        reason: What was wrong, in words.
    """

    source: str
    index: int
    rule: str
    column: str | None
    reason: str


class Events(msgspec.Struct, frozen=True):
    """Events that were kept.

    Attributes:
        request_id: To find the request again.
        accepted: Events that keep their contract, repetitions included.
        quarantined: The others.
        pending: Sources without a contract yet, whose events are read later.
    """

    request_id: str
    accepted: int
    quarantined: list[Quarantined]
    pending: list[str]


class Input(msgspec.Struct, frozen=True):
    """One input of a model.

    Attributes:
        name: In ``values``.
        kind: number, category, boolean, time or text.
        role: ``feature`` feeds the model, ``extra`` the decision.
        required: Whether it must be given.
        description: What it means.
        categories: Values seen in training; others are allowed.
    """

    name: str
    kind: str
    role: str = "feature"
    required: bool = False
    description: str = ""
    categories: list[str] = []


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model in service.

    Attributes:
        name: Of the score.
        version: In the registry.
        bundle: Hash of the bundle.
        title: The question that the score answers.
        decisions: The two words of its decision, acting first.
        currency: ISO 4217 code of every sum.
        by_customer_id: Whether customers can be asked for by id.
        inputs: The signature.
        example: Values as they can be sent.
        segments: Names of the risk segments, lowest first.
        segment_edges: Scores at which the next segment begins.
        threshold: Lowest expected gain, in currency, that is acted on; ``None`` if none is high enough.
    """

    name: str
    version: str
    bundle: str
    title: str
    decisions: list[str]
    currency: str
    by_customer_id: bool
    inputs: list[Input]
    example: dict[str, Any]
    segments: list[str] = []
    segment_edges: list[float] = []
    threshold: float | None = None

"""A bundle: everything that turns a customer's values into a decision, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vigie.bundle.calibration import Calibration
from vigie.bundle.decision import DecisionRule
from vigie.bundle.encoder import Encoder
from vigie.bundle.model import Model
from vigie.bundle.signature import PAYOFF_NAMES, Input, restored
from vigie.definition.decision import Payoff
from vigie.definition.expression import Expression, Feature
from vigie.definition.text import texts_of
from vigie.errors import BundleError
from vigie.features.text.reduction import Reduction


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One customer with the answer that was right when the bundle was written. NaN is stored as null.

    Attributes:
        values: By input name; ``None`` is null, a TIME is ``int`` µs.
        probability: Expected answer, as are the others.
        gain: Currency.
        act: Decision for a single request.
        expected_value: Currency.
        segment: Index into :data:`vigie.bundle.segment.SEGMENT_NAMES`.
    """

    values: dict[str, bool | int | float | str | None]
    probability: float
    gain: float | None
    act: bool
    expected_value: float | None
    segment: int


class PartGolden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One customer of a segment with the probability that was right when its part was packed.

    Attributes:
        values: By name, the inputs that the part reads; ``None`` is null, a TIME is ``int`` µs.
        probability: Calibrated.
    """

    values: dict[str, bool | int | float | str | None]
    probability: float


@dataclass(frozen=True, eq=False)
class Part:
    """A model of its own for one segment of customers.

    Attributes:
        value: The segment: a value of the input ``Bundle.by``.
        encoder: From inputs to its model's columns.
        model: From columns to a score.
        calibration: From the score to a probability.
        golden: Customers with their right answers (:func:`vigie.bundle.with_golden`).
    """

    value: str
    encoder: Encoder
    model: Model
    calibration: Calibration
    golden: tuple[PartGolden, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Bundle:
    """A model with its encoder, calibration, decision and everything needed to check and to watch it.

    Attributes:
        score_name: Name of the score.
        title: The business question, or the model in words.
        inputs: What a request gives.
        features: Definition of each feature as plain data (:func:`vigie.bundle.signature.portable_features`).
        payoff: Cost matrix as plain data (:func:`vigie.bundle.signature.portable_payoff`).
        rule: The declared rule as plain data, or ``None``. A :class:`vigie.bundle.RuleModel` reads its value.
        encoder: From inputs to the model's columns.
        model: From columns to a score.
        calibration: From the score to a probability.
        decision: From the expected gain to an action.
        segments: Three edges of probability between the four segments.
        profile: Reference distributions (:func:`vigie.bundle.profile_of`).
        lineage: Where it comes from: data versions, moment, code version, seed, parameters, library versions. No wall
            clock: the same inputs and seed give the same bundle.
        metrics: Measures on the test rows.
        texts: What training learned of the texts that features embed (:class:`vigie.features.text.reduction.Reduction`).
        by: Input whose value says which of *parts* answers for a customer; empty: the score has no segments.
        by_definition: Definition of that input as plain data (:func:`vigie.bundle.signature.portable_by`).
        parts: Models of segments that have one of their own, by increasing value; everybody else gets *model*.
        golden: Customers with their right answers (:func:`vigie.bundle.with_golden`).
        hash: SHA-256 of what is stored; empty until it is.
    """

    score_name: str
    title: str
    inputs: tuple[Input, ...]
    features: tuple[Mapping[str, Any], ...]
    payoff: Mapping[str, Any]
    encoder: Encoder
    model: Model
    rule: Mapping[str, Any] | None = None
    calibration: Calibration = field(default_factory=Calibration)
    decision: DecisionRule = field(default_factory=DecisionRule)
    segments: tuple[float, ...] = (0.25, 0.5, 0.75)
    profile: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[Reduction, ...] = ()
    by: str = ""
    by_definition: Mapping[str, Any] | None = None
    parts: tuple[Part, ...] = ()
    golden: tuple[Golden, ...] = ()
    hash: str = ""

    def feature_expressions(self) -> tuple[Feature, ...]:
        """The features, to be computed from a customer's history.

        Raises:
            BundleError: One cannot be read, or means something else than it did.
        """
        found: list[Feature] = []
        for data in self.features:
            where = f"feature '{data.get('name')}'"
            expression = restored(data, where)
            if not isinstance(expression, Feature) or expression.name != data.get("name"):
                raise BundleError("the stored definition is of something else", where=where)
            found.append(expression)
        for (source, column), components in texts_of(found).items():
            learned = next((t for t in self.texts if (t.source, t.column) == (source, column)), None)
            if learned is None or len(learned.components) < components:
                raise BundleError(
                    f"what was learned of the texts in '{column}' is not there", where=f"source '{source}'"
                )
        return tuple(found)

    def payoff_expressions(self) -> Payoff:
        """The cost matrix.

        Raises:
            BundleError: A sum cannot be read, or means something else than it did.
        """
        if set(self.payoff) != set(PAYOFF_NAMES):
            raise BundleError("the cost matrix does not have its four sums", where="payoff")
        return Payoff(*(restored(self.payoff[name], f"payoff '{name}'") for name in PAYOFF_NAMES))

    def rule_expression(self) -> Expression | None:
        """The declared rule, or ``None``.

        Raises:
            BundleError: It cannot be read, or means something else than it did.
        """
        return restored(self.rule, "rule") if self.rule is not None else None

    def by_expression(self) -> Expression | None:
        """What divides customers into segments, or ``None``.

        Raises:
            BundleError: It cannot be read, or means something else than it did.
        """
        return restored(self.by_definition, "by") if self.by_definition is not None else None

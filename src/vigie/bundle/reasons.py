"""Why a customer has this score: what each input adds to it, exactly, and in words.

Contributions are those of the model (:meth:`vigie.bundle.model.Model.contributions`), added up over the columns that
an input is encoded in. The base and all contributions of a customer sum to the score on a scale that the answer names:

* ``"log_odds"`` or ``"probability"``: of the score itself,
* ``"log_odds_before_calibration"`` or ``"probability_before_calibration"``: of the model's score, where the calibration
  between the two is not a line on the model's scale. It never turns the order around.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from vigie.bundle.bundle import Bundle, Part
from vigie.bundle.calibration import Calibration
from vigie.bundle.encoder import CategoryColumn, Encoder
from vigie.bundle.model import Model
from vigie.bundle.payoff_values import row_value
from vigie.bundle.reason_words import phrase
from vigie.bundle.rule_model import RuleModel, rule_matrix
from vigie.clock import iso
from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.features.rowwise import evaluate
from vigie.features.values import Columns
from vigie.wording import Said, said

Scale = Literal["log_odds", "probability", "log_odds_before_calibration", "probability_before_calibration"]

RULE = "rule"
"""What the reason of a bundle that scores by the declared rule is called."""

AT_ONCE = 8_192
"""Customers whose columns are explained together."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one input adds to a customer's score.

    Attributes:
        feature: Name of the input.
        value: Number, text or yes and no; a date as ISO 8601; ``None`` where it is missing.
        contribution: What it adds to the base, on :attr:`Explained.scale`.
        words: The input with its value, e.g. "no order for 48 days".
    """

    feature: str
    value: bool | float | str | None
    contribution: float
    words: Said

    @property
    def effect(self) -> Said:
        """What it does, in plain words: "raises the score"."""
        if self.contribution == 0:
            return said("leaves the score as it is")
        return said("raises the score") if self.contribution > 0 else said("lowers the score")

    @property
    def sentence(self) -> Said:
        """Both, with the contribution: "no order for 48 days: +0.21"."""
        return said("{words}: {contribution:+.2f}", words=self.words, contribution=self.contribution)


@dataclass(frozen=True, slots=True)
class Explained:
    """One customer's reasons.

    Attributes:
        scale: What *base* and contributions are on.
        base: Score of the average customer on that scale: what is there before any reason.
        reasons: Greatest contribution first, either way; equal ones in the order of the inputs.
    """

    scale: Scale
    base: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Contributions:
    """What the inputs add to the scores of *n* customers.

    Attributes:
        features: Names of the inputs that some model of the bundle reads, k.
        scales: What each customer's numbers are on; one word for all but in bundles with models of segments.
        base: Shape (n,).
        index: The inputs with the greatest contributions, positions in ``features``, shape (n, top).
        contribution: Of those, shape (n, top).
    """

    features: tuple[str, ...]
    scales: tuple[Scale, ...]
    base: Array
    index: Array
    contribution: Array


class Explainer:
    """A bundle made ready to give reasons. Nothing is prepared before it is first asked.

    Args:
        bundle: Whole, as for :class:`vigie.bundle.Scorer`.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._kinds = {given.name: given.kind for given in bundle.inputs}
        self._parts = {part.value: part for part in bundle.parts}
        self._own: dict[str, _Explaining] = {}

    @cached_property
    def _common(self) -> _Explaining:
        bundle = self.bundle
        if isinstance(bundle.model, RuleModel):
            return _by_rule(bundle, self._kinds)
        return _Explaining.of(bundle.encoder, bundle.model, bundle.calibration)

    def _for(self, segment: Any) -> _Explaining:
        part: Part | None = self._parts.get(segment) if segment is not None else None
        if part is None:
            return self._common
        if part.value not in self._own:
            self._own[part.value] = _Explaining.of(part.encoder, part.model, part.calibration)
        return self._own[part.value]

    def _of(self, values: Mapping[str, Any]) -> _Explaining:
        return self._for(values.get(self.bundle.by)) if self._parts else self._common

    @property
    def scale(self) -> Scale:
        """What base and contributions are on, for customers without a model of their segment."""
        return self._common.scale

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs that the model reads, and where segments have models of their own, of all features."""
        names = dict.fromkeys(self._common.names)
        if self._parts:
            names.update((given.name, None) for given in self.bundle.inputs if given.role == "feature")
        return tuple(names)

    def row(self, values: Mapping[str, Any], top: int | None = None) -> list[Reason]:
        """One customer's reasons, greatest first.

        Args:
            values: As for :meth:`vigie.bundle.Scorer.score_one`.
            top: So many at most, and none that adds nothing; ``None``: all inputs, whose contributions and the base
                are the score.
        """
        return list(self.explained(values, top).reasons)

    def explained(self, values: Mapping[str, Any], top: int | None = None) -> Explained:
        """The same with the base and the scale."""
        own = self._of(values)
        found, base = own.row(values)
        order = sorted(range(len(found)), key=lambda i: -abs(found[i]))
        if top is not None:
            order = [i for i in order[:top] if found[i] != 0]
        reasons = tuple(self.reason(own.names[i], found[i], values) for i in order)
        return Explained(own.scale, base, reasons)

    def many(self, columns: Columns, n: int, top: int) -> Contributions:
        """The *top* contributions of *n* customers, equal to :meth:`row` to rounding. Memory grows with ``n × top`` only.

        Args:
            columns: As for :meth:`vigie.bundle.Scorer.score`.
            n: Number of customers.
            top: Reasons for each; those beyond the number of inputs are left out.
        """
        features = self.features
        top = min(top, len(features))
        base, index, kept = np.empty(n), np.zeros((n, top), dtype=np.intp), np.zeros((n, top))
        scales: list[Scale] = [self._common.scale] * n
        for own, rows in self._groups(columns, n):
            place = np.array([features.index(name) for name in own.names], dtype=np.intp)
            for low in range(0, len(rows), AT_ONCE):
                some = rows[low : low + AT_ONCE]
                found = np.zeros((len(some), len(features)))
                taken = {name: columns[name].take(some) for name in self._kinds}
                found[:, place], base[some] = own.many(taken, len(some))
                order = np.argsort(-np.abs(found), axis=1, kind="stable")[:, :top]
                index[some], kept[some] = order, np.take_along_axis(found, order, axis=1)
            if own is not self._common:
                for i in rows.tolist():
                    scales[i] = own.scale
        return Contributions(features, tuple(scales), base, index, kept)

    def all_explained(self, columns: Columns, rows: Sequence[Mapping[str, Any]], top: int) -> list[Explained]:
        """What :meth:`explained` says of each of many customers, found together.

        Args:
            columns: Of the customers, as for :meth:`many`.
            rows: The same values, customer by customer.
            top: As for :meth:`row`.
        """
        found, names = self.many(columns, len(rows), top), self.features
        return [
            Explained(
                scale,
                base,
                tuple(self.reason(names[i], value, row) for i, value in zip(index, values, strict=True) if value != 0),
            )
            for scale, base, index, values, row in zip(
                found.scales, found.base.tolist(), found.index.tolist(), found.contribution.tolist(), rows, strict=True
            )
        ]

    def matrix(self, columns: Columns, n: int) -> Array:
        """Contributions of all :attr:`features`, shape (n, k + 1), the base last; for samples, not for a whole base."""
        features = self.features
        out = np.zeros((n, len(features) + 1))
        for own, rows in self._groups(columns, n):
            place = np.array([features.index(name) for name in own.names], dtype=np.intp)
            taken = {name: columns[name].take(rows) for name in self._kinds}
            found, base = own.many(taken, len(rows))
            out[np.ix_(rows, place)], out[rows, -1] = found, base
        return out

    def _groups(self, columns: Columns, n: int) -> list[tuple[_Explaining, Array]]:
        """The customers of each model."""
        if not self._parts:
            return [(self._common, np.arange(n))]
        by = columns[self.bundle.by]
        text = [by.categories[code] if code >= 0 else None for code in by.data.tolist()]
        groups: dict[str | None, list[int]] = {}
        for i, segment in enumerate(text):
            groups.setdefault(segment if segment in self._parts else None, []).append(i)
        return [(self._for(segment), np.array(rows, dtype=np.intp)) for segment, rows in groups.items()]

    def reason(self, name: str, contribution: float, values: Mapping[str, Any]) -> Reason:
        """The contribution of one input, with its words.

        Args:
            name: Of :attr:`features`.
            contribution: As found.
            values: Of the customer, as for :meth:`row`.
        """
        if name == RULE and name not in self._kinds:
            rule, read = self._rule
            found, kind = read(values), self._rule_kind
            return Reason(name, _plain(kind, found), contribution, phrase(rule, kind, found))
        kind, value = self._kinds[name], values.get(name)
        shown = _plain(kind, value)
        words = phrase(self._expressions[name], kind, None if shown is None else value)
        column = self._of(values).categories.get(name)
        if column is not None and shown is not None and shown not in column.kept:
            # The model does not tell this category from others.
            read_as = column.level_names()[column.unseen]
            if read_as == "other":
                words = said("{words} (rare: taken together with other values)", words=words)
            else:
                words = said("{words} (not seen in training: read as {level})", words=words, level=read_as)
        return Reason(name, shown, contribution, words)

    @cached_property
    def _expressions(self) -> dict[str, Any]:
        return {feature.name: feature for feature in self.bundle.feature_expressions()}

    @cached_property
    def _rule(self) -> tuple[Any, Callable[[Mapping[str, Any]], float]]:
        rule = self.bundle.rule_expression()
        assert rule is not None, "checked when the bundle is made"
        return rule, row_value(rule, self._kinds)

    @property
    def _rule_kind(self) -> Kind:
        model = self.bundle.model
        whole = isinstance(model, RuleModel) and model.x == (0.0, 1.0)
        return Kind.BOOLEAN if whole else Kind.NUMBER


@dataclass(frozen=True, eq=False, slots=True)
class _Explaining:
    """One model with its encoder and calibration.

    Attributes:
        names: Inputs, in the order of the contributions.
        scale: Of the contributions.
        row: From a customer's values to the contribution of each input, and the base.
        many: The same of columns: shapes (n, k) and (n,).
        categories: How categories are encoded, by input.
    """

    names: tuple[str, ...]
    scale: Scale
    row: Callable[[Mapping[str, Any]], tuple[list[float], float]]
    many: Callable[[Columns, int], tuple[Array, Array]]
    categories: Mapping[str, CategoryColumn] = field(default_factory=dict)

    @classmethod
    def of(cls, encoder: Encoder, model: Model, calibration: Calibration) -> _Explaining:
        names = tuple(dict.fromkeys(column.name for column in encoder.columns))
        place = [names.index(column.name) for column in encoder.columns for _ in column.names()]
        scale, slope, offset = _scale(model, calibration)
        contribute = model.contribution_row()

        def row(values: Mapping[str, Any]) -> tuple[list[float], float]:
            found, sums = contribute(encoder.row(values)), [0.0] * len(names)
            for i, value in zip(place, found, strict=False):
                sums[i] += value * slope
            return sums, found[-1] * slope + offset

        def many(columns: Columns, n: int) -> tuple[Array, Array]:
            found = model.contributions(encoder.transform(columns, n)) * slope
            sums = np.zeros((n, len(names)))
            for j, i in enumerate(place):
                sums[:, i] += found[:, j]
            return sums, found[:, -1] + offset

        categories = {column.name: column for column in encoder.columns if isinstance(column, CategoryColumn)}
        return cls(names, scale, row, many, categories)


def _by_rule(bundle: Bundle, kinds: Mapping[str, Kind]) -> _Explaining:
    """The declared rule is one reason, whatever it is made of."""
    rule, model = bundle.rule_expression(), bundle.model
    assert rule is not None, "checked when the bundle is made"
    value, contribute = row_value(rule, kinds), model.contribution_row()
    scale, slope, offset = _scale(model, bundle.calibration)

    def row(values: Mapping[str, Any]) -> tuple[list[float], float]:
        found = contribute([value(values)])
        return [found[0] * slope], found[1] * slope + offset

    def many(columns: Columns, n: int) -> tuple[Array, Array]:
        found = model.contributions(rule_matrix(evaluate(rule, columns, n))) * slope
        return found[:, :1], found[:, 1] + offset

    return _Explaining((RULE,), scale, row, many)


def _scale(model: Model, calibration: Calibration) -> tuple[Scale, float, float]:
    """What contributions are on once they are multiplied with a slope and the base is moved by an offset."""
    if calibration.kind == "identity":
        return model.scale, 1.0, 0.0
    if calibration.kind == "sigmoid" and model.scale == "log_odds":
        return "log_odds", calibration.a, calibration.b
    if model.scale == "log_odds":
        return "log_odds_before_calibration", 1.0, 0.0
    return "probability_before_calibration", 1.0, 0.0


def _plain(kind: Kind, value: Any) -> bool | float | str | None:
    """A value as JSON has it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind is Kind.TIME:
        return iso(int(value))
    if kind is Kind.BOOLEAN:
        return bool(value)
    return float(value) if kind is Kind.NUMBER else str(value)

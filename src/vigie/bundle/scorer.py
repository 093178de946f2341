"""Scores customers with a bundle: many at once, or one in microseconds, with the same answer to the bit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from vigie.bundle.bundle import Bundle, Part
from vigie.bundle.parse import InputReader
from vigie.bundle.parts import check_part, check_parts, own_rows, part_row, with_parts
from vigie.bundle.payoff_values import payoff_row, payoff_values, row_value
from vigie.bundle.rule_model import RuleModel, rule_matrix
from vigie.bundle.segment import SEGMENT_NAMES, segments_of
from vigie.bundle.signature import leaf_names
from vigie.economics.payoff import Array, PayoffValues
from vigie.errors import BundleError, FeatureError, InputError
from vigie.features.rowwise import evaluate
from vigie.features.values import Columns, Values


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """Answers for *n* customers.

    Attributes:
        probability: Of the outcome, 0 … 1, shape (n,).
        gain: Expected gain of acting instead of passing, currency, shape (n,); NaN where a sum is not known.
        act: Whether to act, shape (n,).
        expected_value: Expected money of the action taken, currency, shape (n,).
        segment: Index into ``segment_names``, int8, shape (n,).
        payoff: The cost matrix of these customers.
        segment_names: From the lowest to the highest probability.
    """

    probability: Array
    gain: Array
    act: Array
    expected_value: Array
    segment: Array
    payoff: PayoffValues
    segment_names: tuple[str, ...] = SEGMENT_NAMES

    def __len__(self) -> int:
        return len(self.probability)

    def decided(self, act: Array) -> Scores:
        """The same scores under another decision, for example that of the whole base within capacity."""
        return replace(self, act=act, expected_value=self.payoff.expected(self.probability, act))


class ScoreRow(msgspec.Struct, frozen=True, gc=False):
    """The answer for one customer. NaN sums, where the cost matrix is not known, become null in JSON.

    Attributes:
        probability: Of the outcome, 0 … 1.
        gain: Expected gain of acting instead of passing, currency.
        act: Whether to act.
        expected_value: Expected money of the action taken, currency.
        segment: Index into :data:`SEGMENT_NAMES`.
        segment_name: The segment.
    """

    probability: float
    gain: float
    act: bool
    expected_value: float
    segment: int
    segment_name: str


class Scorer:
    """A bundle made ready to answer.

    Args:
        bundle: Whole: written by :func:`write_bundle` and loaded, or about to be.

    Raises:
        BundleError: Its parts do not fit together.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.inputs = {given.name: given for given in bundle.inputs}
        if len(self.inputs) != len(bundle.inputs):
            raise BundleError("two inputs have one name", where="inputs")
        self._kinds = {name: given.kind for name, given in self.inputs.items()}
        self._payoff = bundle.payoff_expressions()
        self._rule = bundle.rule_expression() if isinstance(bundle.model, RuleModel) else None
        if isinstance(bundle.model, RuleModel) and self._rule is None:
            raise BundleError("a rule's model without a rule", where="model")
        bundle.model.check(1 if self._rule is not None else bundle.encoder.width)
        self._check_inputs()
        check_parts(bundle)
        if len(bundle.segments) != len(SEGMENT_NAMES) - 1 or list(bundle.segments) != sorted(bundle.segments):
            raise BundleError(f"{bundle.segments!r} are not the edges of four segments", where="segments")
        self._reader = InputReader(bundle.inputs, bundle.lineage.get("left_out", ()))
        self._raw = self._raw_row()
        self._calibrate = bundle.calibration.row()
        self._money = payoff_row(self._payoff, self._kinds)
        self._cut = bundle.decision.request_cut
        self._edges = list(bundle.segments)
        # Who has a model of its own, by the value of this input; a model is opened when it is first asked.
        self._by = bundle.by
        self._own: dict[str, Callable[[Mapping[str, Any]], float]] = {
            part.value: self._opening(part) for part in bundle.parts
        }

    def _check_inputs(self) -> None:
        needed = dict.fromkeys(self.bundle.encoder.input_names) if self._rule is None else {}
        expressions = (*self._payoff.expressions(), *((self._rule,) if self._rule is not None else ()))
        for name in (*needed, *leaf_names(expressions)):
            if name not in self.inputs:
                raise BundleError(f"'{name}' is needed and is not an input", where="inputs")
        for column in self.bundle.encoder.columns if self._rule is None else ():
            kind = getattr(column, "kind", "category")
            if self._kinds[column.name] != kind:
                raise BundleError(f"'{column.name}' is encoded as a {kind}", where="inputs")

    def _raw_row(self) -> Callable[[Mapping[str, Any]], float]:
        model = self.bundle.model.row()
        if self._rule is not None:
            value = row_value(self._rule, self._kinds)
            return lambda values: model([value(values)])
        encode = self.bundle.encoder.row
        return lambda values: model(encode(values))

    def _opening(self, part: Part) -> Callable[[Mapping[str, Any]], float]:
        """Answers by *part*; from the second time on directly."""

        def first(values: Mapping[str, Any]) -> float:
            check_part(part, self._kinds)
            answer = self._own[part.value] = part_row(part)
            return answer(values)

        return first

    # -- what the answer is made of --------------------------------------------------------------------------------

    @property
    def probability_threshold(self) -> float | None:
        """Least probability that a request is acted on for; ``None`` where it differs by customer or there is none."""
        if leaf_names(self._payoff.expressions()):
            return None
        ap, an, pp, pn = self._money({})
        slope = (ap - pp) - (an - pn)
        return (self._cut - (an - pn)) / slope if slope > 0 else None

    def probability(self, columns: Columns, n: int) -> Array:
        """Calibrated probability of the outcome, shape (n,). See :meth:`score`."""
        self._check_columns(columns, n)
        parts = self.bundle.parts
        if not parts:
            return self._common(columns, n)
        by, served = columns[self._by], np.zeros(n, dtype=bool)
        present = own_rows(by, [part.value for part in parts])
        for i, rows in present:
            check_part(parts[i], self._kinds)
            served[rows] = True
        others, p = np.flatnonzero(~served), np.empty(n)
        if len(others):
            taken = {name: columns[name].take(others) for name in self.inputs}
            p[others] = self._common(taken, len(others))
        return with_parts(p, [parts[i] for i, _ in present], by, columns)

    def _common(self, columns: Columns, n: int) -> Array:
        """Calibrated probability by the model that all segments share, shape (n,)."""
        try:
            if self._rule is not None:
                X = rule_matrix(evaluate(self._rule, columns, n))
            else:
                X = self.bundle.encoder.transform(columns, n)
        except FeatureError as error:
            raise InputError(error.what, field=error.where or "values", remedy=error.remedy) from error
        return self.bundle.calibration.apply(self.bundle.model.probability(X))

    def score(self, columns: Columns, n: int) -> Scores:
        """Answers for *n* customers, each as if it had been asked for alone.

        For a whole base within capacity: ``scores.decided(bundle.decision.choose(scores.gain))``.

        Args:
            columns: Features and extras by input name, *n* values each; others are ignored.
            n: Number of customers.

        Raises:
            InputError: A column is missing, too short or of another kind.
        """
        p = self.probability(columns, n)
        payoff = payoff_values(self._payoff, columns, n)
        gain = np.broadcast_to(payoff.gain(p), (n,))
        act = np.asarray(gain >= self._cut)
        segment = segments_of(p, self.bundle.segments)
        return Scores(p, gain, act, payoff.expected(p, act), segment, payoff)

    def score_one(self, values: Mapping[str, Any]) -> ScoreRow:
        """The answer for one customer, equal to :meth:`score` to the bit.

        Args:
            values: Parsed (:meth:`parse`) or computed values by input name; ``None`` or absent is null.
        """
        own = self._own.get(values.get(self._by)) if self._own else None  # type: ignore[arg-type]
        p = self._calibrate(self._raw(values)) if own is None else own(values)
        ap, an, pp, pn = self._money(values)
        q = 1.0 - p
        gain = p * (ap - pp) + q * (an - pn)
        act = gain >= self._cut
        segment = bisect_right(self._edges, p)
        return ScoreRow(p, gain, act, p * ap + q * an if act else p * pp + q * pn, segment, SEGMENT_NAMES[segment])

    def parse(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of a JSON request, checked against the inputs.

        Numbers become ``float``, dates ``int`` µs; a category that training has not seen is allowed.

        Raises:
            InputError: A field is unknown, missing though required, or of a wrong type. Names the field.
        """
        return self._reader.read(values)

    @property
    def reader(self) -> InputReader:
        """What :meth:`parse` reads with."""
        return self._reader

    def columns(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
        """Parsed values of several customers as columns for :meth:`score`."""
        return {name: Values.of(kind, [row.get(name) for row in rows]) for name, kind in self._kinds.items()}

    def _check_columns(self, columns: Columns, n: int) -> None:
        for name, given in self.inputs.items():
            if name not in columns:
                raise InputError("no values are given", field=name)
            values = columns[name]
            if values.kind is not given.kind:
                raise InputError(f"values are {values.kind}, the model was trained on {given.kind}", field=name)
            if len(values) != n:
                raise InputError(f"{len(values)} values for {n} customers", field=name)

"""Golden predictions: customers whose answers are kept with the model, and asked for again whenever it is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from vigie.bundle.bundle import Bundle, Golden, Part
from vigie.bundle.parts import own_rows, with_part_golden
from vigie.bundle.scorer import Scorer, ScoreRow
from vigie.bundle.signature import Input
from vigie.definition.kind import Kind
from vigie.errors import BundleError
from vigie.features.values import Columns

LEAST = 20
"""Rows in a bundle, at least."""

TOLERANCE = 1e-12
"""Largest difference, absolute or relative, of an answer: what another processor's rounding may do."""

_LOOKED_AT = 1_000
"""Customers of a segment among whom its golden ones are chosen."""

UNSEEN = "\u2049 never seen"
"""A category that no training set has."""


def with_golden(bundle: Bundle, columns: Columns, rows: int = 24) -> Bundle:
    """The bundle with golden predictions made from customers it was trained on.

    Customers are taken at even ranks of probability; to them come one with every value missing, one with every category
    unseen, one with the largest and one with the smallest numbers. The model of a segment has customers of its own: it is
    asked for them whenever it is opened, which is when it is first needed.

    Args:
        bundle: Whole but for its golden predictions.
        columns: Features and extras of the training set by input name, n ≥ 1.
        rows: Customers taken; at least 16.
    """
    n = len(next(iter(columns.values())))
    if bundle.parts:
        bundle = replace(bundle, parts=_golden_parts(bundle, columns))
    scorer = Scorer(bundle)
    order = np.argsort(scorer.probability(columns, n), kind="stable")
    picked = order[np.linspace(0, n - 1, max(rows, 16)).round().astype(np.intp)]
    taken = {given.name: columns[given.name].take(picked).to_list() for given in bundle.inputs}
    customers = [{name: values[i] for name, values in taken.items()} for i in range(len(picked))]
    typical = customers[len(customers) // 2]
    customers += [
        {given.name: typical[given.name] if given.required else None for given in bundle.inputs},
        {**typical, **{given.name: UNSEEN for given in bundle.inputs if given.kind is Kind.CATEGORY}},
        {**typical, **_extreme(bundle.inputs, 1e300)},
        {**typical, **_extreme(bundle.inputs, -1e300)},
    ]
    return replace(bundle, golden=tuple(_golden(values, scorer.score_one(values)) for values in customers))


def _golden_parts(bundle: Bundle, columns: Columns) -> tuple[Part, ...]:
    """The parts, each with customers of its own that it is asked for when it is opened."""
    parts = list(bundle.parts)
    for i, rows in own_rows(columns[bundle.by], [part.value for part in parts]):
        taken = {name: columns[name].take(rows[:_LOOKED_AT]) for name in parts[i].encoder.input_names}
        parts[i] = with_part_golden(parts[i], taken)
    return tuple(parts)


def _extreme(inputs: tuple[Input, ...], value: float) -> dict[str, float]:
    return {given.name: value for given in inputs if given.kind is Kind.NUMBER and not given.required}


def _golden(values: Mapping[str, Any], answer: ScoreRow) -> Golden:
    return Golden(
        values={name: _plain(value) for name, value in values.items()},
        probability=answer.probability,
        gain=None if math.isnan(answer.gain) else answer.gain,
        act=answer.act,
        expected_value=None if math.isnan(answer.expected_value) else answer.expected_value,
        segment=answer.segment,
    )


def _plain(value: Any) -> bool | int | float | str | None:
    return value if value is None or isinstance(value, str | bool | int) else float(value)


def replay(bundle: Bundle) -> None:
    """Asks for every golden prediction again, by both ways of scoring.

    Raises:
        BundleError: There are too few, or an answer is another one.
    """
    if len(bundle.golden) < LEAST:
        raise BundleError(
            f"{len(bundle.golden)} golden predictions of at least {LEAST}",
            where="golden.json",
            remedy="make them with with_golden(bundle, columns)",
        )
    scorer = Scorer(bundle)
    rows = [dict(golden.values) for golden in bundle.golden]
    for row in rows:
        if set(row) != set(scorer.inputs):
            raise BundleError("a golden prediction has other inputs than the model", where="golden.json")
    scores = scorer.score(scorer.columns(rows), len(rows))
    for position, (golden, row) in enumerate(zip(bundle.golden, rows, strict=True)):
        one = scorer.score_one(row)
        many = ScoreRow(
            float(scores.probability[position]),
            float(scores.gain[position]),
            bool(scores.act[position]),
            float(scores.expected_value[position]),
            int(scores.segment[position]),
            one.segment_name,
        )
        for answer in (one, many):
            _compare(position, golden, answer)


def _compare(position: int, golden: Golden, answer: ScoreRow) -> None:
    sums = (
        ("probability", golden.probability, answer.probability),
        ("gain", golden.gain, answer.gain),
        ("expected value", golden.expected_value, answer.expected_value),
    )
    for name, expected, found in sums:
        same = (
            math.isnan(found)
            if expected is None
            else math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        )
        if not same:
            raise BundleError(
                f"golden prediction {position}: {name} is {found!r} and was {expected!r}",
                where="golden.json",
                remedy="the bundle was changed, or a library computes something else here: do not serve it",
            )
    if answer.act != golden.act or answer.segment != golden.segment:
        raise BundleError(f"golden prediction {position}: decision or segment is not what it was", where="golden.json")

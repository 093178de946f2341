"""The parity matrix: every engine's values beside the reference's, row by row of what the language has."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity_engines import Engine
from parity_sample import KINDS, LAST, ORDERS, ROWS, SCHEMA, Sample

from vigie.clock import DAY
from vigie.definition import Campaign, Feature, Kind, Score, at, days
from vigie.features import reference

AT_EVENTS = "at_moment()"
OUTCOME = "next= (outcomes)"
NAMES = (*ROWS, AT_EVENTS, OUTCOME)
"""Every row of the matrix, in order."""
_AS_OF = LAST + 2 * DAY
_DECISION = Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=1)
AT_MOMENT = [ORDERS[name].at_moment() for name, kind in KINDS.items() if kind is not Kind.TEXT]
OUTCOMES = [
    ORDERS.count(next=days(2)) == 0,
    ORDERS["amount"].sum(next=days(1)) > 1,
    ORDERS["channel"].mode(next=days(2)) == "web",
]
"""Outcomes that a training set is labelled by, one after the other."""


@dataclass(frozen=True)
class Cell:
    """How an engine compares with the reference in one row.

    Attributes:
        compared: Number of values.
        different: Of them, those that are not the same in every bit.
        example: The first that differs, in words; empty where none does.
    """

    compared: int
    different: int
    example: str = ""


def bits(value: Any) -> Any:
    """Equal exactly when the values are the same to the last bit; −0 is not 0, and 1.0 is not ``True``."""
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


def truth(sample: Sample, names: Sequence[str] = tuple(ROWS)) -> dict[str, list[list[Any]]]:
    """What the reference says: by row, for each feature its value for each pair."""
    own = {key: sample.own(key) for key, _ in sample.pairs}
    return {
        name: [
            [reference.value(feature, own[key], t, None, sample.relations) for key, t in sample.pairs]
            for feature in ROWS[name]
        ]
        for name in names
    }


def counts() -> dict[str, int]:
    """Number of features of each row."""
    return {name: len(features) for name, features in ROWS.items()} | {
        AT_EVENTS: len(AT_MOMENT),
        OUTCOME: len(OUTCOMES),
    }


def compare(engine: Engine, sample: Sample, expected: Mapping[str, list[list[Any]]]) -> dict[str, Cell]:
    """An engine beside the reference, by row; all features are asked for at once, as a score would."""
    features = [feature for name in expected for feature in ROWS[name]]
    found = iter(engine.values(features, sample))
    cells: dict[str, Cell] = {}
    for name in expected:
        compared: list[tuple[str, Any, Any]] = []
        for feature, right in zip(ROWS[name], expected[name], strict=True):
            given = next(found)
            if given is not None:
                told = [f"{feature.name} of {key!r} at {t}" for key, t in sample.pairs]
                compared += zip(told, right, given, strict=True)
        if compared:
            cells[name] = _cell(compared)
    return cells


def compare_training(engine: Engine, sample: Sample, outcomes: Sequence[Feature] = OUTCOMES) -> dict[str, Cell]:
    """The values of the event at the moment, and the labels of outcomes; empty for an engine without training sets."""
    at_events: list[tuple[str, Any, Any]] = []
    labels: list[tuple[str, Any, Any]] = []
    for outcome in outcomes:
        score = Score("parity", moments=at(ORDERS), outcome=outcome, features=AT_MOMENT, decision=_DECISION)
        found = engine.training_set(score, sample, _AS_OF)
        if found is None:
            return {}
        columns = [found.features[f.name].to_list() for f in score.bound(SCHEMA).bound_features]
        rows = list(zip(found.customers.tolist(), found.moments.tolist(), strict=True))
        wanted = _labelled(score, sample)
        assert rows == [(key, event.time) for key, event, _ in wanted], "another population"
        labels += [(f"{outcome.name} of {key!r} at {event.time}", label, bool(given))
                   for (key, event, label), given in zip(wanted, found.labels.tolist(), strict=True)]  # fmt: skip
        for feature, column in zip(AT_MOMENT, columns, strict=True):
            at_events += [(f"{feature.name} of {key!r} at {event.time}", reference.of_event(feature.value, event), given)
                          for (key, event, _), given in zip(wanted, column, strict=True)]  # fmt: skip
    return {AT_EVENTS: _cell(at_events), OUTCOME: _cell(labels)}


def _labelled(score: Score, sample: Sample) -> list[tuple[str, reference.Record, bool]]:
    """Customers, their events and the outcome that followed, where it is known."""
    assert score.horizon is not None
    found = []
    for key in sorted(sample.histories["orders"]):
        known = [r for r in sample.histories["orders"][key] if r.time < _AS_OF]
        for event in reference.canonical(known):
            label = reference.value(score.outcome, {"orders": known}, event.time)
            if event.time + score.horizon.microseconds <= _AS_OF and label is not None:
                found.append((key, event, label))
    return found


def _cell(compared: Sequence[tuple[str, Any, Any]]) -> Cell:
    different = [(where, e, v) for where, e, v in compared if bits(e) != bits(v)]
    example = f"{different[0][0]}: {different[0][2]!r}, not {different[0][1]!r}" if different else ""
    return Cell(len(compared), len(different), example)

"""What one feature looks like: missing values, a reading of its values, and its distribution by outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Values
from vigie.report.condense import Bin, histogram
from vigie.report.language import say
from vigie.report.numerals import date, percent, plural, short

Array = np.ndarray[Any, np.dtype[Any]]

RARE = 0.03
"""Share below which a category is grouped with the other rare ones inside the model."""
SHOWN = 6
"""Most categories drawn."""
FAR = 3.0
"""Interquartile ranges beyond the quartiles from which a value is called extreme (Tukey 1977)."""


@dataclass(frozen=True, eq=False, slots=True)
class Profile:
    """A feature over all rows of a training set.

    Attributes:
        name: Of the feature.
        description: In the user's words, or made from its definition.
        kind: What its values are.
        missing: Share of nulls, 0 … 1.
        missing_positive: The same among rows whose outcome is true.
        missing_negative: The same among the others.
        reading: Its values in a few words.
        bins: Distribution of a number or a moment (in ms) by outcome; empty for others.
        groups: ``(category, share of rows, share of positives among them, share of positives among all)``.
    """

    name: str
    description: str
    kind: Kind
    missing: float
    missing_positive: float
    missing_negative: float
    reading: str
    bins: tuple[Bin, ...]
    groups: tuple[tuple[str, float, float, float], ...]


def profile(name: str, description: str, values: Values, labels: Array, *, drawn: bool = True) -> Profile:
    """Look at one feature.

    Args:
        name: Of the feature.
        description: What it means.
        values: Of all rows.
        labels: 0 or 1 for each.
        drawn: Whether its distribution is wanted too.
    """
    nulls, positive = values.nulls(), labels == 1
    shares = (_share(nulls), _share(nulls[positive]), _share(nulls[~positive]))
    nulls = nulls | _infinite(values)
    known = values.take(~nulls)
    if not len(known):
        return Profile(name, description, values.kind, *shares, say("no values at all"), (), ())
    bins: tuple[Bin, ...] = ()
    groups: tuple[tuple[str, float, float, float], ...] = ()
    if values.kind in (Kind.NUMBER, Kind.TIME):
        numbers = known.data / 1000.0 if values.kind is Kind.TIME else known.data
        reading = _moments(known.data) if values.kind is Kind.TIME else _numbers(numbers)
        few = np.unique(numbers) if values.kind is Kind.NUMBER else numbers
        if drawn and len(few) <= 2:
            codes = np.searchsorted(few, numbers)
            counts = np.bincount(codes, minlength=len(few))
            groups = tuple(_groups([short(v) for v in few], codes, counts, labels[~nulls], float(labels.mean())))
        elif drawn:
            low, high = np.quantile(numbers, [0.005, 0.995])
            limits = (float(low), float(high)) if low < high else None
            bins = tuple(histogram(numbers, labels[~nulls], bins=24, limits=limits))
    else:
        texts, codes = _categories(known)
        counts = np.bincount(codes, minlength=len(texts))
        reading = _labels(texts, counts, boolean=values.kind is Kind.BOOLEAN)
        if drawn:
            groups = tuple(_groups(texts, codes, counts, labels[~nulls], float(labels.mean())))
    return Profile(name, description, values.kind, *shares, reading, bins, groups)


def _infinite(values: Values) -> Array:
    if values.kind is not Kind.NUMBER:
        return np.zeros(len(values), dtype=bool)
    return np.isinf(values.data)


def _share(mask: Array) -> float:
    return float(mask.mean()) if len(mask) else 0.0


def _numbers(numbers: Array) -> str:
    low, first, middle, third, high = (float(q) for q in np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    if low == high:
        return say("always {value}", value=short(low))
    reading = say(
        "median {middle}, half between {first} and {third}, all between {low} and {high}",
        middle=short(middle),
        first=short(first),
        third=short(third),
        low=short(low),
        high=short(high),
    )
    reach = FAR * (third - first)
    far = float(np.mean((numbers < first - reach) | (numbers > third + reach)))
    return say("{reading}; {share} extreme", reading=reading, share=percent(far)) if reach and far else reading


def _moments(moments: Array) -> str:
    return say("from {start} to {end}", start=date(int(moments.min())), end=date(int(moments.max())))


def _categories(known: Values) -> tuple[list[str], Array]:
    if known.kind is Kind.BOOLEAN:
        return [say("false"), say("true")], known.data.astype(np.int64)
    return list(known.categories), known.data.astype(np.int64)


def _labels(texts: list[str], counts: Array, *, boolean: bool) -> str:
    total = int(counts.sum())
    if boolean:
        return say("true for {share}", share=percent(float(counts[1]) / total))
    used = int(np.count_nonzero(counts))
    most = int(np.argmax(counts))
    if used == 1:
        return say("always “{value}”", value=texts[most])
    reading = say(
        "{values}, most often “{value}” ({share})",
        values=plural(used, "value"),
        value=texts[most],
        share=percent(float(counts[most]) / total),
    )
    rare = (counts > 0) & (counts < RARE * total)
    if not rare.any():
        return reading
    share = percent(float(counts[rare].sum()) / total)
    return say(
        "{reading}; {values} under {limit} grouped as other ({share})",
        reading=reading,
        values=plural(int(rare.sum()), "value"),
        limit=percent(RARE, 0),
        share=share,
    )


def _groups(
    texts: list[str], codes: Array, counts: Array, labels: Array, average: float
) -> list[tuple[str, float, float, float]]:
    hits = np.bincount(codes, weights=labels, minlength=len(texts))
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    total = float(counts.sum())
    shown = order if len(order) <= SHOWN else order[: SHOWN - 1]
    found = [(texts[i], counts[i] / total, float(hits[i] / counts[i]), average) for i in shown]
    rest = order[len(shown) :]
    if rest:
        held = float(counts[rest].sum())
        found.append((say("{number} others", number=len(rest)), held / total, float(hits[rest].sum()) / held, average))
    return found

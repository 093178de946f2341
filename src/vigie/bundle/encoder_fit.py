"""Fits an encoder to training data."""

from __future__ import annotations

from typing import Literal

import numpy as np

from vigie.bundle.encoder import CategoryColumn, Encoder, EncoderColumn, NumberColumn
from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.errors import FeatureError
from vigie.features.values import Columns, Values

Style = Literal["tree", "linear", "additive"]

RARE = 0.03
"""Categories with a smaller share of the rows are grouped as *other*."""

CLIP = (0.005, 0.995)
"""Quantiles that a linear model's numbers are clipped to, so that one extreme value does not rule it."""


def fit_encoder(columns: Columns, labels: Array | None = None, *, style: Style, rare: float = RARE) -> Encoder:
    """An encoder for the inputs *columns*, in their order.

    Categories below *rare* are grouped as *other*; one never seen counts as *other*, or as the most frequent one where
    nothing was grouped; a missing category is a level of its own where training had any.

    * ``"tree"``: codes for categories; with *labels* the levels are in order of their share of positives, so that a
      tree which splits codes like numbers can part good from bad at once (Breiman et al. 1984, §9.4). NaN stays.
    * ``"additive"``: codes in order of the text; NaN stays.
    * ``"linear"``: one column a level; a missing number becomes the median beside a column that says so; numbers are
      clipped to the 0.5 and 99.5 percentiles and standardised.

    A TIME counts as days since 1970, a BOOLEAN as 0 and 1.

    Args:
        columns: Training values by input name, n ≥ 1 each.
        labels: Outcomes, 0 or 1, shape (n,).
        style: What the model can read.
        rare: Least share of the rows, 0 … 1, for a level of one's own.

    Raises:
        FeatureError: An input is free text.
    """
    fitted: list[EncoderColumn] = []
    for name, values in columns.items():
        if values.kind is Kind.TEXT:
            raise FeatureError(
                "free text cannot be encoded", where=name, remedy="leave the feature out, or declare it a category"
            )
        if values.kind is Kind.CATEGORY:
            fitted.append(_category(name, values, labels if style == "tree" else None, style == "linear", rare))
        elif style == "linear":
            fitted.append(_standardised(name, values))
        else:
            fitted.append(NumberColumn(name, values.kind))
    return Encoder(tuple(fitted))


def _category(name: str, values: Values, labels: Array | None, onehot: bool, rare: float) -> CategoryColumn:
    n = len(values)
    counts = np.bincount(values.data[values.data >= 0], minlength=len(values.categories))
    seen = np.flatnonzero(counts > 0)
    kept = sorted(values.categories[code] for code in seen if counts[code] >= rare * n)
    of = {text: code for code, text in enumerate(values.categories)}
    grouped, missing = len(kept) < len(seen), bool((values.data < 0).any())
    # Levels in a first order: the kept ones, other, missing.
    other = len(kept) if grouped or not (kept or missing) else -1
    levels = len(kept) + (other >= 0) + missing
    null = levels - 1 if missing else -1
    frequent = max(range(len(kept)), key=lambda i: (counts[of[kept[i]]], -i)) if kept else null
    unseen = other if other >= 0 else frequent
    place = np.arange(levels)
    if labels is not None:
        first = {text: code for code, text in enumerate(kept)}
        table = np.array([first.get(text, unseen) for text in values.categories] + [null], dtype=np.intp)
        level = table[values.data]
        size = np.bincount(level, minlength=levels)
        share = np.bincount(level, weights=np.asarray(labels, dtype=np.float64), minlength=levels) / np.maximum(size, 1)
        place[np.lexsort((np.arange(levels), share))] = np.arange(levels)
    return CategoryColumn(
        name=name,
        kept=tuple(kept),
        codes=tuple(int(place[i]) for i in range(len(kept))),
        unseen=int(place[unseen]),
        null=int(place[null if missing else unseen]),
        levels=levels,
        onehot=onehot,
    )


def _standardised(name: str, values: Values) -> NumberColumn:
    plain = NumberColumn(name, values.kind)
    column = np.empty((len(values), 1))
    plain.write(values, column)
    x = column[:, 0]
    known = x[~np.isnan(x)]
    indicator = len(known) < len(x)
    if not len(known):
        return NumberColumn(name, values.kind, impute=0.0, indicator=indicator)
    low, high = (float(q) for q in np.quantile(known, CLIP))
    limits: tuple[float | None, float | None] = (low, high)
    if values.kind is Kind.BOOLEAN or low == high:
        # Clipping would leave nothing of a value that is rare.
        limits = (None, None)
    else:
        known = np.clip(known, low, high)
    impute = float(np.median(known))
    filled = np.append(known, np.full(len(x) - len(known), impute))
    center, scale = float(np.mean(filled)), float(np.std(filled))
    if not scale > 1e-12 * max(1.0, abs(center)):
        scale = 1.0
    return NumberColumn(name, values.kind, impute, indicator, limits[0], limits[1], center, scale)

"""Features that name rows (VGT004), and running numbers that tell the outcome because they tell the time (VGL009)."""

from __future__ import annotations

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Columns, Values
from vigie.findings import Finding, Severity
from vigie.training.checks.alone import alone
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import tells_from
from vigie.training.split import group_codes
from vigie.wording import said

ROWS = 200
"""Customers with a value below which nothing is said."""
TEXT_SHARE, NUMBER_SHARE = 0.90, 0.99
"""Share of customers with a value of their own from which a category, or a number, is taken for a name. An amount in
whole units repeats by chance now and then; a name that was given out once does not."""
EVEN = 0.10
"""Greatest distance from an even spread between least and greatest: numbers that were given out one after the other, or
drawn, are spread evenly, amounts are not."""
IN_ORDER = 0.99
"""Rank correlation with the number of the row from which a feature is that number in other words."""


def running_numbers(features: Columns, labels: np.ndarray, customers: np.ndarray, *, seed: int) -> list[Finding]:
    """Features that differ for nearly every customer.

    Args:
        features: Columns of the training rows.
        labels: 0 or 1 of the training rows.
        customers: Keys of the training rows: a value that stays the same for a customer counts once.
        seed: Of the folds in which a number's own AUC is measured.
    """
    _, first = np.unique(group_codes(customers), return_index=True)
    found = []
    for name, values in features.items():
        if values.kind in (Kind.BOOLEAN, Kind.TIME):
            continue
        place = first[~values.nulls()[first]]
        known = values.data[place]
        if len(known) < ROWS:
            continue
        is_text = values.kind is Kind.CATEGORY
        share = len(np.unique(known)) / len(known)
        if share < (TEXT_SHARE if is_text else NUMBER_SHARE):
            continue
        in_order = abs(_rank_correlation(known, place)) >= IN_ORDER
        if not is_text and not in_order and not bool((known == np.floor(known)).all()):
            continue
        given_out = is_text or in_order or _unevenness(known) <= EVEN
        measure = alone(Values(Kind.NUMBER, np.where(values.nulls(), np.nan, values.data.astype(float))), labels, seed)
        if given_out and tells_from(labels, measure.auc):
            found.append(
                finding(
                    "VGL009",
                    name,
                    said(
                        "{share:.1%} of {customers:,} customers have a value of their own, and by its order alone it ranks them "
                        "with an AUC of {auc:.3f}: numbers given out one after the other tell when, and with the rows of another "
                        "time mean something else",
                        share=share,
                        customers=len(known),
                        auc=measure.auc,
                    ),
                )
            )
            continue
        found.append(
            finding(
                "VGT004",
                name,
                said(
                    "{share:.1%} of {customers:,} customers have a value of their own",
                    share=share,
                    customers=len(known),
                )
                if given_out
                else said(
                    "{share:.1%} of {customers:,} customers have a value of their own; its whole numbers are spread unevenly, as "
                    "amounts are",
                    share=share,
                    customers=len(known),
                ),
                None if given_out else Severity.NOTE,
            )
        )
    return found


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _unevenness(known: np.ndarray) -> float:
    """Greatest distance, 0 … 1, between the distribution of *known* and the even one between its ends."""
    values = np.sort(known.astype(float))
    span = values[-1] - values[0]
    if span == 0:
        return 1.0
    return float(np.abs((values - values[0]) / span - (np.arange(len(values)) + 0.5) / len(values)).max())

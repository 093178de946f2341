"""Which rows learn and which test: the latest moments where there is time, a stratified draw otherwise.

Out of time, the test begins at a moment *T* and the training rows are those whose outcome was known at *T*:
``t + horizon ≤ T``. Rows in between belong to neither: a model trained at *T* could not have learned from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.errors import TrainingError
from vigie.findings import Finding, Severity
from vigie.training.options import DEFAULT_SPLIT, DEFAULT_SPLIT_IN_TIME
from vigie.training.result import SplitDescription
from vigie.wording import said

FEWEST_POSITIVES = 5
"""Rows of each class that either part needs."""
SMALLEST_TRAINING_SHARE = 0.2
"""An out-of-time test may not leave less than this share of all rows to learn from."""


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of both parts, increasing, and what they are.

    Attributes:
        train: Rows that learn.
        test: Rows that test.
        description: For the report.
        findings: Why there is no out-of-time test although there is time.
    """

    train: np.ndarray
    test: np.ndarray
    description: SplitDescription
    findings: tuple[Finding, ...] = ()


def split_rows(
    labels: np.ndarray,
    moments: np.ndarray,
    customers: np.ndarray,
    *,
    has_time: bool,
    horizon: int,
    share: float | None,
    seed: int,
) -> Split:
    """Divides the rows.

    Args:
        labels: 0 or 1, shape (n,).
        moments: µs, shape (n,).
        customers: Keys, shape (n,); all rows of one customer stay on one side of a random split.
        has_time: Whether customers are scored at more than one moment by design.
        horizon: µs until the outcome of a moment is known.
        share: Wanted share of the rows in the test; ``None``: the default of the kind of split.
        seed: Of the random draw.

    Raises:
        TrainingError: There are too few rows of one class for both parts.
    """
    if has_time:
        found = _out_of_time(labels, moments, horizon, DEFAULT_SPLIT_IN_TIME if share is None else share)
        if found is not None:
            return found
    findings = (_no_later_rows(moments, horizon),) if has_time else ()
    wanted = DEFAULT_SPLIT if share is None else share
    test = stratified_draw(labels, group_codes(customers), wanted, np.random.default_rng(seed))
    train = np.flatnonzero(~test)
    tested = np.flatnonzero(test)
    for part, rows in (("training", train), ("test", tested)):
        counts = np.bincount(labels[rows], minlength=2)
        if counts.min() < FEWEST_POSITIVES:
            raise TrainingError(
                f"the {part} part would have {counts[1]} rows with the outcome true and {counts[0]} with it false; "
                f"each needs {FEWEST_POSITIVES}",
                where="split",
                remedy="collect more history, check the outcome's definition, or change --split",
            )
    several = len(moments) > 0 and moments.min() < moments.max()
    description = SplitDescription(
        kind="stratified",
        train_rows=len(train),
        test_rows=len(tested),
        train_until=int(moments[train].max()) if several else None,
        test_from=int(moments[tested].min()) if several else None,
        test_until=int(moments[tested].max()) if several else None,
        gap=0,
    )
    return Split(train, tested, description, findings)


def _out_of_time(labels: np.ndarray, moments: np.ndarray, horizon: int, share: float) -> Split | None:
    """The cut whose test is nearest to *share* of the rows, among those that leave enough on both sides."""
    order = np.argsort(moments, kind="stable")
    times = moments[order]
    positives = np.concatenate([[0], np.cumsum(labels[order])])
    starts = np.unique(times)[1:]
    if not len(starts):
        return None
    first_test = np.searchsorted(times, starts, side="left")
    # Known at the cut: t + horizon ≤ T. Without a horizon, a row at T itself belongs to the test.
    last_train = np.minimum(np.searchsorted(times, starts - horizon, side="right"), first_test)
    n = len(times)
    test_positives = positives[n] - positives[first_test]
    train_positives = positives[last_train]
    possible = (last_train >= SMALLEST_TRAINING_SHARE * n) & (train_positives >= FEWEST_POSITIVES)
    possible &= (last_train - train_positives >= FEWEST_POSITIVES) & (test_positives >= FEWEST_POSITIVES)
    possible &= n - first_test - test_positives >= FEWEST_POSITIVES
    if not possible.any():
        return None
    distance = np.where(possible, np.abs((n - first_test) / n - share), np.inf)
    best = int(np.argmin(distance))
    cut = int(starts[best])
    test = np.flatnonzero(moments >= cut)
    train = np.flatnonzero((moments <= cut - horizon) & (moments < cut))
    description = SplitDescription(
        kind="out_of_time",
        train_rows=len(train),
        test_rows=len(test),
        train_until=int(moments[train].max()),
        test_from=cut,
        test_until=int(moments[test].max()),
        gap=horizon,
        dropped_rows=n - len(train) - len(test),
    )
    return Split(train, test, description)


def _no_later_rows(moments: np.ndarray, horizon: int) -> Finding:
    days = horizon / 86_400_000_000
    return Finding(
        code="VGT001",
        severity=Severity.WARNING,
        title="No out-of-time test",
        where="split",
        explanation=said(
            "{moments:,} moments with a known outcome and a horizon of {days:g} days leave no later rows to test on; the test "
            "rows were drawn at random instead, customer by customer",
            moments=len(np.unique(moments)),
            days=days,
        ),
        remedy="load more history or shorten the horizon; until then expect the model to do worse than the test says",
    )


def group_codes(customers: np.ndarray) -> np.ndarray:
    """A number for each customer in order of first appearance, shape (n,): the draw must not depend on key hashes."""
    numbers: dict[object, int] = {}
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in customers), np.int64, len(customers))


def stratified_draw(labels: np.ndarray, groups: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Mask, shape (n,), of about *share* of the groups, with the same share of groups that have a positive row."""
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    positive = np.zeros(n_groups, bool)
    positive[groups[labels == 1]] = True
    drawn = np.zeros(n_groups, bool)
    for members in (np.flatnonzero(positive), np.flatnonzero(~positive)):
        shuffled = generator.permutation(members)
        drawn[shuffled[: round(share * len(shuffled))]] = True
    return np.asarray(drawn[groups])

"""The time-travel test: what a feature knows, held against what honest time lets it know.

Features of events are computed as of their moment by construction, and the same kernel is proved against a slow
reference. What can still carry the future in is data that says nothing, or the wrong thing, about time. Three signs:

* a date that lies after the moment it is read at (VGL010): certain, where a table has dates;
* a feature that predicts the outcome of its own moment far better than the same customer's value of one horizon
  earlier *or later* does (VGL011). An honest history knows more of the outcome of *t* when asked at *t* + horizon, since
  by then the outcome has happened; a feature that already holds part of the window ``[t, t + horizon)`` knows less;
* a column without time that tells the outcomes of the last moments, the test's, far better than those of the first
  (VGL012): it has the value of the day it was exported, and knows most about what came just before.

A plain table with one moment and no dates gives none of these anything to hold on to. There, only the signs of
:mod:`vigie.training.checks.leakage` are looked for, and to ask who fills a column in, and when, is the only real test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vigie.definition import Feature
from vigie.definition.expression import Literal, Moment
from vigie.definition.kind import Kind
from vigie.definition.operation import Operation
from vigie.definition.source import Column
from vigie.features.values import Columns, Values
from vigie.findings import Finding, Severity
from vigie.training.checks.alone import alone
from vigie.training.checks.codes import finding
from vigie.training.checks.leakage import of_undated_columns
from vigie.training.checks.noise import auc_error, classes
from vigie.training.metrics import auc
from vigie.training.split import group_codes
from vigie.wording import said

LATER_SHARE = 0.005
"""Share of rows with a date after their moment that is worth a word."""
LATER_AUC = 0.60
"""AUC of *lies after the moment* from which it is more than a plan, such as the end of a contract."""
KNOWS, LOSES, CERTAIN = 0.85, 0.10, 0.90
"""AUC of a feature at its own moment, how much less one horizon earlier and later, that together are no accident, and AUC
from which it is an error."""
RISES, TELLS = 0.08, 0.60
"""AUC that an undated column gains from the first half of the training time to the test, and that it reaches there."""
ERRORS, CLUSTERED_ERRORS = 4.0, 3.0
"""Standard errors; fewer where all rows of a customer count as one, which is more cautious than they are alike."""
FEWEST_ROWS, FEWEST_RARE = 300, 30
NEAR = 0.25
"""A row counts as one horizon away within this share of the horizon."""
ROWS = 50_000


def later_dates(
    features: Columns, definitions: Sequence[Feature], labels: np.ndarray, moments: np.ndarray
) -> list[Finding]:
    """Dates of tables without known_at= that lie after the moment they are read at.

    Args:
        features: Columns of the training rows.
        definitions: Their definitions.
        labels: 0 or 1 of the training rows.
        moments: µs of the training rows.
    """
    found = []
    for definition in definitions:
        if definition.name not in features or not of_undated_columns(definition):
            continue
        later = _after(definition, features[definition.name], moments)
        if later is None:
            continue
        share = float(later.mean())
        if share < LATER_SHARE:
            continue
        tells = auc(labels, later.astype(float))
        tells = max(tells, 1 - tells)
        found.append(
            finding(
                "VGL010",
                definition.name,
                said(
                    "on {share:.1%} of the rows the date lies after the moment of scoring; {positive:.1%} of these rows are "
                    "positive, against {others:.1%} of the others",
                    share=share,
                    positive=float(labels[later].mean()),
                    others=float(labels[~later].mean()) if not later.all() else float("nan"),
                ),
                Severity.WARNING if tells >= LATER_AUC else None,
            )
        )
    return found


def _after(definition: Feature, values: Values, moments: np.ndarray) -> np.ndarray | None:
    """Which rows have a date after their moment; ``None`` where the feature is no date and no distance to one."""
    if values.kind is Kind.TIME and isinstance(definition, Column):
        return np.asarray(~values.nulls() & (values.data > moments))
    node: object = definition
    while isinstance(node, Operation) and node.operation == "div" and isinstance(node.operands[1], Literal):
        node = node.operands[0]
    if not isinstance(node, Operation) or node.operation != "days_between":
        return None
    earlier, later = node.operands
    if isinstance(earlier, Column) and isinstance(later, Moment):
        with np.errstate(invalid="ignore"):
            return np.asarray(values.data < 0)
    return None


# -- the outcome window ------------------------------------------------------------------------------------------------


def own_window(
    features: Columns,
    labels: np.ndarray,
    moments: np.ndarray,
    customers: np.ndarray,
    train: np.ndarray,
    *,
    horizon: int,
    seed: int,
) -> list[Finding]:
    """Features that know the outcome of their own moment better than the customer's values before and after do.

    Args:
        features: Columns of all rows: the values one horizon later may be of test rows, their outcomes are not used.
        labels: 0 or 1 of all rows.
        moments: µs of all rows.
        customers: Key of each row.
        train: Numbers of the training rows.
        horizon: µs until the outcome of a moment is known; 0 where there is none.
        seed: Of the folds in which AUCs are measured.
    """
    times = np.unique(moments)
    if horizon <= 0 or len(times) < 3:
        return []
    step = max(horizon, int(np.median(np.diff(times))))
    groups = group_codes(customers)
    before, now, after = _neighbours(groups, moments, train, step)
    if len(now) > ROWS:
        keep = np.sort(np.random.default_rng(seed).choice(len(now), ROWS, replace=False))
        before, now, after = before[keep], now[keep], after[keep]
    y = labels[now]
    if len(now) < FEWEST_ROWS or min(classes(y)) < FEWEST_RARE:
        return []
    several = len(now) / len(np.unique(groups[now]))
    effective = [c / several for c in classes(y)]
    found = []
    for name, values in features.items():
        own = alone(values.take(now), y, seed).auc
        if own < KNOWS:
            continue
        earlier, later = alone(values.take(before), y, seed).auc, alone(values.take(after), y, seed).auc
        margin = max(LOSES, ERRORS * math.hypot(auc_error(own, *effective), auc_error(later, *effective)))
        if own - later < margin or own - earlier < margin:
            continue
        found.append(
            finding(
                "VGL011",
                name,
                said(
                    "it predicts the outcome of its own moment with an AUC of {own:.3f}; the same customer's value {days:.0f} days "
                    "earlier with {earlier:.3f}, and {days:.0f} days later, when the outcome has happened, with {later:.3f} only: "
                    "it seems to hold part of what was to be predicted",
                    own=own,
                    earlier=earlier,
                    later=later,
                    days=step / 86_400_000_000,
                ),
                Severity.ERROR if own >= CERTAIN else None,
            )
        )
    return found


def _neighbours(
    groups: np.ndarray, moments: np.ndarray, train: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of training rows with a row of the same customer about one *step* before and after, and of those rows."""
    order = np.lexsort((moments, groups))
    g, t = groups[order], moments[order]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    at = place[train]
    near = []
    # Customers one after the other on one axis: each has a stretch of its own, longer than all of history.
    span = int(t.max() - t.min()) + 4 * step
    axis = g.astype(np.float64) * span + (t - t.min())
    for sign in (-1, 1):
        wanted = axis[at] + sign * step
        right = np.clip(np.searchsorted(axis, wanted), 0, len(axis) - 1)
        left = np.maximum(right - 1, 0)
        closest = np.where(np.abs(axis[left] - wanted) <= np.abs(axis[right] - wanted), left, right)
        fits = (g[closest] == g[at]) & (np.abs(axis[closest] - wanted) <= NEAR * step) & (closest != at)
        near.append(np.where(fits, closest, -1))
    kept = (near[0] >= 0) & (near[1] >= 0)
    return order[near[0][kept]], train[kept], order[near[1][kept]]


# -- columns of the day of the export ------------------------------------------------------------------------------------


def of_the_export(
    features: Columns,
    definitions: Sequence[Feature],
    labels: np.ndarray,
    moments: np.ndarray,
    customers: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    seed: int,
) -> list[Finding]:
    """Columns without time that know more of later outcomes: those of the test rows against the first half of training.

    The test lies nearest to the export, so it is where such a column knows most, and makes the test figures too good.
    Outcomes of test rows are looked at for that; nothing is chosen by it.

    Args:
        features: Columns of all rows.
        definitions: Their definitions.
        labels: 0 or 1 of all rows.
        moments: µs of all rows.
        customers: Key of each row: rows of one customer are not independent.
        train: Numbers of the training rows.
        test: Numbers of the test rows, which are later.
        seed: Of the folds in which AUCs are measured.
    """
    times = moments[train]
    parts = [train[times <= np.quantile(times, 0.5)], test]
    if len(np.unique(times)) < 2 or any(len(p) < FEWEST_ROWS or min(classes(labels[p])) < FEWEST_RARE for p in parts):
        return []
    several = [len(p) / len(np.unique(group_codes(customers[p]))) for p in parts]
    found = []
    for definition in definitions:
        if definition.name not in features or not of_undated_columns(definition):
            continue
        values = features[definition.name]
        early, late = (alone(values.take(p), labels[p], seed).auc for p in parts)
        errors = [
            auc_error(a, *(c / s for c in classes(labels[p])))
            for a, p, s in zip((early, late), parts, several, strict=True)
        ]
        if late < TELLS or late - early <= max(RISES, CLUSTERED_ERRORS * math.hypot(*errors)):
            continue
        found.append(
            finding(
                "VGL012",
                definition.name,
                said(
                    "it has one value a customer, that of the day of the export, and ranks customers with an AUC of {early:.3f} in the "
                    "first half of the training time and of {late:.3f} in the test: the nearer the export, the more it knows",
                    early=early,
                    late=late,
                ),
            )
        )
    return found

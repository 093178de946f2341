"""All checks of the rows that a model is going to learn from and be tested on. None of them sees a model of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.definition import Every
from vigie.economics import PayoffValues
from vigie.findings import Finding, Severity
from vigie.training.candidates import Rows
from vigie.training.checks import (
    classes,
    columns,
    control,
    drift,
    duplicates,
    money,
    running_numbers,
    stability,
    time_travel,
)
from vigie.training.checks.leakage import leakage
from vigie.training.split import Split

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

SEED = 0
"""Of the checks' own samples and folds: what they say does not depend on the seed of the training."""


def check_rows(training_set: TrainingSet, rows: Rows, payoff: PayoffValues, split: Split) -> list[Finding]:
    """What there is to say about rows, features, split and cost matrix before anything is learned.

    Outcomes of test rows are counted, compared between copies, and held against columns of the day of the export
    (VGL012). Nothing is chosen by it: no feature is dropped, no row left out.

    Args:
        training_set: Rows with known outcomes.
        rows: The same as candidates read them.
        payoff: Their cost matrix.
        split: Which of them learn and which test.
    """
    score = training_set.score
    customers, moments = training_set.customers, training_set.moments
    definitions = score.bound_features
    in_time = split.description.kind == "out_of_time"
    train, test = split.train, split.test
    learned = rows.take(train)
    horizon = score.horizon.microseconds if score.horizon is not None else 0

    found = list(split.findings)
    dates = time_travel.later_dates(learned.columns, definitions, learned.labels, moments[train])
    found += dates
    windows = []
    if isinstance(score.moments, Every):
        windows = time_travel.own_window(
            rows.columns, rows.labels, moments, customers, train, horizon=horizon, seed=SEED
        )
    found += windows
    # Said once, as what it is: a date that was set once the outcome was near is empty for the others, and what holds
    # part of the outcome's window looks like a copy of the outcome.
    named_once = {("VGL003", finding.where) for finding in dates if finding.severity > Severity.NOTE}
    named_once |= {(code, finding.where) for finding in windows for code in ("VGL001", "VGL007")}
    found += [
        finding
        for finding in leakage(learned.columns, definitions, learned.labels, seed=SEED)
        if (finding.code, finding.where) not in named_once
    ]
    numbers = running_numbers.running_numbers(learned.columns, learned.labels, customers[train], seed=SEED)
    found += numbers
    of_export = []
    if in_time:
        of_export = time_travel.of_the_export(
            rows.columns, definitions, rows.labels, moments, customers, train, test, seed=SEED
        )
        found += of_export

    found += classes.few_rows(learned.labels, rows.labels[test])
    found += classes.nearly_constant_outcome(learned.labels)
    if in_time:
        found += classes.silent_stretches(learned.labels, moments[train])
    found += classes.unknown_outcomes(len(rows), training_set.immature, training_set.unknown)
    found += classes.acted_on(training_set.untouched)

    named = {finding.where for finding in numbers}
    found += columns.constant(learned.columns)
    found += columns.nearly_constant(learned.columns)
    # A name of rows has rare levels and levels never seen: it is told once, as what it is.
    others = {name: values for name, values in rows.columns.items() if name not in named}
    found += columns.rare_levels({name: values.take(train) for name, values in others.items()})
    found += columns.unseen_levels(others, train, test)

    found += duplicates.in_both_parts(rows.columns, train, test)
    found += duplicates.copied_customers(rows.columns, definitions, rows.labels, customers, train, test)
    found += duplicates.coarse_features(learned.columns, learned.labels)
    found += control.both_sides(customers, train, test, in_time=in_time)
    found += control.dealt_labels(rows.columns, rows.labels, customers, train, test, in_time=in_time, seed=SEED)
    found += drift.moved(rows.columns, train, test, in_time=in_time)
    found += drift.told_apart(rows.columns, customers, train, test, in_time=in_time, seed=SEED)
    # What knows more and more is not what it was either: said once.
    known = {finding.where for finding in of_export}
    found += [
        finding
        for finding in stability.unstable(
            learned.columns, learned.labels, moments[train], customers[train], in_time=in_time, seed=SEED
        )
        if finding.where not in known
    ]

    decision = score.decision
    found += money.capacity_without_effect(score)
    found += money.cost_matrix(payoff, len(rows), act=decision.act, leave=decision.leave, currency=decision.currency)
    return found

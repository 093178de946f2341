"""Checks of the outcome itself: few rows of one class, nearly always the same, not recorded all the time, unknown."""

from __future__ import annotations

import numpy as np

from vigie.features.untouched import Untouched
from vigie.findings import Finding, Severity
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import auc_error
from vigie.wording import said

FEW_TRAIN, FEW_TEST = 100, 30
"""Rows of the rarer class below which figures are mostly noise."""
NOTHING_LEARNED = 20
"""Training rows of the rarer class below which nothing can be learned that would hold."""
USUAL_AUC = 0.75
"""Of a model of the behaviour of people, to say what interval so few rows would leave it."""
NEARLY_ALL = 0.995
KNOWN_SHARE = 0.5
STRETCHES = 10
EXPECTED = 10.0
"""Rows of the rarer class that a stretch of time should have before their absence is told."""


def few_rows(train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """Either part has few rows of the rarer class. *train* and *test* are labels."""
    found = []
    for part, labels, fewest in ((said("training rows"), train, FEW_TRAIN), (said("test rows"), test, FEW_TEST)):
        rare = int(np.bincount(labels, minlength=2).min())
        if rare >= fewest:
            continue
        margin = 1.96 * auc_error(USUAL_AUC, rare, len(labels) - rare)
        found.append(
            finding(
                "VGT002",
                part,
                said(
                    "{rare} rows of the rarer class among {rows:,}; {fewest} are few. An AUC of {auc:.2f} measured on so many is "
                    "known to ± {margin:.2f} only",
                    rare=rare,
                    rows=len(labels),
                    fewest=fewest,
                    auc=USUAL_AUC,
                    margin=margin,
                ),
                Severity.ERROR if labels is train and rare < NOTHING_LEARNED else None,
            )
        )
    return found


def nearly_constant_outcome(labels: np.ndarray) -> list[Finding]:
    """The outcome is the same on nearly all rows."""
    share = float(labels.mean())
    if max(share, 1 - share) < NEARLY_ALL:
        return []
    return [
        finding(
            "VGT024",
            "outcome",
            said(
                "the outcome is true on {share:.2%} of {rows:,} rows: accuracy means nothing here, and money depends on "
                "probabilities that small being right",
                share=share,
                rows=len(labels),
            ),
        )
    ]


def silent_stretches(labels: np.ndarray, moments: np.ndarray) -> list[Finding]:
    """Stretches of time in which the outcome never was true, or always, though many such rows were to be expected.

    An outcome that is not recorded yet, or not any more, looks like one that does not happen.
    """
    times = np.unique(moments)
    if len(times) < STRETCHES:
        edges = times
    else:
        edges = np.unique(np.sort(moments, kind="stable")[(np.arange(STRETCHES) * len(moments)) // STRETCHES])
    if len(edges) < 3:
        return []
    stretch = np.searchsorted(edges, moments, side="right") - 1
    size = np.bincount(stretch, minlength=len(edges))
    hits = np.bincount(stretch, weights=labels, minlength=len(edges))
    rate = float(labels.mean())
    never = (hits == 0) & (size * rate >= EXPECTED)
    always = (hits == size) & (size * (1 - rate) >= EXPECTED)
    silent = never | always
    if not silent.any():
        return []
    others = float(hits[~silent].sum() / max(int(size[~silent].sum()), 1))
    return [
        finding(
            "VGT018",
            "outcome",
            said(
                "in {silent} of {stretches} stretches of time, {rows:,} rows, the outcome is the same on every row; in the "
                "others it is true on {others:.1%}",
                silent=int(silent.sum()),
                stretches=len(edges),
                rows=int(size[silent].sum()),
                others=others,
            ),
        )
    ]


def unknown_outcomes(rows: int, immature: int, unknown: int) -> list[Finding]:
    """Most (customer, moment) rows were left out of the training set."""
    total = rows + immature + unknown
    if not total or rows / total >= KNOWN_SHARE:
        return []
    return [
        finding(
            "VGT010",
            "training set",
            said(
                "of {total:,} rows {immature:,} are younger than the horizon and {unknown:,} have no outcome; {rows:,} are used",
                total=total,
                immature=immature,
                unknown=unknown,
                rows=rows,
            ),
        )
    ]


def acted_on(untouched: Untouched | None) -> list[Finding]:
    """Rows were left out because an action changed their outcome; a warning where nobody stands for them."""
    if untouched is None or not untouched.rows:
        return []
    share = untouched.acted / untouched.rows
    if untouched.covered:
        words = said(
            "of {rows:,} rows {acted:,} ({share:.1%}) are left out because an action changed their outcome; {standing:,} rows of "
            "customers held out stand for them",
            rows=untouched.rows,
            acted=untouched.acted,
            share=share,
            standing=untouched.standing,
        )
        return [finding("VGT026", "training set", words)]
    words = said(
        "of {rows:,} rows {acted:,} ({share:.1%}) are left out because an action changed their outcome, and nobody was held out: "
        "what becomes of such customers without it is not seen, and every figure is about the others",
        rows=untouched.rows,
        acted=untouched.acted,
        share=share,
    )
    return [finding("VGT026", "training set", words, Severity.WARNING)]

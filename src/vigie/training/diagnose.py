"""Over- and under-fitting in words, and what to say about a winner that is too good or not good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vigie.findings import Finding
from vigie.training.checks.codes import finding
from vigie.training.result import CandidateResult, Metrics

OVERFIT = 0.05
"""AUC that the training rows may be above cross-validation before it is called over-fitting."""
SHAKY = 0.05
"""AUC between the best and the worst fold, or between cross-validation and test, that is worth a word."""
WEAK = 0.60
TOO_GOOD = 0.97
OFF = 0.05
"""Expected calibration error on the test that is worth a warning."""
FEATURELESS = frozenset({"dummy", "rule"})


def fit_in_words(train: Metrics, folds: Sequence[Metrics], mean: Metrics, test: Metrics, *, learns: bool) -> str:
    """What the three AUCs say together, in a sentence or two.

    Args:
        train: On the rows it was fitted on.
        folds: On each fold of the cross-validation.
        mean: Their mean.
        test: On the test rows.
        learns: Whether it learns from features at all; the dummy and the rule do not.
    """
    if not learns:
        return "Nothing is learned from features, so there is nothing to over-fit."
    if any(math.isnan(m.auc) for m in (train, mean, test)):
        return "The fit cannot be judged: one class is missing from a part of the rows."
    figures = (
        f"AUC {train.auc:.3f} on its training rows, {mean.auc:.3f} in cross-validation, {test.auc:.3f} on the test"
    )
    gap = train.auc - mean.auc
    spread = max(m.auc for m in folds) - min(m.auc for m in folds)
    if mean.auc < WEAK:
        verdict = "Under-fitted: the features say little about the outcome, or the model is too simple for them"
    elif gap > 2 * OVERFIT:
        verdict = "Clearly over-fitted: it remembers training rows"
    elif gap > OVERFIT:
        verdict = "Somewhat over-fitted: it knows its training rows better than new ones"
    else:
        verdict = "Good fit: new rows are ranked nearly as well as training rows"
    extra = ""
    if mean.auc - test.auc > SHAKY:
        extra = ". The test is worse than cross-validation: the test rows differ from the training rows"
    elif spread > 2 * SHAKY:
        extra = f". Folds differ by {spread:.2f}: read each figure as rough"
    return f"{verdict} ({figures}){extra}."


def judge(
    candidates: Sequence[CandidateResult], winner: CandidateResult, strategies: Mapping[str, Metrics]
) -> list[Finding]:
    """Findings about the winner."""
    found = []
    if winner.test.auc >= TOO_GOOD:
        found.append(
            finding(
                "VGL006",
                winner.name,
                f"an AUC of {winner.test.auc:.3f} on the test is rare for the behaviour of people; most often a feature "
                "contains the outcome",
            )
        )
    if winner.name in FEATURELESS and any(c.name not in FEATURELESS for c in candidates):
        best = max((c for c in candidates if c.name not in FEATURELESS), key=lambda c: c.cv_mean.value)
        found.append(
            finding(
                "VGT007",
                winner.name,
                f"{winner.title} brings {winner.cv_mean.value:.4g} for one customer in cross-validation, the best model "
                f"({best.title}) {best.cv_mean.value:.4g}",
            )
        )
    elif "rule" in strategies and strategies["rule"].value > strategies["vigie"].value:
        found.append(
            finding(
                "VGT007",
                "rule",
                f"on the test rows the declared rule brings {strategies['rule'].value:.4g} for one customer, the model "
                f"{strategies['vigie'].value:.4g}",
            )
        )
    if winner.name not in FEATURELESS and winner.train.auc - winner.cv_mean.auc > 2 * OVERFIT:
        found.append(
            finding(
                "VGT008",
                winner.name,
                f"AUC {winner.train.auc:.3f} on the training rows against {winner.cv_mean.auc:.3f} in cross-validation",
            )
        )
    if winner.test.ece > OFF:
        found.append(
            finding(
                "VGT009",
                winner.name,
                f"probabilities are off by {winner.test.ece:.1%} on average on the test rows "
                f"({winner.test.positives / winner.test.n:.1%} are positive)",
            )
        )
    if winner.name not in FEATURELESS and winner.test.acted in (0.0, 1.0):
        whom = "nobody" if winner.test.acted == 0 else "everybody"
        found.append(finding("VGE002", "decision", f"on the test rows {whom} is acted on"))
    return found

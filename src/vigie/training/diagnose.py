"""Over- and under-fitting in words: what a candidate's AUCs on training rows, in cross-validation and on the test say together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vigie.training.result import Metrics
from vigie.wording import Said, said

OVERFIT = 0.05
"""AUC that the training rows may be above cross-validation before it is called over-fitting."""
SHAKY = 0.05
"""AUC between the best and the worst fold, or between cross-validation and test, that is worth a word."""
WEAK = 0.60


def fit_in_words(train: Metrics, folds: Sequence[Metrics], mean: Metrics, test: Metrics, *, learns: bool) -> Said:
    """What the three AUCs say together, in a sentence or two.

    Args:
        train: On the rows it was fitted on.
        folds: On each fold of the cross-validation.
        mean: Their mean.
        test: On the test rows.
        learns: Whether it learns from features at all; the dummy and the rule do not.
    """
    if not learns:
        return said("Nothing is learned from features, so there is nothing to over-fit.")
    if any(math.isnan(m.auc) for m in (train, mean, test)):
        return said("The fit cannot be judged: one class is missing from a part of the rows.")
    figures = said(
        "AUC {train:.3f} on its training rows, {cv:.3f} in cross-validation, {test:.3f} on the test",
        train=train.auc,
        cv=mean.auc,
        test=test.auc,
    )
    gap = train.auc - mean.auc
    known = [m.auc for m in folds if not math.isnan(m.auc)]
    spread = max(known) - min(known) if known else 0.0
    if mean.auc < WEAK:
        verdict = said("Under-fitted: the features say little about the outcome, or the model is too simple for them")
    elif gap > 2 * OVERFIT:
        verdict = said("Clearly over-fitted: it remembers training rows")
    elif gap > OVERFIT:
        verdict = said("Somewhat over-fitted: it knows its training rows better than new ones")
    else:
        verdict = said("Good fit: new rows are ranked nearly as well as training rows")
    if mean.auc - test.auc > SHAKY:
        return said(
            "{verdict} ({figures}). The test is worse than cross-validation: the test rows differ from the training rows.",
            verdict=verdict,
            figures=figures,
        )
    if spread > 2 * SHAKY:
        return said(
            "{verdict} ({figures}). Folds differ by {spread:.2f}: read each figure as rough.",
            verdict=verdict,
            figures=figures,
            spread=spread,
        )
    return said("{verdict} ({figures}).", verdict=verdict, figures=figures)

"""Checks of how the candidates fit: nothing learned, over-fitted, worse later, probabilities that are off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vigie.findings import Finding, Severity
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import auc_error
from vigie.training.evidence import Evidence
from vigie.training.result import CandidateResult, Metrics
from vigie.wording import said

FEATURELESS = frozenset({"dummy", "rule"})
OVERFIT = 0.10
"""AUC that the training rows may be above cross-validation before it is told."""
WEAK = 0.60
NOTHING, NOTHING_ERRORS = 0.02, 2.5
"""AUC above one half, and in standard errors, up to which nothing was learned."""
WORSE, WORSE_ERRORS = 0.04, 3.0
"""AUC that the test may be below cross-validation, and in standard errors."""
OFF = 0.05
"""Expected calibration error on the test that is worth a warning."""
CHANCE = 1.8
"""It also has to exceed so many times what chance makes of it: three standard deviations above."""


def nothing_learned(candidates: Sequence[CandidateResult]) -> list[Finding]:
    """No candidate ranks customers better than chance, or hardly."""
    learners = [c for c in candidates if c.name not in FEATURELESS and not math.isnan(c.cv_mean.auc)]
    if not learners:
        return []
    best = max(learners, key=lambda c: c.cv_mean.auc)
    cv = best.cv_mean
    error = auc_error(0.5, cv.positives, cv.n - cv.positives)
    if cv.auc - 0.5 <= max(NOTHING, NOTHING_ERRORS * error):
        return [
            finding(
                "VGT021",
                best.name,
                said(
                    "the best model, {title}, ranks customers in cross-validation with an AUC of {auc:.3f}; by chance alone it "
                    "would be 0.5 ± {error:.3f}",
                    title=best.title,
                    auc=cv.auc,
                    error=error,
                ),
            )
        ]
    if cv.auc < WEAK:
        return [
            finding(
                "VGT021",
                best.name,
                said(
                    "under-fitted, or hardly anything to fit: the best model, {title}, ranks customers in cross-validation with an "
                    "AUC of {auc:.3f} (0.5 is chance)",
                    title=best.title,
                    auc=cv.auc,
                ),
                Severity.NOTE,
            )
        ]
    return []


def no_better_than_simple(
    candidates: Sequence[CandidateResult],
    winner: CandidateResult,
    strategies: Mapping[str, Metrics],
    evidence: Evidence,
) -> list[Finding]:
    """The dummy or the rule won, or the rule brought more on the test rows."""
    learners = [c for c in candidates if c.name not in FEATURELESS]
    if winner.name in FEATURELESS and learners:
        best = max(learners, key=lambda c: c.cv_mean.value)
        return [
            finding(
                "VGT007",
                winner.name,
                said(
                    "{winner} brings {value:.4g} for one customer in cross-validation, the best model ({title}) {other:.4g}",
                    winner=winner.title,
                    value=winner.cv_mean.value,
                    title=best.title,
                    other=best.cv_mean.value,
                ),
            )
        ]
    if "rule" not in strategies or not strategies["rule"].value > strategies["vigie"].value:
        return []
    value = evidence.value
    open_question = value is not None and value.rival == "rule" and value.over_rival.high >= 0
    return [
        finding(
            "VGT007",
            "rule",
            said(
                "on the test rows the declared rule brings {rule:.4g} for one customer, the model {model:.4g}",
                rule=strategies["rule"].value,
                model=strategies["vigie"].value,
            ),
            Severity.NOTE if open_question else None,
        )
    ]


def over_fitted(candidates: Sequence[CandidateResult], winner: CandidateResult) -> list[Finding]:
    """The winner knows its training rows far better than new ones.

    Forests and boosted trees do so by nature and rank new rows no worse for it. It is a warning only where it costs:
    where something simpler gives better probabilities of new rows.
    """
    gap = winner.train.auc - winner.cv_mean.auc
    if winner.name in FEATURELESS or not gap > OVERFIT:
        return []
    simpler = [
        c for c in candidates if c.complexity < winner.complexity and c.cv_mean.log_loss < winner.cv_mean.log_loss
    ]
    if not simpler:
        return [
            finding(
                "VGT008",
                winner.name,
                said(
                    "AUC {train:.3f} on the training rows against {cv:.3f} in cross-validation; nothing simpler does better on new "
                    "rows",
                    train=winner.train.auc,
                    cv=winner.cv_mean.auc,
                ),
                Severity.NOTE,
            )
        ]
    best = min(simpler, key=lambda c: c.cv_mean.log_loss)
    return [
        finding(
            "VGT008",
            winner.name,
            said(
                "AUC {train:.3f} on the training rows against {cv:.3f} in cross-validation, where {title}, which is simpler, gives "
                "better probabilities (log loss {better:.4f} against {loss:.4f})",
                train=winner.train.auc,
                cv=winner.cv_mean.auc,
                title=best.title,
                better=best.cv_mean.log_loss,
                loss=winner.cv_mean.log_loss,
            ),
        )
    ]


def worse_later(winner: CandidateResult) -> list[Finding]:
    """The winner ranks test rows worse than cross-validation let expect."""
    cv, test = winner.cv_mean, winner.test
    if winner.name in FEATURELESS or math.isnan(cv.auc) or math.isnan(test.auc):
        return []
    error = float(
        np.hypot(
            auc_error(cv.auc, cv.positives, cv.n - cv.positives),
            auc_error(test.auc, test.positives, test.n - test.positives),
        )
    )
    if cv.auc - test.auc <= max(WORSE, WORSE_ERRORS * error):
        return []
    return [
        finding(
            "VGT022",
            winner.name,
            said(
                "AUC {cv:.3f} in cross-validation and {test:.3f} on the test rows, where probabilities are off by {ece:.1%} on "
                "average; chance explains a difference in AUC of {error:.3f}",
                cv=cv.auc,
                test=test.auc,
                ece=test.ece,
                error=error,
            ),
        )
    ]


def off(winner: CandidateResult) -> list[Finding]:
    """Probabilities of the test rows are off by more than chance makes them look.

    Of probabilities that are exactly right, a bin of n/10 rows still differs from its share of positives, on average by
    ``√(2/π · p(1 − p) · 10/n)``; the mean of p(1 − p) is then the Brier score. Over ten bins that mean scatters by about
    a quarter of itself.
    """
    test = winner.test
    if math.isnan(test.ece):
        return []
    chance = math.sqrt(2 / math.pi * test.brier * 10 / test.n)
    if not test.ece > max(OFF, CHANCE * chance):
        return []
    return [
        finding(
            "VGT009",
            winner.name,
            said(
                "probabilities are off by {ece:.1%} on average on the test rows ({share:.1%} are positive); chance explains "
                "{chance:.1%}",
                ece=test.ece,
                share=test.positives / test.n,
                chance=chance,
            ),
        )
    ]

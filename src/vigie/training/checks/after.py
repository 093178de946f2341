"""All checks of a result: the winner, all candidates, what the strategies brought, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vigie.economics import PayoffValues
from vigie.findings import Finding, Severity
from vigie.training.checks import fit
from vigie.training.checks.codes import finding
from vigie.training.checks.suspicious import too_good
from vigie.training.curves import OVER_ROWS, lost_by_choice, more_rows_help
from vigie.training.evidence import Evidence
from vigie.training.result import CandidateResult, Metrics
from vigie.wording import said

EXPLAIN_OFF = frozenset({"VGL011", "VGL012", "VGT013", "VGT018", "VGT020"})
"""Findings about the rows which say why probabilities of later rows are off, and what to do about it."""


def check_result(
    candidates: Sequence[CandidateResult],
    winner: CandidateResult,
    strategies: Mapping[str, Metrics],
    evidence: Evidence,
    *,
    kind: str = "",
    payoff: PayoffValues | None = None,
    before: Sequence[Finding] = (),
) -> list[Finding]:
    """What there is to say once everything was learned and tested.

    Args:
        candidates: All of them.
        winner: The one in the bundle.
        strategies: What the test rows would have brought under each way to decide.
        evidence: What else was found out; curves are read, and the interval over the best rival.
        kind: Of the decision: ``"campaign"``, ``"lead"`` or ``"loan"``; decides what AUC is usual.
        payoff: Cost matrix of the test rows, for the probability at which acting breaks even.
        before: What the checks of the rows said. What follows from it is not told again: a score is too good where a
            feature is the outcome, and a decision the same for all where the cost matrix makes it so.
    """
    leaks = any(f.severity is Severity.ERROR and f.code.startswith("VGL") for f in before)
    degenerate = any(f.severity > Severity.NOTE and f.code in ("VGE004", "VGE005", "VGE006") for f in before)
    found = [] if leaks else too_good(winner, kind)
    nothing = fit.nothing_learned(candidates)
    found += nothing
    # Where nothing was learned, all of these follow and say nothing more.
    if not any(f.severity > Severity.NOTE for f in nothing):
        found += fit.over_fitted(candidates, winner)
        if not degenerate:
            found += fit.no_better_than_simple(candidates, winner, strategies, evidence)
            found += same_for_everybody(winner, payoff)
    later = fit.worse_later(winner)
    # A model that ranks worse has probabilities that are off, too.
    if not later and not any(f.severity > Severity.NOTE and f.code in EXPLAIN_OFF for f in before):
        later = fit.off(winner)
    found += later
    found += read_curves(winner, evidence)
    return found


def same_for_everybody(winner: CandidateResult, payoff: PayoffValues | None) -> list[Finding]:
    """On the test rows everybody is acted on, or nobody."""
    if winner.name in fit.FEATURELESS or winner.test.acted not in (0.0, 1.0):
        return []
    p = winner.probability_test
    whom = said("nobody") if winner.test.acted == 0 else said("everybody")
    line = float(np.nanmedian(payoff.break_even())) if payoff is not None else float("nan")
    if np.isnan(line):
        return [finding("VGE002", "decision", said("on the test rows {whom} is acted on", whom=whom))]
    return [
        finding(
            "VGE002",
            "decision",
            said(
                "on the test rows {whom} is acted on: probabilities go from {low:.1%} to {high:.1%}, and acting breaks even at "
                "{line:.1%} (median customer)",
                whom=whom,
                low=float(p.min()),
                high=float(p.max()),
                line=line,
            ),
        )
    ]


def read_curves(winner: CandidateResult, evidence: Evidence) -> list[Finding]:
    """What the learning and the validation curve of the winner say."""
    found = []
    for curve in evidence.curves:
        if curve.over == OVER_ROWS:
            if more_rows_help(curve):
                found.append(finding("VGT023", winner.name, curve.words))
        elif lost_by_choice(curve, winner.params.get(curve.over)) is not None:
            found.append(finding("VGT025", f"{winner.name}.{curve.over}", curve.words))
    return found

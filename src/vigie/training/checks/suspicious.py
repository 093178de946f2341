"""A score too good for what it predicts (VGL006).

How well people can be predicted is known from a few decades of published work. The table holds, for each kind of
decision, what AUC honest studies on customers report, and a line above which hardly any of them lies:

* leaving customers: Orange (KDD Cup 2009, 7 % churn) 0.76, cell2cell 0.68, IBM Telco (27 %) 0.84 … 0.86;
* leads: bank marketing without the length of the call (11 %) 0.80, a school's leads without what sales fill in (39 %)
  0.88, Olist's sellers (11 %) 0.70;
* credit: PAKDD 2009 (20 %) 0.65, German credit (30 %) 0.79, Home Credit (8 %) 0.80, Give Me Some Credit (7 %) 0.87.

Where the outcome is rare, most of the others are far from it and easily told, so that the line lies higher.
"""

from __future__ import annotations

from dataclasses import dataclass

from vigie.findings import Finding
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import auc_error
from vigie.training.result import CandidateResult
from vigie.wording import said


@dataclass(frozen=True, slots=True)
class Usual:
    """What AUC is usual for a kind of decision.

    Attributes:
        low: Lower end of what is reported.
        high: Upper end.
        line: Above it, a leak is likelier than so good a model.
    """

    low: float
    high: float
    line: float


USUAL = {
    "campaign": Usual(0.65, 0.88, 0.95),
    "lead": Usual(0.65, 0.88, 0.95),
    "loan": Usual(0.62, 0.87, 0.93),
}
ANY = Usual(0.62, 0.88, 0.95)
RARE, RARE_LINE = 0.02, 0.97
"""Share of the rarer class below which an outcome is rare, and the line for such."""


def usual_auc(kind: str, share: float) -> Usual:
    """What is usual for a decision and a share of positives.

    Args:
        kind: ``"campaign"``, ``"lead"`` or ``"loan"``; another name: what holds for all three.
        share: Of positives, 0 … 1.
    """
    usual = USUAL.get(kind, ANY)
    return Usual(usual.low, usual.high, RARE_LINE) if min(share, 1 - share) < RARE else usual


def too_good(winner: CandidateResult, kind: str) -> list[Finding]:
    """The winner's AUC on the test is above the line, with all of its interval."""
    test = winner.test
    positives, negatives = test.positives, test.n - test.positives
    usual = usual_auc(kind, positives / test.n)
    low = test.auc - 1.96 * auc_error(test.auc, positives, negatives)
    if not low > usual.line:
        return []
    return [
        finding(
            "VGL006",
            winner.name,
            said(
                "an AUC of {auc:.3f} on the test (at least {least:.3f}); for decisions of this kind {low:.2f} to {high:.2f} is usual and "
                "above {line:.2f} is rare: most often a feature contains the outcome",
                auc=test.auc,
                least=low,
                low=usual.low,
                high=usual.high,
                line=usual.line,
            ),
        )
    ]

"""From when on drift is told, and what there is to tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from vigie.watch.windows import WEEK

FEATURE, MISSING, UNSEEN, SCORE, DECISIONS, OUTCOMES, OVERALL, JOINT = (f"VGW10{i}" for i in range(1, 9))
"""Codes: values of a feature, missing values, unseen categories, the score, the decision rate, the outcome rate, all features
weighted by importance, and rows as a whole (:mod:`vigie.watch.classifier`)."""

LOOKS = 3 * 30 + 5
"""Looks in a month: a week, a day and the outcomes each day, and the joint test each week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """From when on drift is told.

    Attributes:
        distance: Of :data:`vigie.watch.distances.DISTANCES`: what the effect on a feature and on the score is told in.
        feature: Least distance of a feature.
        features: Least distance of single features, by name; ``inf``: never.
        score: Least distance of the score.
        missing: Least difference of the shares of missing values, as Cohen's h.
        unseen: Likewise of rows with an unseen category.
        decisions: Likewise of customers acted on.
        outcomes: Likewise of outcomes.
        overall: Least mean distance of all features, weighted by importance.
        joint: Least area under the curve with which live and earlier rows are told apart.
        window: Days of the longer look.
        persist: Windows in which it must be seen.
        of: Out of so many, a day apart.
        false_alarms: Alarms a month that chance alone may raise, for a model with whatever number of features.
        least: Customers that a window must have at least to be judged.
    """

    distance: str = "psi"
    feature: float = 0.1
    features: Mapping[str, float] = field(default_factory=dict)
    score: float = 0.1
    missing: float = 0.2
    unseen: float = 0.2
    decisions: float = 0.2
    outcomes: float = 0.2
    overall: float = 0.1
    joint: float = 0.6
    window: int = WEEK
    persist: int = 2
    of: int = 3
    false_alarms: float = 0.1
    least: int = 50

    @property
    def alpha(self) -> float:
        """Probability that chance alone makes one look ring, at most."""
        return self.false_alarms / LOOKS

    def limit(self, code: str, subject: str) -> float:
        """The size from which a signal rings."""
        match code:
            case "VGW101":
                return self.features.get(subject, self.feature)
            case "VGW102":
                return math.inf if math.isinf(self.features.get(subject, 0.0)) else self.missing
            case "VGW103":
                return math.inf if math.isinf(self.features.get(subject, 0.0)) else self.unseen
            case "VGW104":
                return self.score
            case "VGW105":
                return self.decisions
            case "VGW106":
                return self.outcomes
            case "VGW107":
                return self.overall
        return self.joint

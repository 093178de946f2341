"""What a training run found out beside its metrics: records that the report, the registry and the gate read.

Money is in the score's currency for one customer and decision; an interval covers 95 % unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that sampling leaves it.

    Attributes:
        value: The figure.
        low: Lower end of the interval, at most *value* but for rounding.
        high: Upper end.
    """

    value: float
    low: float
    high: float


# -- search ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of hyper-parameters that was looked at.

    Attributes:
        number: In the order of asking, from 0, over all candidates.
        candidate: Name.
        params: What was given; empty: the defaults.
        state: ``"done"``, ``"pruned"`` after some folds because it fell behind, ``"failed"``.
        objective: What the search minimises or maximises, over the folds that were run; NaN where it failed.
        value: Cross-validated money for one customer; NaN where not all folds were run.
        log_loss: Cross-validated, likewise.
        seconds: Spent on it.
        stage: ``"defaults"``; ``"wide"``, anywhere in the space; ``"fine"``, near the best sets; ``"full"``, the best of
            those that were looked at in a cheaper way (fewer rows, trees or bags) as it is fitted in the end.
    """

    number: int
    candidate: str
    params: Mapping[str, object]
    state: Literal["done", "pruned", "failed"]
    objective: float
    value: float
    log_loss: float
    seconds: float
    stage: str


@dataclass(frozen=True, eq=False, slots=True)
class SearchSummary:
    """What the search did.

    Attributes:
        method: ``"bayesian"``, ``"random"``, ``"grid"`` or ``"none"``.
        objective: What it went by, in words.
        trials: All of them, in order.
        resumed: How many of them an earlier, interrupted run had left behind.
        workers: Processes of this machine that took part.
        seconds: Duration.
        left_out: Name and extra of the candidates whose library is not installed.
    """

    method: str
    objective: str
    trials: tuple[Trial, ...]
    resumed: int
    workers: int
    seconds: float
    left_out: tuple[tuple[str, str], ...] = ()


# -- comparison of candidates, and what the winner is worth ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """The winner against another candidate, on the same cross-validated rows.

    Attributes:
        other: Name of the other.
        value: Money for one customer that the winner brings more.
        log_loss: Log loss that the winner saves.
        p_value: Of the two-sided paired test that the money is the same.
        adjusted: The same, corrected for the number of candidates (Holm 1979).
        same: Whether the data cannot tell them apart at 5 %.
    """

    other: str
    value: Estimate
    log_loss: Estimate
    p_value: float
    adjusted: float
    same: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The winner beside all others.

    Attributes:
        pairs: One for each other candidate, in the order of the candidates.
        same: Names that the data cannot tell apart from the winner, the winner first.
        words: What that means, in a sentence: "These five are the same: …".
    """

    pairs: tuple[Pair, ...]
    same: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class ValueEvidence:
    """What the decision is worth, on test rows that chose nothing.

    Attributes:
        strategies: Money for one customer under each strategy, as in ``TrainingResult.strategies``.
        rival: The best fixed strategy (chosen on the training rows, not on the test).
        over_rival: Money for one customer that the decision brings more than *rival*.
        over_half: The same against a probability of one half as the line.
        savings: Share of the cost of the best of *nobody* and *everybody* that the decision saves (Bahnsen et al.
            2014), at most 1; NaN where one of both costs nothing or earns.
        perfect: Money for one customer if every outcome were known beforehand.
        customers: Distinct customers in the test: intervals resample these, not rows.
        pairs_compared: Candidates among which the winner was chosen; the test itself chose none of them.
    """

    strategies: Mapping[str, Estimate]
    rival: str
    over_rival: Estimate
    over_half: Estimate
    savings: Estimate
    perfect: float
    customers: int
    pairs_compared: int


# -- calibration -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Reliability:
    """How far the probabilities of the test rows can be believed.

    Attributes:
        mean: Mean probability of each bin, increasing, shape (k,).
        observed: Share of positives of each bin, shape (k,).
        low: Lower end of its interval, shape (k,).
        high: Upper end, shape (k,).
        size: Rows of each bin, shape (k,).
        slope: Of the log-odds of the outcome on the log-odds of the probability; 1 is right, below 1 too extreme.
        offset: Of the same line at slope 1; 0 is right, above 0 too low.
        ece: Expected calibration error.
        losses: Cross-validated log loss of each map that was tried on the winner: ``"identity"``, ``"sigmoid"`` …
    """

    mean: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: np.ndarray
    slope: Estimate
    offset: Estimate
    ece: Estimate
    losses: Mapping[str, float]


# -- explanation -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShapImportance:
    """How much a feature moves the model's answers.

    Attributes:
        feature: Input name.
        mean: Mean absolute contribution over the rows looked at, on ``Explanation.scale``.
        direction: Rank correlation, −1 … 1, of the feature's value with its contribution; NaN for categories.
    """

    feature: str
    mean: float
    direction: float


@dataclass(frozen=True, eq=False, slots=True)
class Dependence:
    """Mean calibrated probability when everybody had the same value of one feature (Friedman 2001).

    Attributes:
        feature: Input name.
        points: Numbers, or names of categories, along the axis, length k.
        probability: Mean probability at each, shape (k,).
        low: Tenth percentile over rows of the individual curves, shape (k,).
        high: Ninetieth percentile.
        share: Share of the rows near each point, shape (k,).
    """

    feature: str
    points: tuple[float, ...] | tuple[str, ...]
    probability: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray


@dataclass(frozen=True, slots=True)
class Interaction:
    """How much two features act together beyond the sum of each (Friedman & Popescu 2008, H statistic).

    Attributes:
        one: Input name.
        other: Input name.
        strength: 0 … 1: share of the joint effect's variance that the sum of both does not explain.
    """

    one: str
    other: str
    strength: float


@dataclass(frozen=True, eq=False, slots=True)
class Explanation:
    """What the winner leans on, over test rows.

    Attributes:
        scale: ``"log_odds"`` or ``"probability"``: what contributions add up to.
        importance: Greatest first.
        dependences: Of the most important features, in that order.
        interactions: Strongest first.
        rows: Test rows looked at.
    """

    scale: str
    importance: tuple[ShapImportance, ...]
    dependences: tuple[Dependence, ...]
    interactions: tuple[Interaction, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The winner again, on the features that earn their place.

    Attributes:
        kept: Features, in the order of their importance.
        dropped: The others.
        value: Cross-validated money for one customer of the selected set minus that of the full one.
        log_loss: Cross-validated log loss that the selected set saves.
        test_value: Money for one customer on the test rows: selected minus full.
        used: Whether the bundle holds the model of the selected features.
        words: What that means, in a sentence.
    """

    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    value: Estimate
    log_loss: Estimate
    test_value: Estimate
    used: bool
    words: str


# -- curves --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """A score over rows learned from, or over a hyper-parameter.

    Attributes:
        over: ``"rows"`` or the parameter's name.
        points: Along the axis, length k.
        train: Mean log loss on the rows learned from, shape (k,).
        valid: Mean log loss on rows not learned from, shape (k,).
        spread: Standard error of *valid* over the folds, shape (k,).
        words: What it says, in a sentence.
    """

    over: str
    points: tuple[float, ...]
    train: np.ndarray
    valid: np.ndarray
    spread: np.ndarray
    words: str


# -- fairness --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group of people among the test rows.

    Attributes:
        name: Category, ``"missing"`` or a range of numbers.
        rows: Test rows.
        positives: Of them, those whose outcome is true.
        acted: Share acted on.
        opportunity: Share acted on among the positives; NaN where there are none.
        false_alarms: Share acted on among the negatives; NaN where there are none.
        probability: Mean calibrated probability.
        observed: Share of positives.
        value: Money for one customer.
        judged: Whether it has rows enough to count.
    """

    name: str
    rows: int
    positives: int
    acted: Estimate
    opportunity: Estimate
    false_alarms: Estimate
    probability: float
    observed: Estimate
    value: float
    judged: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """The distance between the group treated best and the one treated worst.

    Attributes:
        measure: ``"parity"``, ``"opportunity"`` or ``"calibration"``.
        gap: 0 … 1.
        highest: Name of the group with the highest figure.
        lowest: Name of the group with the lowest.
        limit: Of the policy; ``None``: none.
        broken: Whether the interval as a whole lies above the limit.
    """

    measure: str
    gap: Estimate
    highest: str
    lowest: str
    limit: float | None
    broken: bool


@dataclass(frozen=True, slots=True)
class GroupFairness:
    """The groups that one value makes.

    Attributes:
        feature: Its name.
        is_feature: Whether the model reads it.
        groups: In order of their size.
        gaps: One a measure.
    """

    feature: str
    is_feature: bool
    groups: tuple[GroupFigures, ...]
    gaps: tuple[Gap, ...]


# -- segments --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SegmentOutcome:
    """What became of one segment.

    Attributes:
        segment: Its value.
        rows: Training rows.
        test_rows: Test rows.
        positives: Training rows whose outcome is true.
        model: ``"own"``, ``"common"`` or ``"failed"`` (which uses the common one).
        candidate: Name of its own candidate; empty where the common model serves it.
        value: Cross-validated money for one customer: own minus common; ``None`` where no own model was tried.
        test_value: Money for one customer on the test rows under the model that serves it; NaN without test rows.
        words: Why, in a sentence.
    """

    segment: str
    rows: int
    test_rows: int
    positives: int
    model: Literal["own", "common", "failed"]
    candidate: str
    value: Estimate | None
    test_value: float
    words: str


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """All of the above, of one run. ``None`` or empty: it was not asked for or does not apply."""

    search: SearchSummary | None = None
    comparison: Comparison | None = None
    value: ValueEvidence | None = None
    reliability: Reliability | None = None
    explanation: Explanation | None = None
    selection: Selection | None = None
    curves: tuple[Curve, ...] = ()
    fairness: tuple[GroupFairness, ...] = ()
    segments: tuple[SegmentOutcome, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    """Further figures by name, e.g. ``"emp_churn"``, ``"emp_churn.share"``."""

"""What a training run found out: plain records that the report, the registry and the gate read.

The numbers called *test* come from rows that chose nothing: no parameter, calibration, threshold or winner was
fitted on them. Those called *cv* come from cross-validation on the other rows and chose the winner.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from vigie.findings import Finding
from vigie.training.evidence import Evidence
from vigie.training.options import TrainOptions

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.economics import PayoffValues
    from vigie.features.training_set import TrainingSet


@dataclass(frozen=True, slots=True)
class Metrics:
    """How well probabilities and decisions did on *n* customers.

    ``nan`` marks what is not defined: ranking and calibration of a strategy without probabilities (*nobody*,
    *everybody*), AUC where only one class is present.

    Attributes:
        n: Customers (rows).
        positives: Of them, those whose outcome is true.
        auc: Area under the ROC curve, 0.5 for chance, 1 is best.
        average_precision: Area under the precision-recall curve; chance gives the share of positives.
        precision: Share, 0 … 1, of those acted on whose outcome is true; 0 where nobody is.
        recall: Share, 0 … 1, of the positives that are acted on.
        f1: Harmonic mean of both, at the decision.
        brier: Mean squared error of the probability; lower is better.
        log_loss: Mean negative log-likelihood, nats; lower is better.
        ece: Expected calibration error over 10 bins of equal size, 0 … 1; lower is better.
        lift_at_10: Share of positives among the tenth with the highest probability, over the share among all.
        acted: Share, 0 … 1, of the customers that are acted on.
        value: Realised money for one customer and decision, in the score's currency.
        value_total: The same for all *n*.
    """

    n: int
    positives: int
    auc: float
    average_precision: float
    precision: float
    recall: float
    f1: float
    brier: float
    log_loss: float
    ece: float
    lift_at_10: float
    acted: float
    value: float
    value_total: float

    def to_data(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SplitDescription:
    """How the rows were divided into those that learn and those that test.

    Attributes:
        kind: ``"out_of_time"``: the test lies after the training. ``"stratified"``: drawn at random, same share of
            positives.
        train_rows: Rows that learn.
        test_rows: Rows that test.
        train_until: Last moment among the training rows, µs; ``None`` where there is one moment only.
        test_from: First moment of the test, µs.
        test_until: Last moment of the test, µs.
        gap: µs between the last training row's moment and the first test moment that outcomes need to be known
            (the horizon); 0 for a random split.
        dropped_rows: Rows in neither part, because their outcome was not known before the test begins.
    """

    kind: Literal["out_of_time", "stratified"]
    train_rows: int
    test_rows: int
    train_until: int | None
    test_from: int | None
    test_until: int | None
    gap: int
    dropped_rows: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class CandidateResult:
    """One candidate, from simple to complex, with the calibration and the decision fitted for it.

    Attributes:
        name: ``"logistic_regression"``.
        title: ``"Logistic regression"``.
        complexity: Rank from 0 (dummy); of equals the lower one wins.
        params: Hyper-parameters it was fitted with.
        cv: Metrics of each fold of the cross-validation.
        cv_mean: Their mean (``n``, ``positives`` and ``value_total`` are sums).
        test: Metrics on the test rows.
        train: Metrics on the training rows themselves: only to tell over-fitting.
        fit_seconds: Of the final fit.
        diagnosis: Over- or under-fitting, in words.
        probability_test: Calibrated probability of each test row, shape (test_rows,).
        calibration: ``"identity"``, ``"sigmoid"``, ``"beta"`` or ``"isotonic"``.
        min_gain: It acts on a customer when the expected gain of doing so is at least this much money.
        note: What a reader must know, e.g. that it saw a sample of the rows. Empty: nothing.
    """

    name: str
    title: str
    complexity: int
    params: dict[str, object]
    cv: tuple[Metrics, ...]
    cv_mean: Metrics
    test: Metrics
    train: Metrics
    fit_seconds: float
    diagnosis: str
    probability_test: np.ndarray
    calibration: str = "identity"
    min_gain: float = 0.0
    note: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class TrainingResult:
    """Everything a training run found out.

    Attributes:
        training_set: What it learned from.
        split: How the rows were divided.
        candidates: Those tried, from simple to complex.
        winner: Name of the one in the bundle.
        choice: Why it won, in a sentence.
        strategies: What the test rows would have brought under each way to decide: ``"nobody"``, ``"everybody"``,
            ``"rule"`` (where one is declared), ``"threshold_0.5"`` and ``"vigie"``.
        train_index: Row numbers of the training rows in the training set, increasing.
        test_index: Row numbers of the test rows; ``test_*`` below and ``probability_test`` are in this order.
        test_labels: 0 or 1, shape (test_rows,).
        test_payoff: Money by action and outcome for each test row.
        test_moments: Moment of each test row, µs.
        importance: ``(feature, mean drop in test AUC when it is shuffled, standard deviation)``, greatest first.
        findings: What the checks had to say.
        bundle: The winner, ready to be written.
        currency: ISO 4217 code of all money.
        options: What was chosen.
        seconds: Duration of the run.
        evidence: What else was found out: search, comparison, intervals, explanation, fairness, segments.
    """

    training_set: TrainingSet
    split: SplitDescription
    candidates: tuple[CandidateResult, ...]
    winner: str
    choice: str
    strategies: dict[str, Metrics]
    train_index: np.ndarray
    test_index: np.ndarray
    test_labels: np.ndarray
    test_payoff: PayoffValues
    test_moments: np.ndarray
    importance: tuple[tuple[str, float, float], ...]
    findings: tuple[Finding, ...]
    bundle: Bundle
    currency: str
    options: TrainOptions
    seconds: float
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def best(self) -> CandidateResult:
        """The winner's record."""
        return self.candidate(self.winner)

    def candidate(self, name: str) -> CandidateResult:
        """The record of one candidate.

        Raises:
            KeyError: It was not tried.
        """
        for found in self.candidates:
            if found.name == name:
                return found
        raise KeyError(name)

"""What is said of results, from records made for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vigie.economics import PayoffValues
from vigie.findings import Finding, Severity
from vigie.training.checks.after import check_result
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import auc_error
from vigie.training.checks.suspicious import usual_auc
from vigie.training.evidence import Curve, Estimate, Evidence, ValueEvidence
from vigie.training.metrics import auc
from vigie.training.result import CandidateResult, Metrics

GOOD = Metrics(
    n=4000, positives=1000, auc=0.80, average_precision=0.6, precision=0.5, recall=0.6, f1=0.55, brier=0.14,
    log_loss=0.45, ece=0.01, lift_at_10=3.0, acted=0.3, value=5.0, value_total=20_000.0,
)  # fmt: skip
DUMMY = replace(GOOD, auc=0.5, log_loss=0.56, value=1.0)


def candidate(
    name: str, complexity: int, cv: Metrics = GOOD, train: Metrics | None = None, test: Metrics | None = None
):
    return CandidateResult(
        name=name, title=name.title(), complexity=complexity, params={"leaves": 31}, cv=(cv, cv), cv_mean=cv,
        test=test or cv, train=train or replace(cv, auc=cv.auc + 0.02), fit_seconds=1.0, diagnosis="",
        probability_test=np.linspace(0.02, 0.6, 50),
    )  # fmt: skip


def say(
    winner: CandidateResult,
    *others: CandidateResult,
    rule: float | None = None,
    evidence: Evidence | None = None,
    **more: object,
) -> list[tuple[str, Severity]]:
    strategies = {"vigie": winner.test} | ({"rule": replace(GOOD, value=rule)} if rule is not None else {})
    everybody = (candidate("dummy", 0, DUMMY), *others, winner)
    found = check_result(everybody, winner, strategies, evidence or Evidence(), **more)  # type: ignore[arg-type]
    return [(f.code, f.severity) for f in found]


def test_a_good_result_says_nothing() -> None:
    assert say(candidate("lightgbm", 5)) == []


def test_a_score_is_too_good_for_its_kind_and_only_beyond_chance() -> None:
    def winner(auc: float, n: int = 4000) -> CandidateResult:
        return candidate("lightgbm", 5, replace(GOOD, auc=auc, n=n, positives=n // 4))

    assert say(winner(0.945), kind="campaign") == []
    assert say(winner(0.945), kind="loan") == [("VGL006", Severity.WARNING)]
    assert say(winner(0.975), kind="campaign") == [("VGL006", Severity.WARNING)]
    assert say(winner(0.975, n=80), kind="campaign") == []
    # A leak was named already: that is why.
    leak = finding("VGL007", "gone", "", None)
    assert say(winner(0.999), kind="campaign", before=[leak]) == []
    assert usual_auc("campaign", 0.01).line > usual_auc("campaign", 0.2).line
    assert usual_auc("loan", 0.99).line == usual_auc("", 0.01).line


def test_nothing_learned_is_said_alone_and_little_learned_is_a_note() -> None:
    chance = replace(GOOD, auc=0.51, acted=1.0)
    assert say(candidate("lightgbm", 5, chance, train=replace(GOOD, auc=0.9))) == [("VGT021", Severity.WARNING)]
    assert say(candidate("lightgbm", 5, replace(GOOD, auc=0.57))) == [("VGT021", Severity.NOTE)]


def test_the_simple_ways_win() -> None:
    dummy = candidate("dummy", 0, replace(DUMMY, value=6.0))
    found = check_result([dummy, candidate("ebm", 3)], dummy, {"vigie": dummy.test}, Evidence())
    assert [(f.code, f.where) for f in found] == [("VGT007", "dummy")]
    assert say(candidate("ebm", 3), rule=5.5) == [("VGT007", Severity.WARNING)]
    assert say(candidate("ebm", 3), rule=4.5) == []
    none = Estimate(0.0, 0.0, 0.0)
    value = ValueEvidence({}, "rule", Estimate(-0.5, -2.0, 1.0), none, none, 9.0, 4000, 2)
    assert say(candidate("ebm", 3), rule=5.5, evidence=Evidence(value=value)) == [("VGT007", Severity.NOTE)]


def test_knowing_training_rows_by_heart_is_a_warning_where_it_costs() -> None:
    by_heart = replace(GOOD, auc=0.99)
    assert say(candidate("random_forest", 4, train=by_heart)) == [("VGT008", Severity.NOTE)]
    simpler = candidate("logistic_regression", 2, replace(GOOD, log_loss=0.44))
    assert say(candidate("random_forest", 4, train=by_heart), simpler) == [("VGT008", Severity.WARNING)]


def test_worse_on_the_test_and_off() -> None:
    worse = candidate("ebm", 3, test=replace(GOOD, auc=0.70, ece=0.12))
    assert say(worse) == [("VGT022", Severity.WARNING)]
    assert say(candidate("ebm", 3, test=replace(GOOD, ece=0.07))) == [("VGT009", Severity.WARNING)]
    # Of 120 rows even probabilities that are right look as far off.
    few = replace(GOOD, n=120, positives=30, ece=0.12)
    assert say(candidate("ebm", 3, test=few)) == []
    renamed = finding("VGT013", "channel", "")
    assert say(candidate("ebm", 3, test=replace(GOOD, ece=0.07)), before=[renamed]) == []


@pytest.mark.parametrize(("acted", "whom"), [(0.0, "nobody"), (1.0, "everybody")])
def test_the_same_for_everybody_with_the_break_even(acted: float, whom: str) -> None:
    winner = candidate("ebm", 3, test=replace(GOOD, acted=acted))
    payoff = PayoffValues.constant(56, -11)
    (found,) = check_result([winner], winner, {"vigie": winner.test}, Evidence(), payoff=payoff)
    assert found.code == "VGE002" and f"{whom} is acted on: probabilities go from 2.0% to 60.0%" in found.explanation
    assert "breaks even at 16.4%" in found.explanation
    cause = Finding("VGE004", Severity.ERROR, "", "decision", "", "")
    assert check_result([winner], winner, {"vigie": winner.test}, Evidence(), before=[cause]) == []


def test_curves_are_read() -> None:
    flat = np.zeros(4)
    falling = Curve("rows", (1.0, 2.0, 4.0, 8.0), flat, np.array([0.6, 0.55, 0.5, 0.48]), flat, "More rows would help")
    still = Curve("rows", (1.0, 2.0, 4.0, 8.0), flat, np.array([0.6, 0.55, 0.5, 0.499]), flat, "")
    choice = Curve("leaves", (7.0, 31.0, 63.0), flat[:3], np.array([0.45, 0.5, 0.55]), flat[:3], "Over-fitted")
    winner = candidate("lightgbm", 5)
    assert say(winner, evidence=Evidence(curves=(falling, choice))) == [
        ("VGT023", Severity.NOTE),
        ("VGT025", Severity.NOTE),
    ]
    assert say(winner, evidence=Evidence(curves=(still,))) == []


def test_the_error_of_an_auc_is_what_samples_scatter_by() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], [60, 240])
    drawn = [auc(y, rng.normal(size=300) + y) for _ in range(400)]
    assert auc_error(float(np.mean(drawn)), 60, 240) == pytest.approx(np.std(drawn), rel=0.12)

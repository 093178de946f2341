"""Criteria are read strictly, judged with what is known, and what is not known is never a reason."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.clock import DAY
from vigie.errors import SettingsError
from vigie.watch import distances
from vigie.watch.criteria import DISTANCES, PLAIN, criterion
from vigie.watch.policy import Figure, Policy, Situation, judged, plan, policy_of, require_distance

NOW = 1_000 * DAY


def situation(**known: object) -> Situation:
    return Situation(now=NOW, champion="3", **known)  # type: ignore[arg-type]


def figures(**known: float | Figure) -> dict[str, Figure]:
    return {name: one if isinstance(one, Figure) else Figure(one) for name, one in known.items()}


@pytest.mark.parametrize(
    ("text", "known", "met"),
    [
        ("auc < 0.75", Figure(0.74), "met"),
        ("auc < 0.75", Figure(0.75), "not met"),
        ("auc < 0.75", Figure(math.nan), "unknown"),
        ("auc < 0.75", Figure(0.74, 0.70, 0.78), "not met"),
        ("auc < 0.75", Figure(0.70, 0.66, 0.74), "met"),
        ("auc fell > 0.03", Figure(0.70, reference=0.74), "met"),
        ("auc fell > 0.03", Figure(0.80, reference=0.74), "not met"),
        ("auc fell > 0.03", Figure(0.70, 0.66, 0.74, 0.74), "not met"),
        ("auc fell > 0.03", Figure(0.70, 0.69, 0.705, 0.74), "met"),
        ("auc fell > 5%", Figure(0.70), "unknown"),
    ],
)
def test_a_figure_is_compared_and_its_interval_counts(text: str, known: Figure, met: str) -> None:
    assert judged(criterion(text), situation(figures={"auc": known})).met == met


@pytest.mark.parametrize(
    ("change", "value", "low", "high", "met"),
    [
        ("changed", 0.106, 0.1055, 0.108, "met"),
        ("changed", 0.094, 0.092, 0.0945, "met"),
        ("changed", 0.106, 0.099, 0.112, "not met"),
        ("rose", 0.106, math.nan, math.nan, "met"),
        ("rose", 0.094, math.nan, math.nan, "not met"),
        ("fell", 0.094, math.nan, math.nan, "met"),
    ],
)
def test_a_change_is_of_the_reference(change: str, value: float, low: float, high: float, met: str) -> None:
    known = {"outcome_rate": Figure(value, low, high, 0.10)}
    assert judged(criterion(f"outcome_rate {change} > 5%"), situation(figures=known)).met == met


def test_the_point_counts_where_nobody_asks_to_be_sure() -> None:
    known = situation(figures={"auc": Figure(0.74, 0.70, 0.78)})
    assert not plan(policy_of({"when": ["auc < 0.75"]}), known).due
    assert plan(policy_of({"when": ["auc < 0.75"], "sure": False}), known).due


def test_the_largest_of_all_features_is_that_of_no_score() -> None:
    known = figures(**{"psi(a)": 0.1, "psi(b)": 0.3, "psi(score)": 0.9, "kl(a)": 5.0})
    found = judged(criterion("psi(*) > 0.2"), situation(figures=known))
    assert found.met == "met" and found.figures == (0.3,)
    assert judged(criterion("psi(*) > 0.4"), situation(figures=known)).met == "not met"
    assert judged(criterion("psi(*) > 0.4"), situation()).met == "unknown"


def test_an_age_and_new_rows() -> None:
    known = situation(figures={"age": Figure(31.0 * DAY), "rows": Figure(900.0, reference=10_000.0)})
    assert judged(criterion("age > 30d"), known).met == "met"
    assert judged(criterion("age > 720h"), known).met == "met"
    assert judged(criterion("age > 32d"), known).met == "not met"
    assert judged(criterion("rows > 899"), known).met == "met"
    assert judged(criterion("rows > 8%"), known).met == "met"
    assert judged(criterion("rows > 10%"), known).met == "not met"
    assert "31 days" in judged(criterion("age > 30d"), known).words


def test_all_parts_of_a_criterion_must_be_met_and_one_criterion_is_enough() -> None:
    policy = policy_of({"when": ["auc < 0.75 and rows > 500", "age > 30d"]})
    low = figures(auc=0.7, rows=100.0, age=float(DAY))
    assert not plan(policy, situation(figures=low)).due
    assert plan(policy, situation(figures=low | figures(rows=501.0))).due
    assert plan(policy, situation(figures=low | figures(age=31.0 * DAY))).due
    # One part that is not met settles it, whatever the other would say.
    assert judged(policy.when[0], situation(figures=figures(rows=100.0))).met == "not met"


def test_what_is_not_known_is_said_and_meets_nothing() -> None:
    found = plan(policy_of({"when": ["auc < 0.75", "incident(drift)", "signal(VGW101)"]}), situation())
    assert not found.due and not found.wanted and not found.held
    assert [one.met for one in found.when] == ["unknown"] * 3
    assert "3 of 3 criteria cannot be judged" in found.words


def test_an_incident_about_data_holds_back_unless_nobody_says_so() -> None:
    known = situation(figures=figures(auc=0.5), incidents=frozenset({"data", "drift"}))
    found = plan(policy_of({"when": ["auc < 0.75"]}), known)
    assert found.wanted and not found.due and "an incident about data is open" in found.held[0]
    assert plan(policy_of({"when": ["auc < 0.75"], "unless": []}), known).due
    assert plan(policy_of({"when": ["incident(drift)"], "unless": ["incident(api)"]}), known).due
    # Not even a person may let it learn from a poisoned batch without taking the guard away.
    assert not plan(policy_of({}), known, forced=True).due


def test_a_guard_needs_no_certainty() -> None:
    known = situation(figures={"age": Figure(40.0 * DAY), "value_lost": Figure(12.0, -5.0, 29.0)})
    policy = policy_of({"when": ["age > 30d"], "unless": ["value_lost > 10"]})
    assert plan(policy, known).held


def test_not_more_often_than_said_and_not_over_a_rollout() -> None:
    policy = policy_of({"when": ["age > 30d"], "at_most": "7d"})
    old = figures(age=40.0 * DAY)
    assert not plan(policy, situation(figures=old, last=NOW - 7 * DAY + 1)).due
    assert plan(policy, situation(figures=old, last=NOW - 7 * DAY)).due
    assert plan(policy, situation(last=NOW - 1), forced=True).due
    assert not plan(policy, situation(figures=old, rollout=True)).due
    assert not plan(policy, situation(rollout=True), forced=True).due


def test_the_key_is_of_champion_moment_and_reasons() -> None:
    policy = policy_of({"when": ["age > 30d", "auc < 0.75"]})
    old = figures(age=40.0 * DAY)
    one = plan(policy, situation(figures=old))
    assert one.key == plan(policy, situation(figures=old | figures(auc=0.9))).key
    others = [
        plan(policy, situation(figures=old | figures(auc=0.7))),
        plan(policy, Situation(now=NOW + 1, champion="3", figures=old)),
        plan(policy, Situation(now=NOW, champion="4", figures=old)),
        plan(policy, situation(figures=old), forced=True),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("acu < 0.75", "no figure is called 'acu'", "did you mean 'auc'"),
        ("auc", "is not a criterion", "auc < 0.75"),
        ("auc <= 0.75", "is not a criterion", "< or >"),
        ("auc < three", "is not a criterion", "number"),
        ("psi > 0.2", "psi of what", r"psi\(score\)"),
        ("spi(score) > 0.2", "no figure is called", "psi"),
        ("age > 30", "length of time", "30d"),
        ("age > 30y", "not a length of time", "30d"),
        ("auc < 3d", "no unit of auc", "leave the unit out"),
        ("auc fell < 3%", "fell by how much", "> 5%"),
        ("incident(date)", "no area of incidents is called 'date'", "did you mean 'data'"),
        ("signal(drift)", "no code of a signal", "VGW101"),
        ("estimated(age) > 3", "'age' is not estimated", "Known"),
        ("estimated(value_lost) > 3", "'value_lost' is not estimated", "did you mean 'value'"),
        ("estimated(ece) > 0.1", "'ece' is not estimated", "Known: auc"),
        ("chi2(orders) > 3", "chi2 is a test and no distance", r"psi\(orders\)"),
        ("auc < 0.75 and ", "is not a criterion", ""),
        ("auc < 0.75 or age > 3d", "is not a criterion", ""),
        ("", "is not a criterion", ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_could_be(text: str, what: str, remedy: str) -> None:
    with pytest.raises(SettingsError, match=what) as caught:
        policy_of({"when": [text]})
    assert "[retrain] when" in caught.value.where
    assert re.search(remedy, caught.value.remedy)


@pytest.mark.parametrize(
    "said",
    [{"when": "auc < 0.75"}, {"when": [3]}, {"at_most": "soon"}, {"at_most": 7}, {"sure": "yes"}, {"unless": "x"}],
)
def test_a_table_that_cannot_be_meant_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        policy_of(said)
    assert caught.value.where == "[retrain]"


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = criterion(text)
    except SettingsError:
        return
    assert found.parts and found.text == text


@given(st.sampled_from(sorted(set(PLAIN) - {"age"})), st.sampled_from("<>"), st.floats(-5, 5), st.floats(-5, 5))
def test_a_plain_comparison_is_a_comparison(name: str, sign: str, value: float, limit: float) -> None:
    limit = round(limit, 3)
    found = judged(criterion(f"{name} {sign} {limit:.3f}"), situation(figures={name: Figure(value)}))
    assert (found.met == "met") == (value < limit if sign == "<" else value > limit)


def test_a_score_without_a_model_gets_its_first_one_where_there_is_a_policy() -> None:
    first = Situation(now=NOW)
    assert plan(policy_of({"when": ["age > 30d"]}), first).why == ("no model is in use yet",)
    assert not plan(Policy(), first).due
    assert not plan(policy_of({"when": ["age > 30d"]}), Situation(now=NOW, last=NOW - 1)).due


def test_criteria_ask_for_the_distances_that_drift_is_told_in() -> None:
    assert tuple(DISTANCES) == distances.DISTANCES
    policy = policy_of({"when": ["psi(score) > 0.2 and auc < 0.7"], "unless": ["kl(*) > 3"]})
    with pytest.raises(SettingsError, match=r"kl\(\*\) is never known: drift is told in psi") as caught:
        require_distance(policy, "psi")
    assert "write psi(*), or [watch.drift] distance = 'kullback_leibler'" in caught.value.remedy
    require_distance(policy_of({"when": ["ks(age) > 0.2", "rows > 3", "estimated(auc) < 0.7"]}), "kolmogorov_smirnov")


def test_a_feature_that_the_champion_has_not_is_named() -> None:
    policy = policy_of({"when": ["psi(order_count) > 0.2", "psi(score) > 0.2", "psi(*) > 0.2"]})
    assert policy.features == {"order_count"}
    known = situation(features=frozenset({"orders_count", "age"}))
    found = [one.words for one in plan(policy, known).when]
    assert (
        found[0].startswith("the champion has no feature 'order_count'") and "did you mean 'orders_count'" in found[0]
    )
    assert found[1:] == ["psi(score) is not known", "psi(*) is not known"]
    assert plan(policy, situation()).when[0].words == "psi(order_count) is not known"


def test_without_a_policy_nothing_is_due() -> None:
    assert plan(Policy(), situation()).words == "no criterion is declared"

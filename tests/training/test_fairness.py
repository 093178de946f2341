"""Figures by group, gaps that count only beyond chance, and the policy."""

from __future__ import annotations

import numpy as np
import pytest

from vigie import Campaign, Fairness, Score, Table
from vigie.definition import Kind
from vigie.errors import DefinitionError
from vigie.features.values import Values
from vigie.findings import Severity
from vigie.training.clustered import mean_of
from vigie.training.fairness import compare_groups, fairness_findings
from vigie.training.fairness.groups import groups_of
from vigie.training.fairness.shares import share_gap, simultaneous, wilson

people = Table("people", key="id")
GENDER = people["gender"]


def compared(policy: Fairness, group: np.ndarray, act: np.ndarray, y: np.ndarray, p=None, customers=None, reads=()):
    n = len(act)
    values = {policy.groups[0].name: Values(Kind.CATEGORY, group.astype(np.int32), ("F", "M", "X"))}
    return compare_groups(
        policy,
        values,
        reads,
        y=y,
        p=np.full(n, 0.3) if p is None else p,
        act=act,
        money=act * 2.0 - 1.0,
        customers=np.arange(n) if customers is None else customers,
    )


def test_figures_are_those_of_each_group() -> None:
    rng = np.random.default_rng(0)
    group, act, y = rng.integers(0, 3, 900), rng.random(900) < 0.4, (rng.random(900) < 0.3).astype(np.int8)
    p = rng.random(900)
    (found,) = compared(Fairness([GENDER], least_rows=10), group, act, y, p)
    assert sorted(one.name for one in found.groups) == ["F", "M", "X"]
    assert [one.rows for one in found.groups] == sorted((one.rows for one in found.groups), reverse=True)
    for one in found.groups:
        rows = group == "FMX".index(one.name)
        assert one.rows == rows.sum() and one.positives == y[rows].sum()
        assert one.acted.value == pytest.approx(act[rows].mean())
        assert one.opportunity.value == pytest.approx(act[rows & (y == 1)].mean())
        assert one.false_alarms.value == pytest.approx(act[rows & (y == 0)].mean())
        assert one.probability == pytest.approx(p[rows].mean()) and one.observed.value == pytest.approx(y[rows].mean())
        assert one.value == pytest.approx((act[rows] * 2.0 - 1.0).mean())
        assert one.acted.low < one.acted.value < one.acted.high
    parity, opportunity, calibration = found.gaps
    rates = [act[group == g].mean() for g in range(3)]
    assert parity.gap.value == pytest.approx(max(rates) - min(rates))
    off = [p[group == g].mean() - y[group == g].mean() for g in range(3)]
    assert calibration.gap.value == pytest.approx(max(off) - min(off))
    assert opportunity.highest != opportunity.lowest


def test_a_policy_is_broken_beyond_chance_only() -> None:
    group = np.repeat([0, 1], 2000)
    y = np.tile([0, 1], 2000).astype(np.int8)
    act = np.concatenate([np.arange(2000) % 10 < 4, np.arange(2000) % 10 < 2])
    strict, lenient = Fairness([GENDER], parity=0.1), Fairness([GENDER], parity=0.19)
    assert compared(strict, group, act, y)[0].gaps[0].broken
    assert not compared(lenient, group, act, y)[0].gaps[0].broken  # 0.2 is above 0.19, and chance may explain that
    few = np.arange(0, 4000, 40)
    assert not compared(strict, group[few], act[few], y[few])[0].gaps[0].broken
    (found,) = fairness_findings(strict, compared(strict, group, act, y))
    assert found.code == "VGF001" and found.severity is Severity.ERROR
    assert "“F”" in found.explanation and "10.0%" in found.explanation
    advice = Fairness([GENDER], parity=0.1, block=False)
    assert fairness_findings(advice, compared(advice, group, act, y))[0].severity is Severity.WARNING


def test_small_groups_are_shown_and_not_judged() -> None:
    group = np.concatenate([np.repeat([0, 1], 500), np.full(20, 2)])
    act = np.concatenate([np.arange(1000) % 2 == 0, np.ones(20, bool)])
    policy = Fairness([GENDER], parity=0.2)
    (found,) = compared(policy, group, act, np.tile([0, 1], 510).astype(np.int8), reads=(GENDER.name,))
    assert [one.judged for one in found.groups] == [True, True, False]
    assert found.gaps[0].gap.value == pytest.approx(0)
    assert {one.code for one in fairness_findings(policy, (found,))} == {"VGF002", "VGF003"}


def test_rows_of_one_customer_count_as_one() -> None:
    y = np.zeros(4000, np.int8)
    group = np.repeat([0, 1], 2000)
    people_of = np.arange(4000) // 100  # 20 customers a group, each treated alike a hundred times
    act = np.isin(people_of, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 24, 25])
    policy = Fairness([GENDER], parity=0.1)
    alone = compared(policy, group, act, y)[0].gaps[0]
    together = compared(policy, group, act, y, customers=people_of)[0].gaps[0]
    assert alone.gap.value == together.gap.value == pytest.approx(0.3)
    assert alone.broken and not together.broken


def test_gaps_between_equal_groups_are_seldom_called_broken() -> None:
    broken = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        group, act = rng.integers(0, 3, 600), rng.random(600) < 0.3
        broken += (
            compared(Fairness([GENDER], parity=0.0, least_rows=50), group, act, np.zeros(600, np.int8))[0]
            .gaps[0]
            .broken
        )
    assert broken <= 20  # 5 % by right; all pairs are covered at once


def test_groups_of_every_kind() -> None:
    codes, names = groups_of(Values(Kind.BOOLEAN, np.array([0.0, 1.0, np.nan, 1.0])))
    assert codes.tolist() == [0, 1, 2, 1] and names == ("no", "yes", "missing")
    codes, names = groups_of(Values(Kind.NUMBER, np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.nan])))
    assert len(names) == 5 and names[0].startswith("up to") and names[-1] == "missing"
    assert np.bincount(codes).tolist() == [2, 2, 2, 2, 1]
    codes, names = groups_of(Values(Kind.NUMBER, np.array([3.0, 3.0])))
    assert codes.tolist() == [0, 0] and names == ("3",)
    codes, names = groups_of(Values(Kind.NUMBER, np.array([1.0, 0, np.nan, 1, 0.5])))
    assert codes.tolist() == [2, 0, 3, 2, 1] and names == ("0", "0.5", "1", "missing")
    codes, names = groups_of(Values(Kind.NUMBER, np.array([np.nan, np.nan])))
    assert codes.tolist() == [0, 0] and names == ("missing",)
    codes, names = groups_of(Values(Kind.NUMBER, np.array([1.0, 2, 3, 4] + [5.0] * 96)))
    assert names == ("up to 4", "above 4") and np.bincount(codes).tolist() == [4, 96]
    many = Values(Kind.CATEGORY, np.arange(60, dtype=np.int32) % 30, tuple(f"c{i}" for i in range(30)))
    codes, names = groups_of(many)
    assert len(names) == 21 and names[-1] == "others" and (codes == 20).sum() == 20


def test_intervals_of_shares() -> None:
    all_of_them = wilson(mean_of(np.ones(50), np.arange(50)))
    assert all_of_them.value == all_of_them.high == 1 and 0.9 < all_of_them.low < 0.95
    one, other = mean_of(np.tile([0.0, 1.0], 500), np.arange(1000)), mean_of(np.zeros(1000), np.arange(1000))
    gap = share_gap(one, other, simultaneous(2))
    assert gap.value == 0.5 and 0.46 < gap.low < 0.5 < gap.high < 0.54
    assert np.isnan(wilson(mean_of(np.zeros(0), np.zeros(0, int))).value)


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(DefinitionError, match="names no groups"):
        Fairness([])
    with pytest.raises(DefinitionError, match="not a share"):
        Fairness([GENDER], parity=5)
    with pytest.raises(DefinitionError, match="not a value of a customer"):
        Fairness(["gender"])  # type: ignore[list-item]
    with pytest.raises(DefinitionError, match="not a number of rows"):
        Fairness([GENDER], least_rows=0)
    decision = Campaign(contact_cost=1, offer_cost=1, accepted=0.1, customer_value=9)
    outcome = people["left"] == True
    with pytest.raises(DefinitionError, match="fairness is"):
        Score("s", outcome=outcome, features=[people["age"]], decision=decision, fairness=GENDER)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="which is the outcome"):
        Score("s", outcome=outcome, features=[people["age"]], decision=decision, fairness=Fairness([people["left"]]))
    schema = {"people": {"left": Kind.BOOLEAN, "age": Kind.NUMBER, "gender": Kind.CATEGORY, "born": Kind.TIME}}
    dated = Score(
        "s", outcome=outcome, features=[people["age"]], decision=decision, fairness=Fairness([people["born"]])
    )
    with pytest.raises(DefinitionError, match="is a time"):
        dated.bound(schema)
    with pytest.raises(DefinitionError, match="not a category"):
        Score("s", outcome=outcome, features=[people["age"]], decision=decision, by=people["age"]).bound(schema)


def test_meaning_changes_only_where_it_is_given() -> None:
    decision = Campaign(contact_cost=1, offer_cost=1, accepted=0.1, customer_value=9)
    plain = Score("s", outcome=people["left"] == True, features=[people["age"]], decision=decision)
    more = [
        Score("s", outcome=people["left"] == True, features=[people["age"]], decision=decision, **extra)
        for extra in ({"by": GENDER}, {"fairness": Fairness(GENDER)}, {"fairness": Fairness(GENDER, parity=0.1)})
    ]
    assert len({plain.fingerprint, *(score.fingerprint for score in more)}) == 4
    assert "people" in more[0].sources

"""What a decision is worth: every field against its definition, and figures of the ranking against empulse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie import Campaign, Lead, Loan, Table
from vigie.bundle import payoff_values
from vigie.definition import Kind
from vigie.economics import PayoffValues, savings
from vigie.features.values import Values
from vigie.training.capacity import Capacity
from vigie.training.strategies import acts_by_strategy
from vigie.training.value import business_scores, fixed_rival, value_evidence

CAMPAIGN = PayoffValues.constant(56, -11)
MOMENTS = np.zeros(4000, np.int64)


def drawn(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n)
    return p, (rng.random(n) < p).astype(np.int8)


@pytest.mark.parametrize("limit", [None, 400])
def test_every_field_is_what_it_says(limit: int | None) -> None:
    p, y = drawn()
    capacity = Capacity.of(limit, MOMENTS)
    act = capacity.act(CAMPAIGN.gain(p), 0.0, np.arange(4000))
    acts = acts_by_strategy(p, act, capacity, (p > 0.4).astype(float), 0)
    found = value_evidence(acts, CAMPAIGN, y, np.arange(4000), "rule", capacity, 0, pairs_compared=7)
    money = {name: CAMPAIGN.realised(who, y) for name, who in acts.items()}
    for name, estimate in found.strategies.items():
        assert estimate.value == pytest.approx(money[name].mean()) and estimate.low <= estimate.value <= estimate.high
    assert found.over_rival.value == pytest.approx((money["vigie"] - money["rule"]).mean())
    assert found.over_half.value == pytest.approx((money["vigie"] - money["threshold_0.5"]).mean())
    # Paired, so narrower than both intervals together.
    width = found.over_half.high - found.over_half.low
    assert width < found.strategies["vigie"].high - found.strategies["vigie"].low
    best = np.sort(56.0 * y)[::-1][: limit or 4000].sum() / 4000
    assert found.perfect == pytest.approx(best)
    assert (found.customers, found.pairs_compared, found.rival) == (4000, 7, "rule")


def test_savings_are_those_of_bahnsen_with_an_interval() -> None:
    p, y = drawn(seed=1)
    loans = PayoffValues.constant(0.0, 0.0, -750.0, 200.0)
    capacity = Capacity.of(None, MOMENTS)
    act = loans.gain(p) >= 0
    acts = acts_by_strategy(p, act, capacity, None, 0)
    # Granting all earns here: then the share is not one of costs, but still what it says.
    found = value_evidence(acts, loans, y, np.arange(4000), "nobody", capacity, 0)
    wanted = savings(act, loans, y)
    assert (np.isnan(found.savings.value) and np.isnan(wanted)) or found.savings.value == pytest.approx(wanted)
    costly = PayoffValues.constant(-5.0, -5.0, -100.0, 0.0)
    act = costly.gain(p) >= 0
    found = value_evidence(
        acts_by_strategy(p, act, capacity, None, 0), costly, y, np.arange(4000), "nobody", capacity, 0
    )
    assert found.savings.value == pytest.approx(savings(act, costly, y))
    assert 0 < found.savings.low < found.savings.value < found.savings.high <= 1


def test_a_sum_that_is_not_known_counts_as_nothing() -> None:
    p, y = drawn(100)
    worth = np.full(100, 56.0)
    worth[:30] = np.nan
    payoff = PayoffValues(worth, np.array(-11.0), np.array(0.0), np.array(0.0))
    capacity = Capacity.of(None, MOMENTS[:100])
    acts = acts_by_strategy(p, payoff.gain(p) >= 0, capacity, None, 0)
    found = value_evidence(acts, payoff, y, np.arange(100), "nobody", capacity, 0)
    known = np.where(np.isnan(worth), 0.0, np.where(y == 1, worth, -11.0))
    known[np.isnan(worth) & (y == 0)] = -11.0  # acting on one who stays costs the same, whatever he is worth
    assert found.strategies["everybody"].value == pytest.approx(known.mean())
    assert found.perfect == pytest.approx(np.nansum(worth * y) / 100)


def test_the_rival_is_the_best_fixed_strategy_of_the_training_rows() -> None:
    p, y = drawn()
    capacity = Capacity.of(None, MOMENTS)
    assert fixed_rival(CAMPAIGN, y, capacity) == "everybody"
    assert fixed_rival(PayoffValues.constant(20, -30), y, capacity) == "nobody"
    rule = (p > 0.6).astype(float)
    assert fixed_rival(PayoffValues.constant(20, -30), y, capacity, rule=rule) == "rule"
    assert fixed_rival(PayoffValues.constant(20, -30), y, capacity, rule=np.full(4000, np.nan)) == "nobody"


def payoff_of(decision, leaves, n):
    return payoff_values(decision.payoff(), leaves, n)


def test_a_campaigns_expected_maximum_profit_is_that_of_empulse() -> None:
    from empulse.metrics import empc, mpc

    p, y = drawn(1500)
    decision = Campaign(contact_cost=2, offer_cost=15, accepted=0.25, customer_value=300)
    found = business_scores(decision, y, p, payoff_of(decision, {}, 1500))
    wanted = empc(y, p, alpha=5, beta=15, clv=300, incentive_cost=15, contact_cost=2)
    assert (found["emp_churn"], found["emp_churn.share"]) == pytest.approx(wanted, rel=1e-9)
    certain = mpc(y, p, accept_rate=0.25, clv=300, incentive_cost=15, contact_cost=2)
    assert (found["max_profit"], found["max_profit.share"]) == pytest.approx(certain, rel=1e-9)


def test_a_leads_and_a_loans() -> None:
    from empulse.metrics import empa, empcs

    p, y = drawn(800)
    lead = Lead(contact_cost=50, deal_value=400)
    found = business_scores(lead, y, p, payoff_of(lead, {}, 800))
    wanted = empa(y, p, alpha=12, beta=12 / 400, contact_cost=50, sales_cost=0)
    assert (found["emp_acquisition"], found["emp_acquisition.share"]) == pytest.approx(wanted, rel=1e-7)
    loan = Loan(amount=1000, interest=0.2644, loss_given_default=0.275)
    found = business_scores(loan, y, p, payoff_of(loan, {}, 800))
    wanted = empcs(y, p, success_rate=0.55, default_rate=0.1, roi=0.2644)
    assert found["emp_credit"] == pytest.approx(1000 * wanted[0], rel=1e-7)


decisions = st.one_of(
    st.builds(
        lambda c, o, a, v: Campaign(contact_cost=c, offer_cost=o, accepted=a, customer_value=v),
        st.floats(0, 5), st.floats(0, 20), st.floats(0, 1), st.floats(20, 500),
    ),
    st.builds(
        lambda c, d, u: Lead(contact_cost=c, deal_value=d, unaided=u), st.floats(0, 50), st.floats(1, 500), st.floats(0, 1)
    ),
    st.builds(
        lambda a, i, g: Loan(amount=a, interest=i, loss_given_default=g),
        st.floats(1, 1e4), st.floats(0.01, 1), st.floats(0.05, 1),
    ),
)  # fmt: skip


@given(decisions, st.integers(0, 1000))
def test_not_knowing_a_sum_for_certain_is_worth_no_less(decision, seed):
    """The best cut for each value of the sum brings at least what the one for its mean does (Jensen), never below nobody."""
    p, y = drawn(60, seed)
    found = business_scores(decision, y, p, payoff_of(decision, {}, 60))
    (expected,) = [value for name, value in found.items() if name.startswith("emp_") and not name.endswith(".share")]
    payoff = payoff_of(decision, {}, 60)
    everybody = float(np.mean(np.broadcast_to(payoff.advantage(y), 60)))
    tolerance = 1e-9 * (1 + abs(expected))
    assert expected >= found["max_profit"] - tolerance and found["max_profit"] >= max(0.0, everybody) - tolerance
    assert all(-1e-12 <= found[name] <= 1 + 1e-12 for name in found if name.endswith(".share"))


def test_sums_that_differ_by_customer_are_told_by_their_columns() -> None:
    clients = Table("clients", key="id")
    p, y = drawn(500)
    rng = np.random.default_rng(0)
    columns = {"worth": rng.gamma(4, 50, 500), "cost": rng.uniform(0.5, 2, 500)}
    columns["worth"][:20] = np.nan
    leaves = {clients[name].name: Values(Kind.NUMBER, values) for name, values in columns.items()}
    by_value = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=clients["worth"])
    found = business_scores(by_value, y, p, payoff_of(by_value, leaves, 500))
    assert found["emp_churn"] >= found["max_profit"] > 0
    by_cost = Campaign(contact_cost=clients["cost"], offer_cost=10, accepted=0.3, customer_value=clients["worth"])
    payoff = payoff_of(by_cost, leaves, 500)
    assert "emp_churn" not in business_scores(by_cost, y, p, payoff)
    assert business_scores(by_cost, y, p, payoff, leaves)["emp_churn"] > 0

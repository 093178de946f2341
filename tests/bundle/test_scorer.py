"""Scoring: the training library's probabilities, the cost matrix's money, and one row as many."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.bundle import (
    SEGMENT_NAMES,
    ConstantModel,
    DecisionRule,
    Input,
    RuleModel,
    Scorer,
    payoff_values,
    portable_payoff,
)
from vigie.clock import DAY
from vigie.definition import Campaign, Kind, Loan
from vigie.errors import BundleError, InputError
from vigie.features.values import Values

MODELS = ("constant", "rule", "linear", "forest", "boosting", "additive")


@pytest.mark.parametrize("name", MODELS)
def test_the_probability_is_the_training_pipelines_on_every_row(name, shop, fitted, bundles):
    bundle = bundles[name]
    expected = bundle.calibration.apply(fitted[name][2])
    found = Scorer(bundle).score(shop.columns, shop.n)
    assert np.abs(found.probability - expected).max() <= 1e-9


@pytest.mark.parametrize("name", MODELS)
def test_one_row_is_scored_as_many_are(name, shop, bundles):
    scorer = Scorer(bundles[name])
    scores, rows = scorer.score(shop.columns, shop.n), shop.rows()
    again = scorer.score(scorer.columns(rows), shop.n)
    for attribute in ("probability", "gain", "act", "expected_value", "segment"):
        many = getattr(scores, attribute).tolist()
        assert getattr(again, attribute).tolist() == many
        assert [getattr(scorer.score_one(row), attribute) for row in rows] == many
    assert scorer.score_one(rows[0]).segment_name == SEGMENT_NAMES[int(scores.segment[0])]
    half = {column: values.take(np.arange(0, shop.n, 2)) for column, values in shop.columns.items()}
    assert scorer.score(half, (shop.n + 1) // 2).probability.tolist() == scores.probability[::2].tolist()


VALUES = st.fixed_dictionaries(
    {
        "country": st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["fr", "de"])),
        "born": st.one_of(st.none(), st.integers(-(2**61), 2**61)),
        "newsletter": st.one_of(st.none(), st.booleans()),
        "clv": st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-5, 500)),
        "orders_count_30d": st.one_of(st.none(), st.floats(allow_nan=False), st.integers(0, 9)),
        "orders_count_90d": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        "spent": st.one_of(st.none(), st.floats(allow_nan=False)),
        "orders_days_since_last": st.one_of(st.none(), st.floats(0, 400)),
    }
)


@pytest.mark.parametrize("name", MODELS)
@given(rows=st.lists(VALUES, min_size=1, max_size=5))
def test_whatever_the_values_both_ways_agree(name, bundles, rows):
    scorer = Scorer(bundles[name])
    scores = scorer.score(scorer.columns(rows), len(rows))
    ones = [scorer.score_one(row) for row in rows]
    assert ((scores.probability >= 0) & (scores.probability <= 1)).all()
    for attribute in ("probability", "gain", "act", "expected_value", "segment"):
        many = getattr(scores, attribute)
        assert np.array_equal([getattr(one, attribute) for one in ones], many, equal_nan=many.dtype.kind == "f")


def test_the_money_is_that_of_the_cost_matrix(shop, bundles):
    bundle = bundles["boosting"]
    scores = Scorer(bundle).score(shop.columns, shop.n)
    p = scores.probability
    value = shop.columns["clv"].data + 5 * shop.columns["orders_count_30d"].data
    gain = p * (0.3 * (value - 10) - 1) + (1 - p) * -11
    assert np.allclose(scores.gain, gain, rtol=1e-12)
    assert np.array_equal(scores.act, scores.gain >= 2.5)
    assert np.allclose(scores.expected_value, np.where(scores.act, gain, 0.0), rtol=1e-12)
    edges = bundle.segments
    assert scores.segment.tolist() == [sum(edge <= q for edge in edges) for q in p]
    assert scores.segment.dtype == np.int8


def test_a_base_is_decided_within_capacity(shop, bundles):
    bundle = bundles["boosting"]
    scores = Scorer(bundle).score(shop.columns, shop.n)
    decided = scores.decided(bundle.decision.choose(scores.gain))
    assert decided.act.sum() == min(100, (scores.gain >= 0).sum())
    assert decided.gain[decided.act].min() >= np.sort(scores.gain)[::-1][99]
    assert np.allclose(decided.expected_value, np.where(decided.act, scores.gain, 0.0))
    assert bundle.decision.word(True) == "contact" and bundle.decision.word(False) == "leave"


def test_an_unknown_sum_is_not_acted_on(shop, bundles):
    scorer = Scorer(bundles["boosting"])
    row = {**shop.rows()[0], "clv": None}
    answer = scorer.score_one(row)
    assert np.isnan(answer.gain) and not answer.act and answer.expected_value == 0.0
    scores = scorer.score(scorer.columns([row]), 1)
    assert np.isnan(scores.gain[0]) and not scores.act[0]


def test_a_loan_of_a_given_amount(shop, bundles):
    loan = Loan(amount=1000, interest=0.1)
    bundle = replace(bundles["constant"], payoff=portable_payoff(loan.payoff()), decision=DecisionRule())
    scorer = Scorer(bundle)
    scores = scorer.score(shop.columns, shop.n)
    p = scores.probability
    assert np.allclose(scores.gain, p * 750 - (1 - p) * 100)
    assert np.isclose(scorer.probability_threshold, 100 / 850)
    assert scores.gain.shape == (shop.n,)


def test_the_threshold_as_a_probability(bundles):
    campaign = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200)
    bundle = replace(bundles["constant"], payoff=portable_payoff(campaign.payoff()), decision=DecisionRule(2.0))
    threshold = Scorer(bundle).probability_threshold
    assert np.isclose(threshold * 56 - (1 - threshold) * 11, 2.0)
    assert Scorer(bundles["constant"]).probability_threshold is None


def test_requests_are_parsed_and_scored(shop, bundles):
    scorer = Scorer(bundles["boosting"])
    parsed = scorer.parse({"country": "atlantis", "born": "1980-05-01", "clv": 100, "orders_count_30d": 0})
    assert parsed["born"] == 3773 * DAY
    assert 0 < scorer.score_one(parsed).probability < 1
    with pytest.raises(InputError, match="clv"):
        scorer.parse({"country": "fr", "orders_count_30d": 1})
    with pytest.raises(InputError, match="did you mean 'country'"):
        scorer.parse({"contry": "fr"})


def test_columns_that_do_not_fit_are_named(shop, bundles):
    scorer = Scorer(bundles["linear"])
    without = {name: values for name, values in shop.columns.items() if name != "spent"}
    with pytest.raises(InputError, match="spent") as error:
        scorer.score(without, shop.n)
    assert error.value.field == "spent"
    with pytest.raises(InputError, match="values are category"):
        scorer.score({**shop.columns, "spent": shop.columns["country"]}, shop.n)
    with pytest.raises(InputError, match="600 values for 5"):
        scorer.score(shop.columns, 5)


def test_parts_that_do_not_fit_are_refused(bundles):
    bundle = bundles["boosting"]
    cases = {
        "two inputs have one name": replace(bundle, inputs=(*bundle.inputs, bundle.inputs[0])),
        "'country' is needed": replace(bundle, inputs=bundle.inputs[1:]),
        "encoded as a category": replace(bundle, inputs=(Input("country", Kind.NUMBER), *bundle.inputs[1:])),
        "edges of four segments": replace(bundle, segments=(0.5, 0.2, 0.9)),
        "weights|columns": replace(bundle, encoder=bundles["linear"].encoder),
        "without a rule": replace(bundle, model=RuleModel((0.0, 1.0), (0.0, 1.0)), rule=None),
        "four sums": replace(bundle, payoff={}),
        "means something else": replace(
            bundle, payoff={**bundle.payoff, "pass_positive": {**bundle.payoff["pass_positive"], "fingerprint": "0"}}
        ),
        "not a probability": replace(bundle, model=ConstantModel(7.0)),
    }
    for said, damaged in cases.items():
        with pytest.raises(BundleError, match=said):
            Scorer(damaged)


def test_many_threads_get_the_same_answers(shop, bundles):
    scorer, rows = Scorer(bundles["boosting"]), shop.rows()[:100]
    expected = [scorer.score_one(row) for row in rows]
    answers: list[bool] = []

    def work() -> None:
        answers.append(all([scorer.score_one(row) for row in rows] == expected for _ in range(10)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 4


def test_sums_of_the_same_for_all_stay_one_number(shop):
    campaign = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200)
    payoff = payoff_values(campaign.payoff(), shop.columns, shop.n)
    assert [np.shape(total) for total in payoff.sums()] == [()] * 4
    assert float(payoff.act_positive) == 0.3 * 190 - 1


def test_nobody_is_scored_too(shop, bundles):
    nobody = {name: values.take(np.zeros(0, np.intp)) for name, values in shop.columns.items()}
    for name in MODELS:
        assert len(Scorer(bundles[name]).score(nobody, 0)) == 0
    assert Values.of(Kind.NUMBER, []).data.shape == (0,)

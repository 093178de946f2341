"""Reasons: their sums, their order, the same for one and for many, and for models of segments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import Calibration, Part, Scorer
from vigie.bundle.logistic import log_odds_one
from vigie.bundle.reasons import RULE, Explainer
from vigie.clock import DAY
from vigie.definition.kind import Kind

MODELS = ("constant", "rule", "linear", "forest", "boosting", "additive")

VALUES = st.fixed_dictionaries(
    {
        "country": st.sampled_from(["fr", "de", "it", "lu", "never seen", None]),
        "born": st.one_of(st.none(), st.integers(-9000, 12000).map(lambda d: d * DAY)),
        "newsletter": st.sampled_from([True, False, None]),
        "clv": st.floats(0, 1e4),
        "orders_count_30d": st.one_of(st.none(), st.integers(0, 9).map(float)),
        "orders_count_90d": st.one_of(st.none(), st.integers(0, 12).map(float)),
        "spent": st.one_of(st.none(), st.floats(0, 1e4), st.just(1e300)),
        "orders_days_since_last": st.one_of(st.none(), st.floats(0, 90)),
    }
)


def answer(scale: str, p: float) -> float:
    return log_odds_one(p) if scale.startswith("log_odds") else p


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_base_and_contributions_are_the_score(bundles: dict[str, Any], data: st.DataObject) -> None:
    bundle = bundles[data.draw(st.sampled_from(MODELS))]
    if data.draw(st.booleans()):
        bundle = replace(bundle, calibration=Calibration())
    values = data.draw(VALUES)
    explained = Explainer(bundle).explained(values)
    plain = replace(bundle, calibration=Calibration()) if "before" in explained.scale else bundle
    p = Scorer(plain).score_one(values).probability
    total = explained.base + sum(reason.contribution for reason in explained.reasons)
    assert total == pytest.approx(answer(explained.scale, p), abs=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_many_are_the_same_as_one_by_one(bundles: dict[str, Any], shop: Any, model: str) -> None:
    explainer = Explainer(bundles[model])
    found = explainer.many(shop.columns, shop.n, top=3)
    matrix = explainer.matrix(shop.columns, shop.n)
    for i, row in list(enumerate(shop.rows()))[::37]:
        one = explainer.explained(row, top=3)
        kept = [
            (explainer.features[j], c) for j, c in zip(found.index[i], found.contribution[i], strict=True) if c != 0
        ]
        assert [name for name, _ in kept] == [reason.feature for reason in one.reasons]
        np.testing.assert_allclose([c for _, c in kept], [reason.contribution for reason in one.reasons], atol=1e-9)
        assert found.base[i] == pytest.approx(one.base, abs=1e-9)
        assert found.scales[i] == one.scale
        assert matrix[i, -1] == pytest.approx(one.base, abs=1e-9)
        everything = {reason.feature: reason.contribution for reason in explainer.row(row)}
        np.testing.assert_allclose(matrix[i, :-1], [everything[name] for name in explainer.features], atol=1e-9)


def test_the_greatest_come_first_and_none_that_says_nothing(bundles: dict[str, Any], shop: Any) -> None:
    explainer = Explainer(bundles["boosting"])
    for row in shop.rows()[:20]:
        reasons = explainer.row(row, top=4)
        sizes = [abs(reason.contribution) for reason in reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert len(reasons) <= 4
        assert all(sizes)
        assert sizes == [abs(reason.contribution) for reason in explainer.row(row)][: len(sizes)]
    assert Explainer(bundles["constant"]).row(shop.rows()[0], top=4) == []


def test_the_columns_of_one_input_are_one_reason(bundles: dict[str, Any], shop: Any) -> None:
    reasons = Explainer(bundles["linear"]).row(shop.rows()[0])
    names = [reason.feature for reason in reasons]
    assert sorted(names) == sorted({column.name for column in bundles["linear"].encoder.columns})
    assert bundles["linear"].encoder.width > len(names)


def test_scales_are_named(bundles: dict[str, Any]) -> None:
    isotonic = Calibration.isotonic(np.array([0.0, 1.0]), np.array([0.1, 0.9]))
    assert Explainer(bundles["linear"]).scale == "log_odds"
    assert Explainer(bundles["forest"]).scale == "probability_before_calibration"
    assert Explainer(replace(bundles["linear"], calibration=isotonic)).scale == "log_odds_before_calibration"
    assert Explainer(replace(bundles["forest"], calibration=Calibration())).scale == "probability"


def test_words_effects_and_sentences(bundles: dict[str, Any], shop: Any) -> None:
    row = {**shop.rows()[0], "country": "zz", "orders_count_30d": 0.0, "spent": None, "newsletter": False, "born": 0}
    reasons = {reason.feature: reason for reason in Explainer(bundles["linear"]).row(row)}
    assert reasons["orders_count_30d"].words == "no orders in the last 30 days"
    assert reasons["orders_count_30d"].value == 0.0
    assert reasons["spent"].words == "no amount of orders in the last 90 days"
    assert reasons["spent"].value is None
    assert reasons["newsletter"].words == "newsletter is no"
    assert reasons["newsletter"].value is False
    assert reasons["born"].words == "born is 1970-01-01"
    assert reasons["born"].value == "1970-01-01T00:00:00Z"
    assert reasons["country"].words.startswith("country is zz (")
    assert reasons["country"].value == "zz"
    up = max(reasons.values(), key=lambda reason: reason.contribution)
    down = min(reasons.values(), key=lambda reason: reason.contribution)
    assert (up.effect, down.effect) == ("raises the score", "lowers the score")
    assert up.sentence == f"{up.words}: {up.contribution:+.2f}"


def test_a_rule_is_one_reason(bundles: dict[str, Any], shop: Any) -> None:
    row = {**shop.rows()[0], "orders_days_since_last": 75.0}
    (reason,) = Explainer(bundles["rule"]).row(row)
    assert (reason.feature, reason.value, reason.contribution > 0) == (RULE, True, True)
    assert reason.words == "days since the last of orders > 60"


def test_a_segment_is_explained_by_its_own_model(bundles: dict[str, Any], shop: Any) -> None:
    other = bundles["linear"]
    parts = (Part("de", other.encoder, other.model, Calibration()),)
    bundle = replace(bundles["boosting"], by="country", parts=parts)
    explainer = Explainer(bundle)
    rows = shop.rows()
    german = next(row for row in rows if row["country"] == "de")
    own = Explainer(replace(other, calibration=Calibration()))
    assert explainer.explained(german) == own.explained(german)
    french = next(row for row in rows if row["country"] == "fr")
    assert explainer.explained(french) == Explainer(bundles["boosting"]).explained(french)
    found = explainer.many(shop.columns, shop.n, top=2)
    for i in range(0, shop.n, 41):
        one = explainer.explained(rows[i], top=2)
        assert [explainer.features[j] for j in found.index[i]][: len(one.reasons)] == [r.feature for r in one.reasons]
        assert found.scales[i] == one.scale
        assert found.base[i] == pytest.approx(one.base, abs=1e-9)


def test_every_customer_of_many_parts_of_work_is_there(bundles: dict[str, Any], shop: Any, monkeypatch: Any) -> None:
    explainer = Explainer(bundles["linear"])
    whole = explainer.many(shop.columns, shop.n, top=2)
    monkeypatch.setattr("vigie.bundle.reasons.AT_ONCE", 7)
    parted = explainer.many(shop.columns, shop.n, top=2)
    np.testing.assert_array_equal(whole.index, parted.index)
    np.testing.assert_array_equal(whole.contribution, parted.contribution)
    assert explainer.many(shop.columns, shop.n, top=50).index.shape == (shop.n, len(explainer.features))
    assert shop.columns["country"].kind is Kind.CATEGORY

"""A score with segments, asked for over HTTP: each customer is answered by the model of its segment, by values and by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.bundle import Bundle, Calibration, LinearModel, Part, Scorer, load_bundle, with_golden, write_bundle
from vigie.serving import Served

BY = "customers_country"


@pytest.fixture(scope="module")
def parted(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle with a model of its own for France, written and loaded."""
    from vigie.features.values import Kind, Values

    width = bundle.encoder.width
    part = Part("FR", bundle.encoder, LinearModel((0.1,) * width, 0.4), Calibration.sigmoid(0.8, -0.2))
    customers = [dict(golden.values) for golden in bundle.golden]
    french = [{**customer, BY: "FR"} for customer in customers[:20]]
    rows = customers + french
    columns = {one.name: Values.of(Kind(one.kind), [row[one.name] for row in rows]) for one in bundle.inputs}
    folder = tmp_path_factory.mktemp("parted") / "bundle"
    write_bundle(with_golden(replace(bundle, by=BY, parts=(part,), golden=(), hash=""), columns), folder)
    return load_bundle(folder)


@pytest.mark.parametrize("country", ["FR", "DE", "PT", None])
def test_values_are_answered_by_the_segments_model(
    country: str | None, parted: Bundle, bundle: Bundle, client_of: Callable[..., TestClient], values: dict[str, Any]
) -> None:
    served = Served("churn", "4", parted)
    asked = {**values, BY: country}
    with client_of({"churn": served}) as client:
        answer = client.post("/v1/score", json={"values": asked})
        many = client.post(
            "/v1/score", json={"customers": [{"values": one} for one in (asked, {**values, BY: "FR"}, asked)]}
        )
    assert answer.status_code == 200, answer.text
    score = answer.json()["predictions"][0]["score"]
    assert score == served.scorer.score_one(served.scorer.parse(asked)).probability
    common = Scorer(bundle).score_one(served.scorer.parse(asked)).probability
    assert (score == common) == (country != "FR")
    assert many.status_code == 200, many.text
    assert [one["score"] for one in many.json()["predictions"]][::2] == [score, score]


def test_by_id_the_segment_is_looked_up(parted: Bundle, base: Any, client_of: Callable[..., TestClient]) -> None:
    served = Served("churn", "4", parted, base)
    with client_of({"churn": served}) as client:
        answers = client.post("/v1/score", json={"customers": [{"customer_id": str(i)} for i in range(12)]})
    assert answers.status_code == 200, answers.text
    expected = served.scorer.probability(base.columns, 400)[:12]
    assert [one["score"] for one in answers.json()["predictions"]] == expected.tolist()
    countries = base.columns[BY].strings()[:12]
    assert "FR" in countries and set(countries) != {"FR"}


def test_a_damaged_part_is_not_served(parted: Bundle, tmp_path: Path) -> None:
    from vigie.errors import BundleError

    write_bundle(parted, tmp_path / "bundle")
    file = tmp_path / "bundle" / "parts.bin"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"parts\.bin"):
        load_bundle(tmp_path / "bundle")

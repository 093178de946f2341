"""Models that are read when they are asked for: once each, within a budget, and each failing alone."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vigie.bundle import Bundle, load_bundle, read_cover, write_bundle
from vigie.clock import FixedClock
from vigie.errors import BundleError
from vigie.journal import PredictionJournal
from vigie.serving import Served, create_app
from vigie.serving.shelf import Shelf, Shelved
from vigie.serving.shelf_size import bytes_of

NAMES = ("be", "de", "fr", "it")


class Reader:
    """Reads bundles and notes which."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.seconds = 0.0
        self.alive: list[weakref.ref[Served]] = []
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, shelved: Shelved) -> Served:
        with self._lock:
            self.read.append(shelved.name)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            time.sleep(self.seconds)
            served = Served(shelved.name, shelved.version, load_bundle(shelved.folder))
        finally:
            with self._lock:
                self.at_once -= 1
        self.alive.append(weakref.ref(served))
        return served


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def folders(bundle: Bundle, tmp_path: Path) -> dict[str, Path]:
    """A bundle for each country, each another."""
    for name in NAMES:
        write_bundle(replace(bundle, score_name=name, title=f"Who leaves in {name}?", hash=""), tmp_path / name)
    return {name: tmp_path / name for name in NAMES}


Make = Callable[..., tuple[FastAPI, Shelf]]


@pytest.fixture
def make(folders: dict[str, Path], reader: Reader, journal: PredictionJournal, now: int) -> Make:
    def of(models: int = 100, pinned: dict[str, Served] | None = None) -> tuple[FastAPI, Shelf]:
        shelved = [Shelved(name, "1", folder, read_cover(folder)) for name, folder in folders.items()]
        served = Served("be", "1", load_bundle(folders["be"]))
        each = bytes_of((served.bundle, served.scorer))
        shelf = Shelf(shelved, reader, int(each * (models + 0.5)))
        return create_app(pinned or {}, journal, FixedClock(now), shelf=shelf), shelf

    return of


def score(client: TestClient, name: str, values: dict[str, Any]) -> httpx.Response:
    return client.post(f"/v1/scores/{name}/score", json={"values": values})


def metric(client: TestClient, name: str) -> float:
    line = next(one for one in client.get("/metrics").text.splitlines() if one.startswith(f"{name} "))
    return float(line.rsplit(" ", 1)[1])


def test_a_model_is_read_by_the_first_request_for_it(
    make: Make, reader: Reader, values: dict[str, Any], journal: PredictionJournal, bundle: Bundle
) -> None:
    app, _ = make()
    with TestClient(app) as client:
        cards = client.get("/v1/models").json()
        assert [(card["name"], card["title"]) for card in cards] == [(n, f"Who leaves in {n}?") for n in NAMES]
        assert client.get("/v2/models/fr").json()["versions"] == ["1"]
        assert client.get("/readyz").json()["shelf"] == {"models": 4, "in_memory": 0}
        assert reader.read == []
        for _ in range(2):
            answer = score(client, "fr", cards[2]["example"])
            assert answer.status_code == 200 and answer.json()["model"]["name"] == "fr"
        assert reader.read == ["fr"]
        assert score(client, "fr", values).json()["predictions"][0]["score"] > 0
        assert metric(client, "vigie_models_loads_total") == 1
        assert metric(client, "vigie_models_resident") == 1
        assert metric(client, "vigie_models_resident_bytes") > 10_000
        assert 'vigie_predictions_total{decision="' in client.get("/metrics").text
    assert {one.score for one in journal.read()} == {"fr"}


def test_the_model_asked_for_longest_ago_goes_first(make: Make, reader: Reader, values: dict[str, Any]) -> None:
    app, shelf = make(models=2)
    with TestClient(app) as client:
        for name in ("be", "de", "be", "fr", "it", "be"):
            assert score(client, name, values).status_code == 200
        assert reader.read == ["be", "de", "fr", "it", "be"]
        assert shelf.in_memory == ("it", "be")
        assert metric(client, "vigie_models_evictions_total") == 3
        assert metric(client, "vigie_models_resident") == 2


def test_what_is_given_up_is_free_at_once(make: Make, reader: Reader, values: dict[str, Any]) -> None:
    app, shelf = make(models=1)
    gc.disable()
    try:
        with TestClient(app) as client:
            for name in NAMES:
                assert score(client, name, values).status_code == 200
            assert [one() is None for one in reader.alive] == [True, True, True, False]
    finally:
        gc.enable()
    assert shelf.in_memory == ("it",)


def test_a_model_larger_than_the_budget_is_answered_with_all_the_same(
    make: Make, reader: Reader, values: dict[str, Any]
) -> None:
    app, shelf = make(models=0)
    with TestClient(app) as client:
        for name in ("be", "be", "de"):
            assert score(client, name, values).status_code == 200
    assert reader.read == ["be", "de"] and shelf.in_memory == ("de",)


async def crowd(app: FastAPI, names: list[str], values: dict[str, Any]) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answers = await asyncio.gather(
            *(client.post(f"/v1/scores/{name}/score", json={"values": values}) for name in names)
        )
    return [answer.status_code for answer in answers]


def test_all_who_ask_at_once_wait_for_one_reading(make: Make, reader: Reader, values: dict[str, Any]) -> None:
    reader.seconds = 0.05
    app, _ = make()
    assert set(asyncio.run(crowd(app, ["fr", "de", "be", "it"] * 10, values))) == {200}
    assert sorted(reader.read) == sorted(NAMES)
    assert reader.most == 2


def test_who_goes_away_does_not_take_the_model_from_the_others(make: Make, reader: Reader) -> None:
    reader.seconds = 0.1
    _, shelf = make()
    shelf.attach(lambda served: served)  # type: ignore[arg-type, return-value]

    async def ask() -> Any:
        first = asyncio.create_task(shelf.opened("fr"))
        second = asyncio.create_task(shelf.opened("fr"))
        await asyncio.sleep(0.02)
        first.cancel()
        return await second

    assert asyncio.run(ask()).name == "fr"
    assert reader.read == ["fr"]


def test_a_damaged_bundle_concerns_its_own_name_only(
    make: Make, reader: Reader, folders: dict[str, Path], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = make()
    good = (folders["fr"] / "encoder.json").read_bytes()
    (folders["fr"] / "encoder.json").write_bytes(b"[]")
    with TestClient(app) as client:
        for _ in range(3):
            answer = score(client, "fr", values)
            assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
            assert answer.json()["detail"][0]["reason"] == "the model of fr cannot be read"
        assert reader.read == ["fr"]  # not read again for every request
        assert score(client, "de", values).status_code == 200
        assert client.get("/readyz").status_code == 200
        column = {"name": "customers_worth", "shape": [1], "datatype": "FP64", "data": [7]}
        answer = client.post("/v2/models/fr/infer", json={"inputs": [column]})
        assert answer.status_code == 503 and answer.json()["error"].startswith("server: the model of fr cannot be read")
        assert metric(client, "vigie_models_load_failures_total") == 1
        monkeypatch.setattr("vigie.serving.shelf.RETRY_SECONDS", 0.0)
        (folders["fr"] / "encoder.json").write_bytes(good)
        assert score(client, "fr", values).status_code == 200


def test_a_bundle_that_was_exchanged_under_the_server_is_not_answered_with(
    make: Make, folders: dict[str, Path], bundle: Bundle, values: dict[str, Any]
) -> None:
    app, _ = make()
    shutil.rmtree(folders["fr"])
    write_bundle(replace(bundle, score_name="fr", title="Another", hash=""), folders["fr"])
    with TestClient(app) as client:
        assert score(client, "fr", values).status_code == 503


def test_a_cover_that_cannot_be_read_concerns_its_own_name_only(
    reader: Reader, folders: dict[str, Path], journal: PredictionJournal, now: int, values: dict[str, Any]
) -> None:
    shelved = [Shelved("de", "1", folders["de"], read_cover(folders["de"]))]
    shelved.append(Shelved("fr", "1", folders["fr"], None, "definition.json is not what was written"))
    app = create_app({}, journal, FixedClock(now), shelf=Shelf(shelved, reader, 1 << 30))
    with TestClient(app) as client:
        assert [card["name"] for card in client.get("/v1/models").json()] == ["de"]
        assert score(client, "fr", values).status_code == 503
        assert score(client, "de", values).status_code == 200
    assert reader.read == ["de"]


@pytest.mark.parametrize("name", ["manifest.json", "definition.json", "profile.json", "model.json"])
def test_a_cover_is_checked(folders: dict[str, Path], name: str) -> None:
    cover = read_cover(folders["be"])
    whole = load_bundle(folders["be"])
    assert (cover.hash, cover.inputs, cover.segments) == (whole.hash, whole.inputs, whole.segments)
    assert cover.decision == whole.decision and cover.model_kind == whole.model.kind
    file = folders["be"] / name
    file.write_bytes(file.read_bytes().replace(b"{", b"{ ", 1))
    with pytest.raises(BundleError, match="is not what was written"):
        read_cover(folders["be"])
    file.unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        read_cover(folders["be"])


def test_models_in_memory_stand_beside_the_shelf(
    make: Make, reader: Reader, served: Served, values: dict[str, Any]
) -> None:
    app, _ = make(pinned={"churn": served})
    with TestClient(app) as client:
        assert [card["name"] for card in client.get("/v1/models").json()] == ["churn", *NAMES]
        assert score(client, "churn", values).status_code == 200
        assert reader.read == []
        # Several are there, so that none is the default.
        answer = client.post("/v1/score", json={"values": values})
        assert answer.status_code == 404 and "/v1/scores/churn/score" in answer.json()["detail"][0]["remedy"]
        assert "did you mean 'fr'" in client.post("/v1/scores/fra/score", json={}).json()["detail"][0]["remedy"]
        document = client.get("/openapi.json").json()
        assert "/v1/scores/{name}/score" in document["paths"] and "/v1/scores/churn/score" in document["paths"]


def test_size_counts_arrays_once_and_no_program() -> None:
    import numpy as np

    array = np.zeros(1_000_000)
    assert 8_000_000 < bytes_of(array) < 8_001_000
    assert bytes_of([array, array, array[10:]]) < 8_002_000
    assert bytes_of({"a": array[5:20]}) > 8_000_000  # a view keeps the whole
    held = {"array": array}
    assert 8_000_000 < bytes_of(lambda: held) < 8_002_000
    assert bytes_of(test_size_counts_arrays_once_and_no_program) < 10_000

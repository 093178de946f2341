"""What a server does about the record: waits for the disk by choice, sheds by choice, ships what is closed."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from vigie.clock import FixedClock, SystemClock
from vigie.journal import PredictionJournal, predictions, read, segments
from vigie.lifecycle.shipping import JournalShipping
from vigie.serving import Served, create_app


def metric(client: TestClient, name: str) -> float:
    (line,) = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


DISK = threading.Event()
"""Set while the disk works."""


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads that waited for the disk, which takes until :data:`DISK` is let go, or a while."""
    waited: list[str] = []
    DISK.set()

    def slow(descriptor: int) -> None:
        time.sleep(0.05)
        assert DISK.wait(60)
        waited.append(threading.current_thread().name)
        os.fsync(descriptor)

    monkeypatch.setattr(predictions, "_synced", slow)
    return waited


def test_with_power_requests_share_waits_and_the_server_goes_on(
    served: Served, tmp_path: Path, values: dict[str, Any], now: int, synced: list[str]
) -> None:
    journal = PredictionJournal(tmp_path / "p", durability="power")
    app = create_app({"churn": served}, journal, FixedClock(now))

    async def main() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            DISK.clear()
            first = asyncio.create_task(client.post("/v1/score", json={"values": values}))
            await asyncio.sleep(0.02)
            assert (await client.get("/healthz")).status_code == 200
            assert not first.done(), "another request is answered while one waits for the disk"
            DISK.set()
            others = [client.post("/v1/score", json={"customers": [{"values": values}] * 2}) for _ in range(20)]
            return [answer.status_code for answer in [await first, *await asyncio.gather(*others)]]

    assert asyncio.run(main()) == [200] * 21
    assert len(list(read(tmp_path / "p"))) == 41
    assert len(synced) <= 6 and set(synced) == {"vigie-fsync_0"}


def test_a_disk_that_fails_refuses_who_waits_for_it(
    served: Served, tmp_path: Path, values: dict[str, Any], now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    client = TestClient(
        create_app({"churn": served}, PredictionJournal(tmp_path / "p", durability="power"), FixedClock(now))
    )
    with monkeypatch.context() as disk:
        disk.setattr(predictions, "_synced", broken)
        answer = client.post("/v1/score", json={"values": values})
        assert answer.status_code == 503 and "Input/output error" in answer.json()["detail"][0]["reason"]
        assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/score", json={"values": values}).status_code == 200


@pytest.mark.parametrize("durability", ["process", "power"])
def test_shedding_answers_without_a_record_and_never_silently(
    served: Served, tmp_path: Path, values: dict[str, Any], now: int, durability: Any
) -> None:
    journal = PredictionJournal(tmp_path / "p", durability=durability, on_full="shed")
    client = TestClient(create_app({"churn": served}, journal, FixedClock(now)))
    (tmp_path / "p").rmdir()

    answer = client.post("/v1/score", json={"customers": [{"values": values}] * 3})

    assert answer.status_code == 200 and len(answer.json()["predictions"]) == 3
    ready = client.get("/readyz")
    assert ready.status_code == 200 and "answered without a record" in ready.json()["unrecorded"]
    assert client.get("/ping").status_code == 200
    assert metric(client, "vigie_predictions_unrecorded_total") == 3
    assert metric(client, "vigie_journal_failures_total") == 0
    (tmp_path / "p").mkdir()
    assert "unrecorded" not in client.get("/readyz").json()
    assert client.post("/v1/score", json={"values": values}).status_code == 200
    assert metric(client, "vigie_predictions_unrecorded_total") == 3 and len(list(journal.read())) == 1


def test_what_waits_for_the_lake_is_told(served: Served, tmp_path: Path, values: dict[str, Any], now: int) -> None:
    journal = PredictionJournal(tmp_path / "p")
    clock = FixedClock(now)
    client = TestClient(create_app({"churn": served}, journal, clock))
    assert metric(client, "vigie_journal_waiting_bytes") == metric(client, "vigie_journal_waiting_seconds") == 0
    client.post("/v1/score", json={"values": values})
    later = TestClient(create_app({"churn": served}, journal, FixedClock(now + 90_000_000)))
    (path,) = segments.waiting(tmp_path / "p")

    assert metric(later, "vigie_journal_waiting_seconds") == 90
    assert metric(later, "vigie_journal_waiting_bytes") == path.stat().st_size
    segments.put_by(path)
    assert metric(later, "vigie_journal_waiting_seconds") == 0


# -- beside the server -------------------------------------------------------------------------------------------------


PUTS_BY = """
import sys, json
from pathlib import Path
from vigie.journal import segments
for path in segments.closed(Path(sys.argv[1])):
    segments.put_by(path)
"""


def wait(until: Callable[[], bool]) -> None:
    begun = time.perf_counter()
    while not until():
        assert time.perf_counter() - begun < 20
        time.sleep(0.02)


def shipping_app(served: Served, folder: Path, command: list[str] | None, seconds: float) -> Any:
    journal = PredictionJournal(folder)
    return create_app(
        {"churn": served}, journal, SystemClock(), shipping=JournalShipping(journal, SystemClock(), command, seconds)
    )


def test_a_server_ends_segments_in_time_ships_them_and_once_more_at_its_end(
    served: Served, tmp_path: Path, values: dict[str, Any]
) -> None:
    command = [sys.executable, "-c", PUTS_BY, str(tmp_path)]
    with TestClient(shipping_app(served, tmp_path, command, 0.2)) as client:
        client.post("/v1/score", json={"values": values})
        wait(lambda: len(segments.shipped(tmp_path)) == 1)
        client.post("/v1/score", json={"values": values})
    assert len(segments.shipped(tmp_path)) == 2 and not segments.waiting(tmp_path)
    assert len(list(read(tmp_path))) == 2


def test_without_a_lake_segments_end_in_time_and_wait(served: Served, tmp_path: Path, values: dict[str, Any]) -> None:
    with TestClient(shipping_app(served, tmp_path, None, 0.1)) as client:
        client.post("/v1/score", json={"values": values})
        wait(lambda: len(segments.closed(tmp_path)) == 1)
    assert not segments.shipped(tmp_path)


def test_a_lake_that_fails_is_counted_and_said_once(
    served: Served, tmp_path: Path, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-c", "import sys; sys.stderr.write('the lake is gone'); sys.exit(1)"]
    with TestClient(shipping_app(served, tmp_path, command, 0.1)) as client:
        client.post("/v1/score", json={"values": values})
        wait(lambda: metric(client, "vigie_journal_ship_failures_total") >= 3)
        assert client.post("/v1/score", json={"values": values}).status_code == 200
    assert len(list(read(tmp_path))) == 2 and not segments.shipped(tmp_path)
    said = [record.message for record in caplog.records if "wait for the lake" in record.message]
    assert said == ["recorded predictions wait for the lake: the lake is gone"]

"""What a journal promises of its records, and what it does when it cannot."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_predictions import EXAMPLE, events, segments

from vigie.errors import JournalError, SettingsError
from vigie.journal import PredictionJournal, predictions, read

FULL = Path("/dev/full")


class Disk:
    """A disk that takes a while, counts who waits for it and can be told to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0) -> None:
        self.seconds, self.waits, self.broken, self.threads = seconds, 0, False, set[str]()
        self.sizes: list[int] = []
        monkeypatch.setattr(predictions, "_synced", self)

    def __call__(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        time.sleep(self.seconds)
        self.waits += 1
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise OSError(5, "Input/output error")
        os.fsync(descriptor)
        self.sizes.append(size)


def fill(journal: PredictionJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full: /dev/full refuses every byte of the current segment, and no other can be begun."""

    def begin(*_: object) -> None:
        raise OSError(28, "No space left on device")

    os.dup2(os.open(FULL, os.O_WRONLY), journal._descriptor)
    monkeypatch.setattr(predictions.segments, "begin", begin)


def test_without_power_nobody_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    journal = PredictionJournal(tmp_path)

    assert journal.append(events(3)) and asyncio.run(journal.settled())
    journal.close()
    assert disk.waits == 0


def test_with_power_an_append_returns_after_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    journal = PredictionJournal(tmp_path, durability="power")

    for i in range(3):
        assert journal.append(events(1, f"{i}"))
        assert disk.sizes[-1] == segments(tmp_path)[0].stat().st_size


def test_the_name_of_a_new_segment_is_made_durable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(predictions, "_synced", lambda fd: synced.append(Path(f"/dev/fd/{fd}").is_dir()))
    journal = PredictionJournal(tmp_path, durability="power")

    journal.append(events(1))
    assert synced == [True, False], "the folder, then the file"


def test_requests_of_one_moment_share_a_wait_and_none_is_told_too_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, seconds=0.02)
    journal = PredictionJournal(tmp_path, durability="power")
    ticks = 0

    async def request(number: int) -> None:
        await asyncio.sleep(0.0005 * number)
        journal.append(events(1, f"{number}-"), settle=False)
        end = segments(tmp_path)[-1].stat().st_size
        assert await journal.settled()
        assert max(disk.sizes) >= end, "the disk had this line when the request went on"

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def main() -> None:
        ticking = asyncio.create_task(tick())
        await asyncio.gather(*(request(number) for number in range(100)))
        ticking.cancel()

    asyncio.run(main())
    journal.close()
    assert disk.waits <= 15, "of 100 requests in 50 ms, with a disk of 20 ms"
    assert ticks > 20, "the event loop went on"
    assert disk.threads <= {"vigie-fsync_0", "MainThread"}
    assert len({event.id for event in read(tmp_path)}) == 100


def test_segments_that_end_are_synced_before_they_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    journal = PredictionJournal(tmp_path, segment_bytes=500, durability="power")

    async def main() -> None:
        for i in range(6):
            journal.append(events(1, f"{i}"), settle=False)
        await journal.settled()

    asyncio.run(main())
    wanted = {path.stat().st_size for path in segments(tmp_path)}
    assert len(segments(tmp_path)) > 2 and wanted <= set(disk.sizes)
    opened = len(list(Path("/dev/fd").iterdir()))
    journal.close()
    assert len(list(Path("/dev/fd").iterdir())) <= opened, "no descriptor is left behind"


def test_a_failing_disk_refuses_all_who_wait_and_the_segment_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk tells a failure once, and forgets the pages: a later success says nothing about them."""
    disk = Disk(monkeypatch, seconds=0.05)
    journal = PredictionJournal(tmp_path, durability="power")
    journal.append(events(1, "good"))

    async def waits(name: str, delay: float) -> None:
        await asyncio.sleep(delay)
        journal.append(events(1, name), settle=False)
        await journal.settled()

    async def main() -> list[Any]:
        disk.broken = True
        return await asyncio.gather(waits("first", 0), waits("meanwhile", 0.02), return_exceptions=True)

    outcomes = asyncio.run(main())
    assert [type(one) for one in outcomes] == [JournalError, JournalError]
    assert "Input/output error" in str(outcomes[0])
    with pytest.raises(JournalError):
        journal.check(EXAMPLE.at)
    disk.broken = False
    journal.check(EXAMPLE.at)
    assert journal.append(events(1, "later"))
    assert len(segments(tmp_path)) >= 2, "nothing is written to a file that the disk failed on"


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device of Linux that is always full")
@pytest.mark.parametrize("durability", ["process", "power"])
def test_shedding_goes_on_without_a_record_and_says_so(
    tmp_path: Path, durability: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "_synced", lambda _: None)  # /dev/full is no file that could be synced
    told: list[int] = []
    journal = PredictionJournal(tmp_path, durability=durability, on_full="shed")
    journal.on_shed = told.append
    assert journal.append(events(1, "before"))
    with caplog.at_level(logging.WARNING):
        with monkeypatch.context() as disk:
            fill(journal, disk)
            assert not journal.append(events(3))
            assert not journal.append(events(2))
            with pytest.raises(JournalError, match="answered without a record"):
                journal.check(EXAMPLE.at)
        journal.check(EXAMPLE.at)

    assert journal.append(events(1, "after"))
    assert (journal.shed, told) == (5, [3, 2])
    assert [event.id for event in read(tmp_path)] == ["before0", "after0"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"], (
        "once when it begins, once when it ends"
    )
    assert "5 were answered without a record" in caplog.records[-1].message


def test_a_disk_that_fails_to_sync_sheds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    journal = PredictionJournal(tmp_path, durability="power", on_full="shed")

    async def answer() -> bool:
        journal.append(events(4), settle=False)
        return await journal.settled(4)

    disk.broken = True
    assert asyncio.run(answer()) is False
    assert journal.shed == 4
    disk.broken = False
    assert asyncio.run(answer()) is True


@pytest.mark.parametrize("wrong", [{"durability": "powder"}, {"on_full": "drop"}])
def test_words_that_are_none_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="Known:"):
        PredictionJournal(tmp_path, **wrong)

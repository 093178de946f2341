"""The journal keeps what it acknowledged, and acknowledges nothing that it did not keep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.errors import JournalError
from vigie.journal import Prediction, PredictionJournal, read

EXAMPLE = Prediction(
    id="a",
    request_id="r",
    score="churn",
    customer="c-1",
    as_of=1_700_000_000_000_000,
    at=1_700_000_000_000_001,
    model="3",
    bundle="f00d",
    values={"age": 31.5, "country": "日本", "seen": None},
    probability=0.25,
    decision="contact",
    gain=1.5,
    expected_value=1.5,
    segment="high",
    threshold=0.0,
)


def events(count: int, prefix: str = "e") -> list[Prediction]:
    return [msgspec.structs.replace(EXAMPLE, id=f"{prefix}{i}") for i in range(count)]


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jsonl"))


any_value = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)


@given(st.text(), st.dictionaries(st.text(max_size=10), any_value, max_size=5), st.floats(0, 1))
def test_what_is_read_is_what_was_written(customer: str, values: dict[str, object], probability: float) -> None:
    event = msgspec.structs.replace(EXAMPLE, customer=customer, values=values, probability=probability)
    with tempfile.TemporaryDirectory() as folder:
        journal = PredictionJournal(folder)
        journal.append([event, EXAMPLE])
        journal.close()
        assert list(journal.read()) == [event, EXAMPLE]


def test_lines_of_an_older_version_are_read(tmp_path: Path) -> None:
    """As version 0.1 wrote them, before rollouts had a name."""
    line = (
        '{"id":"a","request_id":"r","score":"churn","customer":"c-1","as_of":1700000000000000,"at":1700000000000001,'
        '"model":"3","bundle":"f00d","values":{"age":31.5,"country":"日本","seen":null},"probability":0.25,'
        '"decision":"contact","gain":1.5,"expected_value":1.5,"segment":"high","threshold":0.0,"arm":"champion",'
        '"assignment_probability":1.0,"looked_up":false,"latency_us":0,"source":"api","caller":""}\n'
    )
    (tmp_path / "20231114T221320Z-1-0000.jsonl").write_text(line, "utf-8")
    assert list(read(tmp_path)) == [EXAMPLE]
    assert EXAMPLE.rollout == EXAMPLE.definition == ""


def test_segments_roll_by_size_and_keep_the_order(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path, segment_bytes=2_000)
    written = events(40)
    for event in written:
        journal.append([event])
    journal.close()
    assert len(segments(tmp_path)) > 3
    assert list(journal.read()) == written


def test_an_append_after_close_begins_a_segment(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path, durability="power")
    journal.append(events(1, "a"))
    journal.close()
    journal.append(events(1, "b"))
    journal.close()
    assert [event.id for event in journal.read()] == ["a0", "b0"] and len(segments(tmp_path)) == 2


def test_nothing_to_append_makes_no_file(tmp_path: Path) -> None:
    PredictionJournal(tmp_path).append([])
    assert segments(tmp_path) == [] and list(read(tmp_path / "never")) == []


def test_a_torn_last_line_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path)
    journal.append(events(3))
    journal.close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    reader = read(tmp_path)
    assert [event.id for event in reader] == ["e0", "e1"]
    assert reader.torn == 1 and reader.segments == 1


def test_a_damaged_line_inside_names_its_place(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path)
    journal.append(events(3))
    journal.close()
    (path,) = segments(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{garbage}\n" + lines[2])
    with pytest.raises(JournalError, match=r"jsonl:2: not a prediction"):
        list(read(tmp_path))


@pytest.mark.parametrize("kind", [list, tuple])
def test_nothing_of_what_was_appended_stays_in_memory(tmp_path: Path, kind: type) -> None:
    journal, several = PredictionJournal(tmp_path), kind(events(2))
    journal.append(several)
    tracemalloc.start()
    try:
        for _ in range(2_000):
            journal.append(kind(several))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    journal.close()
    assert grown < 20_000


def test_threads_share_a_journal(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path, segment_bytes=20_000)
    threads = [
        threading.Thread(target=lambda k=k: [journal.append([e]) for e in events(200, f"{k}-")]) for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [event.id for event in journal.read()]
    assert len(found) == len(set(found)) == 800


def test_a_forked_child_writes_its_own_segment(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path)
    journal.append(events(1, "parent"))
    child = os.fork()
    if child == 0:
        journal.append(events(1, "child"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    journal.append(events(1, "again"))
    assert sorted(event.id for event in journal.read()) == ["again0", "child0", "parent0"]
    assert len(segments(tmp_path)) == 2


LIMITED = """
import resource, signal, sys
from vigie.errors import JournalError
from vigie.journal import PredictionJournal
sys.path.insert(0, sys.argv[2])
from test_predictions import events
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = PredictionJournal(sys.argv[1])
journal.append(events(1, "before"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
try:
    journal.append(events(20, "refused"))
except JournalError as error:
    print(error)
try:
    journal.append(events(20, "refused"))
except JournalError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.check(0)
journal.append(events(1, "after"))
"""


def test_a_write_that_does_not_fit_is_undone_and_refused(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel take a part of a write, then none: what a full disk does."""
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert "predictions cannot be recorded: the disk took" in run.stdout
    reader = read(tmp_path)
    assert [event.id for event in reader] == ["before0", "after0"]
    assert reader.torn == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device of Linux that is always full")
def test_a_full_disk_is_refused_until_it_has_room(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path)
    journal.append(events(1))
    os.dup2(os.open("/dev/full", os.O_WRONLY), journal._descriptor)
    with pytest.raises(JournalError, match="No space left on device"):
        journal.append(events(1, "lost"))
    journal.check(EXAMPLE.at)
    journal.append(events(1, "after"))
    assert [event.id for event in journal.read()] == ["e0", "after0"]


def test_a_directory_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="the journal cannot be made"):
        PredictionJournal(tmp_path / "file" / "journal")


def test_check_notices_a_directory_that_went_away(tmp_path: Path) -> None:
    journal = PredictionJournal(tmp_path / "journal")
    journal.check(0)
    (tmp_path / "journal").rmdir()
    with pytest.raises(JournalError, match="no such directory"):
        journal.check(0)
    with pytest.raises(JournalError, match="No such file"):
        journal.append(events(1))


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from vigie.journal import PredictionJournal
from test_predictions import events
journal = PredictionJournal(sys.argv[1], segment_bytes=40_000)
number = 0
while True:
    journal.append(events(1 + number % 7, f"{sys.argv[3]}-{number}-"))
    print(number, flush=True)
    number += 1
"""


def test_every_acknowledged_event_survives_kill_9_exactly_once(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for life in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent), str(life)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.15 + 0.1 * life)
        process.send_signal(signal.SIGKILL)
        numbers = [0] + [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        process.wait()
        acknowledged += [f"{life}-{n}-{i}" for n in numbers for i in range(1 + n % 7)]
    assert len(acknowledged) > 100
    found = [event.id for event in read(tmp_path)]
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)

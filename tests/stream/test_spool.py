"""The spool: durable when append returns, read once by progress, in the order of reception over all processes, erasable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.clock import FixedClock
from vigie.data.spool import Received, Spool, key_text
from vigie.errors import JournalError

FOREVER = 1 << 62


class Ticking:
    def __init__(self) -> None:
        self.moment = 0

    def now(self) -> int:
        self.moment += 10
        return self.moment


def orders(lines: list[Received]) -> list[int]:
    return [line.row["n"] for line in lines if line.row is not None]


def everything(spool: Spool, until: int = FOREVER) -> list[Received]:
    return list(spool.read("orders", {}, until))


WRITER = """
import sys, os
from pathlib import Path
from vigie.clock import SystemClock
from vigie.data.spool import Spool
spool = Spool(Path(sys.argv[1]), SystemClock(), 20_000)
for n in range(1_000_000):
    spool.append("orders", [{"n": 3 * n + i, "pad": "x" * 50} for i in range(3)], "test")
    print(3 * n + 2, flush=True)
"""


def test_what_append_returned_for_outlives_a_kill(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [int(process.stdout.readline()) for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    lines += [int(line) for line in process.stdout.read().split("\n")[:-1] if line]
    process.wait()
    spool = Spool(tmp_path, FixedClock(0))
    found = orders(everything(spool))
    assert found == list(range(len(found))) and len(found) > lines[-1]
    assert len(spool.segments("orders")) > 3
    # The others were closed in good order; so was that one, where the kill came between it and the next, of which there may be the file.
    written = {path.name: path.read_bytes() for path in spool.segments("orders")}
    unended = [name for name, text in written.items() if text and not text.endswith(b"null\n")]
    assert spool.orphans("orders") == unended and len(unended) <= 1
    taken = {line.segment: line.end for line in everything(spool)}
    spool.remove("orders", taken)
    assert not spool.segments("orders")


def test_rows_of_several_processes_come_in_the_order_of_their_reception(tmp_path: Path) -> None:
    clock = Ticking()
    one, two = Spool(tmp_path, clock), Spool(tmp_path, clock)
    for n in range(10):
        (one if n % 3 else two).append("orders", [{"n": n}], "test")
    assert orders(everything(one)) == list(range(10))
    moments = [line.moment for line in everything(one)]
    assert orders(everything(one, moments[4])) == list(range(5)), "up to a moment, in open segments too"


def test_what_was_taken_does_not_come_again_and_only_closed_segments_are_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Ticking())
    spool.append("orders", [{"n": 1}, {"n": 2}], "test")
    taken = {line.segment: line.end for line in everything(spool)}
    spool.remove("orders", taken)
    spool.append("orders", [{"n": 3}], "test")
    assert orders(list(spool.read("orders", taken, FOREVER))) == [3]
    spool.rotate()
    spool.remove("orders", taken)
    assert orders(list(spool.read("orders", taken, FOREVER))) == [3]
    taken = {line.segment: line.end for line in everything(spool)}
    spool.remove("orders", taken)
    assert not spool.segments("orders")
    spool.append("orders", [{"n": 4}], "test")
    assert orders(list(spool.read("orders", taken, FOREVER))) == [4], "a name never comes again"


def test_a_torn_last_line_is_passed_over_and_reported(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Ticking())
    spool.append("orders", [{"n": 1}], "test")
    (path,) = spool.segments("orders")
    os.close(spool._open.pop("orders").descriptor)  # as if the process had been killed
    with path.open("ab") as file:
        file.write(b'[20,"test",{"n": 2')
    assert orders(everything(spool)) == [1]
    assert spool.remove("orders", {path.name: everything(spool)[-1].end}) == [path.name]
    assert not path.exists()


def test_a_whole_line_that_is_not_ours_is_handed_over_as_text(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Ticking())
    spool.append("orders", [{"n": 1}], "test")
    with spool.segments("orders")[0].open("ab") as file:
        file.write(b"rubbish\n")
    line = everything(spool)[1]
    assert line.row is None and line.text == "rubbish"


def test_a_clock_that_is_set_back_does_not_change_the_order(tmp_path: Path) -> None:
    clock = Ticking()
    spool = Spool(tmp_path, clock)
    spool.append("orders", [{"n": 1}], "test")
    clock.moment = -1_000_000
    spool.append("orders", [{"n": 2}], "test")
    assert orders(everything(spool)) == [1, 2]


def test_erased_rows_cannot_be_read_from_the_files(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Ticking())
    rows = [{"n": n, "who": who} for n, who in enumerate(["a", "secret", 17, "17.0", " 17 ", "170", None, "b"])]
    spool.append("orders", rows, "test")
    spool.append("visits", [{"n": 1, "who": "secret"}], "test")
    taken = {line.segment: line.end for line in everything(spool)}
    assert spool.erase({"orders": "who"}, ["secret", "17"]) == 4
    assert orders(everything(spool)) == [0, 5, 6, 7]
    assert not any(b"secret" in path.read_bytes() for path in spool.segments("orders"))
    assert any(b"secret" in path.read_bytes() for path in spool.segments("visits"))
    spool.append("orders", [{"n": 9, "who": "b"}], "test")
    assert orders(list(spool.read("orders", taken, FOREVER))) == [9], "positions stay what they were"
    spool.erase({"orders": "who"}, ["b"])
    spool.rotate()
    spool.remove("orders", taken)
    assert not spool.segments("orders"), "blanks at the end keep nothing"


@given(st.sampled_from(["17", 17, 17.0, "17.0", " 17", "17.00 "]))
def test_one_customer_however_the_key_is_written(key: object) -> None:
    assert key_text(key) == "17"


def test_a_full_disk_is_told_and_the_next_append_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, Ticking())
    spool.append("orders", [{"n": 1}], "test")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
    with pytest.raises(JournalError, match="events cannot be kept"):
        spool.append("orders", [{"n": 2}], "test")
    monkeypatch.undo()
    spool.append("orders", [{"n": 3}], "test")
    assert orders(everything(spool)) == [1, 3]
    assert len(spool.segments("orders")) == 2


def test_one_at_a_time_takes_rows_to_the_lake(tmp_path: Path) -> None:
    one, two = Spool(tmp_path, Ticking()), Spool(tmp_path, Ticking())
    with one.taking("orders") as first, two.taking("orders", wait=False) as second:
        assert (first, second) == (True, False)
    with two.taking("orders", wait=False) as second:
        assert second

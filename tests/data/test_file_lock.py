"""Folders for what is not whole yet: they go with their process, and with the next one where it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from vigie.data.file_lock import scratch

HOLD = """
import sys, time
from pathlib import Path
from vigie.data.file_lock import scratch
with scratch(Path(sys.argv[1]), ".half-") as made:
    (made / "part").write_text("x")
    print(made, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_goes_and_what_another_works_at_stays(tmp_path: Path) -> None:
    with scratch(tmp_path, ".half-") as first:
        (first / "part").write_text("x")
    assert list(tmp_path.iterdir()) == []

    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    left = Path(other.stdout.readline().strip())
    with scratch(tmp_path, ".half-") as mine:
        assert {left, mine} == set(tmp_path.iterdir())
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert (left / "part").exists()
    with scratch(tmp_path, ".half-") as mine:
        assert list(tmp_path.iterdir()) == [mine]

"""One training set from the lake, in a process of its own: ``python build.py LAKE [MEMORY]``. Prints a line of JSON.

The features are those of ``benchmarks/features``: count, sum, mean and days since the last event over four windows, and the
label's number, which says which row is which; the outcome is 30 days without an event.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from pathlib import Path

from data import END
from vigie.data.lake import Lake
from vigie.definition import Campaign, Events, Kind, Score, at, days
from vigie.features.training_set import MEMORY, TrainingSet, build_training_set

SCHEMA = {
    "events": {"customer_id": Kind.CATEGORY, "at": Kind.TIME, "amount": Kind.NUMBER},
    "labels": {"customer_id": Kind.CATEGORY, "at": Kind.TIME, "label": Kind.NUMBER},
}


def score() -> Score:
    """What is asked."""
    events = Events("events", key="customer_id", time="at")
    labels = Events("labels", key="customer_id", time="at")
    windows = days(7, 30, 90, 365)
    return Score(
        name="scale",
        moments=at(labels),
        outcome=events.count(next=days(30)) == 0,
        features=[
            events.count(windows),
            events["amount"].sum(windows),
            events["amount"].mean(windows),
            events.days_since_last(windows),
            labels["label"].at_moment(),
        ],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
    )


def digest(found: TrainingSet) -> str:
    """The same for the same result, to the last bit."""
    whole = hashlib.blake2b(digest_size=8)
    for array in (found.moments, found.labels, *(values.data for values in found.features.values())):
        whole.update(array)
    for begin in range(0, len(found), 1 << 20):
        whole.update("\n".join(found.customers[begin : begin + (1 << 20)]).encode())
    return whole.hexdigest()


def status(what: str) -> int:
    """Memory of this process in bytes; ``ru_maxrss`` would remember the process that started it."""
    return int(re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))[1]) << 10


def main() -> None:
    """Build and tell."""
    memory = int(sys.argv[2]) if len(sys.argv) > 2 else MEMORY
    begin, cpu = time.perf_counter(), time.process_time()
    found = build_training_set(score().bound(SCHEMA), Lake(sys.argv[1]), SCHEMA, as_of=END, memory=memory)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    peak, after = status("VmHWM"), status("VmRSS")
    told = {"rows": len(found), "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}
    told |= {"peak_mb": peak >> 20, "after_mb": after >> 20, "digest": digest(found)}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

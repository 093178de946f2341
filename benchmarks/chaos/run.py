"""Every process of a stack killed with SIGKILL, one after the other, round after round: is anything lost, done twice or stuck?

    python benchmarks/chaos/run.py [--rounds 10] [--folder DIR]

``vigie up`` runs with all five steps due every minute or so (the retraining really trains, judges, registers and releases by a rollout;
the gate asks for little, so that some pass), while callers ask for scores all the time and files with new events arrive. A round
kills the API, a worker of it where it has several (from half of the rounds on), MLflow, a process of each kind of step at a random
moment of its life, the scheduler in the middle of a step, and when all of them are back the supervisor, which is started again, as
systemd would. In the end it is stopped, and what is on record is held against what was sent. Writes ``results.json`` and
``results.md`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "lifecycle"))
import up_chaos as chaos  # noqa: E402
from up_shop import make_project  # noqa: E402

SETTINGS = """
models = ["logistic_regression"]
trials = 0
stack = false
select = false
[serve]
port = 8000
[retrain]
when = ["age > 1m"]
at_most = "1m"
margin = 1.0
alpha = 0.5
[rollout]
shadow = false
shares = [0.5]
min_requests = 20
step_seconds = 30
bake_seconds = 30
max_seconds = 300
score_distance = 1.0
decision_difference = 1.0
errors_floor = 0.5
latency_factor = inf
[schedule]
backoff = "1s"
tries = 5
[schedule.ingest]
every = "45s"
[schedule.ship]
every = "60s"
[schedule.score]
every = "60s"
[schedule.watch]
every = "90s"
[schedule.retrain]
every = "90s"
"""
STEPS = {"ingest": 2.0, "ship": 0.6, "score": 1.5, "watch": 5.0, "retrain": 12.0}
"""Within how many seconds of its life a step is killed."""


def main() -> None:
    """Run it."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=10)
    asked.add_argument("--folder", type=Path, default=None)
    asked.add_argument("--output", type=Path, default=HERE)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    found = run(folder, given.rounds, given.seed)
    (given.output / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (given.output / "results.md").write_text(table_of(found))
    print(table_of(found))


def run(folder: Path, rounds: int, seed: int) -> dict[str, Any]:
    """*rounds* rounds on a project in *folder*; what came of them."""
    chance = random.Random(seed)
    make_project(folder, SETTINGS)
    stack = chaos.Stack(folder)
    callers, deliveries = chaos.Callers(stack), chaos.Deliveries(stack)
    done, began = 0, time.monotonic()
    kills = chaos.Kills(stack, lambda words: print(f"{time.monotonic() - began:7.0f} s  {words}", flush=True))
    try:
        stack.start()
        chaos.eventually(stack.ready, stack.said)
        callers.start()
        deliveries.start()
        for number in range(rounds):
            if (folder / "enough").exists():  # whoever made it has no more time
                break
            done = number + 1
            print(f"round {done}", flush=True)
            kills.kill("the API", chaos.service("serve", chaos.Stack.ready))
            kills.kill("MLflow", chaos.service("mlflow", chaos.Stack.pages))
            for step, longest in STEPS.items():
                kills.kill(f"{step}, running", chaos.step(step, chance.uniform(0, longest)))
            if stack.workers():
                kills.kill("a worker of the API", chaos.worker)
            kills.kill("the scheduler", chaos.scheduler(chance.uniform(0, 5)))
            kills.all_back()
            if done == rounds // 2:
                toml = folder / "vigie.toml"
                toml.write_text(toml.read_text().replace("port = 8000", "port = 8000\nworkers = 2"))
            kills.kill("the supervisor", chaos.supervisor)
            kills.all_back()
        seconds = time.monotonic() - began
        chaos.close_the_books(stack, callers, deliveries)
        sent = {"answered": callers.answered, "numbers": sorted(deliveries.numbers), "back": kills.back}
        (folder / "sent.json").write_text(json.dumps(sent))
        accounts = chaos.accounts(stack, callers, deliveries)
    finally:
        callers.end()
        deliveries.end()
        stack.stop()
    return {"rounds": done, "seconds": round(seconds), "back": kills.back, **accounts}


def table_of(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    rounds = "1 round" if found["rounds"] == 1 else f"{found['rounds']} rounds"
    lines = [f"{rounds}, {found['seconds'] / 60:.0f} minutes.", ""]
    lines += ["| killed | times | back after, median | at most |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {len(took)} | {statistics.median(took):.0f} s | {max(took):.0f} s |"
        for what, took in found["back"].items()
    ]
    lines += ["", "| meanwhile | |", "|---|---|"]
    lines += [f"| {what} | {told(value)} |" for what, value in found["seen"].items()]
    lines += ["", "| in the end | |", "|---|---|"]
    lines += [f"| {what} | {value:,} |" for what, value in found["wrong"].items()]
    return "\n".join(lines) + "\n"


def told(value: Any) -> str:
    """A figure, a list or a table in a cell."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {told(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}"


if __name__ == "__main__":
    main()

"""``vigie evaluate`` on a plain table: a line a fold, a table, a file with every figure, and nothing registered."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

from typer.testing import CliRunner

from vigie.cli.program import program

PROJECT = '''"""Who leaves?"""
from vigie import Campaign, Score, Table

clients = Table("clients", key="id")
churn = Score(
    "churn",
    outcome=clients["left"] == "yes",
    features=clients["visits", "plan"],
    rule=clients["visits"] < 2,
    decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
)
'''


def test_a_score_is_evaluated(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(PROJECT)
    (tmp_path / "vigie.toml").write_text(
        '[project]\nfiles = ["churn.py"]\n[sources.clients]\npath = "clients.csv"\n', "utf-8"
    )
    chance = random.Random(0)
    with (tmp_path / "clients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "visits", "plan", "left"])
        for i in range(240):
            visits, plan = chance.randrange(9), chance.choice(["basic", "plus"])
            leaves = chance.random() < (0.7 if visits < 3 else 0.15) + (0.1 if plan == "basic" else 0)
            writer.writerow([f"c{i}", visits, plan, "yes" if leaves else "no"])
    output = tmp_path / "out" / "churn.json"
    done = CliRunner().invoke(
        program,
        ["evaluate", "churn", "--project", str(tmp_path), "--as-of", "2024-12-01", "--folds", "2", "--trials", "0",
         "--model", "logistic_regression", "--output", str(output)],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "fold 1: " in done.output and "fold 2: " in done.output and "hand-tuned LightGBM" in done.output
    found = json.loads(output.read_text("utf-8"))
    assert found["as_of"] == "2024-12-01T00:00:00Z" and found["rows"] == 240 and len(found["folds"]) == 2
    assert found["figures"]["vigie"]["auc"]["mean"] > 0.65
    assert found["differences"]["nobody"]["value"]["mean"] == found["figures"]["vigie"]["value"]["mean"]
    assert not list(tmp_path.rglob("mlflow.db"))

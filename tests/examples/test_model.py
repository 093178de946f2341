"""``python model.py --model=… --split=…``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "model.py"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    n = 1000
    calls, plan = rng.poisson(2, n), rng.choice(["a", "b", "c"], n)
    left = rng.random(n) < 1 / (1 + np.exp(1.5 - 0.8 * calls + (plan == "a")))
    path = tmp_path_factory.mktemp("model") / "clients.csv"
    pl.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "calls": calls,
            "plan": plan,
            "fee": rng.gamma(3, 9, n).round(2),
            "churn": np.where(left, "yes", "no"),
        }
    ).write_csv(path)
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


def test_it_trains_the_model_that_is_named_and_prints_what_it_is_worth(table: Path, tmp_path: Path) -> None:
    done = run(f"--data={table}", "--model=logistic_regression", "--split=0.2", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert "learned from 800 rows, tested on 200" in done.stdout
    auc = re.search(r"^AUC +([\d.]+)$", done.stdout, re.MULTILINE)
    assert auc is not None and 0.7 < float(auc[1]) < 0.95
    for figure in ("precision", "recall", "F1", "Brier", "value a customer", "fit:"):
        assert figure in done.stdout
    assert (tmp_path / "out" / "report.html").is_file() and (tmp_path / "out" / "bundle").is_dir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model=linearRegression"], "did you mean 'logistic_regression'|linearRegression"),
        (["--target=calls"], "an outcome has two"),
        (["--split=7"], "not a share"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(table: Path, arguments: list[str], said: str) -> None:
    done = run(f"--data={table}", *arguments)
    assert done.returncode == 1 and re.search(said, done.stderr) and "Traceback" not in done.stderr

"""Reasons for one customer: Vigie's contributions against ``shap.TreeExplainer``, in one process, on one thread.

    python benchmarks/explain/run.py [--rows 7043] [--rounds 200]

Five models of the same made-up telephone customers: LightGBM of 300 trees of 7 and of 31 leaves, a random forest of 300
trees as Vigie trains it and one of depth 12 without a least leaf, an EBM and a logistic regression. Both explain the same
rows, in turn, one at a time; their numbers are compared first. Writes ``results.json`` and ``results.md`` beside this file.
Needs shap.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import shap
from interpret.glassbox import ExplainableBoostingClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from vigie.bundle import AdditiveModel, LinearModel, TreeArrays, TreesModel

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
HERE = Path(__file__).resolve().parent
WIDTH, CODES = 19, 16
One = Callable[[list[float]], Any]


def customers(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Customers as a churn table has them: 16 codes of few values, three numbers, a quarter of them leaves."""
    r = np.random.default_rng(seed)
    X = np.empty((rows, WIDTH))
    for column in range(CODES):
        X[:, column] = r.integers(0, 2 + column % 3, rows)
    tenure = r.integers(0, 73, rows)
    monthly = r.gamma(8, 8, rows).round(2)
    X[:, CODES:] = np.column_stack([tenure, monthly, (tenure * monthly).round(1)])
    z = (
        -1.6
        - 0.03 * tenure
        + 0.02 * (monthly - 64)
        + 0.9 * (X[:, 2] == 0) * (tenure < 30)
        + 0.5 * X[:, 3]
        - 0.4 * X[:, 5]
    )
    return X, (r.random(rows) < 1 / (1 + np.exp(-z - 0.8))).astype(np.int64)


def boosting(X: np.ndarray, y: np.ndarray, leaves: int) -> tuple[Any, TreesModel]:
    """LightGBM of 300 trees."""
    params = {"objective": "binary", "num_leaves": leaves, "learning_rate": 0.03, "min_data_in_leaf": 40, "verbose": -1}
    booster = lightgbm.train({**params, "num_threads": 1, "seed": 0}, lightgbm.Dataset(X, y), 300)
    return booster, TreesModel.of_lightgbm(booster.model_to_string())


def forest(X: np.ndarray, y: np.ndarray, **params: Any) -> tuple[Any, TreesModel]:
    """scikit-learn's forest of 300 trees."""
    learner = RandomForestClassifier(300, max_features="sqrt", random_state=0, n_jobs=1, **params).fit(X, y)
    trees = [
        TreeArrays(
            t.children_left,
            t.children_right,
            t.feature,
            t.threshold,
            t.missing_go_to_left,
            t.value[:, 0, 1],
            t.weighted_n_node_samples,
        )
        for t in (one.tree_ for one in learner.estimators_)
    ]
    return learner, TreesModel.of_forest(trees, X.shape[1])


def timed(functions: dict[str, Callable[[int], Any]], rows: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, the functions in turn, the least of two calls each; ends early after a minute."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    began = time.perf_counter()
    for i in range(rounds):
        for name, function in functions.items():
            best = float("inf")
            for _ in range(2):
                start = time.perf_counter()
                function(i % rows)
                best = min(best, time.perf_counter() - start)
            found[name].append(best * 1e3)
        if i >= 20 and time.perf_counter() - began > 60:
            break
    return found


def measure(name: str, model: Any, X: np.ndarray, rounds: int, peer: Any = None) -> dict[str, Any]:
    """Median and 99th percentile of one row, and the largest difference from the peer's numbers."""
    start = time.perf_counter()
    one: One = model.contribution_row()
    ready = time.perf_counter() - start
    rows = X[:200].tolist()
    functions: dict[str, Callable[[int], Any]] = {"vigie": lambda i: one(rows[i])}
    difference = None
    if peer is not None:
        explainer = shap.TreeExplainer(peer, feature_perturbation="tree_path_dependent")
        expected = np.asarray(explainer.shap_values(X[:5]))
        expected = expected[..., 1] if expected.ndim == 3 else expected
        difference = float(np.abs(np.array([one(row) for row in rows[:5]])[:, :-1] - expected).max())
        functions["shap"] = lambda i: explainer.shap_values(X[i : i + 1])
    found = timed(functions, len(rows), rounds)
    result = {"model": name, "ready_s": ready, "difference": difference}
    for who, times in found.items():
        result[f"{who}_p50"], result[f"{who}_p99"] = float(np.median(times)), float(np.percentile(times, 99))
    print(result, flush=True)
    return result


def markdown(results: list[dict[str, Any]], load: float) -> str:
    """The results as a table."""
    lines = ["| model | Vigie p50 ms | p99 ms | shap p50 ms | p99 ms | × faster | largest difference | ready after s |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for r in results:
        other = "– | – | – | –"
        if "shap_p50" in r:
            times = r["shap_p50"] / r["vigie_p50"]
            other = f"{r['shap_p50']:.2f} | {r['shap_p99']:.2f} | {times:.1f} | {r['difference']:.0e}"
        ours = f"{r['vigie_p50']:.3f} | {r['vigie_p99']:.3f}"
        lines.append(f"| {r['model']} | {ours} | {other} | {r['ready_s']:.2f} |")
    note = f"The machine's load before the run was {load:.1f} on {os.cpu_count()} cores: compare within the table."
    return "\n".join([*lines, "", note, ""])


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=7_043)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():
        # Libraries read these when they are imported.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    warnings.filterwarnings("ignore")
    load = os.getloadavg()[0]
    X, y = customers(options.rows)
    results = []
    for leaves in (7, 31):
        peer, model = boosting(X, y, leaves)
        results.append(measure(f"LightGBM, 300 trees of {leaves} leaves", model, X, options.rounds, peer))
    for name, params in (("10 rows a leaf", {"min_samples_leaf": 10}), ("depth 12", {"max_depth": 12})):
        peer, model = forest(X, y, **params)
        results.append(measure(f"random forest, 300 trees, {name}", model, X, options.rounds, peer))
    machine = ExplainableBoostingClassifier(interactions=5, outer_bags=4, max_rounds=500, n_jobs=1, random_state=0)
    machine.fit(X, y)
    additive = AdditiveModel.of(machine.bins_, machine.term_features_, machine.term_scores_, machine.intercept_)
    results.append(measure("EBM with 5 pairs", additive, X, options.rounds))
    learner = LogisticRegression(max_iter=2_000).fit(X, y)
    means = tuple(X.mean(axis=0).tolist())
    linear = LinearModel(tuple(learner.coef_[0].tolist()), float(learner.intercept_[0]), means)
    results.append(measure("logistic regression", linear, X, options.rounds))
    page = markdown(results, load)
    (HERE / "results.md").write_text(page, "utf-8")
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    print(page)


if __name__ == "__main__":
    main()

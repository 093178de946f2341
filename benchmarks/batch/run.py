"""Rows per second of a batch: Vigie beside LightGBM's own code, Parquet to Parquet, in one run.

    python benchmarks/batch/run.py [--rows 1000000] [--rounds 3]

A table of 3 numbers and 16 categories as strings, a model of 300 trees with 31 leaves, all processors. Each method runs in a
process of its own, in turn; imports and the loading of the model are not counted. The probabilities are compared before
anything is believed.

| method | what it does |
|---|---|
| Vigie | ``vigie score --bundle --input``: checks every value, scores, decides in currency, segments, keeps what is scored so that it can be continued, writes probability, decision, segment, expected value, gain and bundle |
| LightGBM, Arrow | codes the categories by Arrow's dictionaries, 50,000 rows at once, ``Booster.predict`` with all threads; writes the probability. The fastest way that needs no compiler |
| LightGBM, whole file | the same, all rows at once |
| scikit-learn | the pipeline as it was trained, on a pandas frame, all threads; writes the probability |
| tl2cgen | compiled trees, 50,000 rows at once; only where tl2cgen and treelite are installed |

Writes ``results.json`` and ``results.md`` beside this file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
NUMBERS = ("tenure", "monthly", "total")
LEVELS = (2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 4)
CATEGORIES = {f"category_{i}": [f"level {chr(97 + j)}" for j in range(n)] for i, n in enumerate(LEVELS)}
NAMES = (*NUMBERS, *CATEGORIES)
TRAINED = 20_000
AT_ONCE = 50_000
METHODS = ("vigie", "arrow", "whole", "sklearn", "tl2cgen")
TITLES = {
    "vigie": "Vigie: checked, decided, resumable",
    "arrow": "LightGBM, Arrow codes, 50,000 rows at once",
    "whole": "LightGBM, Arrow codes, whole file",
    "sklearn": "scikit-learn pipeline on pandas",
    "tl2cgen": "tl2cgen, 50,000 rows at once",
}


def cores() -> int:
    """Processors."""
    return len(os.sched_getaffinity(0))


def frame(rows: int, seed: int) -> tuple[Any, Any]:
    """Customers, and whether each left."""
    import pandas as pd

    r = np.random.default_rng(seed)
    data: dict[str, Any] = {
        "tenure": r.integers(0, 73, rows).astype(float),
        "monthly": np.round(r.uniform(18, 119, rows), 2),
    }
    data["total"] = np.round(data["tenure"] * data["monthly"] * r.uniform(0.9, 1.1, rows), 2)
    data["total"][r.random(rows) < 0.002] = np.nan
    codes = {name: r.integers(0, len(levels), rows) for name, levels in CATEGORIES.items()}
    z = -1.2 - 0.04 * (data["tenure"] - 32) + 0.02 * (data["monthly"] - 65) - 0.9 * (codes["category_13"] - 0.6)
    z = z + 0.6 * (codes["category_6"] == 1) + 0.5 * (codes["category_15"] == 0)
    for name, levels in CATEGORIES.items():
        data[name] = np.array(levels, dtype=object)[codes[name]]
    return pd.DataFrame(data)[list(NAMES)], (r.random(rows) < 1 / (1 + np.exp(-z))).astype(np.int8)


def prepare(folder: Path, rows: int) -> None:
    """The same model as a bundle, a booster and a pipeline, and the table to score."""
    import joblib
    import lightgbm
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from vigie import Campaign, Score, Table
    from vigie.bundle import (
        Bundle,
        CategoryColumn,
        DecisionRule,
        Scorer,
        TreesModel,
        fit_encoder,
        inputs_of,
        portable_features,
        portable_payoff,
        profile_of,
        segment_edges,
        with_golden,
        write_bundle,
    )
    from vigie.definition import Kind
    from vigie.features.values import Values

    X, y = frame(TRAINED, seed=0)
    X.columns = [f"customers_{name}" for name in X.columns]
    columns = {f"customers_{name}": Values.of(Kind.NUMBER, X[f"customers_{name}"].tolist()) for name in NUMBERS}
    columns |= {f"customers_{name}": Values.of(Kind.CATEGORY, X[f"customers_{name}"].tolist()) for name in CATEGORIES}
    encoder = fit_encoder(columns, y, style="tree")
    coded = {one.name: one for one in encoder.columns if isinstance(one, CategoryColumn)}
    orders = [
        [level for _, level in sorted(zip(coded[name].codes, coded[name].kept, strict=True))]
        for name in (f"customers_{name}" for name in CATEGORIES)
    ]
    steps = [
        ("numbers", "passthrough", [f"customers_{name}" for name in NUMBERS]),
        ("categories", OrdinalEncoder(categories=orders), [f"customers_{name}" for name in CATEGORIES]),
    ]
    model = lightgbm.LGBMClassifier(n_estimators=300, num_leaves=31, random_state=0, n_jobs=cores(), verbose=-1)
    pipeline = Pipeline([("code", ColumnTransformer(steps)), ("model", model)]).fit(X, y)
    joblib.dump(pipeline, folder / "pipeline.joblib")
    text = pipeline.named_steps["model"].booster_.model_to_string()
    (folder / "booster.txt").write_text(text)
    (folder / "orders.json").write_text(json.dumps(orders))
    customers = Table("customers", key="id")
    schema = {
        "customers": {"id": Kind.CATEGORY, "left": Kind.BOOLEAN, **{n: columns[f"customers_{n}"].kind for n in NAMES}}
    }
    score = Score(
        "churn",
        outcome=customers["left"] == True,  # noqa: E712
        features=[customers[name] for name in NAMES],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
    ).bound(schema)
    bundle = Bundle(
        score_name="churn",
        title="Which customers will leave?",
        inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema),
        payoff=portable_payoff(score.decision.payoff()),
        encoder=encoder,
        model=TreesModel.of_lightgbm(text),
        decision=DecisionRule(act="contact"),
    )
    p = Scorer(bundle).probability(columns, TRAINED)
    write_bundle(
        with_golden(replace(bundle, segments=segment_edges(p), profile=profile_of(columns, p)), columns),
        folder / "bundle",
    )
    asked, _ = frame(rows, seed=3)
    asked.columns = list(columns)
    asked.to_parquet(folder / "table.parquet")


# -- the methods: each in a process of its own ---------------------------------------------------------------------------


Spent = tuple[float, float]
"""Seconds, and seconds of all processors together."""


def now() -> Spent:
    """Readings of both clocks."""
    return time.perf_counter(), time.process_time()


def since(begun: Spent) -> Spent:
    """What both have gone on since *begun*."""
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def vigie(folder: Path) -> Spent:
    """Seconds of ``vigie score --bundle --input``."""
    from vigie.settings import quiet_dependencies

    quiet_dependencies()  # as the command does
    from vigie.bundle import Scorer, load_bundle
    from vigie.lifecycle.score_file import score_file

    bundle = load_bundle(folder / "bundle")  # what is imported and read once is not counted for the others either
    Scorer(bundle)
    import polars  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    begun = now()
    score_file(bundle, folder / "table.parquet", folder / "vigie.parquet", resume=False)
    return since(begun)


def encode(batch: Any, orders: list[list[str]]) -> Any:
    """The matrix that the booster was trained on, by Arrow's dictionaries."""
    n = len(batch)
    out = np.empty((n, len(NAMES)))
    for i, name in enumerate(NUMBERS):
        out[:, i] = batch.column(f"customers_{name}").to_numpy(zero_copy_only=False)
    for i, (name, order) in enumerate(zip(CATEGORIES, orders, strict=True), start=len(NUMBERS)):
        column = batch.column(f"customers_{name}").dictionary_encode()
        column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
        code = {level: float(j) for j, level in enumerate(order)}
        table = np.array([code[level] for level in column.dictionary.to_pylist()])
        out[:, i] = table[column.indices.to_numpy(zero_copy_only=False)]
    return out


def arrow(folder: Path, rows: int = AT_ONCE) -> Spent:
    """Seconds of LightGBM fed by Arrow."""
    import lightgbm
    import pyarrow as pa
    import pyarrow.parquet as pq

    booster = lightgbm.Booster(model_file=str(folder / "booster.txt"))
    orders = json.loads((folder / "orders.json").read_text())
    begun = now()
    file = pq.ParquetFile(folder / "table.parquet")
    found = [booster.predict(encode(batch, orders), num_threads=cores()) for batch in file.iter_batches(rows)]
    pq.write_table(pa.table({"p": np.concatenate(found)}), folder / "arrow.parquet")
    return since(begun)


def whole(folder: Path) -> Spent:
    """Seconds of LightGBM fed by Arrow, all at once."""
    return arrow(folder, 1 << 40)


def sklearn(folder: Path) -> Spent:
    """Seconds of the pipeline on pandas."""
    import joblib
    import pandas as pd

    pipeline = joblib.load(folder / "pipeline.joblib")
    begun = now()
    found = pipeline.predict_proba(pd.read_parquet(folder / "table.parquet"))[:, 1]
    pd.DataFrame({"p": found}).to_parquet(folder / "sklearn.parquet")
    return since(begun)


def tl2cgen(folder: Path) -> Spent:
    """Seconds of the compiled trees."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import tl2cgen as compiler
    import treelite

    library = folder / "trees.so"
    if not library.exists():
        trees = treelite.frontend.load_lightgbm_model(str(folder / "booster.txt"))
        compiler.export_lib(trees, toolchain="gcc", libpath=str(library), params={"parallel_comp": cores()})
    predictor = compiler.Predictor(str(library), nthread=cores())
    orders = json.loads((folder / "orders.json").read_text())
    begun = now()
    file = pq.ParquetFile(folder / "table.parquet")
    found = [
        np.asarray(predictor.predict(compiler.DMatrix(encode(batch, orders)))).reshape(len(batch), -1)[:, -1]
        for batch in file.iter_batches(AT_ONCE)
    ]
    pq.write_table(pa.table({"p": np.concatenate(found)}), folder / "tl2cgen.parquet")
    return since(begun)


# -- comparing -----------------------------------------------------------------------------------------------------------


def probabilities(folder: Path, method: str) -> Any:
    """What a method wrote."""
    import polars as pl

    name, column = {"vigie": ("vigie", "probability"), "whole": ("arrow", "p")}.get(method, (method, "p"))
    return pl.read_parquet(folder / f"{name}.parquet")[column].to_numpy()


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """Medians over the rounds, by method."""
    load = os.getloadavg()[0]
    able = all(importlib.util.find_spec(name) for name in ("tl2cgen", "treelite"))
    methods = [method for method in METHODS if method != "tl2cgen" or able]
    found: dict[str, list[tuple[float, float, float]]] = {method: [] for method in methods}
    differences = dict.fromkeys(methods, 0.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, rows)
        for number in range(rounds):
            for method in methods:
                command = [sys.executable, __file__, "--method", method, "--folder", name]
                told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
                found[method].append((float(told[-2]), float(told[-1]), float(told[-3])))
                if number == 0:
                    difference = np.abs(probabilities(folder, method) - probabilities(folder, "vigie")).max()
                    differences[method] = float(difference)
                    # Compiled trees compare in single precision where LightGBM does not.
                    if difference > (1e-9 if method != "tl2cgen" else 1.0):
                        raise SystemExit(f"{method} says otherwise: by {difference}")
                print(number, TITLES[method], f"{found[method][-1][0]:.2f} s", flush=True)
    results = {
        method: {
            "seconds": statistics.median(seconds for seconds, _, _ in values),
            "rows_per_second": rows / statistics.median(seconds for seconds, _, _ in values),
            "memory_mb": statistics.median(memory for _, memory, _ in values),
            "cpu_seconds": statistics.median(cpu for _, _, cpu in values),
            "difference": differences[method],
        }
        for method, values in found.items()
    }
    return {"rows": rows, "rounds": rounds, "load": load, "cores": cores(), "methods": results}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    ours = results["methods"]["vigie"]["rows_per_second"]
    lines = [
        "| method | rows/s | Vigie is × as fast | processor s | MB | largest difference |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {TITLES[method]} | {v['rows_per_second']:,.0f} | {ours / v['rows_per_second']:.2f} | {v['cpu_seconds']:.2f} |"
        f" {v['memory_mb']:.0f} |"
        f" {v['difference']:.1g} |"
        for method, v in results["methods"].items()
    ]
    return (
        "\n".join(lines)
        + f"\n\n{results['rows']:,} rows, medians of {results['rounds']} rounds on {results['cores']} cores. The machine's load"
        f" before the run was {results['load']:.1f}: compare within the table.\n"
    )


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.method:
        seconds, cpu = globals()[given.method](given.folder)
        print(cpu, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    results = measure(given.rows, given.rounds)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "results.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()

"""A model for each of many segments, beside a plain loop over library fits. One command: ``python benchmarks/fleet/run.py``.

It makes customers of many segments, each with a mechanism of its own, and times on the same training rows

    vigie   ``fit_segments``: for each segment logistic regression and LightGBM, each cross-validated, compared with the
            common model row by row, the better one fitted, calibrated, turned into a portable model and proved equal to the
            library's on every row, packed, read back and asked again
    plain   ``LogisticRegression(max_iter=1000)`` on standardised and one-hot columns and ``LGBMClassifier(n_jobs=2)``, one
            fit each, nothing more

Then the bundle with all segment models: how large it is, how long it takes to load, to be first asked, and to answer one
customer beside the same bundle without segments. Results go to ``results.md`` and ``results.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import shutil
import tempfile
import time
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from vigie import Campaign, Score, Table
from vigie.bundle import (
    Bundle,
    Scorer,
    by_input,
    inputs_of,
    load_bundle,
    portable_by,
    portable_features,
    portable_payoff,
    with_golden,
    write_bundle,
)
from vigie.definition import Kind
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.training import TrainOptions
from vigie.training.candidates import CANDIDATES, FitOptions
from vigie.training.cross_validate import cross_validate
from vigie.training.folds import make_folds
from vigie.training.segment_rows import validated_rows
from vigie.training.segments import Segments, fit_segments
from vigie.training.task import Task
from vigie.training.tried import Tried

HERE = Path(__file__).resolve().parent
NUMBERS, CATEGORIES, LEVELS = 16, 4, 5
TEST = 0.02
"""Share of the rows kept for a test: few, for the models are what is measured."""


def customers(segments: int, rows: int) -> TrainingSet:
    """Customers of *segments* segments, of which about *rows* each learn; every segment has coefficients of its own."""
    rng = np.random.default_rng(0)
    each = round(rows / (1 - TEST))
    n = segments * each
    code = rng.permutation(np.repeat(np.arange(segments, dtype=np.int32), each))
    x = rng.normal(size=(NUMBERS, n))
    levels = rng.integers(0, LEVELS, size=(CATEGORIES, n)).astype(np.int32)
    weight, extra = rng.normal(0, 0.5, (segments, NUMBERS)), rng.normal(0, 0.5, (segments, LEVELS))
    z = -1.2 + 1.5 * x[0] * x[1] + extra[code, levels[0]]
    for j in range(NUMBERS):
        z += weight[code, j] * x[j]
    labels = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.int8)
    table = Table("customers", key="id")
    kinds = {f"n{j:02}": Kind.NUMBER for j in range(NUMBERS)} | {f"c{j}": Kind.CATEGORY for j in range(CATEGORIES)}
    schema = {"customers": {**kinds, "segment": Kind.CATEGORY, "left": Kind.BOOLEAN}}
    score = Score(
        "churn",
        outcome=table["left"] == True,  # noqa: E712
        features=[table[tuple(kinds)]],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
        by=table["segment"],
    ).bound(schema)
    columns = [Values(Kind.NUMBER, x[j]) for j in range(NUMBERS)]
    columns += [Values(Kind.CATEGORY, levels[j], tuple("abcde")) for j in range(CATEGORIES)]
    return TrainingSet(
        customers=np.arange(n).astype(str).astype(object),
        moments=np.zeros(n, np.int64),
        features=dict(zip([feature.name for feature in score.bound_features], columns, strict=True)),
        extras={by_input(score): Values(Kind.CATEGORY, code, tuple(f"s{i:05}" for i in range(segments)))},
        labels=labels,
        score=score,
        schema=schema,
        as_of=1,
        versions={"customers": 0},
        immature=0,
        unknown=0,
    )


def resident() -> float:
    """MB of this process and its workers."""
    pids = ["self", *(str(child.pid) for child in multiprocessing.active_children())]
    total = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total / 1024


def ours(data: TrainingSet, workers: int) -> tuple[dict[str, Any], Segments, Tried, Task]:
    """Seconds and memory of the segments, and what came of them; the common model is a logistic regression."""
    options = TrainOptions(models=None, folds=2, split=TEST, workers=workers, threads=1)
    task = Task.of(data, options)
    train = task.train
    folds = make_folds(
        train.rows.labels, data.moments[task.split.train], train.customers, in_time=False, horizon=0, folds=2, seed=0,
        validated=validated_rows(data),
    )  # fmt: skip
    began = time.perf_counter()
    candidate = next(one for one in CANDIDATES if one.name == "logistic_regression")
    fit = FitOptions(0, 1, options.row_budget)
    cv = cross_validate(candidate, train.rows, train.payoff, folds, train.capacity, fit)
    common = Tried(candidate, cv, candidate.fit(train.rows, fit), 0.0)
    common_seconds = time.perf_counter() - began
    memory: dict[str, float] = {"before": resident()}
    highest = 0.0

    def tell(_: str, share: float) -> None:
        nonlocal highest
        now = resident()
        highest = max(highest, now)
        for mark in (10, 50, 100):
            if share * 100 >= mark and f"{mark} %" not in memory:
                memory[f"{mark} %"] = now

    began = time.perf_counter()
    found = fit_segments(data, train.rows, train.payoff, train.capacity, folds, common, task.split, options, tell)
    seconds = time.perf_counter() - began
    memory["highest"] = max(highest, resident())
    states: dict[str, int] = {}
    for one in found.outcomes:
        states[one.candidate or one.model] = states.get(one.candidate or one.model, 0) + 1
    return {"seconds": seconds, "common": common_seconds, "mb": memory, "models": states}, found, common, task


def plain(task: Task, data: TrainingSet) -> dict[str, Any]:
    """Seconds of the loop, the same training rows."""
    features = list(task.train.rows.columns.values())
    matrix = np.column_stack([values.data.astype(np.float64) for values in features])
    labels = task.train.rows.labels
    segment = data.extras[by_input(data.score)].data[task.split.train]
    order = np.argsort(segment, kind="stable")
    ends = np.searchsorted(segment[order], np.arange(int(segment.max()) + 2))
    numbers, categories = list(range(NUMBERS)), list(range(NUMBERS, NUMBERS + CATEGORIES))
    began, lines = time.perf_counter(), 0.0
    for begin, end in pairwise(ends):
        X, y = matrix[order[begin:end]], labels[order[begin:end]]
        before = time.perf_counter()
        encode = ColumnTransformer([("n", StandardScaler(), numbers), ("c", OneHotEncoder(), categories)])
        make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(X, y)
        lines += time.perf_counter() - before
        lightgbm.LGBMClassifier(n_jobs=2, verbosity=-1).fit(X, y)
    return {"seconds": time.perf_counter() - began, "logistic_regression": lines}


def served(data: TrainingSet, found: Segments, common: Tried) -> dict[str, Any]:
    """The bundle with all models: bytes, seconds to load and to be first asked, microseconds a customer."""
    columns = {**data.extras, **data.features}
    few = np.random.default_rng(1).choice(len(data), min(len(data), 20_000), replace=False)
    taken = {name: values.take(np.sort(few)) for name, values in columns.items()}
    score = data.score
    alone = with_golden(
        Bundle(
            score_name="churn",
            title="Who leaves?",
            inputs=inputs_of(score, data.schema, taken),
            features=portable_features(score, data.schema),
            payoff=portable_payoff(score.decision.payoff()),
            encoder=common.fitted.encoder,
            model=common.fitted.build(),
            by=by_input(score),
            by_definition=portable_by(score),
        ),
        taken,
    )
    folder = Path(tempfile.mkdtemp(prefix="vigie-fleet-"))
    try:
        bundle = with_golden(replace(alone, parts=found.parts, golden=()), taken)
        began = time.perf_counter()
        write_bundle(bundle, folder / "bundle")
        wrote = time.perf_counter() - began
        size = sum(file.stat().st_size for file in (folder / "bundle").iterdir()) / 2**20
        began, before = time.perf_counter(), resident()
        loaded = load_bundle(folder / "bundle")
        load, after = time.perf_counter() - began, resident()
        scorer, other = Scorer(loaded), Scorer(alone)
        lists = {name: values.take(np.arange(2_000)).to_list() for name, values in taken.items()}
        rows = [{name: values[i] for name, values in lists.items()} for i in range(2_000)]
        began = time.perf_counter()
        for part in loaded.parts:
            scorer.score_one({**rows[0], loaded.by: part.value})
        first = (time.perf_counter() - began) / max(len(loaded.parts), 1)
        opened = resident()
        times = {}
        for name, one in (("parts", scorer), ("common", other), ("parts", scorer), ("common", other)):
            began = time.perf_counter()
            for row in rows:
                one.score_one(row)
            times[name] = min(times.get(name, 1.0), (time.perf_counter() - began) / len(rows))
        began = time.perf_counter()
        scorer.score(taken, len(few))
        batch = time.perf_counter() - began
    finally:
        shutil.rmtree(folder)
    return {
        "mb": size, "write_s": wrote, "load_s": load, "load_mb": after - before, "first_ms": first * 1e3,
        "all_open_mb": opened - after, "one_us": times["parts"] * 1e6, "one_common_us": times["common"] * 1e6,
        "batch_rows": len(few), "batch_s": batch,
    }  # fmt: skip


def main() -> None:
    """Run and write the results."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--segments", type=int, default=1_000)
    arguments.add_argument("--rows", type=int, default=5_000, help="training rows of a segment")
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    data = customers(chosen.segments, chosen.rows)
    mine, found, common, task = ours(data, chosen.workers)
    print("vigie", json.dumps(mine), flush=True)
    theirs = plain(task, data)
    print("plain", json.dumps(theirs), flush=True)
    use = served(data, found, common)
    print("bundle", json.dumps(use), flush=True)
    memory = mine["mb"]
    lines = [
        f"{chosen.segments:,} segments of {chosen.rows:,} rows × {NUMBERS + CATEGORIES} features; {chosen.workers} workers, "
        f"{multiprocessing.cpu_count()} cores, {platform.machine()}.",
        "",
        "| | s | s a segment | fits a segment | calibrated | compared with the common model | portable, proved equal |",
        "|---|---|---|---|---|---|---|",
        f"| vigie | {mine['seconds']:.1f} | {mine['seconds'] / chosen.segments:.3f} | up to 5 | yes | yes | yes |",
        f"| plain loop | {theirs['seconds']:.1f} | {theirs['seconds'] / chosen.segments:.3f} | 2 | no | no | no |",
        "",
        f"The common model, a logistic regression on all rows, took {mine['common']:.1f} s more. Models: "
        + ", ".join(f"{count:,} {name}" for name, count in sorted(mine["models"].items()))
        + ". Resident memory with the data, of all processes: "
        + ", ".join(f"{mark} {mb:,.0f} MB" for mark, mb in memory.items())
        + ".",
        "",
        "| bundle with all of them | |",
        "|---|---|",
        f"| on disk | {use['mb']:.1f} MB |",
        f"| written, checked | {use['write_s']:.2f} s |",
        f"| loaded, every byte checked | {use['load_s']:.2f} s, {use['load_mb']:.0f} MB |",
        f"| first answer of a segment | {use['first_ms']:.1f} ms |",
        f"| all segments opened | {use['all_open_mb']:.0f} MB more |",
        f"| one customer | {use['one_us']:.1f} µs; {use['one_common_us']:.1f} µs by the common model alone |",
        f"| {use['batch_rows']:,} customers at once | {use['batch_s']:.2f} s |",
        "",
    ]
    (HERE / "results.md").write_text("\n".join(lines))
    (HERE / "results.json").write_text(json.dumps({"vigie": mine, "plain": theirs, "bundle": use}, indent=2) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

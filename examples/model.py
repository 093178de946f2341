"""Trains one model on a table and prints what it is worth.

    python model.py --data=telco_churn.csv --target=Churn --model=logistic_regression --split=0.25

The file is CSV, Parquet or JSON lines with one row a customer. Without ``--target`` the column is found as ``vigie init``
finds it. The model is tested on rows it has not learned from; its bundle and report go to ``--output``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from vigie.bundle import write_bundle
from vigie.clock import SystemClock
from vigie.errors import VigieError
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.scaffold import inspect_table, write_project
from vigie.lifecycle.training_rows import training_set_of
from vigie.training import TrainOptions
from vigie.training.candidates import CANDIDATES
from vigie.training.report import write_report
from vigie.training.train import train


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    given = _parsed(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _run(given, Path(folder))
    except VigieError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="table with one row a customer")
    parser.add_argument("--target", help="column of the outcome; default: found out")
    parser.add_argument("--key", help="column that names the customer; default: found out")
    parser.add_argument(
        "--model", default="lightgbm", help="candidate: " + ", ".join(candidate.name for candidate in CANDIDATES)
    )
    parser.add_argument("--split", type=float, default=0.25, help="share of the rows kept for the test; default 0.25")
    parser.add_argument("--trials", type=int, default=0, help="sets of hyper-parameters to look at; default 0, none")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice; default 0")
    parser.add_argument("--output", type=Path, help="folder for the bundle and the report; default: none is written")
    return parser.parse_args(arguments)


def _run(given: argparse.Namespace, folder: Path) -> None:
    # A project in a scratch folder: the same contract, types and features as `vigie init` would write.
    proposal = inspect_table(given.data, key=given.key, target=given.target)
    if proposal.answers is None:
        raise VigieError("; ".join(proposal.open.values()), where=str(given.data), remedy="name --target and --key")
    write_project(folder, proposal.answers)
    project = Project.open(folder, None, SystemClock())
    score = project.score()
    ingest_sources(project)
    options = TrainOptions(
        models=(given.model,), split=given.split, seed=given.seed, trials=given.trials, stack=False, select=False
    )
    result = train(training_set_of(project, score, options), options)
    chosen = next(candidate for candidate in result.candidates if candidate.name == given.model)
    test, currency = chosen.test, result.currency
    out = sys.stdout.write
    out(f"{chosen.title}: learned from {result.split.train_rows:,} rows, tested on {result.split.test_rows:,}\n")
    for title, figure in (
        ("AUC", test.auc), ("average precision", test.average_precision), ("precision", test.precision),
        ("recall", test.recall), ("F1", test.f1), ("Brier", test.brier), ("calibration error", test.ece),
    ):  # fmt: skip
        out(f"{title:<20} {figure:8.3f}\n")
    out(f"{'value a customer':<20} {test.value:+8.2f} {currency}\n")
    out(f"fit: {chosen.diagnosis}\n")
    if result.winner != given.model:
        out(f"note: {result.best.title} earns as much; the bundle holds that one\n")
    if given.output is not None:
        digest = write_bundle(result.bundle, given.output / "bundle")
        now = project.clock.now()
        report = write_report(result, given.output / "report.html", generated_at=now, bundle_hash=digest)
        out(f"report: {report}\n")


if __name__ == "__main__":
    sys.exit(main())

"""From the lake to a registered model and a report."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import iso
from vigie.definition import Score
from vigie.findings import Severity
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import alias_of_new
from vigie.lifecycle.texts import not_on_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from vigie.registry import ModelVersion, TrainingRun
    from vigie.training import TrainingResult, TrainOptions
    from vigie.training.evidence import Estimate, Evidence

Progress = Callable[[str, float], None]
CARDS = ("model_card.md", "data_sheet.md")
"""Files that are written beside a report."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training left behind.

    Attributes:
        result: What was found out.
        version: In the registry; ``None`` where it was not to be registered.
        blockers: Codes of the findings of severity error, for which the version did not become champion by itself.
        report: The HTML page.
        summary: The main figures as JSON.
        bundle: Folder of the bundle.
    """

    result: TrainingResult
    version: ModelVersion | None
    blockers: tuple[str, ...]
    report: Path
    summary: Path
    bundle: Path


@dataclass(frozen=True, eq=False)
class Made:
    """A training with its files written, and nothing registered.

    Attributes:
        result: What was found out.
        folder: Of all files below.
        report: The HTML page.
        summary: The main figures as JSON.
        bundle: Folder of the bundle.
        bundle_hash: Of the bundle.
        run: What the registry keeps.
    """

    result: TrainingResult
    folder: Path
    report: Path
    summary: Path
    bundle: Path
    bundle_hash: str
    run: TrainingRun

    @property
    def blockers(self) -> tuple[str, ...]:
        """Codes of the findings of severity error."""
        return tuple(sorted({found.code for found in self.result.findings if found.severity is Severity.ERROR}))


def train_score(
    project: Project,
    score: Score,
    options: TrainOptions,
    *,
    register: bool = True,
    spark: SparkSession | str | None = None,
    language: str | None = None,
    pdf: bool | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Build the training set, try the candidates, write report and bundle, and register the winner as champion.

    A finding of severity error, such as a leak, keeps the version from becoming champion; a person may still promote it.

    Args:
        project: Where everything is; its clock says what was known.
        score: What to train.
        options: Choices of the training.
        register: Whether the winner goes to the registry. Without, its bundle is only written.
        spark: Session or URL of a master: the training set is computed there. Models are fitted here.
        language: Of the report, ``"en"`` or ``"fr"``; ``None``: as in ``vigie.toml``.
        pdf: Whether the report is written as PDF too; ``None``: as in ``vigie.toml``.
        progress: Told what is being done and the share done.

    Raises:
        SettingsError: The language is not known.
        MissingExtraError: A PDF is asked for and ``vigie[pdf]`` not installed.
        StoreError: The database of searches cannot be reached.
        ContractError: A source was not ingested yet.
        DefinitionError: The definition does not fit the contracts.
        TrainingError: No model can be learned.
        FeatureError: The Spark cluster cannot be reached or cannot do it.
        RegistryError: The registry cannot be written.
    """
    made = make_model(project, score, options, spark=spark, language=language, pdf=pdf, progress=progress)
    version = None
    if register:
        tell(progress, "registry", 0.97)
        version = project.registry.log(made.run, alias=None if made.blockers else alias_of_new(project, score.name))
    return Trained(made.result, version, made.blockers, made.report, made.summary, made.bundle)


def make_model(
    project: Project,
    score: Score,
    options: TrainOptions,
    *,
    spark: SparkSession | str | None = None,
    language: str | None = None,
    pdf: bool | None = None,
    progress: Progress | None = None,
) -> Made:
    """The same without the registry: training set, search, report, bundle and what would be registered.

    Made again for the same moment of the project's clock it is the same to the bit, and a search that was interrupted is
    resumed. Arguments and errors are those of :func:`train_score`.
    """
    from vigie.bundle import write_bundle
    from vigie.data.file_lock import scratch
    from vigie.lifecycle.renewal_actions import without_actions
    from vigie.lifecycle.reproduce_recipe import recipe_of
    from vigie.lifecycle.search import study_place
    from vigie.lifecycle.training_rows import training_set_of
    from vigie.report.language import translator
    from vigie.report.pdf import require_printer, write_pdf
    from vigie.training.record import training_run
    from vigie.training.report import write_report
    from vigie.training.train import train

    started = project.clock.now()
    spoken = language or str(project.settings.report.get("language") or "en")
    printed = bool(project.settings.report.get("pdf")) if pdf is None else pdf
    # What cannot be had is told before any work is done.
    translator(spoken)
    if printed:
        require_printer()
    schema = project.schema(score)
    bound = score.bound(schema)
    if spark is not None:
        from vigie.lifecycle.spark import training_set_on

        not_on_spark(bound)
        training_set = training_set_on(
            spark, bound, project.lake, schema, as_of=started, progress=part(progress, 0.0, 0.25)
        )
        training_set = without_actions(project, training_set)
    else:
        training_set = training_set_of(project, score, options, as_of=started, progress=part(progress, 0.0, 0.25))
    place = study_place(project, bound, options, started) if options.trials != 0 else None
    result = train(training_set, options, part(progress, 0.25, 0.95), place=place)
    tell(progress, "report", 0.95)
    reports = project.reports_folder / score.name
    reports.mkdir(parents=True, exist_ok=True)
    with scratch(reports, ".bundle-") as unfinished:
        bundle_hash = write_bundle(result.bundle, unfinished / "bundle")
        folder = reports / f"{iso(started).replace(':', '')}-{bundle_hash[:8]}"
        bundle = folder / "bundle"
        folder.mkdir(exist_ok=True)
        if not bundle.is_dir():
            (unfinished / "bundle").rename(bundle)
    report = write_report(
        result, folder / "report.html", generated_at=started, bundle_hash=bundle_hash, language=spoken
    )
    files = [report, *(folder / name for name in CARDS)]
    if printed:
        tell(progress, "report on paper", 0.96)
        files.append(write_pdf(report.read_text("utf-8"), report.with_suffix(".pdf"), generated_at=started))
    summary = folder / "summary.json"
    summary.write_text(json.dumps(summary_of(result, bundle_hash), indent=2) + "\n", "utf-8")
    run = training_run(
        result,
        files={one.name: one for one in (*files, summary)},
        started=started,
        recipe=recipe_of(project, result, spark=spark is not None),
    )
    return Made(result, folder, report, summary, bundle, bundle_hash, run)


def summary_of(result: TrainingResult, bundle_hash: str) -> dict[str, Any]:
    """The main figures of a training, of test rows that chose nothing; money in ``currency`` for one customer."""
    best = result.best
    return {
        "score": result.training_set.score.name,
        "as_of": iso(result.training_set.as_of),
        "rows": len(result.training_set.labels),
        "train_rows": result.split.train_rows,
        "test_rows": result.split.test_rows,
        "split": result.split.kind,
        "winner": result.winner,
        "auc": _number(best.test.auc),
        "average_precision": _number(best.test.average_precision),
        "brier": _number(best.test.brier),
        "calibration_error": _number(best.test.ece),
        "currency": result.currency,
        "value_per_customer": {name: _number(metrics.value) for name, metrics in result.strategies.items()},
        "acted": _number(best.test.acted),
        "auc_by_candidate": {one.name: _number(one.test.auc) for one in result.candidates},
        "auc_in_cross_validation": {one.name: _number(one.cv_mean.auc) for one in result.candidates},
        **_evidence_of(result.evidence),
        "findings": [{"code": f.code, "severity": f.severity.label, "where": f.where} for f in result.findings],
        "bundle": bundle_hash,
        "data_versions": dict(result.training_set.versions),
        "seconds": round(result.seconds, 1),
    }


def _evidence_of(found: Evidence) -> dict[str, Any]:
    """What is more than metrics, where it was worked out."""
    data: dict[str, Any] = {}
    if found.search is not None:
        data["trials"] = len(found.search.trials)
    if found.comparison is not None:
        data["same"] = list(found.comparison.same)
    if found.value is not None:
        value = found.value
        data["value_interval"] = {name: _ends(one) for name, one in value.strategies.items()}
        data["best_fixed"] = value.rival
        data["over_best_fixed"] = {"value": _number(value.over_rival.value), "interval": _ends(value.over_rival)}
    if found.selection is not None:
        data["features_kept"] = len(found.selection.kept) if found.selection.used else None
    if found.segments:
        data["segments_with_own_model"] = sum(one.model == "own" for one in found.segments)
    return data


def _ends(one: Estimate) -> list[float | None]:
    return [_number(one.low), _number(one.high)]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def tell(progress: Progress | None, doing: str, done: float) -> None:
    """Report progress where somebody listens."""
    if progress is not None:
        progress(doing, done)


def part(progress: Progress | None, begin: float, end: float) -> Progress:
    """A progress that fills the stretch from *begin* to *end* of another one."""

    def stretch(doing: str, done: float) -> None:
        tell(progress, doing, begin + (end - begin) * done)

    return stretch

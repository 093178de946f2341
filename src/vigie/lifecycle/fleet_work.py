"""What one process of a fleet does with one score. Plain data in and out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vigie.clock import FixedClock, iso, stopwatch
from vigie.errors import VigieError
from vigie.findings import Severity
from vigie.lifecycle.fleet_state import Outcome
from vigie.lifecycle.project import Project
from vigie.training import TrainOptions
from vigie.training.processes import one_thread

if TYPE_CHECKING:
    from vigie.definition import Score
    from vigie.features.shared_sets import SharedReading
    from vigie.features.training_set import TrainingSet
    from vigie.training import TrainingResult


@dataclass(frozen=True, slots=True)
class Piece:
    """One score to deal with.

    Attributes:
        root: Folder of the project.
        environment: Of its settings.
        as_of: Moment of the run, µs: the same for all.
        score: Name.
        work: What to do with it.
        together: Scores that read the same sources, itself among them; none: it is read alone.
        options: Of a training.
        key: Of what a training is made from.
        champion: Folder of the bundle in use, to be compared with; empty: no comparison.
        reports: Whether a training writes its report.
        memory: Bytes that may be used for reading, about.
    """

    root: str
    environment: str
    as_of: int
    score: str
    work: Literal["train", "check", "score"]
    together: tuple[str, ...] = ()
    options: TrainOptions = field(default_factory=TrainOptions)
    key: str = ""
    champion: str = ""
    reports: bool = False
    memory: int = 1 << 30


@dataclass(frozen=True, eq=False, slots=True)
class Done:
    """What came of a piece.

    Attributes:
        outcome: Without a version yet.
        bundle: Folder of the bundle, to be registered; empty: nothing is.
        logged: Parameters, metrics, tags, datasets, files and duration for the registry.
    """

    outcome: Outcome
    bundle: str = ""
    logged: Mapping[str, Any] = field(default_factory=dict)


def work_on(piece: Piece) -> Done:
    """Trains, checks or scores; whatever goes wrong is in the outcome: it concerns this score only."""
    began = stopwatch()
    try:
        project = _opened(piece)
        if piece.work == "train":
            with one_thread():
                return _train(project, piece, began)
        if piece.work == "check":
            return Done(_check(project, piece, began))
        return Done(_score(project, piece, began))
    except VigieError as error:
        where = f"{error.where}: " if error.where else ""
        return Done(failed(piece, f"{where}{error.what}", stopwatch() - began))
    except Exception as error:  # noqa: BLE001 - a score that fails must not stop the others
        return Done(failed(piece, f"{type(error).__name__}: {error}", stopwatch() - began))


def failed(piece: Piece, words: str, seconds: float = 0.0) -> Outcome:
    """The outcome of a score that failed."""
    return Outcome(piece.score, "failed", words, piece.key, iso(piece.as_of), seconds=round(seconds, 3))


# -- kept by a process from one score to the next ------------------------------------------------------------------------


@dataclass
class _Kept:
    """The project, and the sources as read for the scores that were done last."""

    place: tuple[str, str, int] | None = None
    project: Project | None = None
    together: tuple[str, ...] = ()
    reading: SharedReading | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def let_go(self) -> None:
        self.stack.close()
        self.reading, self.together = None, ()


_KEPT = _Kept()


def let_go() -> None:
    """Forget what was read: for a process that goes on to do something else."""
    _KEPT.let_go()
    _KEPT.place = _KEPT.project = None


def _opened(piece: Piece) -> Project:
    place = (piece.root, piece.environment, piece.as_of)
    if _KEPT.place != place or _KEPT.project is None:
        let_go()
        _KEPT.project = Project.open(Path(piece.root), piece.environment, FixedClock(piece.as_of))
        _KEPT.place = place
    return _KEPT.project


def _training_set(project: Project, score: Score, piece: Piece) -> TrainingSet:
    from vigie.features.shared_sets import SharedReading
    from vigie.features.training_set import build_training_set
    from vigie.lifecycle.texts import learn_texts

    schema = project.schema(score)
    bound = score.bound(schema)
    if not piece.together:
        texts = learn_texts(
            project, bound, schema, piece.options, as_of=piece.as_of, memory=piece.memory, progress=lambda *_: None
        )
        return build_training_set(bound, project.lake, schema, as_of=piece.as_of, memory=piece.memory, texts=texts)
    if _KEPT.together != piece.together or _KEPT.reading is None:
        _KEPT.let_go()
        scores = []
        for name in piece.together:
            try:
                scores.append(project.scores[name].bound(schema))
            except VigieError:
                continue  # it will say so itself when it is its turn
        reading = SharedReading(scores, project.lake, schema, piece.as_of, piece.memory)
        _KEPT.reading, _KEPT.together = _KEPT.stack.enter_context(reading), piece.together
    return _KEPT.reading.training_set(bound)


# -- the three kinds of work ---------------------------------------------------------------------------------------------


def _train(project: Project, piece: Piece, began: float) -> Done:
    from vigie.bundle import write_bundle
    from vigie.data.file_lock import scratch
    from vigie.lifecycle.renewal_actions import without_actions
    from vigie.lifecycle.reproduce_recipe import recipe_of
    from vigie.lifecycle.train import summary_of
    from vigie.training.record import training_run
    from vigie.training.report import write_report
    from vigie.training.train import train

    score = project.score(piece.score)
    # What only a report shows is left out without one; a policy of fairness needs its groups all the same.
    evidence = piece.reports or score.fairness is not None
    training_set = without_actions(project, _training_set(project, score, piece))
    result = train(training_set, piece.options, evidence=evidence)
    reports = project.reports_folder / score.name
    reports.mkdir(parents=True, exist_ok=True)
    with scratch(reports, ".bundle-") as unfinished:
        digest = write_bundle(result.bundle, unfinished / "bundle")
        folder = reports / f"{iso(piece.as_of).replace(':', '')}-{digest[:8]}"
        folder.mkdir(exist_ok=True)
        if not (folder / "bundle").is_dir():
            (unfinished / "bundle").rename(folder / "bundle")
    files = {"summary.json": folder / "summary.json"}
    files["summary.json"].write_text(json.dumps(summary_of(result, digest), indent=2) + "\n", "utf-8")
    if piece.reports:
        files["report.html"] = write_report(
            result, folder / "report.html", generated_at=piece.as_of, bundle_hash=digest
        )
    run = training_run(result, files=files, started=piece.as_of, recipe=recipe_of(project, result))
    outcome = _trained(piece, result, digest, folder, stopwatch() - began)
    logged = {
        "params": run.params,
        "metrics": run.metrics,
        "tags": run.tags,
        "datasets": run.datasets,
        "files": run.files,
        "started": run.started,
        "seconds": run.seconds,
    }
    return Done(outcome, str(folder / "bundle"), logged)


def _trained(piece: Piece, result: TrainingResult, digest: str, folder: Path, seconds: float) -> Outcome:
    from vigie.lifecycle.fleet_gate import not_worse

    blockers = sorted({found.code for found in result.findings if found.severity is Severity.ERROR})
    state: Literal["trained", "kept", "blocked"] = "trained"
    words = ""
    if blockers:
        state, words = "blocked", f"not champion: {', '.join(blockers)}"
    elif piece.champion:
        verdict = not_worse(result, Path(piece.champion))
        state, words = "trained" if verdict.replace else "kept", str(verdict.words)
    test = result.best.test
    return Outcome(
        score=piece.score,
        state=state,
        words=words,
        key=piece.key,
        as_of=iso(piece.as_of),
        winner=result.winner,
        auc=None if math.isnan(test.auc) else test.auc,
        value=None if math.isnan(test.value) else test.value,
        currency=result.currency,
        rows=len(result.training_set.labels),
        segments=len(result.bundle.parts),
        bundle=digest,
        findings=tuple(sorted({found.code for found in result.findings})),
        folder=str(folder),
        seconds=round(seconds, 3),
    )


def _check(project: Project, piece: Piece, began: float) -> Outcome:
    from dataclasses import replace

    from vigie.lifecycle.check import check_project

    score = project.score(piece.score)
    found = check_project(replace(project, scores={score.name: score}))
    errors = [one for one in found if one.severity is Severity.ERROR]
    return Outcome(
        score=piece.score,
        state="unsound" if errors else "sound",
        words="; ".join(f"{one.code} {one.explanation}" for one in errors),
        as_of=iso(piece.as_of),
        findings=tuple(sorted({one.code for one in found})),
        seconds=round(stopwatch() - began, 3),
    )


def _score(project: Project, piece: Piece, began: float) -> Outcome:
    from vigie.lifecycle.score import score_base

    done = score_base(project, project.score(piece.score))
    return Outcome(
        score=piece.score,
        state="scored",
        words="this very run was there already" if done.repeated else "",
        as_of=iso(piece.as_of),
        version=int(done.model.version),
        value=done.expected_value / done.rows,
        currency=done.currency,
        rows=done.rows,
        acted=done.acted,
        bundle=done.model.bundle.hash,
        seconds=round(stopwatch() - began, 3),
    )

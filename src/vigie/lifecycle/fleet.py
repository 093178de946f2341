"""All scores of a project at once: trained, refreshed, checked or scored in several processes, one failing alone.

Each process opens the project once. Scores that read the same sources come one after the other, and the sources are read
once for all of them (:mod:`vigie.features.shared_sets`). This process registers what the others made: loading MLflow takes
longer than training a small score, so one does it for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vigie.clock import stopwatch
from vigie.errors import DefinitionError, VigieError, did_you_mean
from vigie.lifecycle.fleet_state import FleetState, Outcome, key_of, write_run
from vigie.lifecycle.fleet_work import Done, Piece, failed, let_go, work_on
from vigie.lifecycle.ingest import ingest_sources, placed_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import alias_of_new
from vigie.training import TrainOptions
from vigie.training.processes import Lost, each
from vigie.wording import said

if TYPE_CHECKING:
    from vigie.data import IngestReport
    from vigie.definition import Score

Progress = Callable[[str, float], None]
Work = Literal["train", "refresh", "check", "score"]

MODELS = ("logistic_regression", "lightgbm")
"""What a fleet tries by default: quick to train, and rarely far from the best."""
MEMORY = 2 << 30
"""Bytes that all processes together may use for reading, about."""
RECYCLED = 100
"""Scores after which a process ends and another takes its place."""


@dataclass(frozen=True, eq=False)
class FleetRun:
    """A run over many scores.

    Attributes:
        outcomes: One for each score, in the order of the project files.
        seconds: Duration.
        workers: Processes that took part.
        file: The same as JSON.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    workers: int
    file: Path

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that failed, or were found unsound."""
        return tuple(one for one in self.outcomes if one.state in ("failed", "unsound"))


def fleet_options(options: TrainOptions | None = None) -> TrainOptions:
    """What a fleet trains with unless told otherwise: quick candidates with their defaults, no search, one thread each."""
    return options or TrainOptions(models=MODELS, trials=0, stack=False, select=False, threads=1)


def chosen_scores(project: Project, patterns: Sequence[str] = ()) -> list[Score]:
    """The scores whose name one of *patterns* matches, such as ``churn_*``; none given: all, in the project's order.

    Raises:
        DefinitionError: A pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in project.scores):
            raise DefinitionError(f"no score matches '{pattern}'", remedy=did_you_mean(pattern, project.scores))
    return [
        score
        for name, score in project.scores.items()
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def run_fleet(
    project: Project,
    work: Work,
    patterns: Sequence[str] = (),
    *,
    options: TrainOptions | None = None,
    workers: int = 1,
    resume: bool = False,
    register: bool = True,
    reports: bool = False,
    broken: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> FleetRun:
    """Does *work* for every score that is chosen, and keeps what became of each.

    Args:
        project: Where everything is; its clock says what was known, once for all.
        work: ``"train"``; ``"refresh"``, which leaves out what did not change and replaces a champion only by a model that
            is no worse; ``"check"``; ``"score"``.
        patterns: Names of scores, with ``*`` and ``?``; none: all.
        options: Of the trainings; ``None``: :func:`fleet_options`. The result does not depend on threads and workers.
        workers: Processes.
        resume: Leave out what an earlier run did on the same data and definition; a refresh always does.
        register: Whether models go to the registry.
        reports: Whether each training writes its report; that takes longer than training a small score.
        broken: Source → what is wrong with it: the scores that read it fail.
        progress: Told what is being done and the share done.

    Raises:
        DefinitionError: No score matches.
    """
    began = stopwatch()
    options = fleet_options(options)
    scores = chosen_scores(project, patterns)
    state = FleetState(project.settings.state / "fleet")
    again = resume or work == "refresh"
    pieces, found = _pieces(project, work, scores, options, state, again, register, reports, broken, workers)
    for piece, done in _run(pieces, workers):
        outcome = done.outcome if isinstance(done, Done) else failed(piece, said("its process died"))
        if isinstance(done, Done) and done.bundle and register:
            outcome = _registered(project, piece, done)
        found[piece.score] = outcome
        if piece.work == "train":
            state.keep(outcome)
        if progress is not None:
            bad = sum(one.state in ("failed", "unsound") for one in found.values())
            told = said("{done:,} of {all:,}, {bad:,} failed", done=len(found), all=len(scores), bad=bad)
            progress(told, len(found) / len(scores))
    outcomes = tuple(found[score.name] for score in scores)
    seconds = stopwatch() - began
    return FleetRun(outcomes, seconds, workers, write_run(project, work, outcomes, seconds, workers))


def ingest_for(
    project: Project, scores: Sequence[Score], progress: Progress | None = None
) -> tuple[list[IngestReport], dict[str, str]]:
    """Ingests what is new in the sources of *scores*; returns the reports, and what is wrong with the sources that failed.

    Each source is ingested once, however many scores read it; one that fails does not stop the others.
    """
    names = [name for name in placed_sources(project) if any(name in score.sources for score in scores)]
    reports: list[IngestReport] = []
    broken: dict[str, str] = {}
    for number, name in enumerate(names):
        if progress is not None:
            progress(name, number / len(names))
        try:
            reports += ingest_sources(project, [name])
        except VigieError as error:
            broken[name] = error.what
    return reports, broken


def last_outcomes(project: Project, patterns: Sequence[str] = ()) -> list[tuple[Score, Outcome | None]]:
    """What became of each score when it was last trained in a fleet; ``None``: it never was."""
    state = FleetState(project.settings.state / "fleet")
    return [(score, state.of(score.name)) for score in chosen_scores(project, patterns)]


def _run(pieces: Sequence[Piece], workers: int) -> Iterator[tuple[Piece, Done | Lost]]:
    try:
        yield from each(work_on, pieces, workers=min(workers, max(len(pieces), 1)), recycled=RECYCLED)
    finally:
        let_go()


def _pieces(
    project: Project,
    work: Work,
    scores: Sequence[Score],
    options: TrainOptions,
    state: FleetState,
    resume: bool,
    register: bool,
    reports: bool,
    broken: dict[str, str] | None,
    workers: int,
) -> tuple[list[Piece], dict[str, Outcome]]:
    """What there is to do, scores that read the same sources beside each other; and what is settled already."""
    from vigie.features.shared_sets import reading_key

    kind: Literal["train", "check", "score"] = "train" if work in ("train", "refresh") else work  # type: ignore[assignment]
    training = kind == "train"
    versions = {name: project.lake.version(name) if project.lake.has(name) else -1 for name in project.sources}
    champions = _champions(project, scores) if work == "refresh" and register else {}
    groups: dict[tuple[str, ...], list[Piece]] = {}
    found: dict[str, Outcome] = {}
    for score in scores:
        piece = Piece(
            root=str(project.settings.root),
            environment=project.settings.environment,
            as_of=project.clock.now(),
            score=score.name,
            work=kind,
            options=options,
            key=key_of(score, versions, options) if training else "",
            champion=champions.get(score.name, ""),
            reports=reports,
            memory=int(project.settings.train.get("memory") or MEMORY) // max(workers, 1),
        )
        before = state.of(score.name) if training and resume else None
        bad = [name for name in score.sources if name in (broken or {})]
        if bad:
            found[score.name] = failed(piece, said("source '{name}': {what}", name=bad[0], what=(broken or {})[bad[0]]))
        elif before is not None and before.done and before.key == piece.key:
            found[score.name] = replace(before, state="unchanged", words="")
        else:
            groups.setdefault(reading_key(score) if training else (), []).append(piece)
    ordered: list[Piece] = []
    for key, members in groups.items():
        together = tuple(piece.score for piece in members) if key else ()
        ordered += [replace(piece, together=together) for piece in members]
    return ordered, found


def _champions(project: Project, scores: Sequence[Score]) -> dict[str, str]:
    """Folder of the bundle in use of each score that has one."""
    known, found = set(project.registry.names()), {}
    for score in scores:
        if score.name in known:
            try:
                found[score.name] = str(project.registry.fetch(score.name))
            except VigieError:
                continue  # no champion, or its artefacts are gone: there is nothing to compare with
    return found


def _registered(project: Project, piece: Piece, done: Done) -> Outcome:
    """The outcome with the version that the registry gave; a registry that cannot be written fails this score."""
    from vigie.bundle import load_bundle
    from vigie.registry import TrainingRun

    try:
        run = TrainingRun(bundle=load_bundle(Path(done.bundle)), example={}, **done.logged)
        version = project.registry.log(
            run, alias=alias_of_new(project, piece.score) if done.outcome.state == "trained" else None
        )
    except VigieError as error:
        return failed(piece, error.what, done.outcome.seconds)
    return replace(done.outcome, version=version.version)

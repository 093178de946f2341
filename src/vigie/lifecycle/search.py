"""Searches of a project: where they are kept, which there are, and taking part in one that runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, cast

from vigie.clock import iso
from vigie.definition import Score
from vigie.errors import TrainingError
from vigie.lifecycle.project import Project
from vigie.lifecycle.train import part
from vigie.settings import secret

if TYPE_CHECKING:
    from vigie.training import TrainOptions
    from vigie.training.evidence import Trial
    from vigie.training.search import SearchNews, Study, StudyPlace

FILE = "search.db"
LOCAL = ("threads", "workers", "code_version", "stack", "select")
"""Choices of whoever runs a process, which change no trial."""

Told = Callable[[str, float, "SearchNews | None"], None]


def search_url(project: Project) -> str:
    """Database of the project's searches: ``[train] search``, or a file in the state folder.

    Raises:
        SettingsError: The secret it refers to is not there.
    """
    given = project.settings.train.get("search")
    if not given:
        return f"sqlite:///{project.settings.state / FILE}"
    return secret(str(given), project.settings.root, "[train] search")


def study_place(project: Project, score: Score, options: TrainOptions, as_of: int) -> StudyPlace:
    """Where the search of a training is kept, with what another machine needs to take part.

    Args:
        project: Whose.
        score: Bound to its contracts.
        options: Of the training.
        as_of: What its training set knows, µs.

    Raises:
        SettingsError: The secret that ``[train] search`` refers to is not there.
    """
    from vigie.training.search import StudyPlace

    chosen = {name: value for name, value in asdict(options).items() if name not in LOCAL}
    about = {"score": score.name, "definition": score.fingerprint, "as_of": as_of, "options": chosen}
    return StudyPlace(search_url(project), score.name, about)


def project_studies(project: Project, score: Score | None = None) -> list[Study]:
    """The searches of *score*, or of every score of the project, the latest first.

    Raises:
        StoreError: The database cannot be reached.
    """
    from vigie.training.search import studies

    url = search_url(project)
    if url == f"sqlite:///{project.settings.state / FILE}" and not (project.settings.state / FILE).exists():
        return []
    names = set(project.scores) if score is None else {score.name}
    return [study for study in studies(url) if study.about.get("score") in names]


def running_study(project: Project, score: Score) -> Study:
    """The latest search of *score* that is not complete.

    Raises:
        TrainingError: There is none.
        ContractError: A source was not ingested yet.
        StoreError: The database cannot be reached.
    """
    own = score.bound(project.schema(score)).fingerprint
    found = [study for study in project_studies(project, score) if not study.complete]
    for study in found:
        if study.about.get("definition") == own:
            return study
    raise TrainingError(
        f"no search of '{score.name}' is under way" + (" with this definition of it" if found else ""),
        where="[train] search",
        remedy="start `vigie train` on the other machine first; both must name the same database",
    )


def join_search(project: Project, score: Score, *, workers: int = 1, told: Told | None = None) -> tuple[Trial, ...]:
    """Take part in the latest search of *score* that is not complete, until it is.

    The training set is built again from this machine's lake as of the same moment. That it is the same, and that code
    and libraries are, shows in the name of the study.

    Args:
        project: Where everything is.
        score: What is searched.
        workers: Processes of this machine.
        told: Told about the work.

    Returns:
        All trials, whoever did them.

    Raises:
        TrainingError: No search is under way, or this machine's data, code or libraries are others.
        ContractError: A source was not ingested yet.
        StoreError: The database cannot be reached.
    """
    from vigie.lifecycle.training_rows import training_set_of
    from vigie.training.candidates import chosen_candidates
    from vigie.training.search import join
    from vigie.training.task import Task

    study = running_study(project, score)
    as_of = cast("int", study.about["as_of"])
    options = _options(project, study, workers)

    def building(doing: str, share: float) -> None:
        if told is not None:
            told(doing, share, None)

    training_set = training_set_of(project, score, options, as_of=as_of, progress=part(building, 0.0, 0.3))
    task, bound = Task.of(training_set, options), training_set.score

    def searching(doing: str, share: float, news: SearchNews | None) -> None:
        if told is not None:
            told(doing, 0.3 + 0.7 * share, news)

    learning = task.train
    return join(
        chosen_candidates(options.models, has_rule=bound.rule is not None),
        learning.rows,
        learning.payoff,
        task.folds,
        learning.capacity,
        options,
        study_place(project, bound, options, as_of),
        searching,
        study=study.name,
    )


def _options(project: Project, study: Study, workers: int) -> TrainOptions:
    from vigie.training import TrainOptions

    told = cast("dict[str, Any]", study.about["options"])
    known = {field.name for field in fields(TrainOptions)}
    if not set(told) <= known:
        raise TrainingError(
            "the search was begun by another version of Vigie", where=study.name, remedy="install the same version here"
        )
    given = {**told, "models": tuple(told["models"]) if told["models"] is not None else None}
    threads = int(project.settings.train.get("threads", 2))
    return replace(TrainOptions(**given), threads=threads, workers=workers)


def since(study: Study) -> str:
    """The moment that the training set of *study* is as of, in ISO 8601."""
    return iso(cast("int", study.about["as_of"]))

"""The rows that a score learns from, as of a moment: for training, searching, evaluating and exploring alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vigie.definition import Score
from vigie.definition.text import texts_of
from vigie.features.training_set import MEMORY, build_training_set
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal_actions import without_actions
from vigie.lifecycle.texts import learn_texts
from vigie.lifecycle.train import part

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet
    from vigie.training import TrainOptions

Progress = Callable[[str, float], None]


def training_set_of(
    project: Project,
    score: Score,
    options: TrainOptions,
    *,
    as_of: int | None = None,
    progress: Progress | None = None,
    everybody: bool = False,
) -> TrainingSet:
    """The training set of *score* with what is known now, or was known at *as_of*.

    Rows whose outcome an action changed are left out, and customers held out stand for them
    (:mod:`vigie.features.untouched`).

    Reductions of embedded texts learn nothing from outcomes; they are learned from the training rows that *options* say.

    Args:
        project: Where the data are.
        score: As the project file has it, not bound.
        options: Of the training to come.
        as_of: µs; what became known later is not there. ``None``: the project's clock says.
        progress: Told about the work.
        everybody: Whether to leave nobody out: to look at the rows, not to learn from them.

    Raises:
        ContractError: A source was not ingested yet.
        DefinitionError: The definition does not fit the contracts.
    """
    as_of = project.clock.now() if as_of is None else as_of
    schema = project.schema(score)
    bound = score.bound(schema)
    memory = int(project.settings.train.get("memory") or MEMORY)
    # Half of the time goes into texts, where there are any.
    embeds = bool(texts_of(bound.bound_features))
    learning, building = part(progress, 0.0, 0.5), part(progress, 0.5 if embeds else 0.0, 1.0)
    texts = learn_texts(project, bound, schema, options, as_of=as_of, memory=memory, progress=learning)
    made = build_training_set(bound, project.lake, schema, as_of=as_of, memory=memory, progress=building, texts=texts)
    return made if everybody else without_actions(project, made)

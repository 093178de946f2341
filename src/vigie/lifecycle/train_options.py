"""What a training does: ``[train]`` of ``vigie.toml``, and what a command was told beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vigie.errors import SettingsError, did_you_mean
from vigie.lifecycle.project import Project

if TYPE_CHECKING:
    from vigie.training import TrainOptions

CHOICES = {
    "method": ("bayesian", "random", "grid"),
    "objective": ("log_loss", "value", "auc"),
    "imbalance": ("none", "weights", "undersample", "oversample"),
}
_WHOLE = ("seed", "folds", "trials", "row_budget", "threads", "workers")
_YES_NO = ("stack", "select")
_USUAL = {"threads": 2, "workers": 2}
_WHERE = "[train]"


def train_options(project: Project, **told: Any) -> TrainOptions:
    """What a training of *project* does: what it is *told*, else what ``[train]`` says, else the defaults.

    A scheduled retraining, which nobody can give options, so does what ``vigie train`` does.

    Args:
        project: Its settings are read.
        told: Fields of :class:`vigie.training.TrainOptions`; ``None``: not told.

    Raises:
        SettingsError: A value of ``[train]`` cannot be meant.
        TrainingError: No candidate has that name, or a number is out of range.
    """
    from vigie.training import TrainOptions

    said = project.settings.train
    given: dict[str, Any] = dict(_USUAL)
    for key in _WHOLE:
        if key in said:
            given[key] = _whole(key, said[key])
    for key in _YES_NO:
        if key in said:
            if not isinstance(said[key], bool):
                raise SettingsError(f"{key} = {said[key]!r} is neither true nor false", where=_WHERE)
            given[key] = said[key]
    for key, known in CHOICES.items():
        if key in said:
            if said[key] not in known:
                raise SettingsError(
                    f"{key} = {said[key]!r} is not known", where=_WHERE, remedy=did_you_mean(str(said[key]), known)
                )
            given[key] = said[key]
    if "split" in said:
        if isinstance(said["split"], bool) or not isinstance(said["split"], int | float):
            raise SettingsError(f"split = {said['split']!r} is no share", where=_WHERE, remedy="write split = 0.2")
        given["split"] = float(said["split"])
    if "models" in said:
        given["models"] = _models(said["models"])
    given |= {key: value for key, value in told.items() if value is not None}
    return TrainOptions(code_version=project.code_version(), **given)


def _models(said: object) -> tuple[str, ...]:
    from vigie.training.candidates import chosen_candidates

    if not isinstance(said, list) or not said or not all(isinstance(one, str) for one in said):
        raise SettingsError(
            f"models = {said!r} is no list of candidates", where=_WHERE, remedy='write models = ["lightgbm"]'
        )
    chosen_candidates(tuple(said), has_rule=True)  # a wrong name is told before any work is done
    return tuple(said)


def _whole(key: str, said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise SettingsError(f"{key} = {said!r} is no whole number", where=_WHERE, remedy=f"write {key} = 2")
    return said

"""All that a training was made from, kept with its version: what it takes to make the model again."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from vigie.lifecycle.rollout import holdout_of

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project
    from vigie.training import TrainingResult, TrainOptions

FORMAT = 1
_CPU = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training was made from.

    Attributes:
        format: Of the recipe; a newer one is not read.
        score: Name.
        as_of: Moment whose knowledge was learned from, µs UTC.
        options: Of the training, by name.
        data: Version of every source in the lake.
        definition: Fingerprint of the score, bound to its contracts.
        code: Commit of the project's repository, with ``+`` where it was changed since; empty: not known.
        holdout: ``[rollout] holdout``, by which rows stood for others.
        rows: Rows of the training set.
        spark: Whether features were computed on Spark; they are the same to the bit here.
        vigie: Version of Vigie.
        libraries: Versions of those that decide what is learned.
        machine: Python, system and processor.
    """

    score: str
    as_of: int
    options: dict[str, Any]
    data: dict[str, int]
    definition: str
    code: str
    holdout: float
    rows: int
    spark: bool
    vigie: str
    libraries: dict[str, str]
    machine: dict[str, str]
    format: int = FORMAT


def recipe_of(project: Project, result: TrainingResult, *, spark: bool = False) -> str:
    """The recipe of a training, as the registry keeps it: JSON.

    Args:
        project: Whose.
        result: Of the training.
        spark: Whether its features were computed on Spark.
    """
    data, lineage = result.training_set, result.bundle.lineage
    made = Recipe(
        score=data.score.name,
        as_of=data.as_of,
        options=asdict(result.options),
        data=dict(sorted(data.versions.items())),
        definition=data.score.fingerprint,
        code=result.options.code_version,
        holdout=holdout_of(project),
        rows=len(data.labels),
        spark=spark,
        vigie=str(lineage["vigie"]),
        libraries=dict(lineage["libraries"]),
        machine=machine(),
    )
    return msgspec.json.encode(made, order="sorted").decode()


def read_recipe(text: str) -> Recipe | None:
    """The recipe in *text*; ``None`` where it is none, or of a newer format."""
    try:
        found = msgspec.json.decode(text, type=Recipe)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    return found if found.format <= FORMAT else None


def options_of(recipe: Recipe, own: Mapping[str, Any]) -> TrainOptions:
    """The options of the training, with those of this machine that change nothing (``threads``, ``workers``) from *own*."""
    from vigie.training import TrainOptions

    known = {field.name for field in fields(TrainOptions)}
    given = {name: value for name, value in recipe.options.items() if name in known}
    if given.get("models") is not None:
        given["models"] = tuple(given["models"])
    return TrainOptions(**{**given, **own})


def machine() -> dict[str, str]:
    """Python, system and processor of this machine: what arithmetic may depend on."""
    return {
        "python": platform.python_version(),
        "system": f"{sys.platform} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = _CPU.read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())

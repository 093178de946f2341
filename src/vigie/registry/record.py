"""What the registry keeps of a training run: plain values, so that this room knows nothing of how models are learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.bundle import Bundle
    from vigie.features.values import Columns


@dataclass(frozen=True, eq=False, slots=True)
class CandidateRun:
    """One candidate: a nested run.

    Attributes:
        name: Of the candidate.
        params: What it was fitted with.
        metrics: Name → number; ``nan`` is left out.
        steps: Name → one number a fold.
        tags: Name → text.
    """

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    steps: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class TrainingRun:
    """A training run: the parent run, and the bundle it ended with.

    Attributes:
        bundle: The winner.
        example: A few rows of its inputs, by name, as :class:`~vigie.features.values.Values`.
        params: Options of the run and parameters of the winner.
        metrics: Name → number; ``nan`` is left out.
        tags: Lineage: versions of the data, fingerprint of the definition, version of the code.
        candidates: Nested runs.
        datasets: Source → version in the lake that was read.
        files: Path below the run's artefacts → file on disk: report, plots.
        started: µs, for the run's start time; ``None``: when it is logged.
        seconds: Duration of the training.
    """

    bundle: Bundle
    example: Columns
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    candidates: tuple[CandidateRun, ...] = ()
    datasets: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    started: int | None = None
    seconds: float = 0.0

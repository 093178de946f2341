"""A candidate whose best parameters are known, for tests of the search; a module of its own, so that processes can load it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vigie.bundle import ConstantModel, Encoder
from vigie.definition import Kind
from vigie.errors import MissingExtraError
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.training import TrainOptions
from vigie.training.candidates import CANDIDATES, Candidate, FitOptions, Fitted, Rows
from vigie.training.candidates.space import Real, Space
from vigie.training.search import StudyPlace, search
from vigie.training.task import Task

FAST = TrainOptions(folds=3, threads=1, trials=8)


def named(*names: str) -> tuple[Candidate, ...]:
    """Candidates by name."""
    return tuple(candidate for candidate in CANDIDATES if candidate.name in names)


@dataclass(frozen=True)
class Dial:
    """Answers the better the nearer its dial is to 0.7, at once: what a search finds out can be foretold."""

    name: str = "dial"
    title: str = "Dial"
    complexity: int = 1
    learns: bool = True
    slow: bool = False
    extra: str = "train"
    cost: int = 1
    best: float = 0.7
    dies: str = ""
    waits: bool = False
    refuses: float = 2.0
    missing: bool = False
    cheap: bool = False

    @property
    def space(self) -> Space:
        return {"dial": Real(0.0, 1.0), "idle": Real(0.01, 1.0, log=True)}

    @property
    def sketch(self) -> dict[str, object]:
        return {"cheaply": True} if self.cheap else {}

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        if self.missing:
            raise MissingExtraError("dial", extra=self.extra)
        dial = float(str(options.params.get("dial", 0.2)))
        if dial > self.refuses:
            raise ValueError("this far the dial does not turn")
        if self.dies and options.params and multiprocessing.parent_process() and not Path(self.dies).exists():
            Path(self.dies).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(4_000):
            if not (self.waits and options.params) or Path(self.dies).exists():
                break
            time.sleep(0.05)  # until a helper has come and died
        if options.params.get("cheaply"):
            dial -= 0.01  # a sketch is not the thing itself
        away = abs(dial - self.best)
        base = float(rows.labels.mean())

        # Knows the answer, as no model does, as far as the dial lets it.
        def predict(X: np.ndarray) -> np.ndarray:
            rng = np.random.default_rng(len(X))
            noise = rng.random(len(X))
            return np.clip(base + 0.2 * (X[:, 0] - 0.5) + away * (noise - 0.5), 0.01, 0.99)

        return Fitted(Known(), predict, lambda: ConstantModel(base), {"dial": dial, "idle": 0.1})


class Known(Encoder):
    """Reads the labels."""

    def transform(self, columns: Any, n: int) -> np.ndarray:
        return columns["answer"].data[:, None]


def inputs(data: TrainingSet, options: TrainOptions = FAST) -> tuple[Any, ...]:
    task = Task.of(data, options)
    return task.train.rows, task.train.payoff, task.folds, task.train.capacity


def with_answer(rows: Rows) -> Rows:
    return Rows({"answer": Values(Kind.NUMBER, rows.labels.astype(np.float64))}, rows.labels)


def dialled(data: TrainingSet, dial: Dial, options: TrainOptions, place: StudyPlace | None = None) -> Any:
    rows, *rest = inputs(data, options)
    return search((*named("dummy"), dial), with_answer(rows), *rest, options, place)


def child(data: TrainingSet, dial: Dial, place: StudyPlace) -> None:
    dialled(data, dial, FAST, place)

"""The models of a rehearsal: trained once for a moment, whichever policies ask for them, and kept on disk.

Two policies that train on the same day train the same model, and a rehearsal that was killed finds what it had trained. A
model depends on nothing but the definition, the data that were known at its moment, and the options: these are its key.

Trainings are made with a fixed choice of candidates at their defaults, without search, combination or selection
(:data:`MODELS`): a rehearsal compares *when* to train, which the last per cent of *how* does not change, and it does so a
dozen times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie._version import __version__
from vigie.bundle import Bundle, Scorer, load_bundle, write_bundle
from vigie.clock import iso
from vigie.data.file_lock import locked
from vigie.economics import PayoffValues
from vigie.lifecycle.rehearse_ground import Ground
from vigie.watch.profile import Basis, Layout, Profile, reference_of

if TYPE_CHECKING:
    from vigie.features.values import Columns
    from vigie.training import TrainOptions

MODELS = ("logistic_regression", "lightgbm")
"""Candidates of every training: a straight one and a bent one. Both are fast, and one of them is seldom far from the best."""


def rehearsal_options(models: Sequence[str] | None = None, *, threads: int = 1, seed: int = 0) -> TrainOptions:
    """Options of every training of a rehearsal.

    Args:
        models: Candidates to try instead of :data:`MODELS`.
        threads: Of the learning libraries.
        seed: Of every random choice.
    """
    from vigie.training import TrainOptions

    return TrainOptions(
        models=tuple(models) if models else MODELS, trials=0, stack=False, select=False, threads=threads, seed=seed
    )


@dataclass(frozen=True, eq=False)
class Scored:
    """What a model says of the customers of a cohort.

    Attributes:
        rows: Their rows.
        p: Calibrated probabilities, shape (n,).
        act: Whom it would act on, within capacity, shape (n,).
        payoff: Their cost matrices.
    """

    rows: np.ndarray
    p: np.ndarray
    act: np.ndarray
    payoff: PayoffValues

    @property
    def payoffs(self) -> PayoffValues:
        """The same with a sum for each row."""
        return type(self.payoff)(*(np.broadcast_to(one, self.p.shape) for one in self.payoff.sums()))


@dataclass(eq=False)
class Model:
    """A model and what it says; each thing is worked out once.

    Attributes:
        trained: The moment whose knowledge it learned from, µs.
        bundle: Itself.
        ground: What it is tried on.
    """

    trained: int
    bundle: Bundle
    ground: Ground
    _scored: dict[int, Scored] = field(default_factory=dict, repr=False)
    _profiles: dict[int, Profile] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.scorer = Scorer(self.bundle)
        self.layout = Layout.of(self.bundle.profile)
        self.reference: Basis = reference_of(self.layout, self.bundle.profile)

    @property
    def name(self) -> str:
        """The day of its training, by which a rehearsal calls it."""
        return iso(self.trained)[:10]

    @property
    def learned_until(self) -> int:
        """The last moment that it may have learned from, µs: of a row or, where that is not known, of an outcome."""
        until = self.bundle.lineage.get("split", {}).get("train_until")
        known = self.trained - self.ground.horizon
        return known if until is None else min(int(until), known)

    @cached_property
    def learned(self) -> tuple[np.ndarray, np.ndarray]:
        """Moments that it learned from, µs, increasing, and how many rows of each."""
        rows = self.ground.rows
        inside = (rows.moments <= self.learned_until) & (rows.labels >= 0)
        return np.unique(rows.moments[inside], return_counts=True)

    @property
    def importance(self) -> dict[str, float]:
        """Weight of each feature."""
        told = self.bundle.metrics.get("importance", {})
        return {name: float(one["drop"]) for name, one in told.items()}

    @property
    def test(self) -> dict[str, float]:
        """Figures of its test."""
        told = self.bundle.metrics.get("test", {})
        return {name: float(value) for name, value in told.items() if value is not None}

    def scored(self, cohort: int) -> Scored:
        """What it says of a cohort of the rehearsal."""
        if cohort not in self._scored:
            self._scored[cohort] = self.say(self.ground.members[cohort])
        return self._scored[cohort]

    def say(self, rows: np.ndarray, moments: np.ndarray | None = None) -> Scored:
        """What it says of rows.

        Args:
            rows: Of the ground.
            moments: Of each, where they are of several moments, each with a capacity of its own.
        """
        found = self.scorer.score(self.columns(rows), len(rows))
        act = found.act if self.ground.by_event else self.bundle.decision.choose(found.gain, moments)
        return Scored(rows, found.probability, act, found.payoff)

    def columns(self, rows: np.ndarray) -> Columns:
        """Inputs of rows."""
        data = self.ground.rows
        return {name: data.features.get(name, data.extras.get(name)).take(rows) for name in self.scorer.inputs}  # type: ignore[union-attr]

    def profile(self, day: int) -> Profile | None:
        """What those looked like who are profiled on a day; ``None`` where nobody is."""
        rows = self.ground.days.get(day)
        if rows is None:
            return None
        if day not in self._profiles:
            data = self.ground.daily
            columns = {name: data.features.get(name, data.extras.get(name)).take(rows) for name in self.scorer.inputs}  # type: ignore[union-attr]
            found = self.scorer.score(columns, len(rows))
            self._profiles[day] = self.layout.count(
                columns, self.ground.watched[rows], found.probability, found.act.astype(np.float64)
            )
        return self._profiles[day]


class Models:
    """Models by the moment of their training, trained when they are first asked for.

    Args:
        ground: Rows that are learned from.
        options: Of every training.
        folder: Where they are kept.
    """

    def __init__(self, ground: Ground, options: TrainOptions, folder: Path) -> None:
        self.ground, self.options, self.folder = ground, options, folder
        self._open: dict[int, Model] = {}

    def at(self, moment: int) -> Model:
        """The model that is trained at *moment*, µs.

        Raises:
            TrainingError: Too little was known then.
        """
        if moment not in self._open:
            self._open[moment] = Model(moment, load_bundle(self.made(moment)), self.ground)
        return self._open[moment]

    def made(self, moment: int) -> Path:
        """The folder of its bundle; trained now if it is not there.

        Raises:
            TrainingError: Too little was known then.
        """
        from vigie.training.train import train

        key = key_of(self.ground, self.options, moment)
        place = self.folder / key
        if place.is_dir():
            return place
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / f"{key}.lock", wait=True, create=True):
            if place.is_dir():  # another process has trained it in the meantime
                return place
            bundle = train(self.ground.learnable(moment), self.options, evidence=False).bundle
            write_bundle(bundle, place)
        return place


def key_of(ground: Ground, options: TrainOptions, moment: int) -> str:
    """Names a model by all that it depends on: 32 hex digits."""
    rows = ground.rows
    told = [
        __version__, rows.score.fingerprint, sorted(rows.versions.items()), moment,
        # What does not change the model: threads and workers.
        {name: value for name, value in asdict(options).items() if name not in ("threads", "workers")},
        # Texts are reduced as was learned at the beginning.
        ground.begin if rows.texts else None,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:32]

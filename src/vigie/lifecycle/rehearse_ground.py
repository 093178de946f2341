"""What a rehearsal walks over: every customer at every moment, worked out once for all policies and all days.

Features at a moment are what was known at that moment, whenever they are computed: so they can be computed beforehand, and
still nothing of a later day is in them. Outcomes are another matter: a row has one here as soon as the data have it, and
:meth:`Ground.labels` gives it out when it could be known and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.clock import DAY, iso
from vigie.definition import At, Every, Score
from vigie.definition.moments import Once
from vigie.definition.score import replace_score
from vigie.definition.source import Column, Events, sources_of
from vigie.definition.text import texts_of
from vigie.errors import DefinitionError, InputError
from vigie.features.rowwise import leaves_of
from vigie.features.training_set import MEMORY, TrainingSet, build_training_set, outcomes_at
from vigie.lifecycle.project import Project
from vigie.lifecycle.texts import learn_texts
from vigie.lifecycle.train import part
from vigie.training.split import FEWEST_POSITIVES
from vigie.training.task import FEWEST_ROWS
from vigie.watch.profile import hashed

if TYPE_CHECKING:
    from vigie.training import TrainOptions

Progress = Callable[[str, float], None]
WATCHED = 2_000
"""Customers, about, whose inputs are profiled every day: the same ones throughout, drawn by a hash of their keys."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Rows at the moments of a score, in cohorts, and rows of every day to be profiled.

    A cohort is the customers of one moment or, where each is scored at an event of its own, of one day.

    Attributes:
        rows: Everybody at every moment up to the last one, *n* rows; the label is -1 where no outcome is known today.
        daily: Some customers on every day of the rehearsal, for profiles; outcomes of it are not looked at.
        begin: First moment of the rehearsal, µs.
        end: Last moment, µs.
        step: Time between two looks, µs.
        today: What is known today, µs: the moment that the data were read at.
        horizon: Of the outcome, µs.
        lake: Folder of the lake, where an outcome may become known late or change; ``None``: it is settled at the horizon.
    """

    rows: TrainingSet
    daily: TrainingSet
    begin: int
    end: int
    step: int
    today: int
    horizon: int
    lake: Path | None = None
    _late: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def score(self) -> Score:
        """What is predicted; bound."""
        return self.rows.score

    @property
    def by_event(self) -> bool:
        """Whether each customer is scored at an event of its own, and decided alone."""
        return isinstance(self.score.moments, At)

    @cached_property
    def codes(self) -> np.ndarray:
        """Customer of each row as a number, shape (n,)."""
        return np.unique(self.rows.customers.astype(str), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def cohort(self) -> np.ndarray:
        """Beginning of each row's cohort, µs, shape (n,)."""
        moments = self.rows.moments
        return moments - moments % DAY if self.by_event else moments

    @cached_property
    def cohorts(self) -> np.ndarray:
        """Beginnings of the cohorts of the rehearsal, µs, increasing."""
        inside = (self.rows.moments >= self.begin) & (self.rows.moments <= self.end)
        return np.unique(self.cohort[inside & (self.cohort >= self.begin)])

    @cached_property
    def members(self) -> dict[int, np.ndarray]:
        """Rows of each cohort of the rehearsal."""
        order = np.argsort(self.cohort, kind="stable")
        first = np.searchsorted(self.cohort[order], self.cohorts, side="left")
        last = np.searchsorted(self.cohort[order], self.cohorts, side="right")
        return {int(one): order[a:b] for one, a, b in zip(self.cohorts, first, last, strict=True)}

    @cached_property
    def days(self) -> dict[int, np.ndarray]:
        """Rows of :attr:`daily` by day (:func:`vigie.watch.windows.day_of`)."""
        day = self.daily.moments // DAY
        order = np.argsort(day, kind="stable")
        known, first = np.unique(day[order], return_index=True)
        return {int(one): rows for one, rows in zip(known, np.split(order, first[1:]), strict=True)}

    @cached_property
    def watched(self) -> np.ndarray:
        """Hash of the customer of each row of :attr:`daily`."""
        return hashed(self.daily.customers)

    def over(self, cohort: int) -> int:
        """The moment at which a cohort is complete, µs."""
        return cohort + DAY if self.by_event else cohort

    def labels(self, now: int) -> np.ndarray:
        """Outcomes as they were known at *now*, µs: float64, NaN where not yet, shape (n,)."""
        rows = self.rows
        mature = rows.moments + self.horizon <= now
        if self.lake is None:
            return np.where(mature & (rows.labels >= 0), rows.labels, np.nan).astype(np.float64)
        if now not in self._late:
            from vigie.data import Lake

            found = np.full(len(rows), np.nan)
            which = np.flatnonzero(mature)
            if len(which):
                found[which] = outcomes_at(
                    rows.score, Lake(self.lake), rows.schema, rows.customers[which].tolist(), rows.moments[which], as_of=now
                )  # fmt: skip
            self._late.clear()  # days go one way
            self._late[now] = found
        return self._late[now]

    def learnable(self, now: int) -> TrainingSet:
        """The training set that one would have had at *now*, µs."""
        labels = self.labels(now)
        there = np.flatnonzero(~np.isnan(labels))
        older = self.rows.moments <= now
        made = taken(self.rows, there)
        return replace(
            made,
            labels=labels[there].astype(np.int8),
            as_of=now,
            immature=int(np.count_nonzero(older & (self.rows.moments + self.horizon > now))),
            unknown=int(np.count_nonzero(np.isnan(labels) & (self.rows.moments + self.horizon <= now))),
        )


def taken(rows: TrainingSet, index: np.ndarray) -> TrainingSet:
    """Rows number *index* of *rows*."""
    return replace(
        rows,
        customers=rows.customers[index],
        moments=rows.moments[index],
        labels=rows.labels[index],
        features={name: one.take(index) for name, one in rows.features.items()},
        extras={name: one.take(index) for name, one in rows.extras.items()},
    )


def ground_of(
    project: Project,
    score: Score,
    options: TrainOptions,
    *,
    begin: int,
    end: int,
    step: int = DAY,
    watched: int = WATCHED,
    progress: Progress | None = None,
) -> Ground:
    """Everything that a rehearsal from *begin* to *end* needs of the data.

    Rows of customers who were really acted on are there like the others: what became of them is what happened.

    Texts that features embed are reduced as was learned at *begin*, once for all models.

    Args:
        project: Where the data are; its clock says what is known today.
        score: As the project file has it.
        options: Of the trainings to come.
        begin: When the first model is trained, µs.
        end: Last moment that is scored, µs.
        step: Time between two looks, µs.
        watched: Customers, about, who are profiled every day.
        progress: Told about the work.

    Raises:
        InputError: The period does not fit the data: see the text.
        DefinitionError: The score cannot be rehearsed.
        ContractError: A source was not ingested yet.
    """
    today = project.clock.now()
    horizon = score.horizon.microseconds if score.horizon is not None else 0
    _check_score(score)
    _check_period(begin, end, step, today, horizon)
    schema = project.schema(score)
    bound = score.bound(schema)
    memory = int(project.settings.train.get("memory") or MEMORY)
    texts = None
    if texts_of(bound.bound_features):
        texts = learn_texts(
            project, bound, schema, options, as_of=begin, memory=memory, progress=part(progress, 0.0, 0.3)
        )
    rows = build_training_set(
        bound, project.lake, schema, as_of=today, memory=memory, texts=texts, open_too=True, progress=part(progress, 0.3, 0.6)
    )  # fmt: skip
    rows = taken(rows, np.flatnonzero(rows.moments <= end))
    lake = project.settings.state / "lake" if _late(bound) else None
    made = Ground(rows, rows, begin, end, step, today, horizon, lake)
    _check_rows(made)
    if isinstance(bound.moments, Every):
        who = _sample(rows, begin, watched)
        daily = replace_score(bound, moments=Every("day", begin, end)).bound(schema)
        found = build_training_set(
            daily, project.lake, schema, as_of=today, memory=memory, texts=texts, open_too=True, customers=who,
            progress=part(progress, 0.6, 1.0),
        )  # fmt: skip
        return replace(made, daily=found)
    return replace(made, daily=taken(rows, np.flatnonzero(rows.moments >= begin)))


def _sample(rows: TrainingSet, begin: int, most: int) -> list[str]:
    """About *most* of the customers at *begin*, and as large a share of those who come later: whose hashes are small."""
    known = np.array(sorted(set(rows.customers.tolist())), dtype=object)
    then = len(set(rows.customers[rows.moments <= begin].tolist()))
    share = min(1.0, most / max(then, 1))
    return list(known[hashed(known).astype(np.float64) < share * 2.0**64])


def _late(score: Score) -> bool:
    """Whether an outcome may become known after its horizon, or change: then it is looked up as of each day."""
    own = score.moments.source if isinstance(score.moments, At) else None
    for leaf in leaves_of(score.outcome):
        if isinstance(leaf, Column) and leaf.source != own:
            return True
    return any(isinstance(one, Events) and one.known_at is not None for one in sources_of([score.outcome]).values())


def _check_score(score: Score) -> None:
    where = f"score '{score.name}'"
    if isinstance(score.moments, Once) or not score.has_time:
        raise DefinitionError(
            "everybody is scored once: there are no days to live through again", where=where, remedy="declare moments=every('month')"
        )  # fmt: skip
    if isinstance(score.moments, At) and _late(score):
        raise DefinitionError(
            "an outcome that may become known late belongs to an event, and cannot be looked up as of an earlier day",
            where=where, remedy="rehearse with an outcome over events that say no known_at",
        )  # fmt: skip


def _check_period(begin: int, end: int, step: int, today: int, horizon: int) -> None:
    if step < DAY or step % DAY:
        raise InputError("a step is a whole number of days", field="--step", remedy="write 1d or 7d")
    if end > today:
        raise InputError(
            f"{iso(end)[:10]} lies after {iso(today)[:10]}, when the data end", field="--to",
            remedy=f"write --to {iso(today)[:10]}, or --as-of for another day",
        )  # fmt: skip
    if end - begin < max(horizon, step):
        raise InputError(
            f"from {iso(begin)[:10]} to {iso(end)[:10]} is shorter than one horizon, {horizon / DAY:g} days: no outcome of a rehearsed "
            "score would become known",
            field="--from, --to", remedy="rehearse a longer period, of several horizons",
        )  # fmt: skip


def _check_rows(ground: Ground) -> None:
    rows, begin = ground.rows, ground.begin
    first = int(rows.moments.min()) if len(rows) else None
    if first is None or begin <= first:
        told = "there are no rows at all" if first is None else f"the first customers are scored on {iso(first)[:10]}"
        raise InputError(
            f"a rehearsal from {iso(begin)[:10]} has nothing before it to learn from: {told}", field="--from",
            remedy="begin later" if first is None else f"begin after {iso(first + ground.horizon)[:10]}, when their outcomes are known",
        )  # fmt: skip
    labels = ground.labels(begin)
    known = labels[~np.isnan(labels)]
    fewest = int(min(known.sum(), len(known) - known.sum())) if len(known) else 0
    if len(known) < FEWEST_ROWS or fewest < 2 * FEWEST_POSITIVES:
        ready = _ready(ground)
        raise InputError(
            f"on {iso(begin)[:10]} the outcomes of {len(known):,} rows were known, {fewest:,} of the rarer kind: too few to learn from",
            field="--from",
            remedy=f"begin on {iso(ready)[:10]} or later" if ready is not None else "load more history, or shorten the horizon",
        )  # fmt: skip
    if not len(ground.cohorts):
        raise InputError(
            f"nobody is scored from {iso(begin)[:10]} to {iso(ground.end)[:10]}", field="--from, --to",
            remedy="choose a period in which the score has moments",
        )  # fmt: skip


def _ready(ground: Ground) -> int | None:
    """The first moment at which enough outcomes are known to learn from."""
    rows = ground.rows
    order = np.argsort(rows.moments, kind="stable")
    order = order[rows.labels[order] >= 0]
    positives = np.cumsum(rows.labels[order] == 1)
    negatives = np.arange(1, len(order) + 1) - positives
    enough = (positives + negatives >= FEWEST_ROWS) & (np.minimum(positives, negatives) >= 2 * FEWEST_POSITIVES)
    return int(rows.moments[order[np.argmax(enough)]]) + ground.horizon if enough.any() else None

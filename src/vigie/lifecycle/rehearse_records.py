"""What is written down while a policy is lived through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.watch.estimate import Check, Estimate


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        at: Day of it, µs.
        kind: ``"trained"``, ``"failed"`` (it could not be trained), ``"refused"`` (by the gate), ``"released"`` (answers from
            now on), ``"alarm"`` or ``"over"`` (an alarm is).
        model: Day of the training of the model concerned.
        words: A sentence.
    """

    at: int
    kind: str
    model: str
    words: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of days on which one thing rang, under one model.

    Attributes:
        at: When it began to ring, µs.
        until: When it was silent again or another model answered, µs; ``None``: it never was.
        code: Of its signals.
        subject: The feature, figure or group.
        area: Of its signals.
        model: In use, by the moment of its training, µs.
        began: *at*, or where it rang under the model before already and was not seen silent since, when it began there, µs.
        looks: Each look on which it came to tell of another time: its day, and begin and end of that time, µs.
    """

    at: int
    until: int | None
    code: str
    subject: str
    area: str
    model: int
    began: int
    looks: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Chance:
    """How often a day on which nothing is known to have changed is "found" as soon as a change was.

    Attributes:
        share: Of *days*; NaN where there are none.
        days: Far enough from each change, with as much time behind them.
    """

    share: float
    days: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A run of days on which anything of one area rang: what somebody would have been told of once.

    Attributes:
        at: When it began to ring, µs.
        until: When it was silent again or another model answered, µs; ``None``: it never was.
        area: Of the signals.
        codes: Those that rang on the first day.
        model: Trained on that day, µs: the model that it is about.
        since: When what it tells of began, by the earliest of its signals, µs.
        words: What the largest of them said.
        evidence: Begin of what those that rang on the first day were taken from, µs.
        things: All that rang in it, in order.
        confirmed: Whether outcomes that became known later show that the model ranked worse than in its test, promised more
            value than came, or was wrong about how many; ``None``: not known. Hindsight, which no policy had.
        verdict: Where changes are known, what it was: ``"true"``, ``"confirmed"``, ``"already"``, ``"early"`` or ``"false"``
            (:func:`vigie.lifecycle.rehearse_alarms.verdict_of`); empty where none is.
    """

    at: int
    until: int | None
    area: str
    codes: tuple[str, ...]
    model: int
    since: int
    words: str
    evidence: int = 0
    things: tuple[Stretch, ...] = ()
    confirmed: bool | None = None
    verdict: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class CohortRun:
    """A cohort as it was decided.

    Attributes:
        begin: Its moment, µs.
        model: The model that answered, by the moment of its training, µs.
        rows: Customers.
        acted: Of them, those acted on.
        estimate: What was estimated of it when it was scored.
    """

    begin: int
    model: int
    rows: int
    acted: int
    estimate: Estimate


@dataclass(frozen=True, eq=False)
class PolicyRun:
    """What became of a policy.

    Attributes:
        name: Of the policy.
        act: Who was acted on, of all rows of the ground, shape (n,).
        decided: Which rows were decided about at all, shape (n,).
        cohorts: In order.
        events: In order.
        alarms: In order.
        checks: Estimates beside the truth.
        trainings: Models that were trained after the first one.
        released: Of them, those that came to answer.
    """

    name: str
    act: np.ndarray
    decided: np.ndarray
    cohorts: tuple[CohortRun, ...]
    events: tuple[Event, ...]
    alarms: tuple[Alarm, ...]
    checks: tuple[Check, ...]
    trainings: int
    released: int

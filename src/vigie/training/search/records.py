"""Plain records that the parts of a search hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Stage = Literal["defaults", "wide", "fine", "full"]
"""Of a slot: the defaults; anywhere in the space; near the best; the best of a sketch again, in full."""
State = Literal["done", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in the order of a search: what is to be looked at, but for the parameters.

    Attributes:
        number: In the order, from 0.
        candidate: Name.
        stage: Why.
        rank: Which of this candidate in this stage, from 0.
    """

    number: int
    candidate: str
    stage: Stage
    rank: int


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """What came of a set of parameters. Equal for equal parameters, on any machine, but for the seconds.

    Attributes:
        state: ``"failed"``: the library refused the parameters.
        objective: Of the whole cross-validation; after pruning, of the folds that were run; NaN where it failed.
        value: Cross-validated money for one customer; NaN unless done.
        log_loss: Cross-validated; NaN unless done.
        steps: What pruning goes by, after each fold that was run: lower is better.
        seconds: Spent.
        raw: The model's own probabilities of the validated rows, in the order of the rows; empty unless done.
        point: The defaults as a point of the space, where they are one; else as given.
    """

    state: State
    objective: float
    value: float
    log_loss: float
    steps: tuple[float, ...]
    seconds: float
    raw: np.ndarray
    point: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A slot that is through.

    Attributes:
        slot: Which.
        params: What was given; empty: the defaults.
        outcome: What came of it.
        earlier: Whether it was there before this run began.
        full: Whether it is the candidate as it would be fitted in the end, and not a sketch.
    """

    slot: Slot
    params: Mapping[str, object]
    outcome: Outcome
    earlier: bool = False
    full: bool = True

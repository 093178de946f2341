"""A candidate after its cross-validation and its final fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vigie.training.candidates import Candidate, Fitted
from vigie.training.cross_validate import CrossValidation


@dataclass(frozen=True, eq=False)
class Tried:
    """One candidate with the hyper-parameters that were chosen for it.

    Attributes:
        candidate: What was tried.
        cv: Its cross-validation with these parameters, on the folds that all candidates share.
        fitted: Its fit on all training rows.
        seconds: Of that fit.
        given: The parameters that the search chose; empty: the defaults.
        trials: Sets of parameters that were looked at for it.
    """

    candidate: Candidate
    cv: CrossValidation
    fitted: Fitted
    seconds: float
    given: Mapping[str, object] = field(default_factory=dict)
    trials: int = 1

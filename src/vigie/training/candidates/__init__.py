"""The candidates, from simple to complex. A new one is a new file and a line here."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from vigie.errors import MissingExtraError, TrainingError, did_you_mean
from vigie.training.candidates.candidate import Candidate, FitOptions, Fitted, Rows
from vigie.training.candidates.catboost import CatBoost
from vigie.training.candidates.dummy import Dummy
from vigie.training.candidates.ebm import ExplainableBoosting
from vigie.training.candidates.lightgbm import LightGBM
from vigie.training.candidates.logistic_regression import LogisticRegression
from vigie.training.candidates.neural_network import NeuralNetwork
from vigie.training.candidates.random_forest import RandomForest
from vigie.training.candidates.rule import Rule
from vigie.training.candidates.xgboost import XGBoost

CANDIDATES: tuple[Candidate, ...] = (
    Dummy(),
    Rule(),
    LogisticRegression(),
    ExplainableBoosting(),
    RandomForest(),
    NeuralNetwork(),
    LightGBM(),
    XGBoost(),
    CatBoost(),
)

_LIBRARIES = {"xgboost": ("xgboost", "xgboost-cpu"), "catboost": ("catboost", "catboost")}
"""Candidates whose library is not part of the training extra: its module, and its package."""

__all__ = ["CANDIDATES", "Candidate", "FitOptions", "Fitted", "Rows", "chosen_candidates", "installed"]


def installed(candidate: Candidate) -> bool:
    """Whether the library of a candidate that needs an extra of its own is there. It is not loaded."""
    module, _ = _LIBRARIES.get(candidate.name, ("", ""))
    return not module or importlib.util.find_spec(module) is not None


def chosen_candidates(names: Sequence[str] | None, *, has_rule: bool) -> tuple[Candidate, ...]:
    """Those to try, from simple to complex: all or the named ones, with the dummy and, if declared, the rule.

    Of those that nobody named, one whose library is not installed is left out.

    Raises:
        TrainingError: No candidate has such a name, or the rule is asked for and none is declared.
        MissingExtraError: One is named whose library is not installed.
    """
    known = {candidate.name: candidate for candidate in CANDIDATES}
    for name in names or ():
        if name not in known:
            raise TrainingError(f"no model is called '{name}'", where="--model", remedy=did_you_mean(name, known))
        if name == "rule" and not has_rule:
            raise TrainingError(
                "the project declares no rule",
                where="--model=rule",
                remedy="add rule= to the score in the project file",
            )
        if not installed(known[name]):
            raise MissingExtraError(_LIBRARIES[name][1], extra=known[name].extra)
    always = {"dummy", "rule"} if has_rule else {"dummy"}
    wanted = {name for name in known if installed(known[name])} if names is None else set(names)
    wanted |= always
    if not has_rule:
        wanted.discard("rule")
    return tuple(candidate for candidate in CANDIDATES if candidate.name in wanted)

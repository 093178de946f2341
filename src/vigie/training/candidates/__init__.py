"""The candidates, from simple to complex. A new one is a new file and a line here."""

from __future__ import annotations

from collections.abc import Sequence

from vigie.errors import TrainingError, did_you_mean
from vigie.training.candidates.candidate import Candidate, FitOptions, Fitted, Rows
from vigie.training.candidates.dummy import Dummy
from vigie.training.candidates.ebm import ExplainableBoosting
from vigie.training.candidates.lightgbm import LightGBM
from vigie.training.candidates.logistic_regression import LogisticRegression
from vigie.training.candidates.random_forest import RandomForest
from vigie.training.candidates.rule import Rule

CANDIDATES: tuple[Candidate, ...] = (
    Dummy(),
    Rule(),
    LogisticRegression(),
    ExplainableBoosting(),
    RandomForest(),
    LightGBM(),
)

__all__ = ["CANDIDATES", "Candidate", "FitOptions", "Fitted", "Rows", "chosen_candidates"]


def chosen_candidates(names: Sequence[str] | None, *, has_rule: bool) -> tuple[Candidate, ...]:
    """Those to try, from simple to complex: all or the named ones, with the dummy and, if declared, the rule.

    Raises:
        TrainingError: No candidate has such a name, or the rule is asked for and none is declared.
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
    always = {"dummy", "rule"} if has_rule else {"dummy"}
    wanted = set(known if names is None else names) | always
    if not has_rule:
        wanted.discard("rule")
    return tuple(candidate for candidate in CANDIDATES if candidate.name in wanted)

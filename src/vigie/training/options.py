"""What a user may choose about a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vigie.errors import TrainingError

DEFAULT_SPLIT = 0.25
"""Share of the rows in a test drawn at random."""
DEFAULT_SPLIT_IN_TIME = 0.2
"""Share of the rows in a test that lies after the training."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Choices of one training run. The defaults are what a plain ``vigie train`` does.

    Attributes:
        models: Names of the candidates to try, e.g. ``("random_forest",)``; ``None``: all. The dummy, and the rule
            where one is declared, always take part: they are what a model has to beat.
        split: Share, between 0 and 1, of the rows kept for the test; ``None``: 0.25 (0.2 where there is time).
        seed: Of every random choice. Same data, same options: same bundle hash.
        folds: Of the cross-validation, 2 … 20; ``None``: 5, and 3 beyond 100,000 rows.
        threads: Used by the learning libraries. The result does not depend on it.
        row_budget: A slow candidate (forest, additive model) is cross-validated on at most this many rows; its final
            fit uses at most three times as many. What was left out is said in the candidate's ``note``.
        code_version: Version of the user's project (a git commit), for the lineage; empty: not known.
        trials: Sets of hyper-parameters looked at in all, besides the defaults; 0: none, the defaults are used;
            ``None``: as many as the number of rows lets run in about a minute on two cores. The same number gives the
            same model on any machine and with any number of workers.
        method: How a search picks the next set: ``"bayesian"``, ``"random"`` or ``"grid"``.
        objective: What a search goes by, in cross-validation: ``"value"``, ``"log_loss"`` or ``"auc"``.
        workers: Processes that search at the same time. The result does not depend on it.
        imbalance: What is done about a rare class, see :class:`vigie.training.candidates.FitOptions`; ``"none"`` by
            default: with probabilities that are right and a threshold from the costs nothing else is needed.
        stack: Whether a combination of the best candidates is tried too.
        select: Whether the winner is fitted again on the features that earn their place and compared.
    """

    models: tuple[str, ...] | None = None
    split: float | None = None
    seed: int = 0
    folds: int | None = None
    threads: int = 2
    row_budget: int = 20_000
    code_version: str = ""
    trials: int | None = None
    method: Literal["bayesian", "random", "grid"] = "bayesian"
    objective: Literal["value", "log_loss", "auc"] = "log_loss"
    workers: int = 1
    imbalance: Literal["none", "weights", "undersample", "oversample"] = "none"
    stack: bool = True
    select: bool = True

    def __post_init__(self) -> None:
        if self.split is not None and not 0 < self.split < 1:
            raise TrainingError(
                f"split={self.split!r} is not a share of the rows", remedy="give a share between 0 and 1, e.g. 0.2"
            )
        if self.folds is not None and not 2 <= self.folds <= 20:
            raise TrainingError(f"folds={self.folds!r} is not possible", remedy="give 2 to 20")
        if self.threads < 1 or self.row_budget < 1_000:
            raise TrainingError("threads is at least 1 and row_budget at least 1,000", where="training options")
        if self.models is not None and not self.models:
            raise TrainingError("no model is named", where="training options", remedy="name one, or leave models out")

    def folds_for(self, rows: int) -> int:
        """Number of folds for so many training rows."""
        return self.folds if self.folds is not None else (5 if rows <= 100_000 else 3)

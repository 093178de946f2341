"""The nested estimate: what the whole way of training is worth on rows that chose nothing, several times over.

One test part tells what one model is worth, with the luck of one draw. Here the whole training runs anew inside each outer
fold's training rows: search, calibration, threshold, choice of the winner, selection of features. The outer test rows are
scored once by what came out. Every row tests once, so the interval is as narrow as the data allow (Varma & Simon 2006, *Bias
in error estimation when using cross-validation for model selection*).

The figures are about the way of training on these data, not about one bundle: the folds' models may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie import clock
from vigie.economics.strategies import EVERYBODY, HALF, NOBODY, RULE, VIGIE
from vigie.training.bootstrap import Resampling
from vigie.training.clustered import codes_of
from vigie.training.evidence import Estimate
from vigie.training.metrics import auc, measure, realised, row_log_loss
from vigie.training.options import TrainOptions
from vigie.training.outer_folds import outer_folds
from vigie.training.result import Metrics, SplitDescription
from vigie.training.rivals import DEFAULT, HAND_TUNED, default_lightgbm, hand_tuned_lightgbm
from vigie.training.split import Split
from vigie.training.strategies import acts_by_strategy
from vigie.training.task import Task, split_of
from vigie.training.value import fixed_rival

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

Progress = Callable[[str, float], None]
BEST_FIXED = "best_fixed"
"""The best fixed strategy as the training rows of each fold have it."""
Z = NormalDist().inv_cdf(0.975)
NAN = float("nan")


@dataclass(frozen=True, eq=False, slots=True)
class OuterFold:
    """One outer fold.

    Attributes:
        number: From 1.
        split: Which rows learned and which tested.
        winner: Name of the candidate that won on the training rows.
        params: Its hyper-parameters.
        calibration: Kind of its map.
        features: Number of features that its model reads.
        metrics: Of the test rows, by who decides: ``"vigie"``, ``"nobody"``, ``"everybody"``, ``"rule"`` (where there is one),
            ``"threshold_0.5"``, ``"default_lightgbm"``, ``"hand_tuned_lightgbm"``.
        best_fixed: Name of the best fixed strategy on the training rows.
        seconds: Of the training.
    """

    number: int
    split: SplitDescription
    winner: str
    params: Mapping[str, object]
    calibration: str
    features: int
    metrics: Mapping[str, Metrics]
    best_fixed: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over all outer folds.

    Attributes:
        mean: Of the folds for the AUC, of the test rows for everything else.
        error: Standard error over the folds; NaN for one fold. Folds share training rows, so it is a little too small.
        low: Lower end of the 95 % interval that resamples customers, given the folds' models.
        high: Upper end.
    """

    mean: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, slots=True)
class NestedEstimate:
    """What the nested estimate found out. Money is for one customer, in *currency*.

    Attributes:
        score: Name of the score.
        folds: In their order.
        rows: Test rows in all.
        customers: Distinct customers among them.
        in_time: Whether each test lies after the rows that were learned from.
        figures: By who decides, then ``"value"``, ``"acted"`` and, for who has probabilities, ``"auc"``, ``"log_loss"``,
            ``"brier"``.
        differences: *vigie* minus each other, row by row: by the other, then the same figures. Above 0 is better for money
            and AUC, below 0 for log loss and Brier score.
        currency: ISO 4217 code.
        options: Of every training.
        seconds: Duration.
    """

    score: str
    folds: tuple[OuterFold, ...]
    rows: int
    customers: int
    in_time: bool
    figures: Mapping[str, Mapping[str, Figure]]
    differences: Mapping[str, Mapping[str, Figure]]
    currency: str
    options: TrainOptions
    seconds: float

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON file; what is not defined is ``None``."""
        return {
            "score": self.score,
            "currency": self.currency,
            "rows": self.rows,
            "customers": self.customers,
            "in_time": self.in_time,
            "options": _plain(asdict(self.options)),
            "figures": _plain(_as_data(self.figures)),
            "differences": _plain(_as_data(self.differences)),
            "folds": [
                {
                    "number": fold.number,
                    "split": _plain(asdict(fold.split)),
                    "winner": fold.winner,
                    "params": _plain(dict(fold.params)),
                    "calibration": fold.calibration,
                    "features": fold.features,
                    "best_fixed": fold.best_fixed,
                    "metrics": {name: _plain(one.to_data()) for name, one in fold.metrics.items()},
                    "seconds": round(fold.seconds, 1),
                }
                for fold in self.folds
            ],
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, eq=False)
class _Tested:
    """Test rows of one fold: labels, customers and, by who decides, acts, money and probabilities."""

    y: np.ndarray
    customers: np.ndarray
    act: Mapping[str, np.ndarray]
    money: Mapping[str, np.ndarray]
    probability: Mapping[str, np.ndarray]


def nested_estimate(
    training_set: TrainingSet,
    options: TrainOptions | None = None,
    *,
    folds: int = 5,
    progress: Progress | None = None,
    told: Callable[[OuterFold], None] | None = None,
) -> NestedEstimate:
    """Trains once an outer fold, on its training rows alone, and tests what came out.

    Args:
        training_set: Rows with known outcomes.
        options: Choices of every training; its seed also deals the folds.
        folds: How many outer folds are wanted; 1: the one split of :func:`vigie.training.train.train`.
        progress: Told what is being done and the share done.
        told: Called with each fold once it is done.

    Raises:
        TrainingError: Too few rows, one class only, an unknown candidate.
        MissingExtraError: A learning library is not installed.
    """
    began = clock.stopwatch()
    options = options or TrainOptions()
    splits = outer_folds(training_set, folds, options.seed) if folds > 1 else (split_of(training_set, options),)
    done: list[OuterFold] = []
    tested: list[_Tested] = []
    for i, split in enumerate(splits):

        def tell(doing: str, share: float, i: int = i) -> None:
            if progress is not None:
                progress(f"fold {i + 1} of {len(splits)}: {doing}", (i + share) / len(splits))

        fold, rows = _one(training_set, options, split, i + 1, tell)
        done.append(fold)
        tested.append(rows)
        if told is not None:
            told(fold)
    figures, differences, customers = _summed_up(tested, options.seed)
    return NestedEstimate(
        score=training_set.score.name,
        folds=tuple(done),
        rows=sum(len(part.y) for part in tested),
        customers=customers,
        in_time=splits[0].description.kind == "out_of_time",
        figures=figures,
        differences=differences,
        currency=training_set.score.decision.currency,
        options=options,
        seconds=clock.stopwatch() - began,
    )


def _one(
    training_set: TrainingSet, options: TrainOptions, split: Split, number: int, tell: Progress
) -> tuple[OuterFold, _Tested]:
    from vigie.training.train import train

    before = clock.stopwatch()
    result = train(training_set, options, lambda doing, share: tell(doing, 0.95 * share), split=split, evidence=False)
    seconds = clock.stopwatch() - before
    tell("rivals", 0.95)
    task = Task.of(training_set, options, split)
    test, y = task.test, task.test.rows.labels
    ours = result.best
    act = test.act(ours.probability_test, ours.min_gain)
    acts = acts_by_strategy(ours.probability_test, act, test.capacity, _rule(test.rows.rule), options.seed)
    probability = {VIGIE: ours.probability_test}
    for name, answer in (
        (DEFAULT, default_lightgbm(task.train.rows, test, options.threads)),
        (HAND_TUNED, hand_tuned_lightgbm(task.train.rows, test, options.seed, options.threads)),
    ):
        acts[name], probability[name] = answer.act, answer.probability
    fixed = fixed_rival(
        task.train.payoff,
        task.train.rows.labels,
        task.train.capacity,
        rule=_rule(task.train.rows.rule),
        seed=options.seed,
    )
    acts[BEST_FIXED] = acts[fixed]
    money = {name: realised(test.payoff, who, y) for name, who in acts.items()}
    metrics = {name: measure(y, probability.get(name), acts[name], money[name]) for name in acts}
    fold = OuterFold(
        number=number,
        split=split.description,
        winner=result.winner,
        params=ours.params,
        calibration=ours.calibration,
        features=len(result.bundle.features),
        metrics=metrics,
        best_fixed=fixed,
        seconds=seconds,
    )
    return fold, _Tested(y, test.customers, acts, money, probability)


def _rule(rule: Any) -> np.ndarray | None:
    return rule.data.astype(np.float64) if rule is not None else None


def _summed_up(
    tested: Sequence[_Tested], seed: int
) -> tuple[dict[str, dict[str, Figure]], dict[str, dict[str, Figure]], int]:
    """Figures by who decides, differences of *vigie* to each, and the number of customers."""
    columns: dict[tuple[str, str], np.ndarray] = {}
    codes = codes_of(np.concatenate([part.customers for part in tested]))
    y = np.concatenate([part.y for part in tested])
    names = [
        name
        for name in (VIGIE, BEST_FIXED, NOBODY, EVERYBODY, RULE, HALF, DEFAULT, HAND_TUNED)
        if name in tested[0].act
    ]
    for name in names:
        columns[name, "value"] = np.concatenate([part.money[name] for part in tested])
        columns[name, "acted"] = np.concatenate([part.act[name] for part in tested]).astype(np.float64)
        if name in tested[0].probability:
            p = np.concatenate([part.probability[name] for part in tested])
            columns[name, "log_loss"] = row_log_loss(y, p)
            columns[name, "brier"] = (p - y) ** 2
    keys = list(columns)
    pairs = [key for key in keys if key[0] != VIGIE and (VIGIE, key[1]) in columns]
    minus = {key: columns[VIGIE, key[1]] - columns[key] for key in pairs}
    resampling = Resampling(codes, seed)
    found = resampling.means(np.column_stack([*(columns[key] for key in keys), *(minus[key] for key in pairs)]))
    ends = np.cumsum([0, *(len(part.y) for part in tested)])
    figures: dict[str, dict[str, Figure]] = {name: {} for name in names}
    differences: dict[str, dict[str, Figure]] = {name: {} for name in names if name != VIGIE}
    for key, estimate in zip(keys, found, strict=False):
        figures[key[0]][key[1]] = _over_folds(estimate, columns[key], ends)
    for key, estimate in zip(pairs, found[len(keys) :], strict=True):
        differences[key[0]][key[1]] = _over_folds(estimate, minus[key], ends)
    ranked = {name: _ranking(tested, name) for name in names if name in tested[0].probability}
    for name, (by_fold, influence) in ranked.items():
        figures[name]["auc"] = _auc_figure(by_fold, influence, codes)
        if name != VIGIE:
            ours, our_influence = ranked[VIGIE]
            differences[name]["auc"] = _auc_figure(ours - by_fold, our_influence - influence, codes)
    return figures, differences, resampling.customers


def _over_folds(estimate: Estimate, column: np.ndarray, ends: np.ndarray) -> Figure:
    means = np.array([column[start:end].mean() for start, end in pairwise(ends)])
    return Figure(estimate.value, _error(means), estimate.low, estimate.high)


def _error(means: np.ndarray) -> float:
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else NAN


def _ranking(tested: Sequence[_Tested], name: str) -> tuple[np.ndarray, np.ndarray]:
    """AUC of each fold, and how much each row moves their mean (DeLong et al. 1988)."""
    by_fold, influence = [], []
    for part in tested:
        y, p = part.y, part.probability[name]
        found = auc(y, p)
        by_fold.append(found)
        positives, negatives = np.sort(p[y == 1]), np.sort(p[y == 0])
        # Share of the other class that a row is ranked on the right side of, ties counting half.
        below = (np.searchsorted(negatives, p, "left") + np.searchsorted(negatives, p, "right")) / 2 / len(negatives)
        above = 1 - (np.searchsorted(positives, p, "left") + np.searchsorted(positives, p, "right")) / 2 / len(
            positives
        )
        moved = np.where(y == 1, (below - found) / len(positives), (above - found) / len(negatives))
        influence.append(moved / len(tested))
    return np.array(by_fold), np.concatenate(influence)


def _auc_figure(by_fold: np.ndarray, influence: np.ndarray, codes: np.ndarray) -> Figure:
    sums = np.bincount(codes, influence)
    mean, half = float(by_fold.mean()), Z * float(np.sqrt(sums @ sums))
    return Figure(mean, _error(by_fold), mean - half, mean + half)


def _as_data(figures: Mapping[str, Mapping[str, Figure]]) -> dict[str, Any]:
    return {who: {name: asdict(one) for name, one in known.items()} for who, known in figures.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if value != value else value
    return value if value is None or isinstance(value, bool | int | str) else str(value)

"""Combines the best candidates: a weighed sum of their log-odds, learned from their cross-validation.

Nothing is fitted again: the predictions that cross-validation made for rows it had not learned from are what the weights
are learned from (Wolpert 1992), and what they are judged by. Weights are never negative (Breiman 1996: that is what makes
stacking work), and pulled towards the plain mean, so that few rows cannot set members of about the same opinion against
each other. For each fold the members are picked and weighed on the *other* folds, as a calibration is, so that the
stack's own cross-validation is as honest as anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vigie.bundle import Encoder, StackMember, StackModel
from vigie.bundle.logistic import log_odds, logistic
from vigie.bundle.stack_model import LIMIT
from vigie.economics import PayoffValues
from vigie.training.candidates import Candidate, FitOptions, Fitted, Rows
from vigie.training.candidates.candidate import NO_SKETCH
from vigie.training.candidates.space import NOTHING, Space
from vigie.training.capacity import Capacity
from vigie.training.cross_validate import judged
from vigie.training.folds import Fold
from vigie.training.metrics import log_loss
from vigie.training.options import TrainOptions
from vigie.training.tried import Tried
from vigie.wording import said

MOST_MEMBERS = 4
LEAST_WEIGHT = 0.02
"""A member that would weigh less is left out: it costs as much as the others at every request."""
PULL = 10.0
"""Strength of the pull towards equal weights: ``PULL / 2 · Σ (weight − 1/members)²``, in nats of log-likelihood."""
DECIMALS = 4
"""Of weights and offset, so that the last bits of a sum are not part of the model."""
ITERATIONS = 50

FAMILIES: Mapping[str, str] = {"lightgbm": "boosting", "xgboost": "boosting", "catboost": "boosting"}
"""Candidates so much alike that only the best of them is a member; every other one is a family of its own."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned about combining.

    Attributes:
        members: Positions among the candidates, by decreasing weight.
        weights: Of each member's log-odds, all positive.
        offset: In log-odds.
    """

    members: tuple[int, ...]
    weights: tuple[float, ...]
    offset: float

    def log_odds(self, Z: np.ndarray) -> np.ndarray:
        """Of the stack, shape (n,), from those of all candidates, shape (n, candidates)."""
        total = np.full(len(Z), self.offset)
        for member, weight in zip(self.members, self.weights, strict=True):
            total += Z[:, member] * weight
        return total


@dataclass(eq=False)
class Stack:
    """A stack as a candidate: fitted again, it fits its members again and keeps their weights.

    Attributes:
        members: Each with the parameters chosen for it.
        weights: Of their log-odds, in the same order.
        offset: In log-odds.
    """

    members: tuple[tuple[Candidate, Mapping[str, object]], ...]
    weights: tuple[float, ...]
    offset: float
    name: str = "stack"
    title: str = "Stack of the best"
    complexity: int = 100
    learns: bool = True
    slow: bool = True
    space: Space = field(default_factory=lambda: NOTHING)
    extra: str = "train"
    sketch: Mapping[str, object] = field(default_factory=lambda: NO_SKETCH)
    cost: int = field(init=False)

    def __post_init__(self) -> None:
        self.cost = sum(candidate.cost for candidate, _ in self.members)

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """Fits every member on *rows*; parameters in *options* are not read."""
        fitted = [candidate.fit(rows, replace(options, params=given)) for candidate, given in self.members]
        return self.combined(fitted)

    def combined(self, fitted: Sequence[Fitted]) -> Fitted:
        """The stack of members that are fitted already, in their order."""
        columns: list[Encoder] = []
        starts: list[int] = []
        for found in fitted:
            # Members that are encoded alike read the same columns.
            same = next((i for i, encoder in enumerate(columns) if encoder.columns == found.encoder.columns), None)
            if same is None:
                same = len(columns)
                columns.append(found.encoder)
            starts.append(sum(encoder.width for encoder in columns[:same]))
        encoder = Encoder(tuple(column for part in columns for column in part.columns))

        def predict(matrix: np.ndarray) -> np.ndarray:
            total = np.full(len(matrix), self.offset)
            for found, weight, start in zip(fitted, self.weights, starts, strict=True):
                part = np.ascontiguousarray(matrix[:, start : start + found.encoder.width])
                total += limited_log_odds(found.predict(part)) * weight
            return logistic(total)

        def build() -> StackModel:
            return StackModel(
                tuple(
                    StackMember(found.build(), weight, start, found.encoder.width)
                    for found, weight, start in zip(fitted, self.weights, starts, strict=True)
                ),
                self.offset,
            )

        params: dict[str, object] = {"members": ", ".join(candidate.name for candidate, _ in self.members)}
        for (candidate, _), found, weight in zip(self.members, fitted, self.weights, strict=True):
            params[f"{candidate.name}.weight"] = weight
            params |= {f"{candidate.name}.{name}": value for name, value in found.params.items()}
        notes = [
            (candidate, found.note) for (candidate, _), found in zip(self.members, fitted, strict=True) if found.note
        ]
        note = ""
        for candidate, text in notes:
            one = said("{title}: {note}", title=candidate.title, note=text)
            note = said("{first}; {second}", first=note, second=one) if note else one
        return Fitted(encoder, predict, build, params={**params, "offset": self.offset}, note=note)


def stack(
    tried: Sequence[Tried],
    rows: Rows,
    payoff: PayoffValues,
    folds: Sequence[Fold],
    capacity: Capacity,
    options: TrainOptions,
) -> Tried | None:
    """A stack of the best learning candidates, at most four of different families, with its cross-validation.

    Args:
        tried: Candidates, cross-validated on *folds*. One whose validated rows are others than most candidates' is not
            looked at.
        rows: Training rows.
        payoff: Their cost matrix.
        folds: Positions among them.
        capacity: Of each moment, and which rows share one.
        options: ``stack`` says whether there is to be one.

    Returns:
        ``None`` where there is to be none, or fewer than two candidates have anything to add.
    """
    able = _comparable(tried)
    if not options.stack or len(able) < 2:
        return None
    seen = able[0].cv.rows
    Z = np.column_stack([limited_log_odds(one.cv.raw) for one in able])
    families = [FAMILIES.get(one.candidate.name, one.candidate.name) for one in able]
    labels = rows.labels[seen]
    fold_of = np.full(len(rows), -1)
    for number, fold in enumerate(folds):
        fold_of[fold.valid] = number
    groups = fold_of[seen]
    final = weigh(Z, labels, groups, families)
    if len(final.members) < 2:
        return None
    raw = np.full(len(rows), np.nan)
    for number in np.unique(groups):
        own = groups == number
        found = weigh(Z[~own], labels[~own], groups[~own], families)
        raw[seen[own]] = logistic(found.log_odds(Z[own]))
    members = [able[member] for member in final.members]
    candidate = Stack(tuple((one.candidate, one.given) for one in members), final.weights, final.offset)
    return Tried(
        candidate=candidate,
        cv=judged(raw, rows, payoff, folds, capacity, options.seed),
        fitted=candidate.combined([one.fitted for one in members]),
        seconds=sum(one.seconds for one in members),
    )


def limited_log_odds(p: np.ndarray) -> np.ndarray:
    """Log-odds as a stack reads them: within ±12."""
    return np.asarray(np.clip(log_odds(np.asarray(p, dtype=np.float64)), -LIMIT, LIMIT))


def _comparable(tried: Sequence[Tried]) -> list[Tried]:
    """Candidates that learn and tell rows apart, validated on the rows on which most of them were."""
    able = [one for one in tried if one.candidate.learns and one.cv.raw.min() < one.cv.raw.max()]
    by_rows: dict[bytes, list[Tried]] = {}
    for one in able:
        by_rows.setdefault(one.cv.rows.tobytes(), []).append(one)
    return max(by_rows.values(), key=len, default=[])


def weigh(Z: np.ndarray, labels: np.ndarray, groups: np.ndarray, families: Sequence[str]) -> Weights:
    """Picks members and their weights.

    Where the share of positives moves from fold to fold, weights are those within the folds, each with an offset of its
    own, as the slope of a calibration is; the offset is then that of all rows.

    Args:
        Z: Out-of-fold log-odds, shape (n, candidates).
        labels: 0 or 1, shape (n,).
        groups: Fold of each row, shape (n,).
        families: Of each candidate.
    """
    own = np.unique(groups, return_inverse=True)[1]
    losses = []
    for column in Z.T:
        slope, offsets = _fit(column[:, None], labels, own, pull=0.0)
        losses.append(log_loss(labels, logistic(column * slope[0] + offsets[own])))
    members: list[int] = []
    for candidate in np.argsort(losses, kind="stable").tolist():
        if families[candidate] not in {families[member] for member in members} and len(members) < MOST_MEMBERS:
            members.append(candidate)
    weights, _ = _fit(Z[:, members], labels, own, pull=PULL)
    while len(members) > 1 and weights.min() < LEAST_WEIGHT:
        members.pop(int(weights.argmin()))
        weights, _ = _fit(Z[:, members], labels, own, pull=PULL)
    rounded = np.round(np.maximum(weights, LEAST_WEIGHT), DECIMALS)
    found = Weights(tuple(members), tuple(rounded.tolist()), 0.0)
    _, offset = _fit(np.empty((len(Z), 0)), labels, np.zeros(len(Z), np.int64), pull=0.0, known=found.log_odds(Z))
    order = sorted(range(len(members)), key=lambda i: (-rounded[i], members[i]))
    return Weights(
        tuple(members[i] for i in order),
        tuple(float(rounded[i]) for i in order),
        float(np.round(offset[0], DECIMALS)),
    )


def _fit(
    Z: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, pull: float, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the columns and an offset for each group, by Newton's method on the penalised likelihood.

    Args:
        Z: Log-odds, shape (n, k).
        labels: 0 or 1.
        groups: 0 … groups − 1 of each row.
        pull: Strength of the pull towards ``1/k``.
        known: Log-odds that count as they are, shape (n,).
    """
    k, count = Z.shape[1], int(groups.max()) + 1
    columns = np.column_stack([Z, np.eye(count)[groups]])
    penalty = np.concatenate([np.full(k, pull), np.zeros(count)]) + 1e-6
    center = np.concatenate([np.full(k, 1.0 / max(k, 1)), np.zeros(count)])
    base = np.zeros(len(Z)) if known is None else known

    def goal(at: np.ndarray) -> float:
        z = columns @ at + base
        return float(np.logaddexp(0.0, np.where(labels == 1, -z, z)).sum() + (penalty * (at - center) ** 2).sum() / 2)

    found = center.copy()
    value = goal(found)
    for _ in range(ITERATIONS):
        p = logistic(columns @ found + base)
        slope = columns.T @ (p - labels) + penalty * (found - center)
        curvature = (columns * np.maximum(p * (1 - p), 1e-12)[:, None]).T @ columns + np.diag(penalty)
        step = np.linalg.solve(curvature, slope)
        size = 1.0
        while size > 1e-6 and goal(found - size * step) > value:
            size /= 2
        if size <= 1e-6:
            break
        found = found - size * step
        value = goal(found)
        if float(np.abs(step).max()) < 1e-9:
            break
    return found[:k], found[k:]

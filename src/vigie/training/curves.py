"""Learning and validation curves: what more rows, or another setting, would do to the winner.

A learning curve fits the same candidate on an eighth, a quarter, a half and all of the rows of a fold (a slow one begins
with the quarter), each part within the next, and measures log loss on the rows learned from and on the fold's own. A
validation curve does so along one hyper-parameter, all others as chosen. Trials of a search decide which one: the one
that explains most of their differences. They do not draw the curve, since from one trial to the next everything else
changed too.

Both are looked at with few folds and at most so many rows: they answer a question of direction, not of the third digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from vigie.training.candidates import Candidate, FitOptions, Rows
from vigie.training.candidates.space import OneOf, Whole
from vigie.training.evidence import Curve, Trial
from vigie.training.folds import Fold
from vigie.training.metrics import log_loss
from vigie.training.options import TrainOptions
from vigie.wording import Said, said

OVER_ROWS = "rows"
PARTS, SLOW_PARTS = (0.125, 0.25, 0.5, 1.0), (0.25, 0.5, 1.0)
FOLDS, SLOW_FOLDS = 3, 2
ROWS, SLOW_ROWS = 10_000, 3_000
"""Rows learned from at most, by a quick and by a slow candidate."""
VALID_ROWS = 10_000
FEWEST_RARE = 10
"""Rows of the rarer class that the smallest part must have."""
KEPT = 1e-3
"""Probabilities are kept so far from 0 and 1: one sure mistake of a model not yet calibrated must not decide a curve."""
HELPS = 0.01
"""Share of the log loss that the last doubling of the rows must save to say that more would help."""
LOST = 0.01
"""Share of the log loss that another value must save to say that the chosen one could be better."""
EASIER = 0.25
"""Share by which the log loss of training rows lies below that of new ones where they are called much easier."""
POINTS, SLOW_POINTS = 5, 4
ENOUGH_TRIALS = 10
MATTERING = (
    "num_leaves", "max_leaves", "max_depth", "depth", "max_leaf_nodes", "min_data_in_leaf", "min_samples_leaf", "interactions",
    "C", "hidden", "units", "learning_rate", "rounds", "lambda_l2", "l2",
)  # fmt: skip
"""What decides how flexible a candidate is, asked for in this order where no trials tell."""

Params = Mapping[str, object]


def learning_curve(
    candidate: Candidate, params: Params, rows: Rows, folds: Sequence[Fold], options: TrainOptions
) -> Curve | None:
    """Log loss over the number of rows learned from.

    Args:
        candidate: The winner.
        params: Its hyper-parameters; those that are not in its space are left out.
        rows: Training rows.
        folds: Positions among them; the last few are used.
        options: Seed and threads.

    Returns:
        The curve, or ``None`` for a candidate that learns nothing and where the rows are too few for three parts.
    """
    if not candidate.learns:
        return None
    used = _folds(candidate, rows, folds, options.seed)
    wanted = SLOW_PARTS if candidate.slow else PARTS
    parts = [share for share in wanted if all(_rare(rows, fold.train, share) >= FEWEST_RARE for fold in used)]
    if len(parts) < 3:
        return None
    fit = _fitter(candidate, params, options)
    train, valid = np.empty((len(used), len(parts))), np.empty((len(used), len(parts)))
    for i, fold in enumerate(used):
        for k, share in enumerate(parts):
            train[i, k], valid[i, k] = fit(rows, _share(fold, share), {})
    sizes = tuple(float(round(float(np.mean([share * len(fold.train) for fold in used])))) for share in parts)
    return _curve(OVER_ROWS, sizes, train, valid, _learning_words)


def validation_curve(
    candidate: Candidate,
    params: Params,
    rows: Rows,
    folds: Sequence[Fold],
    options: TrainOptions,
    trials: Sequence[Trial] = (),
) -> Curve | None:
    """Log loss over the hyper-parameter that matters most.

    Args:
        candidate: The winner.
        params: Its hyper-parameters; the curve goes through the value of the one that matters most.
        rows: Training rows.
        folds: Positions among them; the last few are used.
        options: Seed and threads.
        trials: Of the search; those of other candidates are left out.

    Returns:
        The curve, or ``None`` where there is no number to vary.
    """
    name = most_important(candidate, params, trials)
    if name is None:
        return None
    values = _along(candidate, name, params.get(name))
    used = _folds(candidate, rows, folds, options.seed)
    used = used[-1:] if candidate.slow else used
    if len(values) < 3 or any(_rare(rows, fold.train, 1.0) < FEWEST_RARE for fold in used):
        return None
    fit = _fitter(candidate, params, options)
    train, valid = np.empty((len(used), len(values))), np.empty((len(used), len(values)))
    for i, fold in enumerate(used):
        for k, value in enumerate(values):
            train[i, k], valid[i, k] = fit(rows, fold, {name: value})

    def words(points: Sequence[float], learned: np.ndarray, new: np.ndarray) -> Said:
        return _validation_words(name, params.get(name), points, learned, new)

    return _curve(name, tuple(float(value) for value in values), train, valid, words)


def most_important(candidate: Candidate, params: Params, trials: Sequence[Trial]) -> str | None:
    """The hyper-parameter whose value explains most of the log loss of *trials*; without enough of them, a likely one.

    Explained is the share of variance that a parabola in the value (in its logarithm, where it is searched so) takes
    away. Only numbers are looked at.
    """
    numeric = [name for name in candidate.space if len(_along(candidate, name, params.get(name))) >= 3]
    if not numeric:
        return None
    done = [t for t in trials if t.candidate == candidate.name and t.state == "done" and np.isfinite(t.log_loss)]
    if len(done) >= ENOUGH_TRIALS:
        loss = np.array([t.log_loss for t in done])
        # A few settings that fail altogether would decide everything: ranks instead of losses.
        ranks = np.argsort(np.argsort(loss, kind="stable"), kind="stable").astype(float)
        explained = {name: _explained(candidate, name, done, ranks) for name in numeric}
        best = max(numeric, key=lambda n: explained[n])
        if explained[best] > 0:
            return best
    return next((name for name in MATTERING if name in numeric), numeric[0])


def more_rows_help(curve: Curve) -> bool:
    """Whether a learning curve was still falling at its end: by a hundredth or more in its last step, and before."""
    valid = curve.valid
    return len(valid) >= 3 and bool(valid[-3] > valid[-2] and (valid[-2] - valid[-1]) >= HELPS * valid[-1])


def lost_by_choice(curve: Curve, chosen: object) -> float | None:
    """Share of the log loss that the best point of a validation curve saves against *chosen*; ``None``: hardly any."""
    if not isinstance(chosen, int | float) or isinstance(chosen, bool):
        return None
    at = int(np.argmin(np.abs(np.array(curve.points) - float(chosen))))
    best = int(np.argmin(curve.valid))
    lost = float(curve.valid[at] - curve.valid[best]) / float(curve.valid[best])
    # The difference has to exceed what the folds differ by, too.
    return lost if lost >= LOST and curve.valid[at] - curve.valid[best] > curve.spread[best] else None


# -- fits --------------------------------------------------------------------------------------------------------------


def _fitter(
    candidate: Candidate, params: Params, options: TrainOptions
) -> Callable[[Rows, Fold, Params], tuple[float, float]]:
    # In the cheaper way in which a search looks at it: fewer trees or bags show the same direction.
    kept = {**{name: value for name, value in params.items() if name in candidate.space}, **candidate.sketch}

    def fit(rows: Rows, fold: Fold, change: Params) -> tuple[float, float]:
        learn, new = rows.take(fold.train), rows.take(fold.valid)
        fitted = candidate.fit(learn, FitOptions(options.seed, options.threads, len(learn), {**kept, **change}))
        one, other = (log_loss(part.labels, np.clip(fitted.probability(part), KEPT, 1 - KEPT)) for part in (learn, new))
        return one, other

    return fit


def _folds(candidate: Candidate, rows: Rows, folds: Sequence[Fold], seed: int) -> list[Fold]:
    """The last few folds with at most so many rows, in an order in which any beginning is a fair sample."""
    count, limit = (SLOW_FOLDS, SLOW_ROWS) if candidate.slow else (FOLDS, ROWS)
    generator = np.random.default_rng(seed)
    found = []
    for fold in folds[-count:]:
        order = [_shuffled(fold.train[rows.labels[fold.train] == label], generator) for label in (0, 1)]
        # Both classes spread evenly over the order: each beginning has its share of either.
        place = np.concatenate([(np.arange(len(part)) + 0.5) / len(part) for part in order])
        train = np.concatenate(order)[np.argsort(place, kind="stable")][:limit]
        valid = fold.valid
        if len(valid) > VALID_ROWS:
            valid = np.sort(generator.choice(valid, VALID_ROWS, replace=False))
        found.append(Fold(train, valid))
    return found


def _shuffled(index: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return generator.permutation(index)


def _share(fold: Fold, share: float) -> Fold:
    return Fold(np.sort(fold.train[: round(share * len(fold.train))]), fold.valid)


def _rare(rows: Rows, train: np.ndarray, share: float) -> int:
    return int(np.bincount(rows.labels[train[: round(share * len(train))]], minlength=2).min())


def _curve(
    over: str,
    points: tuple[float, ...],
    train: np.ndarray,
    valid: np.ndarray,
    words: Callable[[Sequence[float], np.ndarray, np.ndarray], Said],
) -> Curve:
    learned, new = train.mean(axis=0), valid.mean(axis=0)
    spread = valid.std(axis=0, ddof=1) / np.sqrt(len(valid)) if len(valid) > 1 else np.zeros(len(points))
    return Curve(over, points, learned, new, spread, words(points, learned, new))


# -- the axis ------------------------------------------------------------------------------------------------------------


def _along(candidate: Candidate, name: str, chosen: object) -> list[float]:
    """Values of one hyper-parameter to look at, increasing, *chosen* among them; empty where it is no number."""
    space = candidate.space.get(name)
    if space is None:
        return []
    if isinstance(space, OneOf):
        numbers = [v for v in space.values if isinstance(v, int | float) and not isinstance(v, bool)]
        return sorted(numbers) if len(numbers) == len(space.values) else []
    points = SLOW_POINTS if candidate.slow else POINTS
    grid = np.geomspace(space.low, space.high, points) if space.log else np.linspace(space.low, space.high, points)
    if isinstance(chosen, int | float) and not isinstance(chosen, bool) and space.low <= chosen <= space.high:
        grid[int(np.argmin(np.abs(np.log(grid / chosen) if space.log else grid - chosen)))] = chosen
    if isinstance(space, Whole):
        return sorted({round(value) for value in grid.tolist()})
    return sorted(set(grid.tolist()))


def _explained(candidate: Candidate, name: str, trials: Sequence[Trial], ranks: np.ndarray) -> float:
    pairs = [(t.params.get(name), rank) for t, rank in zip(trials, ranks, strict=True)]
    known = [(float(v), r) for v, r in pairs if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(known) < ENOUGH_TRIALS:
        return 0.0
    x, y = (np.array(column) for column in zip(*known, strict=True))
    if getattr(candidate.space[name], "log", False):
        x = np.log(x)
    if len(np.unique(x)) < 3:
        return 0.0
    x = (x - x.mean()) / x.std()
    design = np.column_stack([np.ones_like(x), x, x * x])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    # Three figures are fitted: what they explain by chance is taken off.
    return float(1 - (left @ left / max(len(y) - 3, 1)) / (np.var(y) * len(y) / (len(y) - 1)))


# -- words ---------------------------------------------------------------------------------------------------------------


def _learning_words(points: Sequence[float], train: np.ndarray, valid: np.ndarray) -> Said:
    curve = Curve(OVER_ROWS, tuple(points), train, valid, np.zeros(len(points)), "")
    figures = {
        "rows": int(points[-1]),
        "half": int(points[-2]),
        "before": float(valid[-2]),
        "after": float(valid[-1]),
        "train": float(train[-1]),
    }
    if more_rows_help(curve):
        return said(
            "More rows would help: with {rows:,} instead of {half:,} rows the log loss on new rows fell from {before:.4f} to "
            "{after:.4f}, and it was still falling ({train:.4f} on the rows learned from)",
            **figures,
        )
    if train[-1] < (1 - EASIER) * valid[-1]:
        return said(
            "More rows would hardly help: with {rows:,} instead of {half:,} rows the log loss on new rows went from {before:.4f} to "
            "{after:.4f}. The rows learned from are much easier for it ({train:.4f}): it learns by heart what does not carry over",
            **figures,
        )
    return said(
        "More rows would hardly help: with {rows:,} instead of {half:,} rows the log loss on new rows went from {before:.4f} to "
        "{after:.4f}, near that of the rows learned from ({train:.4f}); better features would",
        **figures,
    )


def _validation_words(name: str, chosen: object, points: Sequence[float], train: np.ndarray, valid: np.ndarray) -> Said:
    best = int(np.argmin(valid))
    figures = {"name": name, "best": points[best], "least": float(valid[best])}
    if not isinstance(chosen, int | float) or isinstance(chosen, bool):
        return said("Along “{name}” the log loss on new rows is least, {least:.4f}, at {best:.4g}", **figures)
    at = int(np.argmin(np.abs(np.array(points) - float(chosen))))
    figures |= {"chosen": float(chosen), "loss": float(valid[at])}
    if valid[at] - valid[best] < LOST * valid[best]:
        return said(
            "“{name}” = {chosen:.4g} is well chosen: no other value looked at makes the log loss on new rows ({loss:.4f}) better by "
            "a hundredth",
            **figures,
        )
    if train[at] < train[best]:
        return said(
            "Over-fitted at “{name}” = {chosen:.4g}: with {best:.4g} the log loss on new rows is {least:.4f} instead of {loss:.4f}",
            **figures,
        )
    return said(
        "Under-fitted at “{name}” = {chosen:.4g}: with {best:.4g} the log loss on new rows is {least:.4f} instead of {loss:.4f}",
        **figures,
    )

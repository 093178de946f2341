"""Which set of parameters comes next, by Optuna's samplers, and whether a set has fallen behind, by its pruner.

Each question is asked of a study of its own in memory, filled with exactly the looks that the answer may depend on, and
with a seed of its own. So the answer is a function of those looks: the same in one process or in many, and after an
interruption.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.training.candidates.space import OneOf, Range, Real, Space, Whole
from vigie.training.search.records import Look

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

STARTUP = 5
"""Sets drawn at random before the others are asked about."""
MARGIN = 0.15
"""Of a range's width, that the search near the best sets may go beyond them."""
GRID_POINTS = (5, 4, 3, 2)
"""Points of a range in a grid: as many as make a product that the number of trials covers, else two."""
PRUNE_AFTER = 4
"""Sets of a candidate that run through before any of it can fall behind."""
KEPT_SHARE = 75.0
"""Percentage of the sets so far that a set must be among after each fold, or it is given up (docs/decisions/0013)."""


def quiet() -> None:
    """Keeps Optuna from writing a line a trial, and from calling what it has experimental."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def distribution(within: Range) -> BaseDistribution:
    """A range as Optuna writes it."""
    from optuna import distributions

    match within:
        case Real(low, high, log):
            return distributions.FloatDistribution(low, high, log=log)
        case Whole(low, high, log):
            return distributions.IntDistribution(low, high, log=log)
        case OneOf(values):
            return distributions.CategoricalDistribution(values)


def ask(
    method: str, space: Space, history: Sequence[Look], *, seed: int, number: int, maximise: bool
) -> dict[str, object]:
    """The next set.

    Args:
        method: ``"bayesian"`` or ``"random"``.
        space: Where to look.
        history: Looks of the same candidate, in the order of their slots, that the answer may depend on.
        seed: Of the search.
        number: Of the slot.
        maximise: Whether more of the objective is better.
    """
    from optuna.samplers import RandomSampler, TPESampler

    own = int(np.random.SeedSequence([abs(seed), number]).generate_state(1)[0])
    sampler: BaseSampler
    if method == "random":
        sampler = RandomSampler(seed=own)
    else:
        sampler = TPESampler(seed=own, n_startup_trials=STARTUP, constant_liar=False)
    study = _study(space, history, sampler=sampler, sign=-1.0 if maximise else 1.0)
    return dict(study.ask({name: distribution(one) for name, one in space.items()}).params)


def grid(space: Space, trials: int, seed: int) -> list[dict[str, object]]:
    """At most *trials* points of a grid over *space*, spread at random over it, without repetition."""
    points = [_points(within, GRID_POINTS[-1]) for within in space.values()]
    for count in GRID_POINTS:
        finer = [_points(within, count) for within in space.values()]
        if math.prod(map(len, finer)) <= trials:
            points = finer
            break
    size = math.prod(map(len, points))
    generator = np.random.default_rng(seed)
    chosen: dict[int, None] = {}
    if size <= 4 * trials:
        chosen = dict.fromkeys(generator.permutation(size)[:trials].tolist())
    while len(chosen) < min(trials, size):
        chosen.setdefault(int(generator.integers(size)))
    sets = []
    for place in chosen:
        left, one = place, {}
        for name, values in zip(space, points, strict=True):
            left, at = divmod(left, len(values))
            one[name] = values[at]
        sets.append(one)
    return sets


def _points(within: Range, count: int) -> list[object]:
    if isinstance(within, OneOf):
        return list(within.values)
    # The middles of equal parts: ends of a range are seldom best, and two points should not both be extreme.
    shares = (np.arange(count) + 0.5) / count
    if within.log:
        line = np.exp(math.log(within.low) + shares * (math.log(within.high) - math.log(within.low)))
    else:
        line = within.low + shares * (within.high - within.low)
    if isinstance(within, Whole):
        return list(dict.fromkeys(round(x) for x in line.tolist()))
    return list(line.tolist())


def narrowed(space: Space, best: Sequence[Mapping[str, Any]]) -> Space:
    """The space around the sets *best*: their extent and a margin on both sides, within the whole space."""
    made: dict[str, Range] = {}
    for name, within in space.items():
        values = [params[name] for params in best if name in params]
        if not values:
            made[name] = within
        elif isinstance(within, OneOf):
            made[name] = OneOf(tuple(value for value in within.values if value in values))
        else:
            scale, back = (math.log, math.exp) if within.log else (float, float)
            margin = MARGIN * (scale(within.high) - scale(within.low))
            low, high = back(scale(min(values)) - margin), back(scale(max(values)) + margin)
            if isinstance(within, Whole):
                made[name] = Whole(max(within.low, math.floor(low)), min(within.high, math.ceil(high)), within.log)
            else:
                made[name] = Real(max(within.low, low), min(within.high, high), within.log)
    return made


def behind(steps: Sequence[float], history: Sequence[Look]) -> bool:
    """Whether a set with such *steps* so far, lower is better, has fallen behind those of *history*."""
    from optuna.samplers import RandomSampler

    study = _study({}, history, sampler=RandomSampler(seed=0), pruner=pruner())
    trial = study.ask()
    for step, value in enumerate(steps):
        trial.report(value, step)
    return trial.should_prune()


def pruner() -> BasePruner:
    """The one in use."""
    from optuna.pruners import PercentilePruner

    return PercentilePruner(KEPT_SHARE, n_startup_trials=PRUNE_AFTER, n_warmup_steps=0)


def _study(
    space: Space,
    history: Sequence[Look],
    sampler: BaseSampler,
    pruner: BasePruner | None = None,
    sign: float = 1.0,
) -> Study:
    """A study in memory that holds *history* as far as it lies in *space*; its objective, times *sign*, is minimised."""
    import optuna

    study = optuna.create_study(sampler=sampler, pruner=pruner or optuna.pruners.NopPruner())
    within = {name: distribution(one) for name, one in space.items()}
    for look in history:
        outcome, point = look.outcome, {**look.outcome.point, **look.params}
        if outcome.state == "failed" or not all(name in point and contains(space[name], point[name]) for name in space):
            continue
        done = outcome.state == "done"
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.COMPLETE if done else optuna.trial.TrialState.PRUNED,
                value=sign * outcome.objective if done else None,
                params={name: point[name] for name in space},
                distributions=dict(within),
                intermediate_values=dict(enumerate(outcome.steps)),
            )
        )
    return study


def contains(within: Range, value: Any) -> bool:
    """Whether *value* lies in *within*."""
    if isinstance(within, OneOf):
        return any(value == one and type(value) is type(one) for one in within.values)
    whole = isinstance(value, int) and not isinstance(value, bool)
    kind = whole if isinstance(within, Whole) else whole or isinstance(value, float)
    return kind and within.low <= value <= within.high

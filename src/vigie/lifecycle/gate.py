"""Champion and challenger on the same rows, and what the gate makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import BundleError, InputError, SettingsError

if TYPE_CHECKING:
    from vigie.bundle import Bundle, Scorer
    from vigie.definition import Score
    from vigie.economics import PayoffValues
    from vigie.features.values import Columns
    from vigie.release import Apart
    from vigie.training import TrainingResult
    from vigie.training.capacity import Capacity
    from vigie.training.gate import GateOptions, GateVerdict, Side

MOST_SLICES = 40
"""Levels of one column that are looked at, the largest first."""
_WHERE = "[retrain]"


@dataclass(frozen=True, eq=False, slots=True)
class GateRows:
    """The test rows of a training, *n* of them.

    Attributes:
        columns: Inputs and all that payoff and slices read.
        payoff: Cost matrix of each row.
        labels: Outcomes, 0 or 1, shape (n,).
        moments: Of each row, µs, shape (n,).
        customers: Key of each row's customer, shape (n,).
        capacity: Of their moments, as far as these rows may use it.
    """

    columns: Columns
    payoff: PayoffValues
    labels: np.ndarray
    moments: np.ndarray
    customers: np.ndarray
    capacity: Capacity

    @property
    def window(self) -> tuple[int, int]:
        """First and last moment, µs."""
        return (int(self.moments.min()), int(self.moments.max())) if len(self.moments) else (0, 0)


@dataclass(frozen=True, eq=False, slots=True)
class Sides:
    """Both models on rows that neither learned from.

    Attributes:
        challenger: What the new one says and does.
        champion: The same of the one in use.
        rows: Positions among the test rows of the training.
        customers: Key of each row's customer, shape (n,).
        labels: Outcomes, 0 or 1, shape (n,).
        slices: By name, masks of shape (n,).
        seen: Whether the champion may have learned from some of the rows, to its own advantage.
        apart: How differently they score and would decide about requests; ``None``: there are no rows.
    """

    challenger: Side
    champion: Side
    rows: np.ndarray
    customers: np.ndarray
    labels: np.ndarray
    slices: Mapping[str, np.ndarray]
    seen: bool
    apart: Apart | None = None


def gate_options(said: Mapping[str, object]) -> GateOptions:
    """How strict ``[retrain]`` wants the gate.

    Raises:
        SettingsError: ``margin`` or ``alpha`` is no share.
    """
    from vigie.training.gate import GateOptions

    found = {}
    for key, greatest in (("margin", 1.0), ("alpha", 0.5)):
        number = said.get(key, getattr(GateOptions(), key))
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= greatest:
            raise SettingsError(
                f"{key} = {number!r} is not from 0 to {greatest:g}", where=_WHERE, remedy="give a share, as 0.05"
            )
        if key == "alpha" and number == 0:
            raise SettingsError("alpha = 0 lets nothing pass", where=_WHERE, remedy="give a share, as 0.05")
        found[key] = float(number)
    return GateOptions(alpha=found["alpha"], margin=found["margin"])


def sides(result: TrainingResult, champion: Path | Bundle) -> Sides:
    """The winner of *result* and the model in use, on those test rows of *result* that the latter did not learn from.

    Where the champion was trained without time its training rows are not known: it may have seen some, which is to its
    advantage, so that what passes is safe.

    Args:
        result: Of the new training.
        champion: Bundle in use, or its folder.

    Raises:
        InputError: The champion reads other inputs and cannot be compared.
        BundleError: It cannot be read.
    """
    from vigie.bundle import Scorer, load_bundle
    from vigie.training.capacity import Capacity

    data, test = result.training_set, result.test_index
    rows = GateRows(
        columns={name: values.take(test) for name, values in {**data.extras, **data.features}.items()},
        payoff=result.test_payoff,
        labels=result.test_labels,
        moments=result.test_moments,
        customers=data.customers[test].astype(str),
        capacity=Capacity.of(_limit(data.score), data.moments).take(test),
    )
    scorer = Scorer(load_bundle(champion) if isinstance(champion, Path) else champion)
    return beside(Scorer(result.bundle), scorer, data.score, rows)


def beside(challenger: Scorer, champion: Scorer, score: Score, tested: GateRows) -> Sides:
    """Both models on those test rows of the challenger's training that the champion did not learn from.

    An outcome runs on for a horizon: a row that begins before the last outcome was over which the champion learned from has a
    part of it, of the same customer. So judging begins where that outcome ended, as the test of a training does.

    Args:
        challenger: The new one.
        champion: The one in use.
        score: Bound.
        tested: Test rows of the challenger's training.

    Raises:
        InputError: The champion reads other inputs and cannot be compared.
    """
    from vigie.release import apart_of
    from vigie.training.gate import Side
    from vigie.training.metrics import realised

    split = champion.bundle.lineage.get("split", {})
    until = split.get("train_until")
    new = split.get("kind") == "out_of_time" and until is not None and score.has_time
    n = len(tested.labels)
    horizon = score.horizon.microseconds if score.horizon is not None else 0
    # Without a horizon a row of the last moment itself was learned from.
    later = tested.moments >= int(until or 0) + max(horizon, 1)
    rows = np.flatnonzero(later) if new else np.arange(n)

    # A request cannot be compared with the others of its moment: it is acted on by a cut of its own.
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def side(of: Scorer) -> Side:
        probability = of.probability(tested.columns, n)
        gain = np.broadcast_to(tested.payoff.gain(probability), n)
        act = tested.capacity.act(gain, of.bundle.decision.min_gain, np.arange(n))
        asked.append((probability[rows], gain[rows] >= of.bundle.decision.request_cut))
        return Side(realised(tested.payoff, act, tested.labels)[rows], probability[rows], act[rows])

    before, after = side(champion), side(challenger)
    customers = tested.customers[rows]
    columns = {name: values.take(rows) for name, values in tested.columns.items()}
    return Sides(
        challenger=after,
        champion=before,
        rows=rows,
        customers=customers,
        labels=tested.labels[rows],
        slices=_slices(score, columns, len(rows), champion.bundle, before),
        seen=not new,
        apart=apart_of(asked[0], asked[1], np.unique(customers, return_inverse=True)[1]),
    )


def _limit(score: Score) -> int | None:
    from vigie.definition import At

    return None if isinstance(score.moments, At) else score.decision.capacity


def _slices(score: Score, columns: Columns, n: int, champion: Bundle, before: Side) -> dict[str, np.ndarray]:
    """The champion's risk segments, the declared segments, and the groups that the policy of fairness names."""
    from vigie.bundle import by_input
    from vigie.bundle.segment import SEGMENT_NAMES, segments_of
    from vigie.features.rowwise import evaluate

    assert before.probability is not None
    risk = segments_of(before.probability, champion.segments)
    found = {f"risk {name}": risk == i for i, name in enumerate(SEGMENT_NAMES)}
    groups = {}
    if score.by is not None:
        groups[by_input(score)] = columns[by_input(score)]
    for group in score.fairness.groups if score.fairness is not None else ():
        groups[group.name] = evaluate(group, columns, n)
    for name, values in groups.items():
        levels = np.array(["" if one is None else str(one) for one in values.to_list()], dtype=object).astype(str)
        known, count = np.unique(levels, return_counts=True)
        for one in known[np.argsort(-count, kind="stable")][:MOST_SLICES]:
            found[f"{name} {one or 'missing'}"] = levels == one
    return found


def judged(both: Sides, payoff: PayoffValues, *, tries: int, options: GateOptions | None, currency: str) -> GateVerdict:
    """What the gate makes of both.

    Args:
        both: See :func:`beside`.
        payoff: Of all test rows.
        tries: Challengers judged on these data, this one included.
        options: How strict.
        currency: Of values.
    """
    from vigie.training.gate import judge

    found = judge(
        both.challenger, both.champion, both.labels, both.customers, slices=both.slices, tries=tries, options=options,
        currency=currency, payoff=payoff.take(both.rows),
    )  # fmt: skip
    return replace(found, apart=both.apart.to_data()) if both.apart is not None else found


def gate(
    result: TrainingResult,
    champion: Path | Bundle | None,
    *,
    tries: int = 1,
    options: GateOptions | None = None,
) -> GateVerdict:
    """Whether the winner of *result* may go to customers.

    With a champion, both decide about the rows that neither learned from. Without one, the winner must bring more than the
    best fixed way to decide: nobody, everybody, or the declared rule, whichever brought most on the training rows.

    What was judged is what is released: the winner is not fitted again on the rows that judged it.

    Args:
        result: Of the new training.
        champion: Bundle in use, or its folder; ``None``: there is none.
        tries: Challengers judged on these data, this one included.
        options: How strict.
    """
    from vigie.training.gate import GateCheck, GateVerdict

    decision, nan = result.training_set.score.decision, float("nan")

    def refused(words: str, against: str = "champion") -> GateVerdict:
        rows = len(result.test_index)
        return GateVerdict(False, (GateCheck("rows", False, nan, nan, nan, nan, words),), rows, 0, tries, nan, against)

    left_out = result.training_set.untouched
    if left_out is not None and not left_out.covered:
        return refused(
            f"{left_out.acted:,} rows were acted on and nobody was held out: what the challenger would have brought on them cannot "
            "be seen; set [rollout] holdout = 0.05, or release it by hand"
        )
    if champion is None:
        return _first(result, tries, options)
    try:
        both = sides(result, champion)
    except InputError as error:
        return refused(
            f"the champion reads other inputs and cannot be compared ({error.what}: {error.field}); release this one by hand"
        )
    except BundleError as error:
        return refused(f"the champion cannot be read: {error.what}")
    return judged(both, result.test_payoff, tries=tries, options=options, currency=decision.currency)


def _first(result: TrainingResult, tries: int, options: GateOptions | None) -> GateVerdict:
    from vigie.bundle.payoff_values import payoff_values
    from vigie.features.rowwise import evaluate
    from vigie.training.capacity import Capacity
    from vigie.training.gate import Side, judge
    from vigie.training.metrics import realised
    from vigie.training.strategies import acts_by_strategy
    from vigie.training.value import fixed_rival

    data = result.training_set
    score, leaves = data.score, {**data.extras, **data.features}
    capacity = Capacity.of(_limit(score), data.moments)
    n = len(data.labels)
    rule = evaluate(score.rule, leaves, n).data.astype(np.float64) if score.rule is not None else None
    train, test = result.train_index, result.test_index
    payoff = payoff_values(score.decision.payoff(), leaves, n)
    seed = result.options.seed
    rival = fixed_rival(
        payoff.take(train), data.labels[train], capacity.take(train), rule=rule[train] if rule is not None else None, seed=seed
    )  # fmt: skip
    best, tested = result.best, capacity.take(test)
    gain = np.broadcast_to(result.test_payoff.gain(best.probability_test), len(test))
    act = tested.act(gain, best.min_gain, np.arange(len(test)))
    acts = acts_by_strategy(best.probability_test, act, tested, rule[test] if rule is not None else None, seed)
    money = {name: realised(result.test_payoff, acts[name], result.test_labels) for name in ("vigie", rival)}
    return judge(
        Side(money["vigie"], best.probability_test), Side(money[rival]), result.test_labels,
        data.customers[test].astype(str), tries=tries, options=options,
        against={"rule": "rule", "nobody": "way to act on nobody", "everybody": "way to act on everybody"}[rival],
        currency=score.decision.currency,
    )  # fmt: skip

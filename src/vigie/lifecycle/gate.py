"""Champion and challenger on the same rows, and what the gate makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import BundleError, InputError, SettingsError

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.release import Apart
    from vigie.training import TrainingResult
    from vigie.training.gate import GateOptions, GateVerdict, Side

MOST_SLICES = 40
"""Levels of one column that are looked at, the largest first."""
_WHERE = "[retrain]"


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
    from vigie.definition import At
    from vigie.release import apart_of
    from vigie.training.capacity import Capacity
    from vigie.training.gate import Side
    from vigie.training.metrics import realised

    data, test = result.training_set, result.test_index
    scorer = Scorer(load_bundle(champion) if isinstance(champion, Path) else champion)
    until = scorer.bundle.lineage.get("split", {}).get("train_until")
    in_time = scorer.bundle.lineage.get("split", {}).get("kind") == "out_of_time"
    new = in_time and until is not None and data.score.has_time
    rows = np.flatnonzero(result.test_moments > int(until)) if new else np.arange(len(test))
    columns = {name: values.take(test) for name, values in {**data.extras, **data.features}.items()}
    decision = data.score.decision
    limit = None if isinstance(data.score.moments, At) else decision.capacity
    capacity = Capacity.of(limit, data.moments).take(test)

    # A request cannot be compared with the others of its moment: it is acted on by a cut of its own.
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def side(of: Scorer) -> Side:
        probability = of.probability(columns, len(test))
        gain = np.broadcast_to(result.test_payoff.gain(probability), len(test))
        act = capacity.act(gain, of.bundle.decision.min_gain, np.arange(len(test)))
        asked.append((probability[rows], gain[rows] >= of.bundle.decision.request_cut))
        return Side(realised(result.test_payoff, act, result.test_labels)[rows], probability[rows], act[rows])

    before, after = side(scorer), side(Scorer(result.bundle))
    customers = data.customers[test][rows].astype(str)
    return Sides(
        challenger=after,
        champion=before,
        rows=rows,
        customers=customers,
        labels=result.test_labels[rows],
        slices=_slices(result, rows, scorer.bundle, before),
        seen=not new,
        apart=apart_of(asked[0], asked[1], np.unique(customers, return_inverse=True)[1]),
    )


def _slices(result: TrainingResult, rows: np.ndarray, champion: Bundle, before: Side) -> dict[str, np.ndarray]:
    """The champion's risk segments, the declared segments, and the groups that the policy of fairness names."""
    from vigie.bundle import by_input
    from vigie.bundle.segment import SEGMENT_NAMES, segments_of
    from vigie.features.rowwise import evaluate

    data = result.training_set
    columns = {
        name: values.take(result.test_index).take(rows) for name, values in {**data.extras, **data.features}.items()
    }
    assert before.probability is not None
    risk = segments_of(before.probability, champion.segments)
    found = {f"risk {name}": risk == i for i, name in enumerate(SEGMENT_NAMES)}
    groups = {}
    if data.score.by is not None:
        groups[by_input(data.score)] = columns[by_input(data.score)]
    for group in data.score.fairness.groups if data.score.fairness is not None else ():
        groups[group.name] = evaluate(group, columns, len(rows))
    for name, values in groups.items():
        levels = np.array(["" if one is None else str(one) for one in values.to_list()], dtype=object).astype(str)
        known, count = np.unique(levels, return_counts=True)
        for one in known[np.argsort(-count, kind="stable")][:MOST_SLICES]:
            found[f"{name} {one or 'missing'}"] = levels == one
    return found


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
    from vigie.training.gate import GateCheck, GateVerdict, judge

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
    found = judge(
        both.challenger, both.champion, both.labels, both.customers, slices=both.slices, tries=tries, options=options,
        currency=decision.currency, payoff=result.test_payoff.take(both.rows),
    )  # fmt: skip
    return replace(found, apart=both.apart.to_data()) if both.apart is not None else found


def _first(result: TrainingResult, tries: int, options: GateOptions | None) -> GateVerdict:
    from vigie.bundle.payoff_values import payoff_values
    from vigie.definition import At
    from vigie.features.rowwise import evaluate
    from vigie.training.capacity import Capacity
    from vigie.training.gate import Side, judge
    from vigie.training.metrics import realised
    from vigie.training.strategies import acts_by_strategy
    from vigie.training.value import fixed_rival

    data = result.training_set
    score, leaves = data.score, {**data.extras, **data.features}
    limit = None if isinstance(score.moments, At) else score.decision.capacity
    capacity = Capacity.of(limit, data.moments)
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

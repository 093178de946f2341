"""Whether a new model may take the place of the one in use: both decide about the newest rows, and money is compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import BundleError, InputError
from vigie.wording import said

if TYPE_CHECKING:
    from vigie.training import TrainingResult


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison says.

    Attributes:
        replace: Whether the new model may become champion.
        words: Why, in a sentence.
    """

    replace: bool
    words: str


def not_worse(result: TrainingResult, champion: Path) -> Verdict:
    """Whether the winner of *result* is no worse than the model in use, on the test rows of *result*.

    Worse is: less money for one customer by more than one standard error, clustered by customer. Where the split is not in
    time, the champion may have learned from some of these rows; that is to its advantage, so what passes is safe.

    Args:
        result: Of the new training.
        champion: Folder of the bundle in use.
    """
    from vigie.bundle import Scorer, load_bundle
    from vigie.definition import At
    from vigie.training.capacity import Capacity
    from vigie.training.metrics import realised
    from vigie.training.segment_guard import difference

    data, test = result.training_set, result.test_index
    try:
        scorer = Scorer(load_bundle(champion))
        columns = {name: values.take(test) for name, values in {**data.extras, **data.features}.items()}
        before = scorer.probability(columns, len(test))
    except InputError:
        return Verdict(True, said("it replaces a champion that reads other inputs and cannot be compared"))
    except BundleError as error:
        return Verdict(True, said("it replaces a champion that cannot be read: {what}", what=error.what))
    decision = data.score.decision
    limit = None if isinstance(data.score.moments, At) else decision.capacity
    capacity = Capacity.of(limit, data.moments).take(test)

    def money(probability: np.ndarray, min_gain: float) -> np.ndarray:
        gain = np.broadcast_to(result.test_payoff.gain(probability), len(test))
        return realised(result.test_payoff, capacity.act(gain, min_gain, np.arange(len(test))), result.test_labels)

    new = money(Scorer(result.bundle).probability(columns, len(test)), result.bundle.decision.min_gain)
    old = money(before, scorer.bundle.decision.min_gain)
    _, customers = np.unique(data.customers[test].astype(str), return_inverse=True)
    found = difference(new, old, customers)
    template = (
        "on {rows:,} test rows it brings {value:+,.2f} {currency} for one customer beside the champion"
        if found.z >= -1
        else "the champion stays: on {rows:,} test rows the new model brings {value:+,.2f} {currency} for one customer "
        "beside it, less by more than one standard error"
    )
    return Verdict(found.z >= -1, said(template, rows=len(test), value=found.mean, currency=decision.currency))

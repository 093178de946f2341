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
    """Whether the winner of *result* is no worse than the model in use, on test rows that neither learned from.

    Worse is: less money for one customer by more than one standard error, clustered by customer. It is a quick look for many
    scores at once; :func:`vigie.lifecycle.gate.gate` is the strict one, on the same rows.

    Args:
        result: Of the new training.
        champion: Folder of the bundle in use.
    """
    from vigie.lifecycle.gate import sides
    from vigie.training.segment_guard import difference

    try:
        both = sides(result, champion)
    except InputError:
        return Verdict(True, said("it replaces a champion that reads other inputs and cannot be compared"))
    except BundleError as error:
        return Verdict(True, said("it replaces a champion that cannot be read: {what}", what=error.what))
    if not len(both.rows):
        return Verdict(False, said("the champion stays: it learned from every row of the test"))
    currency = result.training_set.score.decision.currency
    _, customers = np.unique(both.customers, return_inverse=True)
    found = difference(both.challenger.money, both.champion.money, customers)
    template = (
        "on {rows:,} test rows it brings {value:+,.2f} {currency} for one customer beside the champion"
        if found.z >= -1
        else "the champion stays: on {rows:,} test rows the new model brings {value:+,.2f} {currency} for one customer "
        "beside it, less by more than one standard error"
    )
    return Verdict(found.z >= -1, said(template, rows=len(both.rows), value=found.mean, currency=currency))

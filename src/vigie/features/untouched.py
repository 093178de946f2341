"""Rows whose outcome nobody has changed: yesterday's campaign must not teach today's model that high risk stays.

The cost matrix of a campaign asks what becomes of a customer who is left alone. A customer who was contacted shows
something else: the better the campaign works, the more of the customers at risk stay, and whoever learns from them
learns that high risk stays. So a row is left out where its customer was acted on while its outcome was open. Those who are
left are not like everybody: the model itself chose whom to leave. The hold-out sets that right. Its customers are
drawn by chance and never acted on, so each one whom the model *would* have acted on stands for ``1 / holdout``
customers who were (inverse propensity; Horvitz & Thompson 1952, Hernán & Robins 2006).

The weight is put as copies: a row with the weight 20 is there 20 times. So every part of training weighs alike (learners,
calibration, threshold, capacity, metrics), and a moment has about as many rows as it has customers. Copies are of one
customer and one moment: folds and splits keep them together, and intervals, which resample customers, know that they say no
more than one does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vigie.features.values import Array

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

T = TypeVar("T", bound="TrainingSet")

MOST = 50.0
"""A row is there at most so often, whatever the hold-out: above, one customer would decide everything."""
LEARNED = 5
"""A row is learned from at most so often: twenty copies of one customer are a leaf of their own to a tree, and pure noise."""


@dataclass(frozen=True, eq=False, slots=True)
class Assignments:
    """What was decided about customers, and how it was drawn; *m* decisions in any order.

    Attributes:
        customers: Keys as text, object array of shape (m,).
        moments: That the decisions are about, int64 µs, shape (m,).
        acted: Whether the customer was acted on, booleans of shape (m,).
        held: Whether the customer belongs to the hold-out, shape (m,).
        would: Whether the model would have acted, had the customer not been held out, shape (m,).
        share: Share of the customers that was held out then, 0 … below 1, shape (m,).
        challenger: Whether the customer was drawn for the challenger of a rollout, shape (m,).
        stays: Probability, above 0 up to 1, with which a customer who is not held out was *not* drawn for the challenger,
            shape (m,).
        rollout: Number of the rollout, -1 for none, shape (m,).
    """

    customers: Array
    moments: Array
    acted: Array
    held: Array
    would: Array
    share: Array
    challenger: Array
    stays: Array
    rollout: Array

    def __len__(self) -> int:
        return len(self.moments)

    def take(self, index: Array) -> Assignments:
        """Those at *index*."""
        return Assignments(*(getattr(self, name)[index] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Untouched:
    """What was left out of the rows, and what stands for it.

    Attributes:
        rows: Rows before.
        acted: Rows left out because the customer was acted on while the outcome was open.
        challenger: Rows left out because the customer was drawn for a challenger, whose decisions are others'.
        standing: Rows of customers held out whom the model would have acted on: each stands for several.
        copies: Rows that these are now.
    """

    rows: int
    acted: int
    challenger: int
    standing: int
    copies: int

    @property
    def covered(self) -> bool:
        """Whether somebody stands for those who were acted on."""
        return not self.acted or self.standing > 0


def weights(customers: Array, moments: Array, assignments: Assignments, *, horizon: int) -> tuple[Array, Array, Array]:
    """How many customers each row stands for.

    A decision concerns a row where it was made less than *horizon* before or after the row's moment: its effect, which is
    thought to last as long as the outcome takes, then overlaps the time in which the outcome is looked at.

    A row whose customer was acted on, or drawn for a challenger, in such a decision has the weight 0. The others were left by
    the champion, or held out. Let *h* be the share held out and *s* the challenger's share in a rollout. Where the champion
    would have acted, only the hold-out shows the outcome: the weight is ``1/h``. Where it would not, hold-out and champion's
    arm do: ``1/(h + (1 − h)·∏(1 − s))``, over the rollouts that concern the row. Hold-out and rollouts are drawn
    independently of each other and of the customer, so that weighted rows are, in expectation, all rows.

    Args:
        customers: Key of each row, object array of shape (n,).
        moments: µs, shape (n,).
        assignments: Decisions that are known.
        horizon: µs until an outcome is known; 0: only decisions at the row's very moment concern it.

    Returns:
        Weights of shape (n,), and two masks of shape (n,): acted on, and drawn for a challenger without being acted on.
    """
    n = len(moments)
    nothing = np.ones(n), np.zeros(n, bool), np.zeros(n, bool)
    if not n or not len(assignments):
        return nothing
    known, code = np.unique(customers.astype(str), return_inverse=True)
    theirs = assignments.customers.astype(str)
    place = np.minimum(np.searchsorted(known, theirs), len(known) - 1)
    there = known[place] == theirs
    if not there.any():
        return nothing
    about, place = assignments.take(np.flatnonzero(there)), place[there]
    order = np.lexsort((about.moments, place))
    about, place = about.take(order), place[order]
    reach = max(horizon, 1)
    # One number for customer and moment: moments are replaced by their rank among all that are looked up.
    ranks = np.unique(np.concatenate([about.moments, moments - reach + 1, moments + reach]))
    width = len(ranks)

    def number(who: Array, when: Array) -> Array:
        return np.asarray(who.astype(np.int64) * width + np.searchsorted(ranks, when))

    key = number(place, about.moments)
    low = np.searchsorted(key, number(code, moments - reach + 1), side="left")
    high = np.searchsorted(key, number(code, moments + reach), side="left")

    def some(flag: Array) -> Array:
        count = np.concatenate([[0], np.cumsum(flag)])
        return np.asarray(count[high] > count[low])

    acted = some(about.acted)
    drawn = some(about.challenger) & ~acted
    would = about.would & about.held
    stays = np.ones(n)
    for rollout in np.unique(about.rollout[about.rollout >= 0]):
        own = about.rollout == rollout
        # Of customers held out the draw of the rollout is not on record: the furthest that it went is taken.
        furthest = float(assignments.stays[assignments.rollout == rollout].min())
        stays *= _least(np.where(own, np.where(about.held, furthest, about.stays), 1.0), low, high)
    held = _least(about.share, low, high)
    left = held + (1.0 - held) * stays
    chance = np.where(some(would), _least(np.where(would, about.share, 1.0), low, high), left)
    weight = np.where(acted | drawn, 0.0, np.minimum(1.0 / np.maximum(chance, 1e-12), MOST))
    return weight, acted, drawn


def _least(values: Array, low: Array, high: Array) -> Array:
    """Smallest of ``values[low:high]`` for each pair; 1 where there is none."""
    found = np.ones(len(low))
    some = np.flatnonzero(high > low)
    if len(some):
        ends = np.column_stack([low[some], high[some]]).ravel()
        found[some] = np.minimum.reduceat(np.append(values, 1.0), ends)[::2]
    return found


def copies_of(weight: Array, customers: Array, moments: Array) -> Array:
    """A whole number of copies for each row, whose expectation is its weight: int64, shape (n,).

    What a weight has behind the point is drawn by a hash of customer and moment, the same on every machine.
    """
    whole = np.floor(weight)
    rest = weight - whole
    copies = whole.astype(np.int64)
    for i in np.flatnonzero(rest > 1e-12).tolist():
        hashed = blake2b(f"{customers[i]}\0{int(moments[i])}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        copies[i] += (int.from_bytes(hashed) >> 11) * 2.0**-53 < rest[i]
    return copies


def untouched(training_set: T, assignments: Assignments) -> T:
    """The rows of *training_set* whose outcome nobody has changed, each as often as it stands for a customer.

    Args:
        training_set: All rows.
        assignments: Decisions that were known when the training set was made.

    Returns:
        The same where no decision concerns a row; else with :attr:`~vigie.features.training_set.TrainingSet.untouched`.
    """
    score = training_set.score
    horizon = score.horizon.microseconds if score.horizon is not None else 0
    weight, acted, drawn = weights(training_set.customers, training_set.moments, assignments, horizon=horizon)
    if (weight == 1.0).all():
        return training_set
    copies = copies_of(weight, training_set.customers, training_set.moments)
    index = np.repeat(np.arange(len(weight)), copies)
    standing = weight > 1.0
    number = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
    return replace(
        training_set,
        customers=training_set.customers[index],
        moments=training_set.moments[index],
        features={name: values.take(index) for name, values in training_set.features.items()},
        extras={name: values.take(index) for name, values in training_set.extras.items()},
        labels=training_set.labels[index],
        copy=number.astype(np.int16),
        untouched=Untouched(
            rows=len(weight),
            acted=int(acted.sum()),
            challenger=int(drawn.sum()),
            standing=int(standing.sum()),
            copies=int(copies[standing].sum()),
        ),
    )

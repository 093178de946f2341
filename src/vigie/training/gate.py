"""Whether a challenger may take the champion's place: both decide about the same later rows, and money is compared.

The rows are those of the challenger's test, which neither model learned from. The challenger passes where it is

- *worth more*: it brings more money for one customer, and the lower end of the interval of the difference is above
  ``−margin``: it is not worse by more than one is ready to lose;
- *believable*: its probabilities are as near to the risk of each customer (log loss), up to a tolerance; and what they promise of
  the customers on whom it would act is not evidently further from what comes than what the champion says of the same;
- *fair to every slice*: no slice of the customers evidently loses more than the margin by it, corrected for their number.

Differences are taken row by row, and intervals resample customers. The k-th challenger that is judged on the same data gets the
``6/(π²k²)``-th part of alpha: however many are tried, the probability that one passes which is worse by the margin stays
below alpha in all (``Σ 6/(π²k²) = 1``).

Calibration is not compared by itself. Who says the same of everybody is calibrated by definition, so that a champion which knows
nothing would hold off each that knows something. A proper score counts both: the difference of two mean log losses is how
much nearer one of them is to the true risk of each customer, in the sense of Kullback & Leibler (1951), whatever those risks are
(Murphy 1973 for its parts, calibration and resolution; Dimitriadis, Gneiting & Jordan 2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from vigie.economics import PayoffValues
from vigie.training.bootstrap import Resampling
from vigie.training.clustered import codes_of
from vigie.training.compare import holm
from vigie.training.evidence import Estimate
from vigie.training.metrics import row_log_loss
from vigie.training.segment_guard import difference

NAN = float("nan")
FEWEST_CUSTOMERS = 50
"""Below so many the interval of a resampling is not to be trusted."""
FEWEST_IN_SLICE = 30
"""Customers of a slice below which it is not judged: a normal curve does not hold there."""
LOSS_TOLERANCE = 0.02
"""How much greater the challenger's log loss may be: share of the champion's."""
PROMISE_TOLERANCE = 0.1
"""How much further off its promises may be: share of what the better of both brings."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How strict the gate is.

    Attributes:
        alpha: Probability with which a challenger that is worse by the margin passes, over all tries on the same data.
        margin: What may be left open as lost: share of what the champion brings.
        seed: Of the bootstrap.
    """

    alpha: float = 0.05
    margin: float = 0.05
    seed: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """What one model says and does about the rows.

    Attributes:
        money: What its decision brought for each row, currency, shape (n,).
        probability: Calibrated, shape (n,); ``None`` for a rule, which has none.
        act: Whom it acts on, shape (n,); ``None``: not known, then promises are not compared.
    """

    money: np.ndarray
    probability: np.ndarray | None = None
    act: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One thing that was looked at.

    Attributes:
        name: ``"value"``, ``"log_loss"``, ``"promise"`` or ``"slice NAME"``; ``"rows"`` where there are too few of them.
        passes: Whether it is good enough.
        value: Challenger minus champion: currency for one customer, or nats of log loss.
        low: Lower end of its interval.
        high: Upper end.
        limit: What *low* of money must be above, *high* of log loss at most, *low* of promises at most.
        words: The same in a sentence.
    """

    name: str
    passes: bool
    value: float
    low: float
    high: float
    limit: float
    words: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says.

    Attributes:
        passes: Whether the challenger may go to customers.
        checks: What was looked at, money first.
        rows: Looked at.
        customers: Distinct ones among them.
        tries: Challengers judged on these data, this one included.
        alpha: Level of this try, of money.
        against: What it was held against: ``"champion"`` or a fixed strategy.
        apart: How differently both score and decide, by name (:class:`vigie.release.Apart`); empty where that is not known.
    """

    passes: bool
    checks: tuple[GateCheck, ...]
    rows: int
    customers: int
    tries: int
    alpha: float
    against: str
    apart: Mapping[str, float] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """One sentence: what it brings, or what it fails by."""
        if self.passes:
            return self.checks[0].words
        return "; ".join(one.words for one in self.checks if not one.passes)

    def to_data(self) -> dict[str, Any]:
        """Plain data for the ledger; what is not known is null."""
        data = asdict(self)
        for one in data["checks"]:
            for key in ("value", "low", "high", "limit"):
                one[key] = one[key] if math.isfinite(one[key]) else None
        return data


def level(alpha: float, tries: int) -> float:
    """Part of *alpha* that the try number *tries*, from 1, may use.

    >>> round(level(0.05, 1), 4), round(level(0.05, 2), 4)
    (0.0304, 0.0076)
    """
    return alpha * 6.0 / (math.pi * tries) ** 2


def judge(
    challenger: Side,
    champion: Side,
    labels: np.ndarray,
    customers: np.ndarray,
    *,
    slices: Mapping[str, np.ndarray] | None = None,
    tries: int = 1,
    options: GateOptions | None = None,
    against: str = "champion",
    currency: str = "",
    payoff: PayoffValues | None = None,
) -> GateVerdict:
    """Whether *challenger* may take the place of *champion*.

    Args:
        challenger: On rows that neither learned from.
        champion: On the same rows.
        labels: Outcomes, 0 or 1, shape (n,).
        customers: Key or code of each row's customer, shape (n,).
        slices: By name, masks of shape (n,).
        tries: Challengers judged on these data, this one included.
        options: How strict.
        against: What the champion is called.
        currency: For the sentences.
        payoff: Cost matrix of the rows; ``None``: promises are not compared.
    """
    options = options or GateOptions()
    alpha = level(options.alpha, max(tries, 1))
    n = len(labels)
    distinct = len(np.unique(customers)) if n else 0

    def verdict(*checks: GateCheck) -> GateVerdict:
        return GateVerdict(all(one.passes for one in checks), checks, n, distinct, max(tries, 1), alpha, against)

    if distinct < FEWEST_CUSTOMERS:
        words = f"{distinct:,} customers that neither model learned from are too few; {FEWEST_CUSTOMERS} are the least"
        return verdict(GateCheck("rows", False, distinct, NAN, NAN, FEWEST_CUSTOMERS, words))
    codes = codes_of(customers)
    resampling = Resampling(codes, options.seed)
    found = [_value(challenger, champion, resampling, alpha, options, against, currency)]
    if challenger.probability is not None and champion.probability is not None:
        # Everything has to be passed, so that nothing is divided here; what is tried again and again is a gain of money.
        found.append(_loss(labels, challenger.probability, champion.probability, resampling, options.alpha))
        if payoff is not None and challenger.act is not None:
            found.append(_promise(challenger, champion, labels, payoff, resampling, options.alpha, currency))
    found += _slices(challenger, champion, codes, slices or {}, -found[0].limit, options.alpha, currency)
    return verdict(*found)


def _value(
    challenger: Side,
    champion: Side,
    resampling: Resampling,
    alpha: float,
    options: GateOptions,
    against: str,
    currency: str,
) -> GateCheck:
    found = resampling.mean(challenger.money - champion.money, level=1 - 2 * alpha)
    limit = -options.margin * abs(float(champion.money.mean()))
    enough = found.low > limit or (found.low == limit == 0.0 and found.value > 0)
    passes = found.value > 0 and enough
    sentence = f"it brings {found.value:+,.3f} {currency} for one customer beside the {against}".replace("  ", " ")
    if not passes:
        why = (
            "no more than it"
            if found.value <= 0
            else f"and may lose {-found.low:,.3f}, where {-limit:,.3f} is the most"
        )
        sentence += f": {why}"
    else:
        sentence += f", at least {found.low:+,.3f}"
    return GateCheck("value", passes, found.value, found.low, found.high, limit, sentence)


# -- probabilities -----------------------------------------------------------------------------------------------------


def _loss(y: np.ndarray, new: np.ndarray, old: np.ndarray, resampling: Resampling, alpha: float) -> GateCheck:
    """How much further from each customer's risk the probabilities are, in nats; it has to be shown that they are not."""
    before = row_log_loss(y, old)
    found = resampling.mean(row_log_loss(y, new) - before, level=1 - 2 * alpha)
    limit = LOSS_TOLERANCE * float(before.mean())
    passes = found.high <= limit
    words = f"the log loss of its probabilities is {before.mean() + found.value:.4f}, {before.mean():.4f} before"
    if not passes:
        words += f": it may be greater by {found.high:.4f}, where {limit:.4f} is the most"
    return GateCheck("log_loss", passes, found.value, found.low, found.high, limit, words)


def _promise(
    challenger: Side,
    champion: Side,
    y: np.ndarray,
    payoff: PayoffValues,
    resampling: Resampling,
    alpha: float,
    currency: str,
) -> GateCheck:
    """How much further off the promises are, of what acting brings on those on whom the challenger would act.

    Both speak of the same customers, whose money would be on the books. Of its own, the champion that acts on nobody keeps each
    promise, and so does the one that acts on everybody and says the same of all. As with slices it is harm that has to be
    shown: a sum is as uncertain as the gain of money is, and that has been proved already.
    """
    assert challenger.probability is not None and champion.probability is not None and challenger.act is not None
    came, act = payoff.advantage(y), challenger.act
    new = np.where(act, payoff.gain(challenger.probability) - came, 0.0)
    old = np.where(act, payoff.gain(champion.probability) - came, 0.0)

    def statistic(sums: np.ndarray) -> np.ndarray:
        return np.asarray((np.abs(sums[:, 1]) - np.abs(sums[:, 2])) / sums[:, 0])

    columns = np.column_stack([np.ones(len(y)), new, old])
    found: Estimate = resampling.estimate(columns, statistic, level=1 - 2 * alpha)
    limit = PROMISE_TOLERANCE * max(abs(float(one.money.mean())) for one in (challenger, champion))
    passes = found.low <= limit
    told = [f"{one.mean():+,.3f} {currency}".rstrip() for one in (new, old)]
    words = (
        f"of those on whom it would act it promises {told[0]} for one customer beside what came, the champion {told[1]}"
    )
    if not passes:
        words += f": further off by {found.low:,.3f} at least, where {limit:,.3f} is the most"
    return GateCheck("promise", passes, found.value, found.low, found.high, limit, words)


# -- slices ------------------------------------------------------------------------------------------------------------


def _slices(
    challenger: Side,
    champion: Side,
    codes: np.ndarray,
    slices: Mapping[str, np.ndarray],
    margin: float,
    alpha: float,
    currency: str,
) -> list[GateCheck]:
    """Slices that lose: a small slice cannot be shown to be unharmed, so it is harm that has to be shown."""
    found = []
    for name, inside in slices.items():
        if len(np.unique(codes[inside])) < FEWEST_IN_SLICE:
            continue
        found.append((name, difference(challenger.money[inside], champion.money[inside], codes[inside])))
    normal = NormalDist()
    chances = [
        normal.cdf((one.mean + margin) / one.error) if one.error > 0 else float(one.mean >= -margin) for _, one in found
    ]
    checks = []
    z = normal.inv_cdf(1 - alpha)
    for (name, one), chance in zip(found, holm(chances), strict=True):
        passes = chance > alpha
        words = f"{name}: {one.mean:+,.3f} {currency} for one customer".replace("  ", " ").rstrip()
        if not passes:
            words += ", a loss beyond chance"
        low, high = one.mean - z * one.error, one.mean + z * one.error
        checks.append(GateCheck(f"slice {name}", passes, one.mean, low, high, -margin, words))
    return checks

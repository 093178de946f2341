"""The winner beside every other candidate, on the same rows: is the difference more than chance?

Both decided on the same customers, so differences are taken customer by customer. Most of them are 0 (both decided alike)
and the others are few and skewed: +56 here, −11 there. So no normal curve is trusted: the test flips the sign of each
customer's difference at random. Were both candidates worth the same, the sum of the differences would be as likely with
any signs; the p-value is the share of flips whose sum is at least as far from 0. It needs no spread to be estimated, keeps
its level with a handful of customers that differ, and with many it is the paired t-test with a standard error clustered by
customer. Several comparisons are corrected by Holm (1979).

What it does not know is how the models would have come out of other training rows: it compares these fits, not the ways
to learn. ``vigie evaluate`` looks at that.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from vigie.training.bootstrap import MOST_CLUSTERS, Resampling
from vigie.training.evidence import Comparison, Pair
from vigie.training.tried import Tried
from vigie.wording import Said, said

FLIPS = 4_999
EXACT = 12
"""Customers that differ, up to which every pattern of signs is looked at."""
LEVEL = 0.05
BLOCK = 8_000_000


def compare(
    tried: Sequence[Tried], winner: str, customers: np.ndarray, *, seed: int = 0, currency: str = ""
) -> Comparison:
    """Paired comparison of the winner with every other candidate, in cross-validation.

    Args:
        tried: All candidates, the winner among them.
        winner: Its name.
        customers: Key or code of each training row's customer, shape (training rows,): differences are summed up by them.
        seed: Of flips and bootstrap.
        currency: ISO 4217 code, for the sentence.
    """
    best = next(one for one in tried if one.candidate.name == winner)
    others = [one for one in tried if one.candidate.name != winner]
    found = [_pair(best, other, customers, seed) for other in others]
    adjusted = holm([pair.p_value for pair in found])
    pairs = tuple(
        Pair(pair.other, pair.value, pair.log_loss, pair.p_value, corrected, corrected > LEVEL)
        for pair, corrected in zip(found, adjusted, strict=True)
    )
    same = tuple(pair.other for pair in pairs if pair.same)
    return Comparison(pairs, (winner, *same), _words(best, others, pairs, currency))


def _pair(best: Tried, other: Tried, customers: np.ndarray, seed: int) -> Pair:
    rows, ours, theirs = np.intersect1d(best.cv.rows, other.cv.rows, assume_unique=True, return_indices=True)
    money = best.cv.money[ours] - other.cv.money[theirs]
    loss = other.cv.loss[theirs] - best.cv.loss[ours]
    value, saved = Resampling(customers[rows], seed).means(np.column_stack([money, loss]))
    p_value = sign_flip(money, customers[rows], seed)
    return Pair(other.candidate.name, value, saved, p_value, p_value, p_value > LEVEL)


def sign_flip(difference: np.ndarray, customers: np.ndarray, seed: int, flips: int = FLIPS) -> float:
    """Two-sided p-value, 0 … 1, of the paired test that *difference* is 0 on average; 1 where nobody differs.

    Args:
        difference: Of each row, shape (n,).
        customers: Key or code of each row's customer, shape (n,).
        seed: Of the flips, where there are too many customers for all patterns of signs.
        flips: How many.

    Source: Fisher (1935), *The design of experiments*; valid for means of skewed differences too, since flips leave the sum of
    squares as it is (Janssen 1997).
    """
    sums = np.bincount(np.unique(customers, return_inverse=True)[1], difference)
    sums = sums[sums != 0]
    if len(sums) > MOST_CLUSTERS:
        group = np.random.default_rng(seed).permutation(len(sums)) % MOST_CLUSTERS
        sums = np.bincount(group, sums)
    if not len(sums):
        return 1.0
    # Sums that are equal but for rounding count as equal.
    seen = abs(float(sums.sum())) * (1 - 1e-9)
    if len(sums) <= EXACT:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sums))))
        return float((np.abs(signs @ sums) >= seen).mean())
    generator = np.random.default_rng(seed)
    width, beyond = len(sums), 0
    total = float(sums.sum())
    step = max(1, BLOCK // width)
    for start in range(0, flips, step):
        k = min(step, flips - start)
        bits = np.unpackbits(generator.integers(0, 256, (k, -(-width // 8)), np.uint8), axis=1)[:, :width]
        beyond += int((np.abs(total - 2 * (bits.astype(np.float64) @ sums)) >= seen).sum())
    return (1 + beyond) / (1 + flips)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, step by step (Holm 1979): at most 1, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = least
    return corrected


def _words(best: Tried, others: Sequence[Tried], pairs: Sequence[Pair], currency: str) -> Said:
    title = best.candidate.title
    alike = [(one.candidate.title, pair) for one, pair in zip(others, pairs, strict=True) if pair.same]
    if not others:
        return said("There is nothing to compare {title} with.", title=title)
    if not alike:
        return (
            said(
                "{title} is worth more than every other candidate, beyond chance (5 %, corrected for {count} comparisons).",
                title=title,
                count=len(pairs),
            )
            if all(pair.value.value > 0 for pair in pairs)
            else said(
                "The data tell {title} apart from every other candidate (5 %, corrected for {count} comparisons).",
                title=title,
                count=len(pairs),
            )
        )
    most = max(max(abs(pair.value.low), abs(pair.value.high)) for _, pair in alike)
    blunter = [name for name, pair in alike if pair.log_loss.low > 0]
    first = said(
        "These {count} are the same: {names}. The data cannot tell what they bring apart; no difference to {title} can well be "
        "more than {most:,.2f} {currency} per customer.",
        count=len(alike) + 1,
        names=", ".join([title, *(name for name, _ in alike)]),
        title=title,
        most=most,
        currency=currency,
    )
    if not blunter:
        return first
    return said("{first} Its probabilities are better than those of {names}.", first=first, names=", ".join(blunter))

"""Where to draw the line: the least expected gain that is acted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vigie.economics.payoff import Array, PayoffValues

BOOTSTRAP_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Threshold:
    """The line that was chosen, and what both candidates brought on the rows it was chosen on.

    Attributes:
        min_gain: Act on customers whose expected gain is at least this; currency.
        origin: ``"theoretical"``: gain ≥ 0, right for calibrated probabilities. ``"empirical"``: the cut that earned
            most, chosen because it earned more by over one standard error.
        theoretical_value: Realised money for one customer under gain ≥ 0.
        empirical_cut: The cut that earned most; currency.
        empirical_value: Realised money for one customer under it.
        standard_error: Of the difference of both values, by bootstrap over customers.
    """

    min_gain: float
    origin: Literal["theoretical", "empirical"]
    theoretical_value: float
    empirical_cut: float
    empirical_value: float
    standard_error: float


def empirical_cut(gain: Array, advantage: Array) -> float:
    """The cut on *gain* with the highest realised profit; of several, the one that acts on fewest.

    ``argmax_c Σ advantage[gain ≥ c]`` over the distinct gains and one above all (act on nobody). The maximum profit
    of Verbraken et al. (2013) with costs that may differ by customer.

    Args:
        gain: Expected gain of acting, shape (n,), from predictions that have not seen the outcome; NaN is left out.
        advantage: Realised money of acting minus passing, shape (n,).

    Returns:
        A cut in currency. Between two gains it lies in the middle, so that it does not hang on one customer.
    """
    known = ~np.isnan(gain)
    gain, advantage = gain[known], advantage[known]
    if not len(gain):
        return 0.0
    order = np.argsort(-gain, kind="stable")
    ordered = gain[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    profit = np.cumsum(advantage[order])[last]
    best = int(np.argmax(profit))
    if profit[best] <= 0:
        return float(np.nextafter(ordered[0], np.inf))
    at = ordered[last[best]]
    if last[best] + 1 == len(ordered):
        return float(at)
    middle = at / 2 + ordered[last[best] + 1] / 2
    # Two neighbours may have no number between them; the cut still lies above the lower one.
    return float(middle) if middle > ordered[last[best] + 1] else float(at)


def choose_threshold(
    probability: Array, payoff: PayoffValues, y: Array, *, seed: int = 0, draws: int = BOOTSTRAP_DRAWS
) -> Threshold:
    """Gain ≥ 0, unless another cut has earned more by over one bootstrap standard error.

    The theoretical rule needs nothing but calibrated probabilities (Elkan 2001); the empirical cut corrects for
    probabilities that are not, at the price of noise. The standard error guards against taking noise for profit.

    Args:
        probability: Calibrated, out of fold: no model has seen the outcome it predicts here. Shape (n,).
        payoff: Cost matrix of the same customers.
        y: Outcomes, 0 or 1, shape (n,).
        seed: Of the bootstrap.
        draws: Bootstrap samples.
    """
    gain, advantage = payoff.gain(probability), payoff.advantage(y)
    cut = empirical_cut(gain, advantage)
    theoretical, empirical = np.asarray(gain >= 0.0), np.asarray(gain >= cut)
    passing = payoff.realised(False, y)
    known = ~np.isnan(gain)
    n = max(int(known.sum()), 1)
    base = float(passing[known].sum()) / n
    theoretical_value = base + float(advantage[theoretical].sum()) / n
    empirical_value = base + float(advantage[empirical].sum()) / n
    differs = theoretical != empirical
    difference = np.where(empirical[differs], advantage[differs], -advantage[differs])
    error = standard_error_of_sum(difference, n, seed=seed, draws=draws) / n
    chosen: Literal["theoretical", "empirical"] = (
        "empirical" if empirical_value - theoretical_value > error else "theoretical"
    )
    return Threshold(cut if chosen == "empirical" else 0.0, chosen, theoretical_value, cut, empirical_value, error)


def standard_error_of_sum(differences: Array, n: int, *, seed: int, draws: int = BOOTSTRAP_DRAWS) -> float:
    """Bootstrap standard error of the sum over *n* customers of whom all but ``len(differences)`` contribute 0.

    Resampling *n* of *n* takes a binomial number of the customers that differ, so only those are drawn: exact, and
    cheap where two cuts agree on nearly everybody.
    """
    m = len(differences)
    if m == 0:
        return 0.0
    rng = np.random.default_rng(seed)
    sizes = rng.binomial(n, m / n, size=draws)
    sums = [float(differences[rng.integers(0, m, size=int(size))].sum()) for size in sizes]
    return float(np.std(sums, ddof=1))

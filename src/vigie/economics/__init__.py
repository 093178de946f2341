"""Money as pure functions: cost matrix, threshold, capacity, profit curve, strategies. NumPy only.

Conventions: *p* is the probability of the outcome, 0 … 1; *y* is the outcome, 0 or 1; *act* says who is acted on;
sums of money are in the currency of the decision, gains positive, costs negative.
"""

from vigie.economics.capacity import acted_share, request_cut, top_k
from vigie.economics.payoff import PayoffValues
from vigie.economics.profit_curve import ProfitCurve, profit_curve
from vigie.economics.strategies import strategy_acts, strategy_values
from vigie.economics.threshold import Threshold, choose_threshold

__all__ = [
    "PayoffValues",
    "ProfitCurve",
    "Threshold",
    "acted_share",
    "choose_threshold",
    "profit_curve",
    "request_cut",
    "strategy_acts",
    "strategy_values",
    "top_k",
]

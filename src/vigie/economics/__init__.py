"""Money as pure functions: cost matrix, threshold, capacity, budget, profit curve, strategies, maximum profit. NumPy only.

Conventions: *p* is the probability of the outcome, 0 … 1; *y* is the outcome, 0 or 1; *act* says who is acted on;
sums of money are in the currency of the decision, gains positive, costs negative.
"""

from vigie.economics.budget import BudgetChoice, within_budget
from vigie.economics.capacity import acted_share, request_cut, top_k
from vigie.economics.emp_acquisition import emp_acquisition, max_profit_acquisition
from vigie.economics.emp_churn import emp_churn, max_profit_churn
from vigie.economics.emp_credit import emp_credit, max_profit_credit
from vigie.economics.maximum_profit import (
    BetaSpread,
    Certain,
    GammaSpread,
    LossSpread,
    MaximumProfit,
    Spread,
    expected_maximum_profit,
)
from vigie.economics.payoff import PayoffValues
from vigie.economics.profit_at_capacity import profit_at_capacity
from vigie.economics.profit_curve import ProfitCurve, profit_curve
from vigie.economics.savings import baseline_cost, cost_loss, expected_cost, expected_savings, saved_share, savings
from vigie.economics.strategies import strategy_acts, strategy_values
from vigie.economics.threshold import Threshold, choose_threshold

__all__ = [
    "BetaSpread",
    "BudgetChoice",
    "Certain",
    "GammaSpread",
    "LossSpread",
    "MaximumProfit",
    "PayoffValues",
    "ProfitCurve",
    "Spread",
    "Threshold",
    "acted_share",
    "baseline_cost",
    "choose_threshold",
    "cost_loss",
    "emp_acquisition",
    "emp_churn",
    "emp_credit",
    "expected_cost",
    "expected_maximum_profit",
    "expected_savings",
    "max_profit_acquisition",
    "max_profit_churn",
    "max_profit_credit",
    "profit_at_capacity",
    "profit_curve",
    "request_cut",
    "saved_share",
    "savings",
    "strategy_acts",
    "strategy_values",
    "top_k",
    "within_budget",
]

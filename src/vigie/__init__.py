"""Vigie: customer scoring from raw events to a monitored service that proves its worth in money.

What a project file needs is imported from here; everything else from the room it lives in.
"""

from vigie._version import __version__
from vigie.definition import (
    Campaign,
    Events,
    Fairness,
    Feature,
    Lead,
    Loan,
    Score,
    Table,
    at,
    days,
    every,
    hours,
    moment,
    once,
    weeks,
)

__all__ = [
    "Campaign",
    "Events",
    "Fairness",
    "Feature",
    "Lead",
    "Loan",
    "Score",
    "Table",
    "__version__",
    "at",
    "days",
    "every",
    "hours",
    "moment",
    "once",
    "weeks",
]

"""What a user declares: tables, events, features, outcome, decision. Pure, frozen, hashable data; knows no library."""

from vigie.definition.aggregate import FeatureGroup
from vigie.definition.decision import Campaign, Decision, Lead, Loan, Payoff
from vigie.definition.expression import Expression, Feature, Moment
from vigie.definition.fairness import Fairness
from vigie.definition.kind import Kind, Schema
from vigie.definition.moments import At, Every, Once, at, every, once
from vigie.definition.related import Related, own_columns, own_sources, related_columns, related_sources
from vigie.definition.score import Score
from vigie.definition.source import Events, Table
from vigie.definition.window import Window, Windows, days, hours, weeks

moment = Moment()
"""The moment of scoring, e.g. ``moment.month()``."""

__all__ = [
    "At",
    "Campaign",
    "Decision",
    "Events",
    "Every",
    "Expression",
    "Fairness",
    "Feature",
    "FeatureGroup",
    "Kind",
    "Lead",
    "Loan",
    "Once",
    "Payoff",
    "Related",
    "Schema",
    "Score",
    "Table",
    "Window",
    "Windows",
    "at",
    "days",
    "every",
    "hours",
    "moment",
    "once",
    "own_columns",
    "own_sources",
    "related_columns",
    "related_sources",
    "weeks",
]

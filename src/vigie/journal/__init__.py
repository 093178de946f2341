"""Append-only facts. A prediction is one: what was scored, with what, by which model, and what was decided."""

from vigie.journal.identifier import identifiers, new_identifier
from vigie.journal.prediction import Prediction
from vigie.journal.predictions import Durability, OnFull, PredictionJournal, PredictionReader, read

__all__ = [
    "Durability",
    "OnFull",
    "Prediction",
    "PredictionJournal",
    "PredictionReader",
    "identifiers",
    "new_identifier",
    "read",
]

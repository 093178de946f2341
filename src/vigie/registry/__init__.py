"""Bundles in MLflow: training runs, model versions, aliases, lineage. Importing this room does not import MLflow."""

from vigie.registry.record import CandidateRun, TrainingRun
from vigie.registry.registry import CHAMPION, ModelVersion, Registry

__all__ = ["CHAMPION", "CandidateRun", "ModelVersion", "Registry", "TrainingRun"]

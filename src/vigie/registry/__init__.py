"""Bundles in MLflow: training runs, model versions, aliases, lineage. Importing this room does not import MLflow."""

from vigie.registry.record import CandidateRun, TrainingRun
from vigie.registry.registry import AS_OF_TAG, CHAMPION, RECIPE_TAG, ModelVersion, Registry

__all__ = ["AS_OF_TAG", "CHAMPION", "RECIPE_TAG", "CandidateRun", "ModelVersion", "Registry", "TrainingRun"]

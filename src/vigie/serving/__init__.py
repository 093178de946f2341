"""The scoring API: HTTP, JSON, MLflow's and SageMaker's protocols. Imports no library of the training side."""

from vigie.serving.app import create_app
from vigie.serving.model_card import ModelCard, card_of, example_values
from vigie.serving.provider import CustomerFeatures, FeatureProvider
from vigie.serving.run import AppFactory, is_loopback, refuse_open_door, serve
from vigie.serving.served import Served
from vigie.serving.settings import ServingSettings

__all__ = [
    "AppFactory",
    "CustomerFeatures",
    "FeatureProvider",
    "ModelCard",
    "Served",
    "ServingSettings",
    "card_of",
    "create_app",
    "example_values",
    "is_loopback",
    "refuse_open_door",
    "serve",
]

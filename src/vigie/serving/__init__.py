"""The scoring API: HTTP, JSON, MLflow's and SageMaker's protocols. Imports no library of the training side.

What is named here is imported when it is asked for: who reads a counter's name needs no web framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_WHERE = {
    "create_app": "app",
    "ModelCard": "model_card",
    "card_of": "model_card",
    "example_values": "model_card",
    "CustomerFeatures": "provider",
    "FeatureProvider": "provider",
    "AppFactory": "run",
    "is_loopback": "run",
    "refuse_open_door": "run",
    "serve": "run",
    "Served": "served",
    "ServingSettings": "settings",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)

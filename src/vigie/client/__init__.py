"""A client of Vigie's API: typed, with retries that record no prediction twice.

    from vigie.client import Client

    with Client("http://127.0.0.1:8000", key="vgk_…") as vigie:
        prediction = vigie.score(customer_id="13167")
        print(prediction.score, prediction.decision)

Needs ``pip install 'vigie[client]'`` (httpx), and nothing else of Vigie.
"""

from vigie.client.answers import (
    Events,
    Features,
    FeaturesRow,
    Input,
    Model,
    ModelRef,
    Prediction,
    Quarantined,
    Reason,
)
from vigie.client.asynchronous import AsyncClient
from vigie.client.problems import ApiError, Problem
from vigie.client.retries import Retries
from vigie.client.synchronous import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Events",
    "Features",
    "FeaturesRow",
    "Input",
    "Model",
    "ModelRef",
    "Prediction",
    "Problem",
    "Quarantined",
    "Reason",
    "Retries",
]

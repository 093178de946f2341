"""What a server asks of whoever follows the ledger and the registry for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vigie.serving.incident_metrics import IncidentMetrics
from vigie.serving.router import Router


class Following(Protocol):
    """Gives routers their champions and challengers while a server runs, and metrics what the ledger says of incidents.

    Attributes:
        incidents: Told to Prometheus.
    """

    incidents: IncidentMetrics

    def start(self, routers: Mapping[str, Router]) -> None:
        """Begin, for these scores."""
        ...

    def stop(self) -> None:
        """End; what was counted is handed over before it returns."""
        ...

"""What is told to Prometheus about incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class IncidentMetrics(Collector):
    """How many incidents are open, by score, severity and area of their cause.

    Every worker tells what the ledger says, not what it counted: of several the greatest is right, not the sum.

    Args:
        count: Asked at each scrape for the number by score, severity and area, zeros among them; reads nothing itself.
    """

    def __init__(self, count: Callable[[], Mapping[tuple[str, str, str], int]]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """The metric family, from what is known."""
        family = GaugeMetricFamily(
            "vigie_incidents_open",
            "Incidents that nobody has taken on, snoozed or resolved.",
            labels=["score", "severity", "area"],
        )
        for labels, number in self._count().items():
            family.add_metric(labels, number)
        yield family

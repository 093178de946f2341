"""What is told to Prometheus about incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.watch.incident import SEVERITIES, Standing
from vigie.watch.signal import Area


class IncidentMetrics(Collector):
    """How many incidents are open, by score, severity and area of their cause; 0 is told, too.

    Every worker tells what the ledger says, not what it counted: of several the greatest is right, not the sum.

    Args:
        now: Moment of the scrape, µs UTC: what was snoozed is open again when its time is over.

    Attributes:
        standings: What the ledger says of each score; whoever follows it replaces them.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.standings: Mapping[str, Standing] = {}

    def collect(self) -> Iterator[Metric]:
        """The metric family, from what is known."""
        now = self._now()
        family = GaugeMetricFamily(
            "vigie_incidents_open",
            "Incidents that nobody has taken on, snoozed or resolved.",
            labels=["score", "severity", "area"],
        )
        for score, standing in self.standings.items():
            count = {(severity, area.value): 0 for severity in SEVERITIES for area in Area}
            for one in standing.ongoing:
                if one.status(now) == "open":
                    count[one.severity, one.cause.area] += 1
            for labels, number in count.items():
                family.add_metric([score, *labels], number)
        yield family

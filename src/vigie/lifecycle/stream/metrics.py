"""What ``vigie stream`` tells Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.stream.worker import Worker

_OUTCOMES = ("accepted", "quarantined")


class StreamMetrics(Collector):
    """Counts of one process.

    Args:
        worker: Counts.
        sources: All that it consumes.
    """

    def __init__(self, worker: Worker, sources: list[str]) -> None:
        self._worker, self._sources = worker, sources

    def collect(self) -> Iterator[Metric]:
        """The metric families, from what was counted so far."""
        counts, receiving = self._worker.counts, self._worker.receiving
        events = CounterMetricFamily(
            "vigie_events", "Events received, by what became of them.", labels=["source", "outcome"]
        )
        families: list[tuple[CounterMetricFamily | GaugeMetricFamily, str]] = [
            (CounterMetricFamily(name, text, labels=["source"]), of)
            for name, text, of in (
                ("vigie_events_ahead", "Events more than a minute ahead of the clock.", "ahead"),
                ("vigie_events_late", "Events too old to be held online.", "late"),
                ("vigie_stream_dead_letters", "Messages that nothing can be made of.", "dead"),
                ("vigie_stream_retries", "Attempts while the store or the disk did not answer.", "retries"),
            )
        ] + [
            (GaugeMetricFamily(name, text, labels=["source"]), of)
            for name, text, of in (
                ("vigie_stream_paused", "1 while it waits for the store or the disk.", "pausing"),
                ("vigie_stream_lag_messages", "Messages that the group has not acknowledged.", "waiting"),
            )
        ]
        lag = GaugeMetricFamily(
            "vigie_events_lake_lag_seconds", "Age of the oldest event that is not in the lake.", labels=["source"]
        )
        size = GaugeMetricFamily("vigie_events_spool_bytes", "Size of what waits for the lake.", labels=["source"])
        for source in self._sources:
            for outcome in _OUTCOMES:
                events.add_metric([source, outcome], getattr(counts[source], outcome))
            for family, of in families:
                family.add_metric([source], float(getattr(counts[source], of)))
            lag.add_metric([source], receiving.lag(source))
            size.add_metric([source], receiving.spool_bytes(source))
        yield events
        yield from (family for family, _ in families)
        yield from (lag, size)


def expose(metrics: StreamMetrics, port: int, host: str = "127.0.0.1") -> None:
    """Answer ``/metrics`` on *port* until the process ends.

    Raises:
        SettingsError: The port cannot be listened on.
    """
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            where="--metrics-port",
            remedy="something else may be listening there; choose another",
        ) from error

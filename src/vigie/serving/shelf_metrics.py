"""What a server tells Prometheus of the models that it reads when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.serving.counters import Counters

_COUNTS = (
    ("vigie_models_loads", "Models read because a request asked for them."),
    ("vigie_models_load_failures", "Times that a model could not be read."),
    ("vigie_models_evictions", "Models given up because memory was short."),
    ("vigie_models_load_seconds", "Seconds spent reading models."),
)
_GAUGES = (
    ("vigie_models_resident_bytes", "Memory that these models hold, as far as it can be seen; of all workers."),
    ("vigie_models_resident", "Of these models, those in memory; of all workers."),
)
_LOADS, _FAILURES, _EVICTIONS, _SECONDS, _BYTES, _HELD = range(6)


class ShelfMetrics(Collector):
    """Counts of the shelves of one server.

    Args:
        counters: Directory in which workers keep their counters; ``None`` for a single one.
    """

    def __init__(self, counters: Path | None = None) -> None:
        self._counters = Counters(6, None if counters is None else counters / "shelf")

    def loaded(self, seconds: float) -> None:
        """A model was read."""
        self._counters.cells[_LOADS] += 1
        self._counters.cells[_SECONDS] += seconds

    def failed(self) -> None:
        """A model could not be read."""
        self._counters.cells[_FAILURES] += 1

    def evicted(self) -> None:
        """A model was given up."""
        self._counters.cells[_EVICTIONS] += 1

    def hold(self, size: int, models: int) -> None:
        """So many bytes and models are in memory now."""
        self._counters.cells[_BYTES], self._counters.cells[_HELD] = size, models

    def collect(self) -> Iterator[Metric]:
        """The metric families, of all workers."""
        totals = self._counters.totals()
        for (name, meaning), total in zip(_COUNTS, totals, strict=False):
            family = CounterMetricFamily(name, meaning)
            family.add_metric([], total)
            yield family
        for (name, meaning), total in zip(_GAUGES, totals[_BYTES:], strict=True):
            yield GaugeMetricFamily(name, meaning, total)

"""What is told to Prometheus about the record of predictions: what is missing in it, and what the lake has not got yet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.clock import Clock
from vigie.journal import PredictionJournal, segments
from vigie.serving.counters import Counters
from vigie.serving.shipping import Shipping


class JournalMetrics(Collector):
    """Counts of the journal of one server.

    Args:
        journal: Tells what it sheds.
        clock: For the age of what waits.
        shipping: Tells what could not be shipped; ``None``: nobody ships here.
        counters: Directory in which workers keep their counters; ``None`` for a single one.
    """

    def __init__(
        self, journal: PredictionJournal, clock: Clock, shipping: Shipping | None, counters: Path | None = None
    ) -> None:
        self._journal, self._clock, self._shipping = journal, clock, shipping
        self._counters = Counters(2, None if counters is None else counters / "journal")
        journal.on_shed = self._shed
        if shipping is not None:
            shipping.on_failure = self._failed

    def _shed(self, predictions: int) -> None:
        self._counters.cells[0] += predictions

    def _failed(self) -> None:
        self._counters.cells[1] += 1

    def collect(self) -> Iterator[Metric]:
        """The metric families, of all workers and of all segments in the folder."""
        shed, failed = self._counters.totals()
        yield _counter("vigie_predictions_unrecorded", 'Predictions answered without a record: on_full = "shed".', shed)
        yield _counter("vigie_journal_ship_failures", "Times that predictions could not be taken to the lake.", failed)
        waiting = segments.waiting(self._journal.directory)
        size = 0
        for path in waiting:
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        first = next((moment for path in waiting if (moment := segments.first_moment(path)) is not None), None)
        age = 0.0 if first is None else max(0.0, (self._clock.now() - first) / 1e6)
        yield GaugeMetricFamily("vigie_journal_waiting_bytes", "Predictions that the lake has not got.", size)
        yield GaugeMetricFamily("vigie_journal_waiting_seconds", "Age of the oldest of them.", age)


def _counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning)
    family.add_metric([], value)
    return family

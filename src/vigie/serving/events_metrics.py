"""What is told to Prometheus about events received."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.serving.counters import Counters
from vigie.serving.events_receiver import EventReceiver

OUTCOMES = ("accepted", "quarantined", "failed")
_STRANGE = ("ahead", "late")


class EventMetrics(Collector):
    """Counts of events by source.

    Args:
        receiver: Says how much waits for the lake.
        counters: Directory in which workers keep their counters; ``None`` for a single one.
    """

    def __init__(self, receiver: EventReceiver, counters: Path | None = None) -> None:
        self._receiver = receiver
        self._keys = [(source, what) for source in receiver.sources for what in (*OUTCOMES, *_STRANGE)]
        self._at = {key: i for i, key in enumerate(self._keys)}
        self._counters = Counters(len(self._keys), None if counters is None else counters / "events")

    def taken(self, source: str, accepted: int, quarantined: int, ahead: int, late: int) -> None:
        """Events were taken in."""
        cells = self._counters.cells
        for what, count in zip((*OUTCOMES[:2], *_STRANGE), (accepted, quarantined, ahead, late), strict=True):
            cells[self._at[source, what]] += count

    def failed(self, source: str, events: int) -> None:
        """Events were not taken in; their sender was told to send them again."""
        self._counters.cells[self._at[source, "failed"]] += events

    def collect(self) -> Iterator[Metric]:
        """The metric families, from what was counted so far."""
        totals = self._counters.totals()
        events = CounterMetricFamily(
            "vigie_events", "Events received, by what became of them.", labels=["source", "outcome"]
        )
        ahead = CounterMetricFamily(
            "vigie_events_ahead", "Events more than a minute ahead of the clock.", labels=["source"]
        )
        late = CounterMetricFamily("vigie_events_late", "Events too old to be held online.", labels=["source"])
        for (source, what), at in self._at.items():
            if what in OUTCOMES:
                events.add_metric([source, what], totals[at])
            else:
                (ahead if what == "ahead" else late).add_metric([source], totals[at])
        yield from (events, ahead, late)
        lag = GaugeMetricFamily(
            "vigie_events_lake_lag_seconds", "Age of the oldest event that is not in the lake.", labels=["source"]
        )
        size = GaugeMetricFamily("vigie_events_spool_bytes", "Size of what waits for the lake.", labels=["source"])
        for source in self._receiver.sources:
            lag.add_metric([source], self._receiver.lag(source))
            size.add_metric([source], self._receiver.spool_bytes(source))
        yield from (lag, size)

"""What is told to Prometheus about rollouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.serving.counters import Counters

if TYPE_CHECKING:
    from vigie.serving.router import Router

CHALLENGED, FAILED, SHADOWED, DROPPED = "challenged", "failed", "shadowed", "dropped"
_KINDS = {
    CHALLENGED: ("vigie_rollout_answers", "Requests, or parts of them, answered by a challenger."),
    FAILED: (
        "vigie_rollout_failures",
        "Requests, or parts of them, that a challenger failed and the champion answered.",
    ),
    SHADOWED: ("vigie_rollout_shadow", "Customers whom a challenger was asked to score in the shadow."),
    DROPPED: ("vigie_rollout_shadow_dropped", "Customers whom the shadow had no time for."),
}


class RouterMetrics(Collector):
    """Counts of rollouts by score.

    Args:
        scores: Names of the scores that have a router.
        counters: Directory in which workers keep their counters; ``None`` for a single one.

    Attributes:
        routers: Asked for the challenger's share of now, which is this worker's view.
    """

    def __init__(self, scores: Sequence[str], counters: Path | None = None) -> None:
        self.routers: Mapping[str, Router] = {}
        self._at = {key: i for i, key in enumerate((score, kind) for score in scores for kind in _KINDS)}
        self._counters = Counters(len(self._at), None if counters is None else counters / "rollout")

    def counting(self, score: str) -> Callable[[str], None]:
        """What a router calls with what happened."""
        cells, at = self._counters.cells, {kind: self._at[score, kind] for kind in _KINDS}

        def count(kind: str) -> None:
            cells[at[kind]] += 1

        return count

    def collect(self) -> Iterator[Metric]:
        """The metric families, from what was counted so far."""
        totals = self._counters.totals()
        share = GaugeMetricFamily(
            "vigie_rollout_share", "Share of the customers who get a challenger; 0 without one.", labels=["score"]
        )
        for score, router in self.routers.items():
            share.add_metric([score], router.share)
        yield share
        for kind, (name, help_text) in _KINDS.items():
            family = CounterMetricFamily(name, help_text, labels=["score"])
            for (score, what), at in self._at.items():
                if what == kind:
                    family.add_metric([score], totals[at])
            yield family

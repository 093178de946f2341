"""What a server tells Prometheus. Every label's values are known at the start, so the number of series is bounded."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from vigie._version import __version__
from vigie.serving.counters import Counters
from vigie.serving.refusal import KINDS
from vigie.serving.settings import ServingSettings

SCORING = ("score", "invocations", "v2", "events", "features")
OTHER, READ = "other", "read"
ROUTES = (*SCORING, OTHER)
STATUSES = (200, 400, 401, 403, 404, 405, 413, 415, 422, 429, 500, 503)
SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram's buckets."""


@dataclass(frozen=True, slots=True)
class ModelLabels:
    """What the series of one model are called.

    Attributes:
        score: Name of the score.
        version: Version in the registry.
        bundle: Hash of the bundle.
        decisions: The words of its decision.
        segments: The names of its risk segments.
    """

    score: str
    version: str
    bundle: str
    decisions: Sequence[str]
    segments: Sequence[str]


class Metrics(Collector):
    """Counts of one server. :meth:`exposition` writes them down in Prometheus' text format.

    Args:
        models: The models it serves.
        settings: Says whether counters are shared among workers.
        features: Names of the scores whose features it answers with.
    """

    def __init__(self, models: Sequence[ModelLabels], settings: ServingSettings, features: Sequence[str] = ()) -> None:
        self._models = {model.score: model for model in models}
        self._looked_up = [("looked up", score) for score in features]
        self._requests = [(route, status) for route in ROUTES for status in STATUSES]
        self._predictions = [(m.score, d, s) for m in models for d in m.decisions for s in m.segments]
        # One histogram a scoring route: its buckets, the one without bound, and the sum of seconds.
        self._histograms = [(route, cell) for route in (*SCORING, READ) for cell in range(len(SECONDS) + 2)]
        keys: list[object] = [*self._requests, *self._predictions, *KINDS, *self._histograms, *self._looked_up]
        self._counters = Counters(len(keys), settings.counters)
        self._cells = self._counters.cells
        self._request_at = {key: keys.index(key) for key in self._requests}
        self._prediction_at = {key: keys.index(key) for key in self._predictions}
        self._error_at = {key: keys.index(key) for key in KINDS}
        self._looked_up_at = {score: keys.index(("looked up", score)) for score in features}
        self._histogram_at = {route: keys.index((route, 0)) for route in (*SCORING, READ)}
        self._read_at = self._histogram_at[READ]
        self._registry = CollectorRegistry()
        self._registry.register(self)
        if settings.counters is None:
            ProcessCollector(registry=self._registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """One request to a scoring route was answered."""
        cells, start = self._cells, self._histogram_at[route]
        cells[self._request_at[route, status]] += 1
        cells[start + bisect_left(SECONDS, seconds)] += 1
        cells[start + len(SECONDS) + 1] += seconds

    def read(self, seconds: float) -> None:
        """The features of the customers of one request were read."""
        cells, start = self._cells, self._read_at
        cells[start + bisect_left(SECONDS, seconds)] += 1
        cells[start + len(SECONDS) + 1] += seconds

    def own(self) -> dict[str, list[float]]:
        """What this process has counted: ``"ROUTE"`` the answers by status, ``"ROUTE seconds"`` the latencies by bucket.

        Routes that were not asked are left out; ``"read seconds"`` are reads of features.
        """
        cells = self._cells
        found = {
            f"{route} seconds": list(cells[at : at + len(SECONDS) + 1]) for route, at in self._histogram_at.items()
        }
        for route in SCORING:
            found[route] = [cells[self._request_at[route, status]] for status in STATUSES]
        return {name: values for name, values in found.items() if any(values)}

    def refusal(self, status: int) -> None:
        """A request to no scoring route was refused."""
        self._cells[self._request_at[OTHER, status]] += 1

    def prediction(self, score: str, decision: str, segment: str) -> None:
        """One customer was scored and recorded."""
        self._cells[self._prediction_at[score, decision, segment]] += 1

    def serve(self, model: ModelLabels) -> None:
        """*model* answers from now on, in place of the one of its score."""
        self._models = {**self._models, model.score: model}

    def looked_up(self, score: str, customers: int) -> None:
        """The features of so many customers were answered."""
        self._cells[self._looked_up_at[score]] += customers

    def error(self, kind: str) -> None:
        """One request was not answered; *kind* is of :data:`~vigie.serving.refusal.KINDS`."""
        self._cells[self._error_at[kind]] += 1

    def also(self, collector: Collector) -> None:
        """Expose what *collector* counts, too."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """Every series, in Prometheus' text format, summed over the workers."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metric families, from what was counted so far."""
        totals = self._counters.totals()
        yield InfoMetricFamily("vigie_build", "Version of Vigie.", {"version": __version__})
        model = GaugeMetricFamily(
            "vigie_model_info", "Models in service; always 1.", labels=["score", "version", "bundle"]
        )
        for m in self._models.values():
            model.add_metric([m.score, m.version, m.bundle], 1)
        yield model
        requests = CounterMetricFamily(
            "vigie_requests",
            "Requests answered by the scoring routes, and refused by others.",
            labels=["route", "status"],
        )
        for key, at in self._request_at.items():
            requests.add_metric([key[0], str(key[1])], totals[at])
        yield requests
        predictions = CounterMetricFamily(
            "vigie_predictions", "Customers scored and recorded.", labels=["score", "decision", "segment"]
        )
        for labels, at in self._prediction_at.items():
            predictions.add_metric(labels, totals[at])
        yield predictions
        looked_up = CounterMetricFamily(
            "vigie_features_customers", "Customers whose features were answered.", labels=["score"]
        )
        for score, at in self._looked_up_at.items():
            looked_up.add_metric([score], totals[at])
        yield looked_up
        errors = CounterMetricFamily("vigie_errors", "Requests not answered, by what was wrong.", labels=["kind"])
        for kind, at in self._error_at.items():
            errors.add_metric([kind], totals[at])
        yield errors
        failures = CounterMetricFamily("vigie_journal_failures", "Requests refused because nothing could be recorded.")
        failures.add_metric([], totals[self._error_at["journal"]])
        yield failures
        yield from self._latencies(totals)

    def _latencies(self, totals: list[float]) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "vigie_request_seconds", "Seconds from a request's arrival to its answer.", labels=["route"]
        )
        for route in SCORING:
            family.add_metric([route], *self._cumulated(totals, self._histogram_at[route]))
        yield family
        family = HistogramMetricFamily(
            "vigie_feature_read_seconds", "Seconds that a request's features took to be read and computed."
        )
        family.add_metric([], *self._cumulated(totals, self._read_at))
        yield family

    @staticmethod
    def _cumulated(totals: list[float], start: int) -> tuple[list[tuple[str, float]], float]:
        """The buckets of a histogram, and its sum."""
        seen, buckets = 0.0, []
        for i, bound in enumerate([*map(str, SECONDS), "+Inf"]):
            seen += totals[start + i]
            buckets.append((bound, seen))
        return buckets, totals[start + len(SECONDS) + 1]

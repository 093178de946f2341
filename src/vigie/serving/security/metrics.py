"""What is told to Prometheus about callers who were turned away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie.serving.counters import Counters

REASONS = (
    "missing", "several", "malformed", "mistyped", "unknown", "wrong", "revoked", "expired", "algorithm", "unknown key",
    "signature", "claims", "subject", "store", "issuer away", "role", "score", "rate",
)  # fmt: skip
"""Why a caller is turned away at the gate."""
_LIMITS, _UNRECORDED, _KEYS, _ISSUER = "limits lost", "unrecorded", "keys unread", "issuer unread"


class SecurityMetrics(Collector):
    """Counts of one server.

    Args:
        counters: Directory in which workers keep their counters; ``None`` for a single one.
    """

    def __init__(self, counters: Path | None = None) -> None:
        keys = (*REASONS, _LIMITS, _UNRECORDED, _KEYS, _ISSUER)
        self._at = {key: i for i, key in enumerate(keys)}
        self._counters = Counters(len(keys), None if counters is None else counters / "security")

    def refused(self, reason: str) -> None:
        """A caller was turned away; *reason* is of :data:`REASONS`."""
        self._counters.cells[self._at[reason]] += 1

    def limits_lost(self) -> None:
        """A request was limited by this machine alone, or refused, because Redis did not answer."""
        self._counters.cells[self._at[_LIMITS]] += 1

    def unrecorded(self) -> None:
        """A refusal could not be written into the journal of administration."""
        self._counters.cells[self._at[_UNRECORDED]] += 1

    def keys_unread(self) -> None:
        """The key store could not be read again."""
        self._counters.cells[self._at[_KEYS]] += 1

    def issuer_unread(self) -> None:
        """The keys of the issuer of tokens could not be fetched."""
        self._counters.cells[self._at[_ISSUER]] += 1

    def collect(self) -> Iterator[Metric]:
        """The metric families, from what was counted so far."""
        totals = self._counters.totals()
        refused = CounterMetricFamily("vigie_refused_callers", "Callers turned away, by reason.", labels=["reason"])
        for reason in REASONS:
            refused.add_metric([reason], totals[self._at[reason]])
        yield refused
        for name, meaning, key in (
            ("vigie_limits_lost", "Requests whose rate the shared Redis did not decide.", _LIMITS),
            ("vigie_refusals_unrecorded", "Refusals that could not be recorded.", _UNRECORDED),
            ("vigie_keys_unread", "Times that the key store could not be read again.", _KEYS),
            ("vigie_issuer_unread", "Times that the keys of the issuer of tokens could not be fetched.", _ISSUER),
        ):
            family = CounterMetricFamily(name, meaning)
            family.add_metric([], totals[self._at[key]])
            yield family

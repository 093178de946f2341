"""What takes in the events that are posted. The serving room knows neither lake nor contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class QuarantinedRow(Protocol):
    """A row that broke its contract."""

    @property
    def index(self) -> int:
        """Its place among those given, from 0."""
        ...

    @property
    def rule(self) -> str:
        """The rule it broke."""
        ...

    @property
    def column(self) -> str | None:
        """The column, or ``None`` for the row as a whole."""
        ...

    @property
    def reason(self) -> str:
        """What was wrong, in words."""
        ...


class EventReceipt(Protocol):
    """What became of some rows."""

    @property
    def quarantined(self) -> Sequence[QuarantinedRow]:
        """Those that broke their contract."""
        ...

    @property
    def pending(self) -> bool:
        """Whether the source has no contract yet."""
        ...

    @property
    def ahead(self) -> int:
        """How many lie ahead of our clock."""
        ...

    @property
    def late(self) -> int:
        """How many are too old to be held online."""
        ...


class EventReceiver(Protocol):
    """Takes in events. Called from several threads."""

    @property
    def sources(self) -> Sequence[str]:
        """Names of the sources that are received."""
        ...

    def start(self) -> None:
        """Called once before anything is received."""
        ...

    def accept(self, source: str, rows: Sequence[Mapping[str, Any]], origin: str) -> EventReceipt:
        """Take in *rows*; when it returns they are kept for good.

        Raises:
            VigieError: They could not be kept, or are not online; sending them again is safe.
        """
        ...

    def lag(self, source: str) -> float:
        """Seconds that the oldest event has been waiting for the lake."""
        ...

    def spool_bytes(self, source: str) -> int:
        """Bytes that wait for the lake."""
        ...

    def stop(self) -> None:
        """Called once when nothing will be received any more."""
        ...

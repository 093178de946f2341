"""What a server asks of whoever takes its recorded predictions to the lake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Shipping(Protocol):
    """Ends segments of the journal in time, and takes those that are closed to the lake, beside the server.

    Attributes:
        on_failure: Called each time that nothing could be taken to the lake.
    """

    on_failure: Callable[[], None]

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """Ship a last time, the journal being closed; returns when that is done."""
        ...

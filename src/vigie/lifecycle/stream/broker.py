"""What ``vigie stream`` asks of a broker, and what every broker's module is given."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vigie.data.location import masked, without_secrets
from vigie.errors import SourceError

if TYPE_CHECKING:
    from vigie.lifecycle.stream.worker import Worker


def consumer_name() -> str:
    """A name for this process that no other has or had."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class StreamSettings:
    """What ``[stream]`` says.

    Attributes:
        url: Of the broker, with its secrets.
        topics: By source: topic, stream or subject.
        group: The consumer group.
        batch: Messages taken at once at most.
        redeliver_after: Seconds after which messages that a consumer took and did not acknowledge go to another.
        consumer: Name of this process in the group.
    """

    url: str
    topics: Mapping[str, str]
    group: str
    batch: int
    redeliver_after: float
    consumer: str = field(default_factory=consumer_name)


class Broker(ABC):
    """Messages of one broker, through FastStream: it connects, subscribes, polls and rebalances.

    Args:
        settings: What is consumed.
        worker: Takes messages in.
    """

    def __init__(self, settings: StreamSettings, worker: Worker) -> None:
        self.settings, self.worker = settings, worker
        self.failed: asyncio.Event = asyncio.Event()
        """Set when consuming cannot go on without being started again."""

    @abstractmethod
    async def start(self) -> None:
        """Connect and begin to consume.

        Raises:
            SourceError: The broker cannot be reached, or a topic is not there.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Finish what is being worked on, and disconnect."""

    @abstractmethod
    async def waiting(self) -> dict[str, int]:
        """By source: messages that the broker has for the group and that are not acknowledged."""


def untouched(raw: Any) -> Any:
    """A parser for FastStream that looks at nothing: what cannot be decoded must reach us, too."""
    from faststream.message import StreamMessage

    return StreamMessage(raw_message=raw, body=b"")


def undecoded(message: Any) -> Any:
    """A decoder for FastStream that hands over what the broker's client gave."""
    return message.raw_message


def unreachable(url: str, error: Exception) -> SourceError:
    """The broker does not answer."""
    found = SourceError(
        f"the broker cannot be reached: {without_secrets(str(error) or type(error).__name__, url)}",
        where=f"[stream] url {masked(url)}",
        remedy="start it, or correct the address",
    )
    found.retryable = True
    return found

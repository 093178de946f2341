"""A message of any broker, and the rows in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker handed over.

    Attributes:
        topic: Topic, stream or subject.
        place: Where in it: ``partition/offset``, or the message's id or sequence number.
        payload: As it came.
        deliveries: How often the broker has handed it over, this time included, where it counts that; else 1.
    """

    topic: str
    place: str
    payload: bytes
    deliveries: int = 1


class UndecodableError(Exception):
    """A message is not JSON, or neither an object nor a list of objects."""


_decode = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]]).decode


def rows_in(payload: bytes) -> list[dict[str, Any]]:
    """The events in a message: a JSON object, or a list of them.

    Raises:
        UndecodableError: It is something else.
    """
    try:
        found = _decode(payload)
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 at byte {error.start}") from error
    except msgspec.ValidationError as error:
        raise UndecodableError(f"neither a JSON object nor a list of them: {error}") from error
    except ValueError as error:
        raise UndecodableError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise UndecodableError("nested too deeply") from error
    return found if isinstance(found, list) else [found]

"""What is sent to ``POST /v1/events`` and what is answered."""

from __future__ import annotations

from typing import Any

import msgspec

from vigie.serving.refusal import RequestError, from_decoding, refused


class EventsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events, or rows of a table, of one source.

    Attributes:
        source: Name of the source, as in the project file.
        events: One object an event; fields are the source's columns. Sending one again changes nothing.
    """

    source: str
    events: list[dict[str, Any]]


class QuarantinedEvent(msgspec.Struct, frozen=True):
    """An event that broke its contract and is in quarantine.

    Attributes:
        source: Name of the source.
        index: Its place in the list ``events`` that it was sent in, from 0.
        rule: The rule it broke: key, time, id, type, null, range, category.
        column: The column; null where it is the event as a whole.
        reason: What was wrong, in words.
        part: Where a list was sent: which of its items, from 0.
    """

    source: str
    index: int
    rule: str
    column: str | None
    reason: str
    part: int = 0


class EventsAnswer(msgspec.Struct, frozen=True):
    """Every event is kept for good, and those accepted count in features from now on.

    Attributes:
        request_id: To find the request again; also in the header ``X-Request-ID``.
        accepted: Events that keep their contract, repetitions included.
        quarantined: The others, each with the rule it broke.
        pending: Sources among those sent that have no contract yet: their events are kept, and read at the first flush.
    """

    request_id: str
    accepted: int
    quarantined: list[QuarantinedEvent]
    pending: list[str]


_decode = msgspec.json.Decoder(EventsRequest | list[EventsRequest]).decode


def decode_events(body: bytes, max_events: int) -> list[EventsRequest]:
    """The parts of a body: one, or those of a list.

    Raises:
        RequestError: It is not what :class:`EventsRequest` says, or there are too many events.
    """
    try:
        found = _decode(body)
    except (ValueError, RecursionError) as error:
        raise _problem(error) from error
    parts = found if isinstance(found, list) else [found]
    count = sum(len(part.events) for part in parts)
    if count > max_events:
        raise refused(413, "events", f"{count:,} events; {max_events:,} are allowed", "send fewer at once", "protocol")
    if not count:
        raise refused(422, "events", "there are no events", 'send {"source": "…", "events": [{…}]}')
    return parts


def _problem(error: ValueError | RecursionError) -> RequestError:
    if isinstance(error, RecursionError):
        return refused(422, "body", "nested too deeply", "an event is an object of plain values")
    return from_decoding(error)

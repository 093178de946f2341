"""``POST /v1/events`` as plain ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from vigie.clock import Clock
from vigie.errors import did_you_mean
from vigie.journal import new_identifier
from vigie.serving.body_route import BodyRoute, Posted
from vigie.serving.events_batcher import EventBatcher, Taken
from vigie.serving.events_messages import EventsAnswer, EventsRequest, decode_events
from vigie.serving.events_receiver import EventReceiver
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import Detail, RequestError, refused
from vigie.serving.security.grant import check_rows
from vigie.serving.settings import ServingSettings


class EventsRoute(BodyRoute):
    """Takes in what is posted, all or nothing acknowledged.

    Args:
        receiver: Says which sources there are.
        batcher: Takes the events in.
    """

    def __init__(
        self,
        receiver: EventReceiver,
        batcher: EventBatcher,
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ServingSettings,
    ) -> None:
        super().__init__("events", clock=clock, metrics=metrics, limit=settings.max_body_bytes, fewer="events")
        self._sources, self._batcher, self._most = receiver.sources, batcher, settings.max_events

    async def answer(self, posted: Posted) -> EventsAnswer:
        """What became of the events in the body."""
        kind = posted.content_type
        if kind.partition(";")[0].strip().lower() not in ("application/json", ""):
            raise refused(415, "content-type", f"{kind} is not understood", "send application/json", "protocol")
        posted.request_id = posted.request_id or new_identifier(posted.at)
        parts = decode_events(posted.body, self._most)
        check_rows(posted.grant, sum(len(part.events) for part in parts), "events")
        unknown = [(i, part.source) for i, part in enumerate(parts) if part.source not in self._sources]
        if unknown:
            raise RequestError(
                422, [_unknown(len(parts), i, name, self._sources) for i, name in unknown[:100]], "input"
            )
        taken = await asyncio.gather(*(self._take(part) for part in parts), return_exceptions=True)
        accepted, quarantined, pending = 0, [], []
        for i, (part, found) in enumerate(zip(parts, taken, strict=True)):
            if isinstance(found, BaseException):
                raise found
            accepted += found.accepted
            quarantined += [msgspec.structs.replace(bad, part=i) for bad in found.quarantined]
            if found.pending and part.source not in pending:
                pending.append(part.source)
        return EventsAnswer(posted.request_id, accepted, quarantined, pending)

    async def _take(self, part: EventsRequest) -> Taken:
        return await self._batcher.take(part.source, part.events)


def _unknown(parts: int, i: int, name: str, known: Sequence[str]) -> Detail:
    place = "source" if parts == 1 else f"[{i}].source"
    return Detail(place, f"no source is called {name!r}", did_you_mean(name, known))

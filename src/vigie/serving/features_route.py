"""``GET`` and ``POST /v1/features`` as plain ASGI: features of customers, computed at the moment of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from vigie.clock import Clock, iso
from vigie.definition.kind import Kind
from vigie.errors import VigieError, did_you_mean
from vigie.features.online.lookup import Asked, Found, Lookup
from vigie.journal import new_identifier
from vigie.serving.body_route import BodyRoute, Posted
from vigie.serving.features_messages import FeaturesAnswer, FeaturesAsked, FeaturesRow, from_body, from_query
from vigie.serving.gathered_reads import GatheredReads
from vigie.serving.messages import moment_asked
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import from_error, refused
from vigie.serving.security.grant import check_rows
from vigie.serving.settings import ServingSettings


@dataclass(frozen=True, eq=False)
class ServedFeatures:
    """Features that a server answers with.

    Attributes:
        lookups: By name of the score.
        quick: Whether the store is of this machine, so that a few customers are looked up without a thread.
        stop: Called when the server ends.
    """

    lookups: Mapping[str, Lookup]
    quick: bool
    stop: Callable[[], None]


class FeaturesRoute(BodyRoute):
    """Answers with features by customer id.

    Args:
        served: The features.
    """

    methods: ClassVar[tuple[str, ...]] = ("GET", "POST")

    def __init__(self, served: ServedFeatures, *, clock: Clock, metrics: Metrics, settings: ServingSettings) -> None:
        super().__init__("features", clock=clock, metrics=metrics, limit=settings.max_body_bytes, fewer="customers")
        self._lookups, self._quick, self._most = served.lookups, served.quick, settings.max_rows
        # All lookups are of one store.
        self._reads = GatheredReads(next(iter(served.lookups.values())).read)
        only = settings.default_model if settings.default_model in served.lookups else None
        self._only = next(iter(served.lookups)) if len(served.lookups) == 1 else only

    async def answer(self, posted: Posted) -> FeaturesAnswer:
        """The features of the customers asked for."""
        asked = self._read(posted)
        posted.request_id = asked.request_id or posted.request_id or new_identifier(posted.at)
        if posted.grant is not None and asked.score is not None:
            posted.grant.need_score(asked.score)  # before it is told whether there is such a score
        lookup = self._lookup(asked.score)
        if posted.grant is not None:
            posted.grant.need_score(lookup.name)
            check_rows(posted.grant, len(asked.customers), "customers")
        as_of = moment_asked(asked.as_of, posted.at)
        names, wanted = _wanted(lookup, asked.names)
        try:
            found = await self._found(lookup, asked.customers, as_of, wanted)
        except VigieError as error:
            raise from_error(error) from error
        self._metrics.looked_up(lookup.name, len(found))
        times = [name for name in names if lookup.kinds[name] is Kind.TIME]
        said = iso(as_of)
        rows = [_row(c, one, names, times, as_of, said) for c, one in zip(asked.customers, found, strict=True)]
        return FeaturesAnswer(posted.request_id, lookup.name, lookup.fingerprint, said, names, rows)

    async def _found(self, lookup: Lookup, customers: Sequence[str], as_of: int, wanted: Asked) -> list[Found]:
        found = None
        if self._quick:
            found = lookup.glance(customers, as_of, wanted)
        elif (places := lookup.places(customers, as_of, wanted)) is not None:
            found = lookup.glance(customers, as_of, wanted, await self._reads.read(places))
        if found is None:
            found = await asyncio.to_thread(lookup.find, customers, as_of, wanted)
        return found

    def _read(self, posted: Posted) -> FeaturesAsked:
        if posted.method == "GET":
            return from_query(posted.query, self._most)
        kind = posted.content_type
        if kind.partition(";")[0].strip().lower() not in ("application/json", ""):
            raise refused(415, "content-type", f"{kind} is not understood", "send application/json", "protocol")
        return from_body(posted.body, self._most)

    def _lookup(self, score: str | None) -> Lookup:
        if score is None:
            score = self._only
        found = None if score is None else self._lookups.get(score)
        if found is not None:
            return found
        if score is None:
            names = ", ".join(self._lookups)
            raise refused(
                404, "score", f"there are features of {len(self._lookups)} scores", f"name one: {names}", "model"
            )
        raise refused(404, "score", f"no score is called {score!r}", did_you_mean(score, self._lookups), "model")


def _wanted(lookup: Lookup, names: tuple[str, ...] | None) -> tuple[list[str], Asked]:
    if names is None:
        return list(lookup.kinds), lookup.values
    unknown = [name for name in names if name not in lookup.kinds]
    if unknown:
        what = f"'{lookup.name}' has no feature {unknown[0]!r}"
        raise refused(422, "features", what, did_you_mean(unknown[0], lookup.kinds))
    return list(names), lookup.named(names)


def _row(customer: str, found: Found, names: Sequence[str], times: Sequence[str], as_of: int, said: str) -> FeaturesRow:
    known, moment, values = found
    if values is None:
        return FeaturesRow(customer, known, None, None)
    told = dict(zip(names, values, strict=True))
    for name in times:
        told[name] = _told(told[name])
    return FeaturesRow(customer, known, said if moment == as_of else iso(moment), told)


def _told(moment: Any) -> Any:
    try:
        return None if moment is None else iso(moment)
    except (OverflowError, ValueError):  # beyond the years 1 … 9999
        return moment

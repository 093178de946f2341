"""A route as plain ASGI: reads a body, has it scored, writes the answer. A FastAPI route costs about four times as much.

Both ``/v1/score`` and ``/invocations`` are of this class; they differ in how a body becomes rows and how an answer is
written. Every refusal has one shape, and only what is listed in the OpenAPI page is ever answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from vigie.clock import Clock
from vigie.journal import new_identifier
from vigie.serving.body_route import JSON, BodyRoute, Posted, Raw, encode
from vigie.serving.idempotency import HEADER, Idempotency, Remembered, key_of
from vigie.serving.messages import QuickDecoder, Row, ScoreAnswer, moment_asked
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import RequestError
from vigie.serving.scoring import Answering, Asked
from vigie.serving.security.grant import check_rows
from vigie.serving.settings import ServingSettings


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A body that was read.

    Attributes:
        rows: Who is to be scored.
        as_of: ISO 8601 moment to score at; ``None`` for now.
        request_id: As chosen by the caller in the body.
        reasons: How many are wanted for each customer.
    """

    rows: Sequence[Row]
    as_of: str | None = None
    request_id: str | None = None
    reasons: int = 0


class PostRoute(BodyRoute):
    """Scores what is posted, with one model.

    Args:
        label: Of the route in the metrics.
        scoring: The model, or the problem that there is none to answer with.
        read: From a body, its media type and the model's quick decoder to rows; raises :class:`RequestError`.
        write: From an answer to what is sent.
        idempotency: What was answered to requests that name themselves.
    """

    def __init__(
        self,
        label: str,
        scoring: Answering | RequestError,
        read: Callable[[bytes, str, QuickDecoder | None], Sent],
        write: Callable[[ScoreAnswer], object],
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ServingSettings,
        idempotency: Idempotency,
    ) -> None:
        super().__init__(label, clock=clock, metrics=metrics, limit=settings.max_body_bytes, fewer="customers")
        self._scoring, self._read, self._write = scoring, read, write
        self._idempotency = idempotency

    async def answer(self, posted: Posted) -> object:
        """The scores of the customers in the body; the ones given before where the request is a repetition."""
        if HEADER not in posted.headers:
            return await self._scored(posted)
        key = key_of(posted.headers)
        assert key is not None, "there is one"
        first = await self._idempotency.begin(key, posted.caller, posted.path, posted.body)
        if isinstance(first, Remembered):
            posted.request_id = first.request_id
            return Raw(first.answer, (JSON, (b"idempotency-replayed", b"true")))
        try:
            answer = encode(await self._scored(posted))
        except BaseException:
            self._idempotency.give_up(first)
            raise
        self._idempotency.end(first, posted.request_id, answer)
        return Raw(answer, (JSON,))

    async def _scored(self, posted: Posted) -> object:
        scoring = self._scoring
        quick = None if isinstance(scoring, RequestError) else scoring.quick
        sent = self._read(posted.body, posted.content_type, quick)
        posted.request_id = sent.request_id or posted.request_id or new_identifier(posted.at)
        if posted.grant is not None:
            check_rows(posted.grant, len(sent.rows), "customers")
            if sent.reasons:
                posted.grant.need("explain")
        if isinstance(scoring, RequestError):
            raise scoring
        moment = moment_asked(sent.as_of, posted.at)
        asked = Asked(posted.request_id, posted.at, moment, posted.started, posted.caller, sent.reasons)
        return self._write(await scoring.score(sent.rows, asked))

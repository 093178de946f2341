"""What nobody expected, outside the plain routes: answered with 500 in the one shape, counted, and in the log by the request's id."""

from __future__ import annotations

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigie.clock import Clock
from vigie.journal import new_identifier
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import Refusal, of_our_own
from vigie.serving.request_id import request_id_of
from vigie.serving.v2_messages import error_of


class Failures:
    """Answers for what could not.

    Args:
        clock: Makes ids of requests.
        metrics: Where they are counted.
    """

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock, self._metrics = clock, metrics

    async def tell(self, scope: Scope, send: Send) -> None:
        """Answer a request; called where the exception is handled, before anything was answered."""
        request_id = request_id_of(dict(scope["headers"])) or new_identifier(self._clock.now())
        problem = of_our_own(request_id)
        self._metrics.error(problem.kind)
        self._metrics.refusal(problem.status)
        told: object = Refusal(list(problem.details), request_id)
        if scope["path"].startswith("/v2"):
            told = error_of(problem.details)  # the protocol's clients read nothing else
        answer = msgspec.json.encode(told)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        headers.append((b"x-request-id", request_id.encode()))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def around(self, app: ASGIApp) -> ASGIApp:
        """*app*, whose exceptions are answered here unless it has begun to answer."""

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            begun = False

            async def told(message: Message) -> None:
                nonlocal begun
                begun = True
                await send(message)

            try:
                await app(scope, receive, told)
            except Exception:
                if begun or scope["type"] != "http":
                    raise
                await self.tell(scope, send)

        return answered

"""A route as plain ASGI: reads a body, has it scored, writes the answer. A FastAPI route costs about four times as much.

Both ``/v1/score`` and ``/invocations`` are of this class; they differ in how a body becomes rows and how an answer is
written. Every refusal has one shape, and only what is listed in the OpenAPI page is ever answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from starlette.types import Receive, Scope, Send

from vigie.clock import Clock, stopwatch
from vigie.journal import identifiers
from vigie.serving.messages import Row, ScoreAnswer, moment_asked
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import Refusal, RequestError, refused
from vigie.serving.scoring import Asked, Scoring
from vigie.serving.settings import ServingSettings

REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_REQUEST_ID_HEADERS = (b"x-request-id", b"x-amzn-sagemaker-inference-id")

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Sent:
    """A body that was read.

    Attributes:
        rows: Who is to be scored.
        as_of: ISO 8601 moment to score at; ``None`` for now.
        request_id: As chosen by the caller in the body.
    """

    rows: Sequence[Row]
    as_of: str | None = None
    request_id: str | None = None


class PostRoute:
    """Scores what is posted, with one model.

    Args:
        label: Of the route in the metrics.
        scoring: The model, or the problem that there is none to answer with.
        read: From a body and its media type to rows; raises :class:`RequestError`.
        write: From an answer to what is sent.
    """

    def __init__(
        self,
        label: str,
        scoring: Scoring | RequestError,
        read: Callable[[bytes, str], Sent],
        write: Callable[[ScoreAnswer], object],
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ServingSettings,
    ) -> None:
        self._label = label
        self._scoring = scoring
        self._read = read
        self._write = write
        self._clock = clock
        self._metrics = metrics
        self._limit = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = stopwatch()
        now = self._clock.now()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = _request_id(headers)
        status, more = 200, []
        try:
            if scope["method"] != "POST":
                more = [(b"allow", b"POST")]
                raise refused(405, "method", f"{scope['method']} is not answered here", "send POST", "protocol")
            body = await self._body(headers, receive)
            if body is None:
                return
            started = stopwatch()
            sent = self._read(body, headers.get(b"content-type", b"").decode("latin-1"))
            request_id = sent.request_id or request_id or identifiers(now)[0]
            if isinstance(self._scoring, RequestError):
                raise self._scoring
            client = scope.get("client")
            asked = Asked(request_id, now, moment_asked(sent.as_of, now), started, client[0] if client else "")
            answer = encode(self._write(await self._scoring.score(sent.rows, asked)))
        except RequestError as problem:
            request_id = request_id or identifiers(now)[0]
            status, answer = problem.status, encode(Refusal(list(problem.details), request_id))
            if status == 503:
                more = [(b"retry-after", b"1")]
            self._metrics.error(problem.kind)
        self._metrics.request(self._label, status, stopwatch() - arrived)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(answer)),
                    (b"x-request-id", request_id.encode()),
                    *more,
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body, or ``None`` if the caller went away.

        Raises:
            RequestError: It is longer than allowed.
        """
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            raise self._too_long()
        parts: list[bytes] = []
        length = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part: bytes = message.get("body", b"")
            length += len(part)
            if length > self._limit:
                raise self._too_long()
            if not message.get("more_body", False):
                return b"".join([*parts, part]) if parts else part
            parts.append(part)

    def _too_long(self) -> RequestError:
        return refused(413, "body", f"longer than {self._limit:,} bytes", "send fewer customers at once", "protocol")


def _request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's id from a header; empty if there is none that could be sent back."""
    for name in _REQUEST_ID_HEADERS:
        text = headers.get(name, b"").decode("latin-1")
        if REQUEST_ID.fullmatch(text):
            return text
    return ""

"""What the plain ASGI routes have in common: limits, refusals in one shape, the request's id, metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from starlette.types import Receive, Scope, Send

from vigie.clock import Clock, stopwatch
from vigie.journal import new_identifier
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import Refusal, RequestError, of_our_own, refused
from vigie.serving.request_id import request_id_of
from vigie.serving.security.grant import CALLER, Grant

encode = msgspec.json.Encoder().encode


class Posted(msgspec.Struct, gc=False):
    """A request whose body is there.

    Attributes:
        body: All of it; empty for a GET.
        content_type: Its media type as sent; empty for none.
        request_id: From a header, or one of ours; a route that finds one in the body puts it here.
        at: The server's moment, µs UTC.
        started: Reading of the stopwatch when the whole body was there.
        caller: Name of the caller, ``key:NAME`` or ``token:SUBJECT``; of one who need not be recognised the address,
            empty where it is not known.
        grant: What the caller may do; ``None`` where callers need not be recognised.
        method: ``POST``, or what else the route answers.
        query: What stands behind ``?`` in the URL, as sent.
        headers: As sent, names in lower case.
        path: Of the URL.
    """

    body: bytes
    content_type: str
    request_id: str
    at: int
    started: float
    caller: str
    method: str
    query: bytes
    grant: Grant | None = None
    headers: dict[bytes, bytes] = {}
    path: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON.

    Attributes:
        body: As it is sent.
        headers: Beside length and request id; one of them is the content type.
    """

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


JSON = (b"content-type", b"application/json")
"""Header of an answer in JSON."""


class BodyRoute(ABC):
    """A route that answers a POST, or what else is in :attr:`methods`.

    Args:
        label: Of the route in the metrics.
        clock: Gives requests their moment.
        metrics: Where they are counted.
        limit: Bytes of a body at most.
        fewer: What to send fewer of where a body is too long.
    """

    methods: ClassVar[tuple[str, ...]] = ("POST",)

    def __init__(self, label: str, *, clock: Clock, metrics: Metrics, limit: int, fewer: str) -> None:
        self._label, self._clock, self._metrics, self._limit, self._fewer = label, clock, metrics, limit, fewer

    @abstractmethod
    async def answer(self, posted: Posted) -> object:
        """What is sent back, to be encoded as JSON; or :class:`Raw`.

        Raises:
            RequestError: The request is refused.
        """

    def refusal(self, problem: RequestError, request_id: str) -> tuple[int, object]:
        """Status and body of a refusal."""
        return problem.status, Refusal(list(problem.details), request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = stopwatch()
        now = self._clock.now()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        client = scope.get("client")
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        grant: Grant | None = scope.get(CALLER)
        address, method = client[0] if client else "", scope["method"]
        posted = Posted(
            b"",
            content_type,
            request_id_of(headers),
            now,
            arrived,
            address if grant is None else grant.name,
            method,
            scope["query_string"],
            grant,
            headers,
            scope["path"],
        )
        status, more = 200, []
        kind: tuple[tuple[bytes, bytes], ...] = (JSON,)
        try:
            if method not in self.methods:
                more = [(b"allow", ", ".join(self.methods).encode())]
                remedy = f"send {' or '.join(self.methods)}"
                raise refused(405, "method", f"{method} is not answered here", remedy, "protocol")
            if method == "POST":
                body = await self._body(headers, receive, self._allowed(grant))
                if body is None:
                    return
                posted.body, posted.started = body, stopwatch()
            found = await self.answer(posted)
            if type(found) is Raw:
                answer, kind = found.body, found.headers
            else:
                answer = encode(found)
        except Exception as error:  # noqa: BLE001 - answered, counted and logged
            posted.request_id = posted.request_id or new_identifier(now)
            problem = error if isinstance(error, RequestError) else of_our_own(posted.request_id)
            status, told = self.refusal(problem, posted.request_id)
            answer = encode(told)
            if status == 503:
                more = [(b"retry-after", b"1")]
            self._metrics.error(problem.kind)
        self._metrics.request(self._label, status, stopwatch() - arrived)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    *kind,
                    (b"content-length", b"%d" % len(answer)),
                    (b"x-request-id", posted.request_id.encode()),
                    *more,
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    def _allowed(self, grant: Grant | None) -> int:
        """Bytes of a body at most."""
        return self._limit if grant is None or grant.max_body_bytes is None else min(self._limit, grant.max_body_bytes)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes | None:
        """The whole body, or ``None`` if the caller went away.

        Raises:
            RequestError: It is longer than allowed.
        """
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise self._too_long(limit)
        parts: list[bytes] = []
        length = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part: bytes = message.get("body", b"")
            length += len(part)
            if length > limit:
                raise self._too_long(limit)
            if not message.get("more_body", False):
                return b"".join([*parts, part]) if parts else part
            parts.append(part)

    def _too_long(self, limit: int) -> RequestError:
        return refused(413, "body", f"longer than {limit:,} bytes", f"send fewer {self._fewer} at once", "protocol")

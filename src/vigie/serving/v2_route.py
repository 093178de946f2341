"""The Open Inference Protocol (V2) as plain ASGI: health, metadata and inference, for KServe's, Triton's and Seldon's clients.

Every prediction goes the way of ``/v1/score``: through the same router, onto the same record, past the same gate.
Refusals are the protocol's ``{"error": …}``, with 400 for what is wrong with a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from vigie._version import __version__
from vigie.clock import Clock
from vigie.definition.kind import Kind
from vigie.errors import did_you_mean
from vigie.journal import new_identifier
from vigie.serving.body_route import BodyRoute, Posted
from vigie.serving.messages import moment_asked
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import RequestError, of_our_own, refused
from vigie.serving.request_id import request_id_of
from vigie.serving.scoring import Answering, Asked
from vigie.serving.security.grant import check_rows
from vigie.serving.settings import ServingSettings
from vigie.serving.v2_messages import LENGTH, ModelMetadata, error_of, metadata_of, read_inference, written

EXTENSIONS = ("binary_tensor_data",)
"""Of the protocol, by Triton's names."""

ROOT = "/v2"
_MODELS = "/v2/models/"
_TYPES = frozenset({"application/json", "application/octet-stream", ""})


class Described(Protocol):
    """What the protocol tells of a model, whether or not it is in memory."""

    @property
    def version(self) -> str:
        """That answers."""
        ...

    @property
    def signature(self) -> Mapping[str, tuple[Kind, bool]]:
        """Kind of each input, and whether it is required."""
        ...


class V2Routes:
    """Everything below ``/v2``.

    Args:
        answering: By name of the score: who scores.
        described: By name of the score: its version and inputs, as they are now.
        unready: Why nothing may be sent here now; ``None``: it may.
        clock: Gives requests their moment.
        metrics: Where they are counted.
        settings: Limits.
    """

    def __init__(
        self,
        answering: Mapping[str, Answering],
        described: Callable[[str], Described],
        unready: Callable[[], str | None],
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ServingSettings,
    ) -> None:
        self._answering, self._described, self._unready = answering, described, unready
        self._clock, self._metrics = clock, metrics
        self._infer = _InferRoute(self, clock=clock, metrics=metrics, settings=settings)
        self._kinds: dict[str, tuple[Described, dict[str, Kind]]] = {}
        self.answering, self.max_rows = answering, settings.max_rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.endswith("/infer") and path.startswith(_MODELS):
            await self._infer(scope, receive, send)
            return
        more: list[tuple[bytes, bytes]] = []
        request_id = request_id_of(dict(scope["headers"])) or new_identifier(self._clock.now())
        try:
            if scope["method"] not in ("GET", "HEAD"):
                more = [(b"allow", b"GET, HEAD")]
                raise refused(405, "method", f"{scope['method']} is not answered here", "send GET", "protocol")
            status, answer = self._told(path)
        except Exception as error:  # noqa: BLE001 - answered, counted and logged
            problem = error if isinstance(error, RequestError) else of_our_own(request_id)
            self._metrics.error(problem.kind)
            self._metrics.refusal(problem.status)
            status, answer = problem.status, error_of(problem.details)
        body = msgspec.json.encode(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        headers += [(b"x-request-id", request_id.encode()), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _told(self, path: str) -> tuple[int, object]:
        reason = self._unready() if path.endswith("/ready") else None
        ready = reason is None
        match path.strip("/").split("/"):
            case ["v2"]:
                return 200, {"name": "vigie", "version": __version__, "extensions": EXTENSIONS}
            case ["v2", "health", "live"]:
                return 200, {"live": True}
            case ["v2", "health", "ready"]:
                # The specification calls it live, KServe's client looks for ready.
                return (200 if ready else 503), {"live": True, "ready": ready, **({} if ready else {"error": reason})}
            case ["v2", "models", name] | ["v2", "models", name, "versions", _]:
                return 200, self.metadata(self.model(path)[0])
            case ["v2", "models", name, "ready"] | ["v2", "models", name, "versions", _, "ready"]:
                self.model(path)
                return (200 if ready else 503), {"name": name, "ready": ready, **({} if ready else {"error": reason})}
            case _:
                raise refused(404, "path", "no such route", "see /docs", "protocol")

    def metadata(self, name: str) -> ModelMetadata:
        """What the protocol tells of a model."""
        described = self._described(name)
        return metadata_of(name, described.version, described.signature)

    def kinds(self, name: str) -> dict[str, Kind]:
        """The inputs of a model."""
        described = self._described(name)
        known = self._kinds.get(name)
        if known is None or known[0] is not described:
            known = self._kinds[name] = (described, {one: kind for one, (kind, _) in described.signature.items()})
        return known[1]

    def model(self, path: str) -> tuple[str, str | None]:
        """Name and version that a path names; the version is ``None`` where it names none.

        Raises:
            RequestError: 404: no such score, or another version of it answers.
        """
        parts = path.strip("/").split("/")
        name, version = parts[2], parts[4] if len(parts) > 4 and parts[3] == "versions" else None
        if name not in self._answering:
            raise refused(404, "name", f"no score is called {name!r}", did_you_mean(name, self._answering), "model")
        if version is not None and version != self._described(name).version:
            now = self._described(name).version
            raise refused(404, "version", f"version {version} of {name} is not served", f"version {now} is", "model")
        return name, version


class _InferRoute(BodyRoute):
    def __init__(self, routes: V2Routes, *, clock: Clock, metrics: Metrics, settings: ServingSettings) -> None:
        super().__init__("v2", clock=clock, metrics=metrics, limit=settings.max_body_bytes, fewer="rows")
        self._routes = routes

    async def answer(self, posted: Posted) -> object:
        """The outputs of the rows in the body."""
        if len(posted.path.strip("/").split("/")) not in (4, 6):
            raise refused(404, "path", "no such route", "see /docs", "protocol")
        name, _ = self._routes.model(posted.path)
        media = posted.content_type.partition(";")[0].strip().lower()
        if media not in _TYPES:
            raise refused(415, "content-type", f"{media} is not understood", "send application/json", "protocol")
        if posted.headers.get(b"content-encoding", b"identity") != b"identity":
            raise refused(415, "content-encoding", "compressed bodies are not read", "send it as it is", "protocol")
        length = posted.headers.get(LENGTH)
        if length is not None and not length.isdigit():
            raise refused(422, LENGTH.decode(), "expected a number of bytes")
        kinds = self._routes.kinds(name)
        asked = read_inference(posted.body, None if length is None else int(length), kinds, self._routes.max_rows)
        posted.request_id = asked.request_id or posted.request_id or new_identifier(posted.at)
        check_rows(posted.grant, len(asked.rows), "inputs")
        moment = moment_asked(asked.as_of, posted.at)
        about = Asked(posted.request_id, posted.at, moment, posted.started, posted.caller)
        return written(await self._routes.answering[name].score(asked.rows, about), asked.outputs)

    def refusal(self, problem: RequestError, request_id: str) -> tuple[int, object]:
        """``{"error": …}``; 400 where other routes say 422, which the protocol does not know."""
        del request_id
        return 400 if problem.status == 422 else problem.status, error_of(problem.details)

"""The scoring API as one ASGI application.

Scoring itself is plain ASGI (:mod:`vigie.serving.post_route`), found by its path before FastAPI is asked; whatever is
called less often (health, metrics, models, documentation) is FastAPI's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from vigie._version import __version__
from vigie.bundle import SEGMENT_NAMES, Bundle, Cover
from vigie.clock import Clock
from vigie.errors import JournalError, SettingsError, did_you_mean
from vigie.journal import PredictionJournal, new_identifier
from vigie.serving.events_batcher import EventBatcher
from vigie.serving.events_metrics import EventMetrics
from vigie.serving.events_receiver import EventReceiver
from vigie.serving.events_route import EventsRoute
from vigie.serving.failures import Failures
from vigie.serving.features_route import FeaturesRoute, ServedFeatures
from vigie.serving.idempotency import Idempotency
from vigie.serving.invocations import InvocationAnswer, read_invocation
from vigie.serving.journal_metrics import JournalMetrics
from vigie.serving.logs import RequestLog
from vigie.serving.messages import QuickDecoder, ScoreAnswer, decode, rows_of
from vigie.serving.metrics import Metrics, ModelLabels
from vigie.serving.model_card import card_of
from vigie.serving.openapi import describe
from vigie.serving.post_route import PostRoute, Sent
from vigie.serving.refusal import Detail, Refusal, RequestError, refused
from vigie.serving.router import Router
from vigie.serving.router_following import Following
from vigie.serving.router_metrics import RouterMetrics
from vigie.serving.scoring import Answering, Scoring
from vigie.serving.security.gate import Gate, Security
from vigie.serving.security.grant import CALLER
from vigie.serving.security.openapi import secured
from vigie.serving.served import Served
from vigie.serving.settings import ServingSettings
from vigie.serving.shelf import Shelf
from vigie.serving.shipping import Shipping
from vigie.serving.tracing import Tracing
from vigie.serving.traffic import Traffic
from vigie.serving.v2_route import ROOT, Described, V2Routes

_JSON = ("application/json", "")
_BACKLOG = 20
"""Requests of the largest size whose events may wait to be taken in."""


class ScoringApp(FastAPI):
    """FastAPI, asked only for the paths that are not in :attr:`plain`.

    Attributes:
        failures: Answers where something failed that nobody expected.
        gate: What every request passes first. FastAPI's middleware would not see those of :attr:`plain`.
        plain: Plain ASGI applications by exact path.
        below_v2: Likewise for whatever is below ``/v2``.
        observed: What is around every request: logs, traces; ``None``: nothing is.
    """

    failures: Failures
    gate: Gate
    plain: dict[str, ASGIApp]
    below_v2: ASGIApp
    observed: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.observed is not None and scope["type"] == "http":
            await self.observed(scope, receive, send)
            return
        await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whoever looks on."""
        if scope["type"] == "http":
            try:
                passed = await self.gate.enter(scope, send)
            except Exception:  # noqa: BLE001 - answered, counted and logged
                await self.failures.tell(scope, send)
                return
            if passed is None:
                return
            send = passed
            path: str = scope["path"]
            route = self.plain.get(path)
            if route is None and path.startswith("/v2"):
                route = self.below_v2 if path == ROOT or path.startswith(f"{ROOT}/") else None
            if route is not None:
                await route(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def create_app(
    models: Mapping[str, Served],
    journal: PredictionJournal,
    clock: Clock,
    settings: ServingSettings | None = None,
    *,
    events: EventReceiver | None = None,
    features: ServedFeatures | None = None,
    shipping: Shipping | None = None,
    security: Security | None = None,
    following: Following | None = None,
    shelf: Shelf | None = None,
    traffic: Traffic | None = None,
    requests: RequestLog | None = None,
    tracing: Tracing | None = None,
) -> FastAPI:
    """The scoring API for *models*.

    Args:
        models: By name of the score; at least one, or *features*, or *shelf*.
        journal: Where every prediction is recorded before it is answered. Closed when the app ends.
        clock: Gives every answer its moment.
        settings: Limits, and the default model.
        events: Takes in what is posted to ``/v1/events``; ``None``: there is no such route.
        features: What ``/v1/features`` answers with; ``None``: there is no such route.
        shipping: Takes recorded predictions to the lake beside the server; ``None``: nobody does here.
        security: Who may call; ``None``: everybody.
        following: Gives the scores new champions and challengers while the server runs; ``None``: nobody does.
        shelf: Models that are read when they are asked for; ``None``: there are none. They are not *followed*.
        traffic: Keeps what was answered by hour for the watch; ``None``: nobody does.
        requests: Gives the lines of the log the ids of requests; ``None``: nobody does.
        tracing: Sends traces; ``None``: nobody does. Closed when the app ends.

    Raises:
        SettingsError: There is nothing to serve, or the default model is not among *models*.
    """
    settings = settings or ServingSettings()
    if not models and features is None and not shelf:
        raise SettingsError("there is no model to serve", remedy="train one, or name a bundle")
    default = _default(models, settings, shelf)
    lookups = features.lookups if features is not None else {}
    labels = [_labels(served) for served in models.values()]
    if shelf is not None:
        labels += [
            _labels_of(one.name, one.version, one.cover) for one in shelf.models.values() if one.cover is not None
        ]
    metrics = Metrics(labels, settings, list(lookups))
    metrics.also(JournalMetrics(journal, clock, shipping, settings.counters))
    current = dict(models)

    def crowned(served: Served) -> None:
        current[served.name] = served
        metrics.serve(_labels(served))

    def make(served: Served) -> Scoring:
        scoring = Scoring(served, journal, metrics, settings)
        return scoring if tracing is None else scoring.asking_through(tracing.spanned)

    released = RouterMetrics(list(models), settings.counters)
    routers = {
        name: Router(served, make, settings.holdout, crowned, released.counting(name))
        for name, served in models.items()
    }
    released.routers = routers
    if routers:
        metrics.also(released)
    if following is not None:
        metrics.also(following.incidents)
    answering: dict[str, Answering] = dict(routers)
    if shelf is not None:
        shelf.attach(lambda served: Router(served, make, settings.holdout))  # not followed, but with the hold-out
        metrics.also(shelf.metrics)
        answering |= {name: shelf.answering(name) for name in shelf}

    idempotency = Idempotency(settings.counters)

    def post(label: str, scoring: Answering | RequestError, read: Any, write: Any = lambda answer: answer) -> PostRoute:
        more: dict[str, Any] = {"clock": clock, "metrics": metrics, "settings": settings, "idempotency": idempotency}
        return PostRoute(label, scoring, read, write, **more)

    def read_score(body: bytes, content_type: str, quick: QuickDecoder | None) -> Sent:
        json = content_type == "application/json" or content_type.partition(";")[0].strip().lower() in _JSON
        if not json:
            raise refused(415, "content-type", f"{content_type} is not understood", "send application/json", "protocol")
        found = quick(body) if quick is not None else None
        if found is not None:
            row, asked = found
            return Sent((row,), asked.as_of, asked.request_id, asked.reasons)
        request = decode(body)
        return Sent(rows_of(request, settings.max_rows), request.as_of, request.request_id, request.reasons)

    def read_invoked(body: bytes, content_type: str, _: QuickDecoder | None) -> Sent:
        kinds = current[default].kinds if isinstance(default, str) else {}
        rows, params = read_invocation(body, content_type, kinds, settings.max_rows)
        return Sent(rows) if params is None else Sent(rows, params.as_of, params.request_id, params.reasons)

    def write_invocation(answer: ScoreAnswer) -> InvocationAnswer:
        return InvocationAnswer(answer.predictions)

    chosen = answering[default] if isinstance(default, str) else default

    batcher = None
    if events is not None:
        counted = EventMetrics(events, settings.counters)
        metrics.also(counted)
        batcher = EventBatcher(events, counted, _BACKLOG * settings.max_events)

    security = security or Security()
    page = resources.files("vigie.serving").joinpath("docs.html").read_text(encoding="utf-8")
    gate = Gate(security, metrics, settings, default=default if isinstance(default, str) else None, page=page)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(gate.start)
        if events is not None:
            await asyncio.to_thread(events.start)
        if shipping is not None:
            shipping.start()
        if following is not None:
            await asyncio.to_thread(following.start, routers)
        if traffic is not None:
            traffic.start(metrics)
        yield
        if traffic is not None:
            await asyncio.to_thread(traffic.stop)
        if tracing is not None:
            await asyncio.to_thread(tracing.close)
        if following is not None:
            await asyncio.to_thread(following.stop)
        if batcher is not None:
            await batcher.drain()
        if events is not None:
            await asyncio.to_thread(events.stop)
        if features is not None:
            await asyncio.to_thread(features.stop)
        await gate.stop()
        journal.close()
        if shipping is not None:
            await asyncio.to_thread(shipping.stop)

    app = ScoringApp(title=_title(models), version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.failures = Failures(clock, metrics)
    app.add_middleware(app.failures.around)
    app.gate = gate
    app.observed = _around(app.answer, requests, tracing)
    app.plain = {
        "/v1/score": post("score", chosen, read_score),
        "/invocations": post("invocations", chosen, read_invoked, write_invocation),
        **{f"/v1/scores/{name}/score": post("score", one, read_score) for name, one in answering.items()},
    }
    if events is not None and batcher is not None:
        app.plain["/v1/events"] = EventsRoute(events, batcher, clock=clock, metrics=metrics, settings=settings)
    if features is not None:
        app.plain["/v1/features"] = FeaturesRoute(features, clock=clock, metrics=metrics, settings=settings)
    unready = _Unready(journal, clock)

    def described(name: str) -> Described:
        return current[name] if shelf is None or name in current else shelf.models[name]

    app.below_v2 = V2Routes(answering, described, unready.reason, clock=clock, metrics=metrics, settings=settings)
    _add_routes(app, current, shelf, unready, clock, metrics, page)
    received = events.sources if events is not None else ()

    def describe_now() -> dict[str, Any]:
        chosen = default if isinstance(default, str) else None
        document = describe(app, current, chosen, received, lookups, shelf=bool(shelf))
        if security.required:
            document = secured(document, opened=security.open, tokens=security.tokens is not None)
        return document

    app.openapi = _Described(current, describe_now)  # type: ignore[method-assign]
    return app


def _around(answer: ASGIApp, *observers: RequestLog | Tracing | None) -> ASGIApp | None:
    """*answer* within what each observer does, the last one outermost; ``None`` where there is none."""
    found: ASGIApp | None = None
    for observer in observers:
        if observer is not None:
            found = partial(observer.request, found or answer)
    return found


class _Described:
    """The OpenAPI page, made again when another model answers."""

    def __init__(self, current: Mapping[str, Served], describe_now: Callable[[], dict[str, Any]]) -> None:
        self._current, self._describe = current, describe_now
        self._of, self._page = dict(current), describe_now()

    def __call__(self) -> dict[str, Any]:
        if any(self._of[name] is not served for name, served in self._current.items()):
            self._of, self._page = dict(self._current), self._describe()
        return self._page


class _Unready:
    """Whether predictions can be recorded."""

    def __init__(self, journal: PredictionJournal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self.matters = journal.on_full == "refuse"

    def unrecorded(self) -> str | None:
        """Why predictions cannot be recorded; ``None``: they can."""
        try:
            self._journal.check(self._clock.now())
        except JournalError as error:
            return str(error)
        return None

    def reason(self) -> str | None:
        """Why nothing should be sent here; ``None``: it may."""
        return self.unrecorded() if self.matters else None


def _add_routes(
    app: FastAPI,
    models: Mapping[str, Served],
    shelf: Shelf | None,
    unready: _Unready,
    clock: Clock,
    metrics: Metrics,
    page: str,
) -> None:
    @app.get("/", include_in_schema=False)
    async def start() -> RedirectResponse:
        return RedirectResponse("docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/v1/models", tags=["models"], summary="The models in service and their inputs")
    async def list_models(request: Request) -> Response:
        """Name, version, bundle, decision, segments and the signature: every input with its kind."""
        grant = request.scope.get(CALLER)
        cards = [card_of(served) for served in models.values()]
        if shelf is not None:
            cards += await asyncio.to_thread(shelf.cards)
        shown = [card for card in cards if grant is None or grant.scores is None or card.name in grant.scores]
        return Response(msgspec.json.encode(shown), media_type="application/json")

    @app.get("/healthz", tags=["health"], summary="The process is alive")
    async def healthz() -> dict[str, str]:
        """Restart the process if this is not answered."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], summary="Models are loaded and predictions can be recorded")
    async def readyz(response: Response) -> dict[str, Any]:
        """503 with the reason while no prediction could be recorded: send no traffic then.

        Where the project chose to answer without a record, 200 with the reason as ``unrecorded``.
        """
        reason = unready.unrecorded()
        if reason is not None and unready.matters:
            response.status_code = 503
            return {"status": "not ready", "reason": reason}
        versions = {name: served.version for name, served in models.items()}
        answer: dict[str, Any] = {"status": "ready", "models": versions}
        if shelf is not None:
            answer["shelf"] = {"models": len(shelf), "in_memory": len(shelf.in_memory)}
        return answer if reason is None else {**answer, "unrecorded": reason}

    @app.get(
        "/metrics", tags=["health"], summary="Counts and latencies for Prometheus", response_class=PlainTextResponse
    )
    async def exposition() -> Response:
        """Of all workers of this server together."""
        return Response(metrics.exposition(), media_type="text/plain; version=1.0.0; charset=utf-8")

    @app.get(
        "/ping",
        tags=["MLflow and SageMaker"],
        summary="Ready, as SageMaker and MLflow ask",
        response_class=PlainTextResponse,
    )
    @app.get(
        "/health", tags=["MLflow and SageMaker"], summary="Ready, as MLflow asks", response_class=PlainTextResponse
    )
    async def ping() -> Response:
        """200 with an empty line, or 503."""
        return PlainTextResponse("\n", status_code=200 if unready.reason() is None else 503)

    @app.get("/version", tags=["MLflow and SageMaker"], summary="Version of Vigie", response_class=PlainTextResponse)
    async def version() -> PlainTextResponse:
        """In MLflow's protocol the version of the server."""
        return PlainTextResponse(__version__)

    @app.api_route("/v1/scores/{name}/score", methods=["POST"], include_in_schema=False)
    async def unknown_model(name: str) -> Response:
        known = [*models, *(shelf or ())]
        raise refused(404, "name", f"no score is called {name!r}", did_you_mean(name, known), "model")

    def refuse(problem: RequestError) -> Response:
        metrics.error(problem.kind)
        metrics.refusal(problem.status)
        request_id = new_identifier(clock.now())
        return Response(
            msgspec.json.encode(Refusal(list(problem.details), request_id)),
            status_code=problem.status,
            headers={"x-request-id": request_id},
            media_type="application/json",
        )

    @app.exception_handler(RequestError)
    async def on_problem(_: Request, problem: RequestError) -> Response:
        return refuse(problem)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        known = sorted({*app.openapi()["paths"]})
        remedy = did_you_mean(request.url.path, known) if error.status_code == 404 else "see /docs"
        return refuse(RequestError(error.status_code, [Detail("path", str(error.detail), remedy)], "protocol"))


def _default(models: Mapping[str, Served], settings: ServingSettings, shelf: Shelf | None) -> str | RequestError:
    """Name of the model that ``/v1/score`` answers with, or the problem that it has none."""
    if not models and not shelf and settings.default_model is None:
        return refused(404, "path", "no model is served, only features", "ask /v1/features, or train a model", "model")
    if settings.default_model is not None:
        if settings.default_model not in models:
            raise SettingsError(
                f"the default score {settings.default_model!r} is not served",
                remedy=did_you_mean(settings.default_model, models),
            )
        return settings.default_model
    names: list[str] = [*models, *(shelf or ())]
    if len(models) == len(names) == 1:
        return names[0]
    paths = ", ".join(f"/v1/scores/{name}/score" for name in names[:5]) + (" …" if len(names) > 5 else "")
    return refused(404, "path", f"{len(names)} scores are served and none is the default", f"ask {paths}", "model")


def _labels(served: Served) -> ModelLabels:
    return _labels_of(served.name, served.version, served.bundle)


def _labels_of(name: str, version: str, told: Bundle | Cover) -> ModelLabels:
    words = tuple(dict.fromkeys((told.decision.act, told.decision.leave)))
    return ModelLabels(name, version, told.hash, words, SEGMENT_NAMES)


def _title(models: Mapping[str, Served]) -> str:
    return f"Scoring API: {', '.join(models)}" if 0 < len(models) < 4 else "Scoring API"

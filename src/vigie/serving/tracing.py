"""Traces of requests, by OpenTelemetry: the request, the reads of features, the model, the record.

Where nobody asked for traces OpenTelemetry is not loaded and nothing is wrapped, so that it costs nothing. Where somebody did,
the objects that a scoring asks (features, model, journal) are wrapped, not the code that asks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.types import Message, Receive, Scope, Send

from vigie.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

FEATURES, MODEL, RECORD = "features", "model", "record"
"""Names of the spans in a request."""
STEPS: Mapping[str, str] = {
    "at_hand": FEATURES,
    "features": FEATURES,
    "score_one": MODEL,
    "score": MODEL,
    "append": RECORD,
}
"""Which span a method is, by its name."""


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Where traces go.

    Attributes:
        endpoint: OTLP over HTTP, e.g. ``http://localhost:4318``; ``/v1/traces`` is added.
        share: Of the requests without a decision of the caller's that are traced, 0 … 1.
        service: Name of the service.
    """

    endpoint: str
    share: float = 1.0
    service: str = "vigie"

    def __post_init__(self) -> None:
        if not self.endpoint.startswith(("http://", "https://")):
            raise SettingsError("endpoint is no URL of HTTP", where="[otel]", remedy="write http://localhost:4318")
        if isinstance(self.share, bool) or not isinstance(self.share, int | float) or not 0 <= self.share <= 1:
            raise SettingsError(f"share is {self.share!r}", where="[otel]", remedy="give a share from 0 to 1")


class Tracing:
    """Makes the spans of one server process.

    Args:
        settings: Where they go.
        exporter: Instead of OTLP over HTTP.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(self, settings: TracingSettings, exporter: SpanExporter | None = None) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            if exporter is None:
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

                exporter = OTLPSpanExporter(endpoint=f"{settings.endpoint.rstrip('/')}/v1/traces", timeout=5)
        except ImportError:
            raise MissingExtraError("opentelemetry-exporter-otlp-proto-http", extra="otel") from None
        self._provider: TracerProvider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share)),
            resource=Resource.create({"service.name": settings.service}),
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("vigie.serving")
        self._context = TraceContextTextMapPropagator()

    async def request(self, answer: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Have *answer*, an ASGI application, answer within a span; the caller's own trace goes on in it."""
        from opentelemetry.trace import SpanKind, StatusCode

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        name = f"{scope['method']} {scope['path']}"
        with self._tracer.start_as_current_span(
            name, context=self._context.extract(headers), kind=SpanKind.SERVER
        ) as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", scope["path"])

            async def told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    known = dict(message.get("headers", ())).get(b"x-request-id", b"")
                    span.set_attribute("vigie.request_id", known.decode("latin-1"))
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await answer(scope, receive, told)

    def spanned(self, asked: Any) -> Any:
        """*asked*, with a span around each call of a method of :data:`STEPS`."""
        return None if asked is None else _Spanned(asked, self._tracer)

    def close(self) -> None:
        """Send what was not sent yet, and end."""
        self._provider.shutdown()


class _Spanned:
    """Stands for an object; everything but its steps is the object's own."""

    def __init__(self, asked: Any, tracer: Any) -> None:
        self._asked, self._tracer = asked, tracer

    def __getattr__(self, name: str) -> Any:
        method, step, tracer = getattr(self._asked, name), STEPS.get(name), self._tracer
        if step is None:
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            with tracer.start_as_current_span(step):
                return method(*arguments, **named)

        self.__dict__[name] = call  # found at once from then on
        return call


def trace_id() -> str:
    """The id of the trace that is under way, 32 hex digits; empty for none."""
    import sys

    if "opentelemetry.trace" not in sys.modules:
        return ""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""

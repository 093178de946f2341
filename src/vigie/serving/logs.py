"""Logs of a server: text for people, or one JSON object a line for programs, with the ids of request and trace."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import msgspec
from starlette.types import Message, Receive, Scope, Send

from vigie.clock import Clock, iso, stopwatch
from vigie.errors import SettingsError, did_you_mean
from vigie.journal import new_identifier
from vigie.serving.request_id import request_id_of
from vigie.serving.tracing import trace_id

FORMATS, LEVELS = ("text", "json"), ("DEBUG", "INFO", "WARNING", "ERROR")
_request: ContextVar[str] = ContextVar("vigie_request_id", default="")
_HANDLER = "vigie"

log = logging.getLogger("vigie.request")


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, and what else a record was given."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "time": iso(int(record.created * 1e6)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        ids = {"request_id": _request.get(), "trace_id": trace_id()}
        said |= {name: value for name, value in ids.items() if value}
        said |= getattr(record, "facts", {})
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said, enc_hook=str).decode()


def set_up(settings: Mapping[str, Any]) -> bool:
    """Have the process write its log to standard error as ``[logs]`` says; whether requests are written, too.

    Raises:
        SettingsError: A value cannot be meant.
    """
    form, level = settings.get("format", "text"), settings.get("level", "WARNING")
    for name, value, known in (("format", form, FORMATS), ("level", level, LEVELS)):
        if value not in known:
            raise SettingsError(f"{name} is {value!r}", where="[logs]", remedy=did_you_mean(str(value), known))
    requests = settings.get("requests", False)
    if not isinstance(requests, bool):
        raise SettingsError(f"requests is {requests!r}", where="[logs]", remedy="give true or false")
    if not settings:
        return False
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        JsonLines() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    if requests:
        log.setLevel(logging.INFO)
    return requests


class RequestLog:
    """Gives every request an id that its log lines carry, and writes a line for each if that is wanted.

    Args:
        clock: Makes ids.
        lines: Whether a line is written for each request.
    """

    def __init__(self, clock: Clock, *, lines: bool) -> None:
        self._clock, self._lines = clock, lines

    async def request(self, answer: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Have *answer*, an ASGI application, answer under the request's id."""
        known = request_id_of(dict(scope["headers"]))
        if not known:
            known = new_identifier(self._clock.now())
            scope = {**scope, "headers": [*scope["headers"], (b"x-request-id", known.encode())]}
        token, began, seen = _request.set(known), stopwatch(), {"status": 0}

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
            await send(message)

        try:
            await answer(scope, receive, told)
        finally:
            if self._lines:
                spent = round((stopwatch() - began) * 1e3, 3)
                facts = {"method": scope["method"], "path": scope["path"], "status": seen["status"], "ms": spent}
                log.info("%s %s %d %.1f ms", *facts.values(), extra={"facts": facts})
            _request.reset(token)

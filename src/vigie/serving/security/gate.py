"""The one place that every request passes: who calls, may they, how often, and what their answer must carry.

It stands in front of the plain routes and of FastAPI, and knows paths only; what stands in a body (which score's features,
are reasons wanted, how many rows) is checked by the route against the :class:`~vigie.serving.security.grant.Grant` that
is left in the scope.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Scope, Send

from vigie.clock import Clock, SystemClock
from vigie.journal import new_identifier
from vigie.journal.admin import AdminJournal
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import Detail, Refusal, RequestError, refused
from vigie.serving.request_id import request_id_of
from vigie.serving.security import headers
from vigie.serving.security.bucket import Rate
from vigie.serving.security.grant import CALLER, Grant
from vigie.serving.security.keyring import Keyring
from vigie.serving.security.limiter import Buckets, Limiter, RedisBuckets
from vigie.serving.security.metrics import SecurityMetrics
from vigie.serving.security.refusals import Refusals
from vigie.serving.security.routes import ANY, CHOOSING, EXACT, OPEN, OPENABLE, role_of, score_of
from vigie.serving.security.secret import PREFIX
from vigie.serving.security.tokens import TokenVerifier
from vigie.serving.settings import ServingSettings
from vigie.serving.v2_messages import error_of

_PREFIX = PREFIX.encode()
_AWAY = frozenset({"store", "issuer away"})
_CHALLENGE = (b"www-authenticate", b'Bearer realm="vigie"')
_PAGES = frozenset({"/", "/docs"})
_NO_SCORE = frozenset({ANY, "metrics", "events"})
"""What is not of a score."""


@dataclass(eq=False)
class Security:
    """What a worker knows of callers.

    Attributes:
        keyring: Recognises keys; ``None``: there are none.
        tokens: Recognises tokens; ``None``: they are not accepted. With neither, everybody may do everything.
        journal: Where refusals are recorded; ``None``: nowhere.
        clock: Tells what is expired: the machine's, whatever moment is scored at.
        open: Of :data:`~vigie.serving.security.routes.OPENABLE`: what needs no key.
        limits: URL of the Redis that keeps the rates of several machines; empty: each keeps its own.
        limits_refuse: Whether callers with a rate are refused while that Redis does not answer.
        tls: Whether the server itself speaks TLS.
    """

    keyring: Keyring | None = None
    tokens: TokenVerifier | None = None
    journal: AdminJournal | None = None
    clock: Clock = field(default_factory=SystemClock)
    open: frozenset[str] = frozenset()
    limits: str = ""
    limits_refuse: bool = False
    tls: bool = False

    @property
    def required(self) -> bool:
        """Whether callers must be recognised."""
        return self.keyring is not None or self.tokens is not None


class Gate:
    """Lets requests pass, or answers them.

    Args:
        security: Who may call.
        metrics: Where refusals are counted.
        settings: Says where workers meet.
        default: The score of the routes that name none.
        page: HTML of ``/docs``.
    """

    def __init__(
        self, security: Security, metrics: Metrics, settings: ServingSettings, *, default: str | None, page: str
    ) -> None:
        self._security, self._metrics, self._default = security, metrics, default
        self._required = security.required
        self._keyring, self._tokens = security.keyring, security.tokens
        self._data = headers.of_data(tls=security.tls)
        self._page = headers.of_page(page, tls=security.tls)
        opened = {path: OPEN for name in security.open for path in OPENABLE[name]}
        self._roles: dict[str, str] = {**EXACT, **opened}
        if self._required:
            counted = SecurityMetrics(settings.counters)
            metrics.also(counted)
            self._refusals = Refusals(security.journal, counted, security.clock)
            if self._keyring is not None:
                self._keyring.on_failure = counted.keys_unread
            if self._tokens is not None:
                self._tokens.keys.on_failure = counted.issuer_unread
            self._own = Buckets(None if settings.counters is None else settings.counters / "limits")
            self._shared: Limiter | None = None
            if security.limits:
                refuse = security.limits_refuse
                self._shared = RedisBuckets(security.limits, self._own, refuse=refuse, lost=counted.limits_lost)

    def start(self) -> None:
        """Begins to follow the key store, and fetches the issuer's keys. May take seconds."""
        if self._keyring is not None:
            self._keyring.start()
        if self._tokens is not None:
            self._tokens.keys.fetch_now()

    async def stop(self) -> None:
        """Ends that, and records what waits."""
        if not self._required:
            return
        self._refusals.close()
        if self._keyring is not None:
            await asyncio.to_thread(self._keyring.stop)
        await (self._shared or self._own).close()

    async def enter(self, scope: Scope, send: Send) -> Send | None:
        """One request.

        Args:
            scope: Of the request; a recognised caller's grant is put under ``vigie.caller``.
            send: Where its answer goes.

        Returns:
            What to send the answer with; ``None``: it was answered already.
        """
        path: str = scope["path"]
        more = self._page if path in _PAGES else self._data

        def sealed(message: Any) -> Any:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *more]
            return send(message)

        if not self._required:
            return sealed
        role = self._roles.get(path)
        if role is None:
            role = role_of(path)
        if role == OPEN:
            return sealed
        try:
            found = self._known(scope, path)
            grant = found if isinstance(found, Grant) else await self._of_token(found, scope, path)
            if role not in grant.roles and role != ANY:
                self._lacking(role, grant, scope, path)
            if grant.scores is not None:
                self._check_score(role, grant, scope, path)
            if grant.rate is not None:
                await self._take(grant, grant.rate, scope, path)
        except RequestError as problem:
            await self._refuse(problem, scope, sealed)
            return None
        if grant.replaced:
            client = scope.get("client")
            self._refusals.replaced(grant.name, client[0] if client else "", path)
        scope[CALLER] = grant
        return sealed

    def _known(self, scope: Scope, path: str) -> Grant | bytes:
        """The grant of the key in the request, or the token in it.

        A function and not a coroutine, and this flat, because every request pays for it.
        """
        credential, bearer = None, False
        for name, value in scope["headers"]:
            if name == b"authorization":
                if credential is not None:
                    raise self._unrecognised("several", scope, path)
                bearer, credential = True, value[7:].strip() if value[:7].lower() == b"bearer " else b""
            elif name == b"x-api-key":
                if credential is not None:
                    raise self._unrecognised("several", scope, path)
                credential = value
        if credential is None:
            raise self._unrecognised("missing", scope, path)
        if credential.startswith(_PREFIX) and self._keyring is not None:
            found = self._keyring.find(credential)
            if isinstance(found, str):
                raise self._unrecognised(found, scope, path, self._keyring.name_of(credential))
            return found
        if not bearer or not credential or self._tokens is None:
            raise self._unrecognised("malformed", scope, path)
        token: bytes = credential
        return token

    async def _of_token(self, token: bytes, scope: Scope, path: str) -> Grant:
        assert self._tokens is not None, "a token was found because they are accepted"
        found = await self._tokens.find(token)
        if isinstance(found, str):
            raise self._unrecognised(found, scope, path)
        return found

    def _lacking(self, role: str, grant: Grant, scope: Scope, path: str) -> None:
        """Raises what a caller without *role* is told."""
        if role == "admin" and not path.startswith("/v1/admin/"):
            # Nobody but an administrator learns which routes there are beside the listed ones.
            raise refused(404, "path", "no such route, or not for this caller", "see /docs", "protocol")
        self._turned_away("role", scope, path, grant.name)
        grant.need(role)

    def _check_score(self, role: str, grant: Grant, scope: Scope, path: str) -> None:
        if role in _NO_SCORE or path in CHOOSING:
            return
        score = score_of(path, self._default)
        if score is None or grant.scores is None or score not in grant.scores:
            self._turned_away("score", scope, path, grant.name)
            grant.need_score(score or path)

    async def _take(self, grant: Grant, rate: Rate, scope: Scope, path: str) -> None:
        if self._shared is None:
            wait = self._own.taken(grant.name, rate)
        else:
            wait = await self._shared.take(grant.name, rate)
        if wait:
            self._turned_away("rate", scope, path, grant.name)
            raise _LimitedError(wait, rate)

    def _unrecognised(self, reason: str, scope: Scope, path: str, subject: str = "") -> RequestError:
        """The same for every reason: what is wrong with a key is nobody's business but the administrator's."""
        self._turned_away(reason, scope, path, subject)
        if reason in _AWAY:
            what = "callers cannot be recognised now, so nothing was done"
            return refused(503, "server", what, "try again", "authentication")
        what = "the caller is not recognised"
        return refused(401, "authorization", what, "send a valid key: Authorization: Bearer vgk_…", "authentication")

    def _turned_away(self, reason: str, scope: Scope, path: str, subject: str) -> None:
        client = scope.get("client")
        self._refusals.add(reason, client[0] if client else "", path, subject)

    async def _refuse(self, problem: RequestError, scope: Scope, send: Any) -> None:
        self._metrics.error(problem.kind)
        self._metrics.refusal(problem.status)
        request_id = request_id_of(dict(scope["headers"])) or new_identifier(self._security.clock.now())
        told: object = Refusal(list(problem.details), request_id)
        if scope["path"].startswith("/v2"):
            told = error_of(problem.details)  # the protocol's clients read nothing else
        answer = msgspec.json.encode(told)
        more = []
        if problem.status == 401:
            more = [_CHALLENGE]
        elif isinstance(problem, _LimitedError):
            more = [(b"retry-after", b"%d" % max(1, math.ceil(problem.wait)))]
        elif problem.status == 503:
            more = [(b"retry-after", b"1")]
        start = {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(answer)),
                (b"x-request-id", request_id.encode()),
                *more,
            ],
        }
        await send(start)
        await send({"type": "http.response.body", "body": answer})


class _LimitedError(RequestError):
    """A caller comes too often."""

    def __init__(self, wait: float, rate: Rate) -> None:
        self.wait = wait
        what = f"more than {rate.said or f'{rate.per_second:g}/s'} (at once {rate.burst:,}) from this caller"
        super().__init__(429, [Detail("authorization", what, "wait as long as Retry-After says")], "limit")


__all__ = ["Gate", "Security"]

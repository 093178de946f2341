"""The asynchronous client. Its methods are those of :class:`vigie.client.Client`, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.client.answers import Events, Features, Model, Prediction
from vigie.client.calls import MODELS, READY, Call, Caller, Customer, Waiting, httpx_module, one_customer, pieces
from vigie.client.problems import ApiError
from vigie.client.retries import Retries
from vigie.client.synchronous import MANY

if TYPE_CHECKING:
    import httpx


class AsyncClient:
    """Asks a server for scores, features and models, and sends it events. For one event loop; calls may run at the same time.

    A request without an answer and one refused with 429 or 503 are sent again, after a wait that doubles, with jitter, and
    never shorter than ``Retry-After``. Scoring carries an idempotency key: what was answered once is answered again, and
    recorded once, by all workers of a server for ten minutes. Behind several servers, or after a worker was killed between
    record and answer, a repetition may be recorded a second time, with the same request id.

    Args:
        url: Of the server, e.g. ``http://127.0.0.1:8000``.
        key: API key or token; ``None``: none is sent.
        score: Name of the score asked for where a call names none; ``None``: the server's default.
        timeout: Seconds that one attempt may take to connect, and then between bytes.
        retries: How patient it is.
        http: An ``httpx.AsyncClient`` to send with, for proxies or certificates; it is not closed. ``None``: one of its own.

    Raises:
        MissingExtraError: httpx is not installed.
        SettingsError: *url* is no address of a server.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        score: str | None = None,
        timeout: float = 10.0,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        module = httpx_module()
        self._caller = Caller(url, key, score, retries or Retries())
        self._own = http is None
        self._http: httpx.AsyncClient = module.AsyncClient(timeout=timeout) if http is None else http
        self._failures = module.TransportError

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        if self._own:
            await self._http.aclose()

    async def score(
        self,
        *,
        customer_id: str | int | None = None,
        values: Mapping[str, Any] | None = None,
        score: str | None = None,
        as_of: str | None = None,
        reasons: int = 0,
        request_id: str | None = None,
    ) -> Prediction:
        """Scores one customer.

        Args:
            customer_id: Alone: the features are looked up. Beside *values*: a name for the record.
            values: The model's inputs by name.
            score: Name of the score; ``None``: the client's.
            as_of: ISO 8601 moment to score at; ``None``: now.
            reasons: How many are wanted.
            request_id: Of your choice, new for each request; ``None``: one is made.

        Raises:
            ApiError: The request was refused, or got no answer.
            InputError: Neither *customer_id* nor *values*.
        """
        call = self._caller.score(one_customer(customer_id, values), score, as_of, reasons, request_id)
        return self._caller.predictions(await self._answer(call))[0]

    async def score_many(
        self,
        customers: Sequence[Customer],
        *,
        score: str | None = None,
        as_of: str | None = None,
        reasons: int = 0,
        size: int = MANY,
    ) -> list[Prediction]:
        """Scores customers, in their order, in requests of *size* at most.

        Args:
            customers: Ids, the model's inputs by name, or ``{"customer_id": …, "values": {…}}``.
            score: Name of the score; ``None``: the client's.
            as_of: ISO 8601 moment to score at; ``None``: now, which is a little later in each request.
            reasons: How many are wanted for each.
            size: Customers in one request at most; servers take 10,000 where nothing else is set.

        Raises:
            ApiError: A request was refused, or got no answer; the customers of those before are on record.
        """
        found: list[Prediction] = []
        for piece in pieces(customers, size):
            found += self._caller.predictions(
                await self._answer(self._caller.score(piece, score, as_of, reasons, None))
            )
        return found

    async def features(
        self,
        customers: Sequence[str | int],
        *,
        score: str | None = None,
        names: Sequence[str] | None = None,
        as_of: str | None = None,
    ) -> Features:
        """The features of customers.

        Args:
            customers: Keys.
            score: Name of the score; ``None``: the client's.
            names: Of the only features wanted; ``None``: all.
            as_of: ISO 8601 moment to compute them at; ``None``: now.

        Raises:
            ApiError: The request was refused, or got no answer.
        """
        return self._caller.read_features(await self._answer(self._caller.features(customers, score, names, as_of)))

    async def events(self, source: str, events: Sequence[Mapping[str, Any]]) -> Events:
        """Sends events, or rows of a table; the same ones again change nothing.

        Args:
            source: Name of the source.
            events: Columns by name.

        Raises:
            ApiError: They were refused, or there was no answer.
        """
        return self._caller.read_events(await self._answer(self._caller.events(source, events)))

    async def models(self) -> list[Model]:
        """The models in service, with their inputs.

        Raises:
            ApiError: The request was refused, or got no answer.
        """
        return self._caller.read_models(await self._answer(Call("GET", MODELS)))

    async def ready(self) -> bool:
        """Whether the server answers and can record predictions; asked once."""
        try:
            return bool((await self._http.request(**self._caller.sent(Call("GET", READY)))).is_success)
        except self._failures:
            return False

    async def _answer(self, call: Call) -> bytes:
        exchange = self._caller.exchange(call)
        step = next(exchange)
        while True:
            told: httpx.Response | Exception | None = None
            if isinstance(step, Waiting):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    told = await self._http.request(**self._caller.sent(step))
                except self._failures as error:
                    told = error
            try:
                step = exchange.send(told)
            except StopIteration as done:
                body: bytes = done.value
                return body


__all__ = ["ApiError", "AsyncClient"]

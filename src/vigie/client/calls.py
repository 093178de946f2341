"""What the synchronous and the asynchronous client have in common: requests, their repetition, their answers. Does no I/O."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from vigie.client.answers import Events, Features, Model, Prediction, ScoreAnswer
from vigie.client.problems import ApiError, refused
from vigie.client.retries import STATUSES, Retries
from vigie.errors import InputError, MissingExtraError, SettingsError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Customer = str | int | Mapping[str, Any]
"""A customer to be scored: an id, the model's inputs by name, or ``{"customer_id": …, "values": {…}}``."""

Failure = Exception
"""What a transport raised instead of an answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be sent, again if need be.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Below the server's URL.
        body: To be sent as JSON; ``None``: nothing.
        request_id: Of this request, the same in every repetition.
        once: Whether it must not be done twice: it carries an idempotency key.
        parameters: Behind the ``?``.
    """

    method: str
    path: str
    body: Any = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    once: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Sleep so long, then go on."""

    seconds: float


Step = Call | Waiting
Exchange = Generator[Step, "httpx.Response | Failure | None", bytes]


class Caller:
    """Makes calls and reads answers.

    Args:
        url: Of the server, e.g. ``https://scoring.example.com``; a path in it is kept.
        key: API key or token; ``None``: none is sent.
        score: Name of the score that is asked for where a call names none; ``None``: the server's default.
        retries: How patient it is.

    Raises:
        SettingsError: *url* is no address of a server.
    """

    def __init__(self, url: str, key: str | None, score: str | None, retries: Retries) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"{url!r} is not a URL of a server", remedy="write http://HOST:PORT or https://HOST")
        self.url = url.rstrip("/")
        self._score, self._retries = score, retries
        self.headers = {"accept": "application/json"}
        if key is not None:
            self.headers["authorization"] = f"Bearer {key}"

    # -- calls -------------------------------------------------------------------------------------------------------

    def score(
        self,
        customers: Sequence[Customer],
        score: str | None,
        as_of: str | None,
        reasons: int,
        request_id: str | None,
    ) -> Call:
        """To have customers scored."""
        body: dict[str, Any] = {"customers": [_customer(one) for one in customers]}
        if as_of is not None:
            body["as_of"] = as_of
        if reasons:
            body["reasons"] = reasons
        chosen = score or self._score
        path = "/v1/score" if chosen is None else f"/v1/scores/{quote(chosen, safe='')}/score"
        call = Call("POST", path, body, request_id or str(uuid.uuid4()), once=True)
        body["request_id"] = call.request_id
        return call

    def features(
        self, customers: Sequence[str | int], score: str | None, names: Sequence[str] | None, as_of: str | None
    ) -> Call:
        """To get features of customers."""
        body: dict[str, Any] = {"customers": list(customers)}
        chosen = score or self._score
        said = {"score": chosen, "features": None if names is None else list(names), "as_of": as_of}
        body |= {name: value for name, value in said.items() if value is not None}
        return Call("POST", "/v1/features", body)

    def events(self, source: str, events: Sequence[Mapping[str, Any]]) -> Call:
        """To send events; sent again they change nothing."""
        return Call("POST", "/v1/events", {"source": source, "events": [dict(one) for one in events]})

    # -- sending -----------------------------------------------------------------------------------------------------

    def exchange(self, call: Call) -> Exchange:
        """The body of the answer to *call*, as a conversation with whoever sends and waits.

        Yields a :class:`Call` to be sent, to which it wants the answer or the transport's exception, or a
        :class:`Waiting`.

        Raises:
            ApiError: The request was refused, or got no answer after all repetitions.
        """
        sent = 0
        while True:
            sent += 1
            answer = yield call
            if answer is None or isinstance(answer, Exception):
                wait = self._retries.wait(sent, None)
                if wait is None:
                    times = f" after {sent} attempts" if sent > 1 else ""
                    raise ApiError(
                        f"no answer{times}: {str(answer) or type(answer).__name__}",
                        where=f"{self.url}{call.path}",
                        remedy="is the server running, and is this its address?",
                        request_id=call.request_id,
                    ) from answer
            else:
                if answer.is_success:
                    return answer.content
                problem = refused(
                    answer.status_code,
                    f"{self.url}{call.path}",
                    answer.content,
                    answer.headers.get("x-request-id", call.request_id),
                )
                if answer.status_code not in STATUSES:
                    raise problem
                wait = self._retries.wait(sent, answer.headers.get("retry-after"))
                if wait is None:
                    raise problem
            yield Waiting(wait)

    def sent(self, call: Call) -> dict[str, Any]:
        """The arguments of httpx' ``request`` for *call*."""
        headers = {**self.headers, "x-request-id": call.request_id}
        found: dict[str, Any] = {"method": call.method, "url": f"{self.url}{call.path}", "headers": headers}
        if call.once:
            headers["idempotency-key"] = call.request_id
        if call.body is not None:
            found["content"] = msgspec.json.encode(call.body)
            headers["content-type"] = "application/json"
        if call.parameters:
            found["params"] = call.parameters
        return found

    # -- answers -----------------------------------------------------------------------------------------------------

    def read(self, body: bytes, kind: type[T]) -> T:
        """*body* as *kind*.

        Raises:
            ApiError: It is something else.
        """
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ApiError(
                f"the answer is not one of Vigie's API: {error}",
                where=self.url,
                remedy="is this the address of `vigie serve`?",
                status=200,
            ) from error

    def predictions(self, body: bytes) -> list[Prediction]:
        """The predictions in an answer."""
        return self.read(body, ScoreAnswer).flat()

    def read_features(self, body: bytes) -> Features:
        """The features in an answer."""
        return self.read(body, Features)

    def read_events(self, body: bytes) -> Events:
        """What became of events."""
        return self.read(body, Events)

    def read_models(self, body: bytes) -> list[Model]:
        """The models in service."""
        return self.read(body, list[Model])


MODELS = "/v1/models"
READY = "/readyz"


def _customer(one: Customer) -> dict[str, Any]:
    if isinstance(one, str | int):
        return {"customer_id": one}
    if set(one) <= {"customer_id", "values"} and (isinstance(one.get("values"), Mapping) or "customer_id" in one):
        return dict(one)
    return {"values": dict(one)}


def one_customer(customer_id: str | int | None, values: Mapping[str, Any] | None) -> list[Customer]:
    """The list of one customer, by id, by values, or by values with the id for the record.

    Raises:
        InputError: Neither is given.
    """
    if customer_id is None and values is None:
        raise InputError("neither customer_id nor values", field="customer_id", remedy="give one of them, or both")
    found: dict[str, Any] = {}
    if customer_id is not None:
        found["customer_id"] = customer_id
    if values is not None:
        found["values"] = dict(values)
    return [found]


def pieces(customers: Sequence[Customer], size: int) -> list[Sequence[Customer]]:
    """*customers* in requests of *size* at most.

    Raises:
        SettingsError: *size* is less than 1.
    """
    if size < 1:
        raise SettingsError(f"{size} customers in a request", remedy="give 1 or more")
    return [customers[start : start + size] for start in range(0, len(customers), size)]


def httpx_module() -> Any:
    """The library that sends.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import httpx
    except ImportError as error:
        raise MissingExtraError("httpx", extra="client") from error
    return httpx

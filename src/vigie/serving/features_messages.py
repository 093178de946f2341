"""What ``/v1/features`` is asked and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from vigie.errors import did_you_mean
from vigie.serving.messages import AsOf, CustomerId, RequestId, check_count, id_text
from vigie.serving.refusal import from_decoding, refused

_FIELDS = ("customer", "score", "features", "as_of", "request_id")


class FeaturesRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whose features are wanted."""

    customers: Annotated[list[CustomerId], Meta(description="Keys of customers, one or many.")]
    score: Annotated[str | None, Meta(description="Name of the score; may be left out where there is one.")] = None
    features: Annotated[list[str] | None, Meta(description="Names of the only features wanted.")] = None
    as_of: AsOf | None = None
    request_id: RequestId | None = None


class FeaturesRow(msgspec.Struct, frozen=True):
    """The features of one customer.

    Attributes:
        customer: As asked.
        known: Whether anything was known of the customer at the moment asked for.
        moment: The moment the values are computed at, ISO 8601: as_of, or with moments=at(...) the customer's own latest
            one; null for a customer who is not known.
        values: By name; a time as ISO 8601, null where there is no value. Null as a whole for a customer who is not known.
    """

    customer: str
    known: bool
    moment: str | None
    values: dict[str, Any] | None


class FeaturesAnswer(msgspec.Struct, frozen=True):
    """The features of every customer asked for, in the order asked.

    Attributes:
        request_id: To find the request again; also in the header ``X-Request-ID``.
        score: Name of the score.
        definition: Fingerprint of what is computed: 16 hex digits that change exactly when its meaning does.
        as_of: The moment asked for, ISO 8601.
        names: Names of the features, in order.
        rows: One for each customer.
    """

    request_id: str
    score: str
    definition: str
    as_of: str
    names: list[str]
    rows: list[FeaturesRow]


@dataclass(frozen=True, slots=True)
class FeaturesAsked:
    """A request that was read.

    Attributes:
        customers: Keys, in the order asked.
        score: Name of the score; ``None`` where it was left out.
        names: Of the only features wanted; ``None``: all.
        as_of: ISO 8601; ``None``: now.
        request_id: As chosen by the caller.
    """

    customers: Sequence[str]
    score: str | None = None
    names: tuple[str, ...] | None = None
    as_of: str | None = None
    request_id: str | None = None


_decode = msgspec.json.Decoder(FeaturesRequest).decode
_request_id = msgspec.json.Decoder(RequestId)


def from_body(body: bytes, limit: int) -> FeaturesAsked:
    """The request in a body.

    Raises:
        RequestError: It is not JSON, not of the shape, or has nobody or more than *limit* customers.
    """
    try:
        sent = _decode(body)
    except (ValueError, RecursionError) as error:
        raise from_decoding(error) from error
    if not sent.customers:
        raise refused(422, "customers", "the list is empty", "name at least one customer")
    check_count(len(sent.customers), limit, "customers")
    customers = [_key(customer, f"customers[{i}]") for i, customer in enumerate(sent.customers)]
    names = None if sent.features is None else _names(sent.features)
    return FeaturesAsked(customers, sent.score, names, sent.as_of, sent.request_id)


def from_query(query: bytes, limit: int) -> FeaturesAsked:
    """The request in the part of a URL behind ``?``: ``customer=…&customer=…&score=…&features=a,b&as_of=…``.

    Raises:
        RequestError: As for a body.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise refused(422, "query", f"cannot be read: {error}", "write %20 for a space; UTF-8 elsewhere") from error
    customers: list[str] = []
    once: dict[str, str] = {}
    for name, value in pairs:
        if name == "customer":
            customers.append(_key(value, "customer"))
        elif name not in _FIELDS:
            raise refused(422, name, "no such field", did_you_mean(name, _FIELDS))
        elif name in once:
            raise refused(422, name, "is given twice", "give it once; only customer may be repeated")
        else:
            once[name] = value
    if not customers:
        raise refused(422, "customer", "nobody is asked for", "write ?customer=1001, and &customer=… for more")
    check_count(len(customers), limit, "customer")
    chosen = once.get("request_id")
    if chosen is not None:
        try:
            _request_id.decode(msgspec.json.encode(chosen))
        except ValueError as error:
            raise refused(422, "request_id", "1 to 128 letters, digits and ._:- are allowed") from error
    names = None if "features" not in once else _names([n for n in once["features"].split(",") if n])
    return FeaturesAsked(customers, once.get("score"), names, once.get("as_of"), chosen)


def _key(customer: str | int, path: str) -> str:
    found = id_text(customer, path)
    assert found is not None, "None is no id"
    return found


def _names(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise refused(422, "features", "no feature is named", "leave it out for all of them")
    if len(set(names)) < len(names):
        raise refused(422, "features", "a feature is named twice", "name each once")
    return tuple(names)

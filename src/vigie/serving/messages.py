"""What the scoring API is asked and what it answers, and nothing else: the decoder and the OpenAPI page both read this."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vigie.bundle.parse import InputReader
from vigie.clock import iso, parse_moment
from vigie.serving.refusal import from_decoding, refused

RequestId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:\-]{1,128}$",
        description="Up to 128 letters, digits and ._:- of your choice; comes back in the answer and in X-Request-ID.",
    ),
]
CustomerId = Annotated[
    str | int,
    Meta(description="Key of a customer. Alone: the features are looked up. Beside values: a name for the record."),
]
GivenValues = Annotated[dict[str, Any], Meta(description="The model's inputs by name.")]
AsOf = Annotated[
    str,
    Meta(description="ISO 8601: the moment to score at, or that the values describe; default now. UTC without offset."),
]

Reasons = Annotated[
    int,
    Meta(ge=0, le=20, description="Reasons wanted for each customer, the greatest first; 0, the default, for none."),
]


class Customer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One customer to score: by id, or by values."""

    customer_id: CustomerId | None = None
    values: GivenValues | None = None


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who is to be scored: one customer by values or customer_id, or many as customers."""

    values: GivenValues | None = None
    customer_id: CustomerId | None = None
    customers: Annotated[list[Customer] | None, Meta(description="Many customers, each by id or by values.")] = None
    as_of: AsOf | None = None
    request_id: RequestId | None = None
    reasons: Reasons = 0


class ModelAnswer(msgspec.Struct, frozen=True):
    """Which model answered.

    Attributes:
        name: Name of the score.
        version: Version in the registry.
        bundle: Hash of the bundle.
    """

    name: str
    version: str
    bundle: str


class ReasonAnswer(msgspec.Struct, frozen=True):
    """What one input adds to a customer's score.

    Attributes:
        feature: Name of the input.
        value: The customer's value; a date as ISO 8601; null where it is missing.
        contribution: What it adds to the base, on reasons_scale; above 0 it raises the score.
        words: The input with its value, e.g. "no order for 48 days".
        effect: What it does, in plain words: "raises the score" or "lowers the score".
    """

    feature: str
    value: bool | float | str | None
    contribution: float
    words: str
    effect: str


class PredictionAnswer(msgspec.Struct, frozen=True):
    """One customer's score and what to do.

    Attributes:
        customer_id: As asked; null where none was given.
        score: Probability of the outcome, 0 to 1.
        decision: What to do, in the words of the project's decision.
        segment: Risk segment.
        expected_value: Expected result of the decision in the project's currency; null where a sum is not known.
        as_of: The moment the values describe, ISO 8601.
        reasons: The inputs that move the score most, the greatest first; only where reasons were asked for.
        reasons_base: Score of the average customer on reasons_scale. The contributions of all inputs are the difference.
        reasons_scale: What base and contributions are on: log_odds or probability of the score; with _before_calibration,
            of the model's score before it is calibrated, which keeps the order.
        version: Which version of the model answered, where several are in service and it is not the one named in model.
    """

    customer_id: str | None
    score: float
    decision: str
    segment: str
    expected_value: float | None
    as_of: str
    reasons: list[ReasonAnswer] | UnsetType = UNSET
    reasons_base: float | UnsetType = UNSET
    reasons_scale: str | UnsetType = UNSET
    version: str | UnsetType = UNSET


class ScoreAnswer(msgspec.Struct, frozen=True):
    """The answer, of one shape for one customer and for many."""

    request_id: str
    model: ModelAnswer
    predictions: list[PredictionAnswer]


class Row(msgspec.Struct, frozen=True):
    """One customer of a decoded request.

    Attributes:
        customer: The id as text.
        values: What was sent; ``None`` where the features are to be looked up.
        customer_path: Where the id stands in the request, e.g. ``customers[3].customer_id``.
        values_path: Where the values stand in the request, e.g. ``customers[3].values``.
        reader: Whose inputs the values were checked against already; ``None``: they are as they were sent.
    """

    customer: str | None
    values: dict[str, Any] | None
    customer_path: str
    values_path: str
    reader: InputReader | None = None


_decode = msgspec.json.Decoder(ScoreRequest | list[Customer]).decode


def decode(body: bytes) -> ScoreRequest:
    """The request in *body*; a bare list is short for ``{"customers": [...]}``.

    Raises:
        RequestError: It is not JSON or not of the shape.
    """
    try:
        request = _decode(body)
    except (ValueError, RecursionError) as error:
        raise from_decoding(error) from error
    return request if isinstance(request, ScoreRequest) else ScoreRequest(customers=request)


class QuickDecoder:
    """Decodes the body that is sent most often, of one customer with values, and checks the values while it does.

    Args:
        reader: Of the model that is asked.
    """

    def __init__(self, reader: InputReader) -> None:
        self._reader = reader
        shape = msgspec.defstruct(
            "QuickRequest",
            [
                ("values", reader.shape),
                ("customer_id", CustomerId | None, None),
                ("as_of", AsOf | None, None),
                ("request_id", RequestId | None, None),
                ("reasons", Reasons, 0),
            ],
            forbid_unknown_fields=True,
        )
        self._decode: Any = msgspec.json.Decoder(shape).decode

    def __call__(self, body: bytes) -> tuple[Row, Any] | None:
        """Who is to be scored, and the request; ``None``: see what :func:`decode` says.

        Raises:
            RequestError: The id is not one.
        """
        try:
            request = self._decode(body)
        except (ValueError, RecursionError):
            return None
        values = self._reader.taken(request.values)
        if values is None:
            return None
        return Row(id_text(request.customer_id, "customer_id"), values, "customer_id", "values", self._reader), request


def rows_of(request: ScoreRequest, limit: int) -> list[Row]:
    """Who is to be scored, in order.

    Raises:
        RequestError: Nobody, one and many at once, or more than *limit*.
    """
    if request.customers is None:
        return [_row("", "", request.customer_id, request.values)]
    if request.values is not None or request.customer_id is not None:
        raise refused(
            422,
            "customers",
            "one customer and a list of customers in one request",
            "put values or customer_id into the list, or leave the list out",
        )
    if not request.customers:
        raise refused(422, "customers", "the list is empty", "name at least one customer")
    check_count(len(request.customers), limit, "customers")
    return [
        _row(f"customers[{i}]", f"customers[{i}].", one.customer_id, one.values)
        for i, one in enumerate(request.customers)
    ]


def check_count(count: int, limit: int, field: str) -> None:
    """Returns if *count* rows may be sent at once.

    Raises:
        RequestError: They may not.
    """
    if count > limit:
        raise refused(
            422,
            field,
            f"{count:,} customers in one request; the limit is {limit:,}",
            "send several requests, or score a whole base with vigie score",
        )


def _row(path: str, prefix: str, customer_id: str | int | None, values: dict[str, Any] | None) -> Row:
    if customer_id is None and values is None:
        raise refused(
            422,
            path or "body",
            "neither values nor customer_id",
            'send {"values": {...}}, {"customer_id": "..."} or {"customers": [...]}',
        )
    return Row(id_text(customer_id, f"{prefix}customer_id"), values, f"{prefix}customer_id", f"{prefix}values")


def id_text(customer_id: str | int | None, path: str) -> str | None:
    """A customer's id as text.

    Raises:
        RequestError: It is empty or longer than 256 characters.
    """
    if customer_id is None:
        return None
    customer = str(customer_id)
    if not 0 < len(customer) <= 256:
        raise refused(422, path, f"an id has 1 to 256 characters, this one has {len(customer)}")
    return customer


def moment_asked(as_of: str | None, now: int) -> int:
    """The moment to score at, microseconds UTC.

    Raises:
        RequestError: *as_of* is not a date or time, or lies after *now* or before 1970.
    """
    if as_of is None:
        return now
    try:
        moment = parse_moment(as_of)
    except (ValueError, OverflowError) as error:
        raise refused(
            422, "as_of", f"{as_of!r} is not an ISO 8601 date or time", "write 2026-03-01 or 2026-03-01T12:00:00Z"
        ) from error
    if not 0 <= moment <= now:
        raise refused(422, "as_of", f"{as_of} is not between 1970 and now ({iso(now)})", "leave it out to score now")
    return moment

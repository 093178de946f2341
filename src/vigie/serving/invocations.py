"""The request bodies of MLflow's and SageMaker's ``POST /invocations``, read into the same rows as ``/v1/score``.

JSON with exactly one of ``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``, or CSV with a header.
Inputs are always named: a list without names is refused, since two columns in another order would go unnoticed.

MLflow's own client writes a missing number as ``NaN``, which is no JSON, and a missing time as the text ``NaT``; both are
read as null.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vigie.definition.kind import Kind
from vigie.errors import did_you_mean
from vigie.serving.messages import AsOf, PredictionAnswer, Reasons, RequestId, Row, check_count, id_text
from vigie.serving.refusal import from_decoding, refused

JSON, CSV = "application/json", "text/csv"
CUSTOMER = "customer_id"
"""Column that names the customer, where the model has no input of that name."""

Record = dict[str, Any]
_NAMED = "send objects that name each input: {name: value, ...}"


class Split(msgspec.Struct, frozen=True):
    """A table as pandas writes it with ``orient="split"``."""

    columns: list[str]
    data: list[list[Any]]
    index: list[Any] | None = None


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What may be said of a request beside its rows."""

    as_of: AsOf | None = None
    request_id: RequestId | None = None
    reasons: Reasons = 0


class Invocation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Exactly one of the four shapes of MLflow's scoring protocol."""

    dataframe_split: Annotated[Split | None, Meta(description="Column names and rows.")] = None
    dataframe_records: Annotated[list[Record] | None, Meta(description="One object for each row.")] = None
    instances: Annotated[list[Record] | None, Meta(description="One object for each row.")] = None
    inputs: Annotated[
        dict[str, Any] | list[Record] | None,
        Meta(description="Columns by name, one object for each row, or one row: no value of it is a list."),
    ] = None
    params: Annotated[Params | None, Meta(description="As in /v1/score: as_of, request_id and reasons.")] = None


class InvocationAnswer(msgspec.Struct, frozen=True):
    """The answer to ``/invocations``: one prediction for each row, in order."""

    predictions: list[PredictionAnswer]


_decode = msgspec.json.Decoder(Invocation).decode
_CHARSETS = frozenset({"utf-8", "utf8"})


def read_invocation(
    body: bytes, content_type: str, kinds: Mapping[str, Kind], limit: int
) -> tuple[list[Row], Params | None]:
    """Who is to be scored, in order, and what is said of the request beside.

    Args:
        body: The request.
        content_type: Its media type, with or without parameters.
        kinds: The model's inputs by name; they decide how the text of a CSV is read.
        limit: Rows at most.

    Raises:
        RequestError: 415 for another media type, 422 for a body that is none of the shapes.
    """
    media, _, more = content_type.lower().partition(";")
    media = media.strip()
    for name, _, value in (one.strip().partition("=") for one in more.split(";")):
        if name == "charset" and value.strip('"') not in _CHARSETS:
            raise refused(415, "content-type", f"charset {value} is not understood", "send UTF-8", "protocol")
    if media == CSV:
        return _rows(_from_csv(body, kinds), kinds, limit, "row", first=1), None
    if media == JSON:
        shape, records, params = _from_json(body)
        return _rows(records, kinds, limit, shape, first=0), params
    raise refused(415, "content-type", f"{media or 'none'} is not understood", f"send {JSON} or {CSV}", "protocol")


def _rows(records: Sequence[Record], kinds: Mapping[str, Kind], limit: int, shape: str, first: int) -> list[Row]:
    if not records:
        raise refused(422, shape, "there are no rows", "send at least one")
    check_count(len(records), limit, shape)
    named = CUSTOMER not in kinds
    times = [name for name, kind in kinds.items() if kind is Kind.TIME]
    if times:
        records = [_without_nat(record, times) for record in records]
    return [_row(f"{shape}[{i}]", record, named) for i, record in enumerate(records, first)]


def _without_nat(record: Record, times: Sequence[str]) -> Record:
    """*record* with null for the text that pandas gives for a time that is not there."""
    missing = [name for name in times if record.get(name) == "NaT"]
    return {**record, **dict.fromkeys(missing)} if missing else record


def _row(path: str, record: Record, named: bool) -> Row:
    place = f"{path}.{CUSTOMER}"
    if not (named and CUSTOMER in record):
        return Row(None, record, place, path)
    customer = record[CUSTOMER]
    if customer is not None and (isinstance(customer, bool) or not isinstance(customer, str | int)):
        raise refused(422, place, "expected a string or a whole number")
    rest = {name: value for name, value in record.items() if name != CUSTOMER}
    return Row(id_text(customer, place), rest, place, path)


def _decoded(body: bytes) -> Invocation:
    try:
        return _decode(body)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError | msgspec.ValidationError) or b"NaN" not in body:
            raise from_decoding(error) from error
    try:
        lenient = json.loads(body, parse_constant=_constant)
        return msgspec.convert(lenient, Invocation)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            what = f"not JSON: {error.msg} (byte {error.pos})"
            raise refused(422, "body", what, "send one JSON object") from error
        raise from_decoding(error) from error


def _constant(text: str) -> None:
    if text != "NaN":
        raise refused(422, "body", f"{text} is no number of JSON", "send null where a value is not known")


def _from_json(body: bytes) -> tuple[str, list[Record], Params | None]:
    sent = _decoded(body)
    given = [f for f in ("dataframe_split", "dataframe_records", "instances", "inputs") if getattr(sent, f) is not None]
    if len(given) != 1:
        raise refused(
            422,
            "body",
            "exactly one of dataframe_split, dataframe_records, instances and inputs is needed, "
            f"{' and '.join(given) or 'none'} is there",
            _NAMED,
        )
    records: list[Record]
    match sent:
        case Invocation(dataframe_split=Split() as split):
            records = _from_split(split)
        case Invocation(inputs=dict() as columns):
            records = _from_columns(columns)
        case _:
            records = getattr(sent, given[0])
    return given[0], records, sent.params


def _from_split(split: Split) -> list[Record]:
    if len(set(split.columns)) < len(split.columns):
        raise refused(422, "dataframe_split.columns", "a column is named twice", "name each input once")
    for i, row in enumerate(split.data):
        if len(row) != len(split.columns):
            raise refused(
                422, f"dataframe_split.data[{i}]", f"{len(row)} values for {len(split.columns)} columns", _NAMED
            )
    return [dict(zip(split.columns, row, strict=True)) for row in split.data]


def _from_columns(columns: dict[str, Any]) -> list[Record]:
    listed = [name for name, values in columns.items() if isinstance(values, list)]
    if columns and not listed:
        return [columns]
    if len(listed) < len(columns):
        single = next(name for name in columns if name not in listed)
        raise refused(422, f"inputs.{single}", "a single value beside lists", "send one value a row in every column")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {length}" for name, length in list(lengths.items())[:5])
        raise refused(422, "inputs", f"columns of different lengths ({told})", "send one value a row in every column")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _from_csv(body: bytes, kinds: Mapping[str, Kind]) -> list[Record]:
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        rows = [row for row in lines if row]
    except UnicodeDecodeError as error:
        raise from_decoding(error) from error
    except csv.Error as error:
        raise refused(422, "body", f"not CSV: {error}", "quote texts with commas or line ends") from error
    header = rows[0] if rows else []
    known = {*kinds, CUSTOMER}
    if not known & set(header) or len(set(header)) < len(header):
        name = header[0] if header else ""
        raise refused(422, "header", "the first line must name the inputs, each once", did_you_mean(name, kinds))
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise refused(422, f"row[{number}]", f"{len(row)} values for {len(header)} columns")
    return [
        {name: _typed(text, kinds.get(name, Kind.TEXT)) for name, text in zip(header, row, strict=True)}
        for row in rows[1:]
    ]


def _typed(text: str, kind: Kind) -> object:
    """A CSV text as the value of *kind*; what cannot be read stays text, for the model's own check to name."""
    if not text:
        return None
    if kind is Kind.NUMBER:
        try:
            return float(text)
        except ValueError:
            return text
    if kind is Kind.BOOLEAN:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), text)
    return text

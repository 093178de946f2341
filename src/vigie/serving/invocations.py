"""The request bodies of MLflow's and SageMaker's ``POST /invocations``, read into the same rows as ``/v1/score``.

JSON with exactly one of ``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``, or CSV with a header.
Inputs are always named: a list without names is refused, since two columns in another order would go unnoticed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vigie.definition.kind import Kind
from vigie.errors import did_you_mean
from vigie.serving.messages import PredictionAnswer, Row, check_count, id_text
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


class Invocation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Exactly one of the four shapes of MLflow's scoring protocol."""

    dataframe_split: Annotated[Split | None, Meta(description="Column names and rows.")] = None
    dataframe_records: Annotated[list[Record] | None, Meta(description="One object for each row.")] = None
    instances: Annotated[list[Record] | None, Meta(description="One object for each row.")] = None
    inputs: Annotated[
        dict[str, list[Any]] | list[Record] | None, Meta(description="Columns by name, or one object for each row.")
    ] = None
    params: Annotated[dict[str, Any] | None, Meta(description="None are known; may be empty.")] = None


class InvocationAnswer(msgspec.Struct, frozen=True):
    """The answer to ``/invocations``: one prediction for each row, in order."""

    predictions: list[PredictionAnswer]


_decode = msgspec.json.Decoder(Invocation).decode


def rows_of_invocation(body: bytes, content_type: str, kinds: Mapping[str, Kind], limit: int) -> list[Row]:
    """Who is to be scored, in order.

    Args:
        body: The request.
        content_type: Its media type, with or without parameters.
        kinds: The model's inputs by name; they decide how the text of a CSV is read.
        limit: Rows at most.

    Raises:
        RequestError: 415 for another media type, 422 for a body that is none of the shapes.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media == CSV:
        return _rows(_from_csv(body, kinds), kinds, limit, "row", first=1)
    if media == JSON:
        shape, records = _from_json(body)
        return _rows(records, kinds, limit, shape, first=0)
    raise refused(415, "content-type", f"{media or 'none'} is not understood", f"send {JSON} or {CSV}", "protocol")


def _rows(records: Sequence[Record], kinds: Mapping[str, Kind], limit: int, shape: str, first: int) -> list[Row]:
    if not records:
        raise refused(422, shape, "there are no rows", "send at least one")
    check_count(len(records), limit, shape)
    named = CUSTOMER not in kinds
    return [_row(f"{shape}[{i}]", record, named) for i, record in enumerate(records, first)]


def _row(path: str, record: Record, named: bool) -> Row:
    place = f"{path}.{CUSTOMER}"
    if not (named and CUSTOMER in record):
        return Row(None, record, place, path)
    customer = record[CUSTOMER]
    if customer is not None and (isinstance(customer, bool) or not isinstance(customer, str | int)):
        raise refused(422, place, "expected a string or a whole number")
    rest = {name: value for name, value in record.items() if name != CUSTOMER}
    return Row(id_text(customer, place), rest, place, path)


def _from_json(body: bytes) -> tuple[str, list[Record]]:
    try:
        sent = _decode(body)
    except (ValueError, RecursionError) as error:
        raise from_decoding(error) from error
    given = [f for f in ("dataframe_split", "dataframe_records", "instances", "inputs") if getattr(sent, f) is not None]
    if len(given) != 1:
        raise refused(
            422,
            "body",
            "exactly one of dataframe_split, dataframe_records, instances and inputs is needed, "
            f"{' and '.join(given) or 'none'} is there",
            _NAMED,
        )
    if sent.params:
        raise refused(422, f"params.{next(iter(sent.params))}", "the model takes no parameters", "leave params out")
    match sent:
        case Invocation(dataframe_split=Split() as split):
            return given[0], _from_split(split)
        case Invocation(inputs=dict() as columns):
            return given[0], _from_columns(columns)
        case _:
            records: list[Record] = getattr(sent, given[0])
            return given[0], records


def _from_split(split: Split) -> list[Record]:
    if len(set(split.columns)) < len(split.columns):
        raise refused(422, "dataframe_split.columns", "a column is named twice", "name each input once")
    for i, row in enumerate(split.data):
        if len(row) != len(split.columns):
            raise refused(
                422, f"dataframe_split.data[{i}]", f"{len(row)} values for {len(split.columns)} columns", _NAMED
            )
    return [dict(zip(split.columns, row, strict=True)) for row in split.data]


def _from_columns(columns: dict[str, list[Any]]) -> list[Record]:
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

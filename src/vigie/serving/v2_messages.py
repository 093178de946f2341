"""What the Open Inference Protocol (V2) asks and answers, and its requests read into rows.

Inputs are columns by name; ``customer_id`` names the customers, and alone it asks for their features to be looked up.
Outputs are columns, too: probability, decision, segment, expected value and the version that answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vigie.definition.kind import Kind
from vigie.errors import did_you_mean
from vigie.serving.body_route import Raw
from vigie.serving.invocations import CUSTOMER
from vigie.serving.messages import PredictionAnswer, RequestId, Row, ScoreAnswer, check_count, id_text
from vigie.serving.refusal import Detail, from_decoding, refused
from vigie.serving.v2_tensors import BOOL, BYTES, FP64, SIZE, RequestTensor, Tail, packed, values_of

LENGTH = b"inference-header-content-length"
"""Header that says how many bytes of a body are JSON; what follows is tensors."""

OUTPUTS = {"probability": FP64, "decision": BYTES, "segment": BYTES, "expected_value": FP64, "version": BYTES}
"""Every output and its datatype."""

DATATYPE_OF = {Kind.NUMBER: FP64, Kind.BOOLEAN: BOOL, Kind.CATEGORY: BYTES, Kind.TEXT: BYTES, Kind.TIME: BYTES}
"""What an input is best sent as. A number may be of any numeric datatype, a time INT64 microseconds."""

Parameters = dict[str, Any]


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that is wanted.

    Attributes:
        name: probability, decision, segment, expected_value or version.
        parameters: binary_data true: behind the JSON instead of in it; others are ignored.
    """

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """A request for inference.

    Attributes:
        inputs: The columns.
        id: Comes back in the answer and stands in the record.
        parameters: as_of: the moment to score at, ISO 8601; binary_data_output true: all outputs behind the JSON; others
            are ignored.
        outputs: Which are wanted; default all.
    """

    inputs: list[RequestTensor]
    id: RequestId | None = None
    parameters: Parameters | None = None
    outputs: Annotated[list[RequestedOutput] | None, Meta(description="Default: all.")] = None


class ResponseTensor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output, for all rows.

    Attributes:
        name: As asked for.
        shape: [n].
        datatype: FP64 or BYTES.
        data: The values; null where a sum of money is not known; absent where they follow the JSON.
        parameters: binary_data_size: bytes of this tensor behind the JSON.
    """

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: Parameters | None = None


class InferAnswer(msgspec.Struct, frozen=True):
    """The answer to a request for inference.

    Attributes:
        model_name: Name of the score.
        model_version: Version that answered; the output version says it for each row while a release is under way.
        id: As asked, or one of ours.
        parameters: bundle: hash of the model; as_of: the moment the values describe.
        outputs: The columns.
    """

    model_name: str
    model_version: str
    id: str
    parameters: Parameters
    outputs: list[ResponseTensor]


class ErrorAnswer(msgspec.Struct, frozen=True):
    """A refusal, as the protocol has it.

    Attributes:
        error: What is wrong, where, and what to do.
    """

    error: str


class TensorCard(msgspec.Struct, frozen=True):
    """An input or output of a model.

    Attributes:
        name: Its name.
        datatype: What it is best sent as.
        shape: [-1]: one value a row.
        parameters: required: whether it must be there.
    """

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters


class ModelMetadata(msgspec.Struct, frozen=True):
    """What the protocol tells of a model.

    Attributes:
        name: Of the score.
        versions: Those that can be asked for.
        platform: Always vigie.
        inputs: All that may be sent.
        outputs: All that may be asked for.
    """

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorCard]
    outputs: list[TensorCard]


@dataclass(frozen=True, slots=True)
class Inference:
    """A request that was read.

    Attributes:
        rows: Who is to be scored.
        request_id: As chosen by the caller; ``None`` where none was.
        as_of: ISO 8601 moment to score at; ``None`` for now.
        outputs: Names of the outputs wanted, in order, and whether each is to be binary.
    """

    rows: list[Row]
    request_id: str | None
    as_of: str | None
    outputs: tuple[tuple[str, bool], ...]


_decode = msgspec.json.Decoder(InferRequest).decode


def metadata_of(name: str, version: str, kinds: Mapping[str, tuple[Kind, bool]]) -> ModelMetadata:
    """What is told of a model.

    Args:
        name: Of the score.
        version: That answers.
        kinds: Kind of each input, and whether it is required.
    """
    inputs = [TensorCard(one, DATATYPE_OF[kind], [-1], {"required": must}) for one, (kind, must) in kinds.items()]
    if CUSTOMER not in kinds:
        inputs.append(TensorCard(CUSTOMER, BYTES, [-1], {"required": False}))
    outputs = [TensorCard(one, datatype, [-1], {}) for one, datatype in OUTPUTS.items()]
    return ModelMetadata(name, [version], "vigie", inputs, outputs)


def read_inference(body: bytes, json_length: int | None, kinds: Mapping[str, Kind], limit: int) -> Inference:
    """A request for inference.

    Args:
        body: JSON, or JSON and tensors.
        json_length: Bytes of JSON at the beginning; ``None``: all of it.
        kinds: The model's inputs.
        limit: Rows at most.

    Raises:
        RequestError: It is not of the protocol, or does not fit the model.
    """
    end = len(body) if json_length is None else json_length
    if end > len(body):
        raise refused(
            422, "inference-header-content-length", f"{end:,} bytes of JSON announced, {len(body):,} are there"
        )
    try:
        asked = _decode(body[:end])
    except (ValueError, RecursionError) as error:
        raise from_decoding(error) from error
    parameters = asked.parameters or {}
    as_of = parameters.get("as_of")
    if as_of is not None and not isinstance(as_of, str):
        raise refused(422, "parameters.as_of", "expected a string", "write 2026-03-01 or 2026-03-01T12:00:00Z")
    tail = Tail(body, end)
    rows = _rows(asked.inputs, kinds, tail, limit)
    tail.end()
    return Inference(rows, asked.id, as_of, _outputs(asked, binary=parameters.get("binary_data_output") is True))


def _rows(inputs: list[RequestTensor], kinds: Mapping[str, Kind], tail: Tail, limit: int) -> list[Row]:
    columns: dict[str, list[Any]] = {}
    count = -1
    for i, tensor in enumerate(inputs):
        path = f"inputs[{i}]"
        if tensor.name in columns:
            raise refused(422, f"{path}.name", f"{tensor.name!r} is sent twice")
        if tensor.name not in kinds and tensor.name != CUSTOMER:
            known = (*kinds, CUSTOMER)
            raise refused(
                422, f"{path}.name", f"the model has no input {tensor.name!r}", did_you_mean(tensor.name, known)
            )
        if tensor.shape and tensor.shape[0] > limit:
            check_count(tensor.shape[0], limit, f"{path}.shape")
        values = values_of(tensor, path, tail)
        if count not in (-1, len(values)):
            raise refused(422, f"{path}.shape", f"{len(values):,} rows where the inputs before have {count:,}")
        columns[tensor.name], count = values, len(values)
    if count < 1:
        raise refused(422, "inputs", "there are no rows", f"send the model's inputs, or {CUSTOMER}")
    customers = columns.pop(CUSTOMER) if CUSTOMER not in kinds and CUSTOMER in columns else None
    if not columns:
        assert customers is not None, "there are rows, so that there is a column"
        return [_customer(one, i, None) for i, one in enumerate(customers)]
    names = tuple(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if customers is None:
        return [Row(None, values, f"rows[{i}].{CUSTOMER}", f"rows[{i}]") for i, values in enumerate(rows)]
    return [_customer(one, i, values) for i, (one, values) in enumerate(zip(customers, rows, strict=True))]


def _customer(customer: Any, row: int, values: dict[str, Any] | None) -> Row:
    path = f"rows[{row}].{CUSTOMER}"
    if isinstance(customer, float | bool) or (customer is None and values is None):
        raise refused(422, path, "expected a string or a whole number", "send customer_id as BYTES or INT64")
    return Row(id_text(customer, path), values, path, f"rows[{row}]")


def _outputs(asked: InferRequest, *, binary: bool) -> tuple[tuple[str, bool], ...]:
    if not asked.outputs:
        return tuple((name, binary) for name in OUTPUTS)
    for i, one in enumerate(asked.outputs):
        if one.name not in OUTPUTS:
            raise refused(
                422, f"outputs[{i}].name", f"there is no output {one.name!r}", did_you_mean(one.name, OUTPUTS)
            )
        if one.parameters and ("classification" in one.parameters or "shared_memory_region" in one.parameters):
            raise refused(422, f"outputs[{i}].parameters", "neither classification nor shared memory is answered")
    wanted = [(one.name, bool((one.parameters or {}).get("binary_data", binary))) for one in asked.outputs]
    if len({name for name, _ in wanted}) < len(wanted):
        raise refused(422, "outputs", "an output is asked for twice")
    return tuple(wanted)


def written(answer: ScoreAnswer, outputs: tuple[tuple[str, bool], ...]) -> InferAnswer | Raw:
    """The answer, with binary outputs behind the JSON."""
    rows, parts = answer.predictions, []
    tensors: list[ResponseTensor] = []
    for name, binary in outputs:
        values, datatype = _column(name, rows, answer.model.version), OUTPUTS[name]
        if binary:
            part = packed(values, datatype)
            parts.append(part)
            tensors.append(ResponseTensor(name, [len(rows)], datatype, parameters={SIZE: len(part)}))
        else:
            tensors.append(ResponseTensor(name, [len(rows)], datatype, values))
    told = {"bundle": answer.model.bundle, "as_of": rows[0].as_of}
    whole = InferAnswer(answer.model.name, answer.model.version, answer.request_id, told, tensors)
    if not parts:
        return whole
    head = msgspec.json.encode(whole)
    headers = ((b"content-type", b"application/octet-stream"), (LENGTH, b"%d" % len(head)))
    return Raw(b"".join([head, *parts]), headers)


def _column(name: str, rows: list[PredictionAnswer], version: str) -> list[Any]:
    match name:
        case "probability":
            return [row.score for row in rows]
        case "version":
            return [version if row.version is msgspec.UNSET else row.version for row in rows]
        case _:
            return [getattr(row, name) for row in rows]


def error_of(details: Sequence[Detail]) -> ErrorAnswer:
    """Everything found wrong, in one text."""

    def line(one: Detail) -> str:
        return f"{one.field}: {one.reason}" + (f" ({one.remedy})" if one.remedy else "")

    shown = [line(one) for one in details[:10]]
    more = len(details) - len(shown)
    return ErrorAnswer("; ".join(shown) + (f"; and {more} more" if more else ""))

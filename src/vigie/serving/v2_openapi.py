"""The part of the API's description that is about the Open Inference Protocol."""

from __future__ import annotations

from typing import Any

import msgspec

from vigie.definition.kind import Kind
from vigie.serving.model_card import example_values
from vigie.serving.served import Served
from vigie.serving.v2_messages import DATATYPE_OF, ErrorAnswer, InferAnswer, InferRequest, ModelMetadata

TAG = "Open Inference Protocol"
_REFUSALS = {
    "400": "The request does not fit",
    "404": "No such score, or no such version of it",
    "413": "The request is too long",
    "415": "Another media type is needed",
    "500": "An error of the server's own; its log has it by the request's id",
    "503": "Nothing could be recorded or looked up, so nothing was scored; try again",
}


def v2_paths(example: Served | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths below ``/v2``, and the schemas that they need.

    Args:
        example: A model whose inputs are the example; ``None``: there is none.
    """
    refs, schemas = msgspec.json.schema_components(
        [InferRequest, InferAnswer, ModelMetadata, ErrorAnswer], ref_template="#/components/schemas/{name}"
    )
    request, answered, metadata, error = refs
    name: dict[str, Any] = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "Of the score.",
        "schema": {"type": "string"},
    }
    version = {**name, "name": "version", "description": "Must be the one that answers."}
    if example is not None:
        name, version = {**name, "example": example.name}, {**version, "example": example.version}
    responses: dict[str, Any] = {status: _json(meaning, error) for status, meaning in _REFUSALS.items()}
    content: dict[str, Any] = {"schema": request}
    if example is not None:
        content["examples"] = {"one": {"summary": "One row", "value": _sent(example)}}
    infer = {
        "tags": [TAG],
        "summary": "Score rows that are sent as columns",
        "description": "Inputs by name, one value a row; customer_id names the customers, and alone it has their features "
        "looked up. Binary tensor data, as Triton's clients send it, is understood. Every prediction is recorded.",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": _json("Scored", answered), **responses},
    }
    card = {
        "tags": [TAG],
        "summary": "Inputs and outputs of a model",
        "responses": {"200": _json("Known", metadata), "404": responses["404"]},
    }
    ready: dict[str, Any] = {
        "tags": [TAG],
        "summary": "Whether a model answers",
        "responses": {
            "200": _json("It does", {"type": "object"}),
            "404": responses["404"],
            "503": _json("Predictions cannot be recorded", {"type": "object"}),
        },
    }
    base, versioned = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    paths: dict[str, Any] = {
        "/v2": {"get": _get("Name, version and extensions of the server", "v2_server")},
        "/v2/health/live": {"get": _get("The process is alive", "v2_live")},
        "/v2/health/ready": {
            "get": {
                **_get("Models answer and predictions can be recorded", "v2_ready"),
                "responses": {k: v for k, v in ready["responses"].items() if k != "404"},
            }
        },
    }
    for path, parameters, suffix in ((base, [name], ""), (versioned, [name, version], "_version")):
        paths[path] = {"get": {**card, "parameters": parameters, "operationId": f"v2_model{suffix}"}}
        paths[f"{path}/ready"] = {"get": {**ready, "parameters": parameters, "operationId": f"v2_model_ready{suffix}"}}
        paths[f"{path}/infer"] = {"post": {**infer, "parameters": parameters, "operationId": f"v2_infer{suffix}"}}
    return paths, schemas


def _get(summary: str, operation: str) -> dict[str, Any]:
    responses = {"200": _json("It is", {"type": "object"})}
    return {"tags": [TAG], "summary": summary, "operationId": operation, "responses": responses}


def _json(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _sent(served: Served) -> dict[str, Any]:
    kinds: dict[str, Kind] = served.kinds
    return {
        "inputs": [
            {"name": name, "shape": [1], "datatype": DATATYPE_OF[kinds[name]], "data": [value]}
            for name, value in example_values(served.bundle).items()
        ],
        "outputs": [{"name": "probability"}, {"name": "decision"}],
    }

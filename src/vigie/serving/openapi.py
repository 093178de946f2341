"""The description of the API: FastAPI's, completed by the plain routes, with schemas and examples of the models served."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from vigie.bundle import Bundle
from vigie.definition.kind import Kind
from vigie.features.online.lookup import Lookup
from vigie.serving.events_openapi import events_paths
from vigie.serving.features_openapi import features_paths
from vigie.serving.invocations import Invocation, InvocationAnswer
from vigie.serving.messages import ScoreAnswer, ScoreRequest
from vigie.serving.model_card import ModelCard, example_values
from vigie.serving.refusal import Refusal
from vigie.serving.served import Served
from vigie.serving.v2_openapi import TAG, v2_paths

_REFUSALS = {
    "404": "No such score",
    "413": "The request is too long",
    "415": "Another media type is needed",
    "422": "The request does not fit: every detail names a field, the reason and a remedy",
    "500": "An error of the server's own; its log has it by the request's id",
    "503": "Nothing could be recorded or looked up, so nothing was scored; try again",
}
_GROUPS = ("scoring", "features", "events", "models", "MLflow and SageMaker", TAG, "health")
_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.CATEGORY: {"type": "string"},
    Kind.TEXT: {"type": "string"},
    Kind.TIME: {"type": "string", "format": "date-time"},
}


def describe(
    app: FastAPI,
    models: Mapping[str, Served],
    default: str | None,
    sources: Sequence[str] = (),
    lookups: Mapping[str, Lookup] | None = None,
    *,
    shelf: bool = False,
) -> dict[str, Any]:
    """The OpenAPI document of *app*.

    Args:
        app: With all its routes.
        models: By name of the score.
        default: The score of ``/v1/score`` and ``/invocations``; ``None`` if they have none.
        sources: Names of the sources whose events are received.
        lookups: Features that are answered with, by name of the score; ``None``: none.
        shelf: Whether there are more models than *models*, each read when it is asked for: their route is described once.
    """
    refs, schemas = msgspec.json.schema_components(
        [ScoreRequest, ScoreAnswer, Refusal, Invocation, InvocationAnswer, ModelCard],
        ref_template="#/components/schemas/{name}",
    )
    _, answered, refusal, invoked, predicted, card = refs
    document = get_openapi(
        title=app.title, version=app.version, description=_welcome(models, default, shelf=shelf), routes=app.routes
    )
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update({name: _documented(schema) for name, schema in schemas.items()})
    paths: dict[str, Any] = {}
    for name, served in models.items():
        components[values_schema(name)] = _values(served.bundle)
    if default is not None:
        paths["/v1/score"] = _score(answered, refusal, components, models[default], "score")
    for name, served in models.items():
        one = _score(answered, refusal, components, served, f"score_{name}")
        paths[f"/v1/scores/{name}/score"] = one
    if shelf:
        paths["/v1/scores/{name}/score"] = _shelved(answered, refusal)
    if default is not None:
        paths["/invocations"] = _invocations(invoked, predicted, refusal, models[default])
    more = [features_paths(lookups)] if lookups else []
    more += [events_paths(sources)] if sources else []
    if models or shelf:
        more.append(v2_paths(models[default] if default is not None else next(iter(models.values()), None)))
    for described, schemas in more:
        paths.update(described)
        components.update({name: _documented(schema) for name, schema in schemas.items()})
    found = {**paths, **document["paths"]}
    document["paths"] = dict(sorted(found.items(), key=lambda item: _GROUPS.index(_group(item[1]))))
    listing = document["paths"]["/v1/models"]["get"]["responses"]["200"]
    listing["content"] = {"application/json": {"schema": {"type": "array", "items": card}}}
    return document


def _group(verbs: dict[str, Any]) -> str:
    group: str = next(iter(verbs.values()))["tags"][0]
    return group


def _documented(schema: dict[str, Any]) -> dict[str, Any]:
    """*schema* with the attributes of its class' docstring at the properties, and the first sentence at the whole."""
    text = inspect.cleandoc(schema.get("description", "")).replace("``", "")
    whole, _, attributes = text.partition("\n\nAttributes:\n")
    meanings = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE))
    properties = {
        name: {"description": re.sub(r"\s+", " ", meanings[name]), **one} if name in meanings else one
        for name, one in schema.get("properties", {}).items()
    }
    return {**schema, "description": whole.strip(), **({"properties": properties} if properties else {})}


def values_schema(score: str) -> str:
    """Name of the schema of a score's values: ``churn`` → ``churn_values``."""
    return f"{score}_values"


def _welcome(models: Mapping[str, Served], default: str | None, *, shelf: bool) -> str:
    if shelf and not models:
        return "Many scores, each read when it is asked for. Every prediction is recorded. /v1/models lists them."
    if not models:
        return "Features of customers by id; no model is served yet."
    lines = ["A score, a decision and its expected value for each customer. Every prediction is recorded."]
    lines += [
        f"{name} (version {served.version}{', the default' if name == default and len(models) > 1 else ''}):"
        f" {served.bundle.title}"
        for name, served in models.items()
    ]
    return "\n\n".join(lines)


def _values(bundle: Bundle) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for one in bundle.inputs:
        schema = dict(_TYPES[one.kind])
        if not one.required:
            schema["type"] = [schema["type"], "null"]
        if one.description:
            schema["description"] = one.description
        if one.categories:
            schema["examples"] = list(one.categories[:5])
        properties[one.name] = schema
    return {
        "type": "object",
        "description": "The model's inputs by name. What is not required may be left out or null.",
        "properties": properties,
        "required": [one.name for one in bundle.inputs if one.required],
        "additionalProperties": False,
        "example": example_values(bundle),
    }


def _score(
    answered: dict[str, Any],
    refusal: dict[str, Any],
    components: dict[str, Any],
    served: Served,
    operation: str,
) -> dict[str, Any]:
    """One scoring route. Its request schema is the common one, with the values of this model."""
    name = served.name
    values = {"$ref": f"#/components/schemas/{values_schema(name)}"}
    customer, request = f"{name}_customer", f"{name}_request"
    components[customer] = _with(components["Customer"], values=values)
    components[request] = _with(
        components["ScoreRequest"],
        values=values,
        customers={"type": "array", "items": {"$ref": f"#/components/schemas/{customer}"}},
    )
    sent = example_values(served.bundle)
    examples = {"values": {"summary": "By values", "value": {"values": sent}}}
    if served.provider is not None:
        examples["id"] = {"summary": "By customer id", "value": {"customer_id": "1001"}}
    examples["reasons"] = {"summary": "With the three greatest reasons", "value": {"values": sent, "reasons": 3}}
    examples["many"] = {
        "summary": "Many customers",
        "value": {"customers": [{"customer_id": "1001", "values": sent}, {"customer_id": "1002", "values": sent}]},
    }
    return {
        "post": {
            "tags": ["scoring"],
            "summary": f"Score one customer or many: {served.bundle.title}",
            "description": "By values or by customer id. The answer has one prediction for each customer, in order; "
            "each is on record before it is sent. With reasons, it says which inputs move the score most.",
            "operationId": operation,
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": f"#/components/schemas/{request}"}, "examples": examples}
                },
            },
            "responses": _responses(answered, refusal, _answer(served)),
        }
    }


def _shelved(answered: dict[str, Any], refusal: dict[str, Any]) -> dict[str, Any]:
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "Of the score; /v1/models lists all, with their inputs.",
        "schema": {"type": "string"},
    }
    request = {"$ref": "#/components/schemas/ScoreRequest"}
    responses: dict[str, Any] = {
        "200": {"description": "Scored", "content": {"application/json": {"schema": answered}}}
    }
    for status, meaning in _REFUSALS.items():
        responses[status] = {"description": meaning, "content": {"application/json": {"schema": refusal}}}
    return {
        "post": {
            "tags": ["scoring"],
            "summary": "Score one customer or many with any of the scores that are read when they are asked for",
            "operationId": "score_shelved",
            "parameters": [name],
            "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
            "responses": responses,
        }
    }


def _invocations(
    invoked: dict[str, Any], predicted: dict[str, Any], refusal: dict[str, Any], served: Served
) -> dict[str, Any]:
    sent = example_values(served.bundle)
    names, values = list(sent), list(sent.values())
    examples = {
        "records": {"summary": "dataframe_records", "value": {"dataframe_records": [sent]}},
        "split": {"summary": "dataframe_split", "value": {"dataframe_split": {"columns": names, "data": [values]}}},
        "instances": {"summary": "instances", "value": {"instances": [sent]}},
        "inputs": {"summary": "inputs", "value": {"inputs": {name: [value] for name, value in sent.items()}}},
    }
    line = ",".join("" if value is None else str(value) for value in values)
    text = {"csv": {"summary": "CSV", "value": f"{','.join(names)}\n{line}\n"}}
    return {
        "post": {
            "tags": ["MLflow and SageMaker"],
            "summary": "Score rows as MLflow's and SageMaker's clients send them",
            "description": "A column customer_id, where it is no input, names the customer in the record.",
            "operationId": "invocations",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": invoked, "examples": examples},
                    "text/csv": {"schema": {"type": "string"}, "examples": text},
                },
            },
            "responses": _responses(predicted, refusal, {"predictions": _answer(served)["predictions"]}),
        }
    }


def _answer(served: Served) -> dict[str, Any]:
    rule = served.bundle.decision
    return {
        "request_id": "019a4d2e-7c00-7abc-8def-0123456789ab",
        "model": {"name": served.name, "version": served.version, "bundle": served.bundle.hash},
        "predictions": [
            {
                "customer_id": "1001",
                "score": 0.71,
                "decision": rule.act,
                "segment": "high",
                "expected_value": 12.5,
                "as_of": "2026-01-31T00:00:00Z",
            }
        ],
    }


def _responses(answered: dict[str, Any], refusal: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "200": {"description": "Scored", "content": {"application/json": {"schema": answered, "example": example}}}
    }
    for status, meaning in _REFUSALS.items():
        found[status] = {"description": meaning, "content": {"application/json": {"schema": refusal}}}
    return found


def _with(schema: dict[str, Any], **properties: dict[str, Any]) -> dict[str, Any]:
    """*schema* with some properties replaced, each allowed to be null and described as before."""
    known = schema["properties"]
    changed = {
        name: {"anyOf": [one, {"type": "null"}], "description": known[name].get("description", ""), "default": None}
        for name, one in properties.items()
    }
    return {**schema, "properties": {**known, **changed}}

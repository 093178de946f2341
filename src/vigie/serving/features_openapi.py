"""The part of the API's description that is about features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vigie.definition.kind import Kind
from vigie.features.online.lookup import Lookup
from vigie.serving.features_messages import FeaturesAnswer, FeaturesRequest
from vigie.serving.refusal import Refusal

_REFUSALS = {
    "404": "No such score, or several and none is named",
    "405": "Only GET and POST are answered",
    "413": "The request is too long",
    "415": "Another media type is needed",
    "422": "The request does not fit: every detail names a field, the reason and a remedy",
    "500": "An error of the server's own; its log has it by the request's id",
    "503": "The online store cannot be read; try again",
}
_EXAMPLES: dict[Kind, Any] = {
    Kind.NUMBER: 3.0,
    Kind.BOOLEAN: True,
    Kind.CATEGORY: "a",
    Kind.TEXT: "a text",
    Kind.TIME: "2026-01-30T10:00:00Z",
}
_AT = "2026-01-31T00:00:00Z"


def features_paths(lookups: Mapping[str, Lookup]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The path ``/v1/features``, and the schemas that it needs.

    Args:
        lookups: By name of the score, at least one.
    """
    (request, answered, refusal), schemas = msgspec.json.schema_components(
        [FeaturesRequest, FeaturesAnswer, Refusal], ref_template="#/components/schemas/{name}"
    )
    lookup = next(iter(lookups.values()))
    names = list(lookup.kinds)
    responses: dict[str, Any] = {
        "200": {
            "description": "One row for each customer, in the order asked",
            "content": {"application/json": {"schema": answered, "example": _answer(lookup, names)}},
        }
    }
    for status, meaning in _REFUSALS.items():
        responses[status] = {"description": meaning, "content": {"application/json": {"schema": refusal}}}
    told = "; ".join(f"{name}: {', '.join(one.kinds)}" for name, one in lookups.items())
    described = (
        "Computed from the histories at the moment asked for, so that they never go stale. A customer of whom nothing is "
        f"known has a row with known = false. Features by score — {told}."
    )
    examples = {
        "one": {"summary": "One customer", "value": {"customers": ["1001"]}},
        "some": {
            "summary": "Some features of many customers at a past moment",
            "value": {"customers": ["1001", "1002"], "score": lookup.name, "features": names[:2], "as_of": _AT},
        },
    }
    get = {
        "tags": ["features"],
        "summary": "Features of customers by id",
        "description": described,
        "operationId": "get_features",
        "parameters": _parameters(list(lookups), names),
        "responses": responses,
    }
    post = {
        "tags": ["features"],
        "summary": "Features of many customers by id",
        "description": described,
        "operationId": "post_features",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "examples": examples}},
        },
        "responses": responses,
    }
    return {"/v1/features": {"get": get, "post": post}}, schemas


def _parameters(scores: list[str], names: list[str]) -> list[dict[str, Any]]:
    text = {"type": "string"}
    return [
        {
            "name": "customer",
            "in": "query",
            "required": True,
            "description": "Key of a customer; may be repeated.",
            "schema": {"type": "array", "items": text},
            "example": ["1001"],
        },
        {
            "name": "score",
            "in": "query",
            "description": "Name of the score; may be left out where there is one.",
            "schema": {**text, "enum": scores},
        },
        {
            "name": "features",
            "in": "query",
            "description": "Names of the only features wanted, separated by commas.",
            "schema": text,
            "example": ",".join(names[:2]),
        },
        {
            "name": "as_of",
            "in": "query",
            "description": "ISO 8601: the moment to compute at; default now. UTC without offset.",
            "schema": text,
        },
        {
            "name": "request_id",
            "in": "query",
            "description": "Up to 128 letters, digits and ._:- of your choice; comes back in the answer.",
            "schema": text,
        },
    ]


def _answer(lookup: Lookup, names: list[str]) -> dict[str, Any]:
    values = {name: _EXAMPLES[lookup.kinds[name]] for name in names}
    return {
        "request_id": "019a4d2e-7c00-7abc-8def-0123456789ab",
        "score": lookup.name,
        "definition": lookup.fingerprint,
        "as_of": _AT,
        "names": names,
        "rows": [
            {"customer": "1001", "known": True, "moment": _AT, "values": values},
            {"customer": "nobody", "known": False, "moment": None, "values": None},
        ],
    }

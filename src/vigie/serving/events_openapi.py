"""The part of the API's description that is about events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vigie.serving.events_messages import EventsAnswer, EventsRequest
from vigie.serving.refusal import Refusal

_REFUSALS = {
    "405": "Only POST is answered",
    "413": "Too many events, or too long a body",
    "415": "Another media type is needed",
    "422": "The request does not fit: every detail names a field, the reason and a remedy",
    "500": "An error of the server's own; its log has it by the request's id",
    "503": "Not kept, or not online yet: send them again, nothing is counted twice",
}


def events_paths(sources: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The path ``/v1/events``, and the schemas that it needs.

    Args:
        sources: Names of the sources that are received.
    """
    refs, schemas = msgspec.json.schema_components(
        [EventsRequest, EventsAnswer, Refusal], ref_template="#/components/schemas/{name}"
    )
    request, answered, refusal = refs
    one = {"source": sources[0], "events": [{"customer_id": "1001", "order_id": "A-17", "amount": 25.0}]}
    examples = {
        "one": {"summary": "Events of one source", "value": one},
        "several": {"summary": "Of several sources", "value": [one, {"source": sources[-1], "events": [{}]}]},
    }
    reason = "there is no value"
    example = {
        "request_id": "019a4d2e-7c00-7abc-8def-0123456789ab",
        "accepted": 1,
        "quarantined": [
            {"source": sources[-1], "index": 0, "rule": "key", "column": "customer_id", "reason": reason, "part": 1}
        ],
        "pending": [],
    }
    responses: dict[str, Any] = {
        "200": {
            "description": "Kept for good; those accepted count from now on",
            "content": {"application/json": {"schema": answered, "example": example}},
        }
    }
    for status, meaning in _REFUSALS.items():
        responses[status] = {"description": meaning, "content": {"application/json": {"schema": refusal}}}
    schema = {"oneOf": [request, {"type": "array", "items": request}]}
    return {
        "/v1/events": {
            "post": {
                "tags": ["events"],
                "summary": "Send events, or rows of a table",
                "description": "Held against the contract, kept, and online when this is answered. Sources: "
                + ", ".join(sources)
                + ". The same event any number of times changes nothing.",
                "operationId": "events",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": schema, "examples": examples}},
                },
                "responses": responses,
            }
        }
    }, schemas

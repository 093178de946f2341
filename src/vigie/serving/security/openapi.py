"""What a description of the API says about callers."""

from __future__ import annotations

from typing import Any

from vigie.serving.security.routes import OPEN, OPENABLE, role_of

_STATUSES = {
    "401": "The caller is not recognised: no key, or one that is not valid",
    "403": "The caller lacks the role, or may not ask for this score",
    "429": "The caller comes too often: wait as long as Retry-After says",
}


def secured(document: dict[str, Any], *, opened: frozenset[str], tokens: bool) -> dict[str, Any]:
    """*document* with who may call what; it is changed in place.

    Args:
        document: An OpenAPI document.
        opened: What needs no key, of :data:`~vigie.serving.security.routes.OPENABLE`.
        tokens: Whether tokens are accepted beside keys.
    """
    schemes: dict[str, Any] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key: vgk_…"},
        "key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, as a header."},
    }
    if tokens:
        schemes["token"] = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An OAuth2 access token.",
        }
    document["components"]["securitySchemes"] = schemes
    document["security"] = [{name: []} for name in schemes]
    free = {path for name in opened for path in OPENABLE[name]}
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for path, verbs in document["paths"].items():
        role = OPEN if path in free else role_of(path)
        for operation in verbs.values():
            if role == OPEN:
                operation["security"] = []
                continue
            operation["x-role"] = role
            for status, meaning in _STATUSES.items():
                operation["responses"].setdefault(status, {"description": meaning, "content": refusal})
    return document

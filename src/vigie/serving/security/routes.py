"""What each route needs. What is not listed needs the role ``admin``: a route that was forgotten is closed."""

from __future__ import annotations

OPEN = ""
"""Anybody may call."""
ANY = "any"
"""Whoever is recognised may call, whatever the role."""

EXACT = {
    "/": OPEN,
    "/docs": OPEN,  # a page without anything of the project: that is in /openapi.json
    "/healthz": OPEN,
    "/readyz": OPEN,
    "/ping": OPEN,
    "/health": OPEN,
    "/v2/health/live": OPEN,
    "/v2/health/ready": OPEN,
    "/version": ANY,
    "/openapi.json": ANY,
    "/metrics": "metrics",
    "/v1/score": "score",
    "/invocations": "score",
    "/v1/models": "score",
    "/v1/features": "features",
    "/v1/events": "events",
    "/v2": "score",
}
_BELOW = (
    ("/v1/scores/", "score"),
    ("/v1/models/", "score"),
    ("/v2/repository/", "admin"),
    ("/v2/", "score"),
)
_NAMED = ("/v1/scores/", "/v1/models/", "/v2/models/")

OPENABLE = {"docs": ("/openapi.json", "/version"), "metrics": ("/metrics",)}
"""What ``[serve.security] open`` may name, and the paths that it opens."""


def role_of(path: str) -> str:
    """The role that *path* needs, or :data:`OPEN` or :data:`ANY`."""
    role = EXACT.get(path)
    if role is None:
        role = next((one for start, one in _BELOW if path.startswith(start)), "admin")
    return role


def score_of(path: str, default: str | None) -> str | None:
    """The score that *path* asks for, or ``None`` where it names none.

    Args:
        path: Of the request.
        default: The score of the routes that name none.

    >>> score_of("/v1/scores/churn/score", None)
    'churn'
    """
    if path in ("/v1/score", "/invocations"):
        return default
    for start in _NAMED:
        if path.startswith(start):
            return path[len(start) :].partition("/")[0]
    return None


CHOOSING = frozenset({"/v1/features", "/v1/models", "/v2", "/v2/"})
"""Routes that look themselves at which scores a caller may ask for, or speak of none."""

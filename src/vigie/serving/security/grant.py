"""What a caller may do, whether known by a key or by a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vigie.errors import SettingsError, did_you_mean
from vigie.serving.refusal import RequestError, refused
from vigie.serving.security.bucket import Rate

ROLES = {
    "score": "scores and decisions, and which models there are",
    "explain": "reasons of a score",
    "features": "features of a customer",
    "events": "send events",
    "metrics": "read /metrics",
    "admin": "administration",
}
"""Every role and what it allows. None contains another."""

CALLER = "vigie.caller"
"""Where the grant of a request stands in its ASGI scope."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A caller who was recognised, and what the caller may do.

    Attributes:
        name: For the records: ``key:NAME`` or ``token:SUBJECT``.
        roles: Of :data:`ROLES`.
        scores: Names of the scores that may be asked for; ``None``: all.
        rate: Requests that are answered; ``None``: any number.
        max_rows: Customers or events in one request at most; ``None``: as many as the server takes.
        max_body_bytes: Bytes of one request at most; ``None`` likewise.
        replaced: Whether the caller still uses a key that was replaced and is soon not valid.
    """

    name: str
    roles: frozenset[str]
    scores: frozenset[str] | None = None
    rate: Rate | None = None
    max_rows: int | None = None
    max_body_bytes: int | None = None
    replaced: bool = False

    def need(self, role: str) -> None:
        """Returns if the caller has *role*.

        Raises:
            RequestError: 403.
        """
        if role not in self.roles:
            raise refused(
                403,
                "authorization",
                f"this needs the role {role!r}; the caller has {', '.join(sorted(self.roles)) or 'none'}",
                "use another key, or ask for the role",
                "authorization",
            )

    def need_score(self, score: str) -> None:
        """Returns if the caller may ask for *score*.

        Raises:
            RequestError: 403. It does not tell whether there is such a score.
        """
        if self.scores is not None and score not in self.scores:
            raise refused(
                403,
                "authorization",
                f"the caller may not ask for score {score!r}",
                f"allowed: {', '.join(sorted(self.scores)) or 'none'}",
                "authorization",
            )

    def rows(self, limit: int) -> int:
        """Rows in one request at most, where the server takes *limit*."""
        return limit if self.max_rows is None else min(limit, self.max_rows)


def checked_roles(roles: Sequence[str], where: str) -> tuple[str, ...]:
    """*roles*, each once and in the order of :data:`ROLES`.

    Raises:
        SettingsError: There is no such role.
    """
    for role in roles:
        if role not in ROLES:
            raise SettingsError(f"no role is called {role!r}", where=where, remedy=did_you_mean(role, ROLES))
    return tuple(role for role in ROLES if role in roles)


def rows_allowed(grant: Grant | None, limit: int) -> int:
    """Rows in one request at most."""
    return limit if grant is None else grant.rows(limit)


def check_rows(grant: Grant | None, count: int, field: str) -> None:
    """Returns if the caller may send *count* rows at once.

    Raises:
        RequestError: 422.
    """
    if grant is not None and grant.max_rows is not None and count > grant.max_rows:
        raise refused(
            422,
            field,
            f"{count:,} in one request; the limit of this key is {grant.max_rows:,}",
            "send several requests",
        )


__all__ = ["CALLER", "ROLES", "Grant", "RequestError", "check_rows", "checked_roles", "rows_allowed"]

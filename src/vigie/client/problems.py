"""What a client raises when the API refuses, or cannot be reached."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vigie.errors import VigieError


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request.

    Attributes:
        field: Where, as a path into the request.
        reason: What is wrong.
        remedy: What to do about it; may be empty.
    """

    field: str
    reason: str
    remedy: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    detail: list[Problem]
    request_id: str = ""


class ApiError(VigieError):
    """A request was refused, or got no answer.

    Args:
        what: What went wrong.
        where: The URL.
        remedy: What to do about it.
        status: HTTP status; 0: there was no answer.
        problems: Everything that the server found wrong.
        request_id: To find the request in the server's records.

    Attributes:
        retryable: Whether the same call may succeed later: no answer, 429 or 503.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        status: int = 0,
        problems: Sequence[Problem] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status, self.problems, self.request_id = status, tuple(problems), request_id
        self.retryable = status in (0, 429, 503)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.what, self.where, self.remedy, self.status, self.problems, self.request_id))


def _rebuild(
    what: str, where: str, remedy: str, status: int, problems: tuple[Problem, ...], request_id: str
) -> ApiError:
    return ApiError(what, where=where, remedy=remedy, status=status, problems=problems, request_id=request_id)


def refused(status: int, url: str, body: bytes, request_id: str) -> ApiError:
    """The error for an answer that is not a success, from this server or from what stands before it."""
    try:
        refusal = msgspec.json.decode(body, type=Refusal)
    except msgspec.MsgspecError:
        shown = body[:200].decode("utf-8", "replace").strip()
        return ApiError(
            f"answered with {status}: {shown or 'nothing'}", where=url, status=status, request_id=request_id
        )
    first = refusal.detail[0] if refusal.detail else Problem("", f"answered with {status}")
    more = f" (and {len(refusal.detail) - 1} more)" if len(refusal.detail) > 1 else ""
    what = f"{first.field}: {first.reason}{more}" if first.field else first.reason
    return ApiError(
        what,
        where=url,
        remedy=first.remedy,
        status=status,
        problems=refusal.detail,
        request_id=refusal.request_id or request_id,
    )

"""What is wrong with a request, in the one shape that every refusal of the API has."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import msgspec

from vigie.errors import FeatureError, InputError, JournalError, VigieError

log = logging.getLogger(__name__)

LONGEST = 300
"""Characters of a reason at most: an answer does not repeat a whole request."""


class Detail(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        field: Where, as a path into the request, e.g. ``customers[3].values.age``; ``body`` for all of it.
        reason: What is wrong with it.
        remedy: What to do about it; may be empty.
    """

    field: str
    reason: str
    remedy: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """Body of every answer that is not a success.

    Attributes:
        detail: Everything found wrong, at most 100 things.
        request_id: To find the request again; also in the header ``X-Request-ID``.
    """

    detail: list[Detail]
    request_id: str


class RequestError(Exception):
    """A request is refused. Internal to the serving room: the routes answer it with ``status``.

    Args:
        status: HTTP status.
        details: What is wrong, at least one.
        kind: Label of the errors' counter: ``input``, ``customer``, ``model``, ``journal``, ``features``, ``protocol``,
            ``events``, ``authentication``, ``authorization``, ``limit``; ``server`` for an error of our own.
    """

    def __init__(self, status: int, details: Sequence[Detail], kind: str) -> None:
        self.status, self.details, self.kind = status, tuple(details), kind
        super().__init__(status, self.details, kind)


KINDS = (
    "input", "customer", "model", "journal", "features", "protocol", "events", "authentication", "authorization", "limit",
    "server",
)  # fmt: skip
"""Every ``kind`` of :class:`RequestError`."""


def refused(status: int, field: str, reason: str, remedy: str = "", kind: str = "input") -> RequestError:
    """A problem with one detail."""
    return RequestError(status, [Detail(field, shorten(reason), shorten(remedy))], kind)


def of_our_own(request_id: str) -> RequestError:
    """What a caller is told of an error that nobody expected. Asked where it is handled: the log gets all of it."""
    log.exception("request %s could not be answered", request_id)
    remedy = "try again; whoever runs the server finds it in its log by this request's id"
    return refused(500, "server", "an error of the server's own", remedy, "server")


def from_error(error: VigieError) -> RequestError:
    """The problem that an error of a lower room means for the caller: 422 for input, 503 for what the server lacks."""
    match error:
        case InputError():
            return RequestError(422, [detail_of(error, "")], "input")
        case FeatureError(where="as_of"):
            return refused(422, "as_of", error.what, error.remedy)
        case JournalError():
            return refused(503, "server", f"{error.what}, so nothing was scored", error.remedy, "journal")
        case _:
            reason = f"{error.where}: {error.what}" if error.where else error.what
            return refused(503, "server", reason, error.remedy, "features")


def detail_of(error: InputError, path: str) -> Detail:
    """One input that does not fit, with its path into the request."""
    return Detail(f"{path}.{error.field}" if path else error.field, shorten(error.what), shorten(error.remedy))


_AT = re.compile(r" - at `\$(.*?)`$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_WORDS = {"object": "an object", "array": "a list", "str": "a string", "int": "a whole number", "float": "a number"}
_WORDS |= {"bool": "true or false", "null": "null"}


def from_decoding(error: ValueError | RecursionError) -> RequestError:
    """The problem with a body that cannot be decoded: not JSON, or not of the right shape."""
    if isinstance(error, RecursionError):
        return refused(422, "body", "nested too deeply", "values are numbers, strings, true, false or null")
    if isinstance(error, UnicodeDecodeError):
        return refused(422, "body", f"not UTF-8 at byte {error.start}", "encode the request as UTF-8")
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return refused(422, "body", f"not JSON: {text.removeprefix('JSON is malformed: ')}", "send one JSON object")
    place = _AT.search(text)
    path = place.group(1).removeprefix(".") if place else ""
    reason = _AT.sub("", text)
    unknown = _UNKNOWN.match(reason)
    if unknown:
        return refused(422, f"{path}.{unknown.group(1)}" if path else unknown.group(1), "no such field")
    if "matching regex" in reason:  # the only pattern there is: of a request's id
        reason = "1 to 128 letters, digits and ._:- are allowed"
    return refused(422, path.replace("[...]", "") or "body", _in_words(reason))


def _in_words(reason: str) -> str:
    """The decoder's reason without its Python types.

    >>> _in_words("Expected `object | null`, got `int`")
    'expected an object or null, got a whole number'
    """
    spelled = re.sub(
        r"`([^`]*)`", lambda match: " or ".join(_WORDS.get(word, word) for word in match.group(1).split(" | ")), reason
    )
    return spelled[:1].lower() + spelled[1:]


def shorten(text: str) -> str:
    """*text*, cut to :data:`LONGEST` characters."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

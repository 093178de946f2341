"""Names and fingerprints of what is defined."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from vigie.errors import DefinitionError

LONGEST = 63
"""Characters in the longest name: what PostgreSQL takes as a column."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*\Z")


def fingerprint(meaning: list[Any]) -> str:
    """First 16 hex digits of the SHA-256 of *meaning* as canonical JSON."""
    text = json.dumps(meaning, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def slug(value: object) -> str:
    """*value* in lower-case letters, digits and ``_``.

    >>> slug("Payment method: e-check"), slug(-1.5), slug(True)
    ('payment_method_e_check', 'minus_1p5', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}".replace("-", "minus_").replace(".", "p").replace("+", "")
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(value))
    return re.sub(r"[^\w]+", "_", spaced, flags=re.UNICODE).strip("_").lower() or "_"


def limited(name: str, digest: str) -> str:
    """*name*, or where it is too long its beginning and eight digits of *digest*."""
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9].rstrip('_')}_{digest[:8]}"


def identifier(name: str, what: str) -> str:
    """*name* if it can stand as a column and in a URL.

    Raises:
        DefinitionError: It cannot.
    """
    if not isinstance(name, str) or not _IDENTIFIER.match(name) or len(name) > LONGEST:
        raise DefinitionError(
            f"{name!r} cannot be the name of a {what}",
            remedy=f"use lower-case letters, digits and _, beginning with a letter, at most {LONGEST} characters",
        )
    return name


def sentence(words: str) -> str:
    """*words* with a capital letter.

    >>> sentence("number of orders")
    'Number of orders'
    """
    return words[:1].upper() + words[1:]

"""The text of an API key: ``vgk_`` + public id + ``_`` + secret + checksum.

    vgk_3fK9aQx2LmPz_0bYc…43 digits…Q7x1Vb2Kd
        └ id, 12 ──┘ └ secret, 43 ┘└ check, 6

All digits are of base 62, so that a key survives URLs, shells and a double click. The fixed prefix and the checksum let
secret scanners recognise a leaked key without asking anybody; the id may be shown and logged, the rest never.

What is stored is SHA-256 of the whole text. The secret is 256 bits from the operating system's generator: there is no
dictionary to try, so a slow password hash would protect nothing and let anybody burn our processors with wrong keys.
"""

from __future__ import annotations

import re
import secrets
import zlib
from hashlib import sha256
from hmac import compare_digest

PREFIX = "vgk_"
LENGTH = 66
"""Characters of a key."""
PATTERN = r"vgk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}"
"""What a secret scanner should look for."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_DIGITS, _SECRET_DIGITS, _CHECK_DIGITS = 12, 43, 6
ID = slice(len(PREFIX), len(PREFIX) + _ID_DIGITS)
"""Where the public id stands in a key."""
_whole = re.compile(PATTERN.encode()).fullmatch


def new_id() -> str:
    """A public id: 71 random bits, so that no two keys ever share one."""
    return _base62(secrets.randbelow(62**_ID_DIGITS), _ID_DIGITS)


def new_key(identifier: str) -> str:
    """A whole new key for *identifier*, to be shown once."""
    text = f"{PREFIX}{identifier}_{_base62(secrets.randbits(256), _SECRET_DIGITS)}"
    return text + _check(text.encode())


def digest(key: bytes) -> bytes:
    """What is stored of a key: 32 bytes."""
    return sha256(key).digest()


def is_whole(key: bytes) -> bool:
    """Whether *key* was once made by :func:`new_key`, and not cut or mistyped since."""
    return _whole(key) is not None and compare_digest(_check(key[:-_CHECK_DIGITS]).encode(), key[-_CHECK_DIGITS:])


def without_keys(text: str) -> str:
    """*text* with every key in it blanked from the id on.

    >>> without_keys("vgk_3fK9aQx2LmPz_" + "0" * 49)
    'vgk_3fK9aQx2LmPz_***'
    """
    return re.sub(r"(vgk_[0-9A-Za-z]{12}_)[0-9A-Za-z]+", r"\1***", text)


def _check(text: bytes) -> str:
    return _base62(zlib.crc32(text), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))

"""Identifiers that sort by time: UUID version 7 (RFC 9562), with the microsecond in it.

48 bits of Unix milliseconds, 12 bits for the fraction of the millisecond (RFC 9562, section 6.2, method 3) and 61 bits
from the operating system's generator, so that processes and machines need no agreement.
"""

from __future__ import annotations

import os

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def identifiers(moment: int, count: int = 1) -> list[str]:
    """Distinct identifiers of one moment, in increasing order of their text.

    Args:
        moment: Microseconds since 1970-01-01 UTC, from the caller's clock; from 1970 to the year 10889.
        count: How many; those of one call are consecutive numbers from a random start.

    >>> identifiers(1_700_000_000_000_000)[0][:14]
    '018bcfe5-6800-'
    """
    milliseconds, micro = divmod(moment, 1_000)
    time = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | _VERSION | (micro * 4096 // 1_000) << 64 | _VARIANT
    # One bit of the 62 stays free, so that consecutive numbers have room.
    start = int.from_bytes(os.urandom(8)) >> 3
    return [_text(time | (start + i)) for i in range(count)]


def _text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

"""Identifiers that sort by time: UUID version 7 (RFC 9562), with the microsecond in it.

48 bits of Unix milliseconds, 12 bits for the fraction of the millisecond (RFC 9562, section 6.2, method 3) and 61 bits
from the operating system's generator, so that processes and machines need no agreement.
"""

from __future__ import annotations

import os

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
    stamp = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
    head = f"{stamp[:8]}-{stamp[8:]}-7{micro * 4096 // 1_000:03x}-"
    # One bit of the 62 stays free, so that consecutive numbers have room.
    start = _VARIANT | int.from_bytes(os.urandom(8)) >> 3
    tails = [f"{start + i:016x}" for i in range(count)]
    return [f"{head}{tail[:4]}-{tail[4:]}" for tail in tails]

"""Identifiers that sort by time: UUID version 7 (RFC 9562), with the microsecond in it.

48 bits of Unix milliseconds, 12 bits for the fraction of the millisecond (RFC 9562, section 6.2, method 3) and 61 random
bits, so that processes and machines need no agreement. Each process seeds its generator from the operating system's:
identifiers are distinct, not secret.
"""

from __future__ import annotations

import os
import random
from functools import lru_cache

_VARIANT = 0b10 << 62
_random = random.Random()
# A forked process must not repeat its parent's numbers.
os.register_at_fork(after_in_child=_random.seed)


def new_identifier(moment: int) -> str:
    """An identifier of a moment, microseconds since 1970-01-01 UTC from the caller's clock.

    >>> new_identifier(1_700_000_000_000_000)[:14]
    '018bcfe5-6800-'
    """
    tail = _VARIANT | _random.getrandbits(61)
    return f"{_head(moment)}{tail >> 48:04x}-{tail & 0xFFFF_FFFF_FFFF:012x}"


def identifiers(moment: int, count: int) -> list[str]:
    """Distinct identifiers of one moment, in increasing order of their text.

    Args:
        moment: Microseconds since 1970-01-01 UTC, from the caller's clock; from 1970 to the year 10889.
        count: How many; those of one call are consecutive numbers from a random start.

    >>> identifiers(1_700_000_000_000_000, 2)[1][:14]
    '018bcfe5-6800-'
    """
    head = _head(moment)
    # One bit of the 62 stays free, so that consecutive numbers have room.
    start = _VARIANT | _random.getrandbits(61)
    return [f"{head}{tail >> 48:04x}-{tail & 0xFFFF_FFFF_FFFF:012x}" for tail in range(start, start + count)]


@lru_cache(64)
def _head(moment: int) -> str:
    """What all identifiers of a moment begin with; a request has several."""
    milliseconds, micro = divmod(moment, 1_000)
    stamp = milliseconds & 0xFFFF_FFFF_FFFF
    return f"{stamp >> 16:08x}-{stamp & 0xFFFF:04x}-7{micro * 4096 // 1_000:03x}-"

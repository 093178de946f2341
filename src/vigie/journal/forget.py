"""Takes customers out of the journal of predictions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from vigie.data.spool import key_text
from vigie.journal import segments


class _About(msgspec.Struct):
    customer: str | None


_about = msgspec.json.Decoder(_About).decode


def forget(directory: Path, customers: Collection[str], *, dry: bool = False) -> int:
    """Blank every prediction about *customers*: their lines become spaces, in place.

    A server may be appending to the same segment: nothing moves under it. Readers pass over blank lines. Nothing is
    shipped meanwhile; what was is in the lake, and must be taken out there afterwards.

    Args:
        directory: Of the journal; it may not be there.
        customers: Keys as text, as the lake writes them: ``17.0`` is ``17``.
        dry: Only count.

    Returns:
        How many predictions those are.
    """
    wanted, found = set(customers), 0
    with contextlib.nullcontext() if dry else segments.shipping(directory, wait=True):
        for path in segments.everything(directory):
            found += _blanked(path, wanted, dry=dry)
    return found


def _blanked(path: Path, wanted: Collection[str], *, dry: bool) -> int:
    blanked = end = 0
    with path.open("rb") as lines, path.open("r+b", buffering=0) as segment:
        for line in lines:
            end += len(line)
            if line.isspace() or not line.endswith(b"\n"):
                continue
            try:
                about = _about(line).customer
            except ValueError:
                continue
            if about is not None and key_text(about) in wanted:
                blanked += 1
                if not dry:
                    os.pwrite(segment.fileno(), b" " * (len(line) - 1), end - len(line))
        if blanked and not dry:
            os.fsync(segment.fileno())
    return blanked

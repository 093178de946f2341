"""Takes customers out of the journal of predictions."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from vigie.journal.prediction import Prediction
from vigie.journal.predictions import SUFFIX


def forget(directory: Path, customers: Collection[str], *, dry: bool = False) -> int:
    """Blank every prediction about *customers*: their lines become spaces, in place.

    A server may be appending to the same segment: nothing moves under it. Readers pass over blank lines.

    Args:
        directory: Of the journal; it may not be there.
        customers: Keys.
        dry: Only count.

    Returns:
        How many predictions those are.
    """
    wanted = set(customers)
    decode = msgspec.json.Decoder(Prediction).decode
    found = 0
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        with path.open("rb") as lines, path.open("r+b", buffering=0) as segment:
            end = blanked = 0
            for line in lines:
                end += len(line)
                if line.isspace() or not line.endswith(b"\n"):
                    continue
                try:
                    about = decode(line).customer
                except ValueError:
                    continue
                if about in wanted:
                    blanked += 1
                    if not dry:
                        os.pwrite(segment.fileno(), b" " * (len(line) - 1), end - len(line))
            if blanked and not dry:
                os.fsync(segment.fileno())
            found += blanked
    return found

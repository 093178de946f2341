"""What can be told of a source without reading it: enough to know whether there is something new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vigie.data.location import DeltaLocation, FileLocation, Location

State = Mapping[str, Any]
"""JSON data; one key: ``files`` (name → [size in bytes, mtime in ns]), ``delta`` ({version, size, mtime} of the newest log
entry) or ``watermark`` ([type, text], or null where there is no row). Nothing where only reading would tell: a database
without a watermark."""


def look(source: str, location: Location) -> State:
    """The state of a source: a listing of files, the version in a Delta log, or one ``SELECT max(watermark)``.

    Args:
        source: Its name, for messages.
        location: Where it is.

    Raises:
        SourceError: It cannot be looked at.
        MissingExtraError: The database's driver is not installed.
    """
    if isinstance(location, FileLocation):
        from vigie.data.read_files import FileReader

        return {"files": FileReader(location, source).listing()}
    if isinstance(location, DeltaLocation):
        from vigie.data.read_delta import DeltaReader

        return {"delta": DeltaReader(location, source).newest()}
    if location.watermark is None:
        return {}
    from vigie.data.read_sql import SqlReader

    return {"watermark": SqlReader(location, source).newest()}

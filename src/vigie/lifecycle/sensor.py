"""What is new in the sources, told without reading them: for ``vigie ingest --watch`` and for the sensor of an orchestrator.

found = changes(project, cursor)     # cursor: text, kept by the caller; None at first
if found.new:
    ...                              # start the pipeline
cursor = found.cursor
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vigie.errors import SettingsError, VigieError
from vigie.lifecycle.ingest import placed_sources
from vigie.lifecycle.project import Project

FORMAT = 1
"""Of the cursor."""


@dataclass(frozen=True, slots=True)
class News:
    """What is new in one source; one of the three.

    Attributes:
        files: Files that came or changed, by name.
        version: The newest version of a Delta table.
        watermark: The greatest value of the watermark, as text.
    """

    files: tuple[str, ...] = ()
    version: int | None = None
    watermark: str | None = None

    def words(self) -> str:
        """In a few words.

        >>> News(files=("a.csv", "b.csv")).words(), News(version=7).words()
        ('2 files', 'version 7')
        """
        if self.files:
            return self.files[0] if len(self.files) == 1 else f"{len(self.files)} files"
        return f"version {self.version}" if self.version is not None else f"up to {self.watermark}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at the sources told.

    Attributes:
        cursor: What was seen, as JSON text: give it to the next look. A source that could not be looked at keeps what
            was seen of it before.
        new: What is new, by source; sources without news are not in it.
        unreachable: Sources that could not be looked at, with the reason.
        untold: Sources of which only reading tells whether they have news: databases without a watermark.
    """

    cursor: str
    new: Mapping[str, News]
    unreachable: Mapping[str, str]
    untold: tuple[str, ...] = ()


def changes(project: Project, cursor: str | None = None, names: Sequence[str] = ()) -> Changes:
    """What came into the sources since *cursor*. Reads no data, changes nothing.

    A look costs a listing of the files, the log of a Delta table, or one ``SELECT max(watermark)``.

    Args:
        project: Whose sources.
        cursor: Of the look before; ``None``: everything there is, is new.
        names: Only these sources; all when left out. What *cursor* says of the others is kept.

    Raises:
        SettingsError: *cursor* is no cursor.
    """
    from vigie.data.look import look

    before = states_of(cursor)
    seen: dict[str, Any] = dict(before)
    new: dict[str, News] = {}
    unreachable: dict[str, str] = {}
    untold: list[str] = []
    for name in names or placed_sources(project):
        try:
            state = look(name, project.location(name))
        except VigieError as error:
            unreachable[name] = f"{error.where}: {error.what}" if error.where else error.what
            continue
        seen[name] = state
        if not state:
            untold.append(name)
        elif state != before.get(name):
            found = _news(before.get(name, {}), state)
            if found is not None:
                new[name] = found
    return Changes(cursor_of(seen), new, unreachable, tuple(untold))


def states_of(cursor: str | None) -> dict[str, Any]:
    """What a cursor says of each source.

    Raises:
        SettingsError: It is no cursor.
    """
    if cursor is None:
        return {}
    try:
        data = json.loads(cursor)
        if data["format"] == FORMAT and isinstance(data["sources"], dict):
            return dict(data["sources"])
    except (ValueError, TypeError, KeyError):
        pass
    raise SettingsError(
        f"not the cursor of a look at the sources: {cursor[:60]!r}", remedy="begin again without a cursor"
    )


def cursor_of(states: Mapping[str, Any]) -> str:
    """The cursor that says so: the same text for the same states."""
    return json.dumps({"format": FORMAT, "sources": states}, sort_keys=True, separators=(",", ":"))


def _news(before: Mapping[str, Any], state: Mapping[str, Any]) -> News | None:
    """What *state* has that *before* has not; ``None`` where something is only gone."""
    if "files" in state:
        known = before.get("files", {})
        files = tuple(sorted(name for name, status in state["files"].items() if known.get(name) != status))
        return News(files=files) if files else None
    if "delta" in state:
        return News(version=int(state["delta"]["version"]))
    return None if state["watermark"] is None else News(watermark=str(state["watermark"][1]))

"""Reads model versions straight from MLflow's SQLite file, in milliseconds and without MLflow.

Importing MLflow takes seconds and a slim serving image does not have it, and to serve, three of its tables are all that
is asked for. They are only read. Where they do not look as expected (an MLflow of another generation) the reader says
so with ``None`` and the caller asks MLflow itself; a test holds both answers against each other.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_DELETED = "Deleted_Internal"
"""Stage by which MLflow marks a deleted version."""
_WAIT = 10.0
"""Seconds to wait for a writer."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version as stored.

    Attributes:
        version: Counted from 1.
        run_id: MLflow run that made it.
        created: Milliseconds since 1970-01-01 UTC.
        location: URI of its artefacts.
        tags: Name → text.
        aliases: That point at it, sorted.
    """

    version: int
    run_id: str
    created: int
    location: str
    tags: dict[str, str]
    aliases: tuple[str, ...]


def sqlite_file(tracking_uri: str) -> Path | None:
    """The database file of a tracking URI such as ``sqlite:////srv/mlflow.db``; ``None`` for any other."""
    parts = urlsplit(tracking_uri)
    if parts.scheme != "sqlite" or parts.netloc or not parts.path.startswith("/"):
        return None
    # After sqlite:/// comes a relative path; a fourth slash makes it absolute.
    return Path(unquote(parts.path[1:])) if len(parts.path) > 1 else None


def read_names(file: Path) -> tuple[str, ...] | None:
    """Registered models, sorted; ``None`` where MLflow has to be asked."""
    rows = _query(file, "SELECT DISTINCT name FROM model_versions WHERE current_stage <> ? ORDER BY name", _DELETED)
    return None if rows is None else tuple(str(name) for (name,) in rows)


def read_versions(file: Path, name: str) -> tuple[StoredVersion, ...] | None:
    """Versions of *name*, oldest first, none where it is not registered; ``None`` where MLflow has to be asked."""
    versions = _query(
        file,
        "SELECT version, run_id, creation_time, coalesce(storage_location, source) FROM model_versions"
        " WHERE name = ? AND current_stage <> ? ORDER BY version",
        name,
        _DELETED,
    )
    tags = _query(file, "SELECT version, key, value FROM model_version_tags WHERE name = ?", name)
    aliases = _query(file, "SELECT version, alias FROM registered_model_aliases WHERE name = ? ORDER BY alias", name)
    if versions is None or tags is None or aliases is None:
        return None
    return tuple(
        StoredVersion(
            version=int(version),
            run_id=str(run_id or ""),
            created=int(created or 0),
            location=str(location or ""),
            tags={str(key): str(value) for of, key, value in tags if of == version},
            aliases=tuple(str(alias) for of, alias in aliases if of == version),
        )
        for version, run_id, created, location in versions
    )


def _query(file: Path, statement: str, *values: str) -> list[tuple[Any, ...]] | None:
    if not file.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT)) as connection:
            return connection.execute(statement, values).fetchall()
    except sqlite3.Error:
        return None

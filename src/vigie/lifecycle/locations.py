"""From a table of ``vigie.toml`` to the location of a source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vigie.data.location import DeltaLocation, FileLocation, Location, SqlLocation
from vigie.errors import SettingsError
from vigie.settings import secret

_SQL = ("table", "query", "watermark", "zone")
_FILES = ("format", "delimiter", "encoding", "zone")


def location_of(name: str, keys: Mapping[str, Any], root: Path) -> Location:
    """Where source *name* is.

    Args:
        name: The source, for errors.
        keys: Its table in ``vigie.toml``.
        root: Folder that relative paths start from.

    Raises:
        SettingsError: Neither or both of ``path`` and ``url`` are given, a key is of the wrong type or does not go
            with the others, or a secret cannot be resolved.
    """
    where = f"[sources.{name}]"
    if ("path" in keys) == ("url" in keys):
        raise SettingsError(
            "needs either path or url", where=where, remedy="path = 'data/orders*.csv', or url = 'env:DATABASE_URL'"
        )
    lists = {"path", "nulls"}
    for key, value in keys.items():
        texts = value if isinstance(value, list) and key in lists else [value]
        if not all(isinstance(text, str) for text in texts):
            raise SettingsError(f"{key} must be a text{' or a list of texts' if key in lists else ''}", where=where)
    allowed = {"path", "nulls", *_FILES} if "path" in keys else {"url", *_SQL}
    wrong = [key for key in keys if key not in allowed]
    if wrong:
        kind = "files" if "path" in keys else "a database"
        raise SettingsError(
            f"'{wrong[0]}' does not go with {kind}", where=where, remedy=f"allowed: {', '.join(sorted(allowed))}"
        )
    if "url" in keys:
        url = secret(keys["url"], root, f"{where} url")
        return SqlLocation(_rooted_sqlite(url, root), **{key: keys[key] for key in _SQL if key in keys})
    given = keys["path"] if isinstance(keys["path"], list) else [keys["path"]]
    paths = tuple(path if "://" in path else str(root / path) for path in given)
    if keys.get("format") == "delta" or ("format" not in keys and len(paths) == 1 and _is_delta(paths[0])):
        return _delta(name, keys, paths)
    options = {key: keys[key] for key in _FILES if key in keys}
    if "nulls" in keys:
        options["nulls"] = tuple(keys["nulls"]) if isinstance(keys["nulls"], list) else (keys["nulls"],)
    return FileLocation(paths, **options)


def _is_delta(path: str) -> bool:
    return "://" not in path and (Path(path) / "_delta_log").is_dir()


def _delta(name: str, keys: Mapping[str, Any], paths: tuple[str, ...]) -> DeltaLocation:
    where = f"[sources.{name}]"
    wrong = [key for key in keys if key not in ("path", "format", "zone")]
    if wrong:
        raise SettingsError(
            f"'{wrong[0]}' does not go with a Delta table", where=where, remedy="allowed: format, path, zone"
        )
    if len(paths) != 1:
        raise SettingsError("a Delta table is one path, not several", where=where, remedy="declare one source a table")
    return DeltaLocation(paths[0], keys.get("zone", "UTC"))


def _rooted_sqlite(url: str, root: Path) -> str:
    """A relative SQLite file starts at the project, not at the working directory."""
    prefix = "sqlite:///"
    path = url.removeprefix(prefix)
    if url.startswith(prefix) and path and not path.startswith("/") and path != ":memory:":
        return f"{prefix}{root / path}"
    return url

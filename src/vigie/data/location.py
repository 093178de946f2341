"""Where a source is: files, a Delta table or a SQL database. Plain records that ``vigie.toml`` fills; they open nothing."""

from __future__ import annotations

import glob
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vigie.errors import SettingsError

Format = Literal["csv", "parquet", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "parquet", "jsonl")


@dataclass(frozen=True)
class FileLocation:
    """Files of one shape.

    Args:
        paths: Paths or globs (``**`` crosses folders). Relative ones start at the working directory.
        format: ``csv``, ``parquet`` or ``jsonl``; ``None`` decides by the suffix, under ``.gz``, ``.zst`` or ``.bz2``.
        delimiter: Between the fields of a CSV; ``None`` finds out among ``,`` ``;`` tab and ``|``.
        encoding: Of text files, by Python's name.
        zone: IANA time zone in which moments without an offset are read.
        nulls: Texts, after trimming, that stand for *no value* in text files. ``"Select"`` or ``"unknown"`` are values
            unless they are named here.
    """

    paths: tuple[str, ...]
    format: Format | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    zone: str = "UTC"
    nulls: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        # One path in quotes is what people write; a string is a sequence of letters otherwise.
        object.__setattr__(self, "paths", _several(self.paths))
        object.__setattr__(self, "nulls", _several(self.nulls))
        if not self.paths or not all(self.paths):
            raise SettingsError("a location of files has no path", remedy='write paths = ["data/orders-*.csv"]')
        if self.format is not None and self.format not in FORMATS:
            raise SettingsError(f"{self.format!r} is not a format", remedy=f"use one of {', '.join(FORMATS)}")
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise SettingsError(f"a delimiter is one character, not {self.delimiter!r}")
        _known_encoding(self.encoding)
        _known_zone(self.zone)

    def place(self) -> str:
        """The paths, for messages."""
        return ", ".join(self.paths)


@dataclass(frozen=True)
class SqlLocation:
    """A table or a query of a database.

    Args:
        url: SQLAlchemy URL, e.g. ``postgresql://user@host/db`` or ``sqlite:///crm.db``. Never shown with its password.
        table: Table or view, optionally ``schema.table``. Exactly one of *table* and *query* is given.
        query: A ``SELECT``.
        watermark: Column that never goes down as rows are added (an insertion time or a serial number). With it an
            ingest reads the rows from the last value on, that value included; without it, all rows.
        zone: IANA time zone in which moments without an offset are read.
    """

    url: str = field(repr=False)
    table: str | None = None
    query: str | None = None
    watermark: str | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if not self.url:
            raise SettingsError("a SQL location has no url", remedy='write url = "postgresql://user@host/database"')
        if bool(self.table) == bool(self.query):
            raise SettingsError(
                "a SQL location needs a table or a query, and not both", where=masked(self.url), remedy="give one"
            )
        _known_zone(self.zone)

    def place(self) -> str:
        """URL without password, and the table, for messages."""
        return f"{masked(self.url)} {self.table or 'query'}"


@dataclass(frozen=True)
class DeltaLocation:
    """A Delta table.

    Args:
        path: Folder of the table, or its URL (``s3://…``).
        zone: IANA time zone in which moments without an offset are read.
    """

    path: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if not self.path:
            raise SettingsError("a Delta table has no path", remedy='write path = "/mnt/exports/orders"')
        if glob.has_magic(self.path):
            raise SettingsError(
                "a Delta table is one folder, not a pattern", where=self.path, remedy="name the folder of _delta_log"
            )
        _known_zone(self.zone)

    def place(self) -> str:
        """The folder, for messages."""
        return self.path


Location = FileLocation | SqlLocation | DeltaLocation


def masked(url: str) -> str:
    """*url* with its password, and the values of its query, replaced.

    >>> masked("postgresql://ana:s3cret@db/crm?sslpassword=x")
    'postgresql://ana:***@db/crm?sslpassword=***'
    """
    head, separator, rest = url.partition("://")
    if not separator:
        return url if url.isidentifier() else "***"
    rest, question, options = rest.partition("?")
    # The last @ ends the credentials: a password may hold one that was not escaped.
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    shown = "&".join(f"{option.partition('=')[0]}=***" for option in options.split("&") if option)
    return f"{head}://{user}{':***' if colon else ''}{at}{place}{question}{shown}"


def without_secrets(text: str, url: str) -> str:
    """*text* with the password of *url* replaced, as written and as decoded, wherever a driver repeats it."""
    rest, _, options = url.partition("://")[2].partition("?")
    secrets = [rest.rpartition("@")[0].partition(":")[2], *(part.partition("=")[2] for part in options.split("&"))]
    for secret in sorted({s for raw in secrets for s in (raw, urllib.parse.unquote(raw))}, key=len, reverse=True):
        if len(secret) > 2:
            text = text.replace(secret, "***")
    return text


def _several(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _known_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"{zone!r} is not a time zone", remedy="use an IANA name such as 'UTC' or 'Europe/Paris'"
        ) from None


def _known_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError:
        raise SettingsError(f"{encoding!r} is not an encoding", remedy="use utf-8, cp1252, latin-1 …") from None

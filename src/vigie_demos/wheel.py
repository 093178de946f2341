"""Reads data files that lie inside installed distributions, without importing the packages."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from vigie.errors import MissingExtraError, SourceError


def installed_file(distribution: str, path: str) -> Path:
    """A file of an installed distribution.

    Args:
        distribution: Name as given to pip.
        path: Path of the file inside the wheel.

    Raises:
        MissingExtraError: The distribution is not installed.
        SourceError: It is, without that file.
    """
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError(distribution, extra="demo") from error
    file = Path(str(found.locate_file(path)))
    if not file.is_file():
        raise SourceError(
            f"{distribution} {found.version} has no file {path}", remedy="pip install --force-reinstall 'vigie[demo]'"
        )
    return file

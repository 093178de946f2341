"""Which models of a server are always in memory, and which are read when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import BundleError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from vigie.serving.shelf import Shelved

MEMORY = 1 << 30
"""Bytes that models read on demand may hold in each worker, where nothing else is said."""

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model that the server will answer with.

    Attributes:
        name: Of the score.
        version: In the registry; ``"0"`` for a bundle that is in none.
        folder: Of its bundle.
        by_id: Whether customers can be asked for by id: the project and its lake are there.
    """

    name: str
    version: str
    folder: Path
    by_id: bool


def memory_of(text: object, where: str) -> int:
    """Bytes that a text such as ``2GB`` or ``512 MiB`` means.

    Raises:
        SettingsError: It is no amount of memory.

    >>> memory_of("1.5 MB", "")
    1500000
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(text))
    if found is None or isinstance(text, bool) or found.group(2).lower() not in _UNITS:
        raise SettingsError(f"{text!r} is not an amount of memory", where=where, remedy="write 2GB, 512MiB or bytes")
    return int(float(found.group(1)) * _UNITS[found.group(2).lower()])


def bundles_below(folder: Path) -> list[PlannedModel]:
    """The bundles that are folders of *folder*, by name; none if it is a bundle itself.

    Raises:
        BundleError: There is neither.
    """
    from vigie.bundle import MANIFEST

    if (folder / MANIFEST).is_file():
        return []
    try:
        inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror}", where=str(folder)) from error
    found = [PlannedModel(one.name, "0", one.resolve(), by_id=False) for one in inside if (one / MANIFEST).is_file()]
    if not found:
        raise BundleError(
            "neither a bundle nor a folder of bundles",
            where=str(folder),
            remedy="name what `vigie models --export` wrote, or the folder that holds several of those",
        )
    return found


def divided(
    models: Sequence[PlannedModel], preload: Sequence[str], where: str
) -> tuple[tuple[PlannedModel, ...], tuple[PlannedModel, ...]]:
    """Those named in *preload*, and the others.

    Raises:
        SettingsError: There is no such model.
    """
    known = [model.name for model in models]
    for name in preload:
        if name not in known:
            raise SettingsError(f"no score is called {name!r}", where=where, remedy=did_you_mean(name, known))
    kept = tuple(model for model in models if model.name in preload)
    return kept, tuple(model for model in models if model.name not in preload)


def shelved(planned: PlannedModel) -> Shelved:
    """A model as the server knows it before it is read."""
    from vigie.bundle import read_cover
    from vigie.serving.shelf import Shelved

    try:
        cover, trouble = read_cover(planned.folder), ""
    except BundleError as error:  # concerns its own name only
        cover, trouble = None, str(error)
    return Shelved(planned.name, planned.version, planned.folder, cover, trouble, planned.by_id)


__all__ = ["MEMORY", "PlannedModel", "bundles_below", "divided", "memory_of", "shelved"]

"""Copy a model's bundle out of the registry: what a slim image is made of."""

from __future__ import annotations

import shutil
from pathlib import Path

from vigie.errors import SettingsError
from vigie.lifecycle.project import Project


def export_bundle(project: Project, name: str, alias: str, directory: Path) -> str:
    """Copy the bundle that *alias* points at into *directory*; a bundle that is there already is replaced.

    Returns:
        Its hash; the copy is loaded and checked before it takes its place.

    Raises:
        RegistryError: No such model or alias.
        BundleError: The registry's copy is damaged.
        SettingsError: *directory* holds something else, or cannot be written.
    """
    from vigie.bundle import load_bundle
    from vigie.data.file_lock import scratch

    source = project.registry.fetch(name, alias)
    target = directory.resolve()
    if target.exists() and not (target / "manifest.json").is_file():
        raise SettingsError("there is something else than a bundle", where=str(target), remedy="name a new folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch(target.parent, ".bundle-") as unfinished:
            copy = unfinished / "new"
            shutil.copytree(source, copy)
            bundle = load_bundle(copy)
            if target.exists():
                target.rename(unfinished / "old")
            copy.rename(target)
    except OSError as error:
        raise SettingsError(f"the bundle cannot be written: {error}", where=str(target)) from error
    return bundle.hash

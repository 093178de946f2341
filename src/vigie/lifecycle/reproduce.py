"""A model made again from its record: the same hash, or what differs.

The project's lake is read at the versions that the training read, with what was known at its moment, by the project file of its
commit. Nothing is registered and nothing of the project is changed.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import FixedClock, iso
from vigie.errors import DataError, RegistryError, VigieError
from vigie.lifecycle.project import Project
from vigie.lifecycle.reproduce_recipe import Recipe, machine, options_of, read_recipe
from vigie.lifecycle.train import part, tell

if TYPE_CHECKING:
    import polars as pl

    from vigie.bundle import Bundle
    from vigie.definition import Score
    from vigie.registry import ModelVersion

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What came of making a model again.

    Attributes:
        score: Name.
        version: In the registry.
        expected: Hash of its bundle.
        found: Hash of the bundle that was made; empty where none could be.
        differences: What is not as it was, in words; also where the hash is the same all the same.
        files: Files of the bundle that came out otherwise.
        recipe: What the training was made from.
    """

    score: str
    version: int
    expected: str
    found: str
    differences: tuple[str, ...]
    files: tuple[str, ...]
    recipe: Recipe

    @property
    def same(self) -> bool:
        """Whether it is the same model to the bit."""
        return self.found == self.expected


def reproduce(project: Project, score: str, version: str, *, progress: Progress | None = None) -> Reproduced:
    """Make a version again and compare the hash of its bundle.

    Args:
        project: Where lake and registry are.
        score: Name of the score.
        version: Its number as text, or an alias.
        progress: Told what is being done and the share done.

    Raises:
        RegistryError: There is no such version, or it was registered without its recipe.
        DefinitionError: The project has no such score.
    """
    registered = project.registry.resolve(score, version)
    recipe = recipe_of_version(registered)
    differences = list(_elsewhere(recipe))
    expected = registered.bundle_hash
    with tempfile.TemporaryDirectory(prefix="vigie-reproduce-") as scratch:
        then, told = _as_it_was(project, recipe, Path(scratch))
        differences += told
        try:
            found = _trained(then, recipe, progress)
        except DataError as error:
            differences.append(f"the data of then cannot be read any more: {_gone(error)}")
            return Reproduced(score, registered.version, expected, "", tuple(differences), (), recipe)
        except VigieError as error:
            differences.append(f"it cannot be trained again: {error.what}")
            return Reproduced(score, registered.version, expected, "", tuple(differences), (), recipe)
        tell(progress, "compare", 0.97)
        from vigie.bundle import write_bundle

        made = Path(scratch) / "bundle"
        digest = write_bundle(found, made)
        files: tuple[str, ...] = ()
        if digest != expected:
            files = _other_files(project.registry.bundle_path(registered), made)
            differences += _of_lineage(project.registry.bundle_path(registered), found, recipe)
    return Reproduced(score, registered.version, expected, digest, tuple(differences), files, recipe)


def recipe_of_version(version: ModelVersion) -> Recipe:
    """What a version was made from.

    Raises:
        RegistryError: It was registered without that.
    """
    from vigie.registry import RECIPE_TAG

    recipe = read_recipe(version.tags.get(RECIPE_TAG, ""))
    if recipe is None:
        raise RegistryError(
            f"version {version.version} of {version.name} was registered without its recipe",
            remedy="only what `vigie train`, `vigie retrain` or `vigie fleet` of this generation made can be made again",
        )
    return recipe


# -- the project as it was ---------------------------------------------------------------------------------------------------


class PinnedLake:
    """A lake in which a training finds the versions of its data that it found then.

    Args:
        lake: The lake of today; everything else is asked of it.
        versions: Version of each source.
    """

    def __init__(self, lake: Any, versions: Mapping[str, int]) -> None:
        self._lake, self._versions = lake, dict(versions)

    def version(self, name: str) -> int:
        """The version that the training read; of any other table the newest."""
        return self._versions[name] if name in self._versions else int(self._lake.version(name))

    def scan(self, name: str, *, version: int | None = None, **options: Any) -> pl.LazyFrame:
        """Its rows.

        Raises:
            DataError: The version cannot be read any more.
        """
        wanted = self.version(name) if version is None and name in self._versions else version
        rows: pl.LazyFrame = self._lake.scan(name, version=wanted, **options)
        return rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)


def _as_it_was(project: Project, recipe: Recipe, scratch: Path) -> tuple[Project, list[str]]:
    """The project with clock, data, hold-out and project files of then, and what of it cannot be had."""
    settings = replace(project.settings, rollout={**project.settings.rollout, "holdout": recipe.holdout})
    then = replace(project, settings=settings, clock=FixedClock(recipe.as_of))
    told: list[str] = []
    moved = bool(recipe.code) and not recipe.code.endswith("+") and recipe.code != project.code_version()
    if moved or _fingerprint(project, recipe.score) != recipe.definition:
        scores = _scores_of_commit(project, recipe, scratch / "files")
        if scores is not None:
            then = replace(then, scores=scores)
        if _fingerprint(then, recipe.score) != recipe.definition:
            told.append(
                f"'{recipe.score}' is defined otherwise now"
                + ("" if recipe.code else ", and the project was in no repository then")
            )
    # What a cached property would make is put in its place.
    then.__dict__["lake"] = PinnedLake(project.lake, recipe.data)
    return then, told


def _fingerprint(project: Project, score: str) -> str:
    """Of the score bound to its contracts; empty where it cannot be."""
    try:
        declared = project.score(score)
        return declared.bound(project.schema(declared)).fingerprint
    except VigieError:
        return ""


def _scores_of_commit(project: Project, recipe: Recipe, folder: Path) -> Mapping[str, Score] | None:
    """The scores that the project files of the training's commit declare; ``None`` where these cannot be had."""
    from vigie.lifecycle.load import load_scores

    commit, root = recipe.code.removesuffix("+"), project.settings.root
    if not commit:
        return None
    try:
        # All of the folder: a project file may import others.
        listed = subprocess.run(  # noqa: S603 - fixed words, and a commit from the registry
            ["git", "ls-tree", "-r", "--name-only", commit, "--", "."],  # noqa: S607
            cwd=root, capture_output=True, text=True, check=True, timeout=30,
        ).stdout.splitlines()  # fmt: skip
        for name in listed:
            if not name.endswith(".py"):
                continue
            shown = subprocess.run(  # noqa: S603
                ["git", "show", f"{commit}:./{name}"],  # noqa: S607
                cwd=root, capture_output=True, check=True, timeout=30,
            )  # fmt: skip
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(shown.stdout)
        files = tuple(folder / file.relative_to(root) for file in project.settings.files)
        return load_scores(files)
    except (OSError, ValueError, subprocess.SubprocessError, VigieError):
        return None


def _trained(then: Project, recipe: Recipe, progress: Progress | None) -> Bundle:
    import polars as pl
    from deltalake.exceptions import DeltaError

    from vigie.lifecycle.training_rows import training_set_of
    from vigie.training.train import train

    said = then.settings.train
    own = {"threads": int(said.get("threads", 2)), "workers": int(said.get("workers", 2))}
    options = options_of(recipe, own)
    try:
        rows = training_set_of(
            then, then.score(recipe.score), options, as_of=recipe.as_of, progress=part(progress, 0.0, 0.25)
        )
    except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
        raise DataError(" ".join(str(error).split())) from error
    # A search of its own, kept nowhere: what an earlier one left behind must not make it look the same.
    return train(rows, options, part(progress, 0.25, 0.95), evidence=False).bundle


# -- what differs --------------------------------------------------------------------------------------------------------------


def _elsewhere(recipe: Recipe) -> list[str]:
    """Versions and machine that are not those of then."""
    from vigie._version import __version__
    from vigie.training.make_bundle import library_versions

    now = {"vigie": __version__, **library_versions()}
    then = {"vigie": recipe.vigie, **recipe.libraries}
    told = [
        f"{name} is {now.get(name, 'not installed')}, then {then.get(name, 'not installed')}"
        for name in sorted({*now, *then})
        if now.get(name) != then.get(name)
    ]
    here = machine()
    told += [
        f"{name} is {here.get(name) or 'not known'}, then {was or 'not known'}"
        for name, was in recipe.machine.items()
        if here.get(name) != was
    ]
    return told


def _gone(error: DataError) -> str:
    what = error.what if len(error.what) < 200 else f"{error.what[:200]}…"
    return f"{what}; customers were erased from these versions since, or their files were removed"


def _other_files(registered: Path, made: Path) -> tuple[str, ...]:
    """Files of the two bundles whose content differs, by their manifests."""
    from vigie.bundle import MANIFEST

    one, other = (json.loads((folder / MANIFEST).read_text("utf-8"))["files"] for folder in (registered, made))
    return tuple(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))


def _of_lineage(registered: Path, made: Bundle, recipe: Recipe) -> list[str]:
    """What the two bundles themselves say of where they come from."""
    from vigie.bundle import load_bundle

    before, now = load_bundle(registered).lineage, made.lineage
    told = []
    if before.get("rows") != now.get("rows"):
        told.append(
            f"{now.get('rows'):,} rows are learned from and tested on, {before.get('rows'):,} then, with the same versions of the "
            f"data: predictions that say who was acted on before {iso(recipe.as_of)} came or went"
        )
    if before.get("candidate") != now.get("candidate"):
        told.append(f"{now.get('candidate')} won, {before.get('candidate')} then")
    elif before.get("params") != now.get("params"):
        told.append(f"the search ended with other parameters of {now.get('candidate')}")
    return told

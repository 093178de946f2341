"""A project opened for work: its scores, its settings, and the places where its data and models are."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vigie import settings as settings_room
from vigie.clock import Clock
from vigie.definition import Events, Schema, Score, Table
from vigie.errors import ContractError, DefinitionError, SettingsError, did_you_mean
from vigie.lifecycle.load import load_scores
from vigie.settings import Settings

if TYPE_CHECKING:
    from vigie.data import Lake, Location
    from vigie.registry import Registry

CLOCK = "up-clock"
"""File of the state folder: the clock of a stack that lives faster (:func:`vigie.lifecycle.up.keep`)."""


@dataclass(frozen=True, eq=False)
class Project:
    """What every step is given.

    Attributes:
        settings: What ``vigie.toml`` says for the environment.
        scores: Every score of the project files, by name.
        clock: Tells what "now" is for this piece of work.
    """

    settings: Settings
    scores: Mapping[str, Score]
    clock: Clock

    @classmethod
    def open(cls, folder: Path, environment: str | None, clock: Clock) -> Project:
        """The project in *folder* or the nearest folder above.

        Raises:
            SettingsError: There is no ``vigie.toml``, or it is wrong.
            DefinitionError: A project file is wrong.
        """
        path = settings_room.find(folder.resolve())
        settings = settings_room.read(path, environment)
        if not settings.files:
            raise SettingsError("no project files", where=str(path), remedy="name them: [project] files = ['churn.py']")
        return cls(settings, load_scores(settings.files), clock)

    def score(self, name: str | None = None) -> Score:
        """The score called *name*, or the only one.

        Raises:
            DefinitionError: There is no such score, or there are several and none is named.
        """
        if name is None:
            if len(self.scores) == 1:
                return next(iter(self.scores.values()))
            raise DefinitionError("the project has several scores", remedy=f"name one: {', '.join(self.scores)}")
        if name not in self.scores:
            raise DefinitionError(f"no score '{name}'", remedy=did_you_mean(name, self.scores))
        return self.scores[name]

    @cached_property
    def sources(self) -> dict[str, Table | Events]:
        """Every source that a score reads, by name, with the columns by which features refer to others.

        Raises:
            DefinitionError: Two scores declare one source differently.
        """
        found: dict[str, Table | Events] = {}
        for score in self.scores.values():
            for name, source in score.sources.items():
                if found.setdefault(name, source) != source:
                    raise DefinitionError(
                        f"two scores declare source '{name}' differently", remedy="declare it once and import it"
                    )
        for score in self.scores.values():
            for name, columns in score.references.items():
                together = tuple(dict.fromkeys((*found[name].references, *columns)))
                found[name] = replace(found[name], references=together)
        return found

    def location(self, name: str) -> Location:
        """Where the data of source *name* is.

        Raises:
            SettingsError: ``vigie.toml`` does not say, or says it wrongly.
        """
        from vigie.lifecycle.locations import location_of

        if name not in self.settings.sources:
            raise SettingsError(
                f"nothing says where source '{name}' is",
                where=str(self.settings.root / settings_room.FILE),
                remedy=f"add [sources.{name}] with path = '…' or url = '…'",
            )
        return location_of(name, self.settings.sources[name], self.settings.root)

    @cached_property
    def lake(self) -> Lake:
        """The versioned tables of the project."""
        from vigie.data import Lake

        return Lake(self.settings.state / "lake")

    @cached_property
    def registry(self) -> Registry:
        """The registry of trained models."""
        from vigie.registry import Registry

        self.settings.state.mkdir(parents=True, exist_ok=True)
        url = self.settings.registry.get("url") or f"sqlite:///{self.settings.state / 'mlflow.db'}"
        resolved = settings_room.secret(str(url), self.settings.root, "[registry] url")
        return Registry(resolved, self.settings.state / "models")

    @property
    def journal_folder(self) -> Path:
        """Where predictions are kept."""
        return self.settings.state / "journal" / "predictions"

    @property
    def reports_folder(self) -> Path:
        """Where reports are written."""
        return self.settings.state / "reports"

    def schema(self, score: Score) -> Schema:
        """Kinds of the columns that *score* reads, from the contracts.

        Raises:
            ContractError: A source has no contract yet: it was never ingested.
        """
        from vigie.data import read_contract, schema_of

        contracts = []
        for name in score.sources:
            contract = read_contract(self.settings.contracts, name)
            if contract is None or not self.lake.has(name):
                raise ContractError(f"source '{name}' was not ingested yet", remedy="run `vigie ingest` first")
            contracts.append(contract)
        return schema_of(contracts)

    def code_version(self) -> str:
        """Commit of the project's own repository, with ``+`` where it was changed since; empty where there is none."""

        def git(*arguments: str) -> str:
            done = subprocess.run(  # noqa: S603 - fixed words
                ["git", *arguments],  # noqa: S607
                cwd=self.settings.root, capture_output=True, text=True, check=False, timeout=10,
            )  # fmt: skip
            return done.stdout.strip() if done.returncode == 0 else ""

        try:
            commit = git("rev-parse", "HEAD")
            changed = git("status", "--porcelain", "--", *(str(f) for f in self.settings.files)) if commit else ""
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return commit + ("+" if changed else "")

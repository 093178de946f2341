"""Bring what is new in the sources into the lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vigie.errors import DefinitionError, did_you_mean
from vigie.lifecycle.project import Project

if TYPE_CHECKING:
    from vigie.data import IngestReport


def ingest_sources(
    project: Project,
    names: Sequence[str] = (),
    progress: Callable[[str, float], None] | None = None,
) -> list[IngestReport]:
    """Ingest the sources called *names*, or all that the scores read, one after the other.

    A source that ``vigie.toml`` places nowhere and whose events are received is left to whoever receives them.

    Can be stopped at any moment and run again: the lake then holds each row once.

    Raises:
        DefinitionError: A name is not a source of the project.
        DataError: A source cannot be read, or breaks a rule that may not be broken.
    """
    from vigie.data import ingest

    for name in names:
        if name not in project.sources:
            raise DefinitionError(f"no score reads a source '{name}'", remedy=did_you_mean(name, project.sources))
    chosen = list(names) or placed_sources(project)
    reports = []
    for number, name in enumerate(chosen):

        def step(doing: str, done: float, name: str = name, number: int = number) -> None:
            if progress is not None:
                progress(f"{name}: {doing}", (number + done) / len(chosen))

        source, location = project.sources[name], project.location(name)
        reports.append(ingest(source, location, project.lake, project.settings.contracts, project.clock, progress=step))
    return reports


def placed_sources(project: Project) -> list[str]:
    """The sources that are read from somewhere: all but those that ``vigie.toml`` places nowhere and that are received."""
    spool = project.settings.state / "spool"
    return [name for name in project.sources if name in project.settings.sources or not (spool / name).is_dir()]

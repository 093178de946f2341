"""Arguments that several commands share, and what they become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.clock import Clock, FixedClock, SystemClock, parse_accelerated, parse_moment
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

ScoreName = Annotated[
    str | None, typer.Argument(help="Name of the score; needed where a project has several.", show_default=False)
]
Folder = Annotated[Path, typer.Option("--project", "-p", help="Folder of the project.", show_default="here")]
Environment = Annotated[
    str | None, typer.Option("--env", help="Environment of vigie.toml; or VIGIE_ENV.", show_default=False)
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Act as if it were this date or time (ISO 8601, UTC).", show_default="now")
]

Spark = Annotated[
    str | None,
    typer.Option(
        "--spark", help="Compute features on this Spark master: spark://host:7077, or local[2].", show_default="here"
    ),
]


def clock_of(as_of: str | None) -> Clock:
    """The machine's clock, or one that stands at *as_of*.

    Raises:
        SettingsError: *as_of* is not a date.
    """
    if as_of is None:
        return SystemClock()
    try:
        if "@" in as_of:  # a clock that goes on, as `vigie up --rate` hands it to what it starts
            return parse_accelerated(as_of)
        return FixedClock(parse_moment(as_of))
    except ValueError as error:
        raise SettingsError(
            f"--as-of {as_of!r} is not a date", remedy="write it as 2026-01-31 or 2026-01-31T12:00:00+01:00"
        ) from error


def open_project(folder: Path, environment: str | None, as_of: str | None = None) -> Project:
    """The project in *folder* or above it.

    Without *as_of* it is now: in a state folder in which ``vigie up --rate`` was ever started, by that faster clock.

    Raises:
        SettingsError: There is no project, its settings cannot be meant, or *as_of* is not a date.
    """
    from vigie.lifecycle.project import CLOCK, Project

    opened = Project.open(folder, environment, clock_of(as_of))
    faster = opened.settings.state / CLOCK
    if as_of is not None or not faster.exists():
        return opened
    return replace(opened, clock=clock_of(faster.read_text("utf-8").strip()))

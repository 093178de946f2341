"""Sets up a demo: its data, its project file and its ``vigie.toml`` in a folder of the user's."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from vigie.errors import SettingsError, did_you_mean

DEMOS: Mapping[str, str] = MappingProxyType(
    {
        "churn": "CDNOW: which customers of a music shop will not buy again in the next 90 days (69,659 real purchases)",
        "tv": "which television subscribers will leave, with the value and the cost of each (9,379 real customers)",
        "lead": "which bank clients will open a deposit when called (45,211 real calls, 2008 to 2010)",
        "credit": "which borrowers will be 90 days late within two years (150,000 real applications)",
        "shop": "a generated shop with orders, visits, e-mails and tickets, whose truth is known",
    }
)
"""Every demo: its name and what it is about."""


@dataclass(frozen=True, slots=True)
class DemoProject:
    """A demo that was set up.

    Attributes:
        name: One of :data:`DEMOS`.
        directory: Folder with ``vigie.toml``, the project file and ``data/``.
        as_of: ISO date to take for *now*: just after the last thing that happened in the data.
        notes: Sentences worth knowing about the data and the sums of money.
    """

    name: str
    directory: Path
    as_of: str
    notes: tuple[str, ...]


class _Preparation(Protocol):
    AS_OF: str
    NOTES: tuple[str, ...]
    SETTINGS: str

    @staticmethod
    def write_data(directory: Path, *, seed: int) -> None: ...


def create(name: str, directory: Path, *, seed: int = 0) -> DemoProject:
    """Write the data, the project file and ``vigie.toml`` of a demo.

    A second call with the same arguments changes nothing: the data come out the same, and a project file that is
    there already is left as it is, with what the user changed in it.

    Args:
        name: One of :data:`DEMOS`.
        directory: Folder to set it up in; made if it does not exist.
        seed: Seed of the generated shop; real data do not depend on it.

    Raises:
        SettingsError: No such demo, another project is in *directory*, or it cannot be written.
        MissingExtraError: The ``demo`` extra is not installed.
        SourceError: An installed data file is not the one expected.
    """
    if name not in DEMOS:
        raise SettingsError(f"no demo '{name}'", remedy=did_you_mean(name, DEMOS))
    preparation = cast("_Preparation", importlib.import_module(f"vigie_demos.{name}.prepare"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _keep_or_write(directory / "vigie.toml", preparation.SETTINGS, must_match=True)
        source = files(f"vigie_demos.{name}").joinpath("project.py").read_text("utf-8")
        _keep_or_write(directory / f"{name}.py", source, must_match=False)
        (directory / "data").mkdir(exist_ok=True)
        preparation.write_data(directory / "data", seed=seed)
    except OSError as error:
        raise SettingsError(f"cannot set up the demo: {error}", where=str(directory)) from error
    return DemoProject(name, directory, preparation.AS_OF, preparation.NOTES)


def _keep_or_write(file: Path, text: str, *, must_match: bool) -> None:
    if not file.exists():
        file.write_text(text, "utf-8")
    elif must_match and file.read_text("utf-8") != text:
        raise SettingsError(
            "another project is here already", where=str(file), remedy="set the demo up in an empty folder"
        )

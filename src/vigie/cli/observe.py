"""``vigie observe``: rules and a dashboard for a Prometheus and a Grafana beside the servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen


def observe(
    folder: Annotated[Path, typer.Argument(help="Where to write; existing files of these names are replaced.")],
) -> None:
    """Write alert rules, recording rules, their tests and a Grafana dashboard into a folder."""
    from importlib import resources

    from vigie.errors import SettingsError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in resources.files("vigie.lifecycle").joinpath("templates", "observability").iterdir():
            (folder / one.name).write_text(one.read_text("utf-8"), "utf-8")
            screen.say(str(folder / one.name), wrap=False)
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", where=str(folder)) from error

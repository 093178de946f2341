"""``vigie notebook``: JupyterLab with the example notebooks, or on a project."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen


def notebook(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder to open, such as a project's.", show_default="vigie-notebooks, with the examples"),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port; the next free one is taken if it is busy.")] = 8888,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    token: Annotated[bool, typer.Option("--token/--no-token", help="Ask whoever comes for a token.")] = True,
) -> None:
    """Start JupyterLab: on a copy of the example notebooks, or on a folder of yours. Nothing is fetched or sent.

    EDA.ipynb explores a data set before training; algo_pipeline_demo.ipynb runs every class of the pipeline. Notebooks that are
    there already stay as they are.
    """
    from vigie.lifecycle.notebook import laboratory
    from vigie_demos.notebooks import write_notebooks

    chosen = folder or Path("vigie-notebooks")
    made = laboratory(chosen, host=host, port=port, token=token, browser=browser)
    if folder is None:
        for path in write_notebooks(chosen):
            screen.say(f"[bold]{escape(path.name)}[/] in {escape(str(chosen))}")
    elif not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    # Whoever ends this program ends the server: a finally clause runs, which it does not on a plain SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(143)))

    def ready(url: str) -> None:
        screen.say(f"JupyterLab  {escape(url)}", wrap=False)
        screen.say("[dim]Ctrl-C ends it[/]")

    raise typer.Exit(made.run(ready))

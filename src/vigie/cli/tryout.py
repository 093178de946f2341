"""``vigie try``: a page to try an API on."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.settings import secret


def tryout(
    url: Annotated[str, typer.Argument(help="The API, as `vigie serve` prints it.")] = "http://127.0.0.1:8000",
    key: Annotated[
        str,
        typer.Option("--key", help="API key as env:NAME or file:PATH, where the API asks for one.", show_default=False),
    ] = "",
    port: Annotated[int, typer.Option("--port", help="Port of the page.")] = 8501,
    host: Annotated[str, typer.Option("--host", help="Address that the page listens on.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Try a running API on a page: a customer or a form, score, decision, reasons, and what if a value were another."""
    from vigie.lifecycle.tryout import tryout as page_for

    page = page_for(url, key=secret(key, Path.cwd(), "--key") if key else "", host=host, port=port, browser=browser)
    # Whoever ends this program ends the page: a finally clause runs, which it does not on a plain SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(143)))

    def ready(where: str) -> None:
        screen.say(f"Try the API of {escape(url)} on  {escape(where)}", wrap=False)
        screen.say("[dim]Ctrl-C ends it[/]")

    raise typer.Exit(page.run(ready))

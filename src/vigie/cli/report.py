"""``vigie report``: where a score's last report is, and a report on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project


def report(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            help="Name of a score, for its last report; or an HTML file that vigie train wrote.",
            show_default="the only score",
        ),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write it as a PDF file beside the page; needs vigie[pdf].")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write the PDF file.", show_default="beside the page"),
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Say where a score's last report is; with --pdf, write it as a file to print and to sign."""
    from vigie.lifecycle.report import latest_report, print_report

    if what is not None and what.lower().endswith((".html", ".htm")):
        page = Path(what)
    else:
        opened = open_project(project, environment, None)
        page = latest_report(opened, opened.score(what).name)
    if pdf or output is not None:
        page = print_report(page, output)
    screen.say(f"report  {escape(str(page))}", wrap=False)

"""What every command shows in the same way: stages with a bar, findings, tables, money and errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from vigie.clock import stopwatch
from vigie.errors import VigieError
from vigie.findings import Finding, Severity

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Report = Callable[[str, float], None]
"""Tells how far a stage is: what is being done, and the share done, 0 … 1."""

_MARKS = {Severity.NOTE: ("blue", "note"), Severity.WARNING: ("yellow", "warning"), Severity.ERROR: ("red", "error")}


@contextmanager
def stage(title: str) -> Iterator[Report]:
    """A line with a bar while something runs, replaced by one line with its time when it is done."""
    began = stopwatch()
    columns = (SpinnerColumn(), TextColumn("[bold]{task.fields[title]}"), BarColumn(bar_width=24),
               TextColumn("{task.description}"), TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0, title=title)

        def report(doing: str, done: float) -> None:
            progress.update(task, description=escape(doing), completed=min(max(done, 0.0), 1.0))

        yield report
    console.print(f"[green]✓[/] [bold]{title}[/] [dim]{stopwatch() - began:.1f} s[/]")


def say(text: str, *, wrap: bool = True) -> None:
    """A line below a stage; a command or a path to copy is not wrapped."""
    if wrap:
        console.print(Padding(text, (0, 0, 0, 2)))
    else:
        console.print(f"  {text}", soft_wrap=True)


def table(
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[str]],
    *,
    marked: int | None = None,
    cut: int | None = None,
) -> None:
    """A table. Each column is ``(heading, "left" | "right")``; row number *marked* is shown in bold.

    In a narrow terminal every column is cut, or only column number *cut*; a file or a pipe gets all of it.
    """
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    widths = [max([len(heading), *(len(row[i]) for row in rows)]) for i, (heading, _) in enumerate(columns)]
    wanted = 4 + sum(widths) + 2 * len(widths)
    width = console.width if console.is_terminal else max(console.width, wanted)
    for place, (heading, side) in enumerate(columns):
        drawn.add_column(
            heading,
            justify="right" if side == "right" else "left",
            no_wrap=True,
            max_width=max(widths[place] - max(wanted - width, 0), 12) if place == cut else None,
        )
    for number, row in enumerate(rows):
        drawn.add_row(*(escape(cell) for cell in row), style="bold" if number == marked else "")
    # Rich prints no wider than its console is.
    paper = console if console.is_terminal else Console(file=console.file, width=width, highlight=False)
    paper.print(Padding(drawn, (0, 0, 0, 2)))


def findings(found: Sequence[Finding], *, at_most: int = 12) -> None:
    """Findings, the worst first; beyond *at_most* only their number. A remedy of several in a row is said once."""
    ordered = sorted(found, key=lambda f: -f.severity)
    told = ""
    for finding in ordered[:at_most]:
        colour, word = _MARKS[finding.severity]
        if told and told != finding.remedy:
            say(f"  [dim]→ {escape(told)}[/]")
        say(f"[{colour}]{word} {finding.code}[/] {escape(finding.where)}: {escape(finding.explanation)}")
        told = finding.remedy
    if told:
        say(f"  [dim]→ {escape(told)}[/]")
    if len(ordered) > at_most:
        say(f"[dim]… and {len(ordered) - at_most} more[/]")


def money(amount: float, currency: str, *, sign: bool = False) -> str:
    """An amount with its currency; cents only below 100.

    >>> money(12345.6, "EUR"), money(-1.5, "USD", sign=True)
    ('12,346 EUR', '-1.50 USD')
    """
    if math.isnan(amount):
        return "–"
    digits = 2 if abs(amount) < 100 else 0
    return f"{amount:{'+' if sign else ''},.{digits}f} {currency}"


def show_error(error: VigieError) -> None:
    """An error and what to do about it, on standard error."""
    place = f"[dim]{escape(error.where)}[/]\n" if error.where else ""
    errors.print(f"[red bold]error[/] {place}{escape(error.what[:1].upper() + error.what[1:])}.", soft_wrap=True)
    if error.remedy:
        errors.print(f"[dim]→[/] {escape(error.remedy)}", soft_wrap=True)

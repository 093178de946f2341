"""``vigie ingest``: what is new in the sources goes into the lake, once or again and again."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, open_project
from vigie.clock import iso, stopwatch
from vigie.definition import Window
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.clock import Clock
    from vigie.lifecycle.ingest_watch import Round
    from vigie.lifecycle.project import Project


def ingest(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources to ingest.", show_default="all")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again, and ingest what is new, until stopped.")
    ] = False,
    every: Annotated[str, typer.Option("--every", help="Time between two looks: 30s, 5m, 1h.")] = "30s",
    then: Annotated[
        list[str] | None,
        typer.Option("--then", help="Command to run after rows were added; may be repeated.", show_default=False),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="With --watch: stop after one round.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Read what is new in the sources, check it against the contracts and add it to the lake.

    Bad rows go to quarantine with the rule they broke. Can be stopped and run again at any moment: the lake holds each row once.
    """
    from vigie.lifecycle.ingest import ingest_sources

    opened = open_project(project, environment, as_of)
    if watch:
        if as_of is not None:
            raise SettingsError("a watch lives in the present", where="--as-of", remedy="leave --as-of out")
        _watch(opened, sources or [], then or [], Window.parse(every).microseconds / 1e6, once=once)
        return
    if then or once:
        raise SettingsError("belongs to a watch", where="--then" if then else "--once", remedy="add --watch")
    with screen.stage("Ingest") as progress:
        reports = ingest_sources(opened, sources or (), progress)
    summaries.ingested(reports)


def _watch(project: Project, sources: list[str], commands: list[str], every: float, *, once: bool) -> None:
    from vigie.lifecycle.ingest_watch import Watch

    stop = Stop()
    watched = Watch(project, stop, sources, commands, every)
    many = f"{len(sources or project.sources)} sources" if len(sources or project.sources) > 1 else "1 source"
    screen.console.print(f"[bold]Watching[/] {many}, every {every:g} s")
    try:
        watched.run(lambda done: _tell(done, project.clock), once=once)
    finally:
        stop.close()
    screen.console.print("stopped")


class Stop:
    """Waits that SIGINT and SIGTERM end, whenever they come; for the main thread.

    A ``threading.Event`` that a handler sets is not enough: ``set`` may wait for the lock that the interrupted ``wait`` holds,
    and a signal that comes just before the system is asked to wait does not end that wait. Python writes a byte for
    each signal at once where :func:`signal.set_wakeup_fd` says, and a byte that is there ends a ``select``.
    """

    def __init__(self, numbers: Sequence[int] = (signal.SIGINT, signal.SIGTERM)) -> None:
        self._asked = False
        self._bytes, self._writes = socket.socketpair()
        self._writes.setblocking(False)
        self._bytes.setblocking(False)
        signal.set_wakeup_fd(self._writes.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: object) -> None:
        self._asked = True
        signal.signal(number, signal.SIG_DFL)  # asked twice, the process ends at once: the lake allows it

    def is_set(self) -> bool:
        """Whether one of the signals came."""
        return self._asked

    def wait(self, timeout: float) -> bool:
        """Waits so many seconds, or until a signal comes; whether one came."""
        end = stopwatch() + timeout
        while not self._asked and select.select([self._bytes], [], [], max(0.0, end - stopwatch()))[0]:
            self._bytes.recv(64)  # of other signals too, which end nothing
        return self._asked

    def close(self) -> None:
        """Gives the wake-up back; the handlers stay."""
        signal.set_wakeup_fd(-1)
        self._bytes.close()
        self._writes.close()


def _tell(done: Round, clock: Clock) -> None:
    """One line for a round, and below it what an ingest found."""
    parts = [
        f"{report.source} [green]+{report.rows:,}[/]"
        + (f" ({escape(done.news[report.source])})" if report.source in done.news else "")
        for report in done.reports
    ]
    parts += [f"{name}: files are still being written" for name in done.settling]
    parts += [f"[red]{escape(name)}[/]: {escape(said)}" for name, said in done.failed.items()]
    parts += [
        f"{escape(command)} {'[green]done[/]' if code == 0 else f'[red]exit code {code}[/]'}"
        for command, code in done.ran
    ]
    said = "; ".join(parts) or "nothing new"
    screen.console.print(f"[dim]{iso(clock.now() // 1_000_000 * 1_000_000)}[/] {said}", soft_wrap=True)
    screen.findings([finding for report in done.reports for finding in report.findings])

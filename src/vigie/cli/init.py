"""``vigie init``: a project from a file, or from questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from vigie.lifecycle.scaffold import DecisionName, Proposal

KINDS = {"churn": "Campaign", "lead": "Lead", "credit": "Loan"}


def init(
    file: Annotated[
        Path | None,
        typer.Argument(help="A table or event log: CSV, Parquet or JSON lines.", show_default="questions instead"),
    ] = None,
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Folder of the new project.", show_default="here")
    ] = Path(),
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the score.", show_default="after the file")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Column that names the customer.", show_default="found out")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Column of the outcome.", show_default="found out")
    ] = None,
    use: Annotated[str | None, typer.Option("--for", help="churn, lead or credit.", show_default="found out")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """Write a project: project file, vigie.toml, tests, test.sh, Dockerfile and CI. Nothing that is there is overwritten."""
    from vigie.lifecycle.scaffold import EventAnswers, FileShape, inspect_table, python_name, write_project

    decision = _decision(use)
    if file is None:
        if yes:
            raise SettingsError("nothing says what to make", remedy="name a file: vigie init customers.csv")
        path = typer.prompt(
            "Event log to predict from (CSV, Parquet or JSON lines; may come later)", default="data/orders.csv"
        )
        if Path(path).is_file():
            file = Path(path)
        else:
            answers = EventAnswers(
                name=name or python_name(typer.prompt("Name of the score", default="churn")),
                file=FileShape(path),
                source=python_name(typer.prompt("What the events are called", default="orders")),
                key=key or typer.prompt("Column that names the customer", default="customer_id"),
                time=typer.prompt("Column with the time of the event", default="ordered_at"),
                amount=typer.prompt("Column with the amount of money", default="amount"),
                decision=decision or "Campaign",
            )
            _tell_written(write_project(directory, answers), directory)
            return
    with screen.stage(f"Look at {file.name}"):
        proposal = inspect_table(file, name=name, key=key, target=target, decision=decision)
    _show(proposal)
    while proposal.answers is None and not yes and proposal.open:
        what, question = next(iter(proposal.open.items()))
        answer = typer.prompt(question)
        key, target = (answer, target) if what == "key" else (key, answer)
        proposal = inspect_table(file, name=name, key=key, target=target, decision=decision)
    if proposal.answers is None:
        raise SettingsError(
            f"no project can be made of {file.name} without an answer: {'; '.join(proposal.open.values())}",
            remedy="say --key and --target",
        )
    _tell_written(write_project(directory, proposal.answers), directory)


def _decision(use: str | None) -> DecisionName | None:
    if use is None:
        return None
    if use not in KINDS:
        raise SettingsError(f"--for {use!r} is not a use", remedy=did_you_mean(use, KINDS))
    return KINDS[use]  # type: ignore[return-value]


def _show(proposal: Proposal) -> None:
    looked = f"{proposal.rows:,} rows" + ("" if proposal.complete else ", the first of more")
    screen.say(f"{looked}, {len(proposal.columns)} columns")
    for reason in proposal.reasons.values():
        screen.say(f"[dim]·[/] {escape(reason)}")


def _tell_written(written: list[Path], directory: Path) -> None:
    screen.say("wrote " + ", ".join(escape(path.relative_to(directory).as_posix()) for path in written))
    screen.say(
        f"next: read [bold]{escape(str(written[0]))}[/], put your own sums into its decision, then [bold]vigie train[/]"
    )

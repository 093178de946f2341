"""``vigie export``: the schedules of a project for orchestrators that run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project

group = typer.Typer(no_args_is_help=True)

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")]
Program = Annotated[str, typer.Option("--program", help="The command `vigie`, where tasks run.")]


@group.command("airflow")
def airflow(
    output: Output = Path("dags"),
    at: Annotated[
        str | None,
        typer.Option("--at", help="Folder of the project where tasks run.", show_default="where it is here"),
    ] = None,
    program: Program = "vigie",
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Write a file with Airflow DAGs that run the steps of [schedule], each as one command; for Airflow 2 and 3."""
    from vigie.lifecycle.export_dag import airflow_text, write

    opened = open_project(project, environment)
    text = airflow_text(opened, at=at, program=program)
    _told(write(output, {"vigie_steps.py": text}))


@group.command("stepfunctions")
def stepfunctions(
    output: Output = Path("stepfunctions"),
    at: Annotated[str, typer.Option("--at", help="Folder of the project in the container.")] = "/project",
    program: Program = "vigie",
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Write AWS Step Functions state machines that run the steps of [schedule] on ECS, and schedules that start them."""
    import json

    from vigie.lifecycle.export_dag import SCHEDULES, step_functions, write

    opened = open_project(project, environment)
    files = step_functions(opened, at=at, program=program)
    _told(write(output, {name: json.dumps(content, indent=2) + "\n" for name, content in files.items()}))
    if "STATE_MACHINE_ARN of" in (output / SCHEDULES).read_text("utf-8"):
        screen.say("fill in schedules.json: state machines, role, cluster, task definition, container and subnets")


def _told(paths: list[Path]) -> None:
    for path in paths:
        screen.say(f"[green]✓[/] {escape(str(path))}", wrap=False)

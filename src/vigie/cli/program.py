"""The program and its commands. Command modules import heavy libraries only when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from vigie._version import __version__
from vigie.cli import (
    audit,
    check,
    demo,
    erase,
    evaluate,
    evidently,
    explore,
    export,
    features,
    fleet,
    incidents,
    ingest,
    init,
    journal,
    keys,
    models,
    notebook,
    observe,
    rehearse,
    report,
    reproduce,
    retrain,
    rollout,
    score,
    search,
    serve,
    stream,
    train,
    tryout,
    up,
    watch,
)
from vigie.settings import quiet_dependencies

program = typer.Typer(
    name="vigie",
    help="Customer scoring from raw events to a monitored service that proves its worth in money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vigie {__version__}")
        raise typer.Exit


@program.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Customer scoring from raw events to a monitored service that proves its worth in money."""
    del version
    quiet_dependencies()


program.command("init", rich_help_panel="Begin")(init.init)
program.command("demo", rich_help_panel="Begin")(demo.demo)
program.command("notebook", rich_help_panel="Begin")(notebook.notebook)
program.command("check", rich_help_panel="Build")(check.check)
program.command("ingest", rich_help_panel="Build")(ingest.ingest)
program.command("explore", rich_help_panel="Build")(explore.explore)
program.command("train", rich_help_panel="Build")(train.train)
program.add_typer(fleet.group, name="fleet", help="All scores of a project at once.", rich_help_panel="Build")
program.command("search", rich_help_panel="Build")(search.search)
program.command("evaluate", rich_help_panel="Build")(evaluate.evaluate)
program.command("report", rich_help_panel="Build")(report.report)
program.command("models", rich_help_panel="Build")(models.models)
program.command("reproduce", rich_help_panel="Build")(reproduce.reproduce)
program.add_typer(
    features.group, name="features", help="What is computed of customers, and from what.", rich_help_panel="Build"
)
program.command("serve", rich_help_panel="Use")(serve.serve)
program.command("try", rich_help_panel="Use")(tryout.tryout)
program.add_typer(keys.group, name="keys", help="Who may call the API.", rich_help_panel="Use")
program.command("retrain", rich_help_panel="Use")(retrain.retrain)
program.add_typer(
    rollout.group, name="rollout", help="Release a version step by step, and back by itself.", rich_help_panel="Use"
)
program.command("stream", rich_help_panel="Use")(stream.stream)
program.command("score", rich_help_panel="Use")(score.score)
program.command("audit", rich_help_panel="Use")(audit.audit)
program.add_typer(
    journal.group, name="journal", help="The record of predictions, on its way to the lake.", rich_help_panel="Use"
)
program.command("up", rich_help_panel="Use")(up.up)
program.add_typer(up.group, name="schedule", help="Steps of the project when they are due.", rich_help_panel="Use")
program.add_typer(
    export.group, name="export", help="Steps of the project for other orchestrators.", rich_help_panel="Use"
)
program.command("watch", rich_help_panel="Watch")(watch.watch)
program.command("evidently", rich_help_panel="Watch")(evidently.evidently)
program.command("rehearse", rich_help_panel="Watch")(rehearse.rehearse)
program.add_typer(
    incidents.group, name="incidents", help="What is wrong, and what to do about it.", rich_help_panel="Watch"
)
program.add_typer(incidents.alerts, name="alerts", help="Who is told of incidents.", rich_help_panel="Watch")
program.command("observe", rich_help_panel="Watch")(observe.observe)
program.command("erase", rich_help_panel="Use")(erase.erase)

"""``vigie demo``: the whole line on data that comes with the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vigie.cli import screen, summaries
from vigie.clock import stopwatch


def demo(
    name: Annotated[str, typer.Argument(help="churn, tv, lead, credit or shop.")] = "churn",
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", help="Folder of the demo's project.", show_default="vigie-demo-NAME"),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port of the API; another is taken if it is busy.")] = 8000,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice.")] = 0,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="End with a live API.")] = True,
    background: Annotated[bool, typer.Option("--background", help="Leave the API running and return.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the API that --background left running.")] = False,
) -> None:
    """Take real data through ingest, contract, features, training, decision, registry and HTTP score."""
    from vigie.lifecycle.background import Background

    folder = (directory or Path(f"vigie-demo-{name}")).resolve()
    server = Background(folder / ".vigie")
    if stop:
        screen.say("stopped" if server.stop() else "nothing was running")
        return

    from vigie.cli.arguments import clock_of
    from vigie.lifecycle.ingest import ingest_sources
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.score import score_base
    from vigie.lifecycle.train import train_score
    from vigie.training import TrainOptions
    from vigie_demos import create

    began = stopwatch()
    server.stop()
    with screen.stage(f"Set up the {name} demo"):
        made = create(name, folder, seed=seed)
    screen.say(f"[dim]{escape(made.notes[0])}[/]")
    project = Project.open(folder, "", clock_of(made.as_of))
    score = project.score()
    screen.say(f"[italic]{escape(score.description.splitlines()[0])}[/]")
    with screen.stage("Ingest") as progress:
        reports = ingest_sources(project, progress=progress)
    summaries.ingested(reports)
    with screen.stage(f"Train {score.name}") as progress:
        trained = train_score(project, score, TrainOptions(seed=seed), progress=progress)
    summaries.trained(trained)
    with screen.stage("Score the whole base") as progress:
        scored = score_base(project, score, output=folder / "scores.csv", progress=progress)
    summaries.scored(scored)
    screen.console.print(f"[green]✓[/] [bold]From raw data to decisions in {stopwatch() - began:.0f} s[/]")
    if not serve:
        return
    arguments = ["--project", str(folder), "--as-of", made.as_of]
    if not background:
        from vigie.lifecycle.serve import plan_project, run_plan

        plan = plan_project(project, port=server.free_port(port))

        def listening(url: str) -> None:
            summaries.serving(plan, url)
            screen.say(f"[bold]{escape(server.curl(url, scored.example))}[/]", wrap=False)
            screen.say("[dim]Ctrl-C stops[/]")

        run_plan(plan, on_listening=listening)
        return
    with screen.stage("Start the API"):
        url = server.start(arguments, server.free_port(port))
        answer = server.ask(url, scored.example)
    screen.say(f"[bold]{escape(server.curl(url, scored.example))}[/]", wrap=False)
    screen.console.print_json(answer)
    screen.say(f"docs     {url}/docs")
    screen.say(f"report   {escape(str(trained.report))}", wrap=False)
    screen.say(f"project  {escape(str(folder))}", wrap=False)
    screen.say(
        f"[dim]The API goes on in the background; stop it with:[/] vigie demo {name} --directory {escape(str(directory or folder))} --stop",
        wrap=False,
    )

"""``vigie stream``: events from Kafka, Redis Streams or NATS JetStream."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder, open_project


def stream(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Sources to consume.", show_default="those with a topic, or all")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", help="Answer /metrics on this port.", show_default=False)
    ] = None,
    redeliver_after: Annotated[
        float,
        typer.Option(
            "--redeliver-after",
            help="Seconds until messages that a dead process had taken go to another (Redis, NATS).",
        ),
    ] = 30.0,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Consume events from the broker that vigie.toml names, until stopped.

    Events count in features at once and are in the lake within seconds. Start it several times to divide the work.
    """
    from vigie.data.location import masked
    from vigie.lifecycle.stream.run import plan_stream, run_stream

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    opened = open_project(project, environment)
    plan = plan_stream(opened, sources or (), redeliver_after=redeliver_after)

    def started() -> None:
        topics = ", ".join(name if name == topic else f"{name} ({topic})" for name, topic in plan.topics.items())
        screen.say(f"Consuming {topics} from {masked(plan.url)} as group {plan.group}")
        screen.say("[dim]Ctrl-C stops[/]")

    run_stream(opened, plan, metrics_port=metrics_port, on_start=started)

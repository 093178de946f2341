"""``vigie serve``: the scoring API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vigie.cli import screen, summaries
from vigie.cli.arguments import AsOf, Environment, Folder, clock_of, open_project
from vigie.errors import SettingsError
from vigie.settings import sagemaker_port

SAGEMAKER_MODEL = Path("/opt/ml/model")
"""Where SageMaker unpacks a model."""


def serve(
    names: Annotated[
        list[str] | None, typer.Argument(help="Scores to serve.", show_default="all that have a champion")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", help="Serve this bundle folder, or each in it, without project or registry.", show_default=False
        ),
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.", show_default="8000")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes that answer.", show_default="1")] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            help="What models may hold in each process, as 2GB: each is read when it is first asked for.",
            show_default="all stay in memory; 1GiB for a folder of bundles",
        ),
    ] = None,
    preload: Annotated[
        list[str] | None,
        typer.Option("--preload", help="With --memory: a score that stays in memory; repeatable.", show_default=False),
    ] = None,
    sagemaker: Annotated[
        bool,
        typer.Option("--sagemaker", help="As a SageMaker container: /opt/ml/model on port 8080, all addresses."),
    ] = False,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", help="Folder for the predictions.", show_default="in the project's state"),
    ] = None,
    durability: Annotated[
        str | None,
        typer.Option(
            "--durability",
            help="What a recorded prediction outlives before it is answered: process (a killed process) or power.",
            show_default="process",
        ),
    ] = None,
    on_full: Annotated[
        str | None,
        typer.Option(
            "--on-full",
            help="While predictions cannot be recorded: refuse, or shed (answer without a record).",
            show_default="refuse",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", help="With --bundle: file of `vigie keys export`; callers need one.", show_default=False
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="Speak TLS with this certificate (PEM).", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="Its key (PEM).", show_default="in the same file")
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-ca", help="Callers must show a certificate of these authorities (PEM).", show_default=False
        ),
    ] = None,
    allow_insecure: Annotated[
        bool,
        typer.Option(
            "--allow-insecure", help="Listen on other addresses than loopback although there is no authentication."
        ),
    ] = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Answer scoring requests over HTTP: POST /v1/score, MLflow's and SageMaker's /invocations, KServe's /v2, /docs, /metrics."""
    from vigie.lifecycle.security import tls_of
    from vigie.lifecycle.serve import ServePlan, plan_bundle, plan_project, run_plan

    clock = clock_of(as_of)
    if sagemaker:
        # The platform adds the word `serve` to the container's command, and lets in only who it has authenticated.
        names = [name for name in names or () if name != "serve"]
        bundle, host, allow_insecure = bundle or SAGEMAKER_MODEL, host or "0.0.0.0", True  # noqa: S104
        port = sagemaker_port() if port is None else port
    kept: dict[str, Any] = {"durability": durability, "on_full": on_full, "memory": memory, "preload": preload or ()}
    plan: ServePlan
    if bundle is not None:
        if names:
            raise SettingsError(
                "names of scores are for a project",
                where=", ".join(names),
                remedy="leave them out; a bundle says its name",
            )
        kept |= {"keys": keys, "tls": tls_of(None, cert=tls_cert, key=tls_key, ca=tls_ca)}
        plan = plan_bundle(bundle, journal or Path("journal"), clock, host=host, port=port, workers=workers, **kept)
    else:
        if keys is not None:
            raise SettingsError(
                "--keys is for a bundle without project", remedy="name the file in vigie.toml: [serve.security] keys"
            )
        opened = open_project(project, environment, as_of)
        kept["tls"] = tls_of(opened.settings, cert=tls_cert, key=tls_key, ca=tls_ca)
        plan = plan_project(opened, names or (), journal=journal, host=host, port=port, workers=workers, **kept)

    def listening(url: str) -> None:
        summaries.serving(plan, url)
        screen.say("[dim]Ctrl-C stops[/]")

    run_plan(plan, allow_insecure=allow_insecure, on_listening=listening)

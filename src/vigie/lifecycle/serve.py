"""Plan a scoring server, show the plan, run it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.clock import Clock, FixedClock
from vigie.errors import DefinitionError, RegistryError, SettingsError, VigieError, did_you_mean
from vigie.lifecycle.project import Project
from vigie.lifecycle.shelf import MEMORY, PlannedModel, bundles_below, divided, memory_of, shelved

if TYPE_CHECKING:
    from fastapi import FastAPI

    from vigie.bundle import Bundle
    from vigie.features.online.lookup import Lookup
    from vigie.journal import Durability, OnFull, PredictionJournal
    from vigie.lifecycle.online_features import OnlineFeatures
    from vigie.lifecycle.rollout_follow import Follower
    from vigie.lifecycle.shipping import JournalShipping
    from vigie.serving import Served, ServingSettings
    from vigie.serving.logs import RequestLog
    from vigie.serving.security.settings import SecuritySettings
    from vigie.serving.security.tls import Tls
    from vigie.serving.shelf import Shelved
    from vigie.serving.tracing import Tracing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What a server will do.

    Attributes:
        models: What it answers with, always in memory.
        journal: Folder where predictions are kept.
        host: Address.
        port: Port; 0 for any free one.
        workers: Processes.
        clock: Tells the moment of a request that names none.
        project: Folder of the project; ``None`` for a bundle alone.
        environment: Of the project.
        features: Scores whose features are answered with: those whose sources were ingested.
        durability: What a recorded prediction outlives: ``"process"`` or ``"power"``.
        on_full: While nothing can be recorded: ``"refuse"`` or ``"shed"``.
        security: How callers are recognised; ``None``: everybody may call.
        tls: How it speaks TLS; ``None``: it does not.
        shelf: What it answers with besides, each read when it is asked for.
        memory: Bytes that those may hold together in each worker.
    """

    models: tuple[PlannedModel, ...]
    journal: Path
    host: str
    port: int
    workers: int
    clock: Clock
    project: Path | None = None
    environment: str = ""
    features: tuple[str, ...] = ()
    durability: Durability = "process"
    on_full: OnFull = "refuse"
    security: SecuritySettings | None = None
    tls: Tls | None = None
    shelf: tuple[PlannedModel, ...] = ()
    memory: int = MEMORY

    @property
    def authenticated(self) -> bool:
        """Whether callers must show a key or a token."""
        return self.security is not None and self.security.required


def plan_bundle(
    bundle: Path,
    journal: Path,
    clock: Clock,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    durability: Durability | None = None,
    on_full: OnFull | None = None,
    keys: Path | None = None,
    tls: Tls | None = None,
    memory: str | None = None,
    preload: Sequence[str] = (),
) -> ServePlan:
    """A server for one bundle folder, without project, registry or lake: what a slim container runs.

    Args:
        bundle: Folder of a bundle; or of many, which are then called as their folders and read when they are asked for.
        journal: Folder where predictions are kept.
        clock: Tells the moment of a request that names none.
        host: Address; ``None``: 127.0.0.1.
        port: Port; ``None``: 8000.
        workers: Processes; ``None``: 1.
        durability: What a recorded prediction outlives; ``None``: ``"process"``.
        on_full: While nothing can be recorded; ``None``: ``"refuse"``.
        keys: File of keys; ``None``: callers are not recognised.
        tls: How it speaks TLS; ``None``: it does not.
        memory: What the models of many bundles may hold in each worker, as ``2GB``; ``None``: 1 GiB.
        preload: Which of many are in memory from the start, and stay.

    Raises:
        BundleError: The bundle is damaged, or *bundle* holds none.
        SettingsError: *keys* is no file of keys, *memory* no amount, or *preload* names what is not there.
    """
    from vigie.bundle import load_bundle
    from vigie.lifecycle.security import security_of_file

    many = bundles_below(bundle)
    if many:
        models, shelf = divided(many, preload, "--preload")
    else:
        models = (PlannedModel(load_bundle(bundle).score_name, "0", bundle.resolve(), by_id=False),)
        shelf = ()
    return ServePlan(
        models=models,
        shelf=shelf,
        memory=MEMORY if memory is None else memory_of(memory, "--memory"),
        journal=journal.resolve(),
        host=host or "127.0.0.1",
        port=8000 if port is None else port,
        workers=workers or 1,
        clock=clock,
        durability=durability or "process",
        on_full=on_full or "refuse",
        security=security_of_file(keys, journal.resolve()),
        tls=tls,
    )


def plan_project(
    project: Project,
    names: Sequence[str] = (),
    *,
    journal: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    durability: Durability | None = None,
    on_full: OnFull | None = None,
    tls: Tls | None = None,
    memory: str | None = None,
    preload: Sequence[str] = (),
) -> ServePlan:
    """A server for the champions of a project, and for the features of its scores, trained or not.

    Args:
        project: Where everything is.
        names: Scores to serve; none: all.
        journal: Folder where predictions are kept; ``None``: in the project's state.
        host: Address; ``None``: what ``[serve]`` says, or 127.0.0.1.
        port: Port; ``None``: what ``[serve]`` says, or 8000.
        workers: Processes; ``None``: what ``[serve]`` says, or 1.
        durability: What a recorded prediction outlives; ``None``: what ``[serve]`` says, or ``"process"``.
        on_full: While nothing can be recorded; ``None``: what ``[serve]`` says, or ``"refuse"``.
        tls: How it speaks TLS; ``None``: it does not.
        memory: What models that are read when they are asked for may hold in each worker, as ``2GB``; ``None``: what
            ``[serve]`` says, or all models are in memory from the start.
        preload: With *memory*: which are in memory from the start all the same; none: what ``[serve]`` says.

    Raises:
        RegistryError: A score that was named, or every one, has neither a champion nor sources that were ingested.
        DefinitionError: No such score.
    """
    for name in names:
        if name not in project.scores:
            raise DefinitionError(f"no score '{name}'", remedy=did_you_mean(name, project.scores))
    from vigie.lifecycle.online_features import has_contracts
    from vigie.lifecycle.security import security_of

    registered = set(project.registry.names())
    models, features = [], []
    for name in names or project.scores:
        by_id = has_contracts(project, name)
        if by_id:
            features.append(name)
        if name in registered:
            version = project.registry.resolve(name)
            models.append(PlannedModel(name, str(version.version), project.registry.bundle_path(version), by_id=by_id))
        elif name in names and not by_id:
            raise RegistryError(f"'{name}' was neither ingested nor trained yet", remedy="run `vigie ingest` first")
    if not models and not features:
        raise RegistryError("no score of the project was trained yet", remedy="run `vigie train` first")
    said = project.settings.serve
    budget = said.get("memory") if memory is None else memory
    kept = [*(preload or said.get("preload", ()))]
    if budget is None:
        if preload:
            raise SettingsError(
                "--preload without a budget", remedy="give --memory too, or leave it out: all are loaded"
            )
        shelf: tuple[PlannedModel, ...] = ()
    else:
        where = "--preload" if preload else "[serve] preload"
        pinned, shelf = divided(models, [one for one in kept if preload or one in registered], where)
        models = list(pinned)
    # Settled now, for every worker, also for one that is started again when the keys' file is gone.
    security = security_of(project.settings)
    return ServePlan(
        models=tuple(models),
        shelf=shelf,
        memory=MEMORY if budget is None else memory_of(budget, "--memory" if memory is not None else "[serve] memory"),
        journal=(journal or project.journal_folder).resolve(),
        host=host or str(said.get("host", "127.0.0.1")),
        port=int(said.get("port", 8000)) if port is None else port,
        workers=workers or int(said.get("workers", 1)),
        clock=project.clock,
        project=project.settings.root,
        environment=project.settings.environment,
        features=tuple(features),
        durability=durability or said.get("durability", "process"),
        on_full=on_full or said.get("on_full", "refuse"),
        security=replace(security, authentication=security.required),
        tls=tls,
    )


def run_plan(
    plan: ServePlan, *, allow_insecure: bool = False, on_listening: Callable[[str], None] | None = None
) -> None:
    """Serve until told to stop; then finish what was begun.

    Raises:
        SettingsError: The address cannot be listened on, or is open to others who need not show who they are, without
            *allow_insecure*.
        BundleError: A bundle is damaged.
    """
    from vigie.serving import serve

    serve(
        partial(make_app, plan),
        host=plan.host,
        port=plan.port,
        workers=plan.workers,
        authenticated=plan.authenticated,
        tls=plan.tls,
        allow_insecure=allow_insecure,
        on_listening=on_listening,
    )


def make_app(plan: ServePlan, settings: ServingSettings) -> FastAPI:
    """The application of *plan*; each worker process makes its own.

    Raises:
        VigieError: A bundle is damaged, or the lake or the keys cannot be read.
    """
    from vigie.bundle import load_bundle
    from vigie.journal import PredictionJournal
    from vigie.serving import Served, create_app
    from vigie.serving.features_route import ServedFeatures
    from vigie.serving.shelf import Shelf
    from vigie.serving.shelf_metrics import ShelfMetrics

    bundles = {planned.name: load_bundle(planned.folder) for planned in plan.models}
    online = _online(plan, {**bundles, **_defined(plan)}) if plan.features else None
    served = {
        planned.name: Served(
            planned.name,
            planned.version,
            bundles[planned.name],
            online.lookups[planned.name] if online is not None and planned.by_id else None,
        )
        for planned in plan.models
    }
    features = ServedFeatures(online.lookups, online.quick, online.close) if online is not None else None
    events = None
    # At a moment of the past nothing is received: what comes is of now.
    if online is not None and not isinstance(plan.clock, FixedClock):
        from vigie.lifecycle.receiving import Receiving, max_rows

        events = Receiving(online.project, online.histories)
        settings = replace(settings, max_events=max_rows(online.project))
    journal = PredictionJournal(plan.journal, durability=plan.durability, on_full=plan.on_full)
    shipping = _shipping(plan, journal)
    security = None if plan.security is None else plan.security.opened(tls=plan.tls is not None)
    following = traffic = requests = tracing = None
    if plan.project is not None:
        from vigie.lifecycle.rollout import holdout_of, ledger_of
        from vigie.serving.traffic import Traffic

        project = online.project if online is not None else Project.open(plan.project, plan.environment, plan.clock)
        settings = replace(settings, holdout=holdout_of(project))
        if not isinstance(plan.clock, FixedClock):
            following = _following(plan, project, online) if served else None
            traffic = Traffic(partial(ledger_of, project), plan.clock)
        requests, tracing = _observers(project)
    if plan.shelf:
        shelf = Shelf(
            [shelved(planned) for planned in plan.shelf],
            partial(_load, None if online is None else online.lookups),
            plan.memory,
            ShelfMetrics(settings.counters),
        )
    else:
        shelf = None
    return create_app(
        served,
        journal,
        plan.clock,
        settings,
        events=events,
        features=features,
        shipping=shipping,
        security=security,
        following=following,
        shelf=shelf,
        traffic=traffic,
        requests=requests,
        tracing=tracing,
    )


def _observers(project: Project) -> tuple[RequestLog | None, Tracing | None]:
    """What ``[logs]`` and ``[otel]`` ask for; also sets the log of this process up."""
    from vigie.serving.logs import RequestLog, set_up
    from vigie.serving.tracing import Tracing, TracingSettings
    from vigie.settings import secret

    said, lines = project.settings.otel, set_up(project.settings.logs)
    requests = (
        RequestLog(project.clock, lines=lines) if lines or project.settings.logs.get("format") == "json" else None
    )
    endpoint = secret(str(said.get("endpoint", "")), project.settings.root, "[otel] endpoint")
    if not endpoint:
        return requests, None
    return requests, Tracing(TracingSettings(endpoint, said.get("share", 1.0), str(said.get("service", "vigie"))))


def _load(lookups: Mapping[str, Lookup] | None, one: Shelved) -> Served:
    """A model that is asked for."""
    from vigie.bundle import load_bundle
    from vigie.serving import Served

    lookup = lookups[one.name] if lookups is not None and one.by_id else None
    return Served(one.name, one.version, load_bundle(one.folder), lookup)


def _defined(plan: ServePlan) -> dict[str, Bundle]:
    """Bundles that are read on demand, for what their features need online; none of them stays in memory."""
    from vigie.bundle import load_bundle

    found = {}
    for planned in plan.shelf:
        if planned.by_id:
            try:
                found[planned.name] = load_bundle(planned.folder)
            except VigieError as error:  # its requests are answered with 503, those for its features with the project's
                log.warning("the model of %s cannot be read: %s", planned.name, error)
    return found


def _following(plan: ServePlan, project: Project, online: OnlineFeatures | None) -> Follower:
    """Who follows ledger and registry while the server runs."""
    from vigie.bundle import load_bundle
    from vigie.lifecycle.rollout_follow import Follower
    from vigie.serving import Served

    by_id = {model.name for model in plan.models if model.by_id}

    def load(name: str, version: str) -> Served:
        bundle = load_bundle(project.registry.bundle_path(project.registry.resolve(name, version)))
        return Served(name, version, bundle, online.lookup_of(name, bundle) if online and name in by_id else None)

    return Follower(project, load)


def _shipping(plan: ServePlan, journal: PredictionJournal) -> JournalShipping | None:
    from vigie.lifecycle.ship import seconds_of
    from vigie.lifecycle.shipping import JournalShipping, may_ship, shipping_for

    if not may_ship(plan.clock):
        return None
    if plan.project is None:
        return JournalShipping(journal, plan.clock, None)
    project = Project.open(plan.project, plan.environment, plan.clock)
    return shipping_for(project, journal, seconds_of(project.settings.journal))


def _online(plan: ServePlan, bundles: Mapping[str, Bundle]) -> OnlineFeatures:
    from vigie.lifecycle.online_features import OnlineFeatures

    assert plan.project is not None
    project = Project.open(plan.project, plan.environment, plan.clock)
    online = OnlineFeatures(project, {name: bundles.get(name) for name in plan.features}, _newest(plan, project))
    online.follow()
    return online


def _newest(plan: ServePlan, project: Project) -> dict[str, Bundle]:
    """The newest version of each score that is asked for by id, where it is not the one served: it may be released next."""
    from vigie.bundle import load_bundle

    found = {}
    for model in plan.models:
        newest = project.registry.versions(model.name)[-1]
        if model.by_id and str(newest.version) != model.version:
            try:
                found[model.name] = load_bundle(project.registry.bundle_path(newest))
            except VigieError as error:  # nobody is served by it yet
                log.warning("version %d of %s cannot be loaded: %s", newest.version, model.name, error)
    return found

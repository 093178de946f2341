"""Dagster definitions of a project, made from what the project declares.

    from vigie.lifecycle.dagster import definitions

    defs = definitions("/srv/churn")

Assets are what is in lake, registry and ledger; Dagster holds no data of its own. Each asset calls the function that the command
calls: what may be killed and run again there may be here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import DAY, Clock, SystemClock, iso
from vigie.definition.moments import Once
from vigie.errors import MissingExtraError, VigieError
from vigie.lifecycle import dagster_steps as steps
from vigie.lifecycle.dagster_steps import Made, Place
from vigie.lifecycle.ingest import placed_sources
from vigie.lifecycle.steps_schedule import Schedule, cron_of, due, due_together, schedules_of
from vigie.settings_keys import STEPS
from vigie.watch.signal import Area

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

LOOK_SECONDS = 30
"""Least time between two looks of a sensor."""
THEN = "vigie/then"
"""Tag of a run: the jobs that are begun one after the other when it has ended, however it did."""
_MAKING = ("ingest", "ship", "score")
"""Steps that are one job where they are due together: what they make follows from each other. What watches and what
renews is a job of its own behind it, since neither is stopped by one before it that fails, and it has to say why."""
_RENEWABLE = frozenset({"drift", "performance", "estimate"})
"""Areas of incidents that a new model may help against; whether it is trained is still for ``[retrain]`` to say."""


def definitions(
    folder: str | Path,
    *,
    environment: str | None = None,
    cohorts_since: str | None = None,
    clock: Clock | None = None,
) -> Any:
    """Assets, checks, jobs, schedules and sensors of the project in *folder*.

    Args:
        folder: Of the project.
        environment: Of ``vigie.toml``; ``None``: as ``VIGIE_ENV`` says.
        cohorts_since: First day, as ``2026-01-01``, of assets partitioned by day with which past days are scored as of their end,
            so that Dagster can backfill them; ``None``: there are none.
        clock: Of the sensors; ``None``: the machine's.

    Returns:
        ``dagster.Definitions``.

    Raises:
        MissingExtraError: Dagster is not installed.
        SettingsError: ``vigie.toml`` is wrong, or ``[schedule]`` cannot be meant.
        DefinitionError: A project file is wrong.
    """
    dg = _dagster()
    place = Place(Path(folder).resolve(), environment)
    project = place.opened()
    schedules = {one.step: one for one in schedules_of(project.settings.schedule)}
    made = _Assets(dg, place, project, schedules)
    assets = made.all(cohorts_since)
    jobs = {step: _job(dg, step, keys, STEPS.index(step)) for step, keys in made.keys.items() if keys}
    timed, chains = [], []
    # How missed slots are made up for is Dagster's affair but where a sensor stands for a schedule.
    for together in due_together(list(schedules.values()), lambda one: cron_of(one) is None and one.catch_up):
        chain = _chain(dg, [one.step for one in together if one.step in jobs], made, jobs)
        if chain:
            chains.append(chain)
            timed.append(_timed(dg, together[0], chain, clock or SystemClock()))
    sensors = _sensors(dg, place, project, made, clock or SystemClock())
    if any(len(chain) > 1 for chain in chains):
        sensors += _followers(dg, jobs)
    return dg.Definitions(
        assets=assets,
        jobs=list(jobs.values()),
        schedules=[one for one in timed if isinstance(one, dg.ScheduleDefinition)],
        sensors=[*sensors, *(one for one in timed if not isinstance(one, dg.ScheduleDefinition))],
        # Steps use the cores themselves, and write to the same files.
        executor=dg.in_process_executor,
    )


class _Assets:
    """The assets of a project, and their keys by step."""

    def __init__(self, dg: Any, place: Place, project: Project, schedules: dict[str, Schedule]) -> None:
        self._dg, self._place, self._project, self._schedules = dg, place, project, schedules
        self.keys: dict[str, list[Any]] = {step: [] for step in STEPS}
        self.sources = {name: dg.AssetKey(["lake", _name(name)]) for name in placed_sources(project)}

    def all(self, cohorts_since: str | None) -> list[Any]:
        """Every asset."""
        found = [self._ingest(name, key) for name, key in self.sources.items()]
        found.append(
            self._one(
                "ship", ["predictions"], (), lambda _: steps.ship(self._place), ("segments",), blocking=("segments",)
            )
        )
        for name, score in self._project.scores.items():
            lake = [self.sources[source] for source in score.sources if source in self.sources]
            before = lake
            if not (isinstance(score.moments, Once) and score.moments.moment is None):  # else it has no past moments
                made = self._features(name, lake)
                before = [made.key]
                found.append(made)
            found += [self._renewal(name, before), self._score(name, lake), self._watch(name)]
            if cohorts_since is not None:
                found.append(self._cohorts(name, lake, cohorts_since))
        return found

    def _ingest(self, source: str, key: Any) -> Any:
        names = ("contract", "quarantine")
        return self._one(
            "ingest", list(key.path), (), lambda _: steps.ingest(self._place, source), names, blocking=("contract",)
        )

    def _features(self, score: str, lake: Sequence[Any]) -> Any:
        path = ["features", _name(score)]
        return self._one("retrain", path, lake, lambda _: steps.features(self._place, score))

    def _score(self, score: str, lake: Sequence[Any]) -> Any:
        path, deps = ["scores", _name(score)], [*lake, self._key("release", score)]
        return self._one("score", path, deps, lambda _: steps.score_base(self._place, score))

    def _watch(self, score: str) -> Any:
        deps = [self._key("scores", score), self._dg.AssetKey(["predictions"])]
        return self._one(
            "watch",
            ["watch", _name(score)],
            deps,
            lambda _: steps.watch(self._place, score),
            [area.value for area in Area],
        )

    def _cohorts(self, score: str, lake: Sequence[Any], since: str) -> Any:
        """Past days, each scored as of its end with what was known then: for Dagster's backfills alone."""

        def work(context: Any) -> Made:
            window = context.partition_time_window
            return steps.score_base(self._place, score, int(window.end.timestamp()) * 1_000_000)

        days = self._dg.DailyPartitionsDefinition(start_date=since)
        deps = [*lake, self._key("release", score)]
        return self._one("", ["cohorts", _name(score)], deps, work, partitions=days)

    def _renewal(self, score: str, before: Sequence[Any]) -> Any:
        """Training, gate and release: three assets of one step. The first two are made only when something was trained."""
        dg = self._dg
        training, gate, release = (self._key(kind, score) for kind in ("training", "gate", "release"))
        specs = [
            dg.AssetSpec(training, deps=list(before), skippable=True, group_name=_name(score), description="A version that was trained."),
            dg.AssetSpec(gate, deps=[training], skippable=True, group_name=_name(score), description="What the gate said of it."),
            dg.AssetSpec(release, deps=[gate], group_name=_name(score), description="The version that answers."),
        ]  # fmt: skip
        # A version that is refused stops nothing: the champion goes on.
        checks = [dg.AssetCheckSpec("checks", asset=training), dg.AssetCheckSpec("gate", asset=gate)]

        def work(context: Any) -> Any:
            done = self._told(context, lambda: steps.renew(self._place, score))
            for key, made in ((training, done.training), (gate, done.gate), (release, done.release)):
                if made is not None:
                    yield self._result(key, made)

        self.keys["retrain"] += [training, gate, release]
        return dg.multi_asset(
            name=f"renew_{_name(score)}", specs=specs, check_specs=checks, retry_policy=self._retries("retrain")
        )(_bare(work))

    def _one(
        self,
        step: str,
        path: list[str],
        deps: Sequence[Any],
        work: Callable[[Any], Made],
        checks: Sequence[str] = (),
        *,
        blocking: Sequence[str] = (),
        partitions: Any = None,
    ) -> Any:
        dg, key = self._dg, self._dg.AssetKey(path)

        def run(context: Any) -> Any:
            return self._result(key, self._told(context, lambda: work(context)))

        if step:
            self.keys[step].append(key)
        return dg.asset(
            key=key,
            deps=list(deps),
            group_name=path[1] if len(path) > 1 and path[0] != "lake" else "data",
            description=work.__doc__,
            check_specs=[dg.AssetCheckSpec(name, asset=key, blocking=name in blocking) for name in checks],
            retry_policy=self._retries(step),
            partitions_def=partitions,
        )(_bare(run))

    def _key(self, kind: str, score: str) -> Any:
        return self._dg.AssetKey([kind, _name(score)])

    def _told(self, context: Any, work: Callable[[], Any]) -> Any:
        """Runs *work*; an error that trying again cannot help fails at once."""
        try:
            return work()
        except VigieError as error:
            context.log.error(str(error))
            if error.retryable:
                raise
            raise self._dg.Failure(description=str(error), allow_retries=False) from error

    def _result(self, key: Any, made: Made) -> Any:
        dg = self._dg
        checks = [
            dg.AssetCheckResult(
                passed=one.passed,
                asset_key=key,
                check_name=one.name,
                description=one.words or None,
                metadata=dict(one.figures),
                severity=dg.AssetCheckSeverity.ERROR if one.error else dg.AssetCheckSeverity.WARN,
            )
            for one in made.checks
        ]
        return dg.MaterializeResult(asset_key=key, metadata=dict(made.figures), check_results=checks)

    def _retries(self, step: str) -> Any:
        usual = self._schedules.get(step, Schedule(step))
        return self._dg.RetryPolicy(
            max_retries=usual.tries - 1, delay=usual.backoff / 1e6, backoff=self._dg.Backoff.EXPONENTIAL
        )


def _job(dg: Any, name: str, keys: Sequence[Any], place: int) -> Any:
    """A job that makes assets; of those that wait in Dagster's queue the one with the lower *place* begins first."""
    tags = {"dagster/priority": str(len(STEPS) - place)}
    return dg.define_asset_job(name, dg.AssetSelection.assets(*keys), tags=tags)


def _chain(dg: Any, due_now: Sequence[str], made: _Assets, jobs: dict[str, Any]) -> list[Any]:
    """The jobs of steps that are due at the same moments, in the order in which they are begun; a new one joins *jobs*."""
    making = [step for step in due_now if step in _MAKING]
    chain = [jobs[step] for step in due_now if step not in _MAKING]
    if making:
        name = "_".join(making)
        if name not in jobs:
            keys = [key for step in making for key in made.keys[step]]
            jobs[name] = _job(dg, name, keys, STEPS.index(making[0]))
        chain.insert(0, jobs[name])
    return chain


def _followers(dg: Any, jobs: dict[str, Any]) -> list[Any]:
    """Sensors that begin what follows a run that has ended; whether it was a success or a failure is all the same."""

    def follow(context: Any) -> Any:
        run = context.dagster_run
        job, *rest = run.tags.get(THEN, "").split() or [""]
        if not job:
            return dg.SkipReason("nothing follows it")
        return dg.RunRequest(run_key=run.run_id, job_name=job, tags=_then(rest))

    return [
        dg.run_status_sensor(
            run_status=status,
            name=name,
            minimum_interval_seconds=LOOK_SECONDS,
            request_jobs=list(jobs.values()),
            default_status=dg.DefaultSensorStatus.RUNNING,
        )(_bare(follow))
        for name, status in (
            ("after_success", dg.DagsterRunStatus.SUCCESS),
            ("after_failure", dg.DagsterRunStatus.FAILURE),
        )
    ]


def _then(jobs: Sequence[str]) -> dict[str, str]:
    """The tags of a run that *jobs* follow."""
    return {THEN: " ".join(jobs)} if jobs else {}


def _timed(dg: Any, schedule: Schedule, chain: Sequence[Any], clock: Clock) -> Any:
    """What starts the first job of a chain when it is due: a schedule, or a sensor for slots that no cron text has."""
    cron, job = cron_of(schedule), chain[0]
    tags = _then([one.name for one in chain[1:]])
    if cron is not None:
        return dg.ScheduleDefinition(
            name=f"{job.name}_schedule",
            tags=tags,
            cron_schedule=cron,
            execution_timezone=schedule.zone if schedule.cron else "UTC",
            job=job,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )

    def look(context: Any) -> Any:
        now = clock.now()
        if not context.cursor:
            context.update_cursor(str(now))
            return dg.SkipReason("the schedule begins")
        found = due(schedule, int(context.cursor), now)
        if not found:
            return dg.SkipReason("nothing is due")
        context.update_cursor(str(found[-1]))
        return [dg.RunRequest(run_key=iso(slot), tags=tags) for slot in found]

    return dg.SensorDefinition(
        name=f"{job.name}_slots",
        evaluation_fn=_bare(look),
        job=job,
        minimum_interval_seconds=LOOK_SECONDS,
        # It stands for a schedule, and schedules run at once.
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def _sensors(dg: Any, place: Place, project: Project, made: _Assets, clock: Clock) -> list[Any]:
    """Start what follows from new data, from incidents and from outcomes that became known."""
    from vigie.lifecycle.sensor import changes

    def new_data(context: Any) -> Any:
        found = changes(place.opened(), context.cursor or None)
        context.update_cursor(found.cursor)
        for name, said in found.unreachable.items():
            context.log.warning(f"{name} cannot be looked at: {said}")
        keys = [made.sources[name] for name in found.new if name in made.sources]
        if not keys:
            return dg.SkipReason("nothing new in the sources")
        return dg.RunRequest(asset_selection=keys, tags={"vigie/new": ", ".join(sorted(found.new))})

    def incidents(context: Any) -> Any:
        from vigie.lifecycle.incidents import standing_of
        from vigie.lifecycle.rollout import ledger_of

        seen, wanted = json.loads(context.cursor or "{}"), []
        ledger = ledger_of(place.opened())
        try:
            for score in project.scores:
                for one in standing_of(ledger, score).ongoing:
                    if one.cause.area in _RENEWABLE and seen.get(one.id) != one.line:
                        seen[one.id] = one.line
                        keys = [key for key in made.keys["retrain"] if key.path[-1] == _name(score)]
                        wanted.append(dg.RunRequest(run_key=f"{one.id} {one.line}", asset_selection=keys))
        finally:
            ledger.close()
        context.update_cursor(json.dumps(seen, sort_keys=True))
        return wanted or dg.SkipReason("no incident that a new model may help against")

    def matured(context: Any) -> Any:
        seen, wanted = json.loads(context.cursor or "{}"), []
        for name, score in project.scores.items():
            day = (clock.now() - _horizon(score)) // DAY
            if name in seen and seen[name] < day:
                keys = [made._key("watch", name)]
                wanted.append(dg.RunRequest(run_key=f"{name} {iso(day * DAY)}", asset_selection=keys))
            seen[name] = max(day, seen.get(name, day))
        context.update_cursor(json.dumps(seen, sort_keys=True))
        return wanted or dg.SkipReason("no outcomes of a further day are known")

    of = {"new_data": (new_data, made.keys["ingest"]), "incidents": (incidents, made.keys["retrain"]),
          "matured": (matured, made.keys["watch"])}  # fmt: skip
    return [
        dg.SensorDefinition(
            name=name,
            evaluation_fn=_bare(look),
            asset_selection=dg.AssetSelection.assets(*keys),
            minimum_interval_seconds=LOOK_SECONDS,
        )
        for name, (look, keys) in of.items()
        if keys
    ]


def _horizon(score: Any) -> int:
    """Time after which an outcome is known, µs."""
    return int(score.horizon.microseconds) if score.horizon is not None else 0


def _name(name: str) -> str:
    """*name* as Dagster takes names: letters, digits and underscores."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function* without annotations: Dagster reads them, and takes its own types alone."""
    function.__annotations__ = {}
    return function


def _dagster() -> Any:
    try:
        return import_module("dagster")
    except ImportError as error:
        raise MissingExtraError("dagster", extra="dagster") from error

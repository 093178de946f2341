"""Runs in an environment that has Dagster: loads the definitions of a project, makes its assets, and ticks the sensors.

    python dagster_story.py FOLDER DAY

Prints one JSON object; the test beside it judges.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

sys.path.insert(0, str(Path(__file__).parent))
from renewal_shop import quick

from vigie.clock import FixedClock, SystemClock
from vigie.lifecycle import retrain
from vigie.lifecycle.dagster import definitions
from vigie.lifecycle.incidents import follow
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import ledger_of
from vigie.watch.signal import Area, Signal


def main() -> None:
    folder = Path(sys.argv[1])
    retrain.train_options = lambda _: quick()  # a training that takes a moment
    told: dict[str, Any] = {}
    defs = definitions(folder, cohorts_since="2024-01-01")
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    told["assets"] = sorted(key.to_user_string() for key in graph.get_all_asset_keys())
    told["blocking"] = sorted(
        f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys if graph.get(key).blocking
    )
    told["parents"] = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    repository = defs.get_repository_def()
    told["schedules"] = {
        one.name: [one.cron_schedule, one.execution_timezone, one.default_status.value, one.job_name]
        for one in repository.schedule_defs
    }
    told["sensors"] = {one.name: one.default_status.value for one in repository.sensor_defs}
    told["jobs"] = {
        one.name: [sorted(key.to_user_string() for key in one.asset_layer.selected_asset_keys), one.tags]
        for one in repository.get_all_jobs()
    }
    told["retries"] = {
        one.node_def.name: [one.node_def.retry_policy.max_retries, one.node_def.retry_policy.delay]
        for one in repository.assets_defs_by_key.values()
        if one.node_def.retry_policy is not None
    }
    with dg.DagsterInstance.get() as instance:

        def sensor(name: str, cursor: str | None) -> tuple[list[Any], str | None, str]:
            context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository)
            made = repository.get_sensor_def(name).evaluate_tick(context)
            asked = [
                sorted(key.to_user_string() for key in one.asset_selection or []) for one in made.run_requests or []
            ]
            return asked, made.cursor, made.skip_message or ""

        def made_by(done: Any) -> dict[str, Any]:
            return {
                event.asset_key.to_user_string(): {k: v.value for k, v in event.materialization.metadata.items()}
                for event in done.get_asset_materialization_events()
            }

        told["tick"], cursor, _ = sensor("new_data", None)
        told["tick_again"], _, told["why_not"] = sensor("new_data", cursor)
        everything = [one for one in repository.assets_defs_by_key.values() if one.partitions_def is None]
        everything = list({id(one): one for one in everything}.values())
        done = dg.materialize(everything, instance=instance, raise_on_error=False)
        told["success"], told["made"] = done.success, made_by(done)
        told["checks"] = {
            f"{one.asset_key.to_user_string()}:{one.check_name}": one.passed
            for one in done.get_asset_check_evaluations()
        }
        told["together"], told["follows"], told["follows_that"], told["follows_nothing"] = run_and_follow(
            repository, instance
        )
        cohort = [one for one in repository.assets_defs_by_key.values() if one.partitions_def is not None]
        past = dg.materialize(cohort, instance=instance, partition_key=sys.argv[2], raise_on_error=False)
        told["cohort"] = made_by(past)
        (folder / "visits-2.csv").write_text("id,at,number\n1,yesterday,x-1\n2,,x-2\n")
        told["tick_after"], _, _ = sensor("new_data", cursor)
        bad = dg.materialize(
            [one for one in everything if "training" not in str(one.keys)], instance=instance, raise_on_error=False
        )
        told["bad_success"], told["bad_made"] = bad.success, made_by(bad)
        told["bad_checks"] = {
            f"{one.asset_key.to_user_string()}:{one.check_name}": [one.passed, one.severity.value]
            for one in bad.get_asset_check_evaluations()
        }
        told["no_incidents"], _, _ = sensor("incidents", None)
        ring(folder)
        told["incidents"], cursor, _ = sensor("incidents", None)
        told["incidents_again"], _, _ = sensor("incidents", cursor)
        _, first, _ = sensor("matured", None)
        assert first is not None
        earlier = json.dumps({name: day - 1 for name, day in json.loads(first).items()})
        told["matured"], _, _ = sensor("matured", earlier)
    sys.stdout.write(json.dumps(told, default=str))


def run_and_follow(repository: Any, instance: Any) -> tuple[list[str], Any, Any, Any]:
    """Runs what a schedule starts, and asks what follows it."""
    tick = repository.get_schedule_def("ingest_score_schedule").evaluate_tick(
        dg.build_schedule_context(instance, scheduled_execution_time=datetime(2026, 3, 2, 6, tzinfo=UTC))
    )
    (request,) = tick.run_requests
    done = repository.get_job("ingest_score").execute_in_process(instance=instance, tags=request.tags)
    order = [event.asset_key.to_user_string() for event in done.get_asset_materialization_events()]

    def after(name: str, tags: dict[str, str]) -> Any:
        context = dg.build_run_status_sensor_context(
            name,
            done.all_events[-1],
            instance,
            done.dagster_run.with_tags(tags),
            repository_def=repository,
        )
        made = repository.get_sensor_def(name)(context)
        return [made.job_name, made.tags] if isinstance(made, dg.RunRequest) else made.skip_message

    first = after("after_success", done.dagster_run.tags)
    return order, first, after("after_failure", first[1]), after("after_success", {})


def ring(folder: Path) -> None:
    """Opens an incident of drift."""
    now = SystemClock().now()
    project = Project.open(folder, None, FixedClock(now))
    signal = Signal(
        score="churn", model="1", area=Area.DRIFT, code="VGW101", subject="visits_count_7d", size=0.5, limit=0.1, evidence=0.001,
        rings=True, since=now - 1, until=now, words="it drifts",
    )  # fmt: skip
    follow(project, ledger_of(project), "churn", [signal], now)


if __name__ == "__main__":
    main()

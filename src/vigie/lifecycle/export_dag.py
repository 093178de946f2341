"""The schedules of a project for orchestrators that run elsewhere: Airflow DAGs, and AWS Step Functions state machines.

What is written is thin: each task is one command of ``vigie``. Steps that are due at the same moments are one DAG, in which they
follow each other as they do under the scheduler: a step that has failed for good stops none behind it, and the run is red.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import iso
from vigie.errors import SettingsError
from vigie.lifecycle.steps import AFTER, Piece, pieces_of
from vigie.lifecycle.steps_schedule import Schedule, due_together, schedules_of

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

MARK = "Written by `vigie export"
AIRFLOW_MOMENT = "{{ data_interval_end.strftime('%Y-%m-%dT%H:%M:%SZ') }}"
"""The slot of a run, in Airflow 2 and 3 alike."""
_MOMENT = "\0moment"
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that are due at the same moments.

    Attributes:
        schedules: Of each, in the order in which they follow each other.
        pieces: Of all of them.
    """

    schedules: tuple[Schedule, ...]
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        """The names of the steps, joined."""
        return "_".join(one.step for one in self.schedules)

    def of(self, step: str) -> Schedule:
        """The schedule of one of its steps."""
        return next(one for one in self.schedules if one.step == step)


def groups_of(project: Project) -> list[Group]:
    """What is due together in a project.

    Raises:
        SettingsError: Nothing is scheduled, or ``[schedule]`` cannot be meant.
    """
    schedules = schedules_of(project.settings.schedule)
    if not schedules:
        raise SettingsError(
            "nothing is scheduled",
            where="vigie.toml",
            remedy='write for example [schedule.ingest] and every = "1h" below it',
        )
    return [
        Group(together, tuple(piece for one in together for piece in pieces_of(project, one.step)))
        for together in due_together(schedules)
    ]


# -- Airflow -------------------------------------------------------------------------------------------------------------

_HEAD = '''\
"""Runs the steps of {project} when they are due. {mark} airflow`, to be written again rather than edited."""

from datetime import timedelta

import pendulum

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator
'''

_DAG = """
with DAG(
    dag_id={dag},
    schedule={when},
    start_date=pendulum.parse({start}).in_timezone({zone}),
    catchup={catchup},
    max_active_runs=1,
    tags=["vigie"],
):
"""

_TASK = """\
    {variable} = BashOperator(
        task_id={task},
        bash_command={command},
        retries={retries},
        retry_delay=timedelta(seconds={delay}),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(hours=1),
        trigger_rule={rule},
    )
"""


def airflow_text(project: Project, *, at: str | None = None, program: str = "vigie") -> str:
    """A Python file with one DAG for each group of steps that are due together; for Airflow 2 and 3.

    Args:
        project: Its clock says when the schedules begin.
        at: Folder of the project where tasks run; ``None``: where it is here.
        program: The command, where tasks run.

    Raises:
        SettingsError: Nothing is scheduled, or ``[schedule]`` cannot be meant.
    """
    name, start = _slug(project.settings.root.name), iso(project.clock.now() // 1_000_000 * 1_000_000)
    parts = [_HEAD.format(project=name, mark=MARK)]
    place = Piece("ingest").place(at or str(project.settings.root), project.settings.environment)
    for group in groups_of(project):
        first = group.schedules[0]
        when = repr(first.cron) if first.cron else f"timedelta(seconds={first.every / 1e6:g})"
        parts.append(
            _DAG.format(
                dag=repr(f"{name}_{group.name}"), when=when, start=repr(start),
                zone=repr(first.zone if first.cron else "UTC"), catchup=first.catch_up == "all",
            )
        )  # fmt: skip
        for piece in group.pieces:
            words = [program, *_command(piece, group), *place]
            command = shlex.join(words).replace(shlex.quote(_MOMENT), AIRFLOW_MOMENT)
            usual = group.of(piece.step)
            parts.append(
                _TASK.format(
                    variable=_slug(piece.name), task=repr(_slug(piece.name)), command=repr(command), retries=usual.tries - 1,
                    delay=f"{usual.backoff / 1e6:g}", rule=repr("all_done"),
                )
            )  # fmt: skip
        edges = [
            f"    {_slug(before.name)} >> {_slug(piece.name)}\n"
            for piece in group.pieces
            for before in group.pieces
            if before.step in AFTER[piece.step]
        ]
        parts += edges
        ends = [piece for piece in group.pieces if not any(piece.step in AFTER[other.step] for other in group.pieces)]
        if len(group.pieces) > len(ends):
            # Airflow calls a run good when its last tasks are: this one says that all were.
            parts.append(
                '    every_step = BashOperator(task_id="every_step", bash_command="true", trigger_rule="all_success")\n'
            )
            parts += [f"    {_slug(piece.name)} >> every_step\n" for piece in group.pieces]
    return "".join(parts)


# -- Step Functions ------------------------------------------------------------------------------------------------------


def step_functions(project: Project, *, at: str, program: str = "vigie") -> dict[str, Any]:
    """State machines in the Amazon States Language, and the schedules that start them, by file name.

    A task runs a command in a container on ECS, and waits for its end. Which cluster, task definition, container and subnets is in the
    input, which the schedules of EventBridge give; they are to be filled in there.

    Args:
        project: Its settings say when.
        at: Folder of the project in the container.
        program: The command in the container.

    Raises:
        SettingsError: Nothing is scheduled, or a schedule has no words of EventBridge.
    """
    name, files, schedules = _slug(project.settings.root.name), dict[str, Any](), list[dict[str, Any]]()
    place = Piece("ingest").place(at, project.settings.environment)
    for group in groups_of(project):
        machine = f"{name}_{group.name}"
        files[f"{machine}.asl.json"] = _machine(group, place, program)
        first = group.schedules[0]
        schedules.append({
            "Name": machine,
            "ScheduleExpression": eventbridge(first),
            "ScheduleExpressionTimezone": first.zone if first.cron else "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": f"STATE_MACHINE_ARN of {machine}",
                "RoleArn": "ROLE_ARN",
                "Input": json.dumps({
                    "moment": "<aws.scheduler.scheduled-time>", "cluster": "CLUSTER", "task_definition": "TASK_DEFINITION",
                    "container": "CONTAINER", "subnets": ["SUBNET"],
                }),
            },
        })  # fmt: skip
    files["schedules.json"] = schedules
    return files


def eventbridge(schedule: Schedule) -> str:
    """The words of EventBridge Scheduler for a schedule.

    >>> eventbridge(Schedule("score", cron="0 6 * * 1-5")), eventbridge(Schedule("ingest", every=900_000_000))
    ('cron(0 6 ? * MON-FRI *)', 'rate(15 minutes)')

    Raises:
        SettingsError: It has none.
    """
    where = f"[schedule.{schedule.step}]"
    if not schedule.cron:
        minutes, rest = divmod(schedule.every, 60_000_000)
        if rest:
            raise SettingsError("EventBridge counts in minutes", where=where, remedy='write every = "1m" or more')
        return f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    minute, hour, day, month, weekday = schedule.cron.split()
    if day != "*" and weekday != "*":
        raise SettingsError(
            "EventBridge takes a day of the month or a day of the week, not both",
            where=where,
            remedy="write * for one of them",
        )
    if weekday == "*":
        return f"cron({minute} {hour} {day} {month.upper()} ? *)"
    base, slash, step = weekday.partition("/")
    named = re.sub(r"\d+", lambda found: _DAYS[int(found.group()) % 7], base).upper()
    return f"cron({minute} {hour} ? {month.upper()} {named}{slash}{step} *)"


def _machine(group: Group, place: Sequence[str], program: str) -> dict[str, Any]:
    states: dict[str, Any] = {}
    failed: list[str] = ["$.failed"]
    names = [one.step for one in group.schedules]
    for number, step in enumerate(names):
        after = names[number + 1] if number + 1 < len(names) else "all done?"
        pieces = [piece for piece in group.pieces if piece.step == step]
        if not pieces[0].score:
            states[step] = {
                **_task(pieces[0], group, place, program),
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": after}],
                "Next": after,
            }
            continue
        branches = []
        for place_of, piece in enumerate(pieces):
            failed.append(f"$.{step}[{place_of}].failed")
            gone = f"{piece.name} failed"
            task = {
                **_task(piece, group, place, program),
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": gone}],
                "End": True,
            }
            branches.append({"StartAt": piece.name, "States": {piece.name: task, gone: {"Type": "Pass", "End": True}}})
        states[step] = {"Type": "Parallel", "Branches": branches, "ResultPath": f"$.{step}", "Next": after}
    states["all done?"] = {
        "Type": "Choice",
        "Choices": [{"Or": [{"Variable": path, "IsPresent": True} for path in failed], "Next": "a step failed"}]
        if len(failed) > 1
        else [{"Variable": failed[0], "IsPresent": True, "Next": "a step failed"}],
        "Default": "done",
    }
    states["a step failed"] = {"Type": "Fail", "Error": "StepFailed", "Cause": "a step has failed in all its tries"}
    states["done"] = {"Type": "Succeed"}
    return {"Comment": f"{MARK} stepfunctions`", "StartAt": names[0], "States": states}


def _task(piece: Piece, group: Group, place: Sequence[str], program: str) -> dict[str, Any]:
    words = [program, *_command(piece, group), *place]
    command = f"States.Array({', '.join('$.moment' if word == _MOMENT else _literal(word) for word in words)})"
    usual = group.of(piece.step)
    override = {"Name.$": "$.container", "Command.$": command}
    task: dict[str, Any] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {
            "LaunchType": "FARGATE",
            "Cluster.$": "$.cluster",
            "TaskDefinition.$": "$.task_definition",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets.$": "$.subnets"}},
            "Overrides": {"ContainerOverrides": [override]},
        },
        "ResultPath": None,
    }
    if usual.tries > 1:
        task["Retry"] = [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": max(round(usual.backoff / 1e6), 1),
                "MaxAttempts": usual.tries - 1,
                "BackoffRate": 2.0,
                "MaxDelaySeconds": 3_600,
            }
        ]
    return task


def _literal(word: str) -> str:
    r"""*word* as a string of an intrinsic function, in which ``'``, ``{``, ``}`` and ``\`` are escaped."""
    return "'" + re.sub(r"([\\'{}])", r"\\\1", word) + "'"


# -- both ------------------------------------------------------------------------------------------------------------------


def _command(piece: Piece, group: Group) -> list[str]:
    """The arguments of ``vigie``. Scores are of the moment of the slot, however often they are tried."""
    words = piece.command()
    late = group.of(piece.step).catch_up == "all" and piece.step in ("watch", "retrain")
    return [*words, "--as-of", _MOMENT] if piece.step == "score" or late else words


def write(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write what was made, over what an earlier export wrote.

    Raises:
        SettingsError: A file of somebody else is in the way, or the folder cannot be written.
    """
    paths = [folder / name for name in files]
    for path in paths:
        if path.exists() and MARK not in path.read_text("utf-8", errors="replace") and path.name != "schedules.json":
            raise SettingsError("a file of another origin is there", where=str(path), remedy="choose another --output")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.write_text(files[path.name], "utf-8")
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return paths


def _slug(name: str) -> str:
    found = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_").lower() or "vigie"
    return found if not found[0].isdigit() else f"_{found}"

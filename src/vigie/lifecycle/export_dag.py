"""The schedules of a project for orchestrators that run elsewhere: Airflow DAGs, and AWS Step Functions state machines.

What is written is thin: each task is one command of ``vigie``. Steps that are due at the same moments are one DAG, in which they
follow each other as they do under the scheduler: a step that has failed for good stops none behind it, and the run is red.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import iso
from vigie.errors import SettingsError
from vigie.lifecycle.steps import AFTER, Piece, pieces_of
from vigie.lifecycle.steps_schedule import Schedule, cron_of, due_together, schedules_of
from vigie.settings_keys import STEPS

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

SCHEDULES = "schedules.json"
"""Of EventBridge Scheduler; the one file in which somebody fills in what is not known here."""
GONE = "not in vigie.toml any more"
"""Description of a schedule that was written once and is switched off."""
_AHEAD = 3_600_000_000
"""How long somebody has until what is exported must be there, where its beginning is written."""
MARK = "Written by `vigie export"
AIRFLOW_MOMENT = "{{ data_interval_end.strftime('%Y-%m-%dT%H:%M:%SZ') }}"
"""The slot of a run, in Airflow 2 and 3 alike."""
_MOMENT = "\0moment"
_WHEN = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate")
_STEPS_BEHIND = re.compile(rf"(_({'|'.join(STEPS)}))+$")
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


def groups_of(project: Project, apart: Callable[[Schedule], object]) -> list[Group]:
    """What is due together in a project.

    Args:
        project: Its settings say when.
        apart: Schedules of which it says something different are apart all the same.

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
        for together in due_together(schedules, apart)
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

_EVERY = """from airflow.timetables.interval import DeltaDataIntervalTimetable
"""
"""For lengths that no cron text has: the one timetable of Airflow 2 and 3 that counts them from 1970 on, as ``vigie.toml`` means
them, and not from the moment that a scheduler first saw the file or came back."""

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
    name, groups = _slug(project.settings.root.name), groups_of(project, lambda one: one.catch_up == "all")
    parts = [_HEAD.format(project=name, mark=MARK)]
    if any(cron_of(group.schedules[0]) is None for group in groups):
        parts.append(_EVERY)
    place = Piece("ingest").place(at or str(project.settings.root), project.settings.environment)
    for group in groups:
        first = group.schedules[0]
        cron, start = cron_of(first), project.clock.now() // 1_000_000 * 1_000_000
        when = repr(cron)
        if cron is None:
            start = project.clock.now() // first.every * first.every
            when = f"DeltaDataIntervalTimetable(timedelta(seconds={_seconds(first.every)}))"
        parts.append(
            _DAG.format(
                dag=repr(f"{name}_{group.name}"), when=when, start=repr(iso(start)),
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
                    delay=_seconds(usual.backoff), rule=repr("all_done"),
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
    for group in groups_of(project, lambda _: ""):  # EventBridge makes up for nothing
        machine = f"{name}_{group.name}"
        files[f"{machine}.asl.json"] = _machine(group, place, program)
        first = group.schedules[0]
        schedules.append({
            "Name": machine,
            "ScheduleExpression": eventbridge(first),
            **({} if cron_of(first) else {"StartDate": iso(-(-(project.clock.now() + _AHEAD) // first.every) * first.every)}),
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
    files[SCHEDULES] = schedules
    return files


def eventbridge(schedule: Schedule) -> str:
    """The words of EventBridge Scheduler for a schedule.

    >>> eventbridge(Schedule("score", cron="0 6 * * 1-5")), eventbridge(Schedule("ingest", every=900_000_000))
    ('cron(0 6 ? * MON-FRI *)', 'cron(0/15 * * * ? *)')
    >>> eventbridge(Schedule("ingest", every=420_000_000))  # its slots begin with a StartDate
    'rate(7 minutes)'

    Raises:
        SettingsError: It has none.
    """
    where = f"[schedule.{schedule.step}]"
    cron = cron_of(schedule)
    if cron is None:
        minutes, rest = divmod(schedule.every, 60_000_000)
        if rest:
            raise SettingsError("EventBridge counts in minutes", where=where, remedy='write every = "1m" or more')
        return f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    minute, hour, day, month, weekday = cron.split()
    minute, hour = (f"0{part[1:]}" if part.startswith("*/") else part for part in (minute, hour))
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
    """Write what was made, over what an earlier export wrote. What was filled in in ``schedules.json`` stays.

    Raises:
        SettingsError: A file of somebody else is in the way, or the folder cannot be written.
    """
    paths = [folder / name for name in files]
    for path in paths:
        if path.exists() and MARK not in path.read_text("utf-8", errors="replace") and path.name != SCHEDULES:
            raise SettingsError("a file of another origin is there", where=str(path), remedy="choose another --output")
    texts = dict(files)
    if SCHEDULES in files and (folder / SCHEDULES).exists():
        texts[SCHEDULES] = _filled_in(files[SCHEDULES], folder / SCHEDULES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            part = path.with_suffix(".part")
            part.write_text(texts[path.name], "utf-8")
            part.replace(path)
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return paths


def _filled_in(made: str, path: Path) -> str:
    """What was *made*, with all that the file at *path* says of the same schedules but when they are due.

    A schedule of this project that is not made any more stays, switched off: somebody filled it in, and on AWS it still runs.

    Raises:
        SettingsError: The file is no list of schedules.
    """
    try:
        there: dict[str, dict[str, Any]] = {one["Name"]: dict(one) for one in json.loads(path.read_text("utf-8"))}
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise SettingsError(
            "is no list of schedules, so what is filled in there cannot be kept",
            where=str(path),
            remedy="mend it, move it away, or choose another --output",
        ) from error
    found = []
    for new in json.loads(made):
        old = there.pop(new["Name"], {})
        if old.get("Description") == GONE:
            old = {key: value for key, value in old.items() if key not in ("Description", "State")}
        if str(old.get("ScheduleExpression", "")).startswith("rate("):
            old.pop("StartDate", None)
        found.append({**new, **old, **{key: new[key] for key in _WHEN if key in new}})
    ours = {_STEPS_BEHIND.sub("", one["Name"]) for one in found}
    for name, old in there.items():
        gone = _STEPS_BEHIND.sub("", name) in ours
        found.append({**old, "State": "DISABLED", "Description": GONE} if gone else old)
    return json.dumps(found, indent=2) + "\n"


def _seconds(microseconds: int) -> str:
    """Exactly, without a fraction where there is none."""
    return str(microseconds // 1_000_000) if microseconds % 1_000_000 == 0 else repr(microseconds / 1e6)


def _slug(name: str) -> str:
    found = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_").lower() or "vigie"
    return found if not found[0].isdigit() else f"_{found}"

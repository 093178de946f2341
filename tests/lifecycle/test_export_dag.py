"""What is exported to other orchestrators: compiled and run against a stand-in of Airflow, and held to the rules of ASL."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from own_environment import own_environment

from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.errors import SettingsError
from vigie.lifecycle.export_dag import airflow_text, eventbridge, step_functions
from vigie.lifecycle.project import Project
from vigie.lifecycle.steps_schedule import Schedule

FILE = """
from vigie import Campaign, Events, Score, days, every
orders = Events("orders", key="customer", time="at")
shared = dict(outcome=orders.count(next=days(30)) == 0, features=[orders.count(days(30))], moments=every("month"),
              decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=100))
churn = Score("churn", **shared)
win = Score("win", **shared)
"""
TOML = """
[project]
files = ["churn.py"]
[sources.orders]
path = "orders.csv"
[environments.prod]
[schedule]
zone = "Europe/Paris"
[schedule.ingest]
cron = "0 6 * * mon-fri"
tries = 5
backoff = "2m"
[schedule.score]
cron = "0 6 * * mon-fri"
[schedule.retrain]
cron = "0 6 * * mon-fri"
[schedule.ship]
every = "15m"
[schedule.watch]
every = "7m"
catch_up = "all"
tries = 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "My shop"
    folder.mkdir()
    (folder / "churn.py").write_text(FILE)
    (folder / "vigie.toml").write_text(TOML)
    return at("2026-03-02T10:00:00.5", folder)


def at(moment: str, folder: Path) -> Project:
    """The project as it is exported at a moment."""
    return Project.open(folder, "prod", FixedClock(parse_moment(moment)))


class Task:
    """Stands in for a BashOperator: remembers what it was given and what follows it."""

    made: list[Task] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, **given: Any) -> None:
        self.given, self.after, self.dag = given, list[str](), Dag.open[-1]
        Task.made.append(self)

    def __rshift__(self, other: Task) -> Task:
        other.after.append(self.given["task_id"])
        return other


class Dag:
    open: list[Dag] = []  # noqa: RUF012

    def __init__(self, **given: Any) -> None:
        self.given = given

    def __enter__(self) -> Dag:
        Dag.open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        Dag.open.pop()


@pytest.fixture(params=[2, 3])
def airflow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules where Airflow 2 or 3 has them."""
    places = {
        2: {"airflow": {"DAG": Dag}, "airflow.operators": {}, "airflow.operators.bash": {"BashOperator": Task}},
        3: {
            "airflow": {}, "airflow.sdk": {"DAG": Dag}, "airflow.providers": {}, "airflow.providers.standard": {},
            "airflow.providers.standard.operators": {}, "airflow.providers.standard.operators.bash": {"BashOperator": Task},
        },
    }  # fmt: skip
    pendulum = types.ModuleType("pendulum")
    pendulum.parse = lambda text: types.SimpleNamespace(in_timezone=lambda zone: (text, zone))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pendulum", pendulum)
    same = {
        "airflow.timetables": {},
        "airflow.timetables.interval": {"DeltaDataIntervalTimetable": lambda delta: delta},
    }
    for name, content in {**places[request.param], **same}.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    Task.made.clear()
    yield
    Task.made.clear()


def test_steps_that_are_due_together_are_one_dag_and_follow_each_other(project: Project, airflow: None) -> None:
    exec(compile(airflow_text(project, at="/srv/it's"), "vigie_steps.py", "exec"), {})
    dags = {task.dag.given["dag_id"]: task.dag.given for task in Task.made}
    tasks = {
        task.given["task_id"]: task for task in Task.made if task.dag.given["dag_id"] == "my_shop_ingest_score_retrain"
    }

    assert set(dags) == {"my_shop_ingest_score_retrain", "my_shop_ship", "my_shop_watch"}
    together, watch = dags["my_shop_ingest_score_retrain"], dags["my_shop_watch"]
    assert (together["schedule"], together["start_date"]) == (
        "0 6 * * mon-fri",
        ("2026-03-02T10:00:00Z", "Europe/Paris"),
    )
    assert (together["catchup"], watch["catchup"]) == (False, True)
    assert dags["my_shop_ship"]["schedule"] == "*/15 * * * *"
    # 7 minutes have no cron text: they begin at a multiple, counted from 1970 on.
    assert (watch["schedule"].total_seconds(), watch["start_date"]) == (420, ("2026-03-02T09:56:00Z", "UTC"))
    assert parse_moment("2026-03-02T09:56:00Z") % 420_000_000 == 0
    assert set(tasks) == {"ingest", "score_churn", "score_win", "retrain_churn", "retrain_win", "every_step"}
    assert tasks["score_win"].after == tasks["retrain_churn"].after == ["ingest"]
    assert tasks["every_step"].given["trigger_rule"] == "all_success" and len(tasks["every_step"].after) == 5
    # A step that failed for good stops none behind it.
    assert all(task.given["trigger_rule"] == "all_done" for name, task in tasks.items() if name != "every_step")
    assert (tasks["ingest"].given["retries"], tasks["ingest"].given["retry_delay"].total_seconds()) == (4, 120)


def test_how_missed_slots_are_made_up_for_takes_nothing_apart_that_need_not_be(project: Project, airflow: None) -> None:
    def dags(catch_up: str) -> set[str]:
        text = TOML.replace("[schedule.score]\n", f'[schedule.score]\ncatch_up = "{catch_up}"\n')
        (project.settings.root / "vigie.toml").write_text(text)
        Task.made.clear()
        again = at("2026-03-02T10:00:00", project.settings.root)
        exec(compile(airflow_text(again), "vigie_steps.py", "exec"), {})
        assert "my_shop_ingest_score_retrain.asl.json" in step_functions(again, at="/p")
        return {task.dag.given["dag_id"] for task in Task.made}

    assert "my_shop_ingest_score_retrain" in dags("none")
    assert {"my_shop_ingest_retrain", "my_shop_score"} <= dags("all")


AIRFLOW = "3.3.2"
LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
import pendulum

def slots(dag, catchup):
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    found, last, until = [], None, pendulum.parse("2026-03-02T08:00:00Z")
    while not found or (catchup and found[-1] < until):
        run = timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(dag.start_date, None, catchup))
        last = run.data_interval
        found.append(last.end)
    return [one.in_timezone("UTC").isoformat() for one in found]

bag, later = DagBag(sys.argv[1]), DagBag(sys.argv[2])
print(json.dumps({"errors": {str(k): str(v) for k, v in bag.import_errors.items()}, "dags": {
    one.dag_id: {"zone": str(one.timezone), "when": str(getattr(one.timetable, "expression", "")),
                 "catchup": one.catchup, "slots": slots(one, True), "late": slots(later.dags[one.dag_id], True), "now": slots(one, False),
                 "tasks": {t.task_id: sorted(t.upstream_task_ids) for t in one.tasks}}
    for one in bag.dags.values()}}))
"""


@pytest.fixture(scope="module")
def airflow_python() -> Path:
    """Python of an environment with Airflow."""
    return own_environment(f"airflow-{AIRFLOW}", [f"apache-airflow=={AIRFLOW}"])


def test_airflow_itself_reads_the_file(project: Project, airflow_python: Path, tmp_path: Path) -> None:
    folders = []
    for moment in ("2026-03-02T05:53:12", "2026-03-02T06:10:00"):
        folders.append(tmp_path / moment)
        folders[-1].mkdir()
        (folders[-1] / "vigie_steps.py").write_text(airflow_text(at(moment, project.settings.root), at="/srv/shop"))
    here = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [str(airflow_python), "-c", LOAD, *map(str, folders)],
        capture_output=True,
        text=True,
        env={**os.environ, **here},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])

    assert told["errors"] == {}
    together = told["dags"]["my_shop_ingest_score_retrain"]
    assert (together["zone"], together["catchup"]) == ("Europe/Paris", False)
    assert "0 6 * * " in together["when"]
    assert together["tasks"]["retrain_win"] == ["ingest"]
    assert len(together["tasks"]["every_step"]) == 5
    assert told["dags"]["my_shop_watch"]["catchup"] is True
    for name, every in (("my_shop_watch", 420), ("my_shop_ship", 900)):
        # When it was exported does not say when it is due, nor does when a scheduler first saw it.
        early, late = told["dags"][name]["slots"], told["dags"][name]["late"]
        assert early[-len(late) :] == late and len(early) > len(late) > 5
        assert early[0] > "2026-03-02T05:53:12" and late[0] > "2026-03-02T06:10:00"
        assert all(parse_moment(slot) % (every * 1_000_000) == 0 for slot in (*early, *told["dags"][name]["now"]))


def test_tasks_are_commands_of_vigie(project: Project, airflow: None) -> None:
    exec(compile(airflow_text(project, at="/srv/it's"), "vigie_steps.py", "exec"), {})
    commands = {
        task.given["task_id"]: task.given["bash_command"] for task in Task.made if task.given["task_id"] != "every_step"
    }

    assert shlex.split(commands["ship"]) == ["vigie", "journal", "ship", "--project", "/srv/it's", "--env", "prod"]
    assert (
        "vigie score churn --once --as-of {{ data_interval_end.strftime('%Y-%m-%dT%H:%M:%SZ') }} --project"
        in commands["score_churn"]
    )
    assert "--as-of" in commands["watch"] and "--as-of" not in commands["retrain_win"]
    for command in commands.values():  # the program takes them
        words = shlex.split(re.sub(r"\{\{.*?\}\}", "2026-03-02T06:00:00Z", command))
        done = CliRunner().invoke(program, [*words[1 : words.index("--project")], "--help"])
        assert done.exit_code == 0, (command, done.output)


def test_state_machines_keep_the_rules_of_the_language(project: Project) -> None:
    files = step_functions(project, at="/it's {here}")
    machines = {name: content for name, content in files.items() if name != "schedules.json"}

    assert set(machines) == {"my_shop_ingest_score_retrain.asl.json", "my_shop_ship.asl.json", "my_shop_watch.asl.json"}
    for machine in machines.values():
        assert problems(json.loads(json.dumps(machine))) == []
    machine = machines["my_shop_ingest_score_retrain.asl.json"]
    assert list(machine["States"]) == ["ingest", "score", "retrain", "all done?", "a step failed", "done"]
    command = machine["States"]["score"]["Branches"][0]["States"]["score churn"]["Parameters"]["Overrides"]
    assert command["ContainerOverrides"][0]["Command.$"] == (
        r"States.Array('vigie', 'score', 'churn', '--once', '--as-of', $.moment, '--project', '/it\'s \{here\}', '--env', 'prod')"
    )
    assert machine["States"]["ingest"]["Retry"][0]["MaxAttempts"] == 4
    assert "Retry" not in machines["my_shop_watch.asl.json"]["States"]["watch"]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda m: m["States"]["ingest"].pop("Next"), "ingest: neither Next nor End"),
        (lambda m: m.update(StartAt="nowhere"), "StartAt: no state nowhere"),
        (lambda m: m["States"]["ingest"]["Catch"][0].update(Next="nowhere"), "ingest: no state nowhere"),
        (lambda m: m["States"].update(lost={"Type": "Succeed"}), "lost: is never reached"),
        (lambda m: m["States"]["ingest"]["Retry"][0].update(BackoffRate=0.5), "ingest: BackoffRate"),
        (
            lambda m: m["States"]["ingest"]["Parameters"].update({"Cluster.$": "cluster"}),
            "ingest: Cluster.$ is no path",
        ),
    ],
)
def test_the_rules_find_what_breaks_them(project: Project, spoil: Any, found: str) -> None:
    machine = json.loads(json.dumps(step_functions(project, at="/p")["my_shop_ingest_score_retrain.asl.json"]))
    spoil(machine)

    assert found in problems(machine)


def test_schedules_of_eventbridge() -> None:
    def words(cron: str) -> str:
        return eventbridge(Schedule("score", cron=cron))

    assert words("30 6 * * *") == "cron(30 6 * * ? *)"
    assert words("0 6 1 jan,jul *") == "cron(0 6 1 JAN,JUL ? *)"
    assert words("0 6 * * 1-5") == "cron(0 6 ? * MON-FRI *)"
    assert words("0 6 * * 0,7") == "cron(0 6 ? * SUN,SUN *)"
    assert words("*/20 */2 * * *") == "cron(0/20 0/2 * * ? *)"
    assert eventbridge(Schedule("score", every=60_000_000)) == "cron(* * * * ? *)"
    assert eventbridge(Schedule("score", every=86_400_000_000)) == "cron(0 0 * * ? *)"
    assert eventbridge(Schedule("score", every=420_000_000)) == "rate(7 minutes)"
    with pytest.raises(SettingsError, match="not both"):
        words("0 6 1 * mon")
    with pytest.raises(SettingsError, match="minutes"):
        eventbridge(Schedule("score", every=30_000_000))


def test_eventbridge_counts_from_a_multiple_whenever_it_is_exported(project: Project) -> None:
    begins = []
    for moment in ("2026-03-02T05:53:12", "2026-03-02T06:10:00"):
        schedules = step_functions(at(moment, project.settings.root), at="/p")["schedules.json"]
        assert [one["Name"] for one in schedules if "StartDate" in one] == ["my_shop_watch"]
        begins.append(parse_moment(schedules[-1]["StartDate"]))
        assert begins[-1] % 420_000_000 == 0 and 0 <= begins[-1] - parse_moment(moment) - 3_600_000_000 < 420_000_000
    assert begins[0] != begins[1]


def test_what_was_filled_in_stays(project: Project, tmp_path: Path) -> None:
    root, path = project.settings.root, tmp_path / "aws" / "schedules.json"

    def export() -> str:
        words = ["export", "stepfunctions", "-o", str(path.parent), "--project", str(root), "--env", "prod"]
        done = CliRunner().invoke(program, words)
        assert done.exit_code == 0, done.output
        return done.output

    def read() -> dict[str, Any]:
        return {one["Name"]: one for one in json.loads(path.read_text())}

    assert "fill in" in export()
    mine = read()
    for one in mine.values():
        one["Target"]["Arn"], one["State"] = f"arn:aws:states:eu-west-3:1:stateMachine:{one['Name']}", "ENABLED"
        one["Target"]["Input"] = one["Target"]["Input"].replace("CLUSTER", "ours")
    another = {"Name": "other_shop_ingest", "Target": {"Arn": "arn:other"}}
    path.write_text(json.dumps([*mine.values(), another]))
    toml = (root / "vigie.toml").read_text()
    (root / "vigie.toml").write_text(
        toml.replace('every = "7m"', 'cron = "5 * * * *"').replace('[schedule.ship]\nevery = "15m"\n', "")
    )

    assert "fill in" not in export()
    found = read()
    assert list(found) == ["my_shop_ingest_score_retrain", "my_shop_watch", "my_shop_ship", "other_shop_ingest"]
    assert found["my_shop_watch"] == {
        **{key: value for key, value in mine["my_shop_watch"].items() if key != "StartDate"},
        "ScheduleExpression": "cron(5 * * * ? *)", "ScheduleExpressionTimezone": "Europe/Paris",
    }  # fmt: skip
    assert found["my_shop_ingest_score_retrain"] == mine["my_shop_ingest_score_retrain"]
    assert found["other_shop_ingest"] == another
    # What is not scheduled any more is switched off, and is as it was once it is scheduled again.
    assert (found["my_shop_ship"]["State"], found["my_shop_ship"]["Target"]) == (
        "DISABLED",
        mine["my_shop_ship"]["Target"],
    )
    (root / "vigie.toml").write_text(toml)
    export()
    assert read()["my_shop_ship"] == {key: value for key, value in mine["my_shop_ship"].items() if key != "State"}
    path.write_text("[{]")
    done = CliRunner().invoke(program, ["export", "stepfunctions", "-o", str(path.parent), "--project", str(root)])
    assert isinstance(done.exception, SettingsError) and path.read_text() == "[{]"


def test_the_commands_write_files_and_leave_those_of_others_alone(project: Project, tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(program, ["export", *words, "--project", str(project.settings.root), "--env", "prod"])

    assert run("airflow", "-o", str(tmp_path / "dags")).exit_code == 0
    compile((tmp_path / "dags" / "vigie_steps.py").read_text(), "vigie_steps.py", "exec")
    assert run("stepfunctions", "-o", str(tmp_path / "aws")).exit_code == 0
    assert len(list((tmp_path / "aws").glob("*.asl.json"))) == 3
    targets = [one["Target"]["Input"] for one in json.loads((tmp_path / "aws" / "schedules.json").read_text())]
    assert all(json.loads(one)["moment"] == "<aws.scheduler.scheduled-time>" for one in targets)
    assert run("airflow", "-o", str(tmp_path / "dags")).exit_code == 0  # over its own
    (tmp_path / "dags" / "vigie_steps.py").write_text("mine = 1\n")
    refused = run("airflow", "-o", str(tmp_path / "dags"))
    assert isinstance(refused.exception, SettingsError)
    assert (tmp_path / "dags" / "vigie_steps.py").read_text() == "mine = 1\n"


def test_without_a_schedule_there_is_nothing_to_export(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(FILE)
    (tmp_path / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n')
    with pytest.raises(SettingsError, match="nothing is scheduled"):
        airflow_text(Project.open(tmp_path, "", FixedClock(0)))


# -- the rules of the Amazon States Language that its specification gives, as far as what is written uses them ---------------

_ENDS = ("Succeed", "Fail")
_FIELDS = {
    "Task": {"Type", "Comment", "Resource", "Parameters", "ResultPath", "Retry", "Catch", "Next", "End"},
    "Parallel": {"Type", "Comment", "Branches", "ResultPath", "Retry", "Catch", "Next", "End"},
    "Pass": {"Type", "Comment", "Next", "End"},
    "Choice": {"Type", "Comment", "Choices", "Default"},
    "Succeed": {"Type", "Comment"},
    "Fail": {"Type", "Comment", "Error", "Cause"},
}


def problems(machine: dict[str, Any]) -> list[str]:
    """What a state machine breaks."""
    found, states = list[str](), machine["States"]
    if machine["StartAt"] not in states:
        return [f"StartAt: no state {machine['StartAt']}"]
    leads = {name: list(_targets(state)) for name, state in states.items()}
    for name, state in states.items():
        kind = state.get("Type")
        if kind not in _FIELDS:
            found.append(f"{name}: no type {kind}")
            continue
        if len(name) > 80:
            found.append(f"{name}: longer than 80 characters")
        found += [f"{name}: {field} does not belong here" for field in sorted(set(state) - _FIELDS[kind])]
        if kind not in (*_ENDS, "Choice") and ("Next" in state) == (state.get("End") is True):
            found.append(f"{name}: neither Next nor End" if "Next" not in state else f"{name}: both Next and End")
        found += [f"{name}: no state {target}" for target in leads[name] if target not in states]
        for retry in state.get("Retry", ()):
            if retry.get("BackoffRate", 2.0) < 1:
                found.append(f"{name}: BackoffRate")
            for field, least in (("IntervalSeconds", 1), ("MaxAttempts", 0), ("MaxDelaySeconds", 1)):
                if not isinstance(retry.get(field, least), int) or retry.get(field, least) < least:
                    found.append(f"{name}: {field}")
        for rules in (state.get("Retry", ()), state.get("Catch", ())):
            for number, rule in enumerate(rules):
                names = rule["ErrorEquals"]
                if not names or ("States.ALL" in names and (len(names) > 1 or number + 1 < len(rules))):
                    found.append(f"{name}: States.ALL stands alone and last")
        if kind == "Task" and not str(state.get("Resource", "")).startswith("arn:"):
            found.append(f"{name}: Resource is no ARN")
        found += [f"{name}: {field} is no path" for field in _no_paths(state.get("Parameters", {}))]
        if state.get("ResultPath") is not None and not re.fullmatch(r"\$(\.\w+)*", state["ResultPath"]):
            found.append(f"{name}: ResultPath")
        for branch in state.get("Branches", ()):
            found += problems(branch)
    reached, waiting = set[str](), [machine["StartAt"]]
    while waiting:
        one = waiting.pop()
        if one in states and one not in reached:
            reached.add(one)
            waiting += leads[one]
    found += [f"{name}: is never reached" for name in states if name not in reached]
    if not any(state["Type"] in _ENDS or state.get("End") for state in states.values()):
        found.append("nothing ends")
    return found


def _targets(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[field] for field in ("Next", "Default") if field in state)
    for rule in (*state.get("Catch", ()), *state.get("Choices", ())):
        yield rule["Next"]


def _no_paths(content: Any) -> Iterator[str]:
    if isinstance(content, list):
        for one in content:
            yield from _no_paths(one)
    elif isinstance(content, dict):
        for field, value in content.items():
            if field.endswith(".$") and not re.match(r"\$|States\.\w+\(", value):
                yield field
            yield from _no_paths(value)

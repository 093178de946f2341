"""The scheduler on a simulated clock with steps that end as the test wants: once each, tried again, taken over, given up."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.clock import AcceleratedClock, iso, parse_accelerated, parse_moment
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle import steps_scheduler
from vigie.lifecycle.project import Project
from vigie.lifecycle.steps import Piece
from vigie.lifecycle.steps_runs import Run, given_up, late, on_record, put, recent_runs, runs_of, todo
from vigie.lifecycle.steps_schedule import Schedule
from vigie.lifecycle.steps_scheduler import Scheduler

BEGIN = parse_moment("2026-03-02T00:00:30")
MINUTE = 60_000_000
HOUR = 60 * MINUTE
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
"""


@dataclass
class Now:
    moment: int = BEGIN

    def now(self) -> int:
        return self.moment


@dataclass
class Fake:
    """A step that ends when the test says so."""

    piece: Piece
    command: list[str]
    said: str = ""
    code: int | None = None
    asked: bool = False

    def ended(self) -> int | None:
        return self.code

    def stop(self) -> None:
        self.asked = True


@dataclass
class Stage:
    folder: Path
    schedule: str
    clock: Now = field(default_factory=Now)
    begun: list[Fake] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    people_told: list[list[str]] = field(default_factory=list)
    tells: list[Fake] = field(default_factory=list)
    refuses: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "churn.py").write_text(FILE)
        (self.folder / "vigie.toml").write_text(TOML + self.schedule)
        self.ledger = SqliteLedger(self.folder / "ledger.db")

    def scheduler(self) -> Scheduler:
        project = Project.open(self.folder, "", self.clock)

        def begin(piece: Piece, command: list[str]) -> Fake:
            if piece.step == "tell":
                self.people_told.append(command)
                return self.tells.pop(0) if self.tells else Fake(piece, command, code=0)
            if self.refuses:
                self.refuses -= 1
                raise OSError(12, "no memory")
            self.begun.append(Fake(piece, command))
            return self.begun[-1]

        return Scheduler(project, self.ledger, begin, lambda *line: self.told.append(line))

    def names(self) -> list[str]:
        return [one.piece.name for one in self.begun]

    def states(self, step: str, score: str = "") -> list[tuple[str, str]]:
        return [(iso(run.slot)[11:16], run.state) for run in runs_of(self.ledger, Piece(step, score))]

    def pass_(self, scheduler: Scheduler, time: int) -> None:
        self.clock.moment += time
        scheduler.tick()


@pytest.fixture
def hourly(tmp_path: Path) -> Stage:
    return Stage(tmp_path, '[schedule.ingest]\nevery = "1h"\n')


def test_a_slot_runs_once_and_the_schedule_begins_when_it_is_first_seen(hourly: Stage) -> None:
    scheduler = hourly.scheduler()
    scheduler.tick()
    assert hourly.begun == []

    hourly.pass_(scheduler, HOUR)
    hourly.pass_(scheduler, MINUTE)
    assert [one.command for one in hourly.begun] == [["ingest"]]
    hourly.begun[0].code = 0
    hourly.pass_(scheduler, MINUTE)

    assert len(hourly.begun) == 1
    assert hourly.states("ingest") == [("01:00", "done")]
    assert hourly.told[-1][:2] == ("info", "ingest")


def test_what_fails_is_tried_again_later_and_later_and_given_up_aloud(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.ingest]\nevery = "1d"\ntries = 3\nbackoff = "10m"\n')
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, 24 * HOUR)
    for pause in (10 * MINUTE, 20 * MINUTE):
        stage.begun[-1].said, stage.begun[-1].code = "no such file", 1
        stage.pass_(scheduler, 0)
        before = len(stage.begun)
        stage.pass_(scheduler, pause - 1)
        assert len(stage.begun) == before
        stage.pass_(scheduler, 1)
        assert len(stage.begun) == before + 1
    stage.begun[-1].said, stage.begun[-1].code = "no such file", 1
    stage.pass_(scheduler, 0)
    stage.pass_(scheduler, HOUR)

    assert len(stage.begun) == 3
    assert stage.states("ingest") == [("00:00", "given up")]
    assert stage.told[-1][0] == "error"
    assert "given up after 3 tries" in stage.told[-1][2] and "no such file" in stage.told[-1][2]


def test_a_step_that_never_ends_is_stopped_tried_again_and_given_up_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(
        tmp_path,
        '[schedule]\nparallel = 1\n[schedule.ingest]\nevery = "1d"\ntries = 2\nat_most = "10m"\n'
        '[schedule.watch]\nevery = "1d"\n',
    )
    seconds = [0.0]
    monkeypatch.setattr(steps_scheduler, "stopwatch", lambda: seconds[0])
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, 24 * HOUR)
    for _ in range(2):
        seconds[0] += 599.0
        stage.pass_(scheduler, 0)
        assert not stage.begun[-1].asked
        seconds[0] += 2.0
        stage.pass_(scheduler, 0)
        assert stage.begun[-1].asked and stage.names()[-1] == "ingest"
        stage.begun[-1].code = -15
        stage.pass_(scheduler, 0)
        stage.pass_(scheduler, 2 * MINUTE)

    assert stage.names() == ["ingest", "ingest", "watch"]
    assert stage.states("ingest") == [("00:00", "given up")]
    (run,) = runs_of(stage.ledger, Piece("ingest"))
    assert run.said == "took longer than 10m"
    assert stage.people_told == [["schedule", "tell"]]


def test_people_are_told_when_a_step_is_given_up_and_when_it_works_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.watch]\nevery = "1h"\ntries = 2\nbackoff = "1m"\n')
    scheduler = stage.scheduler()
    scheduler.tick()
    after = []
    for code in (0, 1, 1, 1, 1, 0, 0):  # a run, two that are given up, and two more
        stage.pass_(scheduler, HOUR if code == 0 or len(after) % 2 else MINUTE)
        stage.begun[-1].code = code
        stage.pass_(scheduler, 0)
        after.append(len(stage.people_told))

    assert [state for _, state in stage.states("watch")] == ["done", "given up", "given up", "done", "done"]
    assert after == [0, 0, 1, 1, 2, 3, 3]
    assert stage.people_told == [["schedule", "tell"]] * 3
    assert scheduler.idle()


def test_people_are_told_again_until_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, '[schedule.watch]\nevery = "1d"\ntries = 1\n')
    seconds = [0.0]
    monkeypatch.setattr(steps_scheduler, "stopwatch", lambda: seconds[0])
    hangs = Fake(Piece("tell"), [])
    stage.tells = [Fake(Piece("tell"), [], "no route to host", 1), hangs]
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, 24 * HOUR)
    stage.begun[0].code = 1
    after = []
    for pause in (0, 0, 9, 2, 59, 2, 0):
        seconds[0] += pause
        stage.pass_(scheduler, 0)
        after.append(len(stage.people_told))
    assert after == [1, 1, 1, 2, 2, 2, 2]
    assert hangs.asked  # it hung
    assert scheduler.tick() <= steps_scheduler.LOOK
    hangs.code = -15
    stage.pass_(scheduler, 0)
    assert scheduler.idle()  # `--once` leaves it to the next
    for _ in range(3):
        seconds[0] += 21
        stage.pass_(scheduler, 0)
    assert len(stage.people_told) == 3
    said = [words for _, name, words in stage.told if name == "tell"]
    assert ["no route to host" in said[0], "longer than 60 s" in said[1], len(said)] == [True, True, 2]

    again = stage.scheduler()  # it does not know whether the one before came to it
    again.tick()
    assert len(stage.people_told) == 4


def test_a_step_that_the_system_cannot_start_has_failed_and_is_tried_again(hourly: Stage) -> None:
    hourly.refuses = 1
    scheduler = hourly.scheduler()
    scheduler.tick()
    hourly.pass_(scheduler, HOUR)
    assert hourly.states("ingest") == [("01:00", "failed")] and scheduler.failed == ["ingest"]
    assert "cannot be started: no memory" in hourly.told[-1][2]
    hourly.pass_(scheduler, MINUTE)
    hourly.begun[0].code = 0
    hourly.pass_(scheduler, 0)
    assert hourly.states("ingest") == [("01:00", "done")] and scheduler.failed == []


def test_what_always_fails_is_given_up_however_often_it_is_due(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.ingest]\nevery = "1m"\ntries = 3\nbackoff = "90s"\n')
    scheduler = stage.scheduler()
    for _ in range(30):
        stage.pass_(scheduler, MINUTE)
        for step in stage.begun:
            step.code = 1
    given_up = [words for level, _, words in stage.told if level == "error"]

    assert len(given_up) >= 2
    assert all("after 3 tries" in words for words in given_up)


def test_a_run_that_was_cut_off_is_tried_again_at_once_by_the_next_scheduler(hourly: Stage) -> None:
    first = hourly.scheduler()
    first.tick()
    hourly.pass_(first, HOUR)
    again = hourly.scheduler()  # of the same machine: the first one was killed
    hourly.pass_(again, MINUTE)

    assert hourly.names() == ["ingest", "ingest"]
    assert "try 2 of 3" in hourly.told[-1][2]
    hourly.begun[-1].code = 0
    hourly.pass_(again, MINUTE)
    assert hourly.states("ingest") == [("01:00", "done")]


def test_a_run_that_is_cut_off_each_time_is_given_up(hourly: Stage) -> None:
    hourly.scheduler().tick()
    hourly.clock.moment += HOUR
    for _ in range(6):
        hourly.scheduler().tick()
        hourly.clock.moment += MINUTE

    assert len(hourly.begun) == 3
    assert hourly.states("ingest") == [("01:00", "given up")]


@pytest.mark.parametrize(
    ("catch_up", "ran"),
    [("last", ["13:00"]), ("all", [f"{hour:02}:00" for hour in range(1, 14)]), ("none", [])],
)
def test_missed_slots_are_made_up_for_as_the_policy_says(tmp_path: Path, catch_up: str, ran: list[str]) -> None:
    stage = Stage(tmp_path, f'[schedule.watch]\nevery = "1h"\ncatch_up = "{catch_up}"\n')
    stage.scheduler().tick()
    stage.clock.moment += 13 * HOUR + 5 * MINUTE
    scheduler = stage.scheduler()
    for _ in range(40):
        scheduler.tick()
        for step in stage.begun:
            step.code = 0

    assert [slot for slot, state in stage.states("watch") if state == "done"] == ran
    if catch_up == "none":  # not in silence
        assert stage.states("watch") == [("13:00", "skipped")]
        assert [line[0] for line in stage.told] == ["warning"]
    if catch_up == "all":  # each as of its moment
        assert stage.begun[4].command == ["watch", "--as-of", "2026-03-02T05:00:00Z"]
    elif catch_up == "last":
        assert stage.begun[0].command == ["watch"]


def test_of_two_machines_one_runs_a_slot_and_the_other_takes_over_when_it_is_silent(
    hourly: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hourly.scheduler().tick()
    hourly.clock.moment += HOUR
    here = hourly.scheduler()
    monkeypatch.setattr(steps_scheduler, "name_of_holder", lambda _: "there:1")
    there = hourly.scheduler()
    here.tick()
    there.tick()
    assert len(hourly.begun) == 1

    for _ in range(10):  # both live: it stays where it is, however long it takes
        hourly.clock.moment += 20_000_000
        here.tick()
        there.tick()
    assert len(hourly.begun) == 1

    hourly.pass_(there, 2 * MINUTE)  # nothing was heard of the first for longer than its lease
    assert len(hourly.begun) == 2
    here.tick()
    assert hourly.begun[0].asked
    assert not hourly.begun[1].asked
    hourly.begun[0].code = -15
    here.tick()  # what became of it here is nobody's business any more
    assert hourly.states("ingest") == [("01:00", "running")]


def test_a_run_that_another_machine_has_done_is_not_done_again(hourly: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hourly.scheduler().tick()
    here = hourly.scheduler()
    monkeypatch.setattr(steps_scheduler, "name_of_holder", lambda _: "there:1")
    there = hourly.scheduler()
    here.tick()
    there.tick()
    hourly.pass_(here, HOUR)
    hourly.begun[0].code = 0
    hourly.pass_(here, MINUTE)
    hourly.pass_(there, MINUTE)

    assert hourly.names() == ["ingest"]


def test_steps_wait_for_those_before_them_and_scores_do_not_stop_each_other(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, '[schedule]\nparallel = 4\n[schedule.ingest]\nevery = "1h"\n[schedule.score]\nevery = "1h"\n'
    )
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, HOUR)
    assert stage.names() == ["ingest"]
    stage.begun[0].code = 0
    stage.pass_(scheduler, MINUTE)
    assert stage.names() == ["ingest", "score churn", "score win"]
    assert stage.begun[1].command[:4] == ["score", "churn", "--once", "--as-of"]

    stage.begun[1].code, stage.begun[2].code = 1, 0
    stage.pass_(scheduler, 2 * MINUTE)
    stage.pass_(scheduler, 2 * MINUTE)
    assert stage.states("score", "win") == [("01:00", "done")]
    # The same moment, so that a run which had been written is not written again.
    assert [one.command for one in stage.begun if one.piece.score == "churn"] == [stage.begun[1].command] * 2


def test_steps_wait_for_one_that_is_to_be_tried_again_and_not_longer(tmp_path: Path) -> None:
    steps = "".join(f'[schedule.{step}]\nevery = "1d"\n' for step in ("ingest", "score", "watch", "retrain"))
    stage = Stage(tmp_path, f'[schedule]\nparallel = 4\ntries = 2\nbackoff = "10m"\n{steps}')
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, 24 * HOUR)
    stage.begun[0].code = 1
    stage.pass_(scheduler, MINUTE)
    stage.pass_(scheduler, 5 * MINUTE)
    assert stage.names() == ["ingest"]  # nothing is scored on yesterday's data
    assert scheduler.idle()  # `--once` does not wait for the second try
    stage.pass_(scheduler, 10 * MINUTE)
    assert stage.names() == ["ingest", "ingest"]
    stage.begun[1].code = 1  # given up: they go on with what there is
    stage.pass_(scheduler, MINUTE)
    assert stage.names()[2:] == ["score churn", "score win"]

    stage.begun[2].code, stage.begun[3].code = 0, 1
    stage.pass_(scheduler, MINUTE)
    assert len(stage.begun) == 4  # the watch waits for the score that is tried again
    for _ in range(6):
        stage.pass_(scheduler, 10 * MINUTE)
        for step in stage.begun:
            step.code = step.code or 0
    assert stage.names()[4:] == ["score win", "watch", "retrain churn", "retrain win"]


def test_what_is_never_made_up_for_may_wait_for_a_step_before_it(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        '[schedule.ingest]\nevery = "1d"\n[schedule.watch]\nevery = "1h"\ncatch_up = "none"\n',
    )
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, 24 * HOUR - 30_000_000)
    stage.pass_(scheduler, MINUTE)
    stage.pass_(scheduler, MINUTE)
    stage.begun[0].code = 0
    stage.pass_(scheduler, 0)
    assert stage.names() == ["ingest", "watch"]
    stage.pass_(scheduler, 58 * MINUTE + 30_000_000)  # the next slot is noticed while it goes on, and waits too
    stage.begun[1].code = 0
    stage.pass_(scheduler, 5 * MINUTE)
    assert stage.states("watch")[-2:] == [("00:00", "done"), ("01:00", "running")]


def test_after_a_night_without_a_machine_nothing_is_scored_before_what_was_missed_is_taken_in(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, '[schedule]\nparallel = 4\n[schedule.ingest]\nevery = "1h"\n[schedule.score]\nevery = "1h"\n'
    )
    stage.scheduler().tick()
    stage.clock.moment += 9 * HOUR
    scheduler = stage.scheduler()
    for code in (None, 1, None, None):  # it goes on, fails, and is tried again
        stage.pass_(scheduler, MINUTE)
        stage.begun[-1].code = code
        assert set(stage.names()) == {"ingest"}
    stage.begun[-1].code = 0
    stage.pass_(scheduler, MINUTE)
    assert stage.names() == ["ingest", "ingest", "score churn", "score win"]


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_step_that_is_always_under_way_holds_nothing_back_for_ever(tmp_path: Path, parallel: int) -> None:
    steps = "".join(
        f'[schedule.{step}]\nevery = "{n}m"\n' for step, n in [("ingest", 1), ("ship", 1), ("score", 2), ("watch", 3)]
    )
    stage = Stage(tmp_path, f"[schedule]\nparallel = {parallel}\n{steps}")
    scheduler = stage.scheduler()
    scheduler.tick()
    for _ in range(60):  # each run takes five minutes
        stage.pass_(scheduler, 5 * MINUTE)
        for step in stage.begun:
            step.code = 0

    counts = {name: stage.names().count(name) for name in ("ingest", "ship", "score churn", "score win", "watch")}
    assert min(counts.values()) >= 10, counts


def test_a_score_that_is_added_later_has_no_past_to_make_up_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.score]\nevery = "1h"\ncatch_up = "all"\n')
    one = FILE.replace('win = Score("win", **shared)\n', "")
    (tmp_path / "churn.py").write_text(one)
    scheduler = stage.scheduler()
    scheduler.tick()
    for _ in range(5):
        stage.pass_(scheduler, HOUR)
        stage.begun[-1].code = 0
        stage.pass_(scheduler, 0)

    (tmp_path / "churn.py").write_text(FILE)
    scheduler = stage.scheduler()
    stage.pass_(scheduler, MINUTE)
    assert stage.names() == ["score churn"] * 5
    stage.pass_(scheduler, HOUR)
    assert stage.names()[5:] == ["score churn", "score win"]
    assert stage.states("score", "win") == [("06:00", "running")]


def test_a_schedule_that_is_changed_is_followed_and_one_that_cannot_be_meant_is_told_of_once(hourly: Stage) -> None:
    settings = hourly.folder / "vigie.toml"
    scheduler = hourly.scheduler()
    scheduler.tick()
    hourly.pass_(scheduler, HOUR)
    hourly.begun[0].code = 0
    elsewhere = TOML.replace("[sources", 'state = "elsewhere"\n[sources') + hourly.schedule
    for wrong in (TOML + '[schedule.ingest]\nevery = "soon"\n', TOML + "[schedule", elsewhere):
        settings.write_text(wrong)
        hourly.pass_(scheduler, MINUTE)
        hourly.pass_(scheduler, MINUTE)
    assert [line[:2] for line in hourly.told if line[0] == "error"] == [("error", "schedule")] * 3
    assert "start `vigie up`" in hourly.told[-1][2]
    hourly.pass_(scheduler, HOUR)
    assert hourly.names() == ["ingest", "ingest"]

    settings.write_text(TOML + '[schedule]\nparallel = 3\n[schedule.score]\nevery = "30m"\n')
    (hourly.folder / "churn.py").write_text(FILE + 'third = Score("third", **shared)\n')
    hourly.pass_(scheduler, MINUTE)
    assert hourly.told[-1] == ("info", "schedule", "the project's files were changed; scheduled: score every 30m")
    assert scheduler.going == 1  # what goes on goes on
    hourly.begun[1].code = 0
    hourly.pass_(scheduler, 30 * MINUTE)
    assert hourly.states("ingest") == [("01:00", "done"), ("02:00", "done")]
    assert hourly.names()[2:] == ["score churn", "score win", "score third"]


def test_what_has_run_since_before_each_score_had_a_beginning_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.score]\nevery = "1h"\ncatch_up = "all"\n')
    stage.ledger.put_facts("schedule seen", 0, {"score": {"since": BEGIN - 9 * HOUR}})
    put(stage.ledger, Piece("score", "churn"), [Run(BEGIN - BEGIN % HOUR - HOUR, "done")], BEGIN)
    stage.scheduler().tick()
    assert stage.names() == ["score churn"] and stage.states("score", "churn")[-1] == ("00:00", "running")


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 72), st.sampled_from(["done", "given up", "skipped"])), max_size=40),
    st.sampled_from(["", "failed", "running"]),
    st.integers(0, 40 * 24),
)
def test_the_recent_runs_say_all_that_matters(ended: list[tuple[int, str]], last: str, ago: int) -> None:
    runs, slot = list[Run](), BEGIN - BEGIN % HOUR
    for hours, state in [*ended, *([(1, last)] if last else [])]:
        slot += hours * HOUR
        runs.append(Run(slot, state, 1, slot, slot))
    schedule, piece, now = Schedule("ingest", every=HOUR), Piece("ingest"), slot + HOUR // 2
    with tempfile.TemporaryDirectory() as folder, closing(SqliteLedger(Path(folder) / "ledger.db")) as ledger:
        put(ledger, piece, runs, now)
        recent = recent_runs(ledger, piece, now)
        earlier = now - ago * HOUR
        then = [run for run in recent_runs(ledger, piece, earlier) if run.began <= earlier]
        assert all(on_record(ledger, piece, run) for run in runs)
        assert not runs or not on_record(ledger, piece, replace(runs[-1], tries=2))

    assert recent == runs[len(runs) - len(recent) :] and recent[-1:] == runs[-1:]
    assert given_up(recent) == given_up(runs)
    assert given_up(then) == given_up([run for run in runs if run.began <= earlier])
    for moment in (now, now + HOUR):
        assert todo(piece, schedule, recent, BEGIN, moment, frozenset()) == todo(
            piece, schedule, runs, BEGIN, moment, frozenset()
        )


def test_of_a_long_record_little_is_read(tmp_path: Path) -> None:
    begin, piece = BEGIN - BEGIN % HOUR, Piece("ingest")
    runs = [Run(begin + n * HOUR, "done", 1, began=begin + n * HOUR) for n in range(90 * 24)]
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        put(ledger, piece, runs, BEGIN)
        assert recent_runs(ledger, piece, runs[-1].slot) == runs[-25:]


def test_what_is_late_is_said() -> None:
    schedule, slot = Schedule("ingest", every=HOUR, at_most=2 * HOUR), BEGIN - BEGIN % HOUR
    done, failed = Run(slot, "done"), Run(slot, "failed", next=slot + MINUTE)
    running = Run(slot, "running", began=slot)
    assert late(schedule, [], 0, slot + 9 * HOUR) == ""  # nobody ever saw it
    assert late(schedule, [], slot, slot + HOUR + MINUTE - 1) == late(schedule, [done], 0, slot + HOUR) == ""
    assert late(schedule, [done], slot, slot + 3 * HOUR) == "due since 2026-03-02T01:00"
    assert late(schedule, [done], slot, slot + HOUR + 30 * MINUTE, 60) == ""  # a minute of the machine has not passed
    assert late(schedule, [failed], slot, slot + HOUR) == "next try due since 2026-03-02T00:01"
    assert late(schedule, [running], slot, slot + 2 * HOUR) == ""
    assert late(schedule, [running], slot, slot + 3 * HOUR) == "running since 2026-03-02T00:00"


def test_no_more_run_at_once_than_may(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule]\nparallel = 1\n[schedule.score]\nevery = "1h"\n')
    scheduler = stage.scheduler()
    scheduler.tick()
    stage.pass_(scheduler, HOUR)
    assert (stage.names(), scheduler.going) == (["score churn"], 1)
    stage.begun[0].code = 0
    stage.pass_(scheduler, MINUTE)
    assert stage.names() == ["score churn", "score win"]


def test_a_ledger_that_cannot_be_used_is_told_of_once_and_asked_again(
    hourly: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = hourly.scheduler()
    scheduler.tick()
    with monkeypatch.context() as broken:
        broken.setattr(
            hourly.ledger, "_execute", lambda *_: (_ for _ in ()).throw(hourly.ledger.failed(OSError("gone")))
        )
        hourly.pass_(scheduler, HOUR)
        hourly.pass_(scheduler, MINUTE)
    assert [line[:2] for line in hourly.told] == [("error", "ledger")]
    hourly.pass_(scheduler, MINUTE)

    assert hourly.names() == ["ingest"]


def test_stopping_asks_what_goes_on_and_leaves_it_to_the_next(hourly: Stage) -> None:
    scheduler = hourly.scheduler()
    scheduler.tick()
    hourly.pass_(scheduler, HOUR)
    scheduler.stop()
    assert hourly.begun[0].asked and not scheduler.ended()
    hourly.begun[0].code = -15
    assert scheduler.ended()

    assert hourly.states("ingest") == [("01:00", "running")]
    hourly.pass_(hourly.scheduler(), MINUTE)
    assert hourly.names() == ["ingest", "ingest"]


def test_runs_of_long_ago_are_forgotten_but_the_last(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.ingest]\nevery = "30d"\n')
    scheduler = stage.scheduler()
    scheduler.tick()
    for _ in range(12):
        stage.pass_(scheduler, 30 * 24 * HOUR)
        stage.begun[-1].code = 0
        stage.pass_(scheduler, 1)

    assert len(stage.begun) == 12
    assert 3 <= len(stage.states("ingest")) <= 5


def test_on_a_faster_clock_pauses_are_shorter_and_steps_find_it_in_the_state_folder(tmp_path: Path) -> None:
    stage = Stage(tmp_path, '[schedule.ingest]\nevery = "1h"\n[schedule.watch]\nevery = "1d"\n')
    clock = AcceleratedClock(parse_moment("2011-03-01"), 3_600, BEGIN, stage.clock)
    project = Project.open(tmp_path, "", clock)
    begun: list[Fake] = []

    def begin(piece: Piece, command: list[str]) -> Fake:
        begun.append(Fake(piece, command, code=0))
        return begun[-1]

    scheduler = Scheduler(project, stage.ledger, begin, lambda *line: stage.told.append(line))
    assert scheduler.tick() == pytest.approx(1.0)
    for _ in range(60):
        stage.clock.moment += 500_000  # half a second is half an hour
        scheduler.tick()

    assert begun[0].command == ["ingest"]
    assert len([one for one in begun if one.piece.step == "ingest"]) in (29, 30)
    assert ["watch"] in [one.command for one in begun]


def test_a_faster_clock_is_the_same_in_every_process_that_reads_its_text() -> None:
    real = Now(BEGIN + 90_000_000)
    clock = AcceleratedClock(parse_moment("2011-03-01"), 2.5, BEGIN, real)
    again = parse_accelerated(clock.text)

    assert AcceleratedClock(again.start, again.rate, again.anchor, real) == clock
    assert clock.now() == parse_moment("2011-03-01") + 225_000_000
    for wrong in ("2011-03-01@2026-11-22*0", "2011-03-01@2026-11-22", "soon@2026-11-22*2"):
        with pytest.raises(ValueError):
            parse_accelerated(wrong)


@given(st.lists(st.tuples(st.integers(1, 200), st.sampled_from(["end", "fail", "kill", "live", "wait"])), max_size=40))
def test_whatever_happens_a_slot_is_never_done_twice_and_no_run_is_lost(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, str]]
) -> None:
    stage = Stage(tmp_path_factory.mktemp("story"), '[schedule.ingest]\nevery = "1h"\n')
    scheduler, done = stage.scheduler(), list[str]()
    scheduler.tick()
    for minutes, what in story:
        for step in stage.begun[-1:]:
            if step.code is None and what in ("end", "fail"):
                step.code = 0 if what == "end" else 1
        if what == "kill":
            for step in stage.begun[-1:]:
                step.code = -9 if step.code is None else step.code
            scheduler = stage.scheduler()
        stage.pass_(scheduler, minutes * MINUTE)
        states = stage.states("ingest")
        assert sum(state in ("running", "failed") for _, state in states) <= 1
        done = [f"{slot}" for slot, state in states if state == "done"]
    runs = runs_of(stage.ledger, Piece("ingest"))
    assert len(done) <= sum(one.code == 0 for one in stage.begun)
    assert [run.slot for run in runs] == sorted({run.slot for run in runs})
    assert sum(run.tries for run in runs if run.state != "skipped") <= len(stage.begun)
    # Left alone it comes to rest, with the last slot run.
    for _ in range(8):
        for step in stage.begun[-1:]:
            step.code = 0 if step.code is None else step.code
        stage.pass_(scheduler, HOUR)
    assert runs_of(stage.ledger, Piece("ingest"))[-1].slot >= stage.clock.moment - HOUR
